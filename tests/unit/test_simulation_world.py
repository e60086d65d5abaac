"""The simulated arcade: what its year must look like, whatever the seed."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulation.arcade import TIME_ZONE
from simulation.demand import OPENING_HOURS
from simulation.staff import Order, hire_staff
from simulation.world import Happening, History, World

FIRST_DAY = date(2025, 3, 1)
YEAR = World(first_day=FIRST_DAY)
SMALL = World(first_day=FIRST_DAY, products=60, machines=8, days=60)


@lru_cache(maxsize=1)
def a_year() -> History:
    return YEAR.history()


def local(event: Happening) -> datetime:
    return datetime.fromtimestamp(event.at / 1000, ZoneInfo(TIME_ZONE))


def of_kind(*kinds: str) -> list[Happening]:
    return [event for event in a_year().events if event.kind in kinds]


def test_the_same_seed_lives_the_same_year() -> None:
    again = World(first_day=FIRST_DAY, products=60, machines=8, days=60)

    assert again.arcade.products == SMALL.arcade.products
    assert again.history().events == SMALL.history().events


def test_another_seed_lives_another_year() -> None:
    other = World(first_day=FIRST_DAY, products=60, machines=8, days=60, seed=SMALL.seed + 1)

    assert other.history().events != SMALL.history().events


@pytest.mark.parametrize("hours", [0, 7, 24 * 30 + 16])
def test_a_shorter_history_is_the_beginning_of_the_longer_one(hours: int) -> None:
    until = datetime(2025, 3, 2, 5, 30, tzinfo=UTC) + timedelta(hours=hours)

    part, whole = SMALL.history(until=until), SMALL.history()

    assert part.events == whole.events[: len(part.events)]
    assert 0 < len(part.events) < len(whole.events)
    cut = round(until.timestamp() * 1000)
    assert all(event.at < cut for event in part.events)
    assert whole.events[len(part.events)].at >= cut


def test_a_history_goes_on_into_the_day_after_its_last_one() -> None:
    afternoon = datetime(2025, 4, 30, 17, tzinfo=ZoneInfo(TIME_ZONE))

    events = SMALL.history(until=afternoon).events

    assert local(events[-1]).date() == FIRST_DAY + timedelta(days=60)


def test_the_arcade_has_the_promised_size() -> None:
    arcade = YEAR.arcade

    assert len(arcade.products) == len({product.sku for product in arcade.products}) == 1200
    assert len({product.name for product in arcade.products}) == 1200
    assert len({product.category for product in arcade.products}) == 10
    assert len({place.kind for place in arcade.places}) == 11
    machines = [place for place in arcade.places if place.kind == "claw_machine"]
    assert (len(machines), len(arcade.places)) == (80, 91)
    assert sum(place.periodic for place in machines) == 10
    assert len(arcade.suppliers) == 6


@pytest.mark.parametrize("world", [YEAR, SMALL], ids=["full", "small"])
def test_a_product_has_one_to_three_selling_places_and_stock_behind_them(world: World) -> None:
    slots, products = world.arcade.slots, len(world.arcade.products)
    selling = np.bincount(slots.product[slots.selling], minlength=products)
    behind = np.bincount(slots.product[~slots.selling], minlength=products)

    assert 1 <= selling.min() < selling.max() <= 3
    assert behind.min() >= 1


@pytest.mark.parametrize("world", [YEAR, SMALL], ids=["full", "small"])
def test_a_place_is_refilled_from_where_the_catalog_says(world: World) -> None:
    arcade = world.arcade
    for place, source in zip(arcade.slots.place, arcade.slots.source, strict=True):
        if source >= 0:
            behind = arcade.places[int(arcade.slots.place[source])]
            assert arcade.places[int(place)].refilled_from == behind.code


def test_packs_fit_the_minimum_order() -> None:
    for product in YEAR.arcade.products:
        assert product.minimum_order_quantity % product.pack_size == 0
        assert 0 < product.unit_cost < product.unit_price


def test_a_year_has_the_promised_mix() -> None:
    kinds = Counter(event.kind for event in a_year().events)
    del kinds["opening_balance"]
    total = sum(kinds.values())
    moves = kinds["received"] + kinds["transferred"]
    upkeep = kinds["counted"] + kinds["adjusted"]

    assert 150_000 <= total <= 200_000
    assert kinds["sold"] / total == pytest.approx(0.60, abs=0.03)
    assert moves / total == pytest.approx(0.25, abs=0.03)
    assert kinds["returned"] / total == pytest.approx(0.10, abs=0.015)
    assert upkeep / total == pytest.approx(0.05, abs=0.015)


def test_every_moment_is_later_than_the_one_before() -> None:
    moments = [event.at for event in a_year().events]

    assert all(earlier < later for earlier, later in itertools.pairwise(moments))


def test_a_sale_happens_in_opening_hours() -> None:
    for event in of_kind("sold"):
        moment = local(event)
        opens, closes = OPENING_HOURS[moment.weekday()]
        assert opens <= moment.hour < closes, moment
        assert (moment.month, moment.day) not in ((12, 25), (1, 1))


def test_a_saturday_sells_more_than_a_tuesday_and_the_evening_more_than_the_morning() -> None:
    days = Counter(local(event).weekday() for event in of_kind("sold"))
    hours = Counter(local(event).hour for event in of_kind("sold"))

    assert days[5] > 1.8 * days[1]
    assert hours[17] > 1.5 * hours[12] > 0


def test_a_fifth_of_the_products_is_most_of_the_sales() -> None:
    slots = YEAR.arcade.slots
    sold = np.bincount(
        [slots.product[event.slot] for event in of_kind("sold")], minlength=YEAR.products
    )
    by_size = np.sort(sold)[::-1]

    assert 0.68 <= by_size[:240].sum() / by_size.sum() <= 0.86


def test_a_machine_without_a_till_shows_its_use_only_in_counts() -> None:
    periodic = YEAR.arcade.slots.periodic
    kinds = Counter(event.kind for event in a_year().events if periodic[event.slot])

    assert kinds["sold"] == kinds["returned"] == 0
    assert kinds["counted"] > 5000
    book = np.zeros(len(periodic), dtype=np.int64)
    uncovered = 0
    for event in a_year().events:
        if event.kind == "counted" and periodic[event.slot]:
            uncovered += int(book[event.slot]) - event.quantity
        replay(book, event, YEAR.arcade.slots.source)
    assert uncovered > 1000


Book = np.ndarray[tuple[int], np.dtype[np.int64]]


def replay(book: Book, event: Happening, source: Book) -> None:
    match event.kind:
        case "sold":
            take(book, event.slot, event.quantity, source)
        case "counted":
            book[event.slot] = event.quantity
        case "transferred":
            take(book, event.slot, event.quantity, source)
            book[event.to_slot] += event.quantity
        case _ if event.quantity < 0:
            take(book, event.slot, -event.quantity, source)
        case _:
            book[event.slot] += event.quantity


def take(book: Book, slot: int, units: int, source: Book) -> None:
    """What the shelf lacks comes from the place that it is refilled from, as far as that has it."""
    missing = max(0, units - int(book[slot]))
    book[slot] = max(0, int(book[slot]) - units)
    if source[slot] >= 0:
        book[source[slot]] -= min(missing, int(book[source[slot]]))


@pytest.mark.parametrize("seed", [1, 20])
def test_the_book_is_the_replay_of_the_events(seed: int) -> None:
    world = World(first_day=FIRST_DAY, products=200, machines=20, days=120, seed=seed)
    history = world.history()
    book = np.zeros(len(world.arcade.slots), dtype=np.int64)

    for event in history.events:
        replay(book, event, world.arcade.slots.source)

    assert book.tolist() == history.book.tolist()
    assert history.true.min() >= 0


def test_the_book_is_seldom_short() -> None:
    book = np.zeros(len(YEAR.arcade.slots), dtype=np.int64)
    shortages = 0
    for event in a_year().events:
        out = event.kind in ("sold", "transferred") or (
            event.kind == "adjusted" and event.quantity < 0
        )
        shortages += out and abs(event.quantity) > int(book[event.slot])
        replay(book, event, YEAR.arcade.slots.source)

    assert 0 < shortages < 0.002 * len(a_year().events)


def test_an_empty_place_sells_nothing_though_customers_ask() -> None:
    """The days on which a metered place was out censor its sales: they are fewer than asked."""
    history, slots = a_year(), YEAR.arcade.slots
    day_ms = 86_400_000
    asked = Counter((gone.slot, gone.at // day_ms) for gone in history.unserved)
    sold = Counter((event.slot, event.at // day_ms) for event in of_kind("sold"))
    filled = {
        (slot, event.at // day_ms)
        for event in history.events
        for slot in (event.slot, event.to_slot)
    }

    untouched = [key for key in asked if key not in filled]

    assert len(untouched) > 600
    assert all(sold[key] == 0 for key in untouched)
    units_sold = sum(event.quantity for event in of_kind("sold"))
    units_missed = sum(gone.units for gone in history.unserved if not slots.periodic[gone.slot])
    assert 0.01 < units_missed / units_sold < 0.15


def test_the_event_week_and_a_sudden_hit_stand_out() -> None:
    weeks = Counter((local(event).date() - FIRST_DAY).days // 7 for event in of_kind("sold"))
    event_week = int(365 * 0.6) // 7

    usual = np.median([weeks[week] for week in range(event_week - 6, event_week + 7)])
    assert max(weeks[event_week], weeks[event_week + 1]) > 1.25 * usual


def test_some_products_are_new_and_sell_nothing_before() -> None:
    slots = YEAR.arcade.slots
    first_seen: dict[int, int] = {}
    for event in a_year().events:
        first_seen.setdefault(int(slots.product[event.slot]), event.at)
    start = a_year().events[0].at

    late = [moment for moment in first_seen.values() if moment - start > 30 * 86_400_000]
    assert 50 <= len(late) <= 90


def test_lead_times_vary_around_the_suppliers_promise() -> None:
    rng = np.random.default_rng(7)
    staff = hire_staff(YEAR.arcade, rng)
    promised = YEAR.arcade.suppliers[YEAR.arcade.products[0].supplier].lead_time_days

    drawn = [staff.draw_lead_time(Order(0, 1), strike=False, rng=rng) for _ in range(2000)]

    assert np.median(drawn) == pytest.approx(promised, rel=0.15)
    assert np.std(drawn) > 0.15 * promised
    assert min(drawn) >= 1


def test_at_the_end_most_products_are_healthy_and_some_are_not() -> None:
    """By days of cover: critical is less than a day of use on the fronts, low is below lead time
    and a week."""
    slots, products = YEAR.arcade.slots, YEAR.arcade.products
    since = a_year().events[-1].at - 60 * 86_400_000
    use = np.zeros(len(products))
    for event in of_kind("sold"):
        if event.at > since:
            use[slots.product[event.slot]] += event.quantity / 60
    size = len(products)
    fronts = np.bincount(slots.product, a_year().book * slots.selling, minlength=size)
    whole = np.bincount(slots.product, a_year().book, minlength=size)
    lead = np.array(
        [YEAR.arcade.suppliers[product.supplier].lead_time_days for product in products]
    )
    minimum = np.where(whole > fronts, np.ceil(use), np.ceil(use * lead))
    critical = fronts < np.maximum(1, minimum)
    low = ~critical & (whole <= use * (lead + 7) + 1.64 * np.sqrt(1.7 * use * (lead + 7)))

    assert 0.008 <= critical.mean() <= 0.08
    assert 0.05 <= low.mean() <= 0.22
    assert 0 < (whole == 0).mean() < 0.04
    machine = slots.selling & ~slots.periodic
    assert 0.01 < (a_year().true[machine] == 0).mean() < 0.2


def test_an_arcade_too_small_for_its_stores_is_refused() -> None:
    with pytest.raises(ValueError, match="7 machines and 10 products"):
        World(first_day=FIRST_DAY, products=9, machines=7).history()
