"""One throw-away PostgreSQL a test run; each test that needs a database gets its own clone."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
import psutil
import psycopg
import pytest

from db.embedded import EmbeddedPostgres, embedded_postgres
from db.migrate import migrate

_TESTS = Path(__file__).parent
# What promises a time: `make test` runs it last and one at a time (tests/__main__.py). Files and
# folders below tests/.
_ALONE = (
    "end_to_end/test_road.py",
    "integration/test_migrations_from_the_first.py",
)

# A slow machine is not a wrong answer, and what is asked is the same each time: only with
# `--hypothesis-seed` does a run look elsewhere, as `make chaos` does.
_PATIENT: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("the same each time", derandomize=True, **_PATIENT)
hypothesis.settings.register_profile("by the seed", **_PATIENT)

# Tests of durability start a cluster of their own with fsync on.
_FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "max_connections": "200"}
_TEMPLATE = "parstock_template"
_numbers = itertools.count(1)
_SUITE = {"is spread over workers": False}
_HANDLERS: dict[signal.Signals, Any] = {}

SHARED_DATA = Path(
    os.environ.get("PARSTOCK_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--only`, by which `make test` makes two passes; without it everything runs in one."""
    parser.addoption(
        "--only",
        choices=("shared", "alone"),
        help="only what can share the machine, or only what needs it for itself",
    )


def pytest_configure(config: pytest.Config) -> None:
    """A suite that is terminated stops what it started, as one that is interrupted does."""
    seed = config.getoption("--hypothesis-seed")
    hypothesis.settings.load_profile("the same each time" if seed is None else "by the seed")
    is_worker = hasattr(config, "workerinput")
    _SUITE["is spread over workers"] = not is_worker and bool(
        getattr(config.option, "numprocesses", None)
    )
    _HANDLERS[signal.SIGINT] = signal.getsignal(signal.SIGINT)
    _HANDLERS[signal.SIGTERM] = _interrupt
    _restore_handlers()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Dagster, executing in this process, leaves signals to be ignored: so would be the programs
    that a later test starts.
    """
    _restore_handlers()


def pytest_keyboard_interrupt() -> None:
    """A worker that is told so stops what it started; left alone it would be killed in a while."""
    if _SUITE["is spread over workers"]:
        for worker in psutil.Process().children():
            worker.terminate()


def _restore_handlers() -> None:
    for number, handler in _HANDLERS.items():
        signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files of the other pass are not even imported."""
    if collection_path.is_file() and _is_of_the_other_pass(collection_path, config):
        return True
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files of the other pass are left out also where they are named on the command line."""
    kept = [item for item in items if not _is_of_the_other_pass(item.path, config)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _is_of_the_other_pass(path: Path, config: pytest.Config) -> bool:
    only: str | None = config.getoption("only")
    if only is None:
        return False
    is_alone = any(path.is_relative_to(_TESTS / part) for part in _ALONE)
    return is_alone != (only == "alone")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running cluster, wiped afterwards."""
    home = Path(tempfile.mkdtemp(prefix="parstock-tests-"))
    home.chmod(0o755)
    cluster = embedded_postgres(home)
    cluster.start(settings=_FAST_AND_FORGETFUL)
    try:
        _let_in_quickly(cluster)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def _let_in_quickly(cluster: EmbeddedPostgres) -> None:
    """Prove the password in one round and not in 4,096: tests connect many thousand times."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        if connection.info.server_version >= 160_000:
            connection.execute("set scram_iterations = 1")
            connection.execute(
                psycopg.sql.SQL("alter role current_user password {}").format(cluster.password)
            )


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated, empty database to clone."""
    postgres.create_database(_TEMPLATE)
    migrate(postgres.url(_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of an empty, migrated database of this test's own."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name, template=template)
    yield postgres.url(name)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database {} with (force)").format(psycopg.sql.Identifier(name))
        )


def shared_data(name: str) -> Path:
    """A file of the real data beside the project; the test is left out where it is absent."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"left out: {name} is not in {SHARED_DATA}")
    return path
