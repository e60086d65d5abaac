"""What may be asked of a product until the next chance to buy, and s under other terms.

All of it is read from the quantiles of totals as they were measured on the past.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.expected import Array, expected_totals
from orchestration.planning.forecasting import TotalDemand

# In the range of a line lie 8 of 10 totals.
_LOW, _HIGH = 0.1, 0.9
_OTHER_SERVICE_LEVEL = 0.99


@dataclass(frozen=True, slots=True)
class OtherTerms:
    """The reorder point s, in base units, under another lead time or service level.

    lead_time_days is None where the lead time is as it was.
    """

    reorder_point: int
    service_level: float
    lead_time_days: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The bounds between which 8 of 10 totals lie until the order after one of now can arrive.

    what_if: other terms, by what they are in words.
    """

    low: float
    high: float
    what_if: Mapping[str, OtherTerms] = field(default_factory=dict)


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
        chance = lead + review_period_days
        expected = expected_totals(mean[rows], np.full(len(rows), chance))
        low, high = (totals.quantile(expected, chance, p) for p in (_LOW, _HIGH))
        others = _other_terms(mean[rows], totals, lead, review_period_days, service_level[rows])
        for at, row in enumerate(rows):
            made[row] = Outlook(
                low=float(low[at]),
                high=max(float(low[at]), float(high[at])),
                what_if={said: other[at] for said, other in others.items()},
            )
    return [one for one in made if one is not None]


def _other_terms(
    mean: Array, totals: TotalDemand, lead: int, review: int, service_level: Array
) -> dict[str, list[OtherTerms]]:
    """s with half and twice the lead time, and with fewer stockouts."""
    asked: list[tuple[str, int | None, Array]] = [
        (_days(other), other, service_level) for other in _other_leads(lead)
    ]
    if (service_level < _OTHER_SERVICE_LEVEL).all():
        higher = np.full(len(mean), _OTHER_SERVICE_LEVEL)
        asked.append((f"with a service level of {_OTHER_SERVICE_LEVEL:.0%}", None, higher))
    found = {}
    for said, other, level in asked:
        days = review + (lead if other is None else other)
        expected = expected_totals(mean, np.full(len(mean), days))
        points = np.zeros(len(mean))
        for one in np.unique(level):
            rows = level == one
            points[rows] = totals.quantile(expected[rows], days, float(one))
        found[said] = [
            OtherTerms(math.ceil(round(float(point), 6)), float(one), other)
            for point, one in zip(points, level, strict=True)
        ]
    return found


def _other_leads(lead: int) -> list[int]:
    return sorted({max(1, lead // 2), max(2, 2 * lead)} - {lead})


def _days(lead: int) -> str:
    return f"with a lead time of {lead} day{'' if lead == 1 else 's'}"
