"""What was counted beside what the book held at that moment, to whoever may see it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from api.counting.errors import BookNotShown
from api.counting.schemas import CountLevel, CountSession, Only
from api.counting.service import fetch, find_session, queries
from api.database import DatabaseConnection
from api.deps import Actor, Role
from api.pagination import MAXIMUM_LIMIT
from api.spreadsheet import UTF_8_MARK, csv_line

Key = tuple[str, str, str]
_OF_THE_BOOK = {"expected": None, "variance": None}
_COLUMNS = (
    "location", "sku", "lot", "counted", "expected", "variance", "counted_at", "round", "lines",
    "to_recount", "outcome", "event_id",
)  # fmt: skip


def shows_the_book(session: CountSession, actor: Actor) -> bool:
    """Whether someone may know what the count should find."""
    return actor.may(Role.MANAGER) or not session.blind or session.state != "open"


async def list_levels(
    connection: DatabaseConnection,
    count_session_id: UUID,
    *,
    only: Only | None,
    after: Key | None,
    limit: int,
    actor: Actor,
) -> list[CountLevel]:
    """Levels in order of place, sku and lot; of a blind count those that were counted, alone."""
    session = await find_session(connection, count_session_id, sites=actor.sites)
    is_shown = shows_the_book(session, actor)
    if not is_shown and only in ("differing", "uncounted"):
        raise BookNotShown()
    location, sku, lot = after or (None, None, None)
    rows = await fetch(
        connection,
        queries.list_levels,
        count_session_id=count_session_id,
        only=only or (None if is_shown else "counted"),
        after_location=location,
        after_sku=sku,
        after_lot=lot,
        limit=limit,
    )
    return [_level(row, {} if is_shown else _OF_THE_BOOK) for row in rows]


def key_of(level: CountLevel) -> Key:
    """What a cursor holds of a level."""
    return level.location, level.sku, level.lot or ""


async def levels_as_csv(
    connection: DatabaseConnection, count_session_id: UUID, *, actor: Actor
) -> str:
    """Every level."""
    lines = [UTF_8_MARK + csv_line(_COLUMNS)]
    after: Key | None = None
    while True:
        levels = await list_levels(
            connection,
            count_session_id,
            only=None,
            after=after,
            limit=MAXIMUM_LIMIT,
            actor=actor,
        )
        for level in levels:
            told = level.model_dump(mode="json")
            lines.append(csv_line(told[column] for column in _COLUMNS))
        if len(levels) < MAXIMUM_LIMIT:
            return "".join(lines)
        after = key_of(levels[-1])


def _level(row: asyncpg.Record, hidden: Mapping[str, Any]) -> CountLevel:
    told: dict[str, Any] = {name: row[name] for name in CountLevel.model_fields} | dict(hidden)
    told["lot"] = row["lot"] or None
    if row["counted"] is None and row["outcome"] != "zeroed":
        told["counted_at"] = None
    return CountLevel(**told)
