"""Prices that fall with the quantity of an order, for all of its units."""

import math
from collections.abc import Mapping


def unit_cost_at(quantity: int, *, unit_cost: int, price_breaks: Mapping[int, int]) -> int:
    """What one unit costs, in minor units, in an order of `quantity`.

    price_breaks: the unit cost from each quantity on.
    """
    reached = [least for least in price_breaks if least <= quantity]
    return price_breaks[max(reached)] if reached else unit_cost


def cheaper_quantity(
    quantity: int,
    *,
    pack_size: int,
    unit_cost: int,
    price_breaks: Mapping[int, int],
    most: float = math.inf,
) -> int | None:
    """The larger quantity, in whole packs and at most `most`, that costs least and costs less in
    total than `quantity`; None where there is none.

    Between two breaks more always costs more, so only the least quantities of prices are candidates
    (the brackets of `textbook.economic_order_quantity_with_discounts`, without costs of holding).
    """

    def cost(units: int) -> int:
        return units * unit_cost_at(units, unit_cost=unit_cost, price_breaks=price_breaks)

    from_breaks = (math.ceil(least / pack_size) * pack_size for least in price_breaks)
    larger = [units for units in from_breaks if quantity < units <= most]
    best = min(larger, key=lambda units: (cost(units), -units), default=None)
    return best if best is not None and cost(best) < cost(quantity) else None
