"""What the plan is made from: products at sites, their places, and what the user chose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.planning.expected import Array, expected_demand
from orchestration.planning.outlook import Outlook
from orchestration.planning.price_breaks import unit_cost_at
from orchestration.planning.replenishment import Policy, Stock, days_until_stockout


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What the user chose for lines that are no purchase; costs in minor units."""

    transfer_lead_time_days: int = 2
    transfer_cost_minor: int = 0
    refill_round_days: float = 1.0
    refill_cover_days: float = 7.0
    overstock_weeks: int = 12
    dead_stock_days: int = 90
    slow_seller_weeks: int = 26
    order_budget_minor: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductSite:
    """One planned product at one site; mean (H,) is the expected demand of each coming day.

    on_hand_here: units at the site and not on their way to it. overstock_demand: the upper
    quantile of demand over the weeks after which stock is too much. shelf_life_days: as its lots
    showed, None where none has a date. price_breaks: the unit cost from each quantity on.
    lead_times_taken: days that the supplier's deliveries took, ascending, each as likely; none
    where too few are known, and the policy's lead time stands.
    """

    product_id: int
    site_id: int
    site: str
    is_simulated: bool
    supplier_id: int | None
    policy: Policy
    stock: Stock
    mean: Array
    on_hand_here: int
    overstock_demand: int
    outlook: Outlook
    lead_times_taken: tuple[int, ...] = ()
    shelf_life_days: int | None = None
    unit_cost_minor: int | None = None
    currency: str | None = None
    price_breaks: Mapping[int, int] = field(default_factory=dict)

    def cost_minor(self, quantity: int) -> int | None:
        """What the units cost from the supplier, in minor units; None where nobody said."""
        if self.unit_cost_minor is None:
            return None
        return quantity * unit_cost_at(
            quantity, unit_cost=self.unit_cost_minor, price_breaks=self.price_breaks
        )

    @property
    def days_until_stockout(self) -> float | None:
        return days_until_stockout(
            on_hand=self.stock.on_hand, mean_demand=expected_demand(self.mean)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceStock:
    """One product at one place; capacity is what the place takes of all products together.

    days_held: since the first event there; days_since_receipt and days_since_use are None where
    there was none.
    """

    product_id: int
    site_id: int
    location_id: int
    code: str
    is_selling: bool
    is_in_transit: bool = False
    refilled_from_location_id: int | None = None
    capacity: int | None = None
    on_hand: int = 0
    reserved: int = 0
    used_28_days: int = 0
    used_28_days_before: int = 0
    used_91_days: int = 0
    days_held: int = 0
    days_since_receipt: int | None = None
    days_since_use: int | None = None
    par: int | None = None
    minimum: int = 0


def space_left(at_places: Iterable[Sequence[PlaceStock]]) -> dict[int, int]:
    """Units that each place with a capacity still takes."""
    left: dict[int, int] = {}
    for places in at_places:
        for place in places:
            if place.capacity is not None:
                before = left.get(place.location_id, place.capacity)
                left[place.location_id] = before - place.on_hand
    return {location_id: max(0, units) for location_id, units in left.items()}


def cost_to_buy(site: ProductSite, quantity: int) -> str | None:
    """What the units cost from the supplier, in words; None where nobody said."""
    cost = site.cost_minor(quantity)
    return None if cost is None or site.currency is None else amount(cost, site.currency)


def amount(minor: int, currency: str) -> str:
    """Minor units in words, by the digits that ISO 4217 gives the currency."""
    digits = _MINOR_DIGITS.get(currency, 2)
    return f"{currency} {minor / 10**digits:,.{digits}f}"


_MINOR_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "TND": 3}
