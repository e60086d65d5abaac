"""What simulated customers and staff do next on a floor whose stock is known; pure and seeded.

Live events come many times faster than those of the history did. So that the plan of hundreds of
products does not run away, nearly all of them go to a few favourites, which staff keeps full; the
others keep about their usual pace. What a person works on, the simulated people leave alone.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

Kind = Literal["received", "sold", "returned", "counted", "adjusted", "transferred"]
Key: TypeAlias = tuple[str, str]

_FAVOURITES = 24
_SHARE_OF_FAVOURITES = 0.95
# How often customers do not mind that a product runs low, so that an alert comes now and then.
_CARELESS = 0.01
_MARGIN = 1.3


class Deed(NamedTuple):
    """One event to record. quantity: for an adjustment, the signed change."""

    kind: Kind
    sku: str
    location: str
    quantity: int
    to_location: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """A product at a place, with what it held when the floor opened and how often it was sold."""

    sku: str
    location: str
    on_hand: int
    sales: int
    selling: bool
    periodic: bool
    refilled_from: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What the plan wants of a product: see planning.policies."""

    reorder_point: int = 0
    selling_minimum: int = 1
    refill_minimum: int = 1
    pack_size: int = 1


class Floor:
    """The floor's stock as last heard of, and who does what next."""

    def __init__(self, spots: Sequence[Spot], targets: dict[str, Target], *, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 4])
        self._targets = targets
        self._spots = {(spot.sku, spot.location): spot for spot in spots}
        self._on_hand: dict[Key, int] = {key: spot.on_hand for key, spot in self._spots.items()}
        self._of_product: dict[str, list[Spot]] = {}
        for spot in spots:
            self._of_product.setdefault(spot.sku, []).append(spot)
        self._left_alone: set[str] = set()
        self._stirred: dict[str, None] = {}
        self._sales: deque[Deed] = deque(maxlen=200)
        tills = [spot for spot in spots if spot.selling and not spot.periodic and spot.sales > 0]
        self._tills = sorted(tills, key=lambda spot: -spot.sales)
        weights = np.array([spot.sales for spot in self._tills], dtype=np.float64)
        self._weights = weights / weights.sum() if len(weights) else weights
        self._favourites = self._choose_favourites()

    def aim(self, targets: dict[str, Target]) -> None:
        """The plan has changed, and with it who can bear to be a favourite."""
        self._targets = targets
        self._favourites = self._choose_favourites()

    def hear(self, sku: str, levels: Iterable[tuple[str, int]]) -> bool:
        """Compare with what the ledger holds; False when somebody else worked on the product."""
        heard = {(sku, location): on_hand for location, on_hand in levels}
        known = {key: held for key, held in self._on_hand.items() if key[0] == sku}
        self._on_hand.update({key: held for key, held in heard.items() if key in known})
        if all(heard.get(key) == held for key, held in known.items()):
            return True
        self._left_alone.add(sku)
        return False

    def settle(self, deed: Deed, levels: Iterable[tuple[str, int]]) -> None:
        """A deed was recorded and led to these levels."""
        for location, on_hand in levels:
            self._on_hand[deed.sku, location] = on_hand
        self._stirred.pop(deed.sku, None)
        self._stirred[deed.sku] = None
        if deed.kind == "sold":
            self._sales.append(deed)

    def next_deed(self) -> Deed | None:
        """60 % sales, 25 % receipts and moves, 10 % returns, 5 % counts and adjustments."""
        lot = self._rng.random()
        if lot < 0.60:
            return self._sell() or self._restock()
        if lot < 0.85:
            return self._restock() or self._sell()
        if lot < 0.95:
            return self._return() or self._sell()
        return self._check() or self._sell()

    # What each does.

    def _sell(self) -> Deed | None:
        for _ in range(30):
            spot = self._customer_goes_to()
            if spot is None or spot.sku in self._left_alone:
                continue
            quantity = int(self._rng.choice([1, 2, 3], p=[0.78, 0.17, 0.05]))
            careless = self._rng.random() < _CARELESS
            if self._on_hand[spot.sku, spot.location] >= quantity and (
                careless or self._bears(spot.sku, quantity)
            ):
                return Deed("sold", spot.sku, spot.location, quantity)
        return None

    def _customer_goes_to(self) -> Spot | None:
        if self._favourites and self._rng.random() < _SHARE_OF_FAVOURITES:
            return self._favourites[int(self._rng.integers(len(self._favourites)))]
        if not self._tills:
            return None
        return self._tills[int(self._rng.choice(len(self._tills), p=self._weights))]

    def _restock(self) -> Deed | None:
        """Staff looks after what the simulated customers stirred: first deliveries, then fronts."""
        stirred = [sku for sku in self._stirred if sku not in self._left_alone]
        for sku in stirred:
            if self._whole(sku) <= self._order_at(sku):
                return self._receive(sku)
        for sku in stirred:
            for spot in self._of_product[sku]:
                deed = self._refill(spot)
                if deed is not None:
                    return deed
        return self._top_up()

    def _receive(self, sku: str) -> Deed | None:
        behind = [spot for spot in self._of_product[sku] if not spot.selling]
        if not behind:
            return None
        present = {spot.location for spot in behind}
        root = next((spot for spot in behind if spot.refilled_from not in present), behind[0])
        pack = self._target(sku).pack_size
        missing = 2 * self._order_at(sku) + 2 * pack - self._whole(sku)
        return Deed("received", sku, root.location, max(1, math.ceil(missing / pack)) * pack)

    def _refill(self, spot: Spot) -> Deed | None:
        par = self._par(spot)
        held = self._on_hand[spot.sku, spot.location]
        if spot.refilled_from is None or held > 0.6 * par:
            return None
        behind = self._on_hand.get((spot.sku, spot.refilled_from), 0)
        quantity = min(par - held, behind)
        if quantity <= 0:
            return None
        return Deed("transferred", spot.sku, spot.refilled_from, quantity, spot.location)

    def _top_up(self) -> Deed | None:
        """Nothing is wanted: a favourite is filled up, or gets a pack more behind it."""
        if not self._favourites:
            return None
        spot = self._favourites[int(self._rng.integers(len(self._favourites)))]
        if spot.sku in self._left_alone or spot.refilled_from is None:
            return None
        behind = self._on_hand.get((spot.sku, spot.refilled_from), 0)
        missing = self._par(spot) - self._on_hand[spot.sku, spot.location]
        if min(behind, missing) > 0:
            return Deed(
                "transferred", spot.sku, spot.refilled_from, min(behind, missing), spot.location
            )
        return None if behind > 4 * self._par(spot) else self._receive(spot.sku)

    def _return(self) -> Deed | None:
        if not self._sales:
            return None
        sale = self._sales[int(self._rng.integers(len(self._sales)))]
        if sale.sku in self._left_alone:
            return None
        self._sales.remove(sale)
        quantity = 1 + int(self._rng.integers(sale.quantity))
        return Deed("returned", sale.sku, sale.location, quantity)

    def _check(self) -> Deed | None:
        """Counts, most of machines without a till, and now and then something broken or found."""
        lot = self._rng.random()
        periodic = [spot for spot in self._spots.values() if spot.periodic]
        among = periodic if periodic and lot < 0.5 else self._favourites
        if not among:
            return None
        spot = among[int(self._rng.integers(len(among)))]
        held = self._on_hand[spot.sku, spot.location]
        if spot.sku in self._left_alone:
            return None
        if spot.periodic:
            used = min(held, int(self._rng.poisson(0.7)))
            used = used if self._bears(spot.sku, used) else 0
            return Deed("counted", spot.sku, spot.location, held - used)
        if lot < 0.85:
            return Deed("counted", spot.sku, spot.location, held)
        if lot < 0.95 and held > 0 and self._bears(spot.sku, 1):
            return Deed("adjusted", spot.sku, spot.location, -1, reason="damaged")
        return Deed("adjusted", spot.sku, spot.location, 1, reason="found")

    # What they go by.

    def _target(self, sku: str) -> Target:
        return self._targets.get(sku, Target())

    def _whole(self, sku: str) -> int:
        return sum(self._on_hand[sku, spot.location] for spot in self._of_product[sku])

    def _fronts(self, sku: str) -> int:
        return sum(
            self._on_hand[sku, spot.location] for spot in self._of_product[sku] if spot.selling
        )

    def _order_at(self, sku: str) -> int:
        """Staff orders before the plan would: at 1.3 times its reorder point."""
        target = self._target(sku)
        return math.ceil(_MARGIN * max(target.reorder_point, target.selling_minimum)) + 2

    def _bears(self, sku: str, quantity: int) -> bool:
        """Whether so many may go without the product coming near an alert."""
        target = self._target(sku)
        fronts, whole = self._fronts(sku) - quantity, self._whole(sku) - quantity
        behind = whole > fronts
        minimum = target.refill_minimum if behind else target.selling_minimum
        return fronts > _MARGIN * minimum and whole > 1.1 * target.reorder_point

    def _par(self, spot: Spot) -> int:
        """What a front is filled up to: twice what it opened with, or its part of three days."""
        if not spot.selling:
            return 2 * max(4, spot.on_hand)
        fronts = sum(other.selling for other in self._of_product[spot.sku])
        share = math.ceil(3 * self._target(spot.sku).refill_minimum / fronts)
        return max(6, min(2 * spot.on_hand, 60), share)

    def _choose_favourites(self) -> list[Spot]:
        """The busiest fronts that are well stocked, one a product."""
        chosen: dict[str, Spot] = {}
        for spot in self._tills:
            behind = self._on_hand.get((spot.sku, spot.refilled_from or ""), 0)
            if behind > 0 and spot.sku not in chosen and self._bears(spot.sku, 3):
                chosen[spot.sku] = spot
            if len(chosen) == _FAVOURITES:
                break
        return list(chosen.values())
