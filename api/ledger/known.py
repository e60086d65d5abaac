"""What a group is decided on: what its codes mean, and what was read under the lock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from api.ledger.events import AnyEvent
from api.ledger.schemas import Recorded
from api.ledger.stock import Expiry, Past, Shelf
from api.problems import Problem

LevelKey = tuple[int, int]
TransferKey = tuple[UUID, int, int]
# Until when a closed count covers a level, by lot; NO_LOT is all of it.
ClosedCounts = dict[LevelKey, dict[int, datetime]]


@dataclass(frozen=True, slots=True)
class Item:
    """A product as the ledger knows it; a kit is taken apart into its `parts` when recorded."""

    product_id: int
    sku: str
    parts: "tuple[tuple[Item, int], ...]" = ()
    recipe_version: int | None = None
    is_parent: bool = False

    @property
    def stocked(self) -> "tuple[tuple[Item, int], ...]":
        """What has stock, and how many of it a unit takes."""
        return self.parts or ((self, 1),)


@dataclass(frozen=True, slots=True)
class Place:
    """A location as the ledger knows it; `behind` is the one that it is refilled from."""

    location_id: int
    code: str
    site: str
    behind: "Place | None" = field(default=None, compare=False)
    is_transit: bool = False


@dataclass(slots=True, eq=False)
class Entry:
    """An event whose codes were looked up, and what became of it.

    What names an earlier event has item and place only where the client named them. `transit`: the
    place of what is under way to the site that the goods go to. `sites`: where its sender may act,
    None for everywhere. `refusal`: why it is not taken, unless it is a repeat. `may_be_late`: a
    manager says so, or it is history. `attempted`: it was new when a commit was sent whose fate is
    not known, so to find it recorded is no repeat.
    """

    event: AnyEvent
    recorded_by: int
    occurred_at: datetime
    item: Item | None
    place: Place | None
    to_place: Place | None = None
    transit: Place | None = None
    lot: int | None = None
    sites: frozenset[str] | None = None
    refusal: Problem | None = None
    may_be_late: bool = False
    attempted: bool = False
    outcome: Recorded | Problem | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is there: what was said then, and what was answered."""

    fields: Mapping[str, Any]
    answer: Recorded


@dataclass(slots=True)
class Original:
    """An event that may be reversed, and the levels that it touched, with the change of each."""

    position: int
    event_number: int
    event_type: str
    item: Item
    place: Place
    quantity: int | None
    occurred_at: datetime
    touched: list[tuple[Item, Place, int]]
    transfer: tuple[UUID, int] | None = None
    is_derived: bool = False
    is_reversed: bool = False


@dataclass(slots=True)
class Held:
    """What a reservation holds of one product: `each` for a unit of what was asked for."""

    item: Item
    each: int
    remaining: int


@dataclass(slots=True)
class Reservation:
    """A promise of units at a place; of a kit it holds each component."""

    reservation: UUID
    position: int
    item: Item
    place: Place
    held: list[Held]

    @property
    def remaining(self) -> int:
        """Whole units that are still promised."""
        return min(part.remaining // part.each for part in self.held)


@dataclass(slots=True)
class Transfer:
    """Units of one product under one transfer id, on the way to one site."""

    dispatched: int = 0
    arrived: int = 0
    lost: int = 0

    @property
    def in_transit(self) -> int:
        """What is booked first as arrived is not under way when its dispatch is told."""
        return max(0, self.dispatched - self.arrived - self.lost)


@dataclass(slots=True)
class Tail:
    """The legs of one product from a moment on, at places that are linked by refill.

    `base`: the shelves before all of them, where the order of arrival was that of occurrence.
    """

    bound: datetime
    base: dict[int, Shelf]
    past: list[Past]
    refilled_from: dict[int, int]


@dataclass(slots=True)
class Needs:
    """What has to be read before the group can be decided."""

    tails: dict[int, tuple[datetime, set[int]]] = field(default_factory=dict)
    reserved: set[LevelKey] = field(default_factory=set)
    closed: set[LevelKey] = field(default_factory=set)
    anew: bool = False

    def __bool__(self) -> bool:
        return bool(self.tails or self.reserved or self.closed or self.anew)

    def tail(self, product_id: int, bound: datetime, locations: set[int]) -> None:
        """The past of a product from `bound` on, at least at these places."""
        earlier, others = self.tails.get(product_id, (bound, set()))
        self.tails[product_id] = min(bound, earlier), locations | others


class Unread(Exception):  # noqa: N818 - not an error: the group is decided anew
    """Something has to be read before this entry can be decided."""


@dataclass(slots=True)
class Known:
    """What was read under the lock; deciding a group changes it."""

    head: int
    now: datetime
    shelves: dict[LevelKey, Shelf] = field(default_factory=dict)
    expiry: Expiry = field(default_factory=Expiry)
    told: dict[UUID, Told] = field(default_factory=dict)
    originals: dict[UUID, Original] = field(default_factory=dict)
    reservations: dict[UUID, Reservation] = field(default_factory=dict)
    reservations_read: set[LevelKey] = field(default_factory=set)
    transfers: dict[TransferKey, Transfer] = field(default_factory=dict)
    tails: dict[int, Tail] = field(default_factory=dict)
    closed: ClosedCounts = field(default_factory=dict)

    def shelf(self, product_id: int, location_id: int) -> Shelf:
        """The shelf of a product at a place; an empty one where it never was."""
        key = (product_id, location_id)
        found = self.shelves.get(key)
        if found is None:
            found = self.shelves[key] = Shelf()
        return found

    def expires(self, lot: int, expires_on: date | None) -> None:
        """Keep when a lot expires, where that was told."""
        if expires_on is not None:
            self.expiry[lot] = expires_on
