"""The method replayed from past origins: which choice erred least, and by how much it errs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.planning.ratios import RatioTable, TotalDemand, measured_ratios
from orchestration.planning.seasons import Season

Array = NDArray[np.float64]
# A smoothing, a cap of bulk orders (the quantile, None for none), and a season of the year.
Choice = tuple[float, float | None, Season]

# A period counts as seen in full, to judge a forecast by, from this exposure on.
FULL_EXPOSURE = 0.95
_ORIGINS = 6
_TOTAL_PERIODS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 35, 42, 56, 70, 91, 119, 154, 182, 273, 364)
_RECENT_PERIODS = 28
# The default gives way to what errs less by more than this share, over at least so many origins.
WINS_BY = 0.03
LEAST_ORIGINS = 3
# Errors within this ratio are taken for equal; chosen on origins 1 and 2 of the real data.
_AS_GOOD_AS = 1.007
_SEASON_PAYS = 1.01


@dataclass(frozen=True)
class Verdict:
    """Whether the default stands, and the share by which the best other, or its heir, errs less."""

    stands: bool
    margin: float


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
        """The default, unless another errs less by more than WINS_BY over LEAST_ORIGINS or more.

        Past origins overlap, so near the least error they cannot tell choices apart; of those that
        win, the quickest that errs hardly more than the best is then the safer one. A season must
        pay for itself more clearly.
        """
        if len(self.origins) < LEAST_ORIGINS:
            return default
        bar = self.loss(default) * (1 - WINS_BY)
        all_losses = {choice: self.loss(choice) for choice in self.means[0]}
        losses = {choice: loss for choice, loss in all_losses.items() if loss < bar}
        if not losses:
            return default
        charged = {choice: loss * _SEASON_PAYS ** choice[2] for choice, loss in losses.items()}
        least = min(charged, key=lambda choice: charged[choice])
        near = [
            choice
            for choice, loss in losses.items()
            if choice[1:] == least[1:] and loss <= losses[least] * _AS_GOOD_AS
        ]
        return max(near, key=lambda choice: choice[0])

    def verdict(self, default: Choice, choice: Choice) -> Verdict:
        """By how much the choice beats the default; if it is the default, the best other."""
        if not self.origins:
            return Verdict(stands=True, margin=float("nan"))
        others = [self.loss(other) for other in self.means[0] if other != default]
        stands = choice == default
        loss = min(others, default=float("nan")) if stands else self.loss(choice)
        of_default = self.loss(default)
        margin = 1 - loss / of_default if of_default > 0 else 0.0
        return Verdict(stands, margin)

    def loss(self, choice: Choice) -> float:
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
    least: int,
    forecast: Callable[[int], Mapping[Choice, Array]],
) -> Past:
    """Forecast from past origins; `forecast(periods)` knows only the first `periods` periods.

    No origin lies before `least`. Raises nothing where there is none: then nothing was measured.
    """
    origins = past_origins(demand.shape[1], horizon, least)
    actual = [_seen_in_full(demand, exposure, origin, horizon) for origin in origins]
    means = [dict(forecast(origin)) for origin in origins]
    weight = [_weight(demand[:, :origin]) for origin in origins]
    return Past(origins, horizon, actual, means, weight)


def past_origins(periods: int, horizon: int, least: int) -> list[int]:
    """Up to _ORIGINS past periods to forecast from, half a horizon apart or less, oldest first.

    Each has as much history before it as the horizon after it, and `least` periods.
    """
    last, least = periods - horizon, max(least, horizon, 2)
    step = min(max(horizon // 2, 1), max((last - least) // (_ORIGINS - 1), 1))
    origins = [last - k * step for k in range(_ORIGINS)]
    return sorted(origin for origin in origins if origin >= least)


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
