"""A count is approved: what was counted goes into the ledger, and what was before it is closed.

Three steps, each of which may be the last before the process ends: the review is kept as it stands
(approving), each level is recorded under an id that follows from session and level, the session is
closed. To approve again goes on where it ended, and counts nothing twice.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID, uuid5

import asyncpg

from api.counting.schemas import CountSession, WholeCountSession
from api.counting.service import (
    fetch,
    locked_session,
    queries,
    read_session,
    require,
    take_step,
)
from api.database import DatabaseConnection, DatabasePool
from api.deps import Actor
from api.ledger.events import Counted
from api.ledger.service import Ledger, close_counts
from api.problems import Conflict, Problem, UnprocessableContent

_AT_ONCE = 50
_REFUSALS = (UnprocessableContent, Conflict)


@dataclass(frozen=True, slots=True)
class Approval:
    """Ends one session, on behalf of a manager."""

    ledger: Ledger
    pool: DatabasePool
    actor: Actor

    async def approve(self, count_session_id: UUID, *, count_round: int) -> WholeCountSession:
        """Record what was counted and close the session; twice, the first answer."""
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                session = await self._begin(connection, count_session_id, count_round)
            this = {"count_session_id": count_session_id}
            levels = await fetch(connection, queries.list_to_record, **this)
        problems = [] if session.state == "closed" else await self._record_all(session, levels)
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                await self._close(connection, session, levels, problems)
            return await read_session(connection, count_session_id, sites=self.actor.sites)

    async def _begin(
        self, connection: DatabaseConnection, count_session_id: UUID, count_round: int
    ) -> CountSession:
        session = await locked_session(connection, count_session_id, sites=self.actor.sites)
        if session.state in ("approving", "closed") and session.round == count_round:
            return session
        require(session, "review", count_round)
        await _keep_results(connection, session)
        begun = {"count_session_id": count_session_id, "approved_by": self.actor.actor_id}
        await fetch(connection, queries.begin_approval, **begun)
        await take_step(connection, count_session_id, "approved", count_round, self.actor)
        return session.model_copy(update={"state": "approving", "approved_by": self.actor.actor_id})

    async def _record_all(
        self, session: CountSession, levels: list[asyncpg.Record]
    ) -> list[Problem | None]:
        """Record each level; answers why the ledger does not take it, where it does not.

        Raises, once the others are through, where the ledger is not there.
        """
        problems: list[Problem | None] = []
        for start in range(0, len(levels), _AT_ONCE):
            turns = [self._record(session, level) for level in levels[start : start + _AT_ONCE]]
            for outcome in await asyncio.gather(*turns, return_exceptions=True):
                # Its product became a kit since, say: the rest of the count is as good as it was.
                if outcome is not None and not isinstance(outcome, _REFUSALS):
                    raise outcome
                problems.append(outcome)
        return problems

    async def _record(self, session: CountSession, level: asyncpg.Record) -> None:
        event = Counted(
            event_id=level["event_id"],
            sku=level["sku"],
            location=level["location"],
            lot=level["lot"],
            quantity=level["quantity"],
            occurred_at=level["counted_at"],
            source="count-session",
            reference=str(session.count_session_id),
        )
        recorded_by = session.approved_by or self.actor.actor_id
        await self.ledger.record(event, recorded_by=recorded_by, allow_late=True)

    async def _close(
        self,
        connection: DatabaseConnection,
        session: CountSession,
        levels: list[asyncpg.Record],
        problems: list[Problem | None],
    ) -> None:
        this = {"count_session_id": session.count_session_id}
        now = await locked_session(connection, session.count_session_id, sites=self.actor.sites)
        if now.state != "approving":
            return
        counts = []
        for level, problem in zip(levels, problems, strict=True):
            if problem is None:
                place = level["product_id"], level["location_id"], level["lot"]
                counts.append((*place, level["counted_at"]))
            else:
                refused = {"event_id": level["event_id"], "refused": problem.body()}
                await fetch(connection, queries.say_refused, **this, **refused)
        await close_counts(connection, counts)
        await fetch(connection, queries.set_state, **this, state="closed")
        await take_step(connection, session.count_session_id, "closed", now.round, self.actor)


async def _keep_results(connection: DatabaseConnection, session: CountSession) -> None:
    """The review as it stands, with the id of the event that each level leads to."""
    rows = await fetch(
        connection,
        queries.list_levels,
        count_session_id=session.count_session_id,
        only=None,
        limit=None,
        **dict.fromkeys(("after_location", "after_sku", "after_lot")),
    )
    columns = ("location_id", "product_id", "lot", "round", "lines", "counted", "counted_at")
    await fetch(
        connection,
        queries.keep_results,
        count_session_id=session.count_session_id,
        **{column: [row[column] for row in rows] for column in (*columns, "expected")},
        event_id=[_event_id(session, row) for row in rows],
    )


def _event_id(session: CountSession, row: asyncpg.Record) -> UUID | None:
    """None where the level is left alone, as is what carries no lot beside counted lots."""
    if row["counted"] is None and (session.uncounted == "left_alone" or row["is_rest"]):
        return None
    return uuid5(session.count_session_id, f"{row['location']}\n{row['sku']}\n{row['lot']}")
