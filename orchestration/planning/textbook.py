"""The textbook's policies in closed form or by exact algorithm, under the textbook's names.

They are yardsticks: a plan that is simulated can be held against them where their assumptions
hold (unserved demand waits, demand is stationary). Costs are a unit and unit of time for holding
and for what waits, K for an order. Sources: Snyder & Shen 2019, Fundamentals of Supply Chain Theory
(2nd ed.); Zheng & Federgruen 1991, Operations Research 39; Federgruen & Zheng 1992, Operations
Research 40.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STANDARD = NormalDist()
# What a Poisson demand exceeds with less than this chance is left out.
_NEGLIGIBLE = 1e-14


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderQuantity:
    """An order quantity in units, its cost a unit of time, and the share of time out of stock."""

    quantity: float
    cost: float
    stockout_share: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseStock:
    """A level to order up to each period, in units, and the expected cost of a period."""

    level: float
    cost: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReorderPolicy:
    """At or below the reorder point, order up to or by the second; expected cost of a period."""

    reorder_point: int
    order_up_to_level: int
    cost: float


def economic_order_quantity(
    *,
    order_cost: float,
    holding_cost: float,
    demand_rate: float,
    backorder_cost: float | None = None,
) -> OrderQuantity:
    """Q = sqrt(2 K d / h), cost sqrt(2 K d h); with planned backorders of cost p a unit and time

    Q = sqrt(2 K d (h + p) / (h p)), a share h / (h + p) of the time out of stock (Snyder & Shen,
    3.2 and 3.5). Raises ValueError for a cost or rate that is not above 0.
    """
    _positive(order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    if backorder_cost is None:
        quantity = math.sqrt(2 * order_cost * demand_rate / holding_cost)
        return OrderQuantity(quantity=quantity, cost=quantity * holding_cost)
    _positive(backorder_cost=backorder_cost)
    both = holding_cost + backorder_cost
    base = 2 * order_cost * demand_rate
    return OrderQuantity(
        quantity=math.sqrt(base * both / (holding_cost * backorder_cost)),
        cost=math.sqrt(base * holding_cost * backorder_cost / both),
        stockout_share=holding_cost / both,
    )


def economic_order_quantity_with_discounts(
    *,
    order_cost: float,
    holding_rate: float,
    demand_rate: float,
    breaks: Sequence[tuple[float, float]],
) -> OrderQuantity:
    """The cheapest quantity where the price of all units falls with the quantity.

    breaks are (least quantity, unit price), the first from 0; holding costs holding_rate x price.
    In each bracket the EOQ of its price, or the bracket's least quantity, is a candidate (Snyder &
    Shen, 3.4.1). The cost includes the purchase.
    """
    _positive(order_cost=order_cost, holding_rate=holding_rate, demand_rate=demand_rate)
    if not breaks or breaks[0][0] != 0:
        raise ValueError("the first price is that of a quantity from 0 on")
    ends = [least for least, _ in breaks[1:]] + [math.inf]
    found = []
    for (least, price), end in zip(breaks, ends, strict=True):
        holding = holding_rate * price
        quantity = max(math.sqrt(2 * order_cost * demand_rate / holding), least)
        if quantity < end:
            cost = (
                price * demand_rate + order_cost * demand_rate / quantity + holding * quantity / 2
            )
            found.append(OrderQuantity(quantity=quantity, cost=cost))
    return min(found, key=lambda order: order.cost)


def newsvendor_normal(
    *,
    holding_cost: float,
    shortage_cost: float,
    mean: float,
    standard_deviation: float,
    lead_time: float = 0,
) -> BaseStock:
    """S = mu + z sigma over lead time and one period, z at p / (p + h); cost (h + p) phi(z) sigma.

    The base-stock level of a normal demand (Snyder & Shen, 4.3.2 and 4.3.4).
    """
    _positive(
        holding_cost=holding_cost,
        shortage_cost=shortage_cost,
        standard_deviation=standard_deviation,
    )
    spread = standard_deviation * math.sqrt(lead_time + 1)
    z = _STANDARD.inv_cdf(shortage_cost / (shortage_cost + holding_cost))
    return BaseStock(
        level=mean * (lead_time + 1) + z * spread,
        cost=(holding_cost + shortage_cost) * _STANDARD.pdf(z) * spread,
    )


def newsvendor_poisson(
    *, holding_cost: float, shortage_cost: float, mean: float, lead_time: int = 0
) -> BaseStock:
    """The least S with P(D <= S) >= p / (p + h), D over lead time and one period being Poisson."""
    _positive(holding_cost=holding_cost, shortage_cost=shortage_cost, mean=mean)
    chances = poisson_chances(mean * (lead_time + 1))
    return newsvendor(
        holding_cost=holding_cost,
        shortage_cost=shortage_cost,
        chances=dict(enumerate(chances.tolist())),
    )


def newsvendor(
    *, holding_cost: float, shortage_cost: float, chances: Mapping[int, float]
) -> BaseStock:
    """The least S with P(D <= S) >= p / (p + h) of a demand given value by value.

    Raises ValueError where the chances do not sum to 1.
    """
    _positive(holding_cost=holding_cost, shortage_cost=shortage_cost)
    if not math.isclose(sum(chances.values()), 1.0, abs_tol=1e-9):
        raise ValueError("the chances of all values sum to 1")
    ratio = shortage_cost / (shortage_cost + holding_cost)
    so_far = 0.0
    level = max(chances)
    for value in sorted(chances):
        so_far += chances[value]
        if so_far >= ratio - 1e-12:
            level = value
            break
    cost = sum(
        chance * (holding_cost * max(level - value, 0) + shortage_cost * max(value - level, 0))
        for value, chance in chances.items()
    )
    return BaseStock(level=level, cost=cost)


def s_S_policy(  # noqa: N802 (the policy is called so)
    *,
    order_cost: float,
    holding_cost: float,
    shortage_cost: float,
    mean: float,
    lead_time: int = 0,
) -> ReorderPolicy:
    """The optimal (s, S) of a Poisson demand a period, by Zheng & Federgruen 1991.

    At or below s, order up to S. One-period costs are G(y), of lead time and one period of
    demand; the cost of (s, S) is (K + sum_j m(j) G(S - j)) / M(S - s), m being the renewal density
    of demand. s falls while G(s) costs less than the best so far, and S grows up to where G alone
    costs as much.
    """
    _positive(
        order_cost=order_cost, holding_cost=holding_cost, shortage_cost=shortage_cost, mean=mean
    )
    one_period = _expected_cost(holding_cost, shortage_cost, mean * (lead_time + 1))
    density = _renewal_density(poisson_chances(mean))

    def cost(s: int, up_to: int) -> float:
        steps = range(up_to - s)
        reached = sum(density(j) for j in steps)
        held = sum(density(j) * one_period(up_to - j) for j in steps)
        return (order_cost + held) / reached

    best_level = 0
    while one_period(best_level + 1) < one_period(best_level):
        best_level += 1
    up_to, s = best_level, best_level - 1
    while cost(s, up_to) > one_period(s):
        s -= 1
    least = cost(s, up_to)
    best, candidate = up_to, up_to + 1
    while one_period(candidate) <= least:
        if cost(s, candidate) < least:
            best = candidate
            while cost(s, best) <= one_period(s + 1):
                s += 1
            least = cost(s, best)
        candidate += 1
    return ReorderPolicy(reorder_point=s, order_up_to_level=best, cost=least)


def r_Q_policy(  # noqa: N802 (the policy is called so)
    *,
    order_cost: float,
    holding_cost: float,
    shortage_cost: float,
    demand_rate: float,
    lead_time: float,
) -> ReorderPolicy:
    """The optimal (r, Q) of a Poisson demand under continuous review, by Federgruen & Zheng 1992.

    At r, order Q; order_up_to_level is r + Q. Its cost is (K d + sum of G(y), y = r + 1 .. r + Q)
    / Q, and the Q positions of least G are the best, so Q grows by the cheaper neighbour while
    that costs less than the average.
    """
    _positive(
        order_cost=order_cost,
        holding_cost=holding_cost,
        shortage_cost=shortage_cost,
        demand_rate=demand_rate,
        lead_time=lead_time,
    )
    rate_cost = _expected_cost(holding_cost, shortage_cost, demand_rate * lead_time)
    low = 0
    while rate_cost(low + 1) < rate_cost(low):
        low += 1
    high = low
    total = order_cost * demand_rate + rate_cost(low)
    while True:
        below, above = rate_cost(low - 1), rate_cost(high + 1)
        if min(below, above) >= total / (high - low + 1):
            break
        total += min(below, above)
        low, high = (low - 1, high) if below <= above else (low, high + 1)
    return ReorderPolicy(
        reorder_point=low - 1, order_up_to_level=high, cost=total / (high - low + 1)
    )


def poisson_chances(mean: float) -> Array:
    """P(D = 0), P(D = 1), ... of a Poisson demand, as far as they are not negligible."""
    most = int(mean + 12 * math.sqrt(mean) + 30)
    counts = np.arange(1, most + 1)
    logs = np.concatenate(([-mean], -mean + np.cumsum(np.log(mean) - np.log(counts))))
    chances: Array = np.exp(logs)
    return chances[: int(np.flatnonzero(chances > _NEGLIGIBLE)[-1]) + 1]


def _expected_cost(
    holding_cost: float, shortage_cost: float, mean: float
) -> Callable[[int], float]:
    """G(y) = h E(y - D)+ + p E(D - y)+ for a Poisson D."""
    chances = poisson_chances(mean)
    values = np.arange(len(chances))
    known: dict[int, float] = {}

    def cost(level: int) -> float:
        if level not in known:
            left = holding_cost * np.maximum(level - values, 0)
            short = shortage_cost * np.maximum(values - level, 0)
            known[level] = float(((left + short) * chances).sum())
        return known[level]

    return cost


def _renewal_density(chances: Array) -> Callable[[int], float]:
    """m(0) = 1 / (1 - p(0)), m(j) = sum over l <= j of p(l) m(j - l), itself taken out."""
    known = [1 / (1 - float(chances[0]))]

    def density(steps: int) -> float:
        while len(known) <= steps:
            j = len(known)
            terms = (float(chances[x]) * known[j - x] for x in range(1, min(j + 1, len(chances))))
            known.append(sum(terms) / (1 - float(chances[0])))
        return known[steps]

    return density


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} is above 0, not {value}")
