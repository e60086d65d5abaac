"""The level of each series: demand a period with a full shelf, free of season and bulk orders.

Shapes: N series x T periods. NaN demand is a period that is not known; exposure is the share of a
period's demand that met stock.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsforecast import StatsForecast
from statsforecast.models import SimpleExponentialSmoothing

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

# A factor below this is a weekday on which the shop is as good as closed.
_LEAST_FACTOR = 0.01
# A series' own profile weighs as much as the pooled one when its mean demand over the profile is
# this many times its variance-to-mean ratio; chosen on origins 1 and 2 of the real data.
_PROFILE_LEAN = 50.0
# With fewer days than this a row has no week of its own.
_OWN_WEEK_DAYS = 21
# Shares of a period without stock, between which the demand that was met is learned.
_EMPTY_EDGES = np.array([1e-9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.999])
_EMPTY_CENTRES = np.array([0.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.0])
# How many periods of the mean series the guess of 1 - share without stock is worth.
_CURVE_LEAN_PERIODS = 200.0
# A shelf that sells out had a better day than usual, so sales fall by less than the time lost, and
# may even seem to rise; yet they were never more than this much of the demand (chosen likewise).
_LEAST_LOSS = 0.4
_LEAST_FULL_PERIODS = 5


def exposure_curve(demand: Array, exposure: Array, factors: Array) -> Array:
    """The share of its demand that a shelf sold, by share of the period without stock: 2 x 12.

    The first row holds the shares without stock, rising from 0 to 1, the second what was sold of
    the demand. Learned as sales over what the same series sells in periods with a full shelf,
    pooled, and leaning on 1 - share without stock.
    """
    seen = ~np.isnan(demand)
    empty = 1 - exposure
    full = seen & (empty < _EMPTY_EDGES[0])
    periods = full.sum(axis=1)
    known = periods >= _LEAST_FULL_PERIODS
    asked = np.where(full, demand, 0.0).sum(axis=1)
    rate = np.where(known, asked / np.maximum((full * factors).sum(axis=1), 1e-9), 0.0)
    counted = seen & known[:, np.newaxis]
    at = np.digitize(empty[counted], _EMPTY_EDGES)
    usual = (rate[:, np.newaxis] * factors)[counted]
    bins = len(_EMPTY_CENTRES)
    counts = np.bincount(at, minlength=bins)
    shares = np.bincount(at, weights=empty[counted], minlength=bins) / np.maximum(counts, 1)
    centres = np.where(counts > 0, shares, _EMPTY_CENTRES)
    centres[0], centres[-1] = 0.0, 1.0
    sold = np.bincount(at, weights=demand[counted], minlength=bins)
    would = np.bincount(at, weights=usual, minlength=bins)
    lean = _CURVE_LEAN_PERIODS * float(rate[known].mean()) if known.any() else 0.0
    guess = 1 - centres
    met = guess if lean == 0 else (sold + lean * guess) / (would + lean)
    met = np.minimum(met, 1 - _LEAST_LOSS * centres)
    met[0] = 1.0
    return np.array([centres, met])


def met_share(exposure: Array, curve: Array) -> Array:
    """The share of the demand that was met, by the learned curve; same shape as `exposure`."""
    met: Array = np.interp(1 - exposure, curve[0], curve[1])
    return met


def weekday_profile(demand: Array, exposure: Array, weekdays: Numbers) -> Array:
    """How a weekday's demand compares to the mean day: 7 factors, pooled over all rows.

    A weekday on which nothing was observed in the last eight weeks, or next to nothing was sold,
    is one on which the site is closed: factor 0. The others have mean 1, weighted by the exposure
    they were observed with.
    """
    observed = ~np.isnan(demand)
    recent = observed[:, -56:].any(axis=0)
    came = np.bincount(weekdays[-56:], minlength=7) > 0
    is_open = (np.bincount(weekdays[-56:], weights=recent, minlength=7) > 0) | ~came
    offered = np.where(observed, exposure, 0.0).sum(axis=0)
    offers = np.bincount(weekdays, weights=offered, minlength=7)
    asked = np.bincount(weekdays, weights=np.nansum(demand, axis=0), minlength=7)
    mean = asked.sum() / offers.sum() if offers.sum() > 0 else 0.0
    if mean <= 0:
        return is_open.astype(float)
    rates = np.divide(asked, offers, out=np.full(7, mean), where=offers > 0)
    factors: Array = np.where(is_open & (rates >= _LEAST_FACTOR * mean), rates / mean, 0.0)
    return factors


def own_profiles(demand: Array, exposure: Array, weekdays: Numbers, pooled: Array) -> Array:
    """Each row's weekday factors, N x 7, shrunk to the pooled ones; of the same mean as those.

    factor = (sum of demand + k x pooled) / (expected at a flat week + k), where k is a multiple of
    the row's variance-to-mean ratio around its own week, so that noisy rows take the pooled
    factors.
    """
    seen = ~np.isnan(demand)
    offered = np.where(seen, exposure, 0.0)
    asked = np.where(seen, demand, 0.0)
    # A product with a matrix would sum in another order in other company, so by weekday.
    sums = np.stack([asked[:, weekdays == d].sum(axis=1) for d in range(7)], axis=1)
    offers = np.stack([offered[:, weekdays == d].sum(axis=1) for d in range(7)], axis=1)
    total = sums.sum(axis=1)
    usual = sums / np.maximum(offers, 1e-9)
    strays = np.where(seen, demand - usual[:, weekdays] * exposure, 0.0)
    days = seen.sum(axis=1)
    free = days / np.maximum(days - 7, 1)  # seven means were fitted
    lumpiness = free * (strays**2).sum(axis=1) / np.maximum(total, 1e-9)
    lean = (_PROFILE_LEAN * lumpiness)[:, np.newaxis]
    rate = total / np.maximum((offers * pooled).sum(axis=1), 1e-9)
    flat = rate[:, np.newaxis] * offers
    weight = flat + lean
    short = days[:, np.newaxis] < _OWN_WEEK_DAYS
    factors = np.where(
        (weight > 1e-9) & ~short, (sums + lean * pooled) / np.maximum(weight, 1e-12), pooled
    )
    factors[:, pooled == 0] = 0.0
    mean = factors.mean(axis=1, keepdims=True)
    scaled: Array = factors * np.where(mean > 0, pooled.mean() / np.maximum(mean, 1e-12), 1.0)
    return scaled


def capped(demand: Array, probability: float | None) -> Array:
    """Demand with each row's bulk orders cut to its `probability` quantile; None cuts nothing.

    Where the quantile is below the median of the periods with a sale (a product that sells twice a
    year), that median is the cap.
    """
    if probability is None:
        return demand
    ordered = np.sort(demand, axis=1)  # NaN come last
    known = (~np.isnan(demand)).sum(axis=1)
    none = (ordered <= 0).sum(axis=1)
    rows = np.arange(len(demand))
    last = np.maximum(known - 1, 0)
    cap = ordered[rows, np.minimum(np.ceil(probability * last).astype(np.int64), last)]
    middle = ordered[rows, np.minimum(none + (known - none) // 2, last)]
    limited: Array = np.minimum(demand, np.maximum(cap, middle)[:, np.newaxis])
    return limited


def smoothed(values: Array, smoothings: Sequence[float]) -> dict[float, Array]:
    """Each row's exponentially weighted sum, sum a (1 - a)^age x value, for each smoothing a.

    statsforecast's simple exponential smoothing begins with its first value, which would then
    outweigh all others in a short series; after a leading 0 it is the weighted sum.
    """
    rows, periods = values.shape
    begun = np.concatenate([np.zeros((rows, 1)), values], axis=1)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(rows), periods + 1),
            "ds": np.tile(np.arange(periods + 1), rows),
            "y": begun.ravel(),
        }
    )
    models = [SimpleExponentialSmoothing(alpha=a, alias=f"{a:g}") for a in smoothings]
    said = StatsForecast(models=models, freq=1).forecast(df=frame, h=1)
    return {a: np.maximum(said[f"{a:g}"].to_numpy().astype(float), 0.0) for a in smoothings}
