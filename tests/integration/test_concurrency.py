"""Real processes at one database: together they are as safe as one, and a frozen one is waited out.

Sentences 1, 2, 4 and 5 of "What must never break".
"""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psutil
import pytest

from db.connect import API_ROLE, connect
from db.embedded import EmbeddedPostgres
from db.tools import Tools, environment
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    SHELF,
    assert_balanced,
    event_ids,
    on_hand,
    query,
    row,
    shared_shop,
)
from tests.processes import ApiProcess, api_processes

EVENTS = "/v1/inventory-events"
# Short, so that what a frozen process holds is taken from it while a test can wait.
_FROZEN_FOR_S = 2.0
_SHORT = {
    "PARSTOCK_LEDGER__STATEMENT_TIMEOUT_S": str(_FROZEN_FOR_S),
    "PARSTOCK_LEDGER__LOCK_TIMEOUT_S": "1",
    "PARSTOCK_LEDGER__ANSWER_WITHIN_S": "1",
}
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Shop:
    """Two API processes, a database, and a client of each, which any number of threads may use."""

    database_url: str
    processes: tuple[ApiProcess, ...]
    clients: tuple[httpx.Client, ...]

    def client(self, number: int = 0) -> httpx.Client:
        return self.clients[number % len(self.clients)]


@pytest.fixture(scope="module")
def shop(postgres: EmbeddedPostgres, template: str) -> Iterator[Shop]:
    """One for all tests; each looks at levels, or at changes of them, that are its own."""
    with (
        shared_shop(postgres, template) as (database_url, key),
        api_processes(database_url, 2, **_SHORT) as processes,
    ):
        clients = tuple(
            httpx.Client(
                base_url=process.address,
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
                timeout=60,
            )
            for process in processes
        )
        yield Shop(database_url, processes, clients)
        for client in clients:
            client.close()


def post(client: httpx.Client, given: dict[str, Any]) -> httpx.Response:
    return client.post(EVENTS, content=json.dumps(given))


def post_until_answered(client: httpx.Client, given: dict[str, Any]) -> httpx.Response:
    """As clients do: what came too early for a busy ledger is sent again."""
    deadline = time.monotonic() + 60
    while (answer := post(client, given)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return answer


def at_once(count: int, act: Callable[[int], Answer]) -> list[Answer]:
    """What so many threads answer that set out together."""
    start = threading.Barrier(count)

    def go(number: int) -> Answer:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(go, range(count)))


def test_an_event_that_both_get_at_the_same_moment_counts_once(shop: Shop) -> None:
    before = on_hand(shop.database_url, SHELF, DUCK)
    for _ in range(15):
        given = row("received", sku=DUCK, location=SHELF, quantity=3)

        def send(number: int, given: dict[str, Any] = given) -> httpx.Response:
            return post_until_answered(shop.client(number), given)

        answers = at_once(6, send)
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert len({answer.content for answer in answers}) == 1
    assert on_hand(shop.database_url, SHELF, DUCK) == before + 15 * 3


def test_an_id_that_both_get_with_other_content_is_taken_by_one(shop: Shop) -> None:
    given = row("received", quantity=3)

    def send(number: int) -> httpx.Response:
        return post_until_answered(shop.client(number), {**given, "quantity": 3 + number % 2})

    answers = at_once(8, send)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 3 + [201] + [409] * 4


def test_a_hot_level_under_sixteen_writers_loses_nothing(shop: Shop) -> None:
    before = on_hand(shop.database_url, BACK, DUCK)

    def write(number: int) -> list[int]:
        answers = [
            post_until_answered(
                shop.client(number), row("received", sku=DUCK, location=BACK, quantity=1)
            )
            for _ in range(20)
        ]
        return [answer.json()["stock_levels"][0]["on_hand"] for answer in answers]

    told = sorted(level for levels in at_once(16, write) for level in levels)

    # Each was told a level of its own: none overwrote another.
    assert told == list(range(before + 1, before + 16 * 20 + 1))
    assert on_hand(shop.database_url, BACK, DUCK) == before + 16 * 20


