"""Whatever is sent, in whatever order, grouping and however often: the ledger agrees with a model.

The model is the sentence of the design: levels are the replay of what happened in order of
occurrence, floored at zero; each event counts once; a repeat gets the first answer; what is
promised is never more than there is. It knows nothing of positions, groups or SQL.
"""

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from api.ledger import lookup
from api.ledger.errors import AlreadyReversed, InsufficientStock, ReservationSpent
from api.ledger.events import AnyEvent
from api.ledger.schemas import recorded_json
from api.ledger.service import Ledger, open_ledger
from api.settings import LedgerSettings
from db.embedded import EmbeddedPostgres
from tests.integration.ledger_shop import (
    BACK,
    BEAR,
    CLAW,
    DUCK,
    ELSEWHERE,
    SHELF,
    actor,
    assert_balanced_on,
    event,
    furnish,
)

_numbers = itertools.count(1)
PLACES = st.sampled_from([CLAW, SHELF, BACK])
MINUTES = st.integers(0, 9)
REFUSALS = (AlreadyReversed, InsufficientStock, ReservationSpent)
_LEVELS = """
select sku, code, sum(on_hand)::bigint, sum(reserved)::bigint
from ledger.stock_levels
join catalog.products using (product_id)
join catalog.locations using (location_id)
group by sku, code
"""
SKUS = st.sampled_from([BEAR, DUCK])
QUANTITIES = st.integers(1, 9)

Key = tuple[str, str]
LOTS = st.sampled_from([None, None, "A", "B"])
# The lot that expires first, and no lot, which expires last.
EXPIRY = {"A": date(2027, 1, 1), "B": date(2027, 2, 1), "": date.max}
REFILLED_FROM = {CLAW: BACK, SHELF: BACK}
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)


class PlainModel:
    """Stock as a person would keep it on paper, who writes everything anew each time."""

    def __init__(self) -> None:
        self.facts: dict[UUID, Any] = {}
        self.reversed: set[UUID] = set()
        self.promises: dict[UUID, tuple[Key, int]] = {}
        self.on_hand: Counter[Key] = Counter()

    def apply(self, given: Any) -> bool:
        """Whether it is recorded: a fact always is, a request where it can be."""
        match given.event_type:
            case "reversed":
                if given.reverses in self.reversed:
                    return False
                self.reversed.add(given.reverses)
            case "reserved":
                key = (given.sku, given.location)
                if given.quantity > self.on_hand[key] - self.promised(key):
                    return False
                self.promises[given.event_id] = key, given.quantity
            case "released":
                key, left = self.promises[given.reservation]
                if not left or given.quantity > left:
                    return False
                self.promises[given.reservation] = key, left - given.quantity
            case "shipped":
                self.facts[given.event_id] = given
                key, left = self.promises[given.reservation]
                self.promises[given.reservation] = key, left - min(left, given.quantity)
            case _:
                self.facts[given.event_id] = given
        self.on_hand = self._replayed()
        self._break_promises()
        return True

    def promised(self, key: Key) -> int:
        return sum(left for at, left in self.promises.values() if at == key)

    def _break_promises(self) -> None:
        """The newest first, until no more is promised than there is."""
        for reservation, (key, left) in reversed(list(self.promises.items())):
            broken = max(0, min(left, self.promised(key) - self.on_hand[key]))
            self.promises[reservation] = key, left - broken

    def _replayed(self) -> Counter[Key]:
        legs: list[tuple[datetime, int, int, Key, str, int]] = []
        transit: Counter[str] = Counter()
        for event_id, given in self.facts.items():
            if event_id in self.reversed:
                continue
            at, number = given.occurred_at, event_id.int
            lot = getattr(given, "lot", None) or ""
            if given.event_type == "shipped":
                key, _ = self.promises[given.reservation]
            else:
                key = (given.sku, given.location)
            match given.event_type:
                case "received" | "returned":
                    legs.append((at, 0, number, key, lot, given.quantity))
                case "sold" | "shipped":
                    legs.append((at, 1, number, key, lot, -given.quantity))
                case "counted":
                    legs.append((at, 2, number, key, lot, given.quantity))
                case "adjusted":
                    change = given.quantity_change
                    legs.append((at, int(change < 0), number, key, lot, change))
                case "transferred":
                    legs.append((at, 1, number, key, lot, -given.quantity))
                    target = (given.sku, given.to_location)
                    legs.append((at, 0, number, target, lot, given.quantity))
                case "dispatched":
                    legs.append((at, 1, number, key, lot, -given.quantity))
                    transit[given.transfer_id] += given.quantity
                case "arrived":
                    legs.append((at, 0, number, key, lot, given.quantity))
                    transit[given.transfer_id] -= given.quantity
        shelves: dict[Key, Counter[str]] = {}
        for _at, rank, _number, key, lot, units in sorted(legs):
            _do(shelves, rank, key, lot, units)
        on_hand = Counter({key: sum(lots.values()) for key, lots in shelves.items()})
        on_hand[BEAR, "far.transit"] = sum(max(0, left) for left in transit.values())
        return +on_hand


