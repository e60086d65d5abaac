"""Following the feed: long polls and streams, woken together, and never one event out of order."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from api.database import make_pool
from api.feed.errors import EpochChanged
from api.feed.following import EventStream, Followers
from api.feed.schemas import Filters, ToldEvent
from api.feed.service import Question
from api.limits import DEADLINE
from api.pagination import decode_cursor
from api.settings import FeedSettings
from bench.program import ROOT, free_port
from db.connect import API_ROLE, connect
from tests.integration.ledger_shop import (
    event,
    event_ids,
    execute,
    furnish,
    query,
    recording,
    row,
)
from tests.serving import serving

EVENTS, STREAM = "/v1/inventory-events", "/v1/inventory-events/stream"
# Nobody looks unwoken: what arrives in time was told by the ledger.
ONLY_WOKEN = {"recheck_s": 60, "heartbeat_s": 60}
OFTEN = {"recheck_s": 0.05, "heartbeat_s": 0.05}
_ANOTHER_EPOCH = "update ledger.epoch set epoch = gen_random_uuid()"


@contextmanager
def serving_a_shop(database_url: str, **feed: float) -> Iterator[httpx.Client]:
    key = furnish(database_url)
    with (
        serving(database_url, feed=feed, actors_for_s=0) as address,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30
        ) as client,
    ):
        yield client


def record(api: httpx.Client, **fields: Any) -> str:
    given = row(**fields)
    answer = api.post(
        EVENTS, content=json.dumps(given), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    return str(given["event_id"])


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def listeners(database_url: str) -> int:
    [(count,)] = query(
        database_url,
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and query ilike 'listen%%'",
    )
    return int(count)


def test_long_polls_are_woken_together_through_one_connection(database_url: str) -> None:
    with serving_a_shop(database_url, **ONLY_WOKEN) as api, ThreadPoolExecutor() as threads:
        # given: five who wait
        polls = [
            threads.submit(api.get, EVENTS, params={"wait": 30, "sku": "BEAR"}) for _ in range(5)
        ]
        eventually(lambda: listeners(database_url) == 1)
        # when
        event_id = record(api)
        # then
        for poll in polls:
            assert [item["event_id"] for item in poll.result(60).json()["items"]] == [event_id]
        assert listeners(database_url) == 1


def test_a_long_poll_ends_with_a_cursor_when_nothing_comes(database_url: str) -> None:
    with serving_a_shop(database_url, **OFTEN) as api:
        record(api)
        # when: only what is not asked for is there
        answer = api.get(EVENTS, params={"wait": 0.1, "event_type": "sold"}).json()
        # then: it leads past that
        assert answer["items"] == []
        after = answer["next_cursor"]
        assert api.get(EVENTS, params={"after": after}).json() == answer


def test_so_many_wait_and_no_more_until_one_leaves(database_url: str) -> None:
    with serving_a_shop(database_url, waiting_at_once=1, **OFTEN) as api:
        with api.stream("GET", STREAM):
            refused = api.get(EVENTS, params={"wait": 1})
            assert refused.status_code == 503
            assert refused.headers["Retry-After"] == "5"
            assert api.get(EVENTS).status_code == 200  # who does not wait needs no place
        eventually(lambda: api.get(EVENTS, params={"wait": 0.01}).status_code == 200)
        # and: a long poll whose client goes away
        with pytest.raises(httpx.ReadTimeout):
            api.get(EVENTS, params={"wait": 30}, timeout=0.2)
        eventually(lambda: api.get(EVENTS, params={"wait": 0.01}).status_code == 200)


def told(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """The events of a stream as a browser reads them, those without data left out."""
    fields: dict[str, str] = {}
    last_id = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if line == "":
            if "data" in fields:
                yield {**fields, "id": last_id}
            fields = {}
        elif name == "id":
            last_id = value
        else:
            fields[name] = value


def test_a_stream_resumes_behind_the_last_event_that_was_seen(database_url: str) -> None:
    with serving_a_shop(database_url, **ONLY_WOKEN) as api:
        # given: a stream, and events before and after it began
        ids = [record(api)]
        with api.stream("GET", STREAM) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            events = told(stream.iter_lines())
            seen = [next(events)]
            ids.append(record(api))
            seen.append(next(events))
        assert [json.loads(each["data"])["event_id"] for each in seen] == ids
        # when
        ids.append(record(api))
        with api.stream("GET", STREAM, headers={"Last-Event-ID": seen[0]["id"]}) as stream:
            again = told(stream.iter_lines())
            # then
            assert [json.loads(next(again)["data"])["event_id"] for _ in range(2)] == ids[1:]
        # and: a cursor of the one way of reading is one of the other
        rest = api.get(EVENTS, params={"after": seen[1]["id"]}).json()["items"]
        assert [item["event_id"] for item in rest] == ids[2:]


def test_a_silent_stream_shows_that_it_is_there_and_passes_what_is_filtered(
    database_url: str,
) -> None:
    with serving_a_shop(database_url, **OFTEN) as api:
        record(api)
        with api.stream("GET", STREAM, params={"event_type": "sold"}) as stream:
            lines = stream.iter_lines()
            seen = [next(lines) for _ in range(4)]
    assert seen[0] == "retry: 2000"
    assert seen[2] == ": here"
    assert decode_cursor(seen[3].removeprefix("id: "))[1] == 1


def test_nothing_is_read_ahead_for_a_client_who_takes_nothing_and_it_is_given_up() -> None:
    made = []

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            for number in range(10):
                made.append(number)
                yield b"data: 1\n\n"
        finally:
            made.append(-1)

    async def stays() -> dict[str, Any]:
        return await asyncio.Future()

    async def takes_the_first(message: Any) -> None:
        if message["type"] == "http.response.body" and len(made) > 1:
            await asyncio.Future()

    async def serve() -> None:
        async with asyncio.timeout(None) as deadline:
            stream = EventStream(events(), stalled_after_s=0.01)
            await stream({"type": "http", DEADLINE: deadline}, stays, takes_the_first)

    asyncio.run(serve())
    assert made == [0, 1, -1]


def test_a_stream_says_that_the_ledger_was_restored_and_ends(database_url: str) -> None:
    with serving_a_shop(database_url, **OFTEN) as api:
        record(api)
        with api.stream("GET", STREAM) as stream:
            events = told(stream.iter_lines())
            seen = next(events)
            execute(database_url, _ANOTHER_EPOCH)
            [end] = list(events)
        assert end["event"] == "problem"
        assert json.loads(end["data"])["type"] == "urn:parstock:problem:another-epoch"
        resumed = api.get(STREAM, headers={"Last-Event-ID": seen["id"]})
        assert resumed.status_code == 410


def test_a_stream_ends_when_its_key_is_revoked(database_url: str) -> None:
    with (
        serving_a_shop(database_url, **OFTEN) as api,
        api.stream("GET", STREAM) as stream,
    ):
        execute(database_url, "update identity.device_keys set revoked_at = now()")
        [end] = list(told(stream.iter_lines()))
        assert json.loads(end["data"])["status"] == 401


def test_a_process_that_is_told_to_stop_ends_what_waits(database_url: str) -> None:
    # given
    key = furnish(database_url)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--port", str(port)],
        cwd=ROOT,
        env={
            "DATABASE_URL": database_url,
            "PARSTOCK_FEED__RECHECK_S": "60",
            "PARSTOCK_FEED__HEARTBEAT_S": "60",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )

    def answers() -> bool:
        try:
            return client.get("/readyz").status_code == 200
        except httpx.ConnectError:
            return False

    try:
        eventually(answers)
        with ThreadPoolExecutor() as threads:
            poll = threads.submit(client.get, EVENTS, params={"wait": 30})
            eventually(lambda: listeners(database_url) == 1)
            with client.stream("GET", STREAM) as stream:
                lines = stream.iter_lines()
                assert next(lines) == "retry: 2000"
                # when
                process.send_signal(signal.SIGTERM)
                # then
                assert list(lines) == [""]
            assert poll.result(60).status_code == 200
            assert process.wait(60) in (0, -signal.SIGTERM)
    finally:
        client.close()
        process.kill()
        process.wait()


@asynccontextmanager
async def following(database_url: str, **settings: float) -> AsyncIterator[Followers]:
    pool = make_pool(database_url, size=2, connect_timeout_s=10, statement_timeout_s=10)
    async with pool:
        followers = Followers(pool, database_url, FeedSettings.model_validate(settings))
        try:
            yield followers
        finally:
            await followers.stop()


async def read_until(
    followers: Followers, position: int, limit: int
) -> tuple[list[ToldEvent], str | None]:
    """What a consumer gets until it has come so far, and its cursor."""
    seen: list[ToldEvent] = []
    cursor: str | None = None
    while not seen or seen[-1].position < position:
        question = Question(Filters(), limit, cursor)
        with followers.waking.place():
            feed = await followers.wait(question, wait_s=30, left=asyncio.Event())
        assert feed.items, "nothing came within 30 s"
        seen += feed.items
        cursor = feed.next_cursor
    return seen, cursor


_INSERT = """
with head as (select coalesce(max(position), 0) + 1 as position from ledger.inventory_events),
event as (
    insert into ledger.inventory_events (
        position, event_id, recorded_at, occurred_at, event_type, product_id, location_id,
        recorded_by, quantity
    )
    select position, %s, now(), now(), 'received', 1, 1, 1, 1 from head
)
insert into ledger.movements (
    position, leg, product_id, location_id, on_hand_change, on_hand_after, place_on_hand_after
)
select position, 0, 1, 1, 0, 0, 0 from head
"""


def write_slowly(database_url: str, number: int) -> None:
    """Another writer, which sits on what it wrote, and takes every other back."""
    with connect(database_url, role=API_ROLE) as connection:
        for turn in range(number):
            connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
            connection.execute(_INSERT, (uuid4(),))
            connection.execute("select pg_sleep(0.01)")
            connection.execute("notify parstock_ledger")
            if turn % 2:
                connection.rollback()
            else:
                connection.commit()


def test_a_reader_sees_each_position_once_in_order_beside_slow_and_rolled_back_writers_and_a_backup(
    database_url: str,
) -> None:
    """What must never break, 5."""
    furnish(database_url)

    async def follow() -> list[list[ToldEvent]]:
        async with (
            recording(database_url) as (_, record),
            following(database_url, recheck_s=60, wake_interval_s=0.001) as followers,
        ):
            readers = [read_until(followers, 90, limit) for limit in (1, 7, 100)]
            slow = [asyncio.to_thread(write_slowly, database_url, 20) for _ in range(3)]
            quick = [record(event()) for _ in range(60)]
            results = await asyncio.gather(*readers, *slow, *quick)
            # and: a restore is noticed
            execute(database_url, _ANOTHER_EPOCH)
            for _, cursor in results[:3]:
                with pytest.raises(EpochChanged):
                    await followers.read(Question(Filters(), 1, cursor))
            return [seen for seen, _ in results[:3]]

    with psycopg.connect(database_url) as backup:
        # given: a snapshot that stays open, as that of a backup does
        backup.execute("set transaction isolation level repeatable read")
        backup.execute("select count(*) from ledger.inventory_events")
        # when
        read_by_each = asyncio.run(follow())
    # then
    for seen in read_by_each:
        assert [each.position for each in seen] == list(range(1, 91))
        assert [each.event_id for each in seen] == event_ids(database_url)
