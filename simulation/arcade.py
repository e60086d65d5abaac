"""The simulated arcade's master data: suppliers, places, products, and where each is stocked.

Pure and seeded: the same numbers in lead to the same arcade. The simulated customers and staff
are in `world`.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulation.wares import BACK_PLACES, CATEGORIES, SUPPLIERS, Category

SITE_CODE = "arcade"
SITE_NAME = "Simulated arcade"
TIME_ZONE = "America/New_York"
CURRENCY = "USD"

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_MEAN_UNITS_A_SALE = 1.36
_SALES_A_PRODUCT_A_DAY = 0.245
_PACKS = (4, 6, 10, 12, 20, 24, 36, 48)


@dataclass(frozen=True, slots=True)
class Supplier:
    code: str
    name: str
    lead_time_days: int
    minimum_packs: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where stock lies. `periodic`: a machine without a till, whose use only counts show."""

    code: str
    name: str
    kind: str
    selling: bool
    periodic: bool
    refilled_from: str | None
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A prize. `sales_a_day` is how often it would be asked for on a mean day, over all places."""

    sku: str
    name: str
    category: str
    perishable: bool
    unit_cost: int
    unit_price: int
    supplier: int
    pack_size: int
    minimum_order_quantity: int
    sales_a_day: float


@dataclass(frozen=True, slots=True)
class Slots:
    """One row for each product at each place that may hold it, the rows of a product together.

    source: the row that this one is refilled from, -1 where a supplier delivers to it.
    sales_a_day: how often a customer asks for the product there on a mean day.
    """

    product: Ints
    place: Ints
    source: Ints
    par: Ints
    trigger: Ints
    sales_a_day: Floats
    selling: Flags
    periodic: Flags

    def __len__(self) -> int:
        return len(self.product)


@dataclass(frozen=True, slots=True)
class Arcade:
    """Everything of the arcade that does not change from day to day."""

    suppliers: tuple[Supplier, ...]
    places: tuple[Place, ...]
    products: tuple[Product, ...]
    slots: Slots


# Most of the stock stands where it is played for; the back holds the next fill.
_FRONT_COVER_DAYS = 28.0


def build_arcade(*, products: int, machines: int, seed: int) -> Arcade:
    """The arcade of this seed: `products` prizes, `machines` claw machines and 11 back places.

    At least one machine for each of the 7 stores is needed, and one product a category.
    """
    stores = dict.fromkeys(category.store for category in CATEGORIES)
    if machines < len(stores) or products < len(CATEGORIES):
        raise ValueError(
            f"an arcade needs {len(stores)} machines and {len(CATEGORIES)} products or more"
        )
    rng = np.random.default_rng([seed, 1])
    suppliers = tuple(Supplier(*row[:4]) for row in SUPPLIERS)
    places = _places(machines)
    wares = _products(products, suppliers, rng)
    slots = _slots(wares, places, rng)
    return Arcade(suppliers, _with_capacities(places, slots), wares, slots)


def units_a_day(product: Product) -> float:
    """Units asked for on a mean day."""
    return product.sales_a_day * _MEAN_UNITS_A_SALE


def _shares(total: int, weights: list[float]) -> list[int]:
    """`total` split by weight, at least one each, by largest remainder."""
    spare = total - len(weights)
    exact = [spare * weight / sum(weights) for weight in weights]
    shares = [1 + int(part) for part in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: int(exact[i]) - exact[i])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def _places(machines: int) -> tuple[Place, ...]:
    places = [
        Place(code, name, kind, kind in ("display", "shelf"), False, source)
        for code, name, kind, source in BACK_PLACES
    ]
    weights: dict[str, float] = {}
    for category in CATEGORIES:
        weights[category.store] = weights.get(category.store, 0.0) + category.weight
    counts = _shares(machines, list(weights.values()))
    stores = itertools.chain.from_iterable(
        itertools.repeat(store, count) for store, count in zip(weights, counts, strict=True)
    )
    width = max(2, len(str(machines)))
    for number, store in enumerate(stores, start=1):
        code = f"claw-{number:0{width}}"
        name = f"Claw machine {number}"
        places.append(Place(code, name, "claw_machine", True, number % 8 == 0, store))
    return tuple(places)


def _with_capacities(places: tuple[Place, ...], slots: Slots) -> tuple[Place, ...]:
    """A selling place holds what its pars add up to and a fifth more, in steps of 25."""
    pars = np.bincount(slots.place, weights=slots.par, minlength=len(places))
    return tuple(
        replace(place, capacity=max(25, 25 * math.ceil(1.2 * par / 25))) if place.selling else place
        for place, par in zip(places, pars, strict=True)
    )


def _products(
    count: int, suppliers: tuple[Supplier, ...], rng: np.random.Generator
) -> tuple[Product, ...]:
    """Popularity falls with rank as (rank + 14) ** -1.2: a fifth of the prizes is 3/4 of use."""
    ranks = rng.permutation(count) * (1200 / count)
    popularity = (ranks + 15.0) ** -1.2 * rng.lognormal(0.0, 0.2, count)
    sales_a_day = popularity / popularity.sum() * count * _SALES_A_PRODUCT_A_DAY
    wares: list[Product] = []
    for category, share in zip(
        CATEGORIES, _shares(count, [category.weight for category in CATEGORIES]), strict=True
    ):
        names = _names(category, share, rng)
        sources = [i for i, row in enumerate(SUPPLIERS) if category.name in row[4]]
        for number, name in enumerate(names, start=1):
            supplier = sources[int(rng.integers(len(sources)))]
            wares.append(
                _product(
                    f"{category.prefix}-{number:04}",
                    name,
                    category,
                    (supplier, suppliers[supplier].minimum_packs),
                    float(sales_a_day[len(wares)]),
                    rng,
                )
            )
    return tuple(wares)


def _names(category: Category, count: int, rng: np.random.Generator) -> list[str]:
    every = [" ".join(words) for words in itertools.product(*category.words)]
    return [every[i] for i in rng.choice(len(every), size=count, replace=False)]


def _product(
    sku: str,
    name: str,
    category: Category,
    supplier: tuple[int, int],
    sales_a_day: float,
    rng: np.random.Generator,
) -> Product:
    low, high = category.prices
    price = 10 * round(math.exp(rng.uniform(math.log(low), math.log(high))) / 10)
    cost = round(price * rng.uniform(0.35, 0.55))
    wanted = 16 * sales_a_day * _MEAN_UNITS_A_SALE
    pack = min(_PACKS, key=lambda size: abs(math.log(size / max(wanted, 1.0))))
    return Product(
        sku=sku,
        name=name,
        category=category.name,
        perishable=category.perishable,
        unit_cost=cost,
        unit_price=price,
        supplier=supplier[0],
        pack_size=pack,
        minimum_order_quantity=pack * supplier[1],
        sales_a_day=sales_a_day,
    )


def _slots(
    products: tuple[Product, ...], places: tuple[Place, ...], rng: np.random.Generator
) -> Slots:
    """Each product: sometimes a bulk place, its store, and one to three selling places."""
    index = {place.code: i for i, place in enumerate(places)}
    fronts = {
        store: [
            i for i, place in enumerate(places) if place.selling and place.refilled_from == store
        ]
        for store in {category.store for category in CATEGORIES}
    }
    store_of = {category.name: category.store for category in CATEGORIES}
    rows: list[tuple[int, int, int, int, int, float]] = []
    for number, product in enumerate(products):
        store = store_of[product.category]
        units = units_a_day(product)
        source = -1
        bulk = places[index[store]].refilled_from
        if bulk is not None and rng.random() < 0.3:
            rows.append((number, index[bulk], -1, 0, 0, 0.0))
            source = len(rows) - 1
        par = math.ceil(4 + 14 * units)
        rows.append((number, index[store], source, par, par // 3, 0.0))
        source = len(rows) - 1
        for place, share in _fronts_of(fronts[store], places, rng):
            par = math.ceil(3.2 + _FRONT_COVER_DAYS * units * share)
            # Topped up after about a day of use: a machine that looks empty is not played.
            trigger = par - math.ceil(1.3 + units * share)
            rows.append((number, place, source, par, trigger, product.sales_a_day * share))
    columns = list(zip(*rows, strict=True))
    place_of = np.array(columns[1], dtype=np.int64)
    return Slots(
        product=np.array(columns[0], dtype=np.int64),
        place=place_of,
        source=np.array(columns[2], dtype=np.int64),
        par=np.array(columns[3], dtype=np.int64),
        trigger=np.array(columns[4], dtype=np.int64),
        sales_a_day=np.array(columns[5], dtype=np.float64),
        selling=np.array([place.selling for place in places])[place_of],
        periodic=np.array([place.periodic for place in places])[place_of],
    )


def _fronts_of(
    fronts: list[int], places: tuple[Place, ...], rng: np.random.Generator
) -> list[tuple[int, float]]:
    """One to three selling places of a store, each with its share of the product's use."""
    weights = np.array([_room_at(places[front]) for front in fronts])
    count = min(len(fronts), int(rng.choice([1, 2, 3], p=[0.35, 0.4, 0.25])))
    chosen = rng.choice(fronts, size=count, replace=False, p=weights / weights.sum())
    shares = rng.dirichlet(np.full(count, 4.0))
    return [(int(front), float(share)) for front, share in zip(chosen, shares, strict=True)]


def _room_at(place: Place) -> float:
    if place.periodic:
        return 0.45
    return 1.0 if place.kind == "claw_machine" else 2.5
