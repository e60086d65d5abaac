"""Bring a database to the newest schema: the numbered files of `migrations/`, then `grants.sql`.

Forward only. Each file runs in a transaction of its own, once, beside writers (decision 0022); one
whose name ends in _concurrently builds indexes outside of any. A file that was changed after it ran
is refused, because two databases would then differ under one number.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from db.connect import connect

_HERE = Path(__file__).parent
_MIGRATE_LOCK_KEY = 7_270_001
_LOCK_WAIT_MS = 300
_PAUSE_S = 0.3
_GIVE_UP_AFTER_S = 600.0


class MigrationError(Exception):
    """The database cannot be brought to this schema; the message says why."""


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name and what it runs."""

    number: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.script.encode()).hexdigest()

    @property
    def is_concurrent(self) -> bool:
        """Whether it builds indexes beside writers, which no transaction can do."""
        return self.name.endswith("_concurrently")

    @property
    def statements(self) -> list[str]:
        """One by one, for a file that is concurrent: it holds no function and no literal."""
        text = re.sub(r"--[^\n]*", "", self.script)
        return [statement.strip() for statement in text.split(";") if statement.strip()]


def migrations() -> Iterator[Migration]:
    """Every migration of this version, in order of number."""
    for path in sorted((_HERE / "migrations").glob("*.sql")):
        yield Migration(int(path.stem.split("_", 1)[0]), path.stem, path.read_text("utf-8"))


def migrate(database_url: str, *, tell: Callable[[str], None] = lambda line: None) -> list[str]:
    """Apply what is missing and answer its names; waits for another migration to end first.

    Raises MigrationError when the database was made by a newer or a different version.
    """
    with connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (_MIGRATE_LOCK_KEY,))
        _refuse_old_server(connection)
        connection.execute("create schema if not exists parstock")
        connection.execute(
            "create table if not exists parstock.migrations ("
            " number integer primary key, name text not null, checksum text not null,"
            " applied_at timestamptz not null default now())"
        )
        done = _applied(connection)
        refuse_other_history(done)
        applied = []
        for migration in migrations():
            if migration.number in done:
                continue
            tell(f"migrating: {migration.name}")
            if migration.is_concurrent:
                _apply_beside_writers(connection, migration)
            else:
                _apply_between_writers(connection, migration)
            applied.append(migration.name)
        if applied:
            with connection.transaction():
                connection.execute((_HERE / "grants.sql").read_bytes())
        return applied


def _apply_beside_writers(
    connection: psycopg.Connection[tuple[object, ...]], migration: Migration
) -> None:
    """Run one file statement by statement; what is cut short is run again from the start."""
    for statement in migration.statements:
        connection.execute(statement.encode())
    _note(connection, migration)


def _note(connection: psycopg.Connection[tuple[object, ...]], migration: Migration) -> None:
    connection.execute(
        "insert into parstock.migrations (number, name, checksum) values (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum),
    )


def _apply_between_writers(
    connection: psycopg.Connection[tuple[object, ...]], migration: Migration
) -> None:
    """Run one file as soon as its locks can be had at once.

    Whoever writes queues behind a lock that we wait for, so we wait for it a moment only, let them
    pass, and try again.
    """
    give_up_at = time.monotonic() + _GIVE_UP_AFTER_S
    while True:
        try:
            with connection.transaction():
                connection.execute(
                    "select set_config('lock_timeout', %s, true)", (f"{_LOCK_WAIT_MS}ms",)
                )
                connection.execute(migration.script.encode())
                _note(connection, migration)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > give_up_at:
                raise MigrationError(
                    f"Migration {migration.name} could not be applied, because something has held"
                    f" a table that it changes for {_GIVE_UP_AFTER_S / 60:.0f} minutes: end the"
                    " backup or report that reads for so long, then start again."
                ) from error
        time.sleep(_PAUSE_S)


def _applied(connection: psycopg.Connection[tuple[object, ...]]) -> dict[int, tuple[str, str]]:
    rows = connection.execute("select number, name, checksum from parstock.migrations").fetchall()
    return {int(str(number)): (str(name), str(checksum)) for number, name, checksum in rows}


def _refuse_old_server(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    if connection.info.server_version < 150000:
        major = connection.info.server_version // 10000
        raise MigrationError(f"Parstock needs PostgreSQL 15 or newer; this server is {major}.")


def refuse_other_history(done: dict[int, tuple[str, str]]) -> None:
    """A MigrationError where a migration that ran, by number, is not one of this version."""
    by_number = {migration.number: migration for migration in migrations()}
    for number, (name, checksum) in sorted(done.items()):
        if number not in by_number:
            raise MigrationError(
                f"This database has migration {name}, which this version of Parstock does not "
                "know: it was made by a newer version. Use that version, or another database."
            )
        if by_number[number].checksum != checksum:
            raise MigrationError(
                f"Migration {name} was changed after it ran on this database. "
                "Restore the file, and add a new migration for the change."
            )
