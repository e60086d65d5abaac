"""The one writer: nothing is lost, nothing counts twice, and nobody suffers for a neighbour."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4, uuid5

import psutil
import psycopg
import pytest

from api.ledger.errors import EventConflict, LedgerBusy, LedgerUnavailable
from api.ledger.events import AnyEvent, Sold, opening_balance
from api.ledger.schemas import recorded_json
from api.ledger.service import Ledger, open_ledger
from tests.integration.ledger_shop import (
    BEAR,
    CLAW,
    DUCK,
    SHELF,
    actor,
    assert_balanced,
    event,
    event_ids,
    execute,
    furnish,
    hold_the_lock,
    on_hand,
    query,
    recording,
)


@pytest.fixture
def shop(database_url: str) -> str:
    furnish(database_url)
    return database_url


def refuse_poison(database_url: str) -> None:
    """Let the database refuse what the code before it does not."""
    execute(
        database_url,
        "alter table ledger.inventory_events add constraint no_poison"
        " check (reference <> 'poison')",
    )


class Wire:
    """A relay before the database that can lose the answer to a write, as a network does."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        # The event whose write is not answered: the first time its id is only asked for.
        self.loses_the_write_of: UUID | None = None
        self._named = 0

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            user, _, _ = self._target.netloc.rpartition("@")
            yield self._target._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._target.hostname, self._target.port
        far_reader, far_writer = await asyncio.open_connection(host, port)
        lost = asyncio.Event()

        async def forth() -> None:
            while sent := await reader.read(65536):
                event_id = self.loses_the_write_of
                self._named += event_id is not None and event_id.bytes in sent
                if self._named == 2:
                    self.loses_the_write_of, self._named = None, 0
                    lost.set()
                far_writer.write(sent)

        async def back() -> None:
            while told := await far_reader.read(65536):
                if lost.is_set():
                    return  # it is written, and nobody hears of it
                writer.write(told)

        tasks = {asyncio.create_task(forth()), asyncio.create_task(back())}
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        writer.close()
        far_writer.close()


def terminate_writers(database_url: str) -> None:
    """Cut the connection of each writer, as a restart of the server would."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'parstock' and datname = current_database()"
            " and pid <> pg_backend_pid() and query ilike any(%s)",
            (["%advisory%", "%ledger%", "commit%", "begin%", "rollback%"],),
        )


async def until(holds: Callable[[], bool]) -> None:
    """Let everybody go on until it holds."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.001)


def in_hand(ledger: Ledger) -> int:
    """How many events wait for their turn or are being written."""
    writer = ledger.writer
    return writer.waiting + sum(len(request.entries) for request in writer._current)


