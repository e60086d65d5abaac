"""The method replayed from past origins: which choice erred least, and by how much it errs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.ratios import RatioTable, TotalDemand, measured_ratios

Array = NDArray[np.float64]
Choice = tuple[float, float | None]

# A period counts as seen in full, to judge a forecast by, from this exposure on.
FULL_EXPOSURE = 0.95
_ORIGINS = 6
_TOTAL_PERIODS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 35, 42, 56, 70, 91, 119, 154, 182, 273, 364)
_RECENT_PERIODS = 28


@dataclass(frozen=True)
class Past:
    """What each choice said from past origins, oldest first, and what then happened.

    actual, and each of means[origin][choice], is N x horizon; NaN is what was not seen in full.
    """

    origins: list[int]
    horizon: int
    actual: list[Array]
    means: list[dict[Choice, Array]]
    weight: list[Array]

    def best(self, default: Choice) -> Choice:
        """The choice with the least weighted error; the default where there is no past."""
        if not self.origins:
            return default
        losses = {choice: self._loss(choice) for choice in self.means[0]}
        return min(losses, key=lambda choice: losses[choice])

    def _loss(self, choice: Choice) -> float:
        """Root mean squared error of each series, weighted, summed over the origins."""
        total = 0.0
        for actual, means, weight in zip(self.actual, self.means, self.weight, strict=True):
            seen = ~np.isnan(actual)
            squares = np.where(seen, (np.nan_to_num(actual) - means[choice]) ** 2, 0.0)
            count = np.maximum(seen.sum(axis=1), 1)
            total += float((weight * np.sqrt(squares.sum(axis=1) / count)).sum())
        return total

    def measure(self, choice: Choice, *, origins: int | None = None) -> TotalDemand:
        """The ratio tables of totals over 1 period and more, by the first `origins` of them."""
        pairs = [
            (means[choice], actual) for means, actual in zip(self.means, self.actual, strict=True)
        ][:origins]
        tables: dict[int, RatioTable] = {}
        lengths = {n for n in _TOTAL_PERIODS if n < self.horizon} | {max(self.horizon, 1)}
        for length in sorted(lengths):
            means, totals = [], []
            for mean, actual in pairs:
                for start in range(0, self.horizon - length + 1, length):
                    means.append(mean[:, start : start + length].sum(axis=1))
                    totals.append(actual[:, start : start + length].sum(axis=1))
            tables[length] = measured_ratios(means, totals)
        return TotalDemand(tables)


def replay(
    demand: Array,
    exposure: Array,
    *,
    horizon: int,
    forecast: Callable[[int], Mapping[Choice, Array]],
) -> Past:
    """Forecast from past origins; `forecast(periods)` knows only the first `periods` periods."""
    periods = demand.shape[1]
    horizon = min(horizon, max(periods // 3, 1))
    origins = _past_origins(periods, horizon)
    actual = [_seen_in_full(demand, exposure, origin, horizon) for origin in origins]
    means = [dict(forecast(origin)) for origin in origins]
    weight = [_weight(demand[:, :origin]) for origin in origins]
    return Past(origins, horizon, actual, means, weight)


def _past_origins(periods: int, horizon: int) -> list[int]:
    """Up to _ORIGINS past periods to forecast from, half a horizon apart, oldest first.

    Each has as much history before it as the horizon after it.
    """
    step = max(horizon // 2, 1)
    last = periods - horizon
    origins = [last - k * step for k in range(_ORIGINS)]
    return sorted(origin for origin in origins if origin >= max(horizon, 2))


def _seen_in_full(demand: Array, exposure: Array, origin: int, horizon: int) -> Array:
    """What was asked for in the periods after the origin, of the series that had begun by then."""
    ahead = slice(origin, origin + horizon)
    began = np.asarray((~np.isnan(demand[:, :origin])).any(axis=1))
    asked = demand[:, ahead]
    # A day on which nothing at all was observed is a closed one: nobody was served.
    asked = np.where(np.isnan(asked).all(axis=0), 0.0, asked)
    full = exposure[:, ahead] >= FULL_EXPOSURE
    return np.where(full & began[:, np.newaxis], asked, np.nan)


def _weight(demand: Array) -> Array:
    """Share of recent demand over the root mean square of the change from period to period.

    So the loss is a weighted RMSSE (Makridakis, Spiliotis & Assimakopoulos 2022): a series counts
    by its volume, and an error by how much that series moves anyway.
    """
    recent = np.nansum(demand[:, -_RECENT_PERIODS:], axis=1)
    changes = np.diff(demand, axis=1)
    count = (~np.isnan(changes)).sum(axis=1)
    moves = np.sqrt(np.nansum(changes**2, axis=1) / np.maximum(count, 1))
    usable = moves > 0
    share = np.where(usable, recent, 0.0) / max(float(recent[usable].sum()), 1e-9)
    weight: Array = np.where(usable, share / np.where(usable, moves, 1.0), 0.0)
    return weight
