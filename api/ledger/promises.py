"""Reservations: what is promised, and what becomes of it where there is less (decision 0013)."""

from typing import cast
from uuid import UUID, uuid5

from api.ledger.book import Book
from api.ledger.errors import ForeignSite, ReversalMismatch, UnknownReservation
from api.ledger.events import Released, Shipped
from api.ledger.known import Entry, Held, Item, Known, Needs, Place, Reservation, Unread
from api.ledger.schemas import Notice
from api.ledger.stock import Shelf


def require_site(entry: Entry, place: Place) -> None:
    """Raise ForeignSite where the sender has no part in the site of a place."""
    if entry.sites is not None and place.site not in entry.sites:
        raise ForeignSite(place.code)


class Promises:
    """Keeps promises in the book."""

    def __init__(self, known: Known, book: Book, needs: Needs) -> None:
        self._known = known
        self._book = book
        self._needs = needs

    def find(self, entry: Entry, reservation: UUID) -> Reservation:
        """The reservation that an event names; raises where it is not the one that is meant."""
        promise = self._known.reservations.get(reservation)
        if promise is None:
            raise UnknownReservation(reservation)
        event = cast(Released | Shipped, entry.event)
        different: dict[str, object] = {}
        if event.sku is not None and event.sku != promise.item.sku:
            different["sku"] = promise.item.sku
        if event.location is not None and event.location != promise.place.code:
            different["location"] = promise.place.code
        if different:
            raise ReversalMismatch(different)
        require_site(entry, promise.place)
        return promise

    def promise(self, leg: int, promise: Reservation, held: Held, units: int) -> None:
        """Reserve units of one product, or release them where `units` is negative."""
        location_id = promise.place.location_id
        shelf = self._known.shelf(held.item.product_id, location_id)
        held.remaining += units
        self._book.promise(leg, held.item.product_id, location_id, shelf, units)
        if not any(part.remaining for part in promise.held):
            self._book.closed.append(promise.reservation)

    def keep_within(
        self, entry: Entry, cause: int, places: dict[tuple[int, int], tuple[Item, Place | None]]
    ) -> list[Notice]:
        """Where more is promised than there is, the newest reservations lose what is missing."""
        notices: list[Notice] = []
        for (product_id, location_id), (item, place) in places.items():
            shelf = self._known.shelf(product_id, location_id)
            if not shelf.reserved or shelf.available >= 0:
                continue
            if (product_id, location_id) not in self._known.reservations_read:
                self._needs.reserved.add((product_id, location_id))
                raise Unread
            for promise in self._newest(product_id, location_id):
                units = self._broken(entry, cause, promise, product_id, shelf)
                if units:
                    where = place or promise.place
                    notices.append(
                        Notice(
                            "over_promised",
                            f"{units} of {item.sku} that were reserved at {where.code} as"
                            f" {promise.reservation} are not there any more.",
                            item.sku,
                            where.code,
                        )
                    )
        return notices

    def _newest(self, product_id: int, location_id: int) -> list[Reservation]:
        open_ones = [
            promise
            for promise in self._known.reservations.values()
            if promise.place.location_id == location_id
            and any(part.item.product_id == product_id for part in promise.held)
        ]
        return sorted(open_ones, key=lambda promise: -promise.position)

    def _broken(
        self, entry: Entry, cause: int, promise: Reservation, product_id: int, shelf: Shelf
    ) -> int:
        [held] = [part for part in promise.held if part.item.product_id == product_id]
        units = min(held.remaining, -shelf.available)
        if units <= 0:
            return 0
        self._book.head += 1
        self._book.derived(
            entry,
            uuid5(entry.event.event_id, f"released:{promise.reservation}:{product_id}"),
            "released",
            product_id,
            promise.place.location_id,
            cause=cause,
            quantity=units,
            reservation=promise.reservation,
        )
        self.promise(0, promise, held, -units)
        return units

    def shipped(self, event: Shipped, leg: int) -> None:
        """What left is not promised any more, as far as it still was."""
        promise = self._known.reservations[event.reservation]
        for number, held in enumerate(promise.held):
            units = min(held.remaining, event.quantity * held.each)
            if units:
                self.promise(leg + number, promise, held, -units)
