"""What may be asked of a product until the next chance to buy, and what other terms would change.

All of it is read from the quantiles of totals as they were measured on the past. Outside of what
was measured nothing is said: a risk stays within the ends of the probabilities that are read.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.expected import Array, expected_totals
from orchestration.planning.forecasting import TotalDemand

PROBABILITIES: Array = np.array(
    [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99]
)
# In the range of a line lie 8 of 10 such totals.
_LOW, _HIGH = 3, 12
_OTHER_SERVICE_LEVEL = 0.99


@dataclass(frozen=True, slots=True)
class Levels:
    """A reorder point s and an order-up-to level S, in base units."""

    reorder_point: int
    order_up_to_level: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """Demand (G,) at `PROBABILITIES` until an order of now can arrive, and until the next one can.

    what_if: s and S under other terms, by the terms in words.
    """

    until_arrival: Array
    until_next_chance: Array
    what_if: Mapping[str, Levels] = field(default_factory=dict)

    @property
    def low(self) -> float:
        """Demand until the next chance stays above this in 9 of 10 such periods."""
        return float(self.until_next_chance[_LOW])

    @property
    def high(self) -> float:
        """Demand until the next chance stays below this in 9 of 10 such periods."""
        return float(self.until_next_chance[_HIGH])

    def risk_before_arrival(self, held: float) -> float:
        """Chance that `held` does not last until an order of now can arrive."""
        return risk(self.until_arrival, held)

    def risk_before_next_chance(self, held: float) -> float:
        """Chance that `held` does not last until the order after that can arrive."""
        return risk(self.until_next_chance, held)


def risk(quantiles: Array, held: float) -> float:
    """The chance that demand exceeds `held`, by its quantiles (G,) at `PROBABILITIES`.

    Straight between two quantiles; between 0.01 and 0.99, as nothing is known beyond.
    """
    after = int(np.searchsorted(quantiles, held, side="right"))
    if after == 0:
        below = PROBABILITIES[0]
    elif after == len(quantiles):
        below = PROBABILITIES[-1]
    else:
        low, high = quantiles[after - 1], quantiles[after]
        share = (held - low) / (high - low)
        below = PROBABILITIES[after - 1] + share * (PROBABILITIES[after] - PROBABILITIES[after - 1])
    return round(1 - float(below), 3)


def outlooks(
    mean: Array,
    totals: TotalDemand,
    *,
    lead_time_days: NDArray[np.int64],
    review_period_days: int,
    service_level: Array,
) -> list[Outlook]:
    """The outlook of each row of `mean` (N, H), the expected demand of each coming day."""
    made: list[Outlook | None] = [None] * len(mean)
    for days in np.unique(lead_time_days):
        rows = np.flatnonzero(lead_time_days == days)
        lead = int(days)
        arrival = _quantiles(mean[rows], totals, lead)
        chance = _quantiles(mean[rows], totals, lead + review_period_days)
        others = _other_terms(mean[rows], totals, lead, review_period_days, service_level[rows])
        for at, row in enumerate(rows):
            made[row] = Outlook(
                until_arrival=arrival[at],
                until_next_chance=chance[at],
                what_if={said: levels[at] for said, levels in others.items()},
            )
    return [one for one in made if one is not None]


def _quantiles(mean: Array, totals: TotalDemand, days: int) -> Array:
    """N x G."""
    if days == 0:
        return np.zeros((len(mean), len(PROBABILITIES)))
    expected = expected_totals(mean, np.full(len(mean), days))
    found = [totals.quantile(expected, days, float(p)) for p in PROBABILITIES]
    rising: Array = np.maximum.accumulate(np.stack(found, axis=1), axis=1)
    return rising


def _other_terms(
    mean: Array, totals: TotalDemand, lead: int, review: int, service_level: Array
) -> dict[str, list[Levels]]:
    """s and S with half and twice the lead time, and with fewer stockouts."""
    asked = [(_days(other), other, service_level) for other in _other_leads(lead)]
    if (service_level < _OTHER_SERVICE_LEVEL).all():
        higher = np.full(len(mean), _OTHER_SERVICE_LEVEL)
        asked.append((f"with a service level of {_OTHER_SERVICE_LEVEL:.0%}", lead, higher))
    cycle = expected_totals(mean, np.full(len(mean), review))
    found = {}
    for said, other, level in asked:
        days = other + review
        expected = expected_totals(mean, np.full(len(mean), days))
        points = np.zeros(len(mean))
        for one in np.unique(level):
            rows = level == one
            points[rows] = totals.quantile(expected[rows], days, float(one))
        found[said] = [
            levels(float(point), float(more)) for point, more in zip(points, cycle, strict=True)
        ]
    return found


def levels(quantile: float, cycle_demand: float) -> Levels:
    """s is the quantile of demand until the next chance, S one review period's demand above it."""
    s = math.ceil(round(quantile, 6))
    return Levels(s, s + max(1, math.ceil(round(cycle_demand, 6))))


def _other_leads(lead: int) -> list[int]:
    return sorted({max(1, lead // 2), max(2, 2 * lead)} - {lead})


def _days(lead: int) -> str:
    return f"with a lead time of {lead} day{'' if lead == 1 else 's'}"
