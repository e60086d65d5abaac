"""What becomes of a group of events, decided in memory on what was read under the lock. Pure.

Each entry gets an outcome of its own: the answer, the first answer again, or a refusal. What was
decided is left in a book, to be written with array parameters. Where more has to be read first
(the past of what came late, the promises on a shelf that ran short), `needs` says what, and the
group is decided anew.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid5

from api.ledger.answers import first_answer
from api.ledger.book import Book
from api.ledger.errors import (
    AlreadyReversed,
    InsufficientStock,
    NotReversible,
    ReservationSpent,
    ReversalMismatch,
    UnknownEvent,
)
from api.ledger.events import (
    Expired,
    Released,
    Reserved,
    Reversed,
    Shipped,
)
from api.ledger.known import (
    Entry,
    Held,
    Item,
    Known,
    Needs,
    Original,
    Place,
    Reservation,
    Told,
    Unread,
)
from api.ledger.promises import Promises, require_site
from api.ledger.replays import Booked, Replays
from api.ledger.schemas import Notice, Recorded, StockLevel
from api.ledger.steps import Step, Steps, leg_of
from api.ledger.stock import (
    NO_LOT,
    Why,
)
from api.problems import Problem


class Group:
    """Decides entries one after another; each sees the levels that the one before left."""

    def __init__(self, known: Known, *, keep_originals: bool) -> None:
        self._known = known
        self._keep_originals = keep_originals
        self._decided: dict[UUID, tuple[Entry, Item, Place, int | None]] = {}
        self.book = Book(known.head, known.now)
        self.needs = Needs()
        self._steps = Steps(known)
        self._replays = Replays(known, self.book, self.needs)
        self._promises = Promises(known, self.book, self.needs)

    def decide(self, entries: Iterable[Entry]) -> None:
        """Set the outcome of each entry, but for those that `needs` must be read for."""
        for entry in entries:
            try:
                entry.outcome = self._outcome(entry)
            except Problem as problem:
                entry.outcome = problem
            except Unread:
                continue

    @property
    def recorded(self) -> list[Entry]:
        """The entries whose events are new."""
        return [decided[0] for decided in self._decided.values()]

    def _outcome(self, entry: Entry) -> Recorded:
        told = self._told(entry.event.event_id)
        if told is not None:
            return first_answer(entry, told)
        if entry.refusal is not None:
            raise entry.refusal
        match entry.event:
            case Reserved() as event:
                return self._reserve(entry, event)
            case Released() as event:
                return self._release(entry, event)
            case Reversed() as event:
                return self._reverse(entry, event)
            case _:
                return self._fact(entry)

    def _told(self, event_id: UUID) -> Told | None:
        if event_id not in self._decided:
            return self._known.told.get(event_id)
        entry, item, place, quantity = self._decided[event_id]
        said: dict[str, Any] = dict(entry.event)
        if isinstance(entry.event, Reversed | Released | Shipped):
            said |= {"sku": item.sku, "location": place.code, "quantity": quantity}
        if isinstance(entry.event, Reversed):
            said["quantity"] = self._known.originals[entry.event.reverses].quantity
        return Told(said, cast(Recorded, entry.outcome))

    # Facts.

    def _fact(self, entry: Entry) -> Recorded:
        item, place = self._of_what(entry)
        steps = self._steps.of(entry, item, place)
        at = min(entry.occurred_at, self._known.now)
        late = {
            step[0].product_id for step in steps if not self._replays.is_in_order(step, steps, at)
        }
        if late and not entry.may_be_late:
            self._replays.refuse_before_a_closed_count(entry, steps, late, at)
        if len(steps) == 1 and not late:
            return self._one_step(entry, item, place, steps, at)
        before: list[Booked] = []
        own: list[Booked] = []
        after: list[Booked] = []
        for part in dict.fromkeys(step[0] for step in steps):
            of_part = [step for step in steps if step[0] == part]
            if part.product_id in late:
                early, mine, later = self._replays.late(entry, part, of_part, at)
                before += [(part, change) for change in early]
                own += [(part, change) for change in mine]
                after += [(part, change) for change in later]
            else:
                self._replays.remember(entry, part, of_part, at)
                own += self._replays.now(part, of_part, at)
        return self._record(entry, item, place, before, own, after, steps)

    def _one_step(
        self, entry: Entry, item: Item, place: Place, steps: list[Step], at: datetime
    ) -> Recorded:
        """Most facts: one shelf, in order, enough on it."""
        [(part, where, _)] = steps
        self._replays.remember(entry, part, steps, at)
        own = self._replays.now(part, steps, at)
        shelf = self._known.shelf(part.product_id, where.location_id)
        if len(own) > 1 or shelf.reserved:
            return self._record(entry, item, place, [], own, [], steps)
        self.book.head += 1
        self.book.move(0, part.product_id, own[0][1], shelf)
        return self._answer(
            entry, item, place, self.book.head, [(part, where)], quantity=_quantity_of(entry)
        )

    def _of_what(self, entry: Entry) -> tuple[Item, Place]:
        """The product and place of a fact: a shipment has those of its reservation."""
        if not isinstance(entry.event, Shipped):
            return cast(Item, entry.item), cast(Place, entry.place)
        promise = self._promises.find(entry, entry.event.reservation)
        return promise.item, promise.place

    # What comes late.

    # Reservations.

    def _reserve(self, entry: Entry, event: Reserved) -> Recorded:
        item, place = cast(Item, entry.item), cast(Place, entry.place)
        available = min(
            self._known.shelf(part.product_id, place.location_id).available // each
            for part, each in item.stocked
        )
        if event.quantity > available:
            raise InsufficientStock(item.sku, place.code, available)
        self.book.head += 1
        promise = Reservation(
            event.event_id,
            self.book.head,
            item,
            place,
            [Held(part, each, 0) for part, each in item.stocked],
        )
        self._known.reservations[event.event_id] = promise
        for leg, held in enumerate(promise.held):
            self._promises.promise(leg, promise, held, event.quantity * held.each)
            self.book.opened.append(
                (
                    promise.position,
                    promise.reservation,
                    held.item.product_id,
                    place.location_id,
                    event.expires_at,
                )
            )
        return self._answer(
            entry, item, place, promise.position, _promised(promise), quantity=event.quantity
        )

    def _release(self, entry: Entry, event: Released) -> Recorded:
        promise = self._promises.find(entry, event.reservation)
        remaining = promise.remaining
        quantity = event.quantity or remaining
        whole = isinstance(event, Expired) or event.quantity is None
        if not any(part.remaining for part in promise.held):
            self.book.closed.append(promise.reservation)
            raise ReservationSpent(event.reservation, 0)
        if quantity > remaining or (remaining == 0 and not isinstance(event, Expired)):
            raise ReservationSpent(event.reservation, remaining)
        self.book.head += 1
        for leg, held in enumerate(promise.held):
            units = held.remaining if whole else quantity * held.each
            self._promises.promise(leg, promise, held, -units)
        return self._answer(
            entry,
            promise.item,
            promise.place,
            self.book.head,
            _promised(promise),
            quantity=quantity,
        )

    # Reversals.

    def _reverse(self, entry: Entry, event: Reversed) -> Recorded:
        original = self._original(entry, event)
        own: list[Booked] = []
        notices: list[Notice] = []
        if original.transfer is not None:
            moved, units = self._steps.undo_transfer(original)
            own += [(moved, change) for change in self._replays.put(moved, units)]
        for item in dict.fromkeys(item for item, _, _ in original.touched):
            places = [p for i, p, _ in original.touched if i == item and not p.is_transit]
            if not places:
                continue
            tail = self._replays.tail(item, original.occurred_at, {p.location_id for p in places})
            kept = [past for past in tail.past if past.event_number != original.event_number]
            tail.past[:] = kept
            target, _ = self._replays.replayed(tail)
            changes = [
                (*key, units) for key, units in self._replays.difference(item, target).items()
            ]
            undone = self._replays.put(item, sorted(changes, key=lambda change: -change[2]))
            own += [(item, change) for change in undone]
            self._replays.settle(item, target, tail.bound)
            for place in places:
                if not any(change.location_id == place.location_id for change in undone):
                    own += [
                        (item, c) for c in self._replays.put(item, [(place.location_id, NO_LOT, 0)])
                    ]
                    notices += _counted_since(original, item, place)
        original.is_reversed = True
        steps = [(item, place, leg_of(item, place)) for item, place, _ in original.touched]
        return self._record(entry, original.item, original.place, [], own, [], steps, notices)

    def _original(self, entry: Entry, event: Reversed) -> Original:
        original = self._known.originals.get(event.reverses)
        if original is None:
            raise UnknownEvent(event.reverses)
        if original.event_type == "reversed":
            raise NotReversible("A reversal cannot be reversed")
        if original.is_derived:
            raise NotReversible("What Parstock derived goes when its cause is reversed")
        if original.event_type in ("reserved", "released"):
            raise NotReversible("A reservation is released, not reversed")
        if original.is_reversed:
            raise AlreadyReversed(event.reverses)
        different: dict[str, object] = {}
        if entry.item is not None and entry.item != original.item:
            different["sku"] = original.item.sku
        if entry.place is not None and entry.place != original.place:
            different["location"] = original.place.code
        if event.quantity is not None and event.quantity != original.quantity:
            different["quantity"] = original.quantity
        if different:
            raise ReversalMismatch(different)
        require_site(entry, original.place)
        return original

    # Into the book.

    def _record(
        self,
        entry: Entry,
        item: Item,
        place: Place,
        before: list[Booked],
        own: list[Booked],
        after: list[Booked],
        steps: list[Step],
        notices: Iterable[Notice] = (),
    ) -> Recorded:
        covers = _covers([booked for booked in own if booked[1].why is not Why.OWN])
        turn = {(s[0].product_id, s[1].location_id): number for number, s in enumerate(steps)}
        mine = sorted(
            (booked for booked in own if booked[1].why is Why.OWN),
            key=lambda booked: turn.get((booked[0].product_id, booked[1].location_id), len(turn)),
        )
        cause = self.book.head + bool(before) + len(covers) + 1
        warnings = list(notices)
        if before:
            warnings.append(self._reordered(entry, item, place, before, cause, 0))
        for number, cover in enumerate(covers):
            warnings.append(self._cover(entry, cover, cause, number))
        self.book.head = cause
        self._move(mine)
        if isinstance(entry.event, Shipped):
            self._promises.shipped(entry.event, len(mine))
        if after:
            warnings.append(self._reordered(entry, item, place, after, cause, 1))
        places = [(part, where) for part, where, _ in steps]
        warnings += self._promises.keep_within(
            entry, cause, _all_touched(places, before, own, after)
        )
        quantity = None if isinstance(entry.event, Reversed) else _quantity_of(entry)
        return self._answer(entry, item, place, cause, places, warnings, quantity=quantity)

    def _move(self, booked: list[Booked]) -> None:
        for leg, (part, change) in enumerate(booked):
            shelf = self._known.shelf(part.product_id, change.location_id)
            self.book.move(leg, part.product_id, change, shelf)

    def _reordered(
        self, entry: Entry, item: Item, place: Place, booked: list[Booked], cause: int, number: int
    ) -> Notice:
        """Book by how much the levels differ, since this happened before what they rest on."""
        self.book.head += 1
        here = sum(c.on_hand for _, c in booked if c.location_id == place.location_id)
        self.book.derived(
            entry,
            uuid5(entry.event.event_id, f"reordered:{number}"),
            "adjusted",
            item.product_id,
            place.location_id,
            cause=cause,
            reason="reordered",
            quantity_change=sum(each.on_hand for _, each in booked),
        )
        self._move(booked)
        return Notice(
            "reordered",
            f"It happened before what was recorded already of {item.sku}, so its stock was put in"
            f" order: {here:+d} at {place.code}.",
            item.sku,
            place.code,
        )

    def _cover(self, entry: Entry, booked: list[Booked], cause: int, number: int) -> Notice:
        """Book what a shelf lacked, before the event that shows it."""
        self.book.head += 1
        item, first = booked[0]
        at = booked[-1][1].location_id
        units = sum(change.on_hand for _, change in booked if change.location_id == at)
        code = self._code_of(entry, at)
        if first.why is Why.IMPLIED:
            source = self._code_of(entry, first.location_id)
            self.book.derived(
                entry,
                uuid5(entry.event.event_id, f"implied_transfer:{number}"),
                "transferred",
                item.product_id,
                first.location_id,
                cause=cause,
                quantity=units,
                to_location_id=at,
            )
            detail = (
                f"The book held too little of {item.sku} at {code}: {units} were booked as moved"
                f" there from {source}."
            )
        else:
            self.book.derived(
                entry,
                uuid5(entry.event.event_id, f"book_shortage:{number}"),
                "adjusted",
                item.product_id,
                at,
                cause=cause,
                reason="book_shortage",
                quantity_change=units,
            )
            detail = (
                f"The book held too little of {item.sku} at {code}: {units} were added as"
                " book_shortage. Count what is there."
            )
        self._move(booked)
        return Notice(
            "implied_transfer" if first.why is Why.IMPLIED else "book_shortage",
            detail,
            item.sku,
            code,
        )

    def _code_of(self, entry: Entry, location_id: int) -> str:
        places = [entry.place, entry.to_place]
        if isinstance(entry.event, Shipped):
            places.append(self._known.reservations[entry.event.reservation].place)
        for place in places:
            for each in (place, place.behind if place is not None else None):
                if each is not None and each.location_id == location_id:
                    return each.code
        raise AssertionError(location_id)

    def _answer(
        self,
        entry: Entry,
        item: Item,
        place: Place,
        position: int,
        places: list[tuple[Item, Place]],
        warnings: list[Notice] | None = None,
        *,
        quantity: int | None,
    ) -> Recorded:
        """Put the event itself into the book, and say where it leads to."""
        event, warnings = entry.event, warnings or []
        self.book.told(entry, position, item, place, warnings, quantity=quantity)
        distinct = places if len(places) == 1 else list(dict.fromkeys(places))
        levels = tuple([self._stock_level(part, where) for part, where in distinct])
        recorded = Recorded(
            event.event_id, "recorded", position, self._known.now, levels, tuple(warnings)
        )
        if self._keep_originals:
            self._known.originals[event.event_id] = self._as_original(
                entry, item, place, position, places, quantity
            )
        self._decided[event.event_id] = entry, item, place, quantity
        entry.attempted = True
        return recorded

    def _stock_level(self, item: Item, place: Place) -> StockLevel:
        shelf = self._known.shelf(item.product_id, place.location_id)
        return StockLevel(
            item.sku,
            place.code,
            place.site,
            shelf.on_hand,
            shelf.reserved,
            shelf.available,
            shelf.version,
        )

    def _as_original(
        self,
        entry: Entry,
        item: Item,
        place: Place,
        position: int,
        places: list[tuple[Item, Place]],
        quantity: int | None,
    ) -> Original:
        event = entry.event
        transfer_id: UUID | None = getattr(event, "transfer_id", None)
        units = quantity if quantity is not None else -getattr(event, "quantity_change", 0)
        changes = {(row[2], row[3]): row[5] for row in self.book.movements if row[0] == position}
        return Original(
            position=position,
            event_number=event.event_id.int,
            event_type=event.event_type,
            item=item,
            place=place,
            quantity=quantity,
            occurred_at=min(entry.occurred_at, self._known.now),
            touched=[
                (part, where, changes.get((part.product_id, where.location_id), 0))
                for part, where in dict.fromkeys(places)
            ],
            transfer=(transfer_id, units) if transfer_id is not None else None,
        )


def _covers(booked: list[Booked]) -> list[list[Booked]]:
    """One list for each event to derive: what was moved to one shelf, or what it lacked."""
    covers: list[list[Booked]] = []
    for each in booked:
        item, change = each
        last = covers[-1] if covers else None
        if (
            change.why is Why.IMPLIED
            and last is not None
            and last[-1][0] == item
            and last[-1][1].why is Why.IMPLIED
            and (len(last) == 1 or change.location_id in {c.location_id for _, c in last})
        ):
            last.append(each)
        else:
            covers.append([each])
    return covers


def _all_touched(
    places: list[tuple[Item, Place]], *booked: list[Booked]
) -> dict[tuple[int, int], tuple[Item, Place | None]]:
    touched: dict[tuple[int, int], tuple[Item, Place | None]] = {
        (item.product_id, place.location_id): (item, place) for item, place in places
    }
    for changes in booked:
        for item, change in changes:
            touched.setdefault((item.product_id, change.location_id), (item, None))
    return touched


def _promised(promise: Reservation) -> list[tuple[Item, Place]]:
    return [(part.item, promise.place) for part in promise.held]


def _quantity_of(entry: Entry) -> int | None:
    quantity: int | None = getattr(entry.event, "quantity", None)
    return quantity


def _counted_since(original: Original, item: Item, place: Place) -> list[Notice]:
    if not any(change for i, p, change in original.touched if i == item and p == place):
        return []
    return [
        Notice(
            "counted_since",
            f"{item.sku} at {place.code} was counted since, so its stock stays as it is.",
            item.sku,
            place.code,
        )
    ]
