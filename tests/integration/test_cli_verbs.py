"""What a person types: each verb answers, or says in a sentence why it does not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bench.program import free_port
from cli.database import installed_schemas, queries
from cli.parts import ROOT
from db.connect import API_ROLE, connect
from db.embedded import EmbeddedPostgres


@contextmanager
def _taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


class Terminal:
    """Runs `parstock` as a person does, in an environment of its own."""

    def __init__(self, home: Path) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PARSTOCK_", "SLACK_", "DATABASE_URL"))
        } | {
            "PARSTOCK_HOME": str(home),
            "PARSTOCK_DEMO": "0",
            "PARSTOCK_API_PORT": str(free_port()),
            "PARSTOCK_DAGSTER_PORT": str(free_port()),
        }

    def run(self, *arguments: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=ROOT,
            timeout=120,
            check=False,
        )

    def refusal(self, *arguments: str, exit_code: int) -> str:
        """The one sentence of a verb that does not do it."""
        done = self.run(*arguments)
        assert done.returncode == exit_code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.strip()


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


@pytest.fixture
def on_server(terminal: Terminal, database_url: str) -> Terminal:
    terminal.environment["DATABASE_URL"] = database_url
    return terminal


def test_help_names_every_verb_and_imports_none_of_them() -> None:
    heavy = "{'asyncpg', 'dagster', 'duckdb', 'fastapi', 'numpy', 'psycopg', 'pydantic'}"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from cli.main import main\n"
            "main(['--help'], standalone_mode=False)\n"
            f"print('imported:', sorted({heavy} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "imported: []"
    for verb in ("up", "start", "stop", "status", "logs", "import", "backup", "restore", "reset"):
        assert f"\n  {verb} " in done.stdout


@pytest.mark.parametrize(
    "verb", ["up", "start", "stop", "status", "logs", "migrate", "seed", "import", "keys", "reset"]
)
def test_every_verb_has_help(terminal: Terminal, verb: str) -> None:
    done = terminal.run(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"{verb} [OPTIONS]" in done.stdout


def test_a_malformed_setting_ends_a_verb_with_a_sentence(terminal: Terminal) -> None:
    terminal.environment["PARSTOCK_SIMULATE"] = "often"
    assert terminal.refusal("up", exit_code=2) == (
        "PARSTOCK_SIMULATE must be a number of events a minute, 0 (off) to 60000; it is 'often'."
    )


def test_a_database_that_does_not_answer_is_named_without_its_password(terminal: Terminal) -> None:
    port = free_port()
    terminal.environment["DATABASE_URL"] = f"postgresql://me:secret@127.0.0.1:{port}/shop"
    said = terminal.refusal("up", exit_code=2)
    assert said.startswith(f"DATABASE_URL: the database at 127.0.0.1:{port}/shop does not answer")
    assert "secret" not in said


@pytest.mark.parametrize("name", ["PARSTOCK_API_PORT", "PARSTOCK_DAGSTER_PORT"])
def test_a_taken_port_is_named_with_the_setting_that_moves_it(
    on_server: Terminal, name: str
) -> None:
    with _taken_port() as port:
        on_server.environment[name] = str(port)
        said = on_server.refusal("up", exit_code=2)
    assert said.startswith(f"Port {port} on 127.0.0.1 is taken by another program: set {name} to")


def test_a_home_that_cannot_be_made_is_named(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    terminal.environment["PARSTOCK_HOME"] = str(tmp_path / "file" / "home")
    assert "PARSTOCK_HOME" in terminal.refusal("up", exit_code=2)


def test_a_second_supervisor_of_a_database_says_which_is_the_first(
    on_server: Terminal, database_url: str
) -> None:
    with connect(database_url, autocommit=True) as first:
        first.execute(queries.try_supervisor_lock.text.encode())
        first.execute(
            queries.record_supervisor.text.encode(),
            {"process_id": 4711, "host": "till-server", "home": "/srv/parstock"},
        )
        said = on_server.refusal("up", exit_code=1)
        assert said == (
            "Another supervisor (process 4711 on till-server, home /srv/parstock) already runs "
            "Parstock on this database."
        )
        assert "stop it first" in on_server.refusal("reset", "--yes", exit_code=1)
        kept = first.execute(queries.other_supervisor.text.encode()).fetchone()
        assert kept == (4711, "till-server", "/srv/parstock")


def test_a_key_stands_alone_on_the_last_line_and_is_kept_as_a_hash_only(
    on_server: Terminal, database_url: str
) -> None:
    done = on_server.run("keys", "create", "--name", "till-1")
    assert done.returncode == 0, done.stderr
    key = done.stdout.splitlines()[-1]
    assert key.startswith("parstock_")
    with connect(database_url, role=API_ROLE) as connection:
        rows = connection.execute("select name, device_keys::text from identity.device_keys")
        [(name, row)] = rows.fetchall()
    assert name == "till-1"
    assert key not in row
    assert "till-1" in on_server.refusal("keys", "create", "--name", "till-1", exit_code=1)


def test_migrating_makes_the_first_user_and_shows_its_password_once(
    terminal: Terminal, postgres: EmbeddedPostgres
) -> None:
    postgres.create_database("verbs")
    terminal.environment["DATABASE_URL"] = postgres.url("verbs")
    try:
        first = terminal.run("migrate")
        again = terminal.run("migrate")
        assert first.returncode == again.returncode == 0
        assert "Sign in as admin, password " in first.stdout
        assert "password" not in again.stdout
        assert "Nothing to apply." in again.stdout
    finally:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database verbs with (force)")


def test_reset_asks_and_takes_no_for_an_answer(on_server: Terminal, database_url: str) -> None:
    before = installed_schemas(database_url)
    assert "ledger" in before
    done = on_server.run("reset", typed="n\n")
    assert done.returncode == 1
    assert installed_schemas(database_url) == before


def test_reset_drops_our_schemas_and_no_other(on_server: Terminal, database_url: str) -> None:
    with connect(database_url, autocommit=True) as connection:
        connection.execute("create schema theirs")
        connection.execute("create table theirs.kept (n integer)")
    assert on_server.run("reset", typed="y\n").returncode == 0
    assert installed_schemas(database_url) == []
    with connect(database_url, autocommit=True) as connection:
        assert connection.execute("select count(*) from theirs.kept").fetchone() == (0,)
    assert on_server.run("migrate").returncode == 0


def test_reset_leaves_a_database_that_never_was_ours(
    on_server: Terminal, postgres: EmbeddedPostgres
) -> None:
    postgres.create_database("strangers")
    try:
        with psycopg.connect(postgres.url("strangers"), autocommit=True) as connection:
            connection.execute("create schema marts")
        on_server.environment["DATABASE_URL"] = postgres.url("strangers")
        on_server.run("reset", "--yes")
        with psycopg.connect(postgres.url("strangers"), autocommit=True) as connection:
            found = connection.execute("select from pg_namespace where nspname = 'marts'")
            assert found.fetchone() is not None
    finally:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("drop database strangers with (force)")


def test_status_and_stop_say_that_nothing_runs(terminal: Terminal) -> None:
    done = terminal.run("status")
    assert done.returncode == 3
    assert "does not run" in done.stdout
    done = terminal.run("stop")
    assert done.returncode == 0
    assert "does not run" in done.stdout


def test_logs_show_the_last_lines_of_a_part_and_name_the_parts(
    terminal: Terminal, tmp_path: Path
) -> None:
    logs = tmp_path / "home" / "logs"
    logs.mkdir(parents=True)
    (logs / "api.log").write_text("one\ntwo\nthree\n", "utf-8")
    assert terminal.run("logs", "api", "-n", "2").stdout == "two\nthree\n"
    assert "api" in terminal.refusal("logs", "apis", exit_code=1)
