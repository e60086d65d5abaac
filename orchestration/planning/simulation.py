"""What to order, by simulating the days until the order after next, where unserved demand is lost.

An order placed now arrives a lead time later and must last until the next one arrives, a review
period after that. What is asked for before it arrives is served from what is there, or lost: it is
not waited for. So the demand before the arrival counts only as far as there is stock to serve it,
and a quantile of the summed demand would buy too much. Each of many paths of demand is played
through instead, and the quantity is the one that serves enough of them, or costs least over all
(the myopic policy of a system with lost sales; Zipkin 2008, Operations Research 56).

Shapes: N series x P paths x H periods, the first being the period after now. Everything is
deterministic: the paths are drawn at the same even probabilities every time.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Paths = NDArray[np.float32]
Whole = NDArray[np.int64]

_SEED = 20_260_101
# Below this mean a period a series is taken to be asked for no more.
_LEAST_MEAN = 0.001
# From this mean on counts are so many that the quantiles of one mean are those of another, scaled.
_SCALED_FROM_MEAN = 20.0
_MEANS = np.exp(np.linspace(np.log(0.002), np.log(40.0), 250))
_DISPERSIONS = np.exp(np.linspace(np.log(0.02), np.log(120.0), 60))


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What to order of each of N series, and what it changes.

    quantity: whole units. risk_without, risk_with: chance that some demand is lost between the
    arrival of this order and the arrival of the next, without and with it. lost_without,
    lost_with: units expected to be lost in that time. stock_at_arrival: units expected to be left
    when the order arrives.
    """

    quantity: Whole
    risk_without: Array
    risk_with: Array
    lost_without: Array
    lost_with: Array
    stock_at_arrival: Array


class DemandPaths:
    """Paths of a negative binomial demand, P paths x H periods, independent between periods.

    The probabilities are a Latin hypercube (McKay, Beckman & Conover 1979): each period meets each
    of P equally likely demands once, in an order of its own.
    """

    def __init__(self, *, paths: int, periods: int) -> None:
        self._paths = paths
        generator = np.random.default_rng(_SEED)
        # One order a period, so that the paths of a shorter horizon begin those of a longer one.
        self._orders = [generator.permutation(paths) for _ in range(periods)]
        self._quantiles = _negative_binomial_quantiles(paths)

    def draw(self, mean: Array, dispersion: Array) -> Paths:
        """Demand N x P x H; mean is N x H, dispersion N x H with variance = mean + d x mean^2."""
        rows = _nearest(_DISPERSIONS, dispersion)
        columns = _nearest(_MEANS, mean)
        scale = np.where(mean >= _SCALED_FROM_MEAN, mean / _MEANS[columns], 1.0)
        scale = np.where(mean < _LEAST_MEAN, 0.0, scale).astype(np.float32)
        # Period by period in memory, as they are drawn and played through.
        drawn = np.empty((mean.shape[1], len(mean), self._paths), dtype=np.float32)
        drawn = drawn.transpose(1, 2, 0)
        for period in range(mean.shape[1]):
            even = self._quantiles[rows[:, period], columns[:, period]]
            drawn[:, :, period] = (even * scale[:, period, None])[:, self._orders[period]]
        return drawn


