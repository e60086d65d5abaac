"""The containers and the program agree: services, commands, ports, variables, volumes, health."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from api.settings import Settings as ApiSettings
from cli.main import _VERBS as VERBS
from cli.parts import ROOT, api_part, dagster_parts
from cli.settings import Settings as CliSettings
from orchestration.settings import Settings as OrchestrationSettings
from orchestration.settings import dagster_storage_url

_PASSWORD = "${POSTGRES_PASSWORD}"
_CODE_PORT = 4000
_LONG = {"-m": "--module-name", "-w": "--workspace", "-h": "--host", "-p": "--port"}
_CALLED = {"dagster": "webserver"}
_RUN_ONCE = {"migrate", "seed", "backup"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    found: dict[str, Any] = compose["services"]
    return found


def _ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if name != "postgres"}


def _variables(model: type[BaseModel], prefix: str = "PARSTOCK_") -> set[str]:
    """Every variable that a settings class reads, those of nested ones too."""
    found = set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        kinds = (field.annotation, *get_args(field.annotation))
        groups = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for group in groups:
            found |= _variables(group, f"{prefix}{name.upper()}__")
        if not groups:
            found.add(str(alias) if alias else prefix + name.upper())
    return found


def _read_by_dagster() -> set[str]:
    files = (ROOT / "workspace.yaml", ROOT / "orchestration" / "dagster.yaml")
    return {name for file in files for name in re.findall(r"env: (\w+)", file.read_text("utf-8"))}


def _options(command: list[str]) -> list[str]:
    """The words of a command without what may differ: the interpreter, and where it listens."""
    words = [part for word in command for part in (word.split("=") if "--" in word else [word])]
    if Path(words[0]).name.startswith("python") and words[1] == "-m":
        words = words[2:]
    kept = [Path(word).name if "/" in word else word for word in words]
    return sorted(_LONG.get(word, word) for word in kept if not re.fullmatch(r"[\d.]+", word))


def test_every_part_of_the_program_is_a_service(services: dict[str, Any]) -> None:
    settings = CliSettings.model_construct(api_host="127.0.0.1", api_port=8000, dagster_port=3000)
    parts = [api_part(settings), *dagster_parts(settings, code_port=_CODE_PORT)]
    for part in parts:
        service = services[_CALLED.get(part.name, part.name)]
        assert _options(service["command"]) == _options(list(part.command)), part.name
    parts_named = {_CALLED.get(part.name, part.name) for part in parts}
    assert set(services) == parts_named | _RUN_ONCE | {"postgres"}
    for name in _RUN_ONCE:
        assert services[name]["command"][:2] == ["parstock", name]
        assert name in VERBS


def test_every_variable_is_one_that_somebody_reads(services: dict[str, Any]) -> None:
    known = _variables(ApiSettings) | _variables(OrchestrationSettings) | _read_by_dagster()
    known |= {str(field.validation_alias) for field in CliSettings.model_fields.values()}
    for name, service in _ours(services).items():
        assert set(service["environment"]) <= known, name
        assert _read_by_dagster() <= set(service["environment"]), name


def test_dagster_finds_its_tables_where_the_supervisor_puts_them(services: dict[str, Any]) -> None:
    for service in _ours(services).values():
        given = service["environment"]
        address = re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", "secret", given["DATABASE_URL"])
        told = given["PARSTOCK_DAGSTER_POSTGRES_URL"].replace(_PASSWORD, "secret")
        assert told == dagster_storage_url(address)


def test_ports_are_those_of_the_settings(services: dict[str, Any]) -> None:
    defaults = {
        str(field.validation_alias): field.default for field in CliSettings.model_fields.values()
    }
    for name, variable in (("api", "PARSTOCK_API_PORT"), ("webserver", "PARSTOCK_DAGSTER_PORT")):
        port = defaults[variable]
        [published] = services[name]["ports"]
        assert published.endswith(f":${{{variable}:-{port}}}:{port}")
        assert f"--port={port}" in services[name]["command"]
        assert f":{port}/" in services[name]["healthcheck"]["test"][-1]
    code = services["code"]
    assert code["environment"]["PARSTOCK_CODE_PORT"] == str(_CODE_PORT)
    assert code["environment"]["PARSTOCK_CODE_HOST"] == "code"
    assert f"--port={_CODE_PORT}" in code["healthcheck"]["test"]


def test_every_service_that_stays_says_how_it_is(services: dict[str, Any]) -> None:
    stays = {name for name, service in services.items() if service["restart"] != "no"}
    without = {name for name in stays if "healthcheck" not in services[name]}
    assert without == {"worker"}  # it ends when it cannot serve


def test_nothing_starts_before_the_schema_is_there(services: dict[str, Any]) -> None:
    for name, service in _ours(services).items():
        if service["restart"] != "no":
            migrate = service["depends_on"]["migrate"]
            assert migrate == {"condition": "service_completed_successfully"}, name
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_database_is_one_that_parstock_is_tried_on(services: dict[str, Any]) -> None:
    assert 16 <= int(services["postgres"]["image"].removeprefix("postgres:")) <= 18


def test_a_volume_is_named_and_belongs_to_the_user_of_the_image(services: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    dockerfile = (ROOT / "images" / "Dockerfile").read_text("utf-8")
    mounted = set()
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            mounted.add(source)
            assert name == "postgres" or f" {target}" in dockerfile, (name, target)
    assert mounted == set(compose["volumes"])


def test_docker_compose_understands_the_file() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("left out: there is no `docker compose` here")
    done = subprocess.run(
        [docker, "compose", "--file", str(ROOT / "docker-compose.yml"), "config", "--quiet"],
        env={"PATH": "/usr/bin:/bin", "POSTGRES_PASSWORD": "a", "PARSTOCK_ADMIN_PASSWORD": "b"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
