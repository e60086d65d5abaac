"""Days that the level counts otherwise than they were: bulk orders, and unconfirmed anomalies."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# From so many days with demand on, a product has a distribution of its own to be outside of.
_LEAST_DAYS = 10
_LEAST_UNITS = 10.0
_DEVIATIONS = 4.0
_NORMAL_MAD = 1.4826
_LEAST_SPREAD = 0.25


def bulk_caps(demand: Array) -> Array:
    """The most that a day of each row counts for, (N,); infinite where too little is known.

    exp(m + 4 s), m the median and s 1.4826 times the median absolute deviation of the logarithms
    of the days with demand (Rousseeuw & Croux 1993), and at least 10 units: a product that is
    bought by the pallet every other day has a wide distribution and no bulk orders.
    """
    sold = np.where(demand > 0, demand, np.nan)
    known = (~np.isnan(sold)).sum(axis=1)
    enough = np.flatnonzero(known >= _LEAST_DAYS)
    caps = np.full(len(demand), np.inf)
    if enough.size == 0:
        return caps
    logs = np.log(sold[enough])
    middle = np.nanmedian(logs, axis=1)
    spread = _NORMAL_MAD * np.nanmedian(np.abs(logs - middle[:, np.newaxis]), axis=1)
    far = np.exp(middle + _DEVIATIONS * np.maximum(spread, _LEAST_SPREAD))
    caps[enough] = np.maximum(far, _LEAST_UNITS)
    return caps


def within_bounds(demand: Array, low: Array, high: Array) -> Array:
    """Demand (N, T) no further out than low and high, of the same shape; NaN stays NaN."""
    bounded: Array = np.minimum(np.maximum(demand, low), high)
    return bounded
