"""The ledger as everyone reads on from it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from api.database import DatabaseConnection
from api.feed.errors import EpochChanged, NoSuchEvent
from api.feed.schemas import Feed, Filters, Movement, Order, ToldEvent
from api.feed.window import Bookmark, Window
from api.settings import FeedSettings
from db.sql import Query, load_queries

_queries = load_queries(__file__)
# A filter looks at a few positions for each event that it may find, then at more at a time.
_FIRST_WIDTH, _WIDER = 4, 8
_LEGS = {
    "sku": "leg_skus",
    "location": "leg_locations",
    "site": "leg_sites",
    "lot": "leg_lots",
    "on_hand_change": "on_hand_changes",
    "reserved_change": "reserved_changes",
    "on_hand": "on_hands_after",
    "reserved": "reserveds_after",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks for; `sites` bounds what the reader may see."""

    filters: Filters
    limit: int
    cursor: str | None = None
    order: Order = "oldest"
    sites: frozenset[str] | None = None

    @property
    def by_place(self) -> bool:
        asked = self.filters
        return bool(asked.location or asked.site) or self.sites is not None

    @property
    def is_filtered(self) -> bool:
        asked = (getattr(self.filters, name) for name in Filters.model_fields)
        return self.sites is not None or any(value not in (None, []) for value in asked)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one reading found, and whether there was nothing more."""

    feed: Feed
    epoch: str
    is_at_end: bool


async def read_feed(
    connection: DatabaseConnection, question: Question, settings: FeedSettings
) -> Stretch:
    """Events from a cursor on; each is there for ever.

    What the filters leave out is looked at for a bounded time, and the cursor passes it.
    """
    epoch, head = await _head(connection)
    bookmark = Bookmark.at(question.cursor, order=question.order, epoch=epoch, head=head)
    lowest, highest = await _bounds(connection, question.filters, head=head)
    newest = question.order == "newest"
    items: list[ToldEvent] = []
    until = time.monotonic() + settings.scan_for_s
    for width in _widths(question, settings):
        window = bookmark.window(width, lowest=lowest, highest=highest)
        if window.is_empty:
            bookmark = bookmark.moved(0 if newest else max(head, bookmark.position))
            return Stretch(Feed(items=items, next_cursor=bookmark.cursor), epoch, is_at_end=True)
        wanted = question.limit - len(items)
        found = await _read_window(connection, question, window, wanted, epoch=epoch)
        items += found
        is_full = len(found) == wanted
        beyond = window.first if newest else window.last
        bookmark = bookmark.moved(found[-1].position if is_full else beyond)
        if is_full or time.monotonic() >= until:
            break
    return Stretch(Feed(items=items, next_cursor=bookmark.cursor), epoch, is_at_end=False)


async def check_cursor(connection: DatabaseConnection, question: Question) -> None:
    """Raise what is wrong with a cursor, before an answer begins."""
    epoch, head = await _head(connection)
    Bookmark.at(question.cursor, order=question.order, epoch=epoch, head=head)


def _widths(question: Question, settings: FeedSettings) -> Iterator[int]:
    # Positions have no gaps, so without a filter the first window has all that is wanted.
    width = question.limit * (_FIRST_WIDTH if question.is_filtered else 1)
    while True:
        yield min(width, settings.scan_positions)
        width = min(width * _WIDER, settings.scan_positions)


async def _head(connection: DatabaseConnection) -> tuple[str, int]:
    [told] = await connection.fetch(_queries.read_head.positional)
    return told["epoch"].hex, told["head"]


async def _bounds(
    connection: DatabaseConnection, filters: Filters, *, head: int
) -> tuple[int, int]:
    """The positions between which the times allow anything to be found."""
    # Nothing is recorded before it occurred.
    begins = [moment for moment in (filters.recorded_from, filters.occurred_from) if moment]
    if not begins and filters.recorded_to is None:
        return 1, head
    [found] = await _fetch(
        connection,
        _queries.find_bounds,
        recorded_from=max(begins, default=None),
        recorded_to=filters.recorded_to,
    )
    lowest, highest = found["lowest"], found["highest"]
    return lowest, head if highest is None else highest


async def _read_window(
    connection: DatabaseConnection, question: Question, window: Window, limit: int, *, epoch: str
) -> list[ToldEvent]:
    asked = question.filters
    rows = await _fetch(
        connection,
        _queries.read_feed,
        first=window.first,
        last=window.last,
        direction=-1 if question.order == "newest" else 1,
        limit=limit,
        by_product=asked.sku is not None,
        by_place=question.by_place,
        sku=asked.sku,
        location=asked.location,
        site=asked.site,
        sites=sorted(question.sites) if question.sites is not None else None,
        event_types=asked.event_type or None,
        recorded_by=asked.recorded_by,
        source=asked.source,
        reference=asked.reference,
        occurred_from=asked.occurred_from,
        occurred_to=asked.occurred_to,
    )
    if rows[0]["epoch"].hex != epoch:
        raise EpochChanged()
    return [_told_event(row, question.sites) for row in rows if row["position"] is not None]


async def read_event(
    connection: DatabaseConnection, event_id: UUID, *, sites: frozenset[str] | None = None
) -> ToldEvent:
    """One event as the feed tells it."""
    rows = await _fetch(connection, _queries.read_told_by_id, event_id=event_id)
    if not rows or not (sites is None or sites.intersection(rows[0]["leg_sites"])):
        raise NoSuchEvent(event_id)
    return _told_event(rows[0], sites)


def _told_event(row: asyncpg.Record, sites: frozenset[str] | None) -> ToldEvent:
    fields = dict(row)
    legs = zip(*(row[column] or () for column in _LEGS.values()), strict=True)
    told = [Movement.model_validate(dict(zip(_LEGS, leg, strict=True))) for leg in legs]
    # What another site has is none of a reader's business, only that stock went there or came.
    fields["movements"] = movements = [
        movement for movement in told if sites is None or movement.site in sites
    ]
    seen = {movement.location for movement in movements}
    fields["warnings"] = [
        warning
        for warning in row["warnings"] or []
        if sites is None or warning.get("location") in seen
    ]
    return ToldEvent.model_validate(fields)


async def _fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows
