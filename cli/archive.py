"""A backup file: written from a database beside its writer, and put back into one.

It is pg_dump's custom format and holds the truth and what cannot be rebuilt from it: catalog,
people, ledger, planning, alerts. Of what dbt and Dagster make of these it holds the empty schemas
only (decision 0020).
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from cli.database import installed_schemas, queries
from cli.settings import StartError
from db.connect import connect
from db.embedded import carried_binaries
from db.migrate import MigrationError, refuse_other_history
from db.tools import Tools, ToolsError, environment, known_folders, server_major, tools_for
from db.upgrade import ROLES

SUFFIX = ".dump"
_PARTIAL = ".partial"
_REBUILT = ("staging", "intermediate", "marts", "dagster")
# A migration may hold a table; nothing else that Parstock does holds one against a reader.
_LOCK_WAIT_TIMEOUT_MS = 60_000
# Those of a part that was just stopped end a moment later.
_SESSIONS_END_WITHIN_S = 2.0
_PIPE_BYTES = 1 << 20
# What pg_restore says first to a server of any age, and servers before 17 do not know.
_SINCE_17 = b"SET transaction_timeout = 0;\n"
_AFTER = (
    queries.renew_epoch.text,
    queries.forget_supervisor.text,
    queries.end_sessions.text,
    queries.ask_for_full_refresh.text,
    queries.look_before_sending_again.text,
    queries.refuse_broken_balances.text,
    "commit",
)


class BackupError(StartError):
    """A backup could not be made or put back; the database is as it was."""


def tools_of(database_url: str) -> Tools:
    """The client programs that fit the server; a BackupError says what to install."""
    try:
        return tools_for(server_major(database_url), known_folders(carried_binaries()))
    except ToolsError as error:
        raise BackupError(str(error)) from error


def file_name(now: datetime, kind: str = "") -> str:
    """Names that sort by time, two of one second too: parstock-20260131T023000.125Z.dump."""
    moment = now.astimezone(UTC)
    milliseconds = moment.microsecond // 1000
    return f"parstock-{moment:%Y%m%dT%H%M%S}.{milliseconds:03d}Z{kind}{SUFFIX}"


def write_backup(database_url: str, file: Path, *, replace: bool = False) -> None:
    """Write one consistent snapshot; the name appears when all of it is on the disk."""
    if file.exists() and not replace:
        raise BackupError(f"{file} is there already; a backup does not overwrite.")
    tools = tools_of(database_url)
    schemas = installed_schemas(database_url)
    if "ledger" not in schemas:
        raise BackupError("There is nothing of Parstock in this database yet.")
    partial = file.with_name(f".{file.name}.{os.getpid()}{_PARTIAL}")
    # pg_dump itself must open the file: into a pipe or an open file it cannot write where each
    # table begins, and a backup that breaks off would then pass for a whole one.
    options = [
        "--format=custom",
        "--no-owner",
        f"--lock-wait-timeout={_LOCK_WAIT_TIMEOUT_MS}",
        *(f"--schema={schema}" for schema in schemas),
        *(f"--exclude-table={schema}.*" for schema in _REBUILT),
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # It holds the hashes of passwords, so it is for its owner only.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _dump(tools.command("pg_dump", database_url, f"--file={partial}", *options), database_url)
        partial.replace(file)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)


def copy_images(source: Path, target: Path) -> int:
    """Add the pictures of products that are not there yet; a name is the sum of its content."""
    added = 0
    for picture in source.rglob("*"):
        copy = target / picture.relative_to(source)
        if not picture.is_file() or copy.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        partial = copy.with_name(f".{copy.name}{_PARTIAL}")
        try:
            shutil.copyfile(picture, partial)
        except FileNotFoundError:  # it was deleted just now
            continue
        partial.replace(copy)
        added += 1
    return added


def prune(folder: Path, *, keep: int) -> list[Path]:
    """Delete all but the newest backups of a folder, and what killed ones left half."""
    for partial in folder.glob(f".parstock-*{_PARTIAL}"):
        pid = partial.name.removesuffix(_PARTIAL).rpartition(".")[2]
        if not (pid.isdigit() and psutil.pid_exists(int(pid))):
            partial.unlink(missing_ok=True)
    old = backups(folder)[keep:]
    for file in old:
        file.unlink(missing_ok=True)
    return old


def backups(folder: Path) -> list[Path]:
    """The backups of a folder, the newest first."""
    return sorted(folder.glob(f"parstock-*{SUFFIX}"), reverse=True)


def refuse_unknown(file: Path, tools: Tools) -> None:
    """A BackupError where the file is no backup of ours, or one of a newer Parstock."""
    said = subprocess.run(
        [
            str(tools.folder / "pg_restore"),
            *("--data-only", "--schema=parstock", "--table=migrations", "--file=-", str(file)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    done = _copied(said.stdout)
    if said.returncode != 0 or not done:
        why = _last_line(said.stderr) or "it has no migrations of Parstock in it"
        raise BackupError(f"{file} is not a backup of Parstock: {why}.")
    try:
        refuse_other_history({int(number): (name, sum_) for number, name, sum_, *_ in done})
    except MigrationError as error:
        raise BackupError(f"{file} cannot be used: {error}") from error


def put_back(database_url: str, file: Path, tools: Tools) -> None:
    """Replace what Parstock has in a database by a backup, in one transaction: all or nothing.

    The same transaction renews the epoch, ends what referred to the time after the backup, and
    refuses to commit where a level is not the sum of its movements.
    """
    before = [
        "begin",
        "set client_min_messages = warning",
        *(f"drop schema {schema} cascade" for schema in installed_schemas(database_url)),
        ROLES.read_text("utf-8"),
    ]
    reading = subprocess.Popen(
        [str(tools.folder / "pg_restore"), "--no-owner", "--file=-", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    writing = subprocess.Popen(
        tools.command(
            "psql", database_url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"
        ),
        env=environment(database_url),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with reading, writing:
        # Whoever ends early is seen by its exit code; what was not committed is rolled back.
        with contextlib.suppress(BrokenPipeError):
            _feed(reading, writing, before, old_server=server_major(database_url) < 17)
        reading_said = b"" if reading.stderr is None else reading.stderr.read()
        writing_said = b"" if writing.stderr is None else writing.stderr.read()
    if writing.returncode != 0 or reading.returncode != 0:
        why = _first_error(writing_said) or _first_error(reading_said)
        raise BackupError(f"Nothing was restored, the database is as it was: {why}")


def _feed(
    reading: "subprocess.Popen[bytes]",
    writing: "subprocess.Popen[bytes]",
    before: list[str],
    *,
    old_server: bool,
) -> None:
    script, database = reading.stdout, writing.stdin
    if script is None or database is None:
        raise RuntimeError("both ends of the restore are pipes")
    with database:
        database.write("".join(f"{statement};\n" for statement in before).encode())
        for line in script:
            if line == _SINCE_17 and old_server:
                continue
            database.write(line)
            if line.startswith(b"CREATE "):  # the settings are over
                break
        shutil.copyfileobj(script, database, _PIPE_BYTES)
        # A file that breaks off must not be committed as far as it goes.
        if reading.wait() == 0:
            database.write("".join(f"{statement};\n" for statement in _AFTER).encode())


@contextlib.contextmanager
def alone_on(database_url: str) -> Iterator[None]:
    """Keep supervisors away; a StartError where Parstock's parts are on this database."""
    with connect(database_url, autocommit=True) as connection:
        give_up_at = time.monotonic() + _SESSIONS_END_WITHIN_S
        while not _one(connection, "try_supervisor_lock"):
            if time.monotonic() < give_up_at:
                time.sleep(0.1)
                continue
            raise StartError("Parstock runs on this database: stop it first (`parstock stop`).")
        while sessions := _one(connection, "sessions_of_ours"):
            if time.monotonic() < give_up_at:
                time.sleep(0.1)
                continue
            raise StartError(
                f"Parts of Parstock are on this database ({sessions} sessions): stop them first."
            )
        yield


