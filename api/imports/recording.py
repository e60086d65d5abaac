"""From prepared lines to the ledger: what is known already, and the events in order."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from api.database import DatabaseConnection
from api.imports.place import fetch
from api.imports.place import queries as postgres
from api.imports.schemas import Progress, Tell
from api.ledger.events import Adjusted, AnyEvent, Counted, OpeningBalance, Returned, Sold
from api.ledger.schemas import RowResult
from api.ledger.service import Ledger
from api.problems import Unavailable
from db.connect import API_ROLE
from db.sql import Query

CHUNK_EVENTS = 10_000
_PAUSES_S = (1.0, 2.0, 4.0)
_Row = tuple[UUID, str, str, str, int, datetime, str | None, str | None, date | None]
_RECORDED = pa.schema(
    [
        ("event_id", pa.string()),
        ("sku", pa.string()),
        ("location", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("change", pa.int64()),
        ("is_sale", pa.bool_()),
        ("is_opening", pa.bool_()),
        ("reason", pa.string()),
    ]
)
_KNOWN = pa.schema(
    [
        ("sku", pa.string()),
        ("location", pa.string()),
        ("known_at", pa.timestamp("us", "UTC")),
        ("on_hand", pa.int64()),
    ]
)

_BOOK = pa.schema(
    [
        ("sku", pa.string()),
        ("location", pa.string()),
        ("lot", pa.string()),
        ("expires_on", pa.date32()),
        ("on_hand", pa.int64()),
        ("last_at", pa.timestamp("us", "UTC")),
    ]
)
_TOLD = pa.schema(
    [
        ("event_id", pa.string()),
        ("sku", pa.string()),
        ("location", pa.string()),
        ("occurred_at", pa.timestamp("us", "UTC")),
        ("quantity", pa.int64()),
    ]
)
_ASKED_AT_ONCE = 20_000


@dataclass
class Tally:
    """How the ledger answered, event by event."""

    recorded: int = 0
    already_recorded: int = 0
    refused: int = 0
    first_refusal: str | None = None


def keep_recorded(
    workspace: duckdb.DuckDBPyConnection, database_url: str | None, source: str
) -> None:
    """Fill `recorded` with what the ledger has of this source; nothing without a database."""
    found = _recorded_of(database_url, source) if database_url else _RECORDED.empty_table()
    workspace.register("found", found)
    workspace.execute(
        "create table recorded as select * replace (cast(event_id as uuid) as event_id) from found"
    )
    workspace.unregister("found")


async def keep_known_stock(
    workspace: duckdb.DuckDBPyConnection, connection: DatabaseConnection | None, source: str
) -> None:
    """Fill `known` with the places of which somebody else told the ledger something."""
    rows = await _of_places(workspace, connection, postgres.find_known_stock, source=source)
    workspace.from_arrow(pa.Table.from_pylist(rows, schema=_KNOWN)).create("known")


async def keep_book(
    workspace: duckdb.DuckDBPyConnection, connection: DatabaseConnection | None
) -> None:
    """Fill `book` with what the places of new events hold, and since when."""
    rows = await _of_places(workspace, connection, postgres.find_book)
    workspace.from_arrow(pa.Table.from_pylist(rows, schema=_BOOK)).create("book")


async def keep_told(
    workspace: duckdb.DuckDBPyConnection, connection: DatabaseConnection | None
) -> None:
    """Fill `told` with those of the new events whose ids the ledger has, from whatever source."""
    ids = workspace.table("new_events").project("event_id").fetchall()
    rows: list[dict[str, Any]] = []
    for start in range(0, len(ids) if connection is not None else 0, _ASKED_AT_ONCE):
        asked = [event_id for (event_id,) in ids[start : start + _ASKED_AT_ONCE]]
        rows += await fetch(connection, postgres.find_told, event_ids=asked) if connection else []
    workspace.from_arrow(pa.Table.from_pylist(rows, schema=_TOLD)).create("told_texts")
    workspace.execute(
        "create table told as select * replace (cast(event_id as uuid) as event_id) from told_texts"
    )


async def _of_places(
    workspace: duckdb.DuckDBPyConnection,
    connection: DatabaseConnection | None,
    query: Query,
    **values: Any,
) -> list[dict[str, Any]]:
    if connection is None:
        return []
    places = workspace.table("new_events")
    return await fetch(
        connection,
        query,
        skus=[sku for (sku,) in places.project("sku").distinct().fetchall()],
        locations=[code for (code,) in places.project("location").distinct().fetchall()],
        **values,
    )


async def record_events(
    ledger: Ledger,
    events: Iterator[list[AnyEvent]],
    *,
    recorded_by: int,
    total: int,
    tell: Tell,
) -> Tally:
    """Hand the events to the ledger's writer, in chunks and in order."""
    tally = Tally()
    done = 0
    for chunk in events:
        results, was_repeated = await _record_chunk(ledger, chunk, recorded_by=recorded_by)
        for result in results:
            # Nothing that is sent was recorded before, so a repeat is one of this import's own.
            if result.status == "recorded" or (was_repeated and result.status == "duplicate"):
                tally.recorded += 1
            elif result.status == "duplicate":
                tally.already_recorded += 1
            else:
                tally.refused += 1
                tally.first_refusal = tally.first_refusal or str(result.problem)
        done += len(chunk)
        tell(Progress("recording", done, total))
    return tally


