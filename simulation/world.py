"""A year in the simulated arcade: customers, deliveries, and staff who refill, order and count.

Pure, seeded and without a wall clock. The world keeps two numbers for each product at each place:
what is truly there, which the simulated people see and which bounds every sale, and what the
book says, which is what the events lead to. They differ only by what nobody recorded: plays of a
machine without a till, theft, and now and then a refill that was not booked. Counts close the gap.
"""

import heapq
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arcade import TIME_ZONE, Arcade, Flags, Ints, build_arcade
from simulation.demand import (
    Fashion,
    day_factor,
    draw_fashion,
    draw_moments,
    draw_units,
    is_closed,
    opening_seconds,
)
from simulation.staff import Order, hire_staff

DEFAULT_SEED = 20

Kind = Literal[
    "opening_balance", "received", "sold", "returned", "counted", "adjusted", "transferred"
]
Errand = Literal[
    "receive", "ask", "return", "count", "adjust", "shrink", "walk", "stock_up", "refill"
]

_RETURNED_SHARE = 0.172
_CYCLE_COUNTS_A_DAY = 4.0
_ADJUSTMENTS_A_DAY = 3.2
_UNSEEN_THEFTS_A_DAY = 1.5
_UNBOOKED_REFILLS = 0.002
# In the last weeks a strike in the harbor holds up what is ordered from far away.
_STRIKE_DAYS = 45
_STAFF_ATTENTION = 0.93
_REASONS = ("damaged", "expired", "lost", "theft", "found")
_REASONS_P = (0.45, 0.15, 0.14, 0.14, 0.12)


class Happening(NamedTuple):
    """One event of the history. `at`: milliseconds since 1970, never twice the same.

    slot, to_slot: rows of `Slots`. quantity: what moved, what was counted, or for an adjustment
    the signed change.
    """

    kind: Kind
    slot: int
    quantity: int
    at: int
    to_slot: int = -1
    reason: str | None = None


class Unserved(NamedTuple):
    """A customer who asked for more than was there."""

    slot: int
    units: int
    at: int


@dataclass(frozen=True, slots=True)
class History:
    """What happened, and what it left: `book` is what the ledger must say, `true` what is there."""

    events: list[Happening]
    book: Ints
    true: Ints
    unserved: list[Unserved]


@dataclass(frozen=True)
class World:
    """A seeded arcade over `days` days from `first_day` on.

    World(first_day=..., products=60, machines=8, days=60) is the small one of the tests.
    """

    first_day: date
    days: int = 365
    products: int = 1200
    machines: int = 80
    seed: int = DEFAULT_SEED

    @cached_property
    def arcade(self) -> Arcade:
        return build_arcade(products=self.products, machines=self.machines, seed=self.seed)

    def history(self, *, until: datetime | None = None) -> History:
        """Everything that happened before `until`, by default the end of the last day.

        A shorter history of the same world is the beginning of the longer one.
        """
        if until is None:
            until = datetime.combine(
                self.first_day + timedelta(days=self.days), time(), ZoneInfo(TIME_ZONE)
            )
        return _Run(self, round(until.timestamp() * 1000)).history()