def test_transfers_in_both_directions_wait_for_each_other_and_conserve_stock(shop: Shop) -> None:
    for place in (BACK, CLAW):
        filled = post_until_answered(shop.client(), row("counted", location=place, quantity=1000))
        assert filled.status_code == 201

    def move(number: int) -> set[int]:
        source, target = ((BACK, CLAW), (CLAW, BACK))[number // 2 % 2]
        given = [
            row("transferred", location=source, to_location=target, quantity=1) for _ in range(15)
        ]
        return {post_until_answered(shop.client(number), moved).status_code for moved in given}

    assert set().union(*at_once(16, move)) == {201}
    assert on_hand(shop.database_url, BACK) + on_hand(shop.database_url, CLAW) == 2000
    assert_balanced(shop.database_url)


@contextmanager
def going_on(act: Callable[[], None]) -> Iterator[None]:
    """Do it again and again in a thread until the block ends; what it raises is raised here."""
    over = threading.Event()

    def turn() -> None:
        while not over.is_set():
            act()

    with ThreadPoolExecutor(1) as threads:
        turning = threads.submit(turn)
        try:
            yield
        finally:
            over.set()
            turning.result(60)


def record_slowly(database_url: str, *, commits: bool) -> None:
    """Another kind of writer: it draws a position, dawdles, and then commits or thinks better."""
    with connect(database_url, role=API_ROLE) as connection:
        connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
        connection.execute(
            "with head as (select max(position) + 1 as position from ledger.inventory_events),"
            " level as (select * from ledger.stock_levels order by version desc limit 1),"
            " event as ("
            "  insert into ledger.inventory_events (position, event_id, recorded_at, occurred_at,"
            "   event_type, product_id, location_id, recorded_by, quantity)"
            "  select position, %s, clock_timestamp(), now(), 'received', product_id, location_id,"
            "   1, 1 from head, level),"
            " movement as ("
            "  insert into ledger.movements (position, leg, product_id, location_id,"
            "   on_hand_change, on_hand_after, place_on_hand_after)"
            "  select position, 0, product_id, location_id, 0, on_hand, on_hand from head, level)"
            " update ledger.stock_levels as kept set version = head.position from head, level"
            " where (kept.product_id, kept.location_id, kept.lot_id)"
            "  = (level.product_id, level.location_id, level.lot_id)",
            (uuid4(),),
        )
        time.sleep(0.05)
        if commits:
            connection.commit()
        else:
            connection.rollback()


def read_until(over: threading.Event, client: httpx.Client) -> list[int]:
    """The positions that a reader meets from the beginning until it is told to end."""
    seen: list[int] = []
    cursor = None
    while True:
        ends = over.is_set()
        asked = {"limit": "100"} | ({"after": cursor} if cursor else {})
        answer = client.get(EVENTS, params=asked).raise_for_status().json()
        seen += [told["position"] for told in answer["items"]]
        cursor = answer["next_cursor"]
        if ends and not answer["items"]:
            return seen


def test_a_reader_sees_each_committed_position_once_beside_writers_and_a_backup(
    shop: Shop, postgres: EmbeddedPostgres
) -> None:
    over = threading.Event()
    dump = Tools(postgres.binaries, 0).command("pg_dump", shop.database_url, "--format=custom")

    def write(number: int) -> None:
        assert (
            post_until_answered(shop.client(number), row("received", quantity=1)).status_code == 201
        )

    def back_up() -> None:
        subprocess.run(
            dump, env=environment(shop.database_url), stdout=subprocess.DEVNULL, check=True
        )

    write(0)
    [(before,)] = query(shop.database_url, "select max(position) from ledger.inventory_events")

    # when it is read while others write, dawdle, roll back, and take backups
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read_until, over, shop.client())
        try:
            with (
                going_on(partial(write, 0)),
                going_on(partial(write, 1)),
                going_on(partial(record_slowly, shop.database_url, commits=True)),
                going_on(partial(record_slowly, shop.database_url, commits=False)),
            ):
                for _ in range(3):
                    back_up()
                    time.sleep(0.3)
        finally:
            over.set()
        seen = reading.result(60)

    # then it saw every position once, in their order
    [(last,)] = query(shop.database_url, "select max(position) from ledger.inventory_events")
    assert last > before + 20
    assert seen == list(range(1, last + 1))
    assert_balanced(shop.database_url)


def holds_the_ledgers_lock(database_url: str, backends: set[int]) -> bool:
    """Whether one of these backends sits on the lock between two statements."""
    holders = query(
        database_url,
        "select pid from pg_locks inner join pg_stat_activity using (pid)"
        " where locktype = 'advisory' and objid = 7270002 and granted"
        " and pg_locks.database = (select oid from pg_database where datname = current_database())"
        " and state in ('idle', 'idle in transaction')",
    )
    return any(pid in backends for (pid,) in holders)


def backends_of(process: ApiProcess, database_url: str) -> set[int]:
    """The database's side of a process's connections, found by their ports."""
    ports = {
        connection.laddr.port
        for connection in psutil.Process(process.process.pid).net_connections("tcp")
    }
    return {
        pid
        for pid, port in query(
            database_url,
            "select pid, client_port from pg_stat_activity where datname = current_database()",
        )
        if port in ports
    }


@contextmanager
def frozen_with_the_lock(shop: Shop, number: int) -> Iterator[None]:
    """Stop the process at a moment at which it holds the ledger's lock, and let it go on after."""
    process = shop.processes[number]
    deadline = time.monotonic() + 60
    while True:
        process.process.send_signal(signal.SIGSTOP)
        if holds_the_ledgers_lock(shop.database_url, backends_of(process, shop.database_url)):
            break
        process.process.send_signal(signal.SIGCONT)
        assert time.monotonic() < deadline, "it was never met with the lock"
        time.sleep(0.003)
    try:
        yield
    finally:
        process.process.send_signal(signal.SIGCONT)


def test_a_frozen_process_that_holds_the_lock_is_waited_out(shop: Shop) -> None:
    sound, frozen = 0, 1
    before = set(event_ids(shop.database_url))
    sent: list[dict[str, Any]] = []

    def keep_busy() -> None:
        given = row("received", sku=BEAR, location=SHELF, quantity=1)
        sent.append(given)
        # What was frozen on the way is answered when it goes on: done, or to be sent again.
        assert post_until_answered(shop.client(frozen), given).status_code in (200, 201)

    client = shop.client(sound)
    with going_on(keep_busy):
        # when a process stops between two statements
        with frozen_with_the_lock(shop, frozen):
            began = time.monotonic()
            given = row("received", sku=DUCK, location=CLAW, quantity=1)
            answers = [post(client, given)]
            refused_after_s = time.monotonic() - began
            while answers[-1].status_code == 503:
                assert time.monotonic() - began < 30
                answers.append(post(client, given))

        # then others are refused in time, and served as soon as the database has taken the lock
        assert refused_after_s < 15
        assert {answer.status_code for answer in answers[:-1]} <= {503}
        assert all("Retry-After" in answer.headers for answer in answers[:-1])
        assert answers[-1].status_code in (200, 201)

    # and what the frozen one had in hand counts once
    kept = set(event_ids(shop.database_url)) - before
    assert {str(event_id) for event_id in kept} == {given["event_id"] for given in [*sent, given]}
    assert_balanced(shop.database_url)