async def _record_chunk(
    ledger: Ledger, chunk: list[AnyEvent], *, recorded_by: int
) -> tuple[list[RowResult], bool]:
    """A busy ledger is asked again; True where it was."""
    was_busy = False
    for pause_s in _PAUSES_S:
        try:
            results = await ledger.record_batch(chunk, recorded_by=recorded_by, history=True)
        except Unavailable:
            was_busy = True
            await asyncio.sleep(pause_s)
        else:
            return results, was_busy
    return await ledger.record_batch(chunk, recorded_by=recorded_by, history=True), True


def stream_events(prepared: duckdb.DuckDBPyConnection, source: str) -> Iterator[list[AnyEvent]]:
    """The rows of `stream_events`, as events."""
    while rows := prepared.fetchmany(CHUNK_EVENTS):
        yield [_event(row, source) for row in rows]


def _event(row: _Row, source: str) -> AnyEvent:
    """The fields were checked by column, so each event is put together without checks."""
    event_id, outcome, sku, location, quantity, moment, reference, lot, expires_on = row
    occurred_at = moment.replace(tzinfo=UTC)
    told: dict[str, Any] = {
        "event_id": event_id,
        "sku": sku,
        "location": location,
        "occurred_at": occurred_at,
        "source": source,
    }
    if reference is not None:
        told["reference"] = reference
    of_lot: dict[str, Any] = {"lot": lot, "expires_on": expires_on}
    match outcome:
        case "sale":
            return Sold.model_construct(quantity=quantity, **told)
        case "return":
            return Returned.model_construct(quantity=quantity, **told)
        case "cancellation":
            return Returned.model_construct(
                quantity=quantity, metadata={"cancellation": True}, **told
            )
        case "write-off":
            return Adjusted.model_construct(reason="lost", quantity_change=-quantity, **told)
        case "count":
            return Counted.model_construct(quantity=quantity, **of_lot, **told)
        case "opening":
            return OpeningBalance.model_construct(quantity_change=quantity, **of_lot, **told)
        case _:
            raise ValueError(f"there is no event for the outcome {outcome}")


def _recorded_of(database_url: str, source: str) -> pa.Table:
    """As Arrow, since a year of sales comes back whole when its file is imported again."""
    query = postgres.find_recorded
    with dbapi.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f"set role {API_ROLE}")
        cursor.execute(query.positional, query.arguments({"source": source}))
        found: pa.Table = cursor.fetch_arrow_table()
        return found