class _Run:
    """The turning world: an agenda of errands for each day, done in order of time."""

    def __init__(self, world: World, until_ms: int) -> None:
        self._world = world
        self._arcade = world.arcade
        self._slots = world.arcade.slots
        self._until_ms = until_ms
        rng = np.random.default_rng([world.seed, 2])
        self._fashion: Fashion = draw_fashion(products=world.products, days=world.days, rng=rng)
        self._staff = hire_staff(world.arcade, rng)
        roots = np.flatnonzero(self._slots.source < 0)
        self._root_of = dict(zip(self._slots.product[roots].tolist(), roots.tolist(), strict=True))
        self._deliveries: dict[int, list[Order]] = defaultdict(list)
        self._true = np.zeros(len(self._slots), dtype=np.int64)
        self._book = np.zeros(len(self._slots), dtype=np.int64)
        self._returns: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
        self._events: list[Happening] = []
        self._unserved: list[Unserved] = []
        self._agenda: list[tuple[float, int, Errand, int, int]] = []
        self._drawn = 0
        self._last_ms = 0
        self._day = 0
        self._rng = rng

    def history(self) -> History:
        self._open_books()
        for day in range(self._world.days + 1):
            if self._last_ms >= self._until_ms:
                break
            self._live_through(day)
        return History(self._events, self._book, self._true, self._unserved)

    # The stock on the morning of the first day.

    def _open_books(self) -> None:
        rng, slots = self._rng, self._slots
        self._midnight_ms = _midnight_ms(self._world.first_day)
        room = slots.par - slots.trigger
        stock = slots.trigger + np.ceil(room * rng.random(len(slots))).astype(np.int64)
        high = self._staff.order_up_to_level[slots.product]
        low = self._staff.reorder_point[slots.product]
        behind = low + (rng.random(len(slots)) * (high - low)).astype(np.int64)
        stock = np.where(slots.source < 0, behind, stock)
        stock[self._fashion.launch[slots.product] > 0] = 0
        for slot in np.flatnonzero(stock):
            self._change(int(slot), int(stock[slot]))
            self._record("opening_balance", 6 * 3600.0, int(slot), int(stock[slot]))
        for product in np.flatnonzero(self._fashion.launch):
            day = int(self._fashion.launch[product])
            quantity = int(self._staff.order_up_to_level[product])
            self._deliveries[day].append(Order(int(product), quantity))
            self._staff.on_order[product] = quantity

    # One day.

    def _live_through(self, index: int) -> None:
        day = self._world.first_day + timedelta(days=index)
        self._day, self._midnight_ms = index, _midnight_ms(day)
        self._rng = np.random.default_rng([self._world.seed, 3, index])
        self._agenda.clear()
        if is_closed(day):
            self._returns[index + 1] += self._returns.pop(index, [])
            self._deliveries[index + 1] += self._deliveries.pop(index, [])
            return
        self._plan_deliveries(day)
        self._plan_customers(day)
        self._plan_upkeep(day)
        self._order(day)
        while self._agenda:
            second, _, errand, slot, quantity = heapq.heappop(self._agenda)
            if self._midnight_ms + second * 1000 >= self._until_ms:
                self._last_ms = self._until_ms
                return
            self._do(errand, second, slot, quantity)

    def _plan(self, second: float, errand: Errand, slot: int = -1, quantity: int = 0) -> None:
        self._drawn += 1
        heapq.heappush(self._agenda, (second, self._drawn, errand, slot, quantity))

    def _plan_deliveries(self, day: date) -> None:
        arrived = self._deliveries.pop(self._day, [])
        if day.weekday() == 6:
            self._deliveries[self._day + 1] += arrived
            return
        for number, order in enumerate(arrived):
            self._plan(
                7.5 * 3600 + 45.0 * number, "receive", self._root_of[order.product], order.quantity
            )

    def _plan_customers(self, day: date) -> None:
        rng, slots = self._rng, self._slots
        mood = rng.gamma(5.0, 0.2, self._world.products)
        wanted = self._fashion.factors(self._day) * mood * day_factor(day)
        counts = rng.poisson(slots.sales_a_day * wanted[slots.product])
        asked = np.repeat(np.arange(len(slots)), counts)
        moments = draw_moments(len(asked), day, rng)
        units = draw_units(len(asked), rng)
        for slot, second, quantity in zip(
            asked.tolist(), moments.tolist(), units.tolist(), strict=True
        ):
            self._plan(second, "ask", slot, quantity)
        for second, slot, quantity in self._returns.pop(self._day, []):
            self._plan(second, "return", slot, quantity)

    def _plan_upkeep(self, day: date) -> None:
        """The walks of the day, what is counted before opening, and what goes wrong."""
        rng, slots = self._rng, self._slots
        opens, closes = opening_seconds(day)
        self._plan(opens - 5400.0, "stock_up")
        for second in (opens - 3600.0, 15.5 * 3600, 19.0 * 3600):
            self._plan(second, "walk")
        weekly = np.flatnonzero(slots.periodic & (slots.place % 7 == day.weekday()))
        others = np.flatnonzero(~slots.periodic)
        some = rng.choice(others, rng.poisson(_share(_CYCLE_COUNTS_A_DAY, self._world)))
        for number, slot in enumerate([*weekly.tolist(), *some.tolist()]):
            self._plan(opens - 9000.0 + 11.0 * number, "count", slot)
        selling = np.flatnonzero(slots.selling)
        mishaps: tuple[tuple[Errand, float, Ints], ...] = (
            ("adjust", _ADJUSTMENTS_A_DAY, np.arange(len(slots))),
            ("shrink", _UNSEEN_THEFTS_A_DAY, selling),
        )
        for errand, rate, among in mishaps:
            for slot in rng.choice(among, rng.poisson(_share(rate, self._world))).tolist():
                quantity = 1 + int(rng.integers(3))
                self._plan(float(rng.uniform(opens, closes)), errand, slot, quantity)

    def _order(self, day: date) -> None:
        """What the staff orders this morning, by what the book says."""
        stock = np.bincount(
            self._slots.product, weights=self._book, minlength=self._world.products
        ).astype(np.int64)
        strike = self._day >= self._world.days - _STRIKE_DAYS
        orders = self._staff.orders(
            stock, on_sale=self._fashion.launch <= self._day, weekday=day.weekday()
        )
        for order in orders:
            lead_time_days = self._staff.draw_lead_time(order, strike=strike, rng=self._rng)
            self._deliveries[self._day + lead_time_days].append(order)

    # One errand.

    def _do(self, errand: Errand, second: float, slot: int, quantity: int) -> None:
        match errand:
            case "ask":
                self._ask(second, slot, quantity)
            case "refill":
                self._refill(second, slot)
            case "return":
                self._change(slot, quantity)
                self._record("returned", second, slot, quantity)
            case "receive":
                self._change(slot, quantity)
                self._staff.on_order[self._slots.product[slot]] -= quantity
                self._record("received", second, slot, quantity)
            case "count":
                self._book[slot] = self._true[slot]
                self._record("counted", second, slot, int(self._true[slot]))
            case "adjust":
                self._adjust(second, slot, quantity)
            case "shrink":
                self._true[slot] -= min(quantity, int(self._true[slot]))
            case "stock_up":
                self._walk(second, ~self._slots.selling)
            case "walk":
                self._walk(second, self._slots.selling)

    def _ask(self, second: float, slot: int, quantity: int) -> None:
        sold = min(quantity, int(self._true[slot]))
        if sold < quantity:
            at = self._midnight_ms + round(second * 1000)
            self._unserved.append(Unserved(slot, quantity - sold, at))
        if sold == 0:
            return
        if self._slots.periodic[slot]:
            self._true[slot] -= sold
            return
        self._change(slot, -sold)
        self._record("sold", second, slot, sold)
        if self._rng.random() < _RETURNED_SHARE:
            self._promise_return(second, slot, 1 + int(self._rng.integers(sold)))

    def _promise_return(self, second: float, slot: int, quantity: int) -> None:
        """Most come back within the hour, the others within ten days."""
        _, closes = opening_seconds(self._world.first_day + timedelta(days=self._day))
        soon = second + self._rng.uniform(240.0, 3600.0)
        if self._rng.random() < 0.7 and soon < closes:
            self._plan(soon, "return", slot, quantity)
            return
        later = self._day + int(self._rng.integers(1, 11))
        moment = float(self._rng.uniform(12.0, 19.5)) * 3600
        self._returns[later].append((moment, slot, quantity))

    def _walk(self, second: float, among: Flags) -> None:
        """Staff walks round, a dozen seconds a place, and sees what is at its refill point."""
        slots = self._slots
        source = slots.source
        low = among & (source >= 0) & (self._true <= slots.trigger)
        low &= self._true[source] > 0
        found = np.flatnonzero(low)
        seen = found[self._rng.random(len(found)) < _STAFF_ATTENTION]
        for number, slot in enumerate(seen.tolist()):
            self._plan(second + 12.0 * number, "refill", slot)

    def _refill(self, second: float, slot: int) -> None:
        source = int(self._slots.source[slot])
        quantity = min(int(self._slots.par[slot]) - int(self._true[slot]), int(self._true[source]))
        if quantity <= 0:
            return
        if self._rng.random() < _UNBOOKED_REFILLS:
            self._true[source] -= quantity
            self._true[slot] += quantity
            return
        self._change(source, -quantity)
        self._change(slot, quantity)
        self._record("transferred", second, source, quantity, to_slot=slot)

    def _adjust(self, second: float, slot: int, quantity: int) -> None:
        product = self._arcade.products[int(self._slots.product[slot])]
        reason = _REASONS[int(self._rng.choice(len(_REASONS), p=_REASONS_P))]
        if reason == "expired" and not product.perishable:
            reason = "damaged"
        change = quantity if reason == "found" else -min(quantity, int(self._true[slot]))
        if change == 0:
            return
        self._change(slot, change)
        self._record("adjusted", second, slot, change, reason=reason)

    # What every errand rests on.

    def _change(self, slot: int, change: int) -> None:
        """A recorded change; where the book would go below zero, the place behind covers it as far
        as it can, and the book ends at zero."""
        self._true[slot] += change
        after = int(self._book[slot]) + change
        source = int(self._slots.source[slot])
        if after < 0 and source >= 0:
            self._book[source] -= min(-after, int(self._book[source]))
        self._book[slot] = max(0, after)

    def _record(
        self,
        kind: Kind,
        second: float,
        slot: int,
        quantity: int,
        *,
        to_slot: int = -1,
        reason: str | None = None,
    ) -> None:
        self._last_ms = max(self._midnight_ms + round(second * 1000), self._last_ms + 1)
        self._events.append(Happening(kind, slot, quantity, self._last_ms, to_slot, reason))


def _share(rate: float, world: World) -> float:
    """A rate for the whole arcade, scaled to the size of this one."""
    return rate * world.products / 1200


def _midnight_ms(day: date) -> int:
    """The local midnight that the day's hours count from; on a day of change, that of its noon."""
    noon = datetime.combine(day, time(12), ZoneInfo(TIME_ZONE))
    return round((noon.timestamp() - 12 * 3600) * 1000)
