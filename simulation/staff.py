"""What the simulated staff orders: a simple (s, S) rule over what the book says, and lead times."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulation.arcade import Arcade, Flags, Ints, units_a_day

_SAFETY_DEVIATIONS = 2.3
_DRESSING = 0.1
_GUESS_DEVIATION = 0.3
_ORDER_COVER_DAYS = 16.0
_LATE_DELIVERIES = 0.12
_LATE_BY_DAYS = (6.0, 24.0)
# A strike in the harbor holds up what is ordered from far away.
_BY_SEA_DAYS = 14
_STRIKE_DELAY_DAYS = 32.0
_WEEKDAYS_OF_ORDERS = (1, 4)


class Order(NamedTuple):
    """What is on its way: the product's number and the units of it."""

    product: int
    quantity: int


@dataclass(frozen=True)
class Staff:
    """They order by a guess of each product's use, which they hold on to all year."""

    arcade: Arcade
    reorder_point: Ints
    order_up_to_level: Ints
    on_order: Ints

    def orders(self, stock: Ints, *, on_sale: Flags, weekday: int) -> Iterator[Order]:
        """Each supplier has two mornings a week: up to S what is at or below s, in whole packs."""
        position = stock + self.on_order
        for number in np.flatnonzero(on_sale & (position <= self.reorder_point)):
            product = self.arcade.products[number]
            if (weekday + product.supplier) % 7 not in _WEEKDAYS_OF_ORDERS:
                continue
            missing = int(self.order_up_to_level[number] - position[number])
            packs = -(-missing // product.pack_size)
            quantity = max(packs * product.pack_size, product.minimum_order_quantity)
            self.on_order[number] += quantity
            yield Order(int(number), quantity)

    def draw_lead_time(self, order: Order, *, strike: bool, rng: np.random.Generator) -> int:
        """Days to the delivery: the supplier's lead time +- 22 %, and now and then far more."""
        supplier = self.arcade.suppliers[self.arcade.products[order.product].supplier]
        days = supplier.lead_time_days * rng.gamma(20.0, 0.05)
        if rng.random() < _LATE_DELIVERIES:
            days += rng.uniform(*_LATE_BY_DAYS)
        if strike and supplier.lead_time_days >= _BY_SEA_DAYS:
            days += _STRIKE_DELAY_DAYS
        return max(1, round(days))


def hire_staff(arcade: Arcade, rng: np.random.Generator) -> Staff:
    """Their s and S for each product.

    s = guessed use over 1.8 lead times and 5 days + z * its sd + a part of what
    dresses the fronts; S = s + some days of use, at least the minimum order.
    """
    use = np.array([units_a_day(product) for product in arcade.products])
    use = 0.9 * use * rng.lognormal(0.0, _GUESS_DEVIATION, len(use))
    suppliers = [arcade.suppliers[product.supplier] for product in arcade.products]
    mean = use * (1.8 * np.array([supplier.lead_time_days for supplier in suppliers]) + 5.0)
    slots = arcade.slots
    dressing = np.bincount(slots.product, weights=slots.par * slots.selling, minlength=len(use))
    safety = _SAFETY_DEVIATIONS * np.sqrt(1.7 * mean) + _DRESSING * dressing
    reorder_point = np.ceil(mean + safety).astype(np.int64)
    least = np.array([product.minimum_order_quantity for product in arcade.products])
    more = np.maximum(least, np.ceil(use * _ORDER_COVER_DAYS)).astype(np.int64)
    return Staff(arcade, reorder_point, reorder_point + more, np.zeros(len(use), dtype=np.int64))
