"""What a group is decided on, read under the lock: once for all of it, and more where it asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from uuid import UUID

from api.ledger.answers import told_of
from api.ledger.events import Adjusted, Arrived, Dispatched, Released, Reversed, Shipped
from api.ledger.known import (
    ClosedCounts,
    Entry,
    Held,
    Item,
    Known,
    LevelKey,
    Needs,
    Original,
    Place,
    Reservation,
    Tail,
    Transfer,
)
from api.ledger.stock import NO_LOT, Leg, Past, Shelf, moment_of
from db.sql import Queries, Query

if TYPE_CHECKING:
    import asyncpg

    Record: TypeAlias = asyncpg.Record

_queries = Queries(Path(__file__).with_name("lookup.sql"))
_PASSES = 30
_AFTER_ALL = 2**62
# Of a past that is read backwards, piece by piece: the first piece, and how much longer each next.
ROWS_AT_FIRST = 32
MORE_ROWS = 4


class Fetch(Protocol):
    """Runs a prepared query on the writer's connection."""

    async def __call__(self, query: Query, values: dict[str, Any]) -> "list[Record]": ...


@dataclass(slots=True)
class Lookup:
    """Rows as they were read; each `known()` makes of them what a new try may change."""

    fetch: Fetch
    entries: Sequence[Entry]
    rows: "list[Record]" = field(default_factory=list)
    told: "list[Record]" = field(default_factory=list)
    originals: "list[Record]" = field(default_factory=list)
    reservations: "dict[UUID, list[Record]]" = field(default_factory=dict)
    reserved_levels: set[LevelKey] = field(default_factory=set)
    transfers: "list[Record]" = field(default_factory=list)
    tails: "dict[int, _TailRows]" = field(default_factory=dict)
    closed: ClosedCounts = field(default_factory=dict)
    rejected_before: set[UUID] = field(default_factory=set)
    passes: int = 0

    async def read(self) -> None:
        """All that most groups need, in one round trip."""
        reversed_ids = [e.event.reverses for e in self.entries if isinstance(e.event, Reversed)]
        if reversed_ids:
            self.originals = await self.fetch(_queries.read_originals, {"event_ids": reversed_ids})
        promised = {
            e.event.reservation for e in self.entries if isinstance(e.event, Released | Shipped)
        }
        if promised:
            await self._read_reservations(promised, set())
        await self._read_transfers()
        keys = self._keys()
        self.rows = await self.fetch(
            _queries.read_group,
            {
                "product_ids": [product_id for product_id, _ in keys],
                "location_ids": [location_id for _, location_id in keys],
                "event_ids": [entry.event.event_id for entry in self.entries],
                "lot_ids": [entry.lot for entry in self.entries if entry.lot is not None],
            },
        )
        self.rows.sort(key=itemgetter("kind"))
        repeats = [row["position"] for row in self.rows if row["kind"] == 2]
        if repeats:
            self.told = await self.fetch(_queries.read_told, {"positions": repeats})
        self.rejected_before = {row["event_id"] for row in self.rows if row["kind"] == 3}

    async def read_more(self, needs: Needs) -> None:
        """What a try asked for."""
        self.passes += 1
        if self.passes > _PASSES:
            raise RuntimeError(f"a group asks for more after {_PASSES} readings")
        if needs.reserved:
            await self._read_reservations(set(), needs.reserved)
            self.reserved_levels |= needs.reserved
        if needs.closed:
            await self._read_closed_counts(needs.closed)
        for product_id, (bound, locations) in needs.tails.items():
            before = self.tails.get(product_id)
            if before is not None:
                bound, locations = min(bound, before.bound), locations | before.asked
            self.tails[product_id] = await self._read_tail(product_id, bound, locations)

    def known(self) -> Known:
        """What is known, fresh: deciding changes it."""
        head = self.rows[0]
        known = Known(head["position"], head["recorded_at"])
        for row in self.rows:
            if row["kind"] == 1:
                _hold(known, row)
            elif row["kind"] == 4:
                known.expires(row["lot_id"], row["expires_on"])
        for row in self.told:
            known.told[row["event_id"]] = told_of(row)
        for row in self.originals:
            _keep_original(known, row)
        for rows in self.reservations.values():
            promise = _reservation(rows)
            known.reservations[promise.reservation] = promise
        known.reservations_read = set(self.reserved_levels)
        known.closed = self.closed
        self._keep_transfers(known)
        for product_id, tail in self.tails.items():
            for row in tail.levels:
                if (product_id, row["location_id"]) not in tail.held:
                    _hold(known, row)
            known.tails[product_id] = tail.tail(known, product_id)
        return known

    def _keys(self) -> set[LevelKey]:
        keys: set[LevelKey] = set()
        for entry in self.entries:
            if entry.item is None or entry.place is None:
                continue
            places = [entry.place, entry.to_place, entry.transit, entry.place.behind]
            for part, _ in entry.item.stocked:
                keys |= {(part.product_id, p.location_id) for p in places if p is not None}
        keys |= {(row["leg_product_id"], row["leg_location_id"]) for row in self.originals}
        for rows in self.reservations.values():
            for row in rows:
                keys.add((row["held_product_id"], row["location_id"]))
                if row["behind_location_id"] is not None:
                    keys.add((row["held_product_id"], row["behind_location_id"]))
        return keys

    async def _read_reservations(self, ids: set[UUID], levels: set[LevelKey]) -> None:
        rows = await self.fetch(
            _queries.read_reservations,
            {
                "reservations": list(ids),
                "product_ids": [product_id for product_id, _ in levels],
                "location_ids": [location_id for _, location_id in levels],
            },
        )
        found: dict[UUID, list[Any]] = {}
        for row in rows:
            found.setdefault(row["reservation"], []).append(row)
        self.reservations |= found

    async def _read_closed_counts(self, levels: set[LevelKey]) -> None:
        rows = await self.fetch(
            _queries.read_closed_counts,
            {
                "product_ids": [product_id for product_id, _ in levels],
                "location_ids": [location_id for _, location_id in levels],
            },
        )
        self.closed |= {level: {} for level in levels}
        for row in rows:
            level = (row["product_id"], row["location_id"])
            self.closed[level][row["lot_id"]] = row["counted_at"]

    async def _read_transfers(self) -> None:
        ids = {
            entry.event.transfer_id
            for entry in self.entries
            if isinstance(entry.event, Dispatched | Arrived | Adjusted)
            and entry.event.transfer_id is not None
        }
        ids |= {row["transfer_id"] for row in self.originals if row["transfer_id"] is not None}
        if ids:
            self.transfers = await self.fetch(_queries.read_transfers, {"transfer_ids": list(ids)})

    def _keep_transfers(self, known: Known) -> None:
        for row in self.transfers:
            key = (row["transfer_id"], row["product_id"], row["transit_location_id"])
            known.transfers[key] = Transfer(row["dispatched"], row["arrived"], row["lost"])

    async def _read_tail(self, product_id: int, bound: datetime, asked: set[int]) -> "_TailRows":
        """From the last position that divides what happened before it from what happened after."""
        linked = await self.fetch(_queries.read_linked, {"location_ids": sorted(asked)})
        locations = [row["location_id"] for row in linked]
        levels = await self.fetch(
            _queries.read_levels,
            {"product_ids": [product_id] * len(locations), "location_ids": locations},
        )
        cut = Cut(bound, {r["location_id"]: r["last_moment"] for r in levels if not r["lot_id"]})
        before, count = _AFTER_ALL, ROWS_AT_FIRST
        while True:
            rows = await self.fetch(
                _queries.read_tail,
                {
                    "product_id": product_id,
                    "location_ids": locations,
                    "before": before,
                    "rows": count,
                },
            )
            oldest = rows[-1]["position"] if len(rows) == count else 0
            # The oldest event may have legs that were not read.
            if cut.found([row for row in rows if row["position"] > oldest]) or not oldest:
                break
            before, count = oldest + 1, count * MORE_ROWS
        held = {(row["product_id"], row["location_id"]) for row in self.rows if row["kind"] == 1}
        return _TailRows(bound, asked, linked, cut.rows, levels, held)


