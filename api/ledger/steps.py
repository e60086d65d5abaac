"""From an event to its steps: what it does to the shelf of which product, where.

What is under way between two sites follows from the sums of its transfer (docs/decisions/0014).
"""

from typing import TypeAlias, cast
from uuid import UUID

from api.ledger.errors import NothingInTransit
from api.ledger.events import (
    Adjusted,
    Arrived,
    Counted,
    Dispatched,
    OpeningBalance,
    Received,
    Returned,
    Shipped,
    Sold,
    Transferred,
)
from api.ledger.known import Entry, Item, Known, Original, Place, Transfer
from api.ledger.stock import NO_LOT, Leg, pick

# A leg with what it is of and where.
Step: TypeAlias = tuple[Item, Place, Leg]
# A place, a lot, and the units that it gains or loses.
Units: TypeAlias = tuple[int, int, int]


def leg_of(
    item: Item,
    place: Place,
    change: int = 0,
    *,
    counted: int | None = None,
    lot: int | None = None,
    is_direct: bool = False,
) -> Leg:
    return Leg(item.product_id, place.location_id, change, counted, lot, is_direct)


class Steps:
    """Makes the steps of facts, on what is known; telling of a transfer changes its sums."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def of(self, entry: Entry, item: Item, place: Place) -> list[Step]:
        """The steps of a fact, in the order in which they are answered."""
        event, lot = entry.event, entry.lot
        match event:
            case Received(quantity=quantity) | Returned(quantity=quantity):
                change = quantity
            case Sold(quantity=quantity) | Shipped(quantity=quantity):
                change = -quantity
            case Counted(quantity=counted):
                return [(item, place, leg_of(item, place, counted=counted, lot=lot))]
            case Adjusted(quantity_change=change, transfer_id=transfer_id) if transfer_id:
                return self._lost(entry, item, place, transfer_id, -change)
            case Adjusted(quantity_change=change) | OpeningBalance(quantity_change=change):
                pass
            case Transferred(quantity=quantity):
                return self._transferred(entry, item, place, quantity)
            case Dispatched(quantity=quantity, transfer_id=transfer_id):
                return self._dispatched(entry, item, place, transfer_id, quantity)
            case Arrived(quantity=quantity, transfer_id=transfer_id):
                return self._arrived(entry, item, place, transfer_id, quantity)
            case _:
                raise AssertionError(event.event_type)
        return [
            (part, place, leg_of(part, place, change * each, lot=lot))
            for part, each in item.stocked
        ]

    def _transferred(self, entry: Entry, item: Item, place: Place, quantity: int) -> list[Step]:
        target = cast(Place, entry.to_place)
        puts = [
            (item, target, leg_of(item, target, units, lot=lot or None))
            for lot, units in self._leaving(item, place, entry.lot, quantity).items()
        ]
        return [(item, place, leg_of(item, place, -quantity, lot=entry.lot)), *puts]

    def _dispatched(
        self, entry: Entry, item: Item, place: Place, transfer_id: UUID, quantity: int
    ) -> list[Step]:
        transit = cast(Place, entry.transit)
        transfer = self._transfer(transfer_id, item, transit)
        before = transfer.in_transit
        transfer.dispatched += quantity
        left = transfer.in_transit - before
        steps = [(item, place, leg_of(item, place, -quantity, lot=entry.lot))]
        for lot, units in self._leaving(item, place, entry.lot, quantity).items():
            under_way = min(left, units)
            left -= under_way
            steps.append((item, transit, leg_of(item, transit, under_way, lot=lot, is_direct=True)))
        return steps

    def _arrived(
        self, entry: Entry, item: Item, place: Place, transfer_id: UUID, quantity: int
    ) -> list[Step]:
        transit = cast(Place, entry.transit)
        transfer = self._transfer(transfer_id, item, transit)
        before = transfer.in_transit
        transfer.arrived += quantity
        taken = self._out_of_transit(item, transit, entry.lot, before - transfer.in_transit)
        puts = {entry.lot or NO_LOT: quantity} if entry.lot else dict(taken)
        rest = quantity - sum(puts.values())
        if rest:
            puts[NO_LOT] = puts.get(NO_LOT, 0) + rest
        return [
            *(
                (item, place, leg_of(item, place, units, lot=lot or None))
                for lot, units in puts.items()
            ),
            *self._direct(item, transit, taken),
        ]

    def _lost(
        self, entry: Entry, item: Item, transit: Place, transfer_id: UUID, units: int
    ) -> list[Step]:
        transfer = self._transfer(transfer_id, item, transit)
        if units > transfer.in_transit:
            raise NothingInTransit(transfer_id, transfer.in_transit)
        transfer.lost += units
        return self._direct(item, transit, self._out_of_transit(item, transit, entry.lot, units))

    def _transfer(self, transfer_id: UUID, item: Item, transit: Place) -> Transfer:
        key = (transfer_id, item.product_id, transit.location_id)
        return self._known.transfers.setdefault(key, Transfer())

    def _leaving(self, item: Item, place: Place, lot: int | None, units: int) -> dict[int, int]:
        """By lot, what will leave a shelf, with what the place behind it will cover."""
        known = self._known
        leaving = pick(known.shelf(item.product_id, place.location_id), lot, units, known.expiry)
        missing = units - sum(leaving.values())
        if missing and place.behind is not None:
            behind = known.shelf(item.product_id, place.behind.location_id)
            for each, found in pick(behind, lot, missing, known.expiry).items():
                leaving[each] = leaving.get(each, 0) + found
                missing -= found
        if missing:
            leaving[lot or NO_LOT] = leaving.get(lot or NO_LOT, 0) + missing
        return leaving

    def _out_of_transit(
        self, item: Item, transit: Place, lot: int | None, units: int
    ) -> dict[int, int]:
        shelf = self._known.shelf(item.product_id, transit.location_id)
        taken = pick(shelf, lot, units, self._known.expiry)
        rest = units - sum(taken.values())
        if rest:  # of other lots than the one that was named
            for each in self._known.expiry.first_out(shelf.lots):
                found = min(rest, shelf.lots[each] - taken.get(each, 0))
                taken[each] = taken.get(each, 0) + found
                rest -= found
        return {each: found for each, found in taken.items() if found}

    def _direct(self, item: Item, transit: Place, taken: dict[int, int]) -> list[Step]:
        """Out of transit; a step without a change where nothing of it was under way."""
        return [
            (item, transit, leg_of(item, transit, -units, lot=lot, is_direct=True))
            for lot, units in (taken or {NO_LOT: 0}).items()
        ]

    def undo_transfer(self, original: Original) -> tuple[Item, list[Units]]:
        """What is under way changes by without what is undone."""
        transfer_id, quantity = cast(tuple[UUID, int], original.transfer)
        [(item, transit)] = {(i, p) for i, p, _ in original.touched if p.is_transit}
        transfer = self._transfer(transfer_id, item, transit)
        before = transfer.in_transit
        match original.event_type:
            case "dispatched":
                transfer.dispatched -= quantity
            case "arrived":
                transfer.arrived -= quantity
            case _:
                transfer.lost -= quantity
        change = transfer.in_transit - before
        if change >= 0:
            moved = {NO_LOT: change}
        else:
            taken = self._out_of_transit(item, transit, None, -change)
            moved = {lot: -units for lot, units in taken.items()}
        return item, [(transit.location_id, lot, units) for lot, units in moved.items()]