def test_the_same_event_many_times_at_the_same_moment_counts_once(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            given = event(quantity=5)
            answers = await asyncio.gather(*(record(given) for _ in range(20)))
            assert len({recorded_json.dump_json(answer) for answer in answers}) == 1
            assert [answer.is_repeat for answer in answers].count(False) == 1

    asyncio.run(scenario())
    assert on_hand(shop) == 5


def test_the_same_event_through_two_writers_counts_once(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record), recording(shop) as (_, elsewhere):
            for _ in range(10):
                given = event(quantity=1)
                one, other = await asyncio.gather(record(given), elsewhere(given))
                assert recorded_json.dump_json(one) == recorded_json.dump_json(other)
                assert {one.is_repeat, other.is_repeat} == {True, False}

    asyncio.run(scenario())
    assert on_hand(shop) == 10


def test_16_writers_on_one_level_lose_nothing(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record), recording(shop) as (_, elsewhere):

            async def till(number: int) -> None:
                for _ in range(25):
                    await (record if number % 2 else elsewhere)(event("received", quantity=2))
                    await (elsewhere if number % 2 else record)(event("sold", quantity=1))

            await asyncio.gather(*(till(number) for number in range(16)))

    asyncio.run(scenario())
    assert on_hand(shop) == 16 * 25
    assert_balanced(shop)


def test_what_arrives_together_shares_a_transaction(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (ledger, record):
            await record(event())
            before = ledger.writer.groups_written
            await asyncio.gather(*(record(event()) for _ in range(100)))
            assert ledger.writer.groups_written - before < 20

    asyncio.run(scenario())
    assert on_hand(shop) == 101


def test_a_group_is_of_bounded_size(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, group_events=10) as (ledger, record):
            await asyncio.gather(*(record(event()) for _ in range(100)))
            assert ledger.writer.groups_written >= 10

    asyncio.run(scenario())


def test_a_long_list_leaves_room_for_single_events(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, chunk_events=50) as (ledger, record):
            sold = [event("sold") for _ in range(4000)]
            bulk = asyncio.create_task(
                ledger.record_batch(sold, recorded_by=await actor(shop), history=True)
            )
            await until(lambda: ledger.writer.groups_written >= 2)
            # Of another product: the rest of the list is not late beside it.
            await record(event("received", sku=DUCK))
            assert not bulk.done()
            assert {result.status for result in await bulk} == {"recorded"}

    asyncio.run(scenario())
    assert_balanced(shop)


def test_a_chunk_goes_in_smaller_parts_while_single_events_come(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, chunk_events_beside_singles=20) as (ledger, record):
            events = [event("received", quantity=2) for _ in range(400)]
            recorded_by = await actor(shop)
            before = ledger.writer.groups_written
            await ledger.record_batch(events, recorded_by=recorded_by)
            assert ledger.writer.groups_written - before == 1
            await record(event("received", sku=DUCK))
            both = [*(event() for _ in range(400)), *events]
            async with asyncio.TaskGroup() as group:
                bulk = group.create_task(ledger.record_batch(both, recorded_by=recorded_by))
                while not bulk.done():
                    await record(event("received", sku=DUCK))
            results = bulk.result()
            assert [result.status for result in results] == ["recorded"] * 400 + ["duplicate"] * 400
            assert ledger.writer.groups_written - before > 20
            assert ledger.writer.waiting == 0

    asyncio.run(scenario())
    assert on_hand(shop) == 1200
    assert_balanced(shop)


def test_an_event_that_the_database_refuses_harms_no_neighbour(shop: str) -> None:
    refuse_poison(shop)

    async def scenario() -> None:
        async with recording(shop) as (_, record):
            given = [event(reference="poison" if n in (3, 17) else "good") for n in range(30)]
            answers = await asyncio.gather(*map(record, given), return_exceptions=True)
            refused = [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]
            assert refused == [3, 17]
            assert "no_poison" in str(answers[3])
            await record(event())

    asyncio.run(scenario())
    assert on_hand(shop) == 29
    assert_balanced(shop)


def test_a_poisoned_row_of_a_list_is_refused_alone(shop: str) -> None:
    refuse_poison(shop)

    async def scenario() -> None:
        async with recording(shop) as (ledger, _):
            given = [event(reference="poison" if n == 40 else "good") for n in range(100)]
            results = await ledger.record_batch(given, recorded_by=await actor(shop))
            assert [n for n, r in enumerate(results) if r.status == "rejected"] == [40]

    asyncio.run(scenario())
    assert on_hand(shop) == 99
    [(kept,)] = query(shop, "select count(*) from ledger.rejected_events where status = 'open'")
    assert kept == 1


def test_a_cancelled_requests_event_is_recorded_all_the_same(shop: str) -> None:
    given = [event() for _ in range(5)]

    async def scenario() -> None:
        async with recording(shop) as (ledger, record):
            await record(event())
            other_writer = hold_the_lock(shop)
            tasks = [asyncio.create_task(record(each)) for each in given]
            await until(lambda: in_hand(ledger) == 5)
            for task in tasks[:3]:
                task.cancel()
            other_writer.close()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert [isinstance(a, asyncio.CancelledError) for a in answers] == [
                *[True] * 3,
                *[False] * 2,
            ]

    asyncio.run(scenario())
    assert {each.event_id for each in given} <= {*event_ids(shop)}


def test_a_full_queue_is_said_and_recovers(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, queue_events=10) as (ledger, record):
            await record(event())
            other_writer = hold_the_lock(shop)
            answers = asyncio.gather(*(record(event()) for _ in range(30)), return_exceptions=True)
            await until(lambda: in_hand(ledger) == 10)
            other_writer.close()
            busy = [answer for answer in await answers if isinstance(answer, LedgerBusy)]
            assert len(busy) == 20
            assert busy[0].headers["Retry-After"]
            await record(event())

    asyncio.run(scenario())
    assert on_hand(shop) == 12


def test_a_lock_that_is_held_too_long_is_a_503_and_nothing_is_written(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, lock_timeout_s=0.2) as (_, record):
            await record(event())
            other_writer = hold_the_lock(shop)
            with pytest.raises(LedgerBusy):
                await record(event())
            other_writer.close()
            await record(event())

    asyncio.run(scenario())
    assert on_hand(shop) == 2


def test_who_has_waited_too_long_is_told_so_and_may_send_again(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, answer_within_s=3600) as (ledger, record):
            await record(event())
            other_writer = hold_the_lock(shop)
            first, second = event(), event()
            being_written = asyncio.create_task(record(first))
            await until(lambda: in_hand(ledger) == 1 and ledger.writer.waiting == 0)
            waiting = asyncio.create_task(record(second))
            await until(lambda: ledger.writer.waiting == 1)
            [request] = ledger.writer._singles
            assert request.deadline == request.queued_at + 3600
            request.deadline -= 3601  # as if the hour were over
            other_writer.close()
            await being_written
            with pytest.raises(LedgerBusy):
                await waiting
            assert not (await record(second)).is_repeat

    asyncio.run(scenario())
    assert on_hand(shop) == 3


def test_a_lost_connection_is_made_again(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            for _ in range(5):
                await record(event())
                terminate_writers(shop)
            assert not (await record(event())).is_repeat

    asyncio.run(scenario())
    assert on_hand(shop) == 6
    assert_balanced(shop)


def test_a_connection_lost_under_load_loses_and_doubles_nothing(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            answers: list[Any] = []

            async def till() -> None:
                for _ in range(40):
                    answers.append(await record(event()))

            async def vandal() -> None:
                for _ in range(15):
                    await asyncio.sleep(0.02)
                    await asyncio.to_thread(terminate_writers, shop)

            await asyncio.gather(vandal(), *(till() for _ in range(8)))
            # To find recorded what was sent with a commit of unknown fate is no repeat.
            assert not any(answer.is_repeat for answer in answers)

    asyncio.run(scenario())
    assert on_hand(shop) == 8 * 40
    assert_balanced(shop)


def test_a_commit_whose_fate_is_unknown_is_settled_by_its_event_ids(shop: str) -> None:
    async def scenario() -> None:
        wire = Wire(shop)
        async with wire.relay() as relayed, recording(relayed) as (_, record):
            await record(event())
            given = event(quantity=4)
            wire.loses_the_write_of = given.event_id
            answer = await record(given)
            assert wire.loses_the_write_of is None
            assert not answer.is_repeat
            assert answer.stock_levels[0].on_hand == 5

    asyncio.run(scenario())
    assert on_hand(shop) == 5
    assert_balanced(shop)


def test_without_a_database_the_answer_is_503_in_bounded_time(shop: str) -> None:
    async def scenario() -> None:
        async with open_ledger(
            "postgresql://nobody:x@127.0.0.1:1/none",
        ) as ledger:
            with pytest.raises((LedgerUnavailable, OSError)):
                await ledger.record(event(), recorded_by=1)
            assert ledger.writer.turns

    asyncio.run(scenario())


def test_the_writer_lives_through_a_fault_of_its_own(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with recording(shop) as (ledger, record):
            write = ledger.writer._write
            faults = [RuntimeError("a fault"), MemoryError()]

            async def faulty(entries: Any) -> None:
                if faults:
                    raise faults.pop()
                await write(entries)

            monkeypatch.setattr(ledger.writer, "_write", faulty)
            for _ in range(2):
                with pytest.raises(LedgerUnavailable):
                    await record(event())
            await record(event())
            assert ledger.writer.turns
            assert ledger.writer.restarts == 2

    asyncio.run(scenario())
    assert on_hand(shop) == 1


def test_a_writer_that_does_not_turn_is_noticed(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (ledger, _):
            assert ledger.writer.turns
            ledger.writer._turned_at -= 3600
            assert not ledger.writer.turns
            await until(lambda: ledger.writer.turns)

    asyncio.run(scenario())


def test_a_stop_writes_what_waits(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            tasks = [asyncio.create_task(record(event())) for _ in range(50)]
            await asyncio.sleep(0)
            await asyncio.sleep(0.01)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        recorded = [answer for answer in answers if not isinstance(answer, Exception)]
        assert len(recorded) == len(event_ids(shop))

    asyncio.run(scenario())


def test_an_opening_balance_is_for_an_import_of_history_only(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (ledger, record):
            opened = opening_balance(uuid4(), BEAR, CLAW, 40, event().occurred_at)
            with pytest.raises(Exception, match="damaged, expired"):
                await record(opened)
            me = await actor(shop)
            [refused] = await ledger.record_batch([opened], recorded_by=me)
            [taken] = await ledger.record_batch([opened], recorded_by=me, history=True)
            [again] = await ledger.record_batch([opened], recorded_by=me, history=True)
            assert (refused.status, taken.status, again.status) == (
                "rejected",
                "recorded",
                "duplicate",
            )

    asyncio.run(scenario())
    assert on_hand(shop) == 40
    assert query(shop, "select status from ledger.rejected_events") == [("recorded",)]


def test_an_id_that_is_derived_from_another_is_a_conflict_and_no_fault(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            sale = event("sold", quantity=3)
            taken = uuid5(sale.event_id, "book_shortage:0")
            await record(event(event_id=str(taken), location=SHELF))
            with pytest.raises(EventConflict):
                await record(sale)
            await record(event("sold", quantity=3))

    asyncio.run(scenario())
    assert_balanced(shop)


def test_a_reversal_may_follow_its_event_in_one_group(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (ledger, _):
            sale = event("sold", quantity=5)
            count = event("counted", quantity=9)
            fields = {"sku": ..., "location": ..., "quantity": ...}
            group: list[AnyEvent] = [
                event(quantity=3),
                sale,
                event("reversed", reverses=str(sale.event_id), **fields),
                event("reversed", reverses=str(sale.event_id), **fields),
                count,
                event("reversed", reverses=str(count.event_id), **fields),
            ]
            me = await actor(shop)
            results = await ledger.record_batch(group, recorded_by=me)
            assert [result.status for result in results] == [
                "recorded",
                "recorded",
                "recorded",
                "rejected",
                "recorded",
                "recorded",
            ]
            again = await ledger.record_batch(group, recorded_by=me)
            for first, second in zip(results, again, strict=True):
                if first.recorded is not None and second.recorded is not None:
                    assert first.recorded.stock_levels == second.recorded.stock_levels

    asyncio.run(scenario())
    assert on_hand(shop) == 3
    assert_balanced(shop)


def test_the_lists_results_stand_in_the_order_of_its_events(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop, chunk_events=7) as (ledger, _):
            given: list[AnyEvent] = [event() for _ in range(50)]
            results = await ledger.record_batch(given, recorded_by=await actor(shop))
            ids = [r.recorded.event_id for r in results if r.recorded is not None]
            assert ids == [each.event_id for each in given] == event_ids(shop)

    asyncio.run(scenario())


def test_recording_wakes_whoever_listens(shop: str) -> None:
    with psycopg.connect(shop, autocommit=True) as listener:
        listener.execute("listen parstock_ledger")

        async def scenario() -> None:
            async with recording(shop) as (_, record):
                await record(event())

        asyncio.run(scenario())
        [told] = list(listener.notifies(timeout=5, stop_after=1))
        assert told.payload == "1"


def test_recorded_at_never_goes_back(shop: str) -> None:
    async def scenario() -> None:
        async with recording(shop) as (_, record):
            for _ in range(10):
                await record(event())

    asyncio.run(scenario())
    times = query(shop, "select recorded_at from ledger.inventory_events order by position")
    assert times == sorted(times)


def test_building_an_event_without_validation_is_compared_alike(shop: str) -> None:
    """Bulk callers may build events that they know to be right."""
    validated = event("sold", quantity=2)

    async def scenario() -> None:
        async with recording(shop) as (_, record):
            first = await record(validated)
            made = Sold.model_construct(
                event_id=UUID(str(validated.event_id)),
                sku=BEAR,
                location=CLAW,
                quantity=2,
                occurred_at=validated.occurred_at,
            )
            assert recorded_json.dump_json(await record(made)) == recorded_json.dump_json(first)

    asyncio.run(scenario())


async def seconds_of(ledger: Ledger, events: list[AnyEvent], recorded_by: int) -> float:
    """What the database worked for them, whoever else is at work on this machine."""

    def worked() -> float:
        assert ledger.writer._connection is not None
        times = psutil.Process(ledger.writer._connection.get_server_pid()).cpu_times()
        return float(times.user + times.system)

    began = worked()
    await ledger.record_batch(events, recorded_by=recorded_by, history=True)
    return worked() - began


def test_a_chunk_takes_no_longer_as_the_ledger_grows(shop: str) -> None:
    """A plan made while the tables were small must not read them whole when they have grown."""
    execute(
        shop,
        "insert into catalog.products (sku, name) select 'P' || n, 'p'"
        " from generate_series(1, 12000) n",
    )

    async def scenario() -> None:
        me = await actor(shop)
        async with recording(shop) as (ledger, _):
            chunks = [
                [event(sku=f"P{1 + n + 1000 * chunk}") for n in range(1000)] for chunk in range(12)
            ]
            await ledger.record(event(), recorded_by=me)
            seconds = [await seconds_of(ledger, chunk, me) for chunk in chunks]
            assert sum(seconds[-3:]) < 4 * sum(seconds[:3])

    asyncio.run(scenario())
