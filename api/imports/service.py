"""Import one file: read it, see what it holds, and hand it to those who import that.

Nothing is written before the whole file is read and understood. What is written is idempotent, so
an import that was cut off is finished by running it again.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from api.database import DatabaseConnection, open_connection
from api.imports.event_files import import_events
from api.imports.mappings import mapping_for, mapping_of, put_mapping, with_mapping
from api.imports.masters_kinds import MASTERS, Masters, guess_masters
from api.imports.masters_service import import_masters
from api.imports.options import check_options
from api.imports.reading import Table, add_constants, read_file, workspace
from api.imports.schemas import EventKind, ImportOptions, ImportReport, Progress, Tell
from api.imports.understanding import understand

_CONNECT_TIMEOUT_S = 10.0


async def import_file(
    options: ImportOptions,
    *,
    database_url: str | None,
    rejected: Path | None,
    tell: Tell,
) -> ImportReport:
    """Import a file; a dry run does all but write, and can do without a database.

    Lines that are left out are written to the file `rejected`, where one is given. Raises
    ImportRefused with one sentence where nothing can be imported.
    """
    check_options(options)
    with workspace() as duck:
        async with _connection(database_url) as connection:
            if options.mapping is not None:
                options = with_mapping(options, await mapping_for(connection, options.mapping))
                check_options(options)
            tell(Progress("reading"))
            table = read_file(duck, options.path, called=options.called, sheet=options.sheet)
            table, constants = add_constants(table, options.constants)
            said = options
            options = replace(options, columns={**options.columns, **constants})
            kind, masters = _kind(table, options)
            if masters is not None:
                report = await import_masters(table, masters, connection, options, rejected, tell)
            else:
                understanding = understand(table, kind, options)
                report = await import_events(
                    table, understanding, connection, options, database_url, rejected, tell
                )
            if options.save_mapping is not None and connection is not None and not options.dry_run:
                mapping = mapping_of(said, report)
                await put_mapping(connection, options.save_mapping, mapping, if_match="*")
            return report


def _kind(table: Table, options: ImportOptions) -> tuple[EventKind | None, Masters | None]:
    """What was said, else what the columns speak of; None where events are still to be told."""
    match options.kind or table.exported:
        case None:
            return None, guess_masters(table.columns, Path(options.called).stem)
        case "sales" | "counts" | "opening-stock" as kind:
            return kind, None
        case kind:
            return None, MASTERS[kind]


@asynccontextmanager
async def _connection(database_url: str | None) -> AsyncIterator[DatabaseConnection | None]:
    if database_url is None:
        yield None
        return
    connection = await open_connection(
        database_url, settings={}, connect_timeout_s=_CONNECT_TIMEOUT_S
    )
    try:
        yield connection
    finally:
        await connection.close()
