"""Expected demand over any number of days, from the daily means of a forecast."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_WEEK_DAYS = 7


def expected_totals(mean: Array, days: NDArray[np.int64]) -> Array:
    """Units expected in the first `days` (N,) days, of each row of `mean` (N, H).

    Beyond the horizon the mean of its last week goes on.
    """
    horizon = mean.shape[1]
    so_far = np.concatenate([np.zeros((len(mean), 1)), mean.cumsum(axis=1)], axis=1)
    within = so_far[np.arange(len(mean)), np.minimum(days, horizon)]
    beyond = np.maximum(days - horizon, 0) * mean[:, -_WEEK_DAYS:].mean(axis=1)
    totals: Array = within + beyond
    return totals


def expected_demand(mean: Array) -> Callable[[int], float]:
    """The same of one product, `mean` (H,), as a function of the number of days."""
    so_far = np.concatenate([[0.0], mean.cumsum()]).tolist()
    rate = float(mean[-_WEEK_DAYS:].mean())
    horizon = len(mean)

    def total(days: int) -> float:
        return float(so_far[min(days, horizon)] + max(days - horizon, 0) * rate)

    return total
