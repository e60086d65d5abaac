"""The dbt project: where it is, what it consists of, and how it reaches the database."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dbt.artifacts.schemas.run import RunExecutionResult, RunResult
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest
from psycopg.conninfo import conninfo_to_dict

PROJECT_DIR = Path(__file__).parents[3] / "dbt_project"

_QUIET = ("--log-level", "warn", "--log-level-file", "none", "--no-use-colors")
_WITHOUT_A_DATABASE = {"DBT_DATABASE": "parstock"}


class DbtError(Exception):
    """dbt refused the project, or a model did not build; the message is dbt's own."""


def read_manifest() -> Mapping[str, Any]:
    """What the project consists of. Parsed when it changed since the last time; no database."""
    path = PROJECT_DIR / "target" / "manifest.json"
    path.parent.mkdir(exist_ok=True)
    with _alone(path.with_name("manifest.lock")):
        if not path.exists() or path.stat().st_mtime < _last_change():
            with _environment(_WITHOUT_A_DATABASE):
                _invoke(dbtRunner(), ["parse", "--target-path", str(path.parent)])
        manifest: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    return manifest


class DbtProject:
    """The project against one database, warm: parsed once for all the runs of this process."""

    def __init__(self, database_url: str) -> None:
        self._environment = connection_environment(database_url)
        self._manifest: Manifest | None = None
        self._parsed_at = 0.0

    def invoke(
        self, arguments: list[str], *, variables: Mapping[str, object]
    ) -> Sequence[RunResult]:
        """Run one dbt command; DbtError when it could not even begin."""
        arguments = [*arguments, "--vars", json.dumps(variables), "--no-write-json"]
        with _environment(self._environment):
            answer = _invoke(dbtRunner(manifest=self._parsed()), _paths(arguments))
        if not isinstance(answer.result, RunExecutionResult):
            raise DbtError(f"dbt {arguments[0]} had no result.")
        return answer.result.results

    def _parsed(self) -> Manifest:
        last_change = _last_change()
        if self._manifest is None or self._parsed_at < last_change:
            answer = _invoke(dbtRunner(), _paths(["parse", "--no-partial-parse"]))
            if not isinstance(answer.result, Manifest):
                raise DbtError("dbt parse had no result.")
            self._manifest, self._parsed_at = answer.result, last_change
        return self._manifest


@cache
def dbt_project(database_url: str) -> DbtProject:
    """The warm project of this process for one database."""
    return DbtProject(database_url)


def connection_environment(database_url: str) -> dict[str, str]:
    """What profiles.yml reads, from one address; its query parameters (sslmode) included."""
    parts = {name: str(value) for name, value in conninfo_to_dict(database_url).items()}
    named = {
        "DBT_HOST": parts.get("host", "localhost"),
        "DBT_PORT": parts.get("port", "5432"),
        "DBT_USER": parts.get("user", "postgres"),
        "DBT_ENV_SECRET_PASSWORD": parts.get("password", ""),
        "DBT_DATABASE": parts.get("dbname", parts.get("user", "postgres")),
    }
    for name in ("sslmode", "sslrootcert", "sslcert", "sslkey"):
        if name in parts:
            named[f"DBT_{name.upper()}"] = parts[name]
    return named


def _invoke(runner: dbtRunner, arguments: list[str]) -> dbtRunnerResult:
    project = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    answer = runner.invoke([*arguments, *project, *_QUIET, "--no-send-anonymous-usage-stats"])
    if answer.exception is not None:
        raise DbtError(str(answer.exception)) from answer.exception
    return answer


def _paths(arguments: list[str]) -> list[str]:
    return [*arguments, "--target-path", _scratch().name]


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    """Compiled SQL of this process, gone with it; two processes would overwrite each other's."""
    return tempfile.TemporaryDirectory(prefix="parstock-dbt-")


def _last_change() -> float:
    files = [PROJECT_DIR / "dbt_project.yml", PROJECT_DIR / "profiles.yml"]
    for folder in ("models", "macros", "tests"):
        files += (PROJECT_DIR / folder).rglob("*.*")
    return max(file.stat().st_mtime for file in files)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """dbt reads its profile from the environment of the process."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time parses; the next finds what it wrote."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
