"""Purchase orders from draft to their end; what comes in is in receiving.py."""

from collections import Counter
from datetime import date
from itertools import groupby
from typing import Any

import asyncpg

from api.database import DatabaseConnection
from api.deps import Actor, Sites
from api.purchasing.approving import fetch, queries
from api.purchasing.errors import (
    NoSuchOrder,
    NoSuchOrderLine,
    NotWholePacks,
    OrderState,
    StaleOrder,
)
from api.purchasing.minimums import list_short_orders
from api.purchasing.order_schemas import (
    OrderLine,
    OrderQuestion,
    PurchaseOrder,
    Receipt,
    ReceiptLine,
    Total,
    WholePurchaseOrder,
)

Versions = frozenset[int] | None
_NO_FILTER = dict.fromkeys(("supplier", "site", "before", "status"))


async def list_orders(
    connection: DatabaseConnection, asked: OrderQuestion, *, before: int | None, sites: Sites
) -> list[tuple[int, PurchaseOrder]]:
    """Orders with their ids, the newest first; one more than were asked for."""
    rows = await fetch(
        connection,
        queries.list_orders,
        number=None,
        sites=sites,
        **asked.model_dump(include={"status", "supplier", "site"}),
        before=before,
        limit=asked.limit + 1,
    )
    return [(row["order_id"], PurchaseOrder(**_told(row))) for row in rows]


async def read_order(
    connection: DatabaseConnection, number: str, *, sites: Sites
) -> WholePurchaseOrder:
    """One order, with its lines and what came of them."""
    found = await fetch(
        connection, queries.list_orders, number=number, sites=sites, **_NO_FILTER, limit=1
    )
    if not found:
        raise NoSuchOrder(number)
    this = {"order_id": found[0]["order_id"]}
    lines = [OrderLine(**row) for row in await fetch(connection, queries.list_order_lines, **this)]
    receipts = await fetch(connection, queries.list_receipts, **this, receipt_id=None)
    asked_for = [line for line in lines if not line.is_closed]
    short = []
    if found[0]["status"] == "draft" and asked_for:
        these = {name: found[0][name] for name in ("supplier", "site")}
        short = await list_short_orders(connection, sites=sites, **these, as_drafted=True)
    return WholePurchaseOrder(
        **_told(found[0]),
        order_lines=lines,
        totals=_totals(asked_for),
        lines_without_a_price=sum(line.cost is None for line in asked_for),
        receipts=receipts_of(receipts),
        below_minimum=short[0] if short else None,
    )


async def list_places(
    connection: DatabaseConnection, number: str, *, sites: Sites, limit: int
) -> list[asyncpg.Record]:
    """Where the goods of an order can be put, what does not sell first."""
    found = await fetch(
        connection, queries.list_orders, number=number, sites=sites, **_NO_FILTER, limit=1
    )
    if not found:
        raise NoSuchOrder(number)
    this = {"order_id": found[0]["order_id"], "limit": limit}
    return await fetch(connection, queries.list_places_of_order, **this)


def receipts_of(rows: list[asyncpg.Record]) -> list[Receipt]:
    """The rows of `list_receipts`, a receipt each."""
    return [
        Receipt(
            receipt_id=receipt_id,
            location=its[0]["location"],
            received_at=its[0]["received_at"],
            lines=[
                ReceiptLine(**{name: row[name] for name in ReceiptLine.model_fields if name in row})
                for row in its
            ],
        )
        for receipt_id, grouped in groupby(rows, key=lambda row: row["receipt_id"])
        if (its := list(grouped))
    ]


def _told(row: asyncpg.Record) -> dict[str, Any]:
    return {name: row[name] for name in PurchaseOrder.model_fields}


def _totals(lines: list[OrderLine]) -> list[Total]:
    amounts: Counter[str] = Counter()
    for line in lines:
        if line.currency is not None and line.cost is not None:
            amounts[line.currency] += line.cost
    return [Total(currency=currency, amount=amounts[currency]) for currency in sorted(amounts)]


async def set_quantity(
    connection: DatabaseConnection,
    number: str,
    line: int,
    quantity: int,
    *,
    versions: Versions,
    actor: Actor,
) -> WholePurchaseOrder:
    """Another quantity in a draft, in whole packs."""
    order = await _locked(connection, number, versions, actor)
    _require(order, "draft", why="only a draft takes another quantity; close the line instead")
    kept = await _line(connection, order, line)
    if quantity % kept.pack_size:
        raise NotWholePacks(kept.pack_size)
    await fetch(
        connection,
        queries.set_line_quantity,
        order_id=order["order_id"],
        line=line,
        quantity=quantity,
    )
    return await _touched(connection, order, actor)


