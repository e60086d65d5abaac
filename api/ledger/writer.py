"""The one task that writes the ledger: what arrives together shares a transaction.

Single events go first in each group, then one chunk of a bulk list, so neither starves the other.
While the lock is held nothing is awaited but the database (docs/decisions/0023).
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID, uuid5

import asyncpg

from api.database import open_connection
from api.ledger.book import Book
from api.ledger.errors import LedgerBusy, LedgerUnavailable, refusal_of
from api.ledger.events import Expired, Reversed
from api.ledger.group import Group
from api.ledger.known import Entry
from api.ledger.lookup import Lookup
from api.log import EventLog
from api.metrics import Distribution
from api.problems import Problem
from api.settings import LedgerSettings
from api.storage import Storage
from api.tracing import current_trace
from db.sql import Query, load_queries

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

_queries = load_queries(__file__)
log = EventLog(__name__)

# The connection is gone, or may be: whether a commit was done is not known.
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    # What asyncpg makes of a server that hung up on an idle connection.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
# The database is busy: nothing was written, and the client may send again.
_BUSY = (
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
)
_IDLE_S = 1.0
# Single events, or another process with the lock, that were met so lately are likely to be met
# again, and should not wait for long.
_LATELY_S = 0.5
_GROUP_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000)
_DRAIN_S = 10.0


class Request:
    """Entries that are answered together: a single event, or a chunk of a list.

    `begun`: how many of them have had their turn; a chunk may take several.
    """

    __slots__ = ("answered", "begun", "deadline", "entries", "queued_at", "trace")

    def __init__(self, entries: list[Entry], within_s: float) -> None:
        self.entries = entries
        self.begun = 0
        self.queued_at = time.monotonic()
        self.deadline = self.queued_at + within_s
        self.trace = current_trace.get()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Writer:
    """Owns the ledger's connection, the queue, and the task that is supervised."""

    def __init__(
        self, database_url: str, settings: LedgerSettings, *, on_lost: Callable[[], None]
    ) -> None:
        self._database_url = database_url
        self._on_lost = on_lost
        self._settings = settings
        self.storage = Storage(
            settings.data_folder,
            reserve_bytes=settings.disk_reserve_bytes,
            retry_s=settings.disk_full_retry_s,
        )
        self._connection: Connection | None = None
        self._singles: deque[Request] = deque()
        self._chunks: deque[Request] = deque()
        self._current: list[Request] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._turned_at = time.monotonic()
        self._promises_expire_at = 0.0
        self._holds_lock = False
        self._shared_at = -_LATELY_S
        self._held_since = 0.0
        self._single_seen_at = -_LATELY_S
        self.groups_written = 0
        self.group_sizes = Distribution(_GROUP_SIZES)
        self.events_recorded = 0
        self.restarts = 0

    @property
    def turns(self) -> bool:
        """Whether the task lives and has come round lately."""
        alive = self._task is not None and not self._task.done()
        bound = self._settings.statement_timeout_s + self._settings.lock_timeout_s + 5.0
        return alive and time.monotonic() - self._turned_at < bound

    @property
    def waiting(self) -> int:
        """How many events wait for their turn."""
        queued = (*self._singles, *self._chunks)
        return sum(len(request.entries) - request.begun for request in queued)

    @property
    def waiting_s(self) -> float:
        """How long the oldest of these has waited."""
        oldest = [queue[0].queued_at for queue in (self._singles, self._chunks) if queue]
        return time.monotonic() - min(oldest) if oldest else 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name="ledger-writer")

    async def stop(self) -> None:
        """Write what waits, within bounds, then end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=_DRAIN_S)
            if not done:
                self._task.cancel()
                await asyncio.wait({self._task})
        self._fail([*self._current, *self._singles, *self._chunks])
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=2.0)

    def submit(self, entries: list[Entry], *, bulk: bool) -> Request:
        """Queue entries; `answered` is done when each has its outcome."""
        if self._stopping or self._task is None:
            raise LedgerUnavailable()
        self.storage.refuse_when_full()
        bounds = self._settings
        within_s = bounds.bulk_answer_within_s if bulk else bounds.answer_within_s
        request = Request(entries, within_s)
        (self._chunks if bulk else self._singles).append(request)
        self._wake.set()
        return request

    async def _supervise(self) -> None:
        while True:
            try:
                await self._turn_until_stopped()
                return
            except Exception as error:  # noqa: BLE001 - the edge of the task: it must live on
                self.restarts += 1
                log.error("ledger_writer_failed", error=error)
                self._drop_connection()
                self._fail(self._current)
                self._current = []
                await asyncio.sleep(0.1)

    async def _turn_until_stopped(self) -> None:
        while True:
            self._turned_at = time.monotonic()
            if self._turned_at >= self._promises_expire_at and not self._stopping:
                await self._expire_promises()
            entries = self._next_group()
            if not self._current:
                if self._stopping and not self._singles and not self._chunks:
                    return
                await self._until_something_waits()
                continue
            await self._write_through(entries)
            for request in self._current:
                if request.begun == len(request.entries):
                    _answer(request)
            self._current = []
            now = time.monotonic()
            if self._holds_lock and (
                now - self._shared_at < _LATELY_S
                or now - self._held_since > self._settings.lock_held_s
                or not (self._singles or self._chunks)
            ):
                await self._let_go()

    async def _expire_promises(self) -> None:
        """Release what is still held by reservations whose time is over."""
        self._promises_expire_at = time.monotonic() + self._settings.promises_expire_every_s
        try:
            await self._connected()
            rows = await self._fetch(
                _queries.read_due_reservations, {"limit": self._settings.chunk_events}
            )
        except (*_LOST, *_BUSY) as error:
            log.warning("promises_not_read", reason=repr(error))
            self._drop_connection()
            return
        if rows:
            await self._write_through([_expiry(row) for row in rows])

    def _next_group(self) -> list[Entry]:
        """What is written next; who has waited too long is told so, and may send again."""
        now = time.monotonic()
        size = min(len(self._singles), self._settings.group_events)
        group = [self._singles.popleft() for _ in range(size)]
        if group:
            self._single_seen_at = now
        if self._chunks:
            group.append(self._chunks[0])
        self._current, entries = [], []
        for request in group:
            if request.deadline < now:
                _settle(request.entries, LedgerBusy())
                _answer(request)
                part = len(request.entries)
            else:
                part = self._turn_of(request, now)
                self._current.append(request)
                entries += request.entries[request.begun : request.begun + part]
            request.begun += part
        if self._chunks and self._chunks[0].begun >= len(self._chunks[0].entries):
            self._chunks.popleft()
        return entries

    def _turn_of(self, request: Request, now: float) -> int:
        """How many entries go next: a chunk in smaller parts while single events come as well."""
        rest = len(request.entries) - request.begun
        beside = now - self._single_seen_at < _LATELY_S
        return min(rest, self._settings.chunk_events_beside_singles) if beside else rest

    async def _until_something_waits(self) -> None:
        self._wake.clear()
        if self._singles or self._chunks or self._stopping:
            return
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _write_through(self, entries: list[Entry]) -> None:
        """Write a group over lost connections, within bounds."""
        give_up_at = time.monotonic() + self._settings.reconnect_within_s
        for pause in itertools.chain((0.0, 0.05, 0.1, 0.2, 0.4), itertools.repeat(0.5)):
            await asyncio.sleep(pause)
            self._turned_at = time.monotonic()
            try:
                await self._write_apart(entries)
                return
            except _LOST as error:
                log.warning("ledger_connection_lost", reason=repr(error), events=len(entries))
                self._drop_connection()
                if time.monotonic() > give_up_at or self._stopping:
                    _settle(entries, LedgerUnavailable())
                    return

    async def _write_apart(self, entries: list[Entry]) -> None:
        """Write entries in one transaction; where the database refuses, in halves, to the one."""
        open_entries = [entry for entry in entries if entry.outcome is None]
        try:
            await self._write(open_entries)
        except _LOST:
            _forget_outcomes(open_entries)
            raise
        except asyncpg.DiskFullError:
            _take_back(open_entries)
            _settle(open_entries, self.storage.write_was_refused())
        except _BUSY as error:
            log.warning("ledger_busy", reason=repr(error), events=len(open_entries))
            _take_back(open_entries)
            _settle(open_entries, LedgerBusy())
        except asyncpg.PostgresError as error:
            _take_back(open_entries)
            if len(open_entries) > 1:
                middle = len(open_entries) // 2
                await self._write_apart(open_entries[:middle])
                await self._write_apart(open_entries[middle:])
                return
            [entry] = open_entries
            asked = next((r.trace for r in self._current if entry in r.entries), None)
            fields = {} if asked is None else asked.fields()
            log.error("event_refused", error=error, event_id=entry.event.event_id, **fields)
            entry.outcome = refusal_of(
                error, entry.event.event_id, getattr(entry.event, "reverses", None)
            )

    async def _write(self, entries: list[Entry]) -> None:
        """Under the lock: read, decide, write."""
        if not entries:
            return
        await self._take_lock()
        group, rejected_before = await self._decide(entries)
        book = group.book
        if not book.events and not book.closed:
            return
        recorded = {entry.event.event_id for entry in group.recorded}
        settled = recorded & rejected_before
        if book.opened or book.closed or settled:
            await self._write_more(book, settled)
        else:
            # One statement is a transaction of its own.
            await self._fetch(_queries.write_group, book.columns())
        self.groups_written += 1
        self.group_sizes.observe(len(recorded))
        self.events_recorded += len(recorded)

    async def _write_more(self, book: Book, settled: set[UUID]) -> None:
        connection = await self._connected()
        async with connection.transaction():
            await self._fetch(_queries.write_group, book.columns())
            if book.opened or book.closed:
                await self._fetch(_queries.keep_reservations, book.reservations())
            if settled:
                await self._fetch(_queries.settle_rejected, {"event_ids": list(settled)})

    async def _take_lock(self) -> None:
        connection = await self._connected()
        if not self._holds_lock:
            if not await connection.fetchval(_queries.try_lock.text):
                self._shared_at = time.monotonic()
                await connection.execute(_queries.take_lock.text)
            self._holds_lock, self._held_since = True, time.monotonic()

    async def _let_go(self) -> None:
        """Give the lock back, so that another process has its turn."""
        try:
            connection = await self._connected()
            await connection.execute(_queries.let_lock_go.text)
            self._holds_lock = False
        except (*_LOST, asyncpg.PostgresError) as error:
            log.warning("ledger_connection_lost", reason=repr(error), events=0)
            self._drop_connection()

    async def _decide(self, entries: list[Entry]) -> tuple[Group, set[UUID]]:
        """Read what the group needs, and more where it turns out to need more."""
        lookup = Lookup(self._fetch, entries)
        await lookup.read()
        keep = any(isinstance(entry.event, Reversed) for entry in entries)
        while True:
            group = Group(lookup.known(), keep_originals=keep)
            group.decide(entries)
            if not group.needs:
                return group, lookup.rejected_before
            _forget_outcomes(entries)
            await lookup.read_more(group.needs)

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            milliseconds = {
                "statement_timeout": self._settings.statement_timeout_s,
                "lock_timeout": self._settings.lock_timeout_s,
                "idle_in_transaction_session_timeout": self._settings.statement_timeout_s,
                # A process that is frozen while it holds the lock loses it with its session.
                "idle_session_timeout": self._settings.statement_timeout_s,
            }
            try:
                self._connection = await open_connection(
                    self._database_url,
                    connect_timeout_s=5.0,
                    settings={
                        **{name: str(round(1000 * s)) for name, s in milliseconds.items()},
                        # Plans are made while the tables are small and kept while they grow.
                        "enable_seqscan": "off",
                        "enable_hashjoin": "off",
                        "enable_mergejoin": "off",
                        "jit": "off",
                        "plan_cache_mode": "force_generic_plan",
                    },
                )
            except asyncpg.PostgresError as error:
                raise ConnectionError(f"the database refuses the writer: {error}") from error
            self._statements: dict[str, Any] = {}
            self._holds_lock = False
        return self._connection

    async def _fetch(self, query: Query, values: dict[str, Any]) -> list[asyncpg.Record]:
        connection = self._connection
        if connection is None or connection.is_closed():
            raise ConnectionError("the writer's connection is gone")
        statement = self._statements.get(query.name)
        if statement is None:
            statement = await connection.prepare(query.positional)
            self._statements[query.name] = statement
        rows: list[asyncpg.Record] = await statement.fetch(
            *query.arguments(values), timeout=self._settings.statement_timeout_s + 5.0
        )
        return rows

    def _drop_connection(self) -> None:
        self._on_lost()
        self._holds_lock = False
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _fail(self, requests: Sequence[Request]) -> None:
        for request in requests:
            _settle(request.entries, LedgerUnavailable())
            _answer(request)


def _expiry(row: asyncpg.Record) -> Entry:
    """The release of a reservation at the end of its time; it has one id whoever writes it."""
    event = Expired(
        event_id=uuid5(row["reservation"], "expired"),
        occurred_at=row["expires_at"],
        reservation=row["reservation"],
    )
    return Entry(event, row["recorded_by"], row["expires_at"], None, None)


def _settle(entries: Sequence[Entry], problem: Problem) -> None:
    for entry in entries:
        if entry.outcome is None:
            entry.outcome = problem


def _take_back(entries: Sequence[Entry]) -> None:
    """Nothing of it was written."""
    for entry in entries:
        entry.attempted = False
    _forget_outcomes(entries)


def _forget_outcomes(entries: Sequence[Entry]) -> None:
    for entry in entries:
        entry.outcome = None


def _answer(request: Request) -> None:
    # A cancelled request's event is recorded all the same; there is nobody to tell.
    if not request.answered.done():
        request.answered.set_result(None)