@dataclass(slots=True)
class _TailRows:
    bound: datetime
    asked: set[int]
    linked: "list[Record]"
    rows: "list[Record]"
    levels: "list[Record]"
    held: set[LevelKey]

    def tail(self, known: Known, product_id: int) -> Tail:
        """The shelves as they were before the legs, and the legs."""
        base = {}
        for row in self.linked:
            now = known.shelf(product_id, row["location_id"])
            base[row["location_id"]] = Shelf(lots=dict(now.lots), on_hand=now.on_hand)
        for row in self.rows:
            shelf = base[row["location_id"]]
            lot, change = row["moved_lot_id"], row["on_hand_change"]
            shelf.lots[lot] = shelf.lots.get(lot, 0) - change
            shelf.on_hand -= change
            known.expires(lot, row["expires_on"])
        refilled_from = {
            row["location_id"]: row["refilled_from_location_id"]
            for row in self.linked
            if row["refilled_from_location_id"] is not None
        }
        return Tail(self.bound, base, _past(product_id, self.rows), refilled_from)


@dataclass(slots=True)
class Cut:
    """Looks for the shortest tail, going back from the newest row: all in `rows`, and the bound,
    happened after all that came before them, so what stood before them is what a replay leads to.

    `latest`: by place, the latest moment before the rows; None where that is not known.
    """

    earliest: datetime
    latest: dict[int, int | None]
    rows: "list[Record]" = field(default_factory=list)

    def found(self, older: "Sequence[Record]") -> bool:
        """Take older rows, the newest first, up to the cut."""
        for row in older:
            if self._is_before(row):
                return True
            self.rows.append(row)
            self.latest[row["location_id"]] = row["last_moment_before"]
            self.earliest = min(self.earliest, row["happened_at"])
        return False

    def _is_before(self, row: "Record") -> bool:
        if self.rows:
            newer = self.rows[-1]
            if row["position"] == newer["position"]:
                return False
            # What is derived belongs to its cause, on whichever side of it it was booked.
            if (row["caused_by"] or 0) >= newer["position"]:
                return False
            if 0 < (newer["caused_by"] or 0) <= row["position"]:
                return False
        moment = moment_of(self.earliest, 0)
        return all(latest is not None and latest < moment for latest in self.latest.values())


