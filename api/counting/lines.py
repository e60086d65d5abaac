"""What counters enter: each line once, however often it is sent."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from api.catalog.recipes import find_recipes
from api.catalog.service import find_products
from api.counting.errors import (
    CountedOtherwise,
    DifferentCountLine,
    ForeignLine,
    NoSuchCountLine,
    NotInState,
    NotToRecount,
    OtherRound,
    OutsideOfSession,
)
from api.counting.schemas import CountLine, CountLineEntry, CountSession
from api.counting.service import fetch, find_session, locked_session, queries
from api.database import DatabaseConnection
from api.deps import Actor, Role, Sites
from api.ledger.errors import KitNotStocked, ParentNotStocked, UnknownLocation, UnknownSku
from api.ledger.events import MAXIMUM_QUANTITY
from api.ledger.keys import by_our_clock
from api.problems import invalid_field
from api.settings import LedgerSettings

_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Clock:
    """When a line came in, and how far from that it may have been counted."""

    received_at: datetime
    tolerance: timedelta
    late: timedelta

    @classmethod
    def now(cls, settings: LedgerSettings) -> "Clock":
        tolerance = timedelta(seconds=settings.clock_tolerance_s)
        return cls(datetime.now(UTC), tolerance, timedelta(days=settings.late_days))

    def counted_at(self, entry: CountLineEntry) -> datetime:
        """The moment of a count by our clock."""
        moment = by_our_clock(
            entry.counted_at,
            sent_at=entry.sent_at,
            received_at=self.received_at,
            tolerance=self.tolerance,
        )
        if moment > self.received_at + _AHEAD:
            raise invalid_field("#/counted_at", "Expected a time that is at most 5 minutes ahead")
        if moment < self.received_at - self.late:
            days = self.late / timedelta(days=1)
            raise invalid_field("#/counted_at", f"Expected a time of the last {days:g} days")
        return min(moment, self.received_at)


async def enter(
    connection: DatabaseConnection,
    count_session_id: UUID,
    line_id: UUID,
    entry: CountLineEntry,
    *,
    actor: Actor,
    clock: Clock,
) -> tuple[CountLine, bool]:
    """Keep a line; False where it is there already, whatever became of the session since."""
    session = await locked_session(connection, count_session_id, sites=actor.sites)
    kept = await _find(connection, count_session_id, line_id)
    if kept is not None:
        return _same(kept, entry, line_id), False
    if session.state != "open":
        raise NotInState(session.state, expected="open")
    if session.round != entry.round:
        raise OtherRound(session.round)
    product_id, location_id = await _level(connection, session, entry)
    entered = await fetch(
        connection,
        queries.enter_line,
        line_id=line_id,
        count_session_id=count_session_id,
        round=entry.round,
        location_id=location_id,
        product_id=product_id,
        lot=entry.lot or "",
        quantity=entry.quantity,
        counted_at=clock.counted_at(entry),
        counted_at_sent=entry.counted_at,
        entered_by=actor.actor_id,
    )
    found = await _find(connection, count_session_id, line_id)
    if not entered or found is None:  # a line of another session has that id
        raise DifferentCountLine(line_id, ["line_id"])
    return _line(found), True


async def _level(
    connection: DatabaseConnection, session: CountSession, entry: CountLineEntry
) -> tuple[int, int]:
    """The product and the place of a line, which the session has to cover."""
    location = entry.location or session.location
    product = (await find_products(connection, [entry.sku])).get(entry.sku)
    if product is None:
        raise UnknownSku(entry.sku)
    product_id: int = product["product_id"]
    if product["is_parent"]:
        raise ParentNotStocked(entry.sku)
    if (await find_recipes(connection, [product_id])).get(product_id) is not None:
        raise KitNotStocked(entry.sku, "counts")
    found = await fetch(
        connection,
        queries.look_at_place,
        count_session_id=session.count_session_id,
        location=location,
        product_id=product_id,
        lot=entry.lot or "",
    )
    if not found:
        raise UnknownLocation({"location": location})
    [place] = found
    if not place["is_inside"]:
        raise OutsideOfSession("location", location)
    if not place["is_listed"]:
        raise OutsideOfSession("sku", entry.sku)
    if not place["is_to_count"]:
        raise NotToRecount(entry.sku, location)
    if place["is_counted_otherwise"]:
        raise CountedOtherwise(entry.sku, location, by_lot=entry.lot is None)
    if place["counted"] + entry.quantity > MAXIMUM_QUANTITY:
        raise invalid_field("#/quantity", f"Expected at most {MAXIMUM_QUANTITY:,} with all lines")
    location_id: int = place["location_id"]
    return product_id, location_id


async def withdraw(
    connection: DatabaseConnection, count_session_id: UUID, line_id: UUID, *, actor: Actor
) -> None:
    """A line counts no more, and stays; saying so twice changes nothing."""
    session = await locked_session(connection, count_session_id, sites=actor.sites)
    line = await _find(connection, count_session_id, line_id)
    if line is None:
        raise NoSuchCountLine(line_id)
    if line["entered_by"] != actor.actor_id and not actor.may(Role.MANAGER):
        raise ForeignLine()
    if line["withdrawn_at"] is not None:
        return
    if session.state != "open":
        raise NotInState(session.state, expected="open")
    if session.round != line["round"]:
        raise OtherRound(session.round)
    await fetch(connection, queries.withdraw_line, line_id=line_id, withdrawn_by=actor.actor_id)


async def list_lines(
    connection: DatabaseConnection, count_session_id: UUID, *, after: int, limit: int, sites: Sites
) -> list[tuple[int, CountLine]]:
    """Lines with their numbers, in the order in which they came, withdrawn ones too."""
    await find_session(connection, count_session_id, sites=sites)
    rows = await fetch(
        connection,
        queries.list_lines,
        count_session_id=count_session_id,
        line_id=None,
        after=after,
        limit=limit,
    )
    return [(row["number"], _line(row)) for row in rows]


async def _find(
    connection: DatabaseConnection, count_session_id: UUID, line_id: UUID
) -> asyncpg.Record | None:
    rows = await fetch(
        connection,
        queries.list_lines,
        count_session_id=count_session_id,
        line_id=line_id,
        after=0,
        limit=1,
    )
    return rows[0] if rows else None


def _same(kept: asyncpg.Record, entry: CountLineEntry, line_id: UUID) -> CountLine:
    """The line as it is kept, where what is sent is that; a repeat may say less."""
    sent = entry.model_dump(exclude_unset=True, exclude={"sent_at", "counted_at"})
    different = [name for name, value in sent.items() if value != kept[name]]
    if entry.counted_at != kept["counted_at_sent"]:
        different.append("counted_at")
    if "location" in different and entry.location is None:
        different.remove("location")
    if different:
        raise DifferentCountLine(line_id, different)
    return _line(kept)


def _line(row: asyncpg.Record) -> CountLine:
    return CountLine(**{name: row[name] for name in CountLine.model_fields})
