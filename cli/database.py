"""The database that a verb works on: DATABASE_URL, or the embedded PostgreSQL of the home."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from cli.home import Home
from cli.settings import Settings, SettingsError
from db.embedded import DATABASE, EmbeddedPostgres, EmbeddedPostgresError, embedded_postgres
from db.sql import load_queries
from db.upgrade import move_from_older_major

queries = load_queries(__file__)
_CONNECT_TIMEOUT_S = 10


def refuse_unreachable(database_url: str) -> None:
    """A SettingsError says why no connection can be made to DATABASE_URL."""
    try:
        psycopg.connect(database_url, connect_timeout=_CONNECT_TIMEOUT_S).close()
    except psycopg.OperationalError as error:
        parts = psycopg.conninfo.conninfo_to_dict(database_url)
        where = f"{parts.get('host')}:{parts.get('port') or 5432}/{parts.get('dbname')}"
        reason = str(error).strip().splitlines()[-1].strip()
        raise SettingsError(
            f"DATABASE_URL: the database at {where} does not answer: {reason}"
        ) from error


def embedded(settings: Settings, *, tell: Callable[[str], None]) -> EmbeddedPostgres:
    """The embedded PostgreSQL of the home, started or not; a SettingsError where none can run."""
    try:
        return embedded_postgres(settings.home, tell=tell)
    except EmbeddedPostgresError as error:
        raise SettingsError(str(error)) from error


@contextmanager
def database(settings: Settings, *, tell: Callable[[str], None]) -> Iterator[str]:
    """The address of the database; the embedded one is started for as long as it is needed."""
    if settings.database_url is not None:
        refuse_unreachable(settings.database_url)
        yield settings.database_url
        return
    home = Home(settings.home)
    home.make()
    cluster = embedded(settings, tell=tell)
    if cluster.pid() is not None:
        yield cluster.url()
        return
    with home.held():
        start_embedded(cluster, tell=tell)
        try:
            yield cluster.url()
        finally:
            cluster.stop()


def start_embedded(
    cluster: EmbeddedPostgres, *, tell: Callable[[str], None], port: int | None = None
) -> bool:
    """Start it with Parstock's database in it; False when it ran already.

    Data of an older major of PostgreSQL are moved first.
    """
    try:
        move_from_older_major(cluster, tell=tell)
        started = cluster.start(port=port)
    except EmbeddedPostgresError as error:
        raise SettingsError(str(error)) from error
    cluster.create_database(DATABASE)
    return started


def installed_schemas(database_url: str) -> list[str]:
    """The schemas of this database that are Parstock's."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        rows = connection.execute(queries.installed_schemas.text.encode()).fetchall()
    return [str(row[0]) for row in rows]
