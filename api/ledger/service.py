"""The ledger as everyone records through it."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.database import DatabaseConnection, DatabasePool, make_pool
from api.deps import Sites
from api.ledger.errors import (
    LedgerBusy,
    LedgerUnavailable,
    SystemReason,
    TooFarAhead,
    TooLate,
)
from api.ledger.events import AnyEvent, OpeningBalance
from api.ledger.keys import Keys
from api.ledger.known import Entry
from api.ledger.schemas import Recorded, RowResult, StockLevel
from api.ledger.writer import Request, Writer
from api.problems import Problem
from api.settings import LedgerSettings
from db.sql import load_queries

_queries = load_queries(__file__)
_AHEAD = timedelta(minutes=5)
_EVENT_BYTES = 400


class Ledger:
    """Records events through the one supervised writer of this process."""

    def __init__(
        self, pool: DatabasePool, database_url: str, *, settings: LedgerSettings | None = None
    ) -> None:
        self._settings = settings or LedgerSettings()
        self._pool = pool
        self._keys = Keys(pool, self._settings)
        self.writer = Writer(database_url, self._settings, on_lost=self._keys.forget)
        self._events_inside = 0
        self._bytes_inside = 0

    def start(self) -> None:
        self.writer.start()

    async def stop(self) -> None:
        await self.writer.stop()

    def require_room(self, events: int, size: int) -> None:
        """Raise where there is none, before anything is made of what was sent."""
        if (
            self._events_inside + events > self._settings.queue_events
            or self._bytes_inside + size > self._settings.queue_bytes
        ) and self._events_inside:
            raise LedgerBusy()

    @contextmanager
    def room_for(self, events: int, size: int) -> Iterator[None]:
        """What is inside is bounded by count and bytes; then it is 503."""
        self.require_room(events, size)
        self._events_inside += events
        self._bytes_inside += size
        try:
            yield
        finally:
            self._events_inside -= events
            self._bytes_inside -= size

    async def record(
        self,
        event: AnyEvent,
        *,
        recorded_by: int,
        sites: Sites = None,
        allow_late: bool = False,
    ) -> Recorded:
        """Record one event, or raise why not; a repeat gets the first answer.

        `sites`: where its sender may act, None for everywhere. `allow_late`: a manager says so.
        """
        self.require_room(1, _EVENT_BYTES)
        self._events_inside += 1
        self._bytes_inside += _EVENT_BYTES
        try:
            [entry] = await self._looked_up(
                (event,), recorded_by=recorded_by, sites=sites, allow_late=allow_late
            )
            if isinstance(entry, Problem):
                raise entry
            await self.writer.submit([entry], bulk=False).answered
            return _recorded(entry)
        finally:
            self._events_inside -= 1
            self._bytes_inside -= _EVENT_BYTES

    async def record_batch(
        self,
        events: Sequence[AnyEvent],
        *,
        recorded_by: int,
        sites: Sites = None,
        history: bool = False,
    ) -> list[RowResult]:
        """Record a list of any length, chunk by chunk; one result an event, in its order.

        `history`: an import of what happened long ago may open balances, and keeps its rejects
        itself. Raises only where the ledger cannot answer; sent again, each event counts once.
        """
        results = await self.write_rows(
            events, recorded_by=recorded_by, sites=sites, history=history
        )
        if not history:
            rejects = [
                (event.event_id, event.model_dump_json(exclude_unset=True), result.problem)
                for event, result in zip(events, results, strict=True)
                if result.problem is not None
            ]
            await self.keep_rejected(rejects, received_by=recorded_by)
        return results

    async def write_rows(
        self,
        events: Sequence[AnyEvent],
        *,
        recorded_by: int,
        sites: Sites = None,
        history: bool = False,
    ) -> list[RowResult]:
        """`record_batch` without keeping the rejected."""
        size = self._settings.chunk_events
        results: list[RowResult] = []
        before: tuple[list[Entry | Problem], Request] | None = None
        for start in range(0, len(events), size):
            chunk = events[start : start + size]
            # The next chunk is looked up while the one before is being written.
            looked_up = await self._looked_up(
                chunk, recorded_by=recorded_by, sites=sites, history=history
            )
            entries = [entry for entry in looked_up if isinstance(entry, Entry)]
            request = self.writer.submit(entries, bulk=True)
            if before is not None:
                results += await self._results(*before)
            before = looked_up, request
        if before is not None:
            results += await self._results(*before)
        return results

    async def keep_rejected(
        self, rejects: Sequence[tuple[UUID | None, str, Problem]], *, received_by: int
    ) -> None:
        """Keep whole what a machine sent in bulk and the ledger could not take, but for a 409."""
        kept = [reject for reject in rejects if reject[2].status == 422]
        if kept:
            values = {
                "event_id": [event_id for event_id, _, _ in kept],
                "payload": [payload for _, payload, _ in kept],
                "problem": [json.dumps(problem.body()) for _, _, problem in kept],
                "received_by": received_by,
            }
            query = _queries.keep_rejected
            async with self._pool.acquire() as connection:
                await connection.execute(query.positional, *query.arguments(values))

    async def _looked_up(
        self,
        events: Sequence[AnyEvent],
        *,
        recorded_by: int,
        sites: Sites = None,
        history: bool = False,
        allow_late: bool = False,
    ) -> list[Entry | Problem]:
        now = datetime.now(UTC)
        entries = await self._keys.entries(
            events, recorded_by=recorded_by, received_at=now, sites=sites
        )
        earliest = now - timedelta(days=self._settings.late_days)
        latest = now + _AHEAD
        for entry in entries:
            if isinstance(entry, Problem):
                continue
            entry.may_be_late = history or allow_late
            # What was recorded in its time is answered again however late the repeat is.
            if entry.occurred_at > latest:
                entry.refusal = TooFarAhead()
            elif not history and isinstance(entry.event, OpeningBalance):
                entry.refusal = SystemReason()
            elif entry.occurred_at < earliest and not entry.may_be_late:
                entry.refusal = TooLate(self._settings.late_days)
        return entries

    async def _results(self, entries: list[Entry | Problem], request: Request) -> list[RowResult]:
        await request.answered
        return [
            RowResult("rejected", problem=entry) if isinstance(entry, Problem) else _result(entry)
            for entry in entries
        ]


def _recorded(entry: Entry) -> Recorded:
    match entry.outcome:
        case Recorded() as recorded:
            return recorded
        case Problem() as problem:
            raise problem
        case None:
            raise LedgerUnavailable()


def _result(entry: Entry) -> RowResult:
    match entry.outcome:
        case Recorded(is_repeat=False) as recorded:
            return RowResult("recorded", recorded)
        case Recorded() as recorded:
            return RowResult("duplicate", replace(recorded, status="duplicate"))
        case Problem(status=422 | 409 | 403) as problem:
            return RowResult("rejected", problem=problem)
        case Problem() as problem:
            raise problem
        case None:
            raise LedgerUnavailable()


@asynccontextmanager
async def open_ledger(
    database_url: str, *, settings: LedgerSettings | None = None
) -> AsyncIterator[Ledger]:
    """A ledger with a pool and a writer of its own, for whoever is not the API."""
    bounds = settings or LedgerSettings()
    async with make_pool(
        database_url,
        size=4,
        connect_timeout_s=10.0,
        statement_timeout_s=bounds.statement_timeout_s,
    ) as pool:
        ledger = Ledger(pool, database_url, settings=bounds)
        ledger.start()
        try:
            yield ledger
        finally:
            await ledger.stop()


async def close_counts(
    connection: DatabaseConnection,
    counts: Sequence[tuple[int, int, str | None, datetime]],
) -> None:
    """From now on, what happened before these counts of (product, place, lot) asks a manager."""
    names = ("product_ids", "location_ids", "lots", "moments")
    values = {name: [count[number] for count in counts] for number, name in enumerate(names)}
    query = _queries.close_counts
    await connection.execute(query.positional, *query.arguments(values))


async def list_stock_levels(
    connection: DatabaseConnection,
    *,
    sites: Sites,
    sku: str | None = None,
    location: str | None = None,
    site: str | None = None,
    search: str | None = None,
    after: tuple[str, str] | None = None,
    limit: int,
) -> list[StockLevel]:
    """What each place has, in order of sku and location."""
    query = _queries.list_stock_levels
    values = {
        "sites": sites,
        "sku": sku,
        "location": location,
        "site": site,
        "search": search,
        "after_sku": after[0] if after else None,
        "after_location": after[1] if after else None,
        "limit": limit,
    }
    rows = await connection.fetch(query.positional, *query.arguments(values))
    return [StockLevel(**row) for row in rows]


async def levels_page_of(
    connection: DatabaseConnection, sku: str, *, sites: Sites, limit: int
) -> str | None:
    """The page of one product's levels as it is answered; None where it has more than `limit`."""
    query = _queries.levels_of_product
    values = {"sku": sku, "sites": sites, "limit": limit}
    page: str | None = await connection.fetchval(query.positional, *query.arguments(values))
    return page
