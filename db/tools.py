"""PostgreSQL's own client programs (pg_dump, pg_restore, psql): found, and run on a database.

The newest that are at hand are taken: those of the embedded wheel, of the PATH, or of where
packages put them. An older pg_dump refuses a newer server, a newer one reads every older.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_NEEDED = ("pg_dump", "pg_restore", "psql")
# Debian and Ubuntu, the RPMs of postgresql.org, Homebrew on both kinds of Mac.
INSTALLED_AT = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


class ToolsError(Exception):
    """A program of PostgreSQL is missing or too old; the message says what to install."""


@dataclass(frozen=True)
class Tools:
    """One folder of client programs, and the major of the PostgreSQL that they came with."""

    folder: Path
    major: int

    def command(self, program: str, database_url: str, *options: str) -> list[str]:
        """The command line; the password is in `environment`, since others can see this one."""
        parameters: dict[str, Any] = conninfo_to_dict(database_url)
        parameters.pop("password", None)
        return [str(self.folder / program), f"--dbname={make_conninfo(**parameters)}", *options]


def environment(database_url: str) -> dict[str, str]:
    """What a program finds in its environment: ours, and the password of the database."""
    password = conninfo_to_dict(database_url).get("password")
    ours = {**os.environ, "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "parstock-tools"}
    return ours if password is None else {**ours, "PGPASSWORD": str(password)}


def server_major(database_url: str) -> int:
    """The major version of the server behind an address."""
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        return connection.info.server_version // 10000


def tools_for(major: int, folders: Iterable[Path]) -> Tools:
    """The newest complete set among the folders; a ToolsError where it is older than `major`."""
    found = [tools for folder in folders if (tools := _tools_in(folder)) is not None]
    newest = max(found, key=lambda tools: tools.major, default=None)
    if newest is None or newest.major < major:
        here = "there are none here" if newest is None else f"the newest here are {newest.major}"
        raise ToolsError(
            f"The server is PostgreSQL {major}, so this needs pg_dump, pg_restore and psql of "
            f"{major} or newer, and {here}: install them (on Debian and Ubuntu "
            f"`apt-get install postgresql-client-{major}`) or put their folder on the PATH."
        )
    return newest


def known_folders(carried: Path | None) -> list[Path]:
    """Where client programs may be: the wheel's folder first."""
    folders = [] if carried is None else [carried]
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        folders.append(Path(on_path).parent)
    return [*folders, *installed_folders()]


def installed_folders() -> list[Path]:
    """Where packages of the system put the programs of each major."""
    return [
        folder
        for pattern in INSTALLED_AT
        for folder in sorted(Path("/").glob(pattern.removeprefix("/")))
    ]


def major_of(program: Path) -> int | None:
    """The major that a program of PostgreSQL says it is; None where it does not run."""
    try:
        said = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return None if found is None else int(found[1])


def _tools_in(folder: Path) -> Tools | None:
    if not all((folder / program).exists() for program in _NEEDED):
        return None
    major = major_of(folder / "pg_dump")
    return None if major is None else Tools(folder, major)
