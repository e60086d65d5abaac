"""The live floor: simulated customers and staff who keep the mix and the peace."""

from collections import Counter
from datetime import date

import numpy as np
import pytest

from simulation.floor import Deed, Floor, Spot, Target
from simulation.world import World

WORLD = World(first_day=date(2025, 3, 1), products=200, machines=20, days=90)


def spots_of(world: World) -> list[Spot]:
    arcade, history = world.arcade, world.history()
    slots = arcade.slots
    sales = Counter(event.slot for event in history.events if event.kind == "sold")
    return [
        Spot(
            sku=arcade.products[int(slots.product[i])].sku,
            location=(place := arcade.places[int(slots.place[i])]).code,
            on_hand=int(history.book[i]),
            sales=sales[i],
            selling=place.selling,
            periodic=place.periodic,
            refilled_from=place.refilled_from,
        )
        for i in range(len(slots))
    ]


SPOTS = spots_of(WORLD)


def targets_of(world: World, spots: list[Spot]) -> dict[str, Target]:
    """A plan for a fortnight of use, as planning would leave it."""
    days = world.days
    use: Counter[str] = Counter()
    for spot in spots:
        use[spot.sku] += spot.sales
    return {
        product.sku: Target(
            reorder_point=round(14 * use[product.sku] / days + 1),
            selling_minimum=round(7 * use[product.sku] / days + 1),
            refill_minimum=round(use[product.sku] / days + 1),
            pack_size=product.pack_size,
        )
        for product in world.arcade.products
    }


TARGETS = targets_of(WORLD, SPOTS)


class Book:
    """The ledger's arithmetic, to answer a deed with levels."""

    def __init__(self, spots: list[Spot]) -> None:
        self.held = {(spot.sku, spot.location): spot.on_hand for spot in spots}

    def record(self, deed: Deed) -> list[tuple[str, int]]:
        changes = {
            "received": {deed.location: deed.quantity},
            "returned": {deed.location: deed.quantity},
            "adjusted": {deed.location: deed.quantity},
            "sold": {deed.location: -deed.quantity},
            "transferred": {
                deed.location: -deed.quantity,
                deed.to_location or "": deed.quantity,
            },
            "counted": {deed.location: deed.quantity - self.held[deed.sku, deed.location]},
        }[deed.kind]
        for location, change in changes.items():
            self.held[deed.sku, location] += change
        return [(location, self.held[deed.sku, location]) for location in changes]

    def of(self, sku: str) -> list[tuple[str, int]]:
        return [(place, held) for (product, place), held in self.held.items() if product == sku]


def run(floor: Floor, book: Book, deeds: int) -> list[Deed]:
    done = []
    for _ in range(deeds):
        deed = floor.next_deed()
        assert deed is not None
        assert floor.hear(deed.sku, book.of(deed.sku))
        floor.settle(deed, book.record(deed))
        done.append(deed)
    return done


def alerted(book: Book) -> set[str]:
    selling = {(spot.sku, spot.location): spot.selling for spot in SPOTS}
    fronts: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for key, held in book.held.items():
        whole[key[0]] += held
        fronts[key[0]] += held * selling[key]
    low = set()
    for sku, target in TARGETS.items():
        behind = whole[sku] > fronts[sku]
        minimum = target.refill_minimum if behind else target.selling_minimum
        if fronts[sku] < minimum or whole[sku] <= target.reorder_point:
            low.add(sku)
    return low


@pytest.fixture(scope="module")
def long_evening() -> tuple[Book, list[Deed]]:
    book = Book(SPOTS)
    return book, run(Floor(SPOTS, TARGETS, seed=20), book, 6000)


def test_the_live_mix_is_that_of_the_history(long_evening: tuple[Book, list[Deed]]) -> None:
    kinds = Counter(deed.kind for deed in long_evening[1])
    total = sum(kinds.values())

    assert kinds["sold"] / total == pytest.approx(0.60, abs=0.04)
    assert (kinds["received"] + kinds["transferred"]) / total == pytest.approx(0.25, abs=0.04)
    assert kinds["returned"] / total == pytest.approx(0.10, abs=0.02)
    assert (kinds["counted"] + kinds["adjusted"]) / total == pytest.approx(0.05, abs=0.02)


def test_nothing_is_sold_or_moved_that_is_not_there(long_evening: tuple[Book, list[Deed]]) -> None:
    assert min(long_evening[0].held.values()) >= 0


def test_an_evening_of_simulation_raises_few_alerts(long_evening: tuple[Book, list[Deed]]) -> None:
    before = alerted(Book(SPOTS))

    assert len(alerted(long_evening[0]) - before) <= 6


def test_stock_neither_drains_nor_piles_up(long_evening: tuple[Book, list[Deed]]) -> None:
    before, after = sum(spot.on_hand for spot in SPOTS), sum(long_evening[0].held.values())

    assert 0.8 * before < after < 2 * before


def test_a_machine_without_a_till_never_sells(long_evening: tuple[Book, list[Deed]]) -> None:
    periodic = {(spot.sku, spot.location) for spot in SPOTS if spot.periodic}
    kinds = {deed.kind for deed in long_evening[1] if (deed.sku, deed.location) in periodic}

    assert "sold" not in kinds
    assert "counted" in kinds


def test_the_same_seed_does_the_same() -> None:
    first = run(Floor(SPOTS, TARGETS, seed=3), Book(SPOTS), 300)
    again = run(Floor(SPOTS, TARGETS, seed=3), Book(SPOTS), 300)
    other = run(Floor(SPOTS, TARGETS, seed=4), Book(SPOTS), 300)

    assert first == again != other


def test_a_product_that_somebody_works_on_is_left_alone() -> None:
    floor, book = Floor(SPOTS, TARGETS, seed=5), Book(SPOTS)
    busiest = Counter(deed.sku for deed in run(floor, book, 300)).most_common(1)[0][0]
    for location, _ in book.of(busiest):
        book.held[busiest, location] = 0

    assert not floor.hear(busiest, book.of(busiest))
    later = run(floor, book, 1000)

    assert busiest not in {deed.sku for deed in later}
    assert all(held == 0 for _, held in book.of(busiest))


def test_a_product_that_is_low_is_left_to_people() -> None:
    """Only careless customers touch what the plan has on its list, so it rarely changes."""
    before = alerted(Book(SPOTS))
    floor, book = Floor(SPOTS, TARGETS, seed=6), Book(SPOTS)

    done = run(floor, book, 2000)

    assert len(before) >= 3
    touched = {deed.sku for deed in done if deed.kind == "sold"} & before
    assert len(touched) <= 0.1 * len(before)


def test_an_empty_floor_has_nothing_to_do() -> None:
    floor = Floor([], {}, seed=1)

    assert [floor.next_deed() for _ in range(50)] == [None] * 50


def test_before_the_first_plan_staff_refills_all_the_same() -> None:
    floor, book = Floor(SPOTS, {}, seed=8), Book(SPOTS)

    kinds = Counter(deed.kind for deed in run(floor, book, 1500))

    assert kinds["transferred"] > 100
    assert kinds["received"] > 10
    assert np.min(list(book.held.values())) >= 0
