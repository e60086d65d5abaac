"""Everything up to the events in order: only the import's own DuckDB is written."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import duckdb

from api.catalog.schemas import Location, Product
from api.database import DatabaseConnection
from api.imports.duck import lines, rows, run
from api.imports.lines import (
    IN_THE_FUTURE,
    OTHER_CONTENT,
    STOCK_IS_KNOWN,
    LineForm,
    make_lines,
)
from api.imports.masters import (
    missing_locations,
    read_products,
    settle_currency,
    use_spelling_of_the_catalog,
)
from api.imports.place import Place, settle_place, shift_for
from api.imports.reading import Table
from api.imports.recording import keep_book, keep_known_stock, keep_recorded, keep_told
from api.imports.report import Findings, find_findings
from api.imports.schemas import ImportOptions, Progress, Tell
from api.imports.understanding import Understanding

# Whatever is recorded from a file has an id under this namespace and its source's.
_NAMESPACE = UUID("5d3a6b1e-2f0c-5b0e-9a54-6b7c1f0e8d21")

_STOCK_OUTCOMES = {"counts": "count", "opening-stock": "opening"}


@dataclass(frozen=True)
class Prepared:
    """A file that is ready to be recorded: its events lie in the workspace."""

    understanding: Understanding
    place: Place
    findings: Findings
    first_day: date | None
    last_day: date | None
    shifted_days: int
    products: list[Product]
    locations: list[Location]
    events: int
    already_recorded: int
    openings: int
    opening_units: int
    notes: tuple[str, ...]


async def prepare(
    table: Table,
    understanding: Understanding,
    connection: DatabaseConnection | None,
    options: ImportOptions,
    *,
    database_url: str | None,
    tell: Tell,
) -> Prepared:
    """Give each line its outcome, and find what of it is new and what must be opened before."""
    duck = table.connection
    place = await settle_place(connection, options, _written_locations(table, understanding))
    form = LineForm(
        understanding.kind,
        understanding.columns,
        place.time_zone,
        understanding.date_format,
        options.decimal_comma,
    )
    tell(Progress("giving each line its outcome", total=table.lines))
    make_lines(table, form)
    _classify(duck, understanding)
    now = datetime.now(UTC)
    today = now.astimezone(ZoneInfo(place.time_zone)).date()
    [days] = rows(duck, lines.find_days, today=today)
    shifted_days, notes = 0, [*place.notes, *understanding.notes]
    if days["last_day"] is not None:
        shifted_days, said = shift_for(place, options, last_day=days["last_day"], today=today)
        notes += said
    namespace = uuid5(_NAMESPACE, place.source)
    _make_events(
        duck,
        understanding,
        options,
        place,
        namespace=namespace,
        now=now,
        shifted_days=shifted_days,
        dates_only=bool(days["dates_only"]),
    )
    if days["dates_only"]:
        notes.append("The dates have no time of day, so each is taken as noon.")
    currency, said = await settle_currency(connection, options.currency)
    products = read_products(duck, currency)
    if any(product.currency for product in products.values()):
        notes += said
    made = await use_spelling_of_the_catalog(table, connection, products)
    tell(Progress("comparing with what is recorded"))
    keep_recorded(duck, database_url, place.source)
    run(duck, lines.keep_new_events)
    refused = await _drop_what_is_there(duck, connection, understanding, place)
    findings = find_findings(table, understanding, form, options.called)
    await keep_known_stock(duck, connection, place.source)
    run(
        duck,
        lines.make_openings,
        namespace=namespace.bytes,
        cover_days=options.opening_cover_days,
    )
    [opened] = rows(duck, lines.count_openings)
    fresh = _count(duck, "new_events")
    return Prepared(
        understanding=understanding,
        place=place,
        findings=findings,
        first_day=days["first_day"],
        last_day=days["last_day"],
        shifted_days=shifted_days,
        products=made,
        locations=await missing_locations(connection, duck, place),
        events=fresh + int(opened["openings"]),
        already_recorded=_count(duck, "events") - fresh - refused,
        openings=int(opened["openings"]),
        opening_units=int(opened["units"]),
        notes=tuple(notes),
    )


async def _drop_what_is_there(
    duck: duckdb.DuckDBPyConnection,
    connection: DatabaseConnection | None,
    understanding: Understanding,
    place: Place,
) -> int:
    """Leave out what the ledger says already; reject what it says otherwise, and count that."""
    if understanding.kind == "sales":
        if "event_id" not in understanding.columns:
            return 0
        await keep_told(duck, connection)
        run(duck, lines.reject_other_content, reason=OTHER_CONTENT)
        run(duck, lines.drop_told_events)
        found = duck.table("classified").filter(f"rejection = '{OTHER_CONTENT}'")
        return len(found)
    await keep_book(duck, connection)
    run(duck, lines.drop_what_the_book_says)
    if understanding.kind == "counts":
        return 0
    before = _count(duck, "new_events")
    run(duck, lines.reject_known_stock, reason=STOCK_IS_KNOWN, default_location=place.location)
    run(duck, lines.drop_known_stock)
    return before - _count(duck, "new_events")


def _classify(duck: duckdb.DuckDBPyConnection, understanding: Understanding) -> None:
    if understanding.kind != "sales":
        run(duck, lines.classify_stock, outcome=_STOCK_OUTCOMES[understanding.kind])
    elif understanding.profile == "invoice-lines":
        run(duck, lines.classify_invoice_lines, product_code=understanding.product_code)
    else:
        run(duck, lines.classify_plain_sales)


def _make_events(
    duck: duckdb.DuckDBPyConnection,
    understanding: Understanding,
    options: ImportOptions,
    place: Place,
    *,
    namespace: UUID,
    now: datetime,
    shifted_days: int,
    dates_only: bool,
) -> None:
    """Fill `events`, and call rejected what would lie in the future."""
    is_stock = understanding.kind != "sales"
    run(
        duck,
        lines.make_stock_entries if is_stock else lines.make_sales_entries,
        namespace=namespace.bytes,
        default_location=place.location,
        counted_at=options.counted_at.isoformat() if options.counted_at else None,
        outcome=_STOCK_OUTCOMES.get(understanding.kind),
    )
    run(
        duck,
        lines.make_events,
        now=now.isoformat(),
        counted_at=(options.counted_at or now).isoformat(),
        time_zone=place.time_zone,
        shifted_days=shifted_days,
        dates_only=dates_only,
    )
    run(duck, lines.reject_the_future, reason=IN_THE_FUTURE, now=now.isoformat())
    run(duck, lines.drop_the_future, now=now.isoformat())


def _written_locations(table: Table, understanding: Understanding) -> list[str]:
    column = understanding.columns.get("location")
    if column is None:
        return []
    found = table.connection.table("raw").project(f"trim(cast(c{column.number} as varchar))")
    return sorted(code for (code,) in found.distinct().fetchall() if code)


def _count(duck: duckdb.DuckDBPyConnection, table: str) -> int:
    found = duck.table(table).aggregate("count(*)").fetchone()
    return int(found[0]) if found else 0
