"""Codes to numbers, remembered for a while: a row is never deleted, nor its code changed."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from api.catalog.recipes import find_recipes
from api.catalog.service import find_products
from api.database import DatabaseConnection, DatabasePool
from api.ledger.errors import (
    ForeignSite,
    InTransit,
    KitNotStocked,
    NotInTransit,
    OtherSite,
    ParentNotStocked,
    SameSite,
    UnknownLocation,
    UnknownSku,
)
from api.ledger.events import Adjusted, AnyEvent, Arrived, Dispatched, Transferred
from api.ledger.known import Entry, Item, Place
from api.problems import Problem
from api.settings import LedgerSettings
from db.sql import load_queries

_queries = load_queries(__file__)
_REMEMBERED = 500_000
LotKey = tuple[int, str]
Moving = Transferred | Dispatched
# What a kit can do: it is taken apart into its components when it is recorded.
_OF_A_KIT = frozenset({"sold", "returned", "reserved", "released", "shipped", "reversed"})


@dataclass(slots=True)
class _Names:
    """What codes stand for, as far as they were asked for."""

    items: dict[str, Item] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    transits: dict[str, Place] = field(default_factory=dict)
    lots: dict[LotKey, tuple[int, date | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items) + len(self.places) + len(self.lots)


class Keys:
    """The products, places and lots that events name."""

    def __init__(self, pool: DatabasePool, settings: LedgerSettings) -> None:
        self._pool = pool
        self._look_again_after_s = settings.keys_for_s
        self._clock_tolerance = timedelta(seconds=settings.clock_tolerance_s)
        self._names = _Names()
        self._look_again_at = 0.0
        self._changes: list[int] | None = None

    async def entries(
        self,
        events: Sequence[AnyEvent],
        *,
        recorded_by: int,
        received_at: datetime,
        sites: frozenset[str] | None = None,
    ) -> list[Entry | Problem]:
        """An entry for each event, or why there is none."""
        await self._forget_what_changed()
        # What this call looks up stays in its hands, whoever forgets meanwhile.
        names = self._names
        await self._look_up(events, names)
        return [
            self._entry(
                event,
                recorded_by,
                by_our_clock(
                    event.occurred_at,
                    sent_at=event.sent_at,
                    received_at=received_at,
                    tolerance=self._clock_tolerance,
                ),
                sites,
                names,
            )
            for event in events
        ]

    async def _forget_what_changed(self) -> None:
        """Master data changes seldom, and says so in its log: until then, all is remembered."""
        now = time.monotonic()
        if now < self._look_again_at:
            return
        self._look_again_at = now + self._look_again_after_s
        async with self._pool.acquire() as connection:
            changes = await connection.fetchval(_queries.read_last_changes.positional)
        if changes != self._changes or len(self._names) > _REMEMBERED:
            self.forget()
            self._changes = changes

    def forget(self) -> None:
        """Another database may answer from now on: one restored from a backup, say."""
        self._names = _Names()

    async def _look_up(self, events: Sequence[AnyEvent], names: _Names) -> None:
        skus, codes = set(), set()
        for event in events:
            if event.sku is not None and event.sku not in names.items:
                skus.add(event.sku)
            if event.location is not None and event.location not in names.places:
                codes.add(event.location)
            if isinstance(event, Moving) and event.to_location not in names.places:
                codes.add(event.to_location)
        if skus or codes:
            async with self._pool.acquire() as connection:
                await _find(connection, sorted(skus), sorted(codes), names)
        sites = {site for event in events for site in _sent_to(event, names)}
        sites -= names.transits.keys()
        if sites:
            async with self._pool.acquire() as connection:
                await _find_transits(connection, sorted(sites), names)
        lots = {
            key: on
            for event in events
            for key, on in _lots_of(event, names)
            if _is_new(key, on, names)
        }
        if lots:
            async with self._pool.acquire() as connection:
                await _find_lots(connection, lots, names)

    def _entry(
        self,
        event: AnyEvent,
        recorded_by: int,
        occurred_at: datetime,
        sites: frozenset[str] | None,
        names: _Names,
    ) -> Entry | Problem:
        item = names.items.get(event.sku) if event.sku is not None else None
        place = names.places.get(event.location) if event.location is not None else None
        moves = isinstance(event, Moving)
        to_place = names.places.get(event.to_location) if isinstance(event, Moving) else None
        if (
            (item is None and event.sku is not None)
            or (place is None and event.location is not None)
            or (moves and to_place is None)
        ):
            return _unknown(event, item, place, to_place)
        refusal = _refusal(event, item, place, to_place, sites)
        if refusal is not None:
            return refusal
        code = getattr(event, "lot", None)
        return Entry(
            event,
            recorded_by,
            occurred_at,
            item,
            place,
            to_place,
            _transit(event, place, to_place, names),
            names.lots[item.product_id, code][0] if code is not None and item is not None else None,
            sites,
        )


def by_our_clock(
    occurred_at: datetime, *, sent_at: datetime | None, received_at: datetime, tolerance: timedelta
) -> datetime:
    """When it happened: a device that sends its clock is as wrong about the past as about now."""
    if sent_at is None:
        return occurred_at
    skew = received_at - sent_at
    return occurred_at + skew if abs(skew) > tolerance else occurred_at


async def _find(
    connection: DatabaseConnection, skus: list[str], codes: list[str], names: _Names
) -> None:
    products = await find_products(connection, skus) if skus else {}
    recipes = await find_recipes(connection, [row["product_id"] for row in products.values()])
    for sku, product in products.items():
        product_id = product["product_id"]
        recipe = recipes.get(product_id)
        if recipe is None:
            names.items[sku] = Item(product_id, sku, is_parent=product["is_parent"])
        else:
            parts = tuple((Item(c.product_id, c.sku), c.quantity) for c in recipe.components)
            names.items[sku] = Item(product_id, sku, parts, recipe.version)
    if codes:
        for row in await connection.fetch(_queries.find_places.positional, codes):
            names.places[row["code"]] = _place(row)


async def _find_transits(connection: DatabaseConnection, sites: list[str], names: _Names) -> None:
    await connection.execute(_queries.make_transit_places.positional, sites)
    codes = [f"{site}.transit" for site in sites]
    for row in await connection.fetch(_queries.find_places.positional, codes):
        names.transits[row["site"]] = names.places[row["code"]] = _place(row)


async def _find_lots(
    connection: DatabaseConnection, lots: dict[LotKey, date | None], names: _Names
) -> None:
    keys = sorted(lots)
    product_ids, codes = [key[0] for key in keys], [key[1] for key in keys]
    rows = await connection.fetch(_queries.find_lots.positional, product_ids, codes)
    _keep_lots(rows, names)
    new = [key for key in keys if _is_new(key, lots[key], names)]
    if new:
        rows = await connection.fetch(
            _queries.name_lots.positional,
            [key[0] for key in new],
            [key[1] for key in new],
            [lots[key] for key in new],
        )
        _keep_lots(rows, names)


def _keep_lots(rows: Iterable[Any], names: _Names) -> None:
    for row in rows:
        names.lots[row["product_id"], row["code"]] = row["lot_id"], row["expires_on"]


def _place(row: Any) -> Place:
    behind = None
    if row["behind_location_id"] is not None:
        behind = Place(row["behind_location_id"], row["behind_code"], row["site"])
    return Place(row["location_id"], row["code"], row["site"], behind, row["is_transit"])


def _sent_to(event: AnyEvent, names: _Names) -> Iterable[str]:
    """The site that goods between two sites go to."""
    code = None
    if isinstance(event, Dispatched):
        code = event.to_location
    elif isinstance(event, Arrived):
        code = event.location
    if code is not None and code in names.places:
        yield names.places[code].site


def _lots_of(event: AnyEvent, names: _Names) -> Iterable[tuple[LotKey, date | None]]:
    code = getattr(event, "lot", None)
    item = names.items.get(event.sku) if event.sku is not None else None
    if code is not None and item is not None:
        yield (item.product_id, code), getattr(event, "expires_on", None)


def _is_new(key: LotKey, expires_on: date | None, names: _Names) -> bool:
    known = names.lots.get(key)
    return known is None or (known[1] is None and expires_on is not None)


def _unknown(
    event: AnyEvent, item: Item | None, place: Place | None, to_place: Place | None
) -> Problem:
    unknown = {}
    if place is None and event.location is not None:
        unknown["location"] = event.location
    if isinstance(event, Moving) and to_place is None:
        unknown["to_location"] = event.to_location
    if item is None and event.sku is not None:
        return UnknownSku(event.sku, places=unknown)
    return UnknownLocation(unknown)


def _refusal(
    event: AnyEvent,
    item: Item | None,
    place: Place | None,
    to_place: Place | None,
    sites: frozenset[str] | None,
) -> Problem | None:
    """Why an event cannot be at its places, or of its product."""
    if item is not None and item.is_parent and event.event_type != "reversed":
        return ParentNotStocked(item.sku)
    if item is not None and item.parts and event.event_type not in _OF_A_KIT:
        return KitNotStocked(item.sku, event.event_type)
    if place is None:
        return None
    if sites is not None and place.site not in sites:
        return ForeignSite(place.code)
    closes_a_transfer = isinstance(event, Adjusted) and event.transfer_id is not None
    if place.is_transit != closes_a_transfer and event.event_type != "reversed":
        return NotInTransit(place.code) if closes_a_transfer else InTransit(place.code)
    if to_place is None:
        return None
    if to_place.is_transit:
        return InTransit(to_place.code)
    if isinstance(event, Dispatched):
        return SameSite(place.code, to_place.code) if place.site == to_place.site else None
    return OtherSite(place.code, to_place.code) if place.site != to_place.site else None


def _transit(
    event: AnyEvent, place: Place | None, to_place: Place | None, names: _Names
) -> Place | None:
    """Where goods between two sites are on their way."""
    if isinstance(event, Dispatched) and to_place is not None:
        return names.transits[to_place.site]
    if isinstance(event, Arrived) and place is not None:
        return names.transits[place.site]
    return None
