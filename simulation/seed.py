"""Write a simulated arcade and its year into a database, through the ledger's own writer."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

from api.catalog import schemas
from api.catalog.service import (
    upsert_locations,
    upsert_products,
    upsert_sites,
    upsert_suppliers,
)
from api.database import DatabaseConnection, open_connection
from api.identity.service import system_actor
from api.ledger.events import (
    Adjusted,
    AnyEvent,
    Counted,
    OpeningBalance,
    Received,
    Returned,
    Sold,
    Transferred,
)
from api.ledger.service import Ledger, open_ledger
from db.sql import load_queries
from simulation.arcade import CURRENCY, SITE_CODE, SITE_NAME, TIME_ZONE, Arcade
from simulation.world import DEFAULT_SEED, Happening, World

_queries = load_queries(__file__)
_IDS = uuid5(NAMESPACE_OID, "parstock.simulation")
_SOURCE = "simulation"

Scale = Literal["full", "small"]
# Products, claw machines, and days of history.
_SIZES: dict[Scale, tuple[int, int, int]] = {"full": (1200, 80, 365), "small": (60, 8, 60)}


class SeedError(Exception):
    """The simulated arcade cannot be written here; the message says why."""


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a seeding did. `recorded` is 0 where everything was there already."""

    products: int
    locations: int
    events: int
    recorded: int
    first_day: date
    until: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which world is written, and to which moment; kept with the first event of the seeding."""

    seed: int
    scale: Scale
    first_day: date
    until: datetime

    def world(self) -> World:
        products, machines, days = _SIZES[self.scale]
        return World(
            first_day=self.first_day,
            days=days,
            products=products,
            machines=machines,
            seed=self.seed,
        )

    def event_id(self, ordinal: int) -> UUID:
        return uuid5(_IDS, f"{self.scale}:{self.seed}:{ordinal}")

    def metadata(self, events: int) -> dict[str, Any]:
        return {
            "first_day": self.first_day.isoformat(),
            "until": self.until.isoformat(),
            "events": events,
        }


async def seed_arcade(
    database_url: str,
    *,
    tell: Callable[[str], None],
    seed: int = DEFAULT_SEED,
    today: date | None = None,
    now: datetime | None = None,
    scale: Scale = "full",
    chunk: int = 4000,
) -> SeedReport:
    """Write the arcade and its history; what an interrupted seeding left out is added.

    scale: "full" is 1,200 products and a year (about 20 s), "small" 60 products, 8 machines and
    60 days (about a second), the same kind of world for tests.
    now: the history ends at this moment, by default that of the call.
    today: given alone, the history ends with the last closed day before it.
    chunk: how many events are handed to the ledger before progress is told.
    """
    began = time.perf_counter()
    if now is None:
        zone = ZoneInfo(TIME_ZONE)
        now = datetime(today.year, today.month, today.day, tzinfo=zone) if today else _clock()
    connection = await open_connection(database_url, settings={}, connect_timeout_s=10.0)
    try:
        plan, total = await _plan(connection, seed=seed, scale=scale, until=now)
        world = plan.world()
        recorded = 0
        if total is None or not await _is_recorded(connection, plan.event_id(total - 1)):
            total, recorded = await _write(database_url, connection, plan, world, tell, chunk)
    finally:
        await connection.close()
    return SeedReport(
        products=len(world.arcade.products),
        locations=len(world.arcade.places),
        events=total,
        recorded=recorded,
        first_day=plan.first_day,
        until=plan.until,
        seconds=time.perf_counter() - began,
    )


def _clock() -> datetime:
    return datetime.now(UTC)


async def _plan(
    connection: DatabaseConnection, *, seed: int, scale: Scale, until: datetime
) -> tuple[_Plan, int | None]:
    """A new plan, or the one that was begun here with the number of its events."""
    last_day = until.astimezone(ZoneInfo(TIME_ZONE)).date()
    plan = _Plan(seed, scale, last_day - timedelta(days=_SIZES[scale][2]), until)
    begun = await connection.fetchval(_queries.find_beginning.positional, plan.event_id(0))
    if begun is not None:
        first_day = date.fromisoformat(begun["first_day"])
        until = datetime.fromisoformat(begun["until"])
        return _Plan(seed, scale, first_day, until), int(begun["events"])
    if await connection.fetchval(_queries.find_site.positional, SITE_CODE) is False:
        raise SeedError(f"There is a site {SITE_CODE} already, and it is not simulated.")
    if await connection.fetchval(_queries.has_events.positional, SITE_CODE):
        raise SeedError(f"The site {SITE_CODE} is simulated already, from another seed or size.")
    return plan, None


async def _is_recorded(connection: DatabaseConnection, event_id: UUID) -> bool:
    return bool(await connection.fetchval(_queries.is_recorded.positional, event_id))


async def _write(
    database_url: str,
    connection: DatabaseConnection,
    plan: _Plan,
    world: World,
    tell: Callable[[str], None],
    chunk: int,
) -> tuple[int, int]:
    """How many events there are, and how many of them were added."""
    arcade = world.arcade
    async with connection.transaction():
        await _write_catalog(connection, arcade)
        actor = await system_actor(connection, _SOURCE)
    tell(f"simulated arcade: {len(arcade.products):,} products at {len(arcade.places)} places")
    happenings = world.history(until=plan.until).events
    tell(f"simulated arcade: {len(happenings):,} events of {world.days} days until today")
    recorded = 0
    told = 0
    async with open_ledger(database_url) as ledger:
        for start in range(0, len(happenings), chunk):
            part = happenings[start : start + chunk]
            events = list(_events(plan, arcade, part, start, len(happenings)))
            recorded += await _record(ledger, events, actor)
            tenth = 10 * (start + len(part)) // len(happenings)
            if tenth > told:
                told = tenth
                tell(f"simulated arcade: {10 * told} % ({start + len(part):,} events)")
    return len(happenings), recorded


async def _record(ledger: Ledger, events: Sequence[AnyEvent], actor: int) -> int:
    results = await ledger.record_batch(events, recorded_by=actor, history=True)
    refused = [result for result in results if result.status not in ("recorded", "duplicate")]
    if refused:
        raise SeedError(f"The ledger refused {len(refused)} events, the first: {refused[0]}")
    return sum(result.status == "recorded" for result in results)


async def _write_catalog(connection: DatabaseConnection, arcade: Arcade) -> None:
    await upsert_suppliers(
        connection,
        [
            schemas.Supplier(code=row.code, name=row.name, lead_time_days=row.lead_time_days)
            for row in arcade.suppliers
        ],
    )
    site = schemas.Site(code=SITE_CODE, name=SITE_NAME, time_zone=TIME_ZONE)
    await upsert_sites(connection, [site], is_simulated=True)
    await upsert_locations(
        connection,
        [
            schemas.Location(
                code=place.code,
                site=SITE_CODE,
                kind=place.kind,
                name=place.name,
                capacity=place.capacity,
                metering="periodic" if place.periodic else "metered",
                selling=place.selling,
                refilled_from=place.refilled_from,
            )
            for place in arcade.places
        ],
    )
    await upsert_products(
        connection,
        [
            schemas.Product(
                sku=product.sku,
                name=product.name,
                category=product.category,
                unit_cost=product.unit_cost,
                unit_price=product.unit_price,
                currency=CURRENCY,
                supplier=arcade.suppliers[product.supplier].code,
                pack_size=product.pack_size,
                minimum_order_quantity=product.minimum_order_quantity,
            )
            for product in arcade.products
        ],
    )


def _events(
    plan: _Plan, arcade: Arcade, happenings: Sequence[Happening], start: int, total: int
) -> Iterator[AnyEvent]:
    skus = [arcade.products[product].sku for product in arcade.slots.product.tolist()]
    codes = [arcade.places[place].code for place in arcade.slots.place.tolist()]
    for ordinal, happening in enumerate(happenings, start=start):
        kind, slot, quantity, at, to_slot, reason = happening
        fields: dict[str, Any] = {
            "event_id": plan.event_id(ordinal),
            "sku": skus[slot],
            "location": codes[slot],
            "occurred_at": datetime.fromtimestamp(at / 1000, UTC),
            "source": _SOURCE,
        }
        match kind:
            case "sold":
                yield Sold(quantity=quantity, **fields)
            case "transferred":
                yield Transferred(quantity=quantity, to_location=codes[to_slot], **fields)
            case "returned":
                yield Returned(quantity=quantity, **fields)
            case "received":
                yield Received(quantity=quantity, **fields)
            case "counted":
                yield Counted(quantity=quantity, **fields)
            case "adjusted":
                fields["reason"] = reason
                yield Adjusted(quantity_change=quantity, **fields)
            case "opening_balance":
                metadata = plan.metadata(total) if ordinal == 0 else None
                yield OpeningBalance(quantity_change=quantity, metadata=metadata, **fields)
