"""Demand as it is known at the end of each period of a history: a level, a season, a spread.

Made for replaying the past: what is said at period t uses the columns up to t and no later one.
The level is demand over exposure, both exponentially smoothed alike, so that a period with an
empty shelf weighs little instead of saying that nobody asked.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Period = Literal["day", "week", "month"]

# From this exposure on a period counts as seen in full.
_FULL_EXPOSURE = 0.95
# Periods of a year, and how many to either side of a date last year are taken together with it.
_YEAR = {"day": (364, 10), "week": (52, 2), "month": (12, 0)}
# How many units of expected demand a season shared by all weighs against a series' own.
_SEASON_UNITS = 100.0
_SEASON_BOUNDS = (0.2, 5.0)
# Past windows that the spread is measured on; of them as many count as do not overlap.
_SPREAD_WINDOWS = 40
_LEAST_DISPERSION = 0.02
# A level counts, to measure errors by, from this sum of its weights on.
_KNOWN_WEIGHT = 0.4
# From so many periods on a series tells others what is usual.
_MATURE_PERIODS = 8


@dataclass(frozen=True, kw_only=True)
class History:
    """N series by T periods, the first column beginning on `first_day`.

    demand: units, NaN where nothing is known. exposure: share of the period in which the shelf was
    stocked, 1 where nothing says otherwise.
    """

    demand: Array
    exposure: Array
    first_day: date
    period: Period

    @property
    def periods(self) -> int:
        return int(self.demand.shape[1])


@dataclass(frozen=True, kw_only=True)
class Model:
    """How demand is read from a history.

    smoothing: weight of the newest period in the level. season_weight: power of the season of the
    year, 0 for none. censored_weight: what a period without stock in which less was sold than
    expected counts. spread: factor on the measured dispersion, which holds the errors of the level
    too. pooled_windows: so many windows' weight has the dispersion of series of like demand.
    """

    smoothing: float
    season_weight: float = 0.0
    censored_weight: float = 0.1
    spread: float = 0.8
    pooled_windows: float = 5.0


class RollingDemand:
    """What was known of the demand to come at the end of each period."""

    def __init__(self, history: History, model: Model, *, horizon: int) -> None:
        self._history = history
        self._model = model
        self._horizon = horizon
        self._season = _season(history, horizon) ** model.season_weight
        asked = history.demand / self._season[:, : history.periods]
        self._level, self._known = _smoothed(asked, history.exposure, model)
        # Sums up to each period, to have totals of any window by one subtraction.
        usable = np.where(np.isnan(asked), 0.0, asked)
        full = ~np.isnan(asked) & (history.exposure >= _FULL_EXPOSURE)
        self._asked = np.concatenate([np.zeros((len(asked), 1)), np.cumsum(usable, axis=1)], axis=1)
        self._seen = np.concatenate([np.zeros((len(asked), 1)), np.cumsum(full, axis=1)], axis=1)

    def ahead(self, period: int, periods: int) -> tuple[Array, Array]:
        """Mean (N x H) and dispersion (N x H) of the `periods` after column `period`."""
        level = self._level[:, period]
        season = self._season[:, period + 1 : period + 1 + periods]
        mean = level[:, None] * season * self._weekdays(period, periods)
        total = self._dispersion(period, level, periods)
        # Independent periods whose total has the variance measured of totals.
        squares = np.maximum((mean**2).sum(axis=1), 1e-12)
        daily = total * mean.sum(axis=1) ** 2 / squares
        return mean, np.repeat(daily[:, None], periods, axis=1)

    def _weekdays(self, period: int, periods: int) -> Array:
        """How the coming weekdays compare to the mean day, pooled over the last eight weeks."""
        if self._history.period != "day":
            return np.ones(periods)
        first = max(period - 55, 0)
        factors = np.ones(7)
        recent = np.nansum(self._history.demand[:, first : period + 1], axis=0)
        weekdays = self._weekday_numbers(first, len(recent))
        days = np.bincount(weekdays, minlength=7)
        if recent.sum() > 0 and (days > 0).all():
            mean = np.bincount(weekdays, weights=recent, minlength=7) / days
            factors = mean / mean.mean()
        coming: Array = factors[self._weekday_numbers(period + 1, periods)]
        return coming

    def _weekday_numbers(self, first: int, count: int) -> NDArray[np.int64]:
        begin = self._history.first_day + timedelta(days=first)
        numbers: NDArray[np.int64] = (begin.weekday() + np.arange(count)) % 7
        return numbers

    def _dispersion(self, period: int, level: Array, periods: int) -> Array:
        """Dispersion of the total of `periods`: of each series, leaning on those of like demand.

        A window's squared error, less what a Poisson demand errs anyway, over its mean squared.
        """
        step = max(periods // 4, 1)
        begins = np.arange(period - periods, 0, -step)[:_SPREAD_WINDOWS]
        if len(begins) == 0:
            return np.full(len(level), 0.5) * self._model.spread
        total = self._asked[:, begins + 1 + periods] - self._asked[:, begins + 1]
        seen = self._seen[:, begins + 1 + periods] - self._seen[:, begins + 1]
        said = self._level[:, begins] * periods
        usable = (seen >= periods) & self._known[:, begins]
        beyond = np.where(usable, (total - said) ** 2 - (total + said) / 2, 0.0).sum(axis=1)
        squares = np.where(usable, (said**2 + total * said) / 2, 0.0).sum(axis=1)
        own = np.maximum(beyond, 0.0) / np.maximum(squares, 1e-9)
        windows = usable.sum(axis=1) * step / periods
        has = squares > 1e-6
        size = np.clip((np.log(np.maximum(level * periods, 0.05)) + 3).astype(int), 0, 11)
        count = np.bincount(size, weights=has, minlength=12)
        pooled = np.bincount(size, weights=np.where(has, own, 0.0), minlength=12)
        overall = float(own[has].mean()) if has.any() else 0.5
        pooled = np.where(count >= 1, pooled / np.maximum(count, 1), overall)[size]
        lean = self._model.pooled_windows
        shrunk = (windows * own + lean * pooled) / (windows + lean)
        dispersion: Array = np.maximum(shrunk, _LEAST_DISPERSION) * self._model.spread
        return dispersion


def _smoothed(asked: Array, exposure: Array, model: Model) -> tuple[Array, NDArray[np.bool_]]:
    """Level after each period (N x T), and whether it was a level by then and not a first guess.

    A series begins with its first sale: what lists it with zeros before then does not offer it
    yet. A new one leans on the median of those that are known longer, as if on a period before.
    """
    series, periods = asked.shape
    a = model.smoothing
    top, bottom = np.zeros(series), np.zeros(series)
    listed, sold = np.zeros(series, dtype=bool), np.zeros(series, dtype=bool)
    count = np.zeros(series)
    levels, known = np.zeros((series, periods)), np.zeros((series, periods), dtype=bool)
    for period in range(periods):
        units, share = asked[:, period], exposure[:, period]
        level = top / np.maximum(bottom, 1e-9)
        listed |= ~np.isnan(units)
        sold |= units > 0
        seen = ~np.isnan(units) & sold
        units = np.where(seen, units, 0.0)
        # Less than expected from an empty shelf says little; more than expected is a fact.
        empty = share <= 0
        share = np.where(empty, np.where(units > level, 1.0, model.censored_weight), share)
        weight = np.where(seen, a * share, 0.0)
        top = (1 - weight) * top + np.where(empty, weight, a * seen) * units
        bottom = (1 - weight) * bottom + weight
        count += seen
        mature = count >= _MATURE_PERIODS
        lean = a * (1 - a) ** count
        usual = float(np.median(level[mature])) if mature.any() else 0.0
        mean = (top + lean * usual) / np.maximum(bottom + lean, 1e-9)
        levels[:, period] = np.where(listed & ~sold, 0.0, mean)
        known[:, period] = bottom >= _KNOWN_WEIGHT
    return np.maximum(levels, 0.0), known


def has_season(history: History, period: int) -> bool:
    """Whether by `period` there is a year to compare with, and half a year around it."""
    year, _ = _YEAR[history.period]
    return period >= year + year // 2 and history.periods >= 2 * year


def _season(history: History, horizon: int) -> Array:
    """How each period, up to `horizon` after the last, compares to the year around it: N x (T + H).

    From the same dates of up to two years before, against the year centred on each; what all
    series share, times a series' own as far as it sold enough to have one. It is 1 where there is
    no such year. Only what lies more than half a year back is used.
    """
    year, side = _YEAR[history.period]
    series, periods = history.demand.shape
    index = np.ones((series, periods + horizon))
    if periods < 2 * year or horizon > year // 2 - 1:
        return index
    filled = np.where(np.isnan(history.demand), 0.0, history.demand)
    seen = ~np.isnan(history.demand) & (history.exposure >= _FULL_EXPOSURE)
    sums = np.concatenate([np.zeros((series, 1)), np.cumsum(filled * seen, axis=1)], axis=1)
    counts = np.concatenate([np.zeros((series, 1)), np.cumsum(seen, axis=1)], axis=1)
    for period in range(year + year // 2, periods + horizon):
        got, expected = np.zeros(series), np.zeros(series)
        for back in (period - year, period - 2 * year):
            low, high = back - side, back + side + 1
            begin, end = back - year // 2, back + (year + 1) // 2
            if begin < 0:
                continue
            days = counts[:, end] - counts[:, begin]
            mean = (sums[:, end] - sums[:, begin]) / np.maximum(days, 1)
            whole = days >= year / 2
            got += np.where(whole, sums[:, high] - sums[:, low], 0.0)
            expected += np.where(whole, mean * (counts[:, high] - counts[:, low]), 0.0)
        if expected.sum() <= 0:
            continue
        shared = got.sum() / expected.sum()
        own = (got + _SEASON_UNITS * shared) / (expected + _SEASON_UNITS)
        index[:, period] = np.clip(own, *_SEASON_BOUNDS)
    return index
