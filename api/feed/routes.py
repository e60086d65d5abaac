"""GET /v1/inventory-events, one of them, and the stream of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from api.deps import Actor, Pool, Reader, ReadingConnection, Role, require_role
from api.feed import service
from api.feed.following import EventStream, Followers
from api.feed.schemas import Feed, FeedQuestion, StreamQuestion, ToldEvent
from api.feed.service import Question

router = APIRouter(prefix="/v1", tags=["feed"])
_GONE: dict[int | str, dict[str, Any]] = {
    410: {"description": "The cursor is of the ledger before a restore"}
}


async def get_followers(request: Request) -> Followers:
    followers: Followers = request.app.state.followers
    return followers


FollowersOfIt = Annotated[Followers, Depends(get_followers)]


async def hold_a_place(followers: FollowersOfIt) -> AsyncIterator[None]:
    """Until the answer is out."""
    with followers.waking.place():
        yield


@asynccontextmanager
async def _leaving(request: Request) -> AsyncIterator[asyncio.Event]:
    """Set when the client goes away."""
    left = asyncio.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left.set()

    watching = asyncio.create_task(watch())
    try:
        yield left
    finally:
        watching.cancel()


@router.get("/inventory-events", responses=_GONE)
async def read_feed(
    request: Request,
    pool: Pool,
    actor: Reader,
    followers: FollowersOfIt,
    asked: Annotated[FeedQuestion, Query()],
) -> Feed:
    """Every event in order of position, from the beginning or after a cursor.

    With filters an answer may have no event and yet lead on: go on with its `next_cursor`.
    """
    question = Question(asked, asked.limit, asked.after, asked.order, actor.sites)
    if asked.wait:
        with followers.waking.place():
            async with _leaving(request) as left:
                return await followers.wait(question, wait_s=asked.wait, left=left)
    async with pool.acquire() as connection:
        return (await service.read_feed(connection, question, followers.settings)).feed


@router.get(
    "/inventory-events/stream",
    status_code=200,
    dependencies=[Depends(hold_a_place)],
    response_class=EventStream,
    responses={
        200: {"description": "Server-sent events", "content": {"text/event-stream": {}}},
        **_GONE,
    },
)
async def stream_feed(
    request: Request,
    pool: Pool,
    actor: Reader,
    followers: FollowersOfIt,
    asked: Annotated[StreamQuestion, Query()],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The feed as server-sent events, for ever: `id` is the cursor behind an event."""
    cursor = last_event_id or asked.after
    question = Question(asked, followers.settings.stream_events, cursor=cursor, sites=actor.sites)
    async with pool.acquire() as connection:
        await service.check_cursor(connection, question)

    async def permit() -> Actor:
        return await _reading_actor(request)

    return EventStream(
        followers.stream(question, permit), stalled_after_s=followers.settings.stalled_after_s
    )


_reading_actor = require_role(Role.VIEWER, devices=True)


@router.get("/inventory-events/{event_id}")
async def read_event(event_id: UUID, connection: ReadingConnection, actor: Reader) -> ToldEvent:
    """One event, and what it did."""
    return await service.read_event(connection, event_id, sites=actor.sites)
