"""Whoever waits for events is woken through one connection that listens, however many they are."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg

from api.database import open_connection
from api.feed.errors import FeedBusy
from api.log import EventLog
from api.settings import FeedSettings

CHANNEL = "parstock_ledger"
_CONNECT_TIMEOUT_S = 10.0

log = EventLog(__name__)


class Waking:
    """Listens from the first waiter on; while it cannot, waiters look now and then unwoken."""

    def __init__(self, database_url: str, settings: FeedSettings) -> None:
        self._database_url = database_url
        self._settings = settings
        self._heard = asyncio.Event()
        self._next = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self.stopping = asyncio.Event()
        self.waiting = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those who wait; there are so many and no more."""
        if self.waiting >= self._settings.waiting_at_once:
            raise FeedBusy()
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen_for_ever())
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def next(self) -> asyncio.Event:
        """Set at the next waking: taken before one reads, it misses nothing."""
        return self._next

    async def until(self, *events: asyncio.Event, seconds: float) -> None:
        """Wait for one of the events, for the end of this process, or for so long."""
        waits = [asyncio.create_task(event.wait()) for event in (*events, self.stopping)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def stop(self) -> None:
        self.stopping.set()
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    def _wake(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._listening() as connection:
                    await self._pass_on(connection)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("feed_listener_lost", reason=repr(error))
            await asyncio.sleep(self._settings.recheck_s)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Any]:
        connection = await open_connection(
            self._database_url, settings={}, connect_timeout_s=_CONNECT_TIMEOUT_S
        )
        try:
            connection.add_termination_listener(lambda _: self._heard.set())
            await connection.add_listener(CHANNEL, lambda *_: self._heard.set())
            yield connection
        finally:
            connection.terminate()

    async def _pass_on(self, connection: Any) -> None:
        self._heard.set()  # for what was recorded while nobody listened
        while not connection.is_closed():
            await self._heard.wait()
            self._heard.clear()
            self._wake()
            # A busy writer tells of hundreds of groups a second.
            await asyncio.sleep(self._settings.wake_interval_s)
