"""Following the ledger as it grows: a long poll, and a stream of server-sent events."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

import asyncpg
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.database import DatabasePool
from api.deps import Actor
from api.feed.schemas import Feed
from api.feed.service import Question, Stretch, read_feed
from api.feed.waking import Waking
from api.limits import DEADLINE
from api.log import EventLog
from api.pagination import encode_cursor
from api.problems import Problem
from api.settings import FeedSettings

RETRY_MS = 2000

log = EventLog(__name__)


class Followers:
    """Those who follow: woken together, reading few at a time, none holding a connection."""

    def __init__(self, pool: DatabasePool, database_url: str, settings: FeedSettings) -> None:
        self.settings = settings
        self.waking = Waking(database_url, settings)
        self._pool = pool
        self._turn = asyncio.Semaphore(settings.reads_at_once)

    async def stop(self) -> None:
        await self.waking.stop()

    async def read(self, question: Question) -> Stretch:
        async with self._turn, self._pool.acquire() as connection:
            return await read_feed(connection, question, self.settings)

    async def wait(self, question: Question, *, wait_s: float, left: asyncio.Event) -> Feed:
        """What comes after the cursor, as soon as there is something, or nothing in the end."""
        until = time.monotonic() + min(wait_s, self.settings.wait_limit_s)
        while True:
            woken = self.waking.next()
            stretch = await self.read(question)
            remaining = until - time.monotonic()
            is_over = remaining <= 0 or left.is_set() or self.waking.stopping.is_set()
            if stretch.feed.items or is_over:
                return stretch.feed
            question = replace(question, cursor=stretch.feed.next_cursor)
            if stretch.is_at_end:
                seconds = min(remaining, self.settings.recheck_s)
                await self.waking.until(woken, left, seconds=seconds)

    async def stream(
        self, question: Question, permit: Callable[[], Awaitable[Actor]]
    ) -> AsyncGenerator[bytes, None]:
        """Server-sent events from the cursor on, at the pace of whoever takes them.

        Nothing is queued: the next stretch is read when the one before has been taken. It ends
        with a problem where the ledger was restored or the reader may read no more.
        """
        yield f"retry: {RETRY_MS}\n\n".encode()
        checked_at = told_at = time.monotonic()
        try:
            while not self.waking.stopping.is_set():
                if time.monotonic() - checked_at >= self.settings.recheck_s:
                    question = replace(question, sites=(await permit()).sites)
                    checked_at = time.monotonic()
                woken = self.waking.next()
                stretch = await self.read(question)
                if stretch.feed.items or time.monotonic() - told_at >= self.settings.heartbeat_s:
                    yield _as_events(stretch)
                    told_at = time.monotonic()
                question = replace(question, cursor=stretch.feed.next_cursor)
                if stretch.is_at_end:
                    await self.waking.until(woken, seconds=self.settings.recheck_s)
        except Problem as problem:
            yield f"event: problem\ndata: {json.dumps(problem.body())}\n\n".encode()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("feed_stream_lost", reason=repr(error))  # the client comes again


def _as_events(stretch: Stretch) -> bytes:
    """Each event under the cursor behind it.

    In the end the cursor alone: it passes what the filters left out, and shows a silent client
    that the stream is there.
    """
    lines = [
        f"id: {encode_cursor(stretch.epoch, event.position)}\ndata: {event.model_dump_json()}\n\n"
        for event in stretch.feed.items
    ]
    return "".join([*lines, f": here\nid: {stretch.feed.next_cursor}\n\n"]).encode()


class EventStream(StreamingResponse):
    """Gives up a client who takes nothing; one who left is noticed by Starlette."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes, None], *, stalled_after_s: float) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._events = events
        self._stalled_after_s = stalled_after_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[DEADLINE].reschedule(None)
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._stalled_after_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("feed_client_stalled")
        finally:
            await self._events.aclose()
