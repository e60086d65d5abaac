"""`python -m api.exports.writer KIND FORMAT FILE`: rows from a server-side cursor into a file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql

from api.exports.errors import TooManyLines
from api.exports.schemas import Format
from api.exports.service import TOO_MANY_LINES
from api.exports.writing import WRITERS, as_written
from api.imports.masters_kinds import MASTERS
from api.imports.schemas import MASTER_KINDS, Kind
from api.log import EventLog, configure_logging
from api.settings import get_settings
from db.connect import API_ROLE, connect
from db.sql import Query, load_queries

log = EventLog(__name__)
_queries = load_queries(__file__)
_CHUNK_ROWS = 5_000
_QUERIES: Mapping[Kind, tuple[Query, Mapping[str, Any]]] = {
    "sales": (_queries.export_sales, {}),
    "counts": (_queries.export_counts, {"least": 0}),
    "opening-stock": (_queries.export_counts, {"least": 1}),
    **{kind: (MASTERS[kind].kept, {"codes": None, "others": None}) for kind in MASTER_KINDS},
}


def write_export(
    kind: Kind,
    format_: Format,
    path: Path,
    *,
    database_url: str,
    statement_timeout_s: float = 600.0,
) -> int:
    """Write everything of a kind to a file and answer how many lines it has."""
    query, values = _QUERIES[kind]
    lines = 0
    with connect(database_url, role=API_ROLE) as connection:
        _prepare(connection, statement_timeout_s)
        with (
            connection.cursor(name="export") as cursor,
            WRITERS[format_](path, kind) as write,
        ):
            cursor.execute(query.text.encode(), values)
            while rows := cursor.fetchmany(_CHUNK_ROWS):
                write(as_written(kind, rows))
                lines += len(rows)
    return lines


def _prepare(connection: psycopg.Connection[Any], statement_timeout_s: float) -> None:
    timeout = sql.Literal(f"{round(statement_timeout_s * 1000)}ms")
    connection.execute(sql.SQL("set statement_timeout = {}").format(timeout))
    # Most of the time goes into the first row: everything is sorted before it.
    connection.execute("set cursor_tuple_fraction = 1")


def main() -> None:
    settings = get_settings()
    configure_logging(settings.log_level)
    kind, format_, path = sys.argv[1:]
    try:
        write_export(
            cast(Kind, kind),
            cast(Format, format_),
            Path(path),
            database_url=settings.database_url,
            statement_timeout_s=settings.imports.export_statement_timeout_s,
        )
    except TooManyLines:
        sys.exit(TOO_MANY_LINES)
    except (psycopg.Error, OSError) as error:
        log.warning("export_failed", kind=kind, reason=repr(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
