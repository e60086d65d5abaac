"""Today's walk: what to carry from the back room to the places that sell."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestration.planning.replenishment import Priority, is_worth_a_change

# A place that lasts until the next walk may be empty before the one after it.
WALKS_TO_LAST = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """One product at one selling place, in base units.

    daily_use: expected units a day here. par: what it is filled up to, None where nobody said;
    minimum: at or below this it is filled whatever is expected.
    """

    product_id: int
    location_id: int
    code: str
    on_hand: int
    daily_use: float
    source_location_id: int
    par: int | None = None
    minimum: int = 0
    pack_size: int = 1

    @property
    def days_left(self) -> float:
        """Days until the expected use has emptied it; infinite where none is expected."""
        if self.on_hand <= 0:
            return 0.0
        return self.on_hand / self.daily_use if self.daily_use > 0 else math.inf


@dataclass(frozen=True, kw_only=True, slots=True)
class Refill:
    """Units to carry to a place, and what they were before the back room and the place capped them.

    source_held and room: what was left of both when it was this line's turn; room None is no limit.
    """

    shelf: Shelf
    quantity: int
    fill_to: int
    wanted: int
    source_held: int
    room: int | None
    priority: Priority


def refill_walk(
    shelves: Iterable[Shelf],
    *,
    held: Mapping[tuple[int, int], int],
    room: Mapping[int, int],
    shown: Mapping[tuple[int, int], int] | None = None,
    round_days: float = 1.0,
    cover_days: float = 7.0,
) -> list[Refill]:
    """The refills of one walk, in order of place and product.

    A place is due at or below its minimum, or where it will not last until the walk after next;
    it is filled to its par, else to `cover_days` of expected use. `held` has the free units by
    (product, source place), `room` the units that a place still takes in all; the emptiest
    places take first, so that neither is given out twice. `shown` has, by (product, place), the
    quantity that people see, which stays while it fits and is not worth a change.
    """
    shown = shown or {}
    left, space = dict(held), dict(room)
    planned = []
    due = [shelf for shelf in shelves if _is_due(shelf, round_days)]
    for shelf in sorted(due, key=lambda one: (one.days_left, one.code, one.product_id)):
        fill_to = _fill_to(shelf, cover_days)
        source = (shelf.product_id, shelf.source_location_id)
        source_held, room_left = left.get(source, 0), space.get(shelf.location_id)
        wanted = fill_to - shelf.on_hand
        most = source_held if room_left is None else min(source_held, room_left)
        quantity = min(wanted, most)
        before = shown.get((shelf.product_id, shelf.location_id))
        if before is not None and before <= most and quantity > 0:
            worth_it = is_worth_a_change(
                shown=before, wanted=quantity, pack_size=max(2, shelf.pack_size)
            )
            quantity = quantity if worth_it else before
        if quantity <= 0:
            continue
        left[source] = source_held - quantity
        if room_left is not None:
            space[shelf.location_id] = room_left - quantity
        planned.append(
            Refill(
                shelf=shelf,
                quantity=quantity,
                fill_to=fill_to,
                wanted=wanted,
                source_held=source_held,
                room=room_left,
                priority=_priority(shelf, round_days),
            )
        )
    return sorted(planned, key=lambda one: (one.shelf.code, one.shelf.product_id))


def _is_due(shelf: Shelf, round_days: float) -> bool:
    at_minimum = shelf.minimum > 0 and shelf.on_hand <= shelf.minimum
    runs_short = shelf.on_hand < WALKS_TO_LAST * round_days * shelf.daily_use
    is_empty = shelf.on_hand <= 0 and (shelf.daily_use > 0 or bool(shelf.par))
    return at_minimum or runs_short or is_empty


def _fill_to(shelf: Shelf, cover_days: float) -> int:
    if shelf.par is not None:
        return shelf.par
    return max(1, shelf.minimum, math.ceil(round(shelf.daily_use * cover_days, 6)))


def _priority(shelf: Shelf, round_days: float) -> Priority:
    if shelf.on_hand <= 0:
        return "high"
    return "medium" if shelf.days_left < round_days else "low"
