"""How good a forecast was: pure measures over arrays of the same shape.

NaN in `actual` marks what was not observed (a closed day, an empty shelf) and is left out.
Sources: Hyndman & Koehler 2006 (MASE), Gneiting & Raftery 2007 (pinball loss, coverage).
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def wape(actual: Array, forecast: Array) -> float:
    """Weighted absolute percentage error: sum |y - f| / sum y; NaN when nothing was asked for."""
    seen = ~np.isnan(actual)
    return _ratio(np.abs(actual - forecast)[seen].sum(), actual[seen].sum())


def bias(actual: Array, forecast: Array) -> float:
    """Share by which the forecast is too high (positive) or too low: sum (f - y) / sum y."""
    seen = ~np.isnan(actual)
    return _ratio((forecast - actual)[seen].sum(), actual[seen].sum())


def mase(actual: Array, forecast: Array, history: Array, *, season_days: int = 7) -> float:
    """Mean absolute scaled error: the mean over series of mean |y - f| / scale.

    scale is the mean absolute change of `history` (series x days) over one season; a series whose
    history never changes has none and is left out.
    """
    error = _row_mean(np.abs(actual - forecast))
    scale = _row_mean(np.abs(history[:, season_days:] - history[:, :-season_days]))
    usable = (scale > 0) & ~np.isnan(error)
    return float((error[usable] / scale[usable]).mean()) if usable.any() else float("nan")


def pinball_loss(actual: Array, quantile: Array, probability: float) -> float:
    """Mean of max(p (y - q), (p - 1)(y - q)), in units of demand."""
    miss = (actual - quantile)[~np.isnan(actual)]
    if miss.size == 0:
        return float("nan")
    return float(np.maximum(probability * miss, (probability - 1) * miss).mean())


def coverage(actual: Array, low: Array, high: Array) -> float:
    """Share of what was observed that lay within [low, high], the ends included."""
    seen = ~np.isnan(actual)
    inside = (low <= actual) & (actual <= high)
    return _ratio(float(inside[seen].sum()), float(seen.sum()))


def _row_mean(values: Array) -> Array:
    """The mean of each row over what was observed; NaN for a row without any."""
    counts = (~np.isnan(values)).sum(axis=1)
    sums = np.nansum(values, axis=1)
    means: Array = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return means


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0 else float("nan")
