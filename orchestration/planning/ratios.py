"""How far the truth strays from a forecast: measured ratios, as quantiles of periods and totals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PROBABILITIES = np.concatenate(([0.005, 0.01, 0.025], np.arange(0.05, 1, 0.025), [0.99, 0.995]))
_LEAST_SAMPLES = 300
_FEWEST_SAMPLES = 30
_MOST_BINS = 24
# Within a bin no mean counts as less than this share of the bin's: a product that has all but
# ceased to sell and sells once would otherwise speak of ratios in the millions.
_LEAST_SHARE_OF_BIN = 0.1


@dataclass(frozen=True)
class RatioTable:
    """Measured ratios of truth to forecast by size of the forecast: bins x probabilities."""

    centres: Array
    ratios: Array

    def quantile(self, mean: Array, probability: float) -> Array:
        """The `probability` quantile where `mean` is expected; same shape as `mean`."""
        at = np.clip(probability, _PROBABILITIES[0], _PROBABILITIES[-1])
        ratios = np.array([np.interp(at, _PROBABILITIES, row) for row in self.ratios])
        position = np.log(np.maximum(mean, 1e-9))
        values: Array = mean * np.interp(position, np.log(self.centres), ratios)
        return values


@dataclass(frozen=True)
class TotalDemand:
    """The distribution of the total over several periods, one table for each number of them."""

    tables: dict[int, RatioTable]

    def quantile(self, mean_total: Array, days: int, probability: float) -> Array:
        """The quantile of the total of `days` periods where `mean_total` is expected.

        Between the measured numbers of periods it is interpolated; beyond the last, the last holds.
        """
        known = sorted(self.tables)
        after = next((n for n in known if n >= days), known[-1])
        before = next((n for n in reversed(known) if n <= days), known[0])
        low = self.tables[before].quantile(mean_total, probability)
        if before == after:
            return low
        high = self.tables[after].quantile(mean_total, probability)
        share = (days - before) / (after - before)
        return low + share * (high - low)


def measured_ratios(means: Sequence[Array], actuals: Sequence[Array]) -> RatioTable:
    """Quantiles of actual / mean in bins of equal count along the mean; NaN actuals are left out.

    Multiplying every mean and actual by a number leaves the ratios as they are. With too little of
    a past to measure by, a Poisson demand is taken instead.
    """
    mean = np.concatenate([np.empty(0), *(part.ravel() for part in means)])
    actual = np.concatenate([np.empty(0), *(part.ravel() for part in actuals)])
    usable = ~np.isnan(actual) & (mean > 1e-9)
    mean, actual = mean[usable], actual[usable]
    if mean.size < _FEWEST_SAMPLES:
        return poisson_ratios()
    order = np.argsort(mean, kind="stable")
    bins = np.array_split(order, min(_MOST_BINS, max(mean.size // _LEAST_SAMPLES, 1)))
    centres, ratios = [], []
    for rows in bins:
        size = np.maximum(mean[rows], _LEAST_SHARE_OF_BIN * mean[rows].mean())
        centres.append(float(np.median(mean[rows])))
        ratios.append(np.quantile(actual[rows] / size, _PROBABILITIES))
    return RatioTable(np.array(centres), np.array(ratios))


def poisson_ratios() -> RatioTable:
    """Ratios of a Poisson demand around its mean, by its cumulative sum."""
    centres = np.array([0.05, 0.2, 0.8, 3.2, 12.8, 51.2, 204.8])
    ratios = []
    for mean in centres:
        counts = np.arange(int(mean + 10 * np.sqrt(mean)) + 10)
        log_factorials = np.concatenate(([0.0], np.cumsum(np.log(counts[1:]))))
        chances = np.cumsum(np.exp(counts * np.log(mean) - mean - log_factorials))
        ratios.append(counts[np.minimum(np.searchsorted(chances, _PROBABILITIES), len(counts) - 1)])
    return RatioTable(centres, np.array([row / m for row, m in zip(ratios, centres, strict=True)]))
