"""The rounds of a count: each ends in a review, in another round, or with all of it."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from api.counting.errors import NothingCounted, NotInState, OtherRound, OutsideOfSession
from api.counting.schemas import CountSession, LevelNamed, WholeCountSession
from api.counting.service import (
    fetch,
    locked_session,
    queries,
    read_session,
    require,
    take_step,
)
from api.database import DatabaseConnection
from api.deps import Actor


async def submit(
    connection: DatabaseConnection, count_session_id: UUID, *, count_round: int, actor: Actor
) -> WholeCountSession:
    """End a round of counting; what differs too much is asked for again, once."""
    session = await locked_session(connection, count_session_id, sites=actor.sites)
    if session.state == "open" and session.round == count_round:
        this = {"count_session_id": count_session_id}
        [found] = await fetch(connection, queries.is_counted, **this)
        if not found["is_counted"]:
            raise NothingCounted()
        await fetch(connection, queries.submit, **this)
        await take_step(connection, count_session_id, "submitted", count_round, actor)
        if session.recount_tolerance is not None and count_round == 1:
            tolerance = session.recount_tolerance
            levels = await fetch(connection, queries.find_differing, **this, tolerance=tolerance)
            if levels:
                await _begin_round(connection, session, levels, actor)
    elif session.round < count_round:
        raise OtherRound(session.round)
    elif session.state == "cancelled":
        raise NotInState(session.state, expected="open")
    return await read_session(connection, count_session_id, sites=actor.sites)


async def ask_again(
    connection: DatabaseConnection,
    count_session_id: UUID,
    levels: Sequence[LevelNamed],
    *,
    count_round: int,
    actor: Actor,
) -> WholeCountSession:
    """Have some levels of a session in review counted again, in the next round."""
    session = await locked_session(connection, count_session_id, sites=actor.sites)
    named = [(level.location or session.location, level.sku, level.lot or "") for level in levels]
    if session.state == "review" and session.round == count_round:
        found = await fetch(
            connection,
            queries.find_levels,
            count_session_id=count_session_id,
            locations=[location for location, _, _ in named],
            skus=[sku for _, sku, _ in named],
            lots=[lot for _, _, lot in named],
        )
        missing = set(range(len(named))) - {level["number"] for level in found}
        if missing:
            raise OutsideOfSession(f"levels/{min(missing)}", named[min(missing)][1])
        await _begin_round(connection, session, found, actor)
    elif session.round != count_round + 1 or set(named) != await _asked(connection, session):
        require(session, "review", count_round)
        raise OtherRound(session.round)
    return await read_session(connection, count_session_id, sites=actor.sites)


async def _asked(
    connection: DatabaseConnection, session: CountSession
) -> set[tuple[str, str, str]]:
    this = {"count_session_id": session.count_session_id, "round": session.round}
    rows = await fetch(connection, queries.list_asked, **this)
    return {(row["location"], row["sku"], row["lot"]) for row in rows}


async def _begin_round(
    connection: DatabaseConnection,
    session: CountSession,
    levels: Sequence[asyncpg.Record],
    actor: Actor,
) -> None:
    following = {"count_session_id": session.count_session_id, "round": session.round + 1}
    await fetch(connection, queries.begin_round, **following)
    await fetch(
        connection,
        queries.ask_again,
        **following,
        location_ids=[level["location_id"] for level in levels],
        product_ids=[level["product_id"] for level in levels],
        lots=[level["lot"] for level in levels],
    )
    await take_step(connection, session.count_session_id, "recount", session.round + 1, actor)


async def cancel(
    connection: DatabaseConnection, count_session_id: UUID, *, reason: str | None, actor: Actor
) -> WholeCountSession:
    """End a session without an effect on stock; what was counted is kept."""
    session = await locked_session(connection, count_session_id, sites=actor.sites)
    if session.state in ("open", "review"):
        values = {"count_session_id": count_session_id, "state": "cancelled"}
        await fetch(connection, queries.set_state, **values)
        await take_step(
            connection, count_session_id, "cancelled", session.round, actor, reason=reason
        )
    elif session.state != "cancelled":
        raise NotInState(session.state, expected="open or in review")
    return await read_session(connection, count_session_id, sites=actor.sites)
