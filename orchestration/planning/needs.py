"""What a purchase must bring, from simulated days until the order after next arrives.

An order of now arrives a lead time later, the next one a review period after it, and the one after
that another review period later. The quantity lasts until then, so that the next order may be left
out. What is asked for before the arrival is served from what is there and on its way, or lost: an
order that comes later cannot serve it, and does not bring it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.expected import Array
from orchestration.planning.simulation import (
    DemandPaths,
    Paths,
    lead_times_like,
    paths_like,
    quantity_for_service,
    shortfalls,
)

PATHS = 200
# Series x paths x days that are held at once.
_CELLS = 4_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """What serves the demand of one product at one site, in base units, and until when it must.

    mean (H,): expected demand of each coming day. low, high: bounds of the 80 % interval of the
    demand of the first total_days. lead_times: equally likely days, ascending. arriving: units on
    their way, and after how many days they can be sold.
    """

    mean: Array
    low: float
    high: float
    total_days: int
    lead_times: tuple[int, ...]
    review_period_days: int
    service_level: float
    free: int
    arriving: tuple[tuple[int, int], ...] = ()

    @property
    def horizon(self) -> int:
        """Days until the order after next arrives, at the longest lead time, or total_days."""
        return max(self.lead_times[-1] + 2 * self.review_period_days, self.total_days)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What one product needs, over P simulated courses of events.

    quantity: least units with which nothing is lost, in the service level's share of them, from
    the order's arrival until the order after next arrives. missing (P,): the same units in each
    course. short_before: the share in which something is lost before the order arrives.
    """

    quantity: int
    missing: NDArray[np.float32]
    short_before: float

    def risk_with(self, quantity: int) -> float:
        """The share of courses in which something is lost after the arrival of `quantity`."""
        return float((self.missing > quantity + 1e-4).mean())


def needs(supplies: Sequence[Supply]) -> list[Need]:
    """The need of each; the same for one product whatever others are asked for with it."""
    made: list[Need | None] = [None] * len(supplies)
    for rows in _chunks(supplies):
        found = _needs([supplies[row] for row in rows])
        for row, need in zip(rows, found, strict=True):
            made[row] = need
    return [one for one in made if one is not None]


def _chunks(supplies: Sequence[Supply]) -> Iterator[list[int]]:
    """Rows of the same lead times and review period, as many as are held at once."""
    alike: dict[tuple[tuple[int, ...], int], list[int]] = defaultdict(list)
    for row, one in enumerate(supplies):
        alike[one.lead_times, one.review_period_days].append(row)
    for rows in alike.values():
        longest = max(supplies[row].horizon for row in rows)
        step = max(1, _CELLS // (PATHS * longest))
        yield from (rows[begin : begin + step] for begin in range(0, len(rows), step))


def _needs(supplies: Sequence[Supply]) -> list[Need]:
    review = 2 * supplies[0].review_period_days
    horizon = max(one.horizon for one in supplies)
    demand = paths_like(
        _daily(supplies, horizon),
        low=np.array([one.low for one in supplies]),
        high=np.array([one.high for one in supplies]),
        total_periods=np.array([one.total_days for one in supplies]),
        paths=DemandPaths(paths=PATHS, periods=horizon),
    )
    leads = lead_times_like(np.array(supplies[0].lead_times, dtype=np.int64), paths=PATHS)
    arrivals = np.zeros((len(supplies), horizon))
    for row, one in enumerate(supplies):
        for days, units in one.arriving:
            arrivals[row, min(days, one.lead_times[-1])] += units
    free = np.array([one.free for one in supplies], dtype=float)
    before = _short_before(demand, free, arrivals, leads)
    _, missing = shortfalls(demand, on_hand=free, arrivals=arrivals, lead_time=leads, review=review)
    quantity = quantity_for_service(missing, np.array([one.service_level for one in supplies]))
    last = missing[:, :, -1]
    return [
        Need(quantity=int(quantity[row]), missing=last[row], short_before=float(before[row]))
        for row in range(len(supplies))
    ]


def _daily(supplies: Sequence[Supply], horizon: int) -> Array:
    """Expected demand N x horizon; beyond the forecast its last week's mean goes on."""
    daily = np.empty((len(supplies), horizon))
    for row, one in enumerate(supplies):
        known = min(len(one.mean), horizon)
        daily[row, :known] = one.mean[:known]
        daily[row, known:] = one.mean[-7:].mean()
    return daily


def _short_before(demand: Paths, free: Array, arrivals: Array, leads: NDArray[np.int64]) -> Array:
    """The share of courses (N,) in which demand is lost before the order arrives, leads is (P,)."""
    longest = int(leads.max(initial=0))
    stock = np.repeat(free.astype(np.float32)[:, None], demand.shape[1], axis=1)
    is_short = np.zeros(stock.shape, dtype=bool)
    for day in range(longest):
        stock = stock + arrivals[:, day, None].astype(np.float32) - demand[:, :, day]
        is_short |= (stock < -1e-4) & (day < leads)
        stock = np.maximum(stock, 0)
    share: Array = is_short.mean(axis=1)
    return share