def _past(product_id: int, rows: "Sequence[Record]") -> list[Past]:
    """What clients told, leg by leg: what came in by the lots that it was put to, what went out by
    the lot that was named."""
    outs: dict[tuple[int, int], tuple[Any, int]] = {}
    past = []
    for row in rows:
        if row["is_left_out"]:
            continue
        location_id, change = row["location_id"], row["on_hand_change"]
        if row["event_type"] == "counted":
            key = (row["position"], location_id)
            outs[key] = row, 0
        elif change < 0:
            key = (row["position"], location_id)
            outs[key] = row, outs.get(key, (row, 0))[1] + change
        elif change > 0:
            leg = Leg(product_id, location_id, change, lot=row["moved_lot_id"] or None)
            past.append(_happened(row, leg))
    for row, change in outs.values():
        counted = row["quantity"] if row["event_type"] == "counted" else None
        leg = Leg(product_id, row["location_id"], change, counted, row["lot_id"])
        past.append(_happened(row, leg))
    return past


def _happened(row: "Record", leg: Leg) -> Past:
    return Past(moment_of(row["occurred_at"], leg.rank), row["event_id"].int, leg)


def _hold(known: Known, row: "Record") -> None:
    shelf = known.shelf(row["product_id"], row["location_id"])
    lot, on_hand = row["lot_id"], row["on_hand"]
    shelf.lots[lot] = on_hand
    shelf.on_hand += on_hand
    shelf.version = max(shelf.version, row["position"])
    if lot == NO_LOT:
        shelf.reserved = row["reserved"]
        shelf.last_moment, shelf.settled_moment = row["last_moment"], row["settled_moment"]
        shelf.moment_then = shelf.last_moment
    known.expires(lot, row["expires_on"])


def _keep_original(known: Known, row: "Record") -> None:
    original = known.originals.get(row["event_id"])
    if original is None:
        transfer = (row["transfer_id"], row["units"]) if row["transfer_id"] is not None else None
        original = known.originals[row["event_id"]] = Original(
            position=row["position"],
            event_number=row["event_id"].int,
            event_type=row["event_type"],
            item=Item(row["product_id"], row["sku"]),
            place=Place(row["location_id"], row["location"], row["site"]),
            quantity=row["quantity"],
            occurred_at=row["occurred_at"],
            touched=[],
            transfer=transfer,
            is_derived=row["is_derived"],
            is_reversed=row["is_reversed"],
        )
    item = Item(row["leg_product_id"], row["leg_sku"])
    place = Place(
        row["leg_location_id"],
        row["leg_location"],
        row["leg_site"],
        is_transit=row["leg_is_transit"],
    )
    original.touched.append((item, place, row["change"]))


def _reservation(rows: "Sequence[Record]") -> Reservation:
    first = rows[0]
    behind = None
    if first["behind_location_id"] is not None:
        behind = Place(first["behind_location_id"], first["behind_location"], first["site"])
    return Reservation(
        first["reservation"],
        first["position"],
        Item(first["product_id"], first["sku"], _parts(rows)),
        Place(first["location_id"], first["location"], first["site"], behind),
        [
            Held(Item(row["held_product_id"], row["held_sku"]), row["each"], row["remaining"])
            for row in rows
        ],
    )


def _parts(rows: "Sequence[Record]") -> tuple[tuple[Item, int], ...]:
    if [row["held_product_id"] for row in rows] == [rows[0]["product_id"]]:
        return ()
    return tuple((Item(row["held_product_id"], row["held_sku"]), row["each"]) for row in rows)
