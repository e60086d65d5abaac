"""The increment equals a full rebuild, whatever the order of arrival."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from api.catalog.schemas import Location, Product, Site
from api.catalog.service import upsert_locations, upsert_products, upsert_sites
from api.database import make_pool
from api.ledger.events import (
    AnyEvent,
    Counted,
    Received,
    Returned,
    Reversed,
    Sold,
    Transferred,
)
from api.ledger.service import open_ledger
from db.connect import connect
from orchestration.defs.dbt.project import DbtProject
from tests.integration.ledger_shop import actor

# The last Sunday of March 2026: Berlin's day has 23 hours; New York's had, three weeks before.
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
DAYS = 16
ALMOST_FRIDAY = timedelta(days=3, hours=9)
ZONES = {"spree": ZoneInfo("Europe/Berlin"), "hudson": ZoneInfo("America/New_York")}
SKUS = ("BEAR", "DUCK", "FROG")
EVERY_SKU = (*SKUS, "NEWT")

_FACTS = """
select sku, code, day, sold, sold_reversed, returned, used, demand,
    on_hand_selling_at_open, on_hand_selling_at_close, on_hand_at_open, on_hand_at_close,
    exposure, state
from marts.fct_daily_demand
inner join catalog.products using (product_id)
inner join catalog.sites using (site_id)
order by sku, code, day
"""
_POSITIONS = """
select product_id, site_id, on_hand_selling, on_hand_behind, reserved, inventory_position,
    last_sold_at, last_moved_position
from marts.fct_stock_positions
order by product_id, site_id
"""
_PLACES = """
select product_id, site_id, location_id, on_hand, reserved,
    first_moved_at, last_received_at, last_used_at
