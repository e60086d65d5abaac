"""Stock arithmetic: what a leg of an event does to the shelves that it touches. Pure, written once.

Requests may be refused, facts may not. Where a fact takes more than the book holds, the book was
wrong: what the place behind the shelf has is taken as moved, the rest as a book shortage, so that
nothing goes below zero. The live ledger and the replay of what came late both run through `apply`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum

NO_LOT = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BEFORE_ALL = -(2**62)


class Rank(IntEnum):
    """What comes first of the same instant."""

    IN = 0
    OUT = 1
    COUNT = 2


def moment_of(occurred_at: datetime, rank: int) -> int:
    """The order of occurrence as one number: microseconds since 1970 times four, plus the rank."""
    return (occurred_at - _EPOCH) // _MICROSECOND * 4 + rank


# What each event makes several of is not frozen: that takes four times as long to make.
@dataclass(slots=True)
class Leg:
    """What an event does to one shelf: a change, or an absolute in `counted`.

    `lot`: the one that the client named. `is_direct`: goods between sites, which follow from the
    sums of their transfer and not from the order of occurrence.
    """

    product_id: int
    location_id: int
    change: int = 0
    counted: int | None = None
    lot: int | None = None
    is_direct: bool = False

    @property
    def rank(self) -> Rank:
        if self.counted is not None:
            return Rank.COUNT
        return Rank.IN if self.change >= 0 else Rank.OUT


class Why(IntEnum):
    """What a change of a shelf is booked as."""

    OWN = 0
    IMPLIED = 1
    SHORTAGE = 2


@dataclass(slots=True)
class Change:
    """Units that a lot on a shelf gains or loses, and what the lot and the place then have."""

    why: Why
    location_id: int
    lot: int
    on_hand: int
    lot_after: int
    place_after: int


@dataclass(slots=True)
class Shelf:
    """What a product has at a place, by lot, and what of it is promised.

    `last_moment` is that of the latest leg; `settled_moment` of the latest that does not commute
    with what was taken before it. None: not known, so whatever comes is replayed. `version` is the
    position of the last movement, `moment_then` the `last_moment` right after it.
    """

    lots: dict[int, int] = field(default_factory=lambda: {NO_LOT: 0})
    on_hand: int = 0
    reserved: int = 0
    version: int = 0
    last_moment: int | None = _BEFORE_ALL
    settled_moment: int | None = _BEFORE_ALL
    moment_then: int | None = _BEFORE_ALL

    @property
    def available(self) -> int:
        """Negative where more is promised than there is."""
        return self.on_hand - self.reserved

    def put(self, why: Why, location_id: int, lot: int, change: int) -> Change:
        """Add units to a lot, or take them where `change` is negative."""
        held = self.lots[lot] = self.lots.get(lot, 0) + change
        self.on_hand += change
        return Change(why, location_id, lot, change, held, self.on_hand)

    def holds(self, lot: int | None) -> int:
        """How much can be taken of a lot: what carries no lot may be of it."""
        if not lot:
            return self.on_hand
        return self.lots.get(lot, 0) + self.lots.get(NO_LOT, 0)

    def copy(self) -> "Shelf":
        return Shelf(
            dict(self.lots),
            self.on_hand,
            self.reserved,
            self.version,
            self.last_moment,
            self.settled_moment,
            self.moment_then,
        )

    def moved(self, moment: int) -> None:
        """A leg of this moment was done here."""
        if self.last_moment is None or moment > self.last_moment:
            self.last_moment = moment

    def settle(self, moment: int) -> None:
        """What happened before this moment and comes later must be replayed."""
        if self.settled_moment is None or moment > self.settled_moment:
            self.settled_moment = moment


class Expiry(dict[int, date]):
    """When each lot expires, of those that do."""

    def first_out(self, lots: Mapping[int, int]) -> list[int]:
        """Lots in the order in which they leave: first expired first out, then first come."""
        if len(lots) == 1:
            return list(lots)
        held = [lot for lot, on_hand in lots.items() if on_hand > 0]
        return sorted(held, key=lambda lot: (self.get(lot, date.max), lot))


def is_in_order(leg: Leg, moment: int, shelf: Shelf, behind: Shelf | None) -> bool:
    """Whether `apply` now leads to what a replay in order of occurrence would lead to.

    What is taken commutes with what was taken after it, as long as there is enough of it; of one
    instant also where there is not, unless a place behind covers that, where others take, too.
    """
    last, settled = shelf.last_moment, shelf.settled_moment
    if last is None or settled is None:
        return False
    if moment > last:
        in_order = True
    elif leg.counted is not None or leg.lot or len(shelf.lots) > 1 or moment < settled:
        return False
    else:
        is_enough = leg.change >= 0 or -leg.change <= shelf.on_hand
        in_order = is_enough or (moment == last and behind is None)
    if not in_order or leg.change >= 0 or behind is None or -leg.change <= shelf.holds(leg.lot):
        return in_order
    return behind.last_moment is not None and moment > behind.last_moment


def apply(
    leg: Leg, moment: int, shelf: Shelf, behind: tuple[int, Shelf] | None, expiry: Expiry
) -> list[Change]:
    """Do a leg to its shelf; answers what changed, in the order in which it is booked.

    `behind`: the place that this one is refilled from, which covers a shortage as far as it can.
    """
    if leg.is_direct:
        return [shelf.put(Why.OWN, leg.location_id, leg.lot or NO_LOT, leg.change)]
    shelf.moved(moment)
    if leg.counted is not None:
        shelf.settle(moment)
        return _count(leg, shelf, expiry)
    if leg.change >= 0:
        shelf.settle(moment)
        return [shelf.put(Why.OWN, leg.location_id, leg.lot or NO_LOT, leg.change)]
    if len(shelf.lots) == 1 and -leg.change <= shelf.on_hand:
        return [shelf.put(Why.OWN, leg.location_id, NO_LOT, leg.change)]
    return _take(leg, moment, shelf, behind, expiry)


def _count(leg: Leg, shelf: Shelf, expiry: Expiry) -> list[Change]:
    counted = leg.counted or 0
    if leg.lot:
        changes = {leg.lot: counted - shelf.lots.get(leg.lot, 0)}
    elif counted >= shelf.on_hand:
        changes = {NO_LOT: counted - shelf.on_hand}
    else:
        picked = pick(shelf, None, shelf.on_hand - counted, expiry)
        changes = {lot: -units for lot, units in picked.items()}
    return [shelf.put(Why.OWN, leg.location_id, lot, change) for lot, change in changes.items()]


def _take(
    leg: Leg, moment: int, shelf: Shelf, behind: tuple[int, Shelf] | None, expiry: Expiry
) -> list[Change]:
    changes: list[Change] = []
    missing = -leg.change - min(-leg.change, shelf.holds(leg.lot))
    if missing:
        shelf.settle(moment)
        if behind is not None:
            changes += _cover(leg, shelf, behind, missing, expiry)
            behind[1].settle(moment)
            behind[1].moved(moment)
            missing = -leg.change - min(-leg.change, shelf.holds(leg.lot))
    if missing:
        changes.append(shelf.put(Why.SHORTAGE, leg.location_id, leg.lot or NO_LOT, missing))
    taken = pick(shelf, leg.lot, -leg.change, expiry)
    return changes + [
        shelf.put(Why.OWN, leg.location_id, lot, -units) for lot, units in taken.items()
    ]


def _cover(
    leg: Leg, shelf: Shelf, behind: tuple[int, Shelf], missing: int, expiry: Expiry
) -> list[Change]:
    """Take from the place behind what the shelf lacks: someone refilled it and did not say so."""
    behind_id, source = behind
    changes = []
    for lot, units in pick(source, leg.lot, missing, expiry).items():
        changes.append(source.put(Why.IMPLIED, behind_id, lot, -units))
        changes.append(shelf.put(Why.IMPLIED, leg.location_id, lot, units))
    return changes


def pick(shelf: Shelf, lot: int | None, units: int, expiry: Expiry) -> dict[int, int]:
    """Units by lot, `units` in all or as many as there are."""
    order = [lot, NO_LOT] if lot else expiry.first_out(shelf.lots)
    picked: dict[int, int] = {}
    for each in order:
        found = min(units, shelf.lots.get(each, 0))
        if found > 0:
            picked[each] = found
            units -= found
    return picked


@dataclass(frozen=True, slots=True)
class Past:
    """A leg that happened, in the order of occurrence: (moment, event_id as a number)."""

    moment: int
    event_number: int
    leg: Leg


def replay(
    shelves: dict[int, Shelf],
    past: Iterable[Past],
    *,
    refilled_from: Mapping[int, int],
    expiry: Expiry,
    watched: int | None = None,
) -> list[Change]:
    """Do legs to the shelves of one product by location, in order of occurrence, floored at zero.

    Answers what the event numbered `watched` changed by itself.
    """
    seen: list[Change] = []
    for each in sorted(past, key=lambda one: (one.moment, one.event_number)):
        source = refilled_from.get(each.leg.location_id)
        shelf = shelves.setdefault(each.leg.location_id, Shelf())
        behind = (source, shelves.setdefault(source, Shelf())) if source is not None else None
        changes = apply(each.leg, each.moment, shelf, behind, expiry)
        if each.event_number == watched:
            seen += [change for change in changes if change.why is Why.OWN]
    return seen
