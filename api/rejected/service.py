"""Rejected events: listed, mended, replayed, discarded. Each repeat of each is safe."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from api.database import DatabaseConnection, DatabasePool
from api.ledger.events import AnyEvent
from api.ledger.reading import event_of_body
from api.ledger.schemas import ProblemDocument, Recorded
from api.ledger.service import Ledger
from api.pagination import encode_cursor
from api.problems import Conflict, Problem, UnprocessableContent
from api.rejected.errors import NoSuchRejectedEvent, OtherEventId, Settled
from api.rejected.schemas import BulkReplayed, RejectedEvent, Replayed, Status, Which
from db.sql import Query, load_queries

_queries = load_queries(__file__)
_URN = "urn:parstock:problem:"
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """A row with its payload and its mended form as JSON text, as they are in the database."""

    event: RejectedEvent
    payload: str
    mended: str | None

    def json(self) -> bytes:
        """The whole, with the payload as it was sent: whatever it is, it is not read again."""
        head = self.event.model_dump_json().removesuffix("}")
        return f'{head},"payload":{self.payload},"mended":{self.mended or "null"}}}'.encode()


async def list_rejected(
    connection: DatabaseConnection, which: Which, *, status: Status | None, after: int, limit: int
) -> list[RejectedEvent]:
    """Rejected events in the order in which they came."""
    kind = which.problem_type
    rows = await _fetch(
        connection,
        _queries.list_rejected,
        status=status,
        after=after,
        limit=limit,
        problem_type=kind and _URN + kind.removeprefix(_URN),
        received_by=which.received_by,
        sku=which.sku,
        sku_as_json=json.dumps(which.sku),
    )
    return [_rejected_event(row) for row in rows]


async def read_rejected(connection: DatabaseConnection, rejected_id: int) -> Kept:
    """One rejected event, whole."""
    rows = await _fetch(connection, _queries.read_rejected, rejected_id=rejected_id)
    if not rows:
        raise NoSuchRejectedEvent(rejected_id)
    return Kept(_rejected_event(rows[0]), rows[0]["payload"], rows[0]["mended"])


async def discard(
    connection: DatabaseConnection, rejected_id: int, *, reason: str, discarded_by: int
) -> RejectedEvent:
    """Settle it without recording it; once, whoever says it first."""
    await _fetch(
        connection,
        _queries.discard,
        rejected_id=rejected_id,
        reason=reason,
        discarded_by=discarded_by,
    )
    kept = await read_rejected(connection, rejected_id)
    if kept.event.status != "discarded":
        raise Settled(rejected_id, kept.event.status)
    return kept.event


@dataclass(frozen=True, slots=True)
class Settler:
    """Records what was rejected, on behalf of a person."""

    ledger: Ledger
    pool: DatabasePool
    tried_by: int
    allow_late: bool = False

    async def mend(self, rejected_id: int, event: AnyEvent) -> Recorded:
        """Record another content under the same event_id."""
        async with self.pool.acquire() as connection:
            kept = await read_rejected(connection, rejected_id)
        mended = event.model_dump_json(exclude_unset=True)
        return await self._record(kept, event, mended, recorded_by=self.tried_by)

    async def replay(self, rejected_id: int) -> Recorded:
        """Record it as it was sent, or as it was mended last."""
        async with self.pool.acquire() as connection:
            kept = await read_rejected(connection, rejected_id)
        try:
            event = event_of_body((kept.mended or kept.payload).encode())
        except UnprocessableContent as problem:
            await self._say_problem(rejected_id, problem)
            raise
        recorded_by = self.tried_by if kept.mended else kept.event.received_by
        return await self._record(kept, event, kept.mended, recorded_by=recorded_by)

    async def replay_all(self, which: Which, *, after: int, limit: int) -> BulkReplayed:
        """Replay what is open and matches; what fails stays open, its problem renewed."""
        async with self.pool.acquire() as connection:
            found = await list_rejected(
                connection, which, status="open", after=after, limit=limit + 1
            )
        chosen = [event.rejected_id for event in found[:limit]]
        results: list[Replayed] = []
        for start in range(0, len(chosen), _AT_ONCE):
            turns = [self._replayed(number) for number in chosen[start : start + _AT_ONCE]]
            results += await asyncio.gather(*turns)
        return BulkReplayed(
            results=results, next_cursor=encode_cursor(chosen[-1]) if len(found) > limit else None
        )

    async def _replayed(self, rejected_id: int) -> Replayed:
        try:
            recorded = await self.replay(rejected_id)
        except (UnprocessableContent, Conflict) as problem:
            told = ProblemDocument.model_validate(problem.body())
            return Replayed(rejected_id=rejected_id, status="open", problem=told)
        return Replayed(rejected_id=rejected_id, status="recorded", recorded=recorded)

    async def _record(
        self, kept: Kept, event: AnyEvent, mended: str | None, *, recorded_by: int
    ) -> Recorded:
        rejected_id = kept.event.rejected_id
        async with self.pool.acquire() as connection:
            tried = await _fetch(
                connection,
                _queries.try_rejected,
                rejected_id=rejected_id,
                event_id=event.event_id,
                mended=mended,
                tried_by=self.tried_by,
            )
            if not tried:
                now = (await read_rejected(connection, rejected_id)).event
                if now.status == "discarded":
                    raise Settled(rejected_id, now.status)
                if now.event_id is not None and now.event_id != event.event_id:
                    raise OtherEventId(now.event_id)
        try:
            recorded = await self.ledger.record(
                event, recorded_by=recorded_by, allow_late=self.allow_late
            )
        except (UnprocessableContent, Conflict) as problem:
            await self._say_problem(rejected_id, problem)
            raise
        if tried:
            async with self.pool.acquire() as connection:
                await _fetch(
                    connection,
                    _queries.say_recorded,
                    rejected_id=rejected_id,
                    tried_by=self.tried_by,
                    mended=mended,
                )
        return recorded

    async def _say_problem(self, rejected_id: int, problem: Problem) -> None:
        async with self.pool.acquire() as connection:
            await _fetch(
                connection, _queries.say_problem, rejected_id=rejected_id, problem=problem.body()
            )


def _rejected_event(row: asyncpg.Record) -> RejectedEvent:
    return RejectedEvent.model_validate(dict(row))


async def _fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows
