"""Writing the simulated arcade: the ledger ends where the world does, however often it is told."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from db.connect import connect
from simulation.arcade import TIME_ZONE
from simulation.seed import SeedError, SeedReport, seed_arcade
from simulation.world import DEFAULT_SEED, World

TODAY = date(2025, 5, 1)
WORLD = World(first_day=TODAY - timedelta(days=60), products=60, machines=8, days=60)


def seed(url: str, **options: Any) -> SeedReport:
    given = {"today": TODAY, "scale": "small", "tell": lambda line: None, **options}
    return asyncio.run(seed_arcade(url, **given))


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def levels(url: str) -> dict[tuple[str, str], int]:
    told = rows(
        url,
        "select products.sku, locations.code, stock_levels.on_hand from ledger.stock_levels"
        " join catalog.products using (product_id) join catalog.locations using (location_id)",
    )
    return {(sku, location): on_hand for sku, location, on_hand in told}


def events_of(url: str) -> list[tuple[Any, ...]]:
    return rows(
        url,
        "select position, event_id, event_type, occurred_at, quantity, quantity_change, reason"
        " from ledger.inventory_events order by position",
    )


def test_the_ledger_ends_with_the_levels_of_the_world(database_url: str) -> None:
    report = seed(database_url)

    arcade, book = WORLD.arcade, WORLD.history().book
    held = levels(database_url)
    for slot, on_hand in enumerate(book.tolist()):
        sku = arcade.products[int(arcade.slots.product[slot])].sku
        location = arcade.places[int(arcade.slots.place[slot])].code
        assert held.pop((sku, location), 0) == on_hand, (sku, location)
    assert not held
    assert report.recorded == report.events == len(WORLD.history().events)


def test_balance_equals_the_sum_of_movements(database_url: str) -> None:
    seed(database_url)

    different = rows(
        database_url,
        "select from ledger.stock_levels"
        " join (select product_id, location_id, lot_id, sum(on_hand_change) as moved"
        "  from ledger.movements group by product_id, location_id, lot_id) as sums"
        " using (product_id, location_id, lot_id)"
        " where on_hand <> moved",
    )
    assert different == []


def test_events_are_recorded_in_the_order_in_which_they_occurred(database_url: str) -> None:
    seed(database_url)

    moments = [event[3] for event in events_of(database_url) if event[6] != "book_shortage"]
    assert moments == sorted(moments)


def test_seeding_again_adds_nothing(database_url: str) -> None:
    first = seed(database_url)
    before = events_of(database_url)

    again = seed(database_url)
    tomorrow = seed(database_url, today=TODAY + timedelta(days=1))

    assert (again.recorded, tomorrow.recorded) == (0, 0)
    assert again.events == tomorrow.events == first.events
    assert events_of(database_url) == before


def test_a_broken_off_seeding_is_finished_as_it_was_begun(database_url: str) -> None:
    """The second attempt comes a day later, and still ends as the first would have."""
    told: list[str] = []

    class PowerCutError(Exception):
        pass

    def tell(line: str) -> None:
        told.append(line)
        if "60 %" in line:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        seed(database_url, tell=tell, chunk=100)
    begun = len(events_of(database_url))
    report = seed(database_url, today=TODAY + timedelta(days=1))

    assert 0 < begun < report.events
    assert 0 < report.recorded <= report.events - begun + 100
    assert len({event[1] for event in events_of(database_url)}) == len(events_of(database_url))
    assert report.until == datetime(2025, 5, 1, tzinfo=ZoneInfo(TIME_ZONE))
    book = [on_hand for on_hand in WORLD.history().book.tolist() if on_hand]
    assert sorted(on_hand for on_hand in levels(database_url).values() if on_hand) == sorted(book)


def test_the_site_says_that_it_is_simulated(database_url: str) -> None:
    seed(database_url)

    [(code, name, is_simulated)] = rows(
        database_url, "select code, name, is_simulated from catalog.sites"
    )
    assert (code, is_simulated) == ("arcade", True)
    assert "simulated" in name.lower()


def test_the_catalog_is_that_of_the_world(database_url: str) -> None:
    seed(database_url)

    places = rows(
        database_url,
        "select locations.code, locations.kind, locations.metering::text, locations.selling,"
        " sources.code from catalog.locations left join catalog.locations as sources"
        " on locations.refilled_from_location_id = sources.location_id",
    )
    expected = {
        (
            place.code,
            place.kind,
            "periodic" if place.periodic else "metered",
            place.selling,
            place.refilled_from,
        )
        for place in WORLD.arcade.places
    }
    assert set(places) == expected
    [(products, without)] = rows(
        database_url,
        "select count(*), count(*) filter (where supplier_id is null or unit_cost is null"
        " or currency <> 'USD') from catalog.products",
    )
    assert (products, without) == (60, 0)


def test_a_machine_without_a_till_has_no_sold_events(database_url: str) -> None:
    seed(database_url)

    kinds = Counter(
        kind
        for (kind,) in rows(
            database_url,
            "select event_type::text from ledger.inventory_events"
            " join catalog.locations using (location_id) where metering = 'periodic'",
        )
    )
    assert kinds["sold"] == 0
    assert kinds["counted"] > 0


def test_each_tenth_is_told(database_url: str) -> None:
    told: list[str] = []

    seed(database_url, tell=told.append, chunk=50)

    tenths = [line for line in told if "%" in line]
    assert len(tenths) == 10
    assert "100 %" in tenths[-1]


def test_a_history_until_now_goes_on_into_today(database_url: str) -> None:
    now = datetime(2025, 5, 1, 18, tzinfo=ZoneInfo(TIME_ZONE))

    report = seed(database_url, today=None, now=now)

    [(last,)] = rows(database_url, "select max(occurred_at) from ledger.inventory_events")
    assert report.until == now
    assert now - timedelta(hours=6) < last < now.astimezone(UTC)


def test_a_site_that_is_not_simulated_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into catalog.sites (code, name) values ('arcade', 'Our own')")

    with pytest.raises(SeedError, match="not simulated"):
        seed(database_url)

    assert events_of(database_url) == []
    assert rows(database_url, "select sku from catalog.products") == []


def test_another_seed_does_not_mix_into_a_seeded_arcade(database_url: str) -> None:
    seed(database_url)
    before = len(events_of(database_url))

    with pytest.raises(SeedError, match="another seed or size"):
        seed(database_url, seed=DEFAULT_SEED + 1)

    assert len(events_of(database_url)) == before


def test_the_small_arcade_ends_now(small_arcade_url: str) -> None:
    [(last, products)] = rows(
        small_arcade_url,
        "select (select max(occurred_at) from ledger.inventory_events),"
        " (select count(*) from catalog.products)",
    )

    assert products == 60
    assert timedelta(0) <= datetime.now(UTC) - last < timedelta(hours=36)
