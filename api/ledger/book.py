"""What a group writes: one row an event, a movement and a lot of a level, as columns of arrays."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from api.ledger.events import AnyEvent, Expired
from api.ledger.known import Entry, Item, LevelKey, Place
from api.ledger.schemas import WARNING_FIELDS, Notice
from api.ledger.stock import NO_LOT, Change, Shelf

EVENT_COLUMNS = (
    "position",
    "event_id",
    "occurred_at",
    "occurred_at_sent",
    "sent_at",
    "event_type",
    "reason",
    "product_id",
    "location_id",
    "to_location_id",
    "recorded_by",
    "quantity",
    "quantity_change",
    "reverses",
    "caused_by",
    "source",
    "reference",
    "metadata",
    "warnings",
    "lot_id",
    "reservation",
    "expires_at",
    "transfer_id",
    "recipe_version",
)
MOVEMENT_COLUMNS = (
    "moved_position",
    "moved_leg",
    "moved_product_id",
    "moved_location_id",
    "moved_lot_id",
    "on_hand_change",
    "reserved_change",
    "on_hand_after",
    "reserved_after",
    "place_on_hand_after",
    "place_reserved_after",
    "last_moment_before",
)
LEVEL_COLUMNS = (
    "level_product_id",
    "level_location_id",
    "level_lot_id",
    "level_on_hand",
    "level_reserved",
    "level_version",
    "level_last_moment",
    "level_settled_moment",
)
OPENED_COLUMNS = (
    "opened_position",
    "opened_reservation",
    "opened_product_id",
    "opened_location_id",
    "opened_expires_at",
)
# Fields of an event that are kept as they were sent; not each type has each.
_OWN_FIELDS = ("reason", "quantity_change", "reverses", "reservation", "expires_at", "transfer_id")
_FIELDS_OF = {
    kind: tuple(name for name in _OWN_FIELDS if name in kind.model_fields)
    for kind in (*get_args(AnyEvent), Expired)
}


@dataclass(slots=True)
class Book:
    """Rows in the order of their positions."""

    head: int
    now: datetime
    events: list[tuple[Any, ...]] = field(default_factory=list)
    movements: list[tuple[Any, ...]] = field(default_factory=list)
    touched: dict[LevelKey, Shelf] = field(default_factory=dict)
    lot_versions: dict[tuple[LevelKey, int], int] = field(default_factory=dict)
    opened: list[tuple[Any, ...]] = field(default_factory=list)
    closed: list[UUID] = field(default_factory=list)

    def told(
        self,
        entry: Entry,
        position: int,
        item: Item,
        place: Place,
        warnings: Sequence[Notice],
        *,
        quantity: int | None,
    ) -> None:
        """The event that a client sent."""
        event = entry.event
        own = {name: getattr(event, name) for name in _FIELDS_OF[type(event)]}
        sent = event.occurred_at
        occurred_at = min(entry.occurred_at, self.now)
        self.events.append(
            (
                position,
                event.event_id,
                occurred_at,
                sent if sent != occurred_at else None,
                event.sent_at,
                event.event_type,
                own.get("reason"),
                item.product_id,
                place.location_id,
                entry.to_place.location_id if entry.to_place is not None else None,
                entry.recorded_by,
                quantity,
                own.get("quantity_change"),
                own.get("reverses"),
                None,
                event.source,
                event.reference,
                json.dumps(event.metadata) if event.metadata is not None else None,
                json.dumps([_kept(warning) for warning in warnings]) if warnings else None,
                entry.lot,
                own.get("reservation"),
                own.get("expires_at"),
                own.get("transfer_id"),
                item.recipe_version,
            )
        )

    def derived(
        self,
        entry: Entry,
        event_id: UUID,
        event_type: str,
        product_id: int,
        location_id: int,
        *,
        cause: int | None,
        reason: str | None = None,
        quantity: int | None = None,
        quantity_change: int | None = None,
        to_location_id: int | None = None,
        reservation: UUID | None = None,
    ) -> None:
        """An event that Parstock adds, at the position that is the head now."""
        row = {
            "position": self.head,
            "event_id": event_id,
            "occurred_at": min(entry.occurred_at, self.now),
            "event_type": event_type,
            "reason": reason,
            "product_id": product_id,
            "location_id": location_id,
            "to_location_id": to_location_id,
            "recorded_by": entry.recorded_by,
            "quantity": quantity,
            "quantity_change": quantity_change,
            "caused_by": cause,
            "reservation": reservation,
        }
        self.events.append(tuple(row.get(name) for name in EVENT_COLUMNS))

    def move(self, leg: int, product_id: int, change: Change, shelf: Shelf) -> None:
        """What the event at the head did to one lot at one place."""
        key = (product_id, change.location_id)
        self.touched[key] = shelf
        shelf.version = self.head
        self.lot_versions[key, change.lot] = self.head
        self.movements.append(
            (
                self.head,
                leg,
                product_id,
                change.location_id,
                change.lot,
                change.on_hand,
                0,
                change.lot_after,
                shelf.reserved if change.lot == NO_LOT else 0,
                change.place_after,
                shelf.reserved,
                shelf.moment_then,
            )
        )
        shelf.moment_then = shelf.last_moment

    def promise(
        self, leg: int, product_id: int, location_id: int, shelf: Shelf, units: int
    ) -> None:
        """What the event at the head reserved, or released where `units` is negative."""
        key = (product_id, location_id)
        self.touched[key] = shelf
        shelf.version = self.head
        self.lot_versions[key, NO_LOT] = self.head
        shelf.reserved += units
        unlotted = shelf.lots[NO_LOT]
        self.movements.append(
            (
                self.head,
                leg,
                product_id,
                location_id,
                NO_LOT,
                0,
                units,
                unlotted,
                shelf.reserved,
                shelf.on_hand,
                shelf.reserved,
                shelf.moment_then,
            )
        )
        shelf.moment_then = shelf.last_moment

    def columns(self) -> dict[str, Any]:
        """The parameters of `write_group`."""
        return {
            "recorded_at": self.now,
            "head": self.head,
            **_columns(EVENT_COLUMNS, self.events),
            **_columns(MOVEMENT_COLUMNS, self.movements),
            **_columns(LEVEL_COLUMNS, self._levels()),
        }

    def reservations(self) -> dict[str, Any]:
        """The parameters of `keep_reservations`."""
        return {**_columns(OPENED_COLUMNS, self.opened), "closed": self.closed}

    def _levels(self) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = [
            (
                *key,
                NO_LOT,
                shelf.lots[NO_LOT],
                shelf.reserved,
                shelf.version,
                shelf.last_moment,
                shelf.settled_moment,
            )
            for key, shelf in self.touched.items()
        ]
        for (key, lot), version in self.lot_versions.items():
            if lot != NO_LOT:
                rows.append((*key, lot, self.touched[key].lots[lot], 0, version, None, None))
        return rows


def _kept(warning: Notice) -> dict[str, str]:
    return {name: getattr(warning, name) for name in WARNING_FIELDS}


def _columns(names: Sequence[str], rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    if not rows:
        return dict.fromkeys(names, ())
    columns = zip(names, zip(*rows, strict=True), strict=True)
    # `unnest` fills up the shorter arrays: what nobody said costs nothing.
    return {name: () if column.count(None) == len(rows) else column for name, column in columns}
