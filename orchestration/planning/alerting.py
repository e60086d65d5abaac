"""When an alert opens, when it ends, and what it says: arithmetic and words, no I/O.

Opening and ending are apart (hysteresis), so that a level that wavers about its threshold makes
one alert and not one an hour.
"""

import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

AlertKind = Literal["critical_low", "low"]
Severity = Literal["critical", "medium"]

SEVERITY_OF: dict[AlertKind, Severity] = {"critical_low": "critical", "low": "medium"}

_CRITICAL_ENDS_AT = 1.2
_LOW_ENDS_ABOVE = 0.1


@dataclass(frozen=True)
class Stock:
    """A product at a site now; whole base units.

    on_hand_selling: physically at the places that sell, or None where the site has no such place.
    on_hand_behind: physically at the site's other places, from which the selling ones are refilled.
    inventory_position: on hand at the whole site + on order - reserved.
    """

    on_hand_selling: int | None
    on_hand_behind: int
    inventory_position: int


@dataclass(frozen=True)
class Policy:
    """What must be there: the last stored policy of a product at a site, in base units.

    selling_minimum: expected demand over the lead time. refill_minimum: that of one day.
    """

    reorder_point: int
    order_up_to_level: int
    selling_minimum: int
    refill_minimum: int


@dataclass(frozen=True)
class Verdict:
    """What changes in the alerts of one product at one site."""

    opens: frozenset[AlertKind] = frozenset()
    ends: frozenset[AlertKind] = frozenset()


def critical_threshold(stock: Stock, policy: Policy) -> int:
    """On hand at selling places below this is critical.

    While the site still has stock to refill them from, a day's demand is enough to get there;
    with nothing behind them they must last until the next delivery.
    """
    return policy.refill_minimum if stock.on_hand_behind > 0 else policy.selling_minimum


def recovered_at(threshold: int) -> int:
    """On hand at selling places from which a critical alert ends: threshold x 1.2, rounded up.

    A threshold of one unit is met by one unit: to ask for two of a slow seller would keep its
    alert open for ever.
    """
    return threshold if threshold <= 1 else math.ceil(round(threshold * _CRITICAL_ENDS_AT, 9))


def is_critical(stock: Stock, policy: Policy) -> bool:
    """Whether the selling places hold less than the demand that they must serve alone."""
    if stock.on_hand_selling is None:
        return False
    return stock.on_hand_selling < critical_threshold(stock, policy)


def has_recovered(stock: Stock, policy: Policy) -> bool:
    """Whether the selling places are so far above the threshold that a critical alert ends."""
    if stock.on_hand_selling is None:
        return True
    return stock.on_hand_selling >= recovered_at(critical_threshold(stock, policy))


def is_low(stock: Stock, policy: Policy) -> bool:
    """Whether it is time to order: inventory position at or below the reorder point s."""
    return stock.inventory_position <= policy.reorder_point


def is_replenished(stock: Stock, policy: Policy) -> bool:
    """Whether the inventory position is above s by more than a tenth of it, and by a unit."""
    margin = max(1.0, _LOW_ENDS_ABOVE * policy.reorder_point)
    return stock.inventory_position > policy.reorder_point + margin


def verdict(
    stock: Stock, policy: Policy | None, *, live: Set[AlertKind], purchase_approved: bool = False
) -> Verdict:
    """What opens and what ends, given the alerts that are live (open, acknowledged or snoozed).

    One message a need: beside a critical alert no `low` is opened, and an approved purchase has
    answered `low` already. Without a policy there is nothing to measure by, so all ends.
    """
    if policy is None:
        return Verdict(ends=frozenset(live))
    opens: set[AlertKind] = set()
    ends: set[AlertKind] = set()
    if "critical_low" in live:
        if has_recovered(stock, policy):
            ends.add("critical_low")
    elif is_critical(stock, policy):
        opens.add("critical_low")
    stays_critical = "critical_low" in (live | opens) - ends
    if "low" in live:
        if purchase_approved or is_replenished(stock, policy):
            ends.add("low")
    elif is_low(stock, policy) and not purchase_approved and not stays_critical:
        opens.add("low")
    return Verdict(frozenset(opens), frozenset(ends))


@dataclass(frozen=True)
class Place:
    """One location of the site that has a level of the product."""

    code: str
    on_hand: int


@dataclass(frozen=True)
class Purchase:
    """The open suggestion of the restock plan, when there is one."""

    quantity: int
    supplier: str | None


def message(
    kind: AlertKind, stock: Stock, policy: Policy, *, product: str, sku: str, site: str
) -> str:
    """What is the matter, in one sentence."""
    subject = f"{product} ({sku})"
    if kind == "critical_low":
        wanted = critical_threshold(stock, policy)
        return (
            f"{subject} is critically low at {site}: {stock.on_hand_selling} on hand where it "
            f"sells, {wanted} needed."
        )
    return (
        f"{subject} is low at {site}: inventory position {stock.inventory_position}, "
        f"reorder point {policy.reorder_point}."
    )


def recommendation(
    kind: AlertKind,
    stock: Stock,
    policy: Policy,
    *,
    refill_from: Place | None,
    refill_into: Place | None,
    purchase: Purchase | None,
    supplier: str | None,
) -> str:
    """What to do about it: walk to a back place while one holds some, else order."""
    if kind == "critical_low" and refill_from is not None:
        quantity = refill_quantity(stock, policy, behind=refill_from.on_hand)
        into = "" if refill_into is None else f" into {refill_into.code}"
        return f"Refill {quantity} from {refill_from.code}{into} ({refill_from.on_hand} there)."
    if purchase is not None:
        seller = f" from {purchase.supplier}" if purchase.supplier else ""
        return f"Order {purchase.quantity}{seller}, as the restock plan suggests."
    short = max(policy.order_up_to_level - stock.inventory_position, 0)
    if kind == "low" or is_low(stock, policy):
        seller = f" from {supplier}" if supplier else ""
        return (
            f"Order{seller}: {short} short of the order-up-to level of "
            f"{policy.order_up_to_level}; the restock plan names the packs."
        )
    return "Count what is on hand and look for stock elsewhere: the book has nothing behind it."


def refill_quantity(stock: Stock, policy: Policy, *, behind: int) -> int:
    """Units to carry: up to the lead time's demand at the selling places, at most what is behind.

    Never so few that the alert would stay open although the place behind holds enough.
    """
    on_hand = stock.on_hand_selling or 0
    target = max(policy.selling_minimum, recovered_at(policy.refill_minimum))
    return max(min(target - on_hand, behind), 0)
