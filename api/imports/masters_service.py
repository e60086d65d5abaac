"""A file of master data, made and changed in one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from api.database import DatabaseConnection, say_who_acts
from api.identity.service import system_actor
from api.imports.keeping import ACTOR, begin, keep_rejected
from api.imports.masters import settle_currency
from api.imports.masters_fields import MONEY, find_fields
from api.imports.masters_files import MasterFile
from api.imports.masters_kinds import Masters, require_columns
from api.imports.masters_lines import Findings
from api.imports.masters_recipes import RecipeFile
from api.imports.naming import source_of
from api.imports.place import fetch, queries
from api.imports.reading import Table
from api.imports.report import first_errors
from api.imports.schemas import ImportOptions, ImportReport, Outcome, Tell

_MASTER_OUTCOMES = (Outcome.CREATED, Outcome.CHANGED, Outcome.UNCHANGED, Outcome.REJECTED)


async def import_masters(
    table: Table,
    masters: Masters,
    connection: DatabaseConnection | None,
    options: ImportOptions,
    rejected: Path | None,
    tell: Tell,
) -> ImportReport:
    """Make and change master data, all of the file in one transaction."""
    columns = find_fields(masters.fields, table.columns, options.columns)
    require_columns(masters, columns, table.columns, options.called)
    currency, notes = await settle_currency(connection, options.currency)
    asks_for_it = (MONEY | {"price_breaks"}) & columns.keys() and "currency" not in columns
    file: MasterFile | RecipeFile
    if masters.of is None:
        file = RecipeFile(table, masters, columns, connection, options)
    else:
        file = MasterFile(table, masters, masters.of, columns, connection, options, currency)
    source = options.source or source_of(options.called)
    async with _transaction(connection):
        if connection is not None and not options.dry_run:
            actor = options.actor_id or await system_actor(connection, ACTOR)
            await say_who_acts(connection, actor)
        await file.import_lines(tell)
        if connection is not None and not options.dry_run:
            await _keep_row(connection, file.findings, masters, options, source, actor)
    file.findings.note_rejections(table)
    rejections = file.findings.rejections()
    sheet = [f"Read from the sheet {table.sheet} (--sheet)."] if table.sheet else []
    return ImportReport(
        source=source,
        kind=masters.kind,
        columns={name: column.name for name, column in columns.items()},
        lines=file.findings.lines,
        outcomes={outcome: file.findings.outcomes[outcome] for outcome in _MASTER_OUTCOMES},
        rejections=rejections,
        errors=first_errors(table),
        rejected_file=keep_rejected(table, rejected, rejections),
        sites_made=len(file.findings.sites_made),
        notes=(*sheet, *(notes if asks_for_it else [])),
        dry_run=options.dry_run,
    )


async def _keep_row(
    connection: DatabaseConnection,
    findings: Findings,
    masters: Masters,
    options: ImportOptions,
    source: str,
    actor: int,
) -> None:
    """The import's own row, which stands or falls with what it imported."""
    counts = {"outcomes": {str(name): lines for name, lines in findings.outcomes.items()}}
    belongs_nowhere = dict.fromkeys(("site", "location", "time_zone", "first_day", "last_day"))
    import_id = await begin(
        connection,
        options,
        source=source,
        kind=masters.kind,
        lines=findings.lines,
        counts=counts,
        shifted_days=0,
        imported_by=actor,
        **belongs_nowhere,
    )
    await fetch(connection, queries.finish_import, import_id=import_id, counts=counts)


@asynccontextmanager
async def _transaction(connection: DatabaseConnection | None) -> AsyncIterator[None]:
    if connection is None:
        yield
        return
    async with connection.transaction():
        yield
