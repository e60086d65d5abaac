"""What is in order is done at once; what comes late is put in its turn by a replay.

docs/decisions/0012 says which is which, and why that ends in the same stock.
"""

from datetime import datetime
from typing import TypeAlias

from api.ledger.book import Book
from api.ledger.errors import BeforeAClosedCount
from api.ledger.known import Entry, Item, Known, Needs, Place, Tail, Unread
from api.ledger.steps import Step, Units
from api.ledger.stock import NO_LOT, Change, Past, Shelf, Why, apply, is_in_order, moment_of, replay

Booked: TypeAlias = tuple[Item, Change]


class Replays:
    """Does steps to the shelves that are known."""

    def __init__(self, known: Known, book: Book, needs: Needs) -> None:
        self._known = known
        self._book = book
        self._needs = needs

    def is_in_order(self, step: Step, steps: list[Step], at: datetime) -> bool:
        """Whether a step can be done at once; `steps` are all of its event."""
        item, place, leg = step
        if leg.is_direct:
            return True
        shelf = self._known.shelf(item.product_id, place.location_id)
        behind = self._behind(item, place)
        if behind is not None and leg.change < 0 and -leg.change > shelf.holds(leg.lot):
            # What it brings to the place behind it covers what it lacks itself.
            others = {other.location_id for _, _, other in steps if other is not leg}
            if behind[0] in others:
                return False
        return is_in_order(
            leg, moment_of(at, leg.rank), shelf, behind[1] if behind is not None else None
        )

    def refuse_before_a_closed_count(
        self, entry: Entry, steps: list[Step], late: set[int], at: datetime
    ) -> None:
        """What happened before a count that is closed asks a manager.

        Where that is not read yet, it is asked for. The group is decided anew without what is
        refused, since its steps may have changed what is known of a transfer.
        """
        for item, place, leg in steps:
            if leg.is_direct or item.product_id not in late:
                continue
            key = (item.product_id, place.location_id)
            closed = self._known.closed.get(key)
            if closed is None:
                self._needs.closed.add(key)
                continue
            named = leg.lot or NO_LOT
            until = [
                counted_at
                for lot, counted_at in closed.items()
                if lot in (named, NO_LOT) or named == NO_LOT
            ]
            if until and at <= max(until):
                entry.refusal = BeforeAClosedCount(item.sku, place.code, max(until))
                self._needs.anew = True
                raise Unread

    def now(self, item: Item, steps: list[Step], at: datetime) -> list[Booked]:
        """Do steps that are in order; what comes in first, as a replay would."""
        if len(steps) == 1:
            return self._do(item, steps[0], at)
        turns = sorted(range(len(steps)), key=lambda number: steps[number][2].rank)
        done = {number: self._do(item, steps[number], at) for number in turns}
        return [booked for number in range(len(steps)) for booked in done[number]]

    def _do(self, item: Item, step: Step, at: datetime) -> list[Booked]:
        _, place, leg = step
        shelf = self._known.shelf(item.product_id, place.location_id)
        behind = self._behind(item, place)
        changes = apply(leg, moment_of(at, leg.rank), shelf, behind, self._known.expiry)
        self._touch(item, leg.location_id, shelf)
        if len(changes) > 1 and behind is not None:
            self._touch(item, *behind)
        return [(item, change) for change in changes]

    def late(
        self, entry: Entry, item: Item, steps: list[Step], at: datetime
    ) -> tuple[list[Change], list[Change], list[Change]]:
        """What is booked before the event, by the event, and after it, so that levels are as if
        it had come in its turn."""
        locations = {leg.location_id for _, _, leg in steps if not leg.is_direct}
        tail = self.tail(item, at, locations)
        tail.past += _past(entry, steps, at)
        target, own = self.replayed(tail, watched=entry.event.event_id.int)
        rest = self.difference(item, target)
        for change in own:
            key = (change.location_id, change.lot)
            rest[key] = rest.get(key, 0) - change.on_hand
        mine = [(change.location_id, change.lot, change.on_hand) for change in own]
        more = [(*key, units) for key, units in rest.items() if units > 0]
        less = [(*key, units) for key, units in rest.items() if units < 0]
        if self._can_hold(item, mine):
            before, after = [], more + less
        elif self._can_hold(item, more + less):
            before, after = more + less, []
        else:
            before, after = more, less
        direct = [step for step in steps if step[2].is_direct]
        booked = (
            self.put(item, before),
            self.put(item, mine) + [change for _, change in self.now(item, direct, at)],
            self.put(item, after),
        )
        self.settle(item, target, tail.bound)
        return booked

    def remember(self, entry: Entry, item: Item, steps: list[Step], at: datetime) -> None:
        """Where the past of the product is at hand, this belongs to it from now on."""
        tail = self._known.tails.get(item.product_id)
        if tail is not None:
            here = [step for step in steps if step[2].location_id in tail.base]
            tail.past += _past(entry, here, at)

    def tail(self, item: Item, bound: datetime, locations: set[int]) -> Tail:
        """The past of a product from a moment on; raises Unread where it is not at hand."""
        tail = self._known.tails.get(item.product_id)
        if tail is None or tail.bound > bound or not locations <= tail.base.keys():
            self._needs.tail(item.product_id, bound, locations)
            raise Unread
        return tail

    def replayed(
        self, tail: Tail, *, watched: int | None = None
    ) -> tuple[dict[int, Shelf], list[Change]]:
        """The shelves as they should be, and what the watched event does in its turn."""
        shelves = {location_id: shelf.copy() for location_id, shelf in tail.base.items()}
        own = replay(
            shelves,
            tail.past,
            refilled_from=tail.refilled_from,
            expiry=self._known.expiry,
            watched=watched,
        )
        return shelves, own

    def difference(self, item: Item, target: dict[int, Shelf]) -> dict[tuple[int, int], int]:
        """By place and lot, what the shelves lack of what they should hold."""
        difference = {}
        for location_id, shelf in target.items():
            held = self._known.shelf(item.product_id, location_id).lots
            for lot in shelf.lots.keys() | held.keys():
                units = shelf.lots.get(lot, 0) - held.get(lot, 0)
                if units:
                    difference[location_id, lot] = units
        return difference

    def _can_hold(self, item: Item, changes: list[Units]) -> bool:
        """Whether changes leave nothing below zero on the way, taken one after another."""
        lots: dict[tuple[int, int], int] = {}
        for location_id, lot, units in changes:
            key = (location_id, lot)
            held = self._known.shelf(item.product_id, location_id).lots.get(lot, 0)
            lots[key] = lots.get(key, held) + units
            if lots[key] < 0:
                return False
        return True

    def put(self, item: Item, changes: list[Units]) -> list[Change]:
        """Change lots at places one after another."""
        return [
            self._known.shelf(item.product_id, location_id).put(Why.OWN, location_id, lot, units)
            for location_id, lot, units in changes
        ]

    def settle(self, item: Item, target: dict[int, Shelf], bound: datetime) -> None:
        """The moments of a replay are those of its shelves; what was before is before its bound."""
        floor = moment_of(bound, 0)
        for location_id, shelf in target.items():
            held = self._known.shelf(item.product_id, location_id)
            last = max(shelf.last_moment or floor, held.last_moment or floor)
            settled = max(shelf.settled_moment or floor, held.settled_moment or floor)
            if (last, settled) != (held.last_moment, held.settled_moment):
                held.last_moment, held.settled_moment = last, settled
                self._touch(item, location_id, held)

    def _behind(self, item: Item, place: Place) -> tuple[int, Shelf] | None:
        if place.behind is None:
            return None
        location_id = place.behind.location_id
        return location_id, self._known.shelf(item.product_id, location_id)

    def _touch(self, item: Item, location_id: int, shelf: Shelf) -> None:
        self._book.touched[item.product_id, location_id] = shelf


def _past(entry: Entry, steps: list[Step], at: datetime) -> list[Past]:
    number = entry.event.event_id.int
    return [Past(moment_of(at, leg.rank), number, leg) for _, _, leg in steps if not leg.is_direct]