def shortfalls(
    demand: Paths, *, on_hand: Array, arrivals: Array, lead_time: int | Whole, review: int
) -> tuple[Paths, Paths]:
    """Stock before the order's arrival (N x P), and what is missing afterwards (N x P x R).

    demand is N x P x H with H >= lead time + review; on_hand is N; arrivals N x H is what is on its
    way, by the period in which it can be sold. lead_time is one number or N x P draws: the order is
    on sale from period lead_time + 1. missing[..., j] is the least quantity with which nothing is
    lost up to the (j + 1)-th period after the arrival. Raises ValueError where H is too short.
    """
    series, paths, periods = demand.shape
    leads = np.broadcast_to(np.asarray(lead_time, dtype=np.int64), (series, paths))
    longest = int(leads.max(initial=0))
    if review < 1 or leads.min(initial=0) < 0 or longest + review > periods:
        raise ValueError(
            f"{periods} periods of demand are not a lead time of {longest} and a review period "
            f"of {review}, at least 0 and 1"
        )
    stock = np.repeat(on_hand.astype(np.float32)[:, None], paths, axis=1)
    arriving = arrivals.astype(np.float32)
    shortest = int(leads.min(initial=0))
    for period in range(longest):
        after = np.maximum(stock + arriving[:, period, None] - demand[:, :, period], 0)
        stock = after if period < shortest else np.where(period < leads, after, stock)
    missing = np.empty((series, paths, review), dtype=np.float32)
    net = -stock
    rows = np.arange(series)[:, None]
    columns = np.arange(paths)[None, :]
    for step in range(review):
        at = leads + step
        if shortest == longest:
            net = net + demand[:, :, shortest + step] - arriving[:, shortest + step, None]
        else:
            net = net + demand[rows, columns, at] - arriving[rows, at]
        missing[:, :, step] = net if step == 0 else np.maximum(missing[:, :, step - 1], net)
    return stock, missing


def quantity_for_service(missing: Paths, service_level: float | Array) -> Whole:
    """Least whole units with which nothing is lost until the next arrival on that share of paths.

    missing as `shortfalls` gives it. Raises ValueError for a level outside (0, 1).
    """
    level = np.broadcast_to(np.asarray(service_level, dtype=float), len(missing))
    if not ((level > 0) & (level < 1)).all():
        raise ValueError("a service level lies between 0 and 1")
    return _whole_quantile(missing[:, :, -1], level)


