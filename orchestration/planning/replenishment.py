"""What to buy, and why: pure arithmetic over a distribution of demand.

A site that does not order now orders again one review period later, and that order arrives a
lead time after. Until then the inventory position must serve what is asked for. So the reorder
point s is the service level's quantile of demand over lead time + review period (an (R, s, S)
policy; Silver, Pyke & Thomas 2017, 7.9). Quantiles are those of whole totals as they were
measured on the past, not a sum of daily ones: daily errors do not all fall on the same side.

The policy's S, one review period's expected demand above s, is where transfers fill up to. Each
purchase has an S of its own instead, from what is simulated (`needs.py`).
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Priority = Literal["critical", "high", "medium", "low"]
PRIORITIES: tuple[Priority, ...] = ("critical", "high", "medium", "low")
# A suggestion that people have seen changes only when it moves by a pack or by this share.
_WORTH_A_CHANGE = 0.10


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """When to order a product at a site, and up to what; quantities in base units.

    selling_minimum: on hand at selling places below this is critical when nothing is behind them.
    refill_minimum: the same while the site still holds stock to refill them from.
    demand_class: by value and steadiness of demand, such as AX.
    """

    lead_time_days: int
    review_period_days: int
    service_level: float
    mean_daily_demand: float
    lead_time_demand: float
    protection_demand: float
    reorder_point: int
    order_up_to_level: int
    selling_minimum: int
    refill_minimum: int
    pack_size: int
    minimum_order_quantity: int
    demand_class: str = ""

    @property
    def arithmetic(self) -> dict[str, Any]:
        """Every term, so that a reader can follow the numbers."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """What a site holds of a product, in base units.

    transfer_proposed: what the same plan suggests to bring here from another site.
    """

    on_hand_selling: int
    on_hand_behind: int
    reserved: int = 0
    on_order: int = 0
    in_transit: int = 0
    transfer_proposed: int = 0

    @property
    def on_hand(self) -> int:
        return self.on_hand_selling + self.on_hand_behind

    @property
    def inventory_position(self) -> int:
        """on hand + in transit + on order + proposed from other sites - reserved."""
        coming = self.in_transit + self.on_order + self.transfer_proposed
        return self.on_hand + coming - self.reserved


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """One purchase line: how much, how urgent, and why; days_until_stockout is None for never."""

    quantity: int
    priority: Priority
    inventory_position: int
    reorder_point: int
    order_up_to_level: int
    days_until_stockout: float | None
    reason: str
    arithmetic: dict[str, Any]


def policy(
    *,
    mean_demand: Callable[[int], float],
    demand_quantile: Callable[[int, float], float],
    lead_time_days: int,
    review_period_days: int,
    service_level: float,
    pack_size: int = 1,
    minimum_order_quantity: int = 1,
    demand_class: str = "",
) -> Policy:
    """The policy of one product at one site.

    mean_demand(days) is the expected demand of the next `days` days; demand_quantile(days, p) the
    p-quantile of their total, as measured on the past. Raises ValueError for a service level
    outside (0, 1) or days below 0 and 1.
    """
    if not 0 < service_level < 1:
        raise ValueError(f"a service level lies between 0 and 1, not at {service_level}")
    if lead_time_days < 0 or review_period_days < 1:
        raise ValueError("a lead time is 0 days or more, a review period 1 day or more")
    protection_days = lead_time_days + review_period_days
    cycle_demand = mean_demand(review_period_days)
    s = math.ceil(round(demand_quantile(protection_days, service_level), 6))
    lead_time_demand = mean_demand(lead_time_days)
    return Policy(
        lead_time_days=lead_time_days,
        review_period_days=review_period_days,
        service_level=service_level,
        mean_daily_demand=cycle_demand / review_period_days,
        lead_time_demand=lead_time_demand,
        protection_demand=mean_demand(protection_days),
        reorder_point=s,
        order_up_to_level=s + max(1, math.ceil(round(cycle_demand, 6))),
        selling_minimum=max(1, math.ceil(round(lead_time_demand, 6))),
        refill_minimum=max(1, math.ceil(round(mean_demand(1), 6))),
        pack_size=pack_size,
        minimum_order_quantity=minimum_order_quantity,
        demand_class=demand_class,
    )


def order_quantity(
    *,
    inventory_position: int,
    reorder_point: int,
    order_up_to_level: int,
    pack_size: int,
    minimum_order_quantity: int,
) -> int:
    """Units to order: 0 above s, else up to S in whole packs, at least the minimum order."""
    if inventory_position > reorder_point:
        return 0
    wanted = max(order_up_to_level - inventory_position, minimum_order_quantity)
    return math.ceil(wanted / pack_size) * pack_size


def days_until_stockout(
    *, on_hand: int, mean_demand: Callable[[int], float], horizon_days: int = 365
) -> float | None:
    """Days until the expected demand has used up what is on hand; None when not in the horizon."""
    if on_hand <= 0:
        return 0.0
    if mean_demand(horizon_days) < on_hand:
        return None
    enough, used_up = 0, horizon_days
    while used_up - enough > 1:
        middle = (enough + used_up) // 2
        if mean_demand(middle) < on_hand:
            enough = middle
        else:
            used_up = middle
    before = mean_demand(enough)
    return round(enough + (on_hand - before) / (mean_demand(used_up) - before), 1)


def priority(*, policy: Policy, stock: Stock, days_until_stockout: float | None) -> Priority:
    """How urgent an order is: will the shelf be empty before it arrives?"""
    days = math.inf if days_until_stockout is None else days_until_stockout
    shelf_is_short = stock.on_hand_selling < policy.selling_minimum and stock.on_hand_behind <= 0
    if shelf_is_short or days < policy.lead_time_days / 2:
        return "critical"
    if days < policy.lead_time_days:
        return "high"
    if days < policy.lead_time_days + policy.review_period_days:
        return "medium"
    return "low"


def suggest(
    *, policy: Policy, stock: Stock, mean_demand: Callable[[int], float]
) -> Suggestion | None:
    """The purchase line of one product at one site, or None where the position is above s."""
    position = stock.inventory_position
    quantity = order_quantity(
        inventory_position=position,
        reorder_point=policy.reorder_point,
        order_up_to_level=policy.order_up_to_level,
        pack_size=policy.pack_size,
        minimum_order_quantity=policy.minimum_order_quantity,
    )
    if quantity == 0:
        return None
    days = days_until_stockout(
        on_hand=stock.on_hand_selling + stock.on_hand_behind, mean_demand=mean_demand
    )
    return Suggestion(
        quantity=quantity,
        priority=priority(policy=policy, stock=stock, days_until_stockout=days),
        inventory_position=position,
        reorder_point=policy.reorder_point,
        order_up_to_level=policy.order_up_to_level,
        days_until_stockout=days,
        reason=_reason(policy, stock, quantity, days),
        arithmetic={
            **policy.arithmetic,
            **asdict(stock),
            "inventory_position": position,
            "wanted": policy.order_up_to_level - position,
            "quantity": quantity,
            "days_until_stockout": days,
        },
    )


def is_worth_a_change(*, shown: int, wanted: int, pack_size: int) -> bool:
    """Whether a quantity that people have seen should change: by a pack or by a tenth."""
    moved = abs(wanted - shown)
    return moved > 0 and (moved >= pack_size or moved >= _WORTH_A_CHANGE * shown)


def _reason(policy: Policy, stock: Stock, quantity: int, days: float | None) -> str:
    protection_days = policy.lead_time_days + policy.review_period_days
    on_hand = stock.on_hand_selling + stock.on_hand_behind
    if on_hand <= 0:
        held = "Nothing is on hand"
    elif days is None:
        held = f"{on_hand} on hand should last more than a year"
    else:
        held = f"{on_hand} on hand should last {days:g} days"
    wanted = policy.order_up_to_level - stock.inventory_position
    rounding = "" if quantity == wanted else _rounding(policy, wanted, quantity)
    return (
        f"{held}; the position of {stock.inventory_position} is at or below "
        f"the reorder point of {policy.reorder_point}, which serves {protection_days} days "
        f"({policy.lead_time_days} to deliver, {policy.review_period_days} to the next order; "
        f"{policy.protection_demand:.1f} expected) at a service level of "
        f"{policy.service_level:.0%}. "
        f"Up to {policy.order_up_to_level} takes {wanted}{rounding}."
    )


def _rounding(policy: Policy, wanted: int, quantity: int) -> str:
    if wanted < policy.minimum_order_quantity:
        return f", raised to {quantity} by the minimum order of {policy.minimum_order_quantity}"
    return f", rounded up to {quantity} by packs of {policy.pack_size}"


def _rounded(value: float) -> float:
    return round(value, 4) if isinstance(value, float) else value
