"""The last weeks of a site, replayed day by day with several policies, and what each came to.

Each policy begins with the stock that stood there, orders for every product on the same day once
a review period, and knows of each day only what was known by then. The first days are not counted,
since what was on its way when they began is not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from orchestration.planning.backtest import (
    Decide,
    Measures,
    Replay,
    Window,
    fixed_min_max,
    measure,
    perfect,
    replay,
    service_level,
    simulated,
)
from orchestration.planning.choosing import choose
from orchestration.planning.rolling import Array, History

WEEK_DAYS: Final = 7
POLICIES: Final = ("simulation", "service_level", "fixed_min_max", "perfect_foresight")
# What a policy learns from before the first replayed day, at least.
LEAST_HISTORY_DAYS: Final = 14
# A shorter time says more about one delivery than about a policy.
_LEAST_WEEKS: Final = 2
_MOST_WARM_UP_DAYS: Final = 56
_YEAR_DAYS: Final = 365.0


@dataclass(frozen=True, kw_only=True)
class Bought:
    """How N products are bought today: days, service levels in (0, 1), and unit costs.

    unit_cost is NaN where it is not known; currency is '' there, and the code of the currency
    elsewhere.
    """

    lead_time_days: Sequence[int]
    review_period_days: int
    service_level: Array
    unit_cost: Array
    currency: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which columns of a history are replayed: the warm-up, and the weeks that count after it."""

    first: int
    warm_up_days: int
    weeks: int

    @property
    def days(self) -> int:
        return self.warm_up_days + self.weeks * WEEK_DAYS


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one policy came to for the products of one currency; '' has no money in it.

    by_week: cost of each week, units lost in it where the currency is ''.
    """

    currency: str
    policy: str
    products: int
    demand: float
    lost: float
    measures: Measures
    by_week: Array


def span_of(history_days: int, bought: Bought, *, weeks: int) -> Span | None:
    """The last `weeks` of a history, fewer where it is short; None where too few are left."""
    warm_up = min(max(bought.lead_time_days) + bought.review_period_days, _MOST_WARM_UP_DAYS)
    weeks = min(weeks, (history_days - warm_up - LEAST_HISTORY_DAYS) // WEEK_DAYS)
    if weeks < _LEAST_WEEKS:
        return None
    return Span(first=history_days - weeks * WEEK_DAYS - warm_up, warm_up_days=warm_up, weeks=weeks)


def replay_site(
    history: History,
    bought: Bought,
    on_hand: Array,
    span: Span,
    *,
    holding_share_a_year: float,
    shortage_share: float,
) -> list[Outcome]:
    """What each policy came to, by currency; on_hand: N, as the first replayed day began.

    Holding a unit for a day costs its share of the unit cost over 365, a unit asked for in vain its
    share at once. Where no cost is known the policies order as if all units cost the same.
    """
    planned_at = np.where(np.isnan(bought.unit_cost), 1.0, bought.unit_cost)
    lead_times = np.array(bought.lead_time_days)
    happened: dict[str, list[Replay]] = {policy: [] for policy in POLICIES}
    order = []
    for lead_time in np.unique(lead_times):
        rows = np.flatnonzero(lead_times == lead_time)
        order.append(rows)
        window = Window(
            history=replace(history, demand=history.demand[rows], exposure=history.exposure[rows]),
            first=span.first,
            periods=span.days,
            lead_time=int(lead_time),
            review=bought.review_period_days,
            holding_cost=planned_at[rows] * holding_share_a_year / _YEAR_DAYS,
            shortage_cost=planned_at[rows] * shortage_share,
            on_hand=on_hand[rows],
            arrivals=np.zeros((len(rows), 0)),
        )
        for policy, decide in _policies(window, bought.service_level[rows]).items():
            happened[policy].append(replay(window, decide))
    rows = np.concatenate(order)
    whole = {policy: _joined(parts) for policy, parts in happened.items()}
    currencies = np.array(bought.currency)[rows]
    return [
        _outcome(policy, currency, whole[policy], currencies, bought.unit_cost[rows], span)
        for currency in sorted(set(bought.currency))
        for policy in POLICIES
    ]


def _policies(window: Window, level: Array) -> Mapping[str, Decide]:
    model = choose(window).model
    return {
        "simulation": simulated(window, model),
        "service_level": service_level(window, model, level=level),
        "fixed_min_max": fixed_min_max(window),
        "perfect_foresight": perfect(window),
    }


def _joined(parts: Sequence[Replay]) -> Replay:
    """The replays of groups of series as one of all of them."""
    return Replay(
        order_at=parts[0].order_at,
        orders=np.concatenate([part.orders for part in parts]),
        on_hand=np.concatenate([part.on_hand for part in parts]),
        sold=np.concatenate([part.sold for part in parts]),
        lost=np.concatenate([part.lost for part in parts]),
        holding_cost=np.concatenate([part.holding_cost for part in parts]),
        shortage_cost=np.concatenate([part.shortage_cost for part in parts]),
    )


def _outcome(
    policy: str,
    currency: str,
    whole: Replay,
    currencies: np.ndarray,
    unit_cost: Array,
    span: Span,
) -> Outcome:
    rows = np.flatnonzero(currencies == currency)
    own = replace(
        whole,
        orders=whole.orders[rows],
        on_hand=whole.on_hand[rows],
        sold=whole.sold[rows],
        lost=whole.lost[rows],
        holding_cost=whole.holding_cost[rows],
        shortage_cost=whole.shortage_cost[rows],
    )
    lost, sold = own.lost[:, span.warm_up_days :], own.sold[:, span.warm_up_days :]
    by_day = own.costs[span.warm_up_days :] if currency else lost.sum(axis=0)
    return Outcome(
        currency=currency,
        policy=policy,
        products=len(rows),
        demand=float(sold.sum() + lost.sum()),
        lost=float(lost.sum()),
        measures=measure(own, warm_up=span.warm_up_days, unit_cost=unit_cost[rows]),
        by_week=by_day.reshape(span.weeks, WEEK_DAYS).sum(axis=1),
    )