def quantity_for_cost(missing: Paths, *, holding_cost: Array, shortage_cost: Array) -> Whole:
    """Whole units of least expected cost until the next arrival; costs a unit (and period), N.

    One more unit is held in every period j in which nothing was lost yet and saves a loss
    otherwise, so it pays while h x sum_j P(missing_j <= q) < p x P(missing_R > q). With a review
    period of 1 that is the newsvendor's p / (p + h) quantile.
    """
    paths, review = missing.shape[1:]
    holding, shortage = (
        np.broadcast_to(np.asarray(cost, dtype=float), len(missing))
        for cost in (holding_cost, shortage_cost)
    )
    if review == 1:
        ratio = np.divide(
            shortage, shortage + holding, out=np.zeros(len(missing)), where=shortage > 0
        )
        return _whole_quantile(missing[:, :, 0], ratio)
    low = np.zeros(len(missing), dtype=np.int64)
    high = np.maximum(np.ceil(missing[:, :, -1].max(axis=1, initial=0.0)), 0).astype(np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        enough = np.count_nonzero(missing <= middle[:, None, None] + 1e-4, axis=1)
        pays = holding * enough.sum(axis=1) < shortage * (paths - enough[:, -1])
        low, high = np.where(pays, middle + 1, low), np.where(pays, high, middle)
    return low


def order_to_last(
    demand: Paths,
    *,
    on_hand: Array,
    arrivals: Array,
    lead_time: int | Whole,
    review: int,
    service_level: float | Array | None = None,
    holding_cost: Array | None = None,
    shortage_cost: Array | None = None,
) -> Orders:
    """The order of each series, for a service level or for least cost; shapes as `shortfalls`.

    Raises ValueError unless either a service level or both costs are given.
    """
    stock, missing = shortfalls(
        demand, on_hand=on_hand, arrivals=arrivals, lead_time=lead_time, review=review
    )
    if service_level is not None and holding_cost is None and shortage_cost is None:
        quantity = quantity_for_service(missing, service_level)
    elif service_level is None and holding_cost is not None and shortage_cost is not None:
        quantity = quantity_for_cost(
            missing, holding_cost=holding_cost, shortage_cost=shortage_cost
        )
    else:
        raise ValueError("a policy has either a service level or a holding and a shortage cost")
    last = missing[:, :, -1]
    left = last - quantity[:, None]
    return Orders(
        quantity=quantity,
        risk_without=(last > 1e-4).mean(axis=1),
        risk_with=(left > 1e-4).mean(axis=1),
        lost_without=np.maximum(last, 0).mean(axis=1, dtype=float),
        lost_with=np.maximum(left, 0).mean(axis=1, dtype=float),
        stock_at_arrival=stock.mean(axis=1, dtype=float),
    )


def paths_like(
    mean: Array, *, low: Array, high: Array, total_periods: Whole, paths: DemandPaths
) -> Paths:
    """Paths N x P x H whose totals spread as forecast; mean is N x H, all else N.

    low and high bound the 80 % interval of the total of the first total_periods. The dispersion is
    taken from it as if it were that of a normal demand: sd = (q90 - q10) / 2.563,
    d = (sd^2 - mean) / sum of the periods' means squared.
    """
    within = np.where(np.arange(mean.shape[1]) < total_periods[:, None], mean, 0.0)
    squares = (within**2).sum(axis=1)
    beyond = ((high - low) / 2.5631) ** 2 - within.sum(axis=1)
    dispersion = np.divide(beyond, squares, out=np.zeros(len(mean)), where=squares > 0)
    return paths.draw(mean, np.broadcast_to(np.maximum(dispersion, 0.0)[:, None], mean.shape))


def lead_times_like(days: Whole, *, paths: int) -> Whole:
    """Lead times (P,) at even probabilities of the equally likely `days`, ascending; shuffled."""
    at = (np.arange(paths) + 0.5) / paths * len(days)
    # An order of their own, so that a long lead time meets every demand.
    order = np.random.default_rng(_SEED + 1).permutation(paths)
    drawn: Whole = days[at.astype(np.int64)][order]
    return drawn


def _whole_quantile(values: Paths, level: Array) -> Whole:
    """The least whole number >= 0 that is not below the share `level` of each row."""
    ordered = np.sort(values, axis=1)
    last = values.shape[1] - 1
    at = np.clip(np.ceil(level * values.shape[1] - 1e-9).astype(np.int64) - 1, 0, last)
    chosen = np.take_along_axis(ordered, at[:, None], axis=1)[:, 0]
    wanted = np.where(level > 0, chosen, 0.0)
    return np.ceil(np.maximum(wanted, 0.0) - 1e-4).astype(np.int64)


def _nearest(grid: Array, values: Array) -> Whole:
    """The index of the nearest point of an evenly spaced logarithmic grid."""
    step = np.log(grid[1] / grid[0])
    position = np.log(np.maximum(values, grid[0]) / grid[0]) / step
    nearest: Whole = np.clip(np.rint(position), 0, len(grid) - 1).astype(np.int64)
    return nearest


@cache
def _negative_binomial_quantiles(count: int) -> Paths:
    """Even quantiles at each dispersion and mean of the grids, dispersions x means x count.

    The chances follow from p(k + 1) = p(k) (k + r) / (k + 1) x m / (m + r), r = 1 / dispersion.
    """
    probabilities = (np.arange(count) + 0.5) / count
    table = np.zeros((len(_DISPERSIONS), len(_MEANS), count), dtype=np.float32)
    for row, dispersion in enumerate(_DISPERSIONS):
        r = 1 / dispersion
        for column, mean in enumerate(_MEANS):
            spread = np.sqrt(mean + dispersion * mean**2)
            counts = np.arange(int(mean + 30 * spread) + 12)
            logs = np.log((counts + r) / (counts + 1) * (mean / (mean + r)))
            chances = np.cumsum(
                np.exp(r * np.log(r / (r + mean)) + np.append(0.0, np.cumsum(logs)))
            )
            at = np.minimum(probabilities, chances[-1] * (1 - 1e-12))
            table[row, column] = np.searchsorted(chances, at)
    return table