def _do(shelves: dict[Key, Counter[str]], rank: int, key: Key, lot: str, units: int) -> None:
    shelf = shelves.setdefault(key, Counter())
    if rank == 0:
        shelf[lot] += units
    elif rank == 1:
        _take(shelves, key, lot, -units)
    elif lot:
        shelf[lot] = units
    elif units >= shelf.total():
        shelf[""] += units - shelf.total()
    else:
        _pick(shelf, "", shelf.total() - units)


def _take(shelves: dict[Key, Counter[str]], key: Key, lot: str, units: int) -> None:
    missing = units - _pick(shelves[key], lot, units)
    source = (key[0], REFILLED_FROM.get(key[1], ""))
    if missing and source in shelves:
        _pick(shelves[source], lot, missing)


def _pick(shelf: Counter[str], lot: str, units: int) -> int:
    """Take what there is; of a lot that is named, or of what carries none."""
    order = [lot, ""] if lot else sorted(shelf, key=lambda each: (EXPIRY[each], each))
    taken = 0
    for each in order:
        found = min(units - taken, shelf[each])
        shelf[each] -= found
        taken += found
    return taken


class LedgerMachine(RuleBasedStateMachine):
    """Sends events and repeats them, alone, together and in lists; each run has its own shop."""

    def __init__(self, postgres: EmbeddedPostgres, template: str) -> None:
        super().__init__()
        self._postgres = postgres
        self._name = f"replay_{next(_numbers)}"
        postgres.create_database(self._name, template=template)
        self.database_url = postgres.url(self._name)
        self._database = psycopg.connect(self.database_url, autocommit=True)
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.model = PlainModel()
        self.waiting: list[AnyEvent] = []
        self.sent: dict[UUID, AnyEvent] = {}
        self.answers: dict[UUID, bytes] = {}

    @initialize()
    def begin(self) -> None:
        self.ledger, self.actor_id = self._runner.run(self._open())
        # Whose codes are known is answered in the order of sending, which the model follows.
        for sku, place in itertools.product((BEAR, DUCK), (CLAW, SHELF, BACK, ELSEWHERE)):
            self.waiting.append(event(sku=sku, location=place, occurred_at=BEGIN))
        self.is_sent_as_a_list(5)

    async def _open(self) -> tuple[Ledger, int]:
        opened = open_ledger(self.database_url, settings=LedgerSettings(keys_for_s=3600))
        return await self._stack.enter_async_context(opened), await actor(self.database_url)

    def teardown(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
        self._database.close()
        with psycopg.connect(self._postgres.url("postgres"), autocommit=True) as connection:
            name = psycopg.sql.Identifier(self._name)
            connection.execute(psycopg.sql.SQL("drop database {} with (force)").format(name))

    def _happens(self, kind: str, minute: int, sku: str, lot: str | None, **fields: Any) -> None:
        """Lots are of one product only, which does not move between places."""
        if sku == DUCK and lot is not None:
            fields["lot"] = lot
            if kind in ("received", "returned", "counted"):
                fields["expires_on"] = EXPIRY[lot].isoformat()
        occurred_at = BEGIN + timedelta(minutes=minute)
        self.waiting.append(event(kind, sku=sku, occurred_at=occurred_at, **fields))

    @rule(
        kind=st.sampled_from(["received", "returned", "sold", "sold", "counted"]),
        minute=MINUTES,
        sku=SKUS,
        lot=LOTS,
        location=PLACES,
        quantity=QUANTITIES,
    )
    def happens(
        self, kind: str, minute: int, sku: str, lot: str | None, location: str, quantity: int
    ) -> None:
        self._happens(kind, minute, sku, lot, location=location, quantity=quantity)

    @rule(sku=SKUS, minute=MINUTES, location=PLACES, change=st.integers(1, 9), lost=st.booleans())
    def is_adjusted(self, sku: str, minute: int, location: str, change: int, lost: bool) -> None:
        reason, sign = ("lost", -1) if lost else ("found", 1)
        self._happens(
            "adjusted",
            minute,
            sku,
            None,
            location=location,
            quantity=...,
            reason=reason,
            quantity_change=sign * change,
        )

    @rule(minute=MINUTES, places=st.permutations([CLAW, SHELF, BACK]), quantity=QUANTITIES)
    def moves(self, minute: int, places: list[str], quantity: int) -> None:
        fields = {"location": places[0], "to_location": places[1], "quantity": quantity}
        self._happens("transferred", minute, BEAR, None, **fields)

    @rule(minute=MINUTES, transfer=st.integers(1, 2), location=PLACES, quantity=QUANTITIES)
    def leaves_for_the_other_site(
        self, minute: int, transfer: int, location: str, quantity: int
    ) -> None:
        fields = {"location": location, "to_location": ELSEWHERE, "quantity": quantity}
        self._happens(
            "dispatched", minute, BEAR, None, transfer_id=str(UUID(int=transfer)), **fields
        )

    @rule(minute=MINUTES, transfer=st.integers(1, 2), quantity=QUANTITIES)
    def arrives_at_the_other_site(self, minute: int, transfer: int, quantity: int) -> None:
        fields = {"location": ELSEWHERE, "quantity": quantity}
        self._happens("arrived", minute, BEAR, None, transfer_id=str(UUID(int=transfer)), **fields)

    @rule(sku=SKUS, location=PLACES, quantity=QUANTITIES)
    def is_reserved(self, sku: str, location: str, quantity: int) -> None:
        self.is_sent_as_a_list(5)
        self._happens("reserved", 0, sku, None, location=location, quantity=quantity)
        self.is_sent_together()

    @rule(data=st.data(), minute=MINUTES, quantity=QUANTITIES, ships=st.booleans())
    def is_released_or_shipped(
        self, data: st.DataObject, minute: int, quantity: int, ships: bool
    ) -> None:
        if self.model.promises:
            promise = data.draw(st.sampled_from(list(self.model.promises)))
            given = event(
                "shipped" if ships else "released",
                sku=...,
                location=...,
                quantity=quantity,
                reservation=str(promise),
                occurred_at=BEGIN + timedelta(minutes=minute),
            )
            self.waiting.append(given)

    @rule(data=st.data())
    def is_undone(self, data: st.DataObject) -> None:
        targets = [
            each.event_id
            for each in (*self.sent.values(), *self.waiting)
            if each.event_type not in ("reversed", "reserved", "released")
        ]
        if targets:
            target = data.draw(st.sampled_from(targets))
            fields = {"sku": ..., "location": ..., "quantity": ...}
            self.waiting.append(event("reversed", reverses=str(target), **fields))

    @rule(data=st.data())
    def is_said_again(self, data: st.DataObject) -> None:
        if self.sent:
            self.waiting.append(data.draw(st.sampled_from(list(self.sent.values()))))

    @rule(chunk=st.integers(1, 5))
    def is_sent_as_a_list(self, chunk: int) -> None:
        given, self.waiting = self.waiting, []
        self.ledger._settings.chunk_events = chunk
        results = self._runner.run(self.ledger.record_batch(given, recorded_by=self.actor_id))
        for each, result in zip(given, results, strict=True):
            if result.recorded is None:
                assert isinstance(result.problem, REFUSALS)
                self._refused(each)
            else:
                again = result.status == "duplicate"
                body = recorded_json.dump_json(result.recorded)
                self._recorded(each, body.replace(b'"duplicate"', b'"recorded"'), again)

    @rule()
    def is_sent_together(self) -> None:
        given, self.waiting = self.waiting, []

        async def send() -> list[Any]:
            return await asyncio.gather(
                *(self.ledger.record(each, recorded_by=self.actor_id) for each in given),
                return_exceptions=True,
            )

        for each, answer in zip(given, self._runner.run(send()), strict=True):
            if isinstance(answer, REFUSALS):
                self._refused(each)
            else:
                self._recorded(each, recorded_json.dump_json(answer), answer.is_repeat)

    def _recorded(self, given: AnyEvent, body: bytes, again: bool) -> None:
        assert again == (given.event_id in self.answers)
        if again:
            assert body == self.answers[given.event_id]
        else:
            assert self.model.apply(given)
            self.sent[given.event_id] = given
            self.answers[given.event_id] = body

    def _refused(self, given: AnyEvent) -> None:
        assert given.event_id not in self.answers
        assert not self.model.apply(given)

    @invariant()
    def the_ledger_agrees_with_the_model(self) -> None:
        assert_balanced_on(self._database)
        held = {
            (sku, code): (on_hand, reserved)
            for sku, code, on_hand, reserved in self._database.execute(_LEVELS)
            if on_hand or reserved
        }
        keys = {*self.model.on_hand, *(key for key, _ in self.model.promises.values())}
        assert held == {
            key: (self.model.on_hand[key], self.model.promised(key))
            for key in keys
            if self.model.on_hand[key] or self.model.promised(key)
        }


@pytest.fixture(scope="session")
def shop_template(postgres: EmbeddedPostgres, template: str) -> str:
    """A furnished shop to clone."""
    postgres.create_database("parstock_replay", template=template)
    furnish(postgres.url("parstock_replay"))
    return "parstock_replay"


def test_every_order_grouping_and_repeat_agrees_with_the_model(
    postgres: EmbeddedPostgres, shop_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A short past is read in as many pieces as a long one.
    monkeypatch.setattr(lookup, "ROWS_AT_FIRST", 2)
    monkeypatch.setattr(lookup, "MORE_ROWS", 2)

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(postgres, shop_template)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            # To shrink a failure would make hundreds of databases.
            phases=[Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
