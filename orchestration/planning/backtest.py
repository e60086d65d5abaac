"""Replays a window of the past with a policy that knows of it only what was known then.

An order is placed before the first period and, every review period, at a period's end; placed at
the end of period t it sells from period t + lead time + 1. What is not served is lost. Holding is
charged on what is left at a period's end, shortage on what was lost in it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.rolling import Array, History, Model, RollingDemand
from orchestration.planning.simulation import DemandPaths, quantity_for_cost, shortfalls

Whole = NDArray[np.int64]
# Given the last column that is known, what is on hand (N) and arriving (N x lead time + 1).
Decide = Callable[[int, Array, Array], Array]

PATHS = 200
# So many series at a time, to bound the memory that their paths take.
_CHUNK = 2_000


@dataclass(frozen=True, kw_only=True)
class Window:
    """What is replayed: periods first .. first + periods - 1 of a history, and where they begin.

    on_hand: N, before the first period. arrivals: N x K, what arrives in its first K periods.
    holding_cost a unit and period, shortage_cost a unit: N each, NaN where they are not known, and
    then nothing is charged.
    """

    history: History
    first: int
    periods: int
    lead_time: int
    review: int
    holding_cost: Array
    shortage_cost: Array
    on_hand: Array
    arrivals: Array


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What happened, N series x P periods; orders N x D, placed at the end of column order_at."""

    order_at: list[int]
    orders: Array
    on_hand: Array
    sold: Array
    lost: Array
    holding_cost: Array
    shortage_cost: Array

    @property
    def costs(self) -> Array:
        """Cost of each period, P."""
        held: Array = np.nansum(self.on_hand * self.holding_cost[:, None], axis=0)
        short: Array = np.nansum(self.lost * self.shortage_cost[:, None], axis=0)
        return held + short


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What a policy came to over the counted periods.

    fill_rate: share of demand served. average_stock: units on hand at a period's end.
    stockout_periods: periods of all series in which something was lost. capital: average stock at
    unit costs, NaN where they are not known.
    """

    cost: float
    holding: float
    shortage: float
    fill_rate: float
    average_stock: float
    stockout_periods: int
    capital: float


def measure(happened: Replay, *, warm_up: int = 0, unit_cost: Array | None = None) -> Measures:
    """The measures of a replay without its first `warm_up` periods."""
    on_hand, lost = happened.on_hand[:, warm_up:], happened.lost[:, warm_up:]
    sold = float(happened.sold[:, warm_up:].sum())
    asked = sold + float(lost.sum())
    holding = float(np.nansum(on_hand.sum(axis=1) * happened.holding_cost))
    shortage = float(np.nansum(lost.sum(axis=1) * happened.shortage_cost))
    held = on_hand.mean(axis=1)
    return Measures(
        cost=holding + shortage,
        holding=holding,
        shortage=shortage,
        fill_rate=sold / asked if asked > 0 else 1.0,
        average_stock=float(held.sum()),
        stockout_periods=int((lost > 0).sum()),
        capital=float("nan") if unit_cost is None else float(np.nansum(held * unit_cost)),
    )


def replay(window: Window, decide: Decide) -> Replay:
    """Play the window through; `decide` is asked before it and every review period."""
    demand = np.nan_to_num(window.history.demand[:, window.first : window.first + window.periods])
    series, lead = len(demand), window.lead_time
    arriving = np.zeros((series, max(lead + 1, window.arrivals.shape[1])))
    arriving[:, : window.arrivals.shape[1]] = window.arrivals
    stock = window.on_hand.astype(float).copy()
    on_hand, sold = np.zeros_like(demand), np.zeros_like(demand)
    order_at, orders = [], []
    for period in range(-1, window.periods):
        if period >= 0:
            stock += arriving[:, 0]
            arriving = np.concatenate([arriving[:, 1:], np.zeros((series, 1))], axis=1)
            sold[:, period] = np.minimum(stock, demand[:, period])
            stock -= sold[:, period]
            on_hand[:, period] = stock
        if (period + 1) % window.review == 0:
            placed = decide(window.first + period, stock.copy(), arriving.copy())
            arriving[:, lead] += placed
            order_at.append(window.first + period)
            orders.append(placed)
    return Replay(
        order_at=order_at,
        orders=np.stack(orders, axis=1),
        on_hand=on_hand,
        sold=sold,
        lost=demand - sold,
        holding_cost=window.holding_cost,
        shortage_cost=window.shortage_cost,
    )


def simulated(window: Window, model: Model) -> Decide:
    """The policy by simulation: least holding and shortage cost until the order after next."""
    horizon = window.lead_time + window.review
    demand = RollingDemand(window.history, model, horizon=horizon)
    paths = DemandPaths(paths=PATHS, periods=horizon)
    holding, shortage = _costs_to_plan_by(window)

    def decide(period: int, on_hand: Array, arriving: Array) -> Array:
        mean, dispersion = demand.ahead(period, horizon)
        coming = np.zeros((len(mean), max(horizon, arriving.shape[1])))
        coming[:, : arriving.shape[1]] = arriving
        quantity = np.zeros(len(mean))
        for begin in range(0, len(mean), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            _, missing = shortfalls(
                paths.draw(mean[part], dispersion[part]),
                on_hand=on_hand[part],
                arrivals=coming[part],
                lead_time=window.lead_time,
                review=window.review,
            )
            quantity[part] = quantity_for_cost(
                missing, holding_cost=holding[part], shortage_cost=shortage[part]
            )
        return quantity

    return decide


def perfect(window: Window) -> Decide:
    """Knows the future: buys what the next order comes too late for, and nothing to spare."""
    demand = np.nan_to_num(window.history.demand)
    demand = demand[:, : window.first + window.periods]

    def decide(period: int, on_hand: Array, arriving: Array) -> Array:
        span = window.lead_time + window.review
        ahead = demand[:, period + 1 : period + 1 + span]
        ahead = np.pad(ahead, ((0, 0), (0, span - ahead.shape[1])))
        coming = np.pad(arriving, ((0, 0), (0, max(span - arriving.shape[1], 0))))
        _, missing = shortfalls(
            ahead[:, None, :].astype(np.float32),
            on_hand=on_hand,
            arrivals=coming,
            lead_time=window.lead_time,
            review=window.review,
        )
        return np.maximum(np.ceil(missing[:, 0, -1].astype(float) - 1e-4), 0.0)

    return decide


def service_level(window: Window, model: Model, *, level: float | Array = 0.95) -> Decide:
    """The plan's (s, S) by formula: s the quantile of the summed demand, S one review's mean above.

    level: of all series, or N of them. Unserved demand is not thought of as lost, so it buys more
    than it needs.
    """
    levels = np.broadcast_to(np.asarray(level, dtype=float), window.on_hand.shape)
    horizon = window.lead_time + window.review
    demand = RollingDemand(window.history, model, horizon=horizon)
    paths = DemandPaths(paths=PATHS, periods=horizon)

    def decide(period: int, on_hand: Array, arriving: Array) -> Array:
        mean, dispersion = demand.ahead(period, horizon)
        s = np.zeros(len(mean))
        for begin in range(0, len(mean), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            totals = paths.draw(mean[part], dispersion[part]).sum(axis=2)
            for each in np.unique(levels[part]):
                rows = np.flatnonzero(levels[part] == each)
                s[begin + rows] = np.ceil(np.quantile(totals[rows], each, axis=1))
        up_to = s + np.maximum(np.ceil(mean[:, -window.review :].sum(axis=1)), 1)
        return _up_to(s, up_to, on_hand, arriving)

    return decide


def fixed_min_max(window: Window) -> Decide:
    """A minimum and a maximum set once from what was asked for before the window.

    The minimum is the average demand of lead time and review period, the maximum one more lead
    time and review period above it.
    """
    past = window.history.demand[:, : window.first]
    seen = np.maximum((~np.isnan(past)).sum(axis=1), 1)
    least = np.ceil(np.nansum(past, axis=1) / seen * (window.lead_time + window.review))

    def decide(period: int, on_hand: Array, arriving: Array) -> Array:
        return _up_to(least, 2 * least, on_hand, arriving)

    return decide


def average_times_lead_time(window: Window) -> Decide:
    """At the recent average times the lead time (at least one period), up to a review more."""
    recent = {"day": 28, "week": 8, "month": 3}[window.history.period]
    lead = max(window.lead_time, 1)

    def decide(period: int, on_hand: Array, arriving: Array) -> Array:
        past = window.history.demand[:, max(0, period + 1 - recent) : period + 1]
        mean = np.nansum(past, axis=1) / np.maximum((~np.isnan(past)).sum(axis=1), 1)
        return _up_to(mean * lead, mean * (lead + window.review), on_hand, arriving)

    return decide


def _up_to(s: Array, up_to: Array, on_hand: Array, arriving: Array) -> Array:
    position = on_hand + arriving.sum(axis=1)
    wanted = np.ceil(up_to - position - 1e-9)
    return np.where(position <= s, np.maximum(wanted, 0.0), 0.0)


def _costs_to_plan_by(window: Window) -> tuple[Array, Array]:
    """A series without costs is planned by the medians of the others; it is not charged."""
    found = []
    for costs in (window.holding_cost, window.shortage_cost):
        known = costs[np.isfinite(costs)]
        found.append(np.where(np.isfinite(costs), costs, np.median(known) if len(known) else 1.0))
    return found[0], found[1]
