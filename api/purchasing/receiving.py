"""What came in of an order becomes events of the ledger, once, however often it is told.

Two steps, each of which may be the last before the process ends: what was told is kept, then its
events are recorded under ids that follow from receipt and line. What is still out is read from
the ledger, so a receipt whose events are not there yet has brought nothing, and to tell it again
goes on where it ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from api.database import DatabaseConnection, DatabasePool
from api.deps import Actor, Role
from api.ledger.errors import UnknownLocation
from api.ledger.events import Adjusted, Received
from api.ledger.service import Ledger
from api.problems import Conflict, Problem, UnprocessableContent
from api.purchasing.approving import fetch, queries
from api.purchasing.errors import DifferentReceipt, NoSuchOrderLine, NotItsPlace, OrderState
from api.purchasing.order_schemas import Delivery, Receipt
from api.purchasing.orders import lock_order, receipts_of

_SOURCE = "purchase-order"
_REFUSALS = (UnprocessableContent, Conflict)


@dataclass(frozen=True, slots=True)
class Receiving:
    """Books in what comes, on behalf of someone."""

    ledger: Ledger
    pool: DatabasePool
    actor: Actor

    async def receive(
        self, number: str, receipt_id: UUID, delivery: Delivery
    ) -> tuple[Receipt, bool]:
        """Keep what came and record it; False where it was told before.

        A line that the ledger refuses is told with its problem and is still out. Raises where the
        ledger is not there: told again, it goes on.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            is_new = await self._keep(connection, number, receipt_id, delivery)
            rows = await _rows(connection, receipt_id)
        problems: dict[int, Problem] = {}
        for row in rows:
            try:
                await self._record(number, row)
            except _REFUSALS as problem:
                problems[row["line"]] = problem
        async with self.pool.acquire() as connection:
            [receipt] = receipts_of(await _rows(connection, receipt_id))
        return _with_problems(receipt, problems), is_new

    async def _keep(
        self, connection: DatabaseConnection, number: str, receipt_id: UUID, delivery: Delivery
    ) -> bool:
        order = await lock_order(connection, number, sites=self.actor.sites)
        this = {"receipt_id": receipt_id, "order_id": order["order_id"]}
        place = await _place(connection, delivery.location, order)
        kept = await _rows(connection, receipt_id)
        if not kept:
            if order["status"] not in ("sent", "closed"):
                raise OrderState(number, order["status"], why="only what was sent can come in")
            added = await fetch(
                connection,
                queries.add_receipt,
                **this,
                location_id=place,
                received_at=delivery.received_at or datetime.now(UTC),
                actor_id=self.actor.actor_id,
            )
            if added:
                await _keep_lines(connection, this, number, delivery)
                await fetch(connection, queries.touch_order, order_id=order["order_id"])
                return True
            # Another order's receipt came under this id between the two looks.
            kept = await _rows(connection, receipt_id)
        different = _differences(delivery, kept, order["order_id"])
        if different:
            raise DifferentReceipt(receipt_id, different)
        return False

    async def _record(self, number: str, row: asyncpg.Record) -> None:
        said: dict[str, Any] = {
            "sku": row["sku"],
            "location": row["location"],
            "lot": row["lot"],
            "occurred_at": row["received_at"],
            "source": _SOURCE,
            "reference": number,
        }
        came = Received(
            **said,
            event_id=row["received_event_id"],
            quantity=row["quantity"],
            expires_on=row["expires_on"],
        )
        events: list[Received | Adjusted] = [came]
        if row["damaged"]:
            broken = Adjusted(
                **said,
                event_id=row["damaged_event_id"],
                reason="damaged",
                quantity_change=-row["damaged"],
            )
            events.append(broken)
        for event in events:
            await self.ledger.record(
                event,
                recorded_by=row["told_by"],
                sites=self.actor.sites,
                allow_late=self.actor.may(Role.MANAGER),
            )


async def _rows(connection: DatabaseConnection, receipt_id: UUID) -> list[asyncpg.Record]:
    return await fetch(connection, queries.list_receipts, receipt_id=receipt_id, order_id=None)


async def _place(connection: DatabaseConnection, location: str, order: asyncpg.Record) -> int:
    places = await fetch(connection, queries.find_place, location=location)
    if not places:
        raise UnknownLocation({"location": location})
    if places[0]["site_id"] != order["site_id"]:
        raise NotItsPlace(location, order["site"])
    place: int = places[0]["location_id"]
    return place


async def _keep_lines(
    connection: DatabaseConnection, this: dict[str, Any], number: str, delivery: Delivery
) -> None:
    ordered = await fetch(connection, queries.list_order_lines, order_id=this["order_id"])
    known = {row["line"] for row in ordered}
    for line in delivery.lines:
        if line.line not in known:
            raise NoSuchOrderLine(number, line.line)
    columns = ("line", "lot", "expires_on", "quantity", "damaged")
    await fetch(
        connection,
        queries.add_receipt_lines,
        **this,
        **{column: [getattr(line, column) for line in delivery.lines] for column in columns},
        received_event_id=[_event_id(this["receipt_id"], line.line) for line in delivery.lines],
        damaged_event_id=[
            _event_id(this["receipt_id"], line.line, "damaged") for line in delivery.lines
        ],
    )


def _event_id(receipt_id: UUID, line: int, what: str = "received") -> UUID:
    return uuid5(receipt_id, f"{line}\n{what}")


def _differences(delivery: Delivery, kept: Sequence[asyncpg.Record], order_id: int) -> list[str]:
    """The fields that were sent and say something else; a time that was left out is no other."""
    first = kept[0]
    columns = ("line", "lot", "expires_on", "quantity", "damaged")
    sent = sorted(tuple(str(getattr(line, name)) for name in columns) for line in delivery.lines)
    held = sorted(tuple(str(row[name]) for name in columns) for row in kept)
    differs = {
        "order": first["order_id"] != order_id,
        "location": first["location"] != delivery.location,
        "received_at": delivery.received_at not in (None, first["received_at"]),
        "lines": sent != held,
    }
    return [name for name, is_other in differs.items() if is_other]


def _with_problems(receipt: Receipt, problems: dict[int, Problem]) -> Receipt:
    lines = [
        line.model_copy(update={"problem": problems[line.line].body()})
        if line.line in problems
        else line
        for line in receipt.lines
    ]
    return receipt.model_copy(update={"lines": lines})