from marts.fct_place_stock
order by product_id, location_id
"""


@dataclass(frozen=True)
class Arrival:
    """An event, and when the ledger came to know of it."""

    at: datetime
    event: AnyEvent


@dataclass
class World:
    """Two shops whose ledger is fed in order of arrival, and the project that reads it."""

    database_url: str
    project: DbtProject
    read_to: int = 0

    def record(self, arrivals: Sequence[Arrival]) -> None:
        async def write() -> None:
            async with open_ledger(self.database_url) as ledger:
                events = [arrival.event for arrival in arrivals]
                results = await ledger.record_batch(
                    events, recorded_by=await actor(self.database_url), history=True
                )
                assert {result.status for result in results} <= {"recorded"}

        asyncio.run(write())

    def run(self, *, as_of: datetime, is_full: bool = False, only: Sequence[str] = ()) -> None:
        """A refresh; with `only`, one that is cut short and leaves the cursor where it was."""
        to_position = self.rows("select coalesce(max(position), 0) from ledger.inventory_events")
        scope = ["--full-refresh"] if is_full else []
        results = self.project.invoke(
            ["run", *scope, *(["--select", *only] if only else [])],
            variables={
                "from_position": 0 if is_full else self.read_to,
                "to_position": to_position[0][0],
                "as_of": as_of.isoformat(),
            },
        )
        assert {result.status for result in results} == {"success"}, [
            result.message for result in results
        ]
        if not only:
            self.read_to = to_position[0][0]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.database_url) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture
def world(database_url: str) -> World:
    async def furnish() -> None:
        pool = make_pool(database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
        async with pool, pool.acquire() as connection:
            await upsert_sites(
                connection,
                [Site(code=code, name=code, time_zone=zone.key) for code, zone in ZONES.items()],
            )
            for site in ZONES:
                back = Location(code=f"{site}-back", site=site, kind="back room")
                shelf = Location(
                    code=f"{site}-shelf", site=site, kind="shelf", refilled_from=back.code
                )
                claw = Location(
                    code=f"{site}-claw",
                    site=site,
                    kind="claw machine",
                    metering="periodic",
                    refilled_from=back.code,
                )
                await upsert_locations(connection, [back, shelf, claw])
            await upsert_products(connection, [Product(sku=sku, name=sku) for sku in EVERY_SKU])

    asyncio.run(furnish())
    return World(database_url, DbtProject(database_url))


def history(seed: int) -> list[Arrival]:
    """Some 400 events of sixteen days, one in ten late by up to six days, some reversed."""
    chance = random.Random(seed)  # noqa: S311 - a world to test in, not a secret
    arrivals: list[Arrival] = []
    for _ in range(400):
        occurred_at = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
        # a day on which hardly anything is sold may turn out to have been closed
        if occurred_at.day == 25 and chance.random() < 0.97:
            continue
        late = timedelta(hours=chance.choice([0] * 9 + [chance.randrange(144)]))
        event = _event(chance, occurred_at)
        arrivals.append(Arrival(occurred_at + late, event))
        if chance.random() < 0.12:
            undone_at = occurred_at + late + timedelta(hours=chance.randrange(240))
            undo = Reversed(event_id=_uuid(chance), reverses=event.event_id, occurred_at=undone_at)
            arrivals.append(Arrival(undone_at, undo))
    return sorted(arrivals, key=lambda arrival: arrival.at)


def _event(chance: random.Random, occurred_at: datetime) -> AnyEvent:
    site = chance.choice(list(ZONES))
    sku = chance.choices(SKUS, weights=[6, 3, 1])[0]
    common: dict[str, Any] = {"event_id": _uuid(chance), "sku": sku, "occurred_at": occurred_at}
    kind = chance.choices(
        ["sold", "received", "refill", "returned", "counted_claw", "counted"],
        weights=[60, 6, 14, 6, 10, 2],
    )[0]
    match kind:
        case "sold":
            return Sold(**common, location=f"{site}-shelf", quantity=chance.randrange(1, 4))
        case "received":
            return Received(**common, location=f"{site}-back", quantity=chance.randrange(5, 30))
        case "refill":
            return Transferred(
                **common,
                location=f"{site}-back",
                to_location=f"{site}-{chance.choice(['shelf', 'claw'])}",
                quantity=chance.randrange(1, 12),
            )
        case "returned":
            return Returned(**common, location=f"{site}-shelf", quantity=1)
        case "counted_claw":
            return Counted(**common, location=f"{site}-claw", quantity=chance.randrange(0, 10))
        case _:
            return Counted(**common, location=f"{site}-shelf", quantity=chance.randrange(0, 10))


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_increment_after_any_order_of_arrival_equals_a_full_rebuild(
    world: World, seed: int
) -> None:
    # given facts that were brought up to date five times, once after a run that was cut short
    arrivals = history(seed)
    end = arrivals[-1].at + timedelta(days=2)
    for number, until in enumerate((FIRST + timedelta(days=d, hours=5)) for d in (4, 7, 7, 12, 18)):
        world.record([one for one in arrivals if one.at <= until])
        arrivals = [one for one in arrivals if one.at > until]
        if number == 3:
            world.run(as_of=until, only=["int_site_hours", "int_product_sites", "int_site_days"])
        world.run(as_of=until)
    world.record(arrivals)
    world.run(as_of=end)
    facts, positions = world.rows(_FACTS), world.rows(_POSITIONS)
    places = world.rows(_PLACES)
    # when all is made anew
    world.run(as_of=end, is_full=True)
    # then nothing differs
    assert world.rows(_FACTS) == facts
    assert world.rows(_POSITIONS) == positions
    assert world.rows(_PLACES) == places
    states = Counter(row[-1] for row in facts)
    assert states["full"]
    assert states["censored"]
    assert states["unknown"]


def test_what_is_learned_late_changes_the_day_that_it_is_about(world: World) -> None:
    # given facts up to Tuesday: two pieces sold on Monday the 23rd, ten put into a claw machine
    monday = datetime(2026, 3, 23, 12, tzinfo=UTC)
    chance = random.Random(8)  # noqa: S311 - ids, not secrets

    def at(day: int, kind: type[Any], sku: str, place: str, **fields: Any) -> Any:
        moment = monday + timedelta(days=day)
        return kind(
            event_id=_uuid(chance),
            sku=sku,
            location=f"spree-{place}",
            occurred_at=moment,
            **fields,
        )

    sale = at(0, Sold, "BEAR", "shelf", quantity=2)
    open_days = [at(day, Sold, "NEWT", "shelf", quantity=1) for day in range(5)]
    known_on_tuesday = [
        *(at(-1, Received, sku, "shelf", quantity=50) for sku in ("BEAR", "DUCK", "NEWT")),
        at(0, Received, "FROG", "claw", quantity=10),
        sale,
        *open_days[:2],
    ]
    world.record([Arrival(event.occurred_at, event) for event in known_on_tuesday])
    world.run(as_of=monday + timedelta(days=2))
    # when Friday tells of a wrong sale, of one that nobody had sent, and of four left in the claw
    known_on_friday = [
        *open_days[2:],
        Reversed(
            event_id=_uuid(chance), reverses=sale.event_id, occurred_at=monday + ALMOST_FRIDAY
        ),
        at(0, Sold, "DUCK", "shelf", quantity=3),
        at(4, Counted, "FROG", "claw", quantity=4),
    ]
    world.record([Arrival(monday + timedelta(days=4), event) for event in known_on_friday])
    world.run(as_of=monday + timedelta(days=5))
    # then Monday's facts say so, and the claw's six prizes are spread over the days between
    facts = {(row[0], row[2].day): row for row in world.rows(_FACTS)}
    assert facts["BEAR", 23][7] == 0
    assert facts["DUCK", 23][7] == 3
    assert facts["FROG", 24][6] == facts["FROG", 25][6] == 1.5
    assert sum(row[6] for key, row in facts.items() if key[0] == "FROG") == 6
    # and a full rebuild says the same
    world.run(as_of=monday + timedelta(days=5), is_full=True)
    assert {(row[0], row[2].day): row for row in world.rows(_FACTS)} == facts


def test_a_run_reads_to_its_position_and_not_beyond(world: World) -> None:
    # given a refresh whose position was drawn before the last events
    arrivals = history(seed=4)
    world.record(arrivals[:200])
    position = world.rows("select max(position) from ledger.inventory_events")[0][0]
    world.record(arrivals[200:])
    # when it runs
    world.project.invoke(
        ["run", "--full-refresh"],
        variables={"to_position": position, "as_of": "2026-04-07T00:00:00+00:00"},
    )
    # then what came after is in none of its tables
    (newest,) = world.rows("select max(last_moved_position) from marts.fct_stock_positions")
    assert newest == (position,)
    (sold,) = world.rows("select sum(sold) from marts.fct_daily_demand")
    assert sold[0] == sum(
        one.event.quantity for one in arrivals[:200] if isinstance(one.event, Sold)
    )


def test_a_sale_counts_on_the_day_of_its_own_site(world: World) -> None:
    # given sales around midnight in two time zones, one of them on the night of the change
    moments = [datetime(2026, 3, 28, 22, 30, tzinfo=UTC) + timedelta(hours=h) for h in range(30)]
    chance = random.Random(5)  # noqa: S311 - ids, not secrets
    stock: list[AnyEvent] = [
        Received(
            event_id=_uuid(chance),
            sku="BEAR",
            location=f"{site}-shelf",
            quantity=100,
            occurred_at=FIRST,
        )
        for site in ZONES
    ]
    sales: list[AnyEvent] = [
        Sold(
            event_id=_uuid(chance),
            sku="BEAR",
            location=f"{site}-shelf",
            quantity=1,
            occurred_at=moment,
        )
        for site in ZONES
        for moment in moments
    ]
    world.record([Arrival(event.occurred_at, event) for event in [*stock, *sales]])
    # when
    world.run(as_of=datetime(2026, 4, 1, tzinfo=UTC), is_full=True)
    # then each day has the sales that its own clock says
    expected: Counter[tuple[str, date]] = Counter()
    for site, zone in ZONES.items():
        expected.update((site, moment.astimezone(zone).date()) for moment in moments)
    found = world.rows(_FACTS)
    assert {(row[1], row[2]): row[3] for row in found if row[3]} == dict(expected)


def test_a_history_that_ended_long_ago_ends_at_its_last_day(world: World) -> None:
    # given shops that were still open a week after their last event
    arrivals = history(seed=6)
    world.record(arrivals)
    world.run(as_of=arrivals[-1].at + timedelta(days=3), is_full=True)
    (before,) = world.rows("select max(last_closed_day) from marts.dim_sites")
    # when years go by
    world.run(as_of=datetime(2030, 1, 1, tzinfo=UTC))
    # then the plan stands at the day after the last one, and no silent day is a fact
    ends = world.rows(
        "select max(facts.day), max(sites.last_closed_day), max(sites.today)"
        " from marts.fct_daily_demand as facts inner join marts.dim_sites as sites using (site_id)"
    )
    last_day = ends[0][0]
    assert last_day < before[0]
    assert ends == [(last_day, last_day, last_day + timedelta(days=1))]


def test_every_model_keeps_what_its_tests_promise(world: World) -> None:
    world.record(history(seed=7))
    as_of = FIRST + timedelta(days=DAYS + 2)
    world.run(as_of=as_of, is_full=True)
    results = world.project.invoke(["test"], variables={"as_of": as_of.isoformat()})
    assert len(results) > 5
    assert [result.node.name for result in results if result.status != "pass"] == []
