"""What several rooms must agree on, and no compiler checks."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from api.settings import Settings as ApiSettings
from cli.parts import ROOT, dagster_parts
from cli.settings import Settings
from orchestration.settings import Settings as OrchestrationSettings

_ROOMS = ("api", "bench", "cli", "db", "orchestration", "simulation")


def _sources(*suffixes: str) -> list[Path]:
    return [path for room in _ROOMS for path in (ROOT / room).rglob("*") if path.suffix in suffixes]


def test_each_advisory_lock_belongs_to_one_file() -> None:
    files = defaultdict(set)
    for path in _sources(".py", ".sql"):
        for key in re.findall(r"\b7_?27\d_?\d{3}\b", path.read_text("utf-8")):
            files[int(key.replace("_", ""))].add(path.relative_to(ROOT))
    assert len(files) >= 3
    shared = {key: found for key, found in files.items() if len(found) > 1}
    assert shared == {}


def test_no_container_has_a_default_password() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    compose = yaml.safe_load(text)
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert value.startswith("${" + variable + ":?"), (name, variable)
    assert re.findall(r"\$\{\w*PASSWORD:?-", text) == []


def test_dagster_is_published_on_loopback_only() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert set(published) == {"api", "webserver"}
    assert all(port.startswith("127.0.0.1:") for port in published["webserver"])


def test_no_container_runs_as_root() -> None:
    lines = (ROOT / "images" / "Dockerfile").read_text("utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users == ["parstock"]


def test_the_containers_run_what_the_supervisor_runs() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    services = {"dagster": "webserver"}
    for part in dagster_parts(Settings.model_construct(dagster_port=3000), code_port=4000):
        command = " ".join(compose["services"][services.get(part.name, part.name)]["command"])
        program = next(
            word for word in (Path(word).name for word in part.command) if "python" not in word
        )
        assert program.removeprefix("-") in command


def _default(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return f"`{value:d}`"
        case float() if value.is_integer():
            return f"`{value:.0f}`"
        case _:
            return f"`{value}`"


def _tuned(model: type[BaseModel], prefix: str = "PARSTOCK_") -> Iterator[tuple[str, str]]:
    """Every variable that a settings class reads, those of nested ones too, with its default."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _tuned(kind, f"{prefix}{name.upper()}__")
        else:
            alias = field.validation_alias or field.alias
            yield str(alias or prefix + name.upper()), _default(field.default)


def test_the_operations_page_lists_every_setting() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    basic = {str(field.validation_alias) for field in Settings.model_fields.values()}
    assert basic <= set(told)
    tuned = {**dict(_tuned(ApiSettings)), **dict(_tuned(OrchestrationSettings))}
    assert {name: told.get(name) for name in tuned if name not in basic} == {
        name: default for name, default in tuned.items() if name not in basic
    }
    settings = {name for name in told if name.startswith(("PARSTOCK_", "SLACK_"))}
    assert settings <= basic | set(tuned)


def test_the_operations_page_tells_what_every_metric_means() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    source = (ROOT / "api" / "metrics.py").read_text("utf-8")
    made = set(re.findall(r'"(parstock_\w+)"', source))
    told = {name.removesuffix("_total") for name in re.findall(r"^\| `(parstock_\w+)`", page, re.M)}
    assert made
    assert made == told


def test_every_verb_of_the_makefile_has_one_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in shown.splitlines()] == phony.split()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-uv.lock"])
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    for requirement in re.findall(r"^[a-z][^\n]*", text, re.MULTILINE):
        assert "==" in requirement
        assert requirement.endswith("\\")