async def close_line(
    connection: DatabaseConnection, number: str, line: int, *, versions: Versions, actor: Actor
) -> WholePurchaseOrder:
    """Nothing more of this line is wanted, or will come."""
    order = await _locked(connection, number, versions, actor)
    _require(order, "draft", "sent", why="it has ended already")
    await _line(connection, order, line)
    await fetch(connection, queries.close_lines, order_id=order["order_id"], line=line)
    return await _touched(connection, order, actor)


async def send(
    connection: DatabaseConnection, number: str, *, versions: Versions, actor: Actor
) -> tuple[WholePurchaseOrder, bool]:
    """The supplier has it from now on; False where it was sent before, which changes nothing."""
    order = await lock_order(connection, number, sites=actor.sites)
    whole = await read_order(connection, number, sites=actor.sites)
    if order["status"] == "sent":
        return whole, False
    _require_version(order, versions)
    _require(order, "draft", why="only a draft is sent")
    if not whole.open_lines:
        raise OrderState(number, "draft", why="it has no line left to send")
    await fetch(connection, queries.send_order, order_id=order["order_id"])
    return await read_order(connection, number, sites=actor.sites), True


async def cancel(
    connection: DatabaseConnection,
    number: str,
    *,
    reason: str | None,
    versions: Versions,
    actor: Actor,
) -> WholePurchaseOrder:
    """End an order of which nothing came; once more changes nothing."""
    order = await lock_order(connection, number, sites=actor.sites)
    whole = await read_order(connection, number, sites=actor.sites)
    if order["status"] == "cancelled":
        return whole
    _require_version(order, versions)
    _require(order, "draft", "sent", why="it has ended already")
    if any(line.received for line in whole.order_lines):
        raise OrderState(number, whole.status, why="some of it came; close it instead")
    await _end(connection, order, "cancelled", reason)
    return await read_order(connection, number, sites=actor.sites)


async def close(
    connection: DatabaseConnection,
    number: str,
    *,
    reason: str | None,
    versions: Versions,
    actor: Actor,
) -> WholePurchaseOrder:
    """End an order short, what has not come is not waited for; once more changes nothing."""
    order = await lock_order(connection, number, sites=actor.sites)
    if order["status"] == "closed":
        return await read_order(connection, number, sites=actor.sites)
    _require_version(order, versions)
    _require(order, "sent", why="only what was sent is closed")
    await _end(connection, order, "closed", reason)
    return await read_order(connection, number, sites=actor.sites)


async def expect(
    connection: DatabaseConnection,
    number: str,
    expected_on: date,
    *,
    versions: Versions,
    actor: Actor,
) -> WholePurchaseOrder:
    """Still coming, on that day."""
    order = await _locked(connection, number, versions, actor)
    _require(order, "sent", why="only what was sent is expected")
    this = {"order_id": order["order_id"], "expected_on": expected_on}
    await fetch(connection, queries.expect_order, **this)
    return await read_order(connection, number, sites=actor.sites)


async def lock_order(
    connection: DatabaseConnection, number: str, *, sites: Sites
) -> asyncpg.Record:
    """An order that nobody else changes meanwhile."""
    rows = await fetch(connection, queries.lock_order, number=number, sites=sites)
    if not rows:
        raise NoSuchOrder(number)
    return rows[0]


async def _locked(
    connection: DatabaseConnection, number: str, versions: Versions, actor: Actor
) -> asyncpg.Record:
    order = await lock_order(connection, number, sites=actor.sites)
    _require_version(order, versions)
    return order


def _require_version(order: asyncpg.Record, versions: Versions) -> None:
    if versions is not None and order["version"] not in versions:
        raise StaleOrder(order["number"], order["version"])


def _require(order: asyncpg.Record, *statuses: str, why: str) -> None:
    if order["status"] not in statuses:
        raise OrderState(order["number"], order["status"], why=why)


async def _line(connection: DatabaseConnection, order: asyncpg.Record, line: int) -> OrderLine:
    rows = await fetch(connection, queries.list_order_lines, order_id=order["order_id"])
    for row in rows:
        if row["line"] == line:
            return OrderLine(**row)
    raise NoSuchOrderLine(order["number"], line)


async def _end(
    connection: DatabaseConnection, order: asyncpg.Record, status: str, reason: str | None
) -> None:
    this = {"order_id": order["order_id"], "status": status, "reason": reason}
    await fetch(connection, queries.end_order, **this)


async def _touched(
    connection: DatabaseConnection, order: asyncpg.Record, actor: Actor
) -> WholePurchaseOrder:
    await fetch(connection, queries.touch_order, order_id=order["order_id"])
    return await read_order(connection, order["number"], sites=actor.sites)