def _one(connection: psycopg.Connection[tuple[object, ...]], name: str) -> int:
    row: tuple[Any, ...] | None = connection.execute(
        getattr(queries, name).text.encode()
    ).fetchone()
    return 0 if row is None else int(row[0])


def holds_something(database_url: str) -> bool:
    """Whether a restore would replace anything that somebody entered."""
    if "ledger" not in installed_schemas(database_url):
        return False
    with connect(database_url, autocommit=True) as connection:
        return bool(_one(connection, "holds_something"))


def events_in(database_url: str) -> int:
    """The position of the newest event; 0 where nothing is installed or recorded."""
    if "ledger" not in installed_schemas(database_url):
        return 0
    with connect(database_url, autocommit=True) as connection:
        return _one(connection, "newest_position")


def _dump(command: list[str], database_url: str) -> None:
    done = subprocess.run(
        command,
        env=environment(database_url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupError(f"The backup was not made: {_first_error(done.stderr)}")


def _copied(script: str) -> list[list[str]]:
    """The rows between COPY and its end, in the text format."""
    rows = []
    inside = False
    for line in script.splitlines():
        if line == "\\.":
            inside = False
        elif inside:
            rows.append(line.split("\t"))
        elif line.startswith("COPY "):
            inside = True
    return rows


def _first_error(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it ended without a word"])[0].strip()


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or [""])[-1].strip().rstrip(".")
