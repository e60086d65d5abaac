"""Categories and whole sites: sums of what products are forecast, with quantiles of their own.

The mean of a total is the sum of the means of its products, so the levels agree by construction
(bottom-up; Hyndman & Athanasopoulos 2021, 11.2). Its quantiles are no sums: products do not all
have their best day at once. They are measured as a product's are, on the totals themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.forecasting import QUANTILES, SiteHistory, learn

Array = NDArray[np.float64]

# The name of the total of everything; no category is called so.
WHOLE_SITE = ""


@dataclass(frozen=True)
class Totals:
    """K totals by H days: mean (K, H), quantiles (K, H, 5) in the order of QUANTILES."""

    names: list[str]
    mean: Array
    quantiles: Array


def rolled_up(history: SiteHistory, categories: Sequence[str]) -> tuple[list[str], SiteHistory]:
    """The history of the whole site, then of each category by name; categories is by row.

    A total is seen on each day on which something of it was. What empty shelves did not sell is
    missing in the past and in the forecast of it alike, so the ratio of both is not touched by it.
    """
    names = [WHOLE_SITE, *sorted(set(categories))]
    of = np.array(categories, dtype=object)
    members = [np.ones(len(of), dtype=bool), *(of == name for name in names[1:])]
    sums = np.stack([_sum(history.demand[rows]) for rows in members])
    total = SiteHistory(
        first_day=history.first_day,
        demand=sums,
        exposure=np.ones_like(sums),
        category=np.arange(len(names)),
    )
    return names, total


def total_forecasts(history: SiteHistory, names: Sequence[str], mean: Array) -> Totals:
    """Totals with these means (K, H), the quantiles by how the rolled-up history strayed.

    Raises ValueError where names, means and rows of the history are not as many.
    """
    if not len(names) == len(mean) == len(history.demand):
        raise ValueError("a total has one name, one mean and one history")
    pooled = learn(history, horizon=mean.shape[1])
    quantiles = np.stack([pooled.single.quantile(mean, p) for p in QUANTILES], axis=-1)
    return Totals(list(names), mean, np.maximum.accumulate(quantiles, axis=-1))


def _sum(demand: Array) -> Array:
    """The sum of each day over rows; NaN where nothing of them was seen."""
    total: Array = np.where(np.isnan(demand).all(axis=0), np.nan, np.nansum(demand, axis=0))
    return total
