"""A file of sales or stock: each line one outcome, what is new recorded in order."""

from pathlib import Path
from typing import Any

import duckdb

from api.database import DatabaseConnection, say_who_acts
from api.identity.service import system_actor
from api.imports.duck import lines, run
from api.imports.keeping import ACTOR, begin, keep_rejected
from api.imports.masters import make_masters
from api.imports.place import fetch, queries
from api.imports.preparing import Prepared, prepare
from api.imports.reading import Table
from api.imports.recording import Tally, record_events, stream_events
from api.imports.report import first_errors, note_rejections
from api.imports.schemas import ImportOptions, ImportReport, Tell
from api.imports.understanding import Understanding
from api.ledger.service import open_ledger


async def import_events(
    table: Table,
    understanding: Understanding,
    connection: DatabaseConnection | None,
    options: ImportOptions,
    database_url: str | None,
    rejected: Path | None,
    tell: Tell,
) -> ImportReport:
    """Give each line its outcome and record what is new; a dry run stops before that."""
    prepared = await prepare(
        table, understanding, connection, options, database_url=database_url, tell=tell
    )
    note_rejections(table, prepared.findings.rejections)
    rejected_file = keep_rejected(table, rejected, prepared.findings.rejections)
    tally = Tally(already_recorded=prepared.already_recorded)
    if not options.dry_run:
        tally = await _record(table.connection, connection, database_url, prepared, options, tell)
    return _report(table, prepared, options, tally, rejected_file)


async def _record(
    duck: duckdb.DuckDBPyConnection,
    connection: DatabaseConnection | None,
    database_url: str | None,
    prepared: Prepared,
    options: ImportOptions,
    tell: Tell,
) -> Tally:
    """Make the masters and the import's own row in one transaction, then record the events."""
    if connection is None or database_url is None:
        raise ValueError("an import that is no dry run needs a database")
    place = prepared.place
    async with connection.transaction():
        actor = options.actor_id or await system_actor(connection, ACTOR)
        await say_who_acts(connection, actor)
        await make_masters(connection, place, prepared.locations, prepared.products)
        begun = await begin(
            connection,
            options,
            source=place.source,
            kind=prepared.understanding.kind,
            site=place.site,
            location=place.location,
            time_zone=place.time_zone,
            lines=prepared.findings.lines,
            counts=_counts(prepared, Tally()),
            first_day=prepared.first_day,
            last_day=prepared.last_day,
            shifted_days=prepared.shifted_days,
            imported_by=actor,
        )
    tally = Tally()
    if prepared.events:
        async with open_ledger(database_url) as ledger:
            tally = await record_events(
                ledger,
                stream_events(run(duck, lines.stream_events), place.source),
                recorded_by=actor,
                total=prepared.events,
                tell=tell,
            )
    tally.already_recorded += prepared.already_recorded
    await fetch(
        connection,
        queries.finish_import,
        import_id=begun,
        counts=_counts(prepared, tally),
    )
    return tally


def _counts(prepared: Prepared, tally: Tally) -> dict[str, Any]:
    """What the import's row keeps of the report."""
    return {
        "outcomes": {str(name): lines for name, lines in prepared.findings.outcomes.items()},
        "overlaps": {overlap.name: overlap.lines for overlap in prepared.findings.overlaps},
        "rejections": {found.reason: found.lines for found in prepared.findings.rejections},
        "recorded": tally.recorded,
        "already_recorded": tally.already_recorded,
        "refused": tally.refused,
        "openings": prepared.openings,
        "opening_units": prepared.opening_units,
    }


def _report(
    table: Table,
    prepared: Prepared,
    options: ImportOptions,
    tally: Tally,
    rejected_file: Path | None,
) -> ImportReport:
    understanding, findings, place = prepared.understanding, prepared.findings, prepared.place
    notes = [*prepared.notes]
    if table.sheet is not None:
        notes.append(f"Read from the sheet {table.sheet} (--sheet).")
    if tally.first_refusal is not None:
        notes.append(f"The ledger refused {tally.refused:,} events, first: {tally.first_refusal}")
    return ImportReport(
        source=place.source,
        kind=understanding.kind,
        profile=understanding.profile,
        columns={field: column.name for field, column in understanding.columns.items()},
        lines=findings.lines,
        outcomes=findings.outcomes,
        products_sold=findings.products_sold,
        overlaps=findings.overlaps,
        rejections=findings.rejections,
        errors=first_errors(table),
        rejected_file=rejected_file,
        first_day=prepared.first_day,
        last_day=prepared.last_day,
        shifted_days=prepared.shifted_days,
        site=place.site,
        location=place.location,
        time_zone=place.time_zone,
        codes_without_product=findings.codes_without_product,
        recorded=tally.recorded,
        already_recorded=tally.already_recorded,
        refused=tally.refused,
        products_made=len(prepared.products),
        locations_made=len(prepared.locations),
        openings=prepared.openings,
        opening_units=prepared.opening_units,
        notes=tuple(notes),
        dry_run=options.dry_run,
    )
