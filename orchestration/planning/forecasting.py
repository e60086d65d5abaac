"""Demand of the coming days as a distribution: a level per product times a pooled weekday profile.

The level is what was sold over how long the shelf was stocked, both smoothed alike by
statsforecast's simple exponential smoothing: a day without stock weighs nothing instead of saying
that nobody asked. The smoothing is the one that erred least on the past. How far the truth strays
from the mean is not assumed but measured: the same method forecasts from past origins, and the
ratios of what then happened to what was said, pooled over series of like demand, are the
quantiles.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsforecast import StatsForecast
from statsforecast.models import SimpleExponentialSmoothing

from orchestration.planning import accuracy

Array = NDArray[np.float64]

HORIZON_DAYS = 28
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
# A day counts as seen in full, to judge a forecast by, from this exposure on.
FULL_EXPOSURE = 0.95
_SMOOTHINGS = (0.05, 0.1, 0.2)
_ORIGINS = 6
# With fewer observed days than this a series also leans on its category, as if on so many days.
_NEW_SERIES_DAYS = 28
# How much of a day at the pooled rate every level leans on, so that a shelf that was hardly ever
# stocked is not divided by almost nothing.
_POOLED_WEIGHT = 0.05
_LEAST_SAMPLES = 300
_TOTAL_DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 28)
_PROBABILITIES = np.concatenate(([0.005, 0.01, 0.025], np.arange(0.05, 1, 0.025), [0.99, 0.995]))
_BIN_EDGES = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4])


@dataclass(frozen=True)
class SiteHistory:
    """The closed days of one site: N products by T days, the last column the last closed day.

    demand: units sold or used, NaN where the day is unknown, the site was closed, or the product
    was not there yet. exposure: share of the day's demand that met stock, 0 to 1. category: a
    number per product; products of one category lend each other their rate.
    """

    first_day: date
    demand: Array
    exposure: Array
    category: NDArray[np.int64]

    @property
    def days(self) -> int:
        return int(self.demand.shape[1])

    @property
    def next_day(self) -> date:
        """The first day to forecast."""
        return self.first_day + timedelta(days=self.days)

    def until(self, days: int) -> "SiteHistory":
        """What was known after the first `days` days."""
        return SiteHistory(
            self.first_day, self.demand[:, :days], self.exposure[:, :days], self.category
        )

    def weekdays(self, first: int, count: int) -> NDArray[np.int64]:
        """The weekday (0 is Monday) of `count` days from column `first` on."""
        return (self.first_day.weekday() + first + np.arange(count)) % 7


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
    """The distribution of the total over several days, one table for each number of days."""

    tables: dict[int, RatioTable]

    def quantile(self, mean_total: Array, days: int, probability: float) -> Array:
        """The quantile of the total of `days` days where `mean_total` is expected.

        Between the measured numbers of days it is interpolated; beyond the last, the last holds.
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


@dataclass(frozen=True)
class Accuracy:
    """What the method and two simple ones did on past origins; coverage of our intervals."""

    origins: int
    observations: int
    wape: dict[str, float] = field(default_factory=dict)
    bias: dict[str, float] = field(default_factory=dict)
    mase: dict[str, float] = field(default_factory=dict)
    coverage_80: float = float("nan")
    coverage_95: float = float("nan")


@dataclass(frozen=True)
class SiteForecast:
    """The coming days of one site: mean is N x H, quantiles N x H x 5 in the order of QUANTILES."""

    first_day: date
    mean: Array
    quantiles: Array
    model: list[str]
    totals: TotalDemand
    accuracy: Accuracy


def forecast_site(history: SiteHistory, *, horizon_days: int = HORIZON_DAYS) -> SiteForecast:
    """Forecast every product of a site from its closed days.

    Deterministic. Raises ValueError when there is no closed day to learn from.
    """
    if history.days == 0 or not (~np.isnan(history.demand)).any():
        raise ValueError("there is no closed day to learn from")
    past = _Backtest(history, horizon_days)
    smoothing = past.best_smoothing()
    mean = _means(history, horizon_days)[smoothing]
    daily, totals = past.measure(smoothing)
    quantiles = np.stack([daily.quantile(mean, p) for p in QUANTILES], axis=-1)
    seen = (~np.isnan(history.demand)).sum(axis=1)
    full = f"ses_{smoothing:g}_x_weekday"
    model = [full if n >= _NEW_SERIES_DAYS else f"{full}_with_category" for n in seen]
    return SiteForecast(
        first_day=history.next_day,
        mean=mean,
        quantiles=np.maximum.accumulate(quantiles, axis=-1),
        model=model,
        totals=totals,
        accuracy=past.accuracy(smoothing),
    )


def weekday_profile(demand: Array, exposure: Array, weekdays: NDArray[np.int64]) -> Array:
    """How a weekday's demand compares to the mean day: 7 factors, pooled over all rows.

    A weekday on which nothing was observed in the last eight weeks is one on which the site is
    closed: factor 0. The others have mean 1, weighted by the exposure they were observed with.
    """
    observed = ~np.isnan(demand)
    recent = observed[:, -56:].any(axis=0)
    is_open = np.bincount(weekdays[-56:], weights=recent, minlength=7) > 0
    offered = np.where(observed, exposure, 0.0).sum(axis=0)
    offers = np.bincount(weekdays, weights=offered, minlength=7)
    asked = np.bincount(weekdays, weights=np.nansum(demand, axis=0), minlength=7)
    mean = asked.sum() / offers.sum() if offers.sum() > 0 else 0.0
    if mean <= 0:
        return is_open.astype(float)
    rates = np.divide(asked, offers, out=np.full(7, mean), where=offers > 0)
    return np.where(is_open, rates / mean, 0.0)


def pooled_rates(demand: Array, exposure: Array, category: NDArray[np.int64]) -> Array:
    """Each row's demand per day of full exposure, leaning on its category where it has few days.

    (sum of demand + k x category rate) / (sum of exposure + k), k = _NEW_SERIES_DAYS / 4.
    """
    seen = ~np.isnan(demand)
    asked = np.nansum(demand, axis=1)
    offered = np.where(seen, exposure, 0.0).sum(axis=1)
    groups = int(category.max()) + 1
    by_category = np.bincount(category, weights=asked, minlength=groups) / np.maximum(
        np.bincount(category, weights=offered, minlength=groups), 1e-9
    )
    lean = _NEW_SERIES_DAYS / 4
    rates: Array = (asked + lean * by_category[category]) / (offered + lean)
    return rates


def _means(history: SiteHistory, horizon_days: int) -> dict[float, Array]:
    """The mean forecast, N x H, for each smoothing."""
    weekdays = history.weekdays(0, history.days)
    profile = weekday_profile(history.demand, history.exposure, weekdays)
    rates = pooled_rates(history.demand, history.exposure, history.category)
    factor = profile[weekdays]
    asked = np.where(factor > 0, history.demand / np.where(factor > 0, factor, 1.0), np.nan)
    ahead = profile[history.weekdays(history.days, horizon_days)]
    levels = _levels(asked, history.exposure, rates)
    return {smoothing: np.outer(level, ahead) for smoothing, level in levels.items()}


def _levels(asked: Array, exposure: Array, rates: Array) -> dict[float, Array]:
    """Demand a day with a full shelf, of each row for each smoothing.

    level = (smoothed asked + w x rate) / (smoothed exposure + w): days that were not observed are
    left out, and a short series leans on `rates` by w.
    """
    seen = ~np.isnan(asked)
    count = seen.sum(axis=1)
    weight = _POOLED_WEIGHT + np.clip(1 - count / _NEW_SERIES_DAYS, 0.0, 1.0)
    enough = np.flatnonzero(count >= 2)
    levels = {a: rates.copy() for a in _SMOOTHINGS}
    if enough.size == 0:
        return levels
    numerator = _smoothed(asked[enough], seen[enough])
    denominator = _smoothed(exposure[enough], seen[enough])
    lean = weight[enough]
    for a in _SMOOTHINGS:
        levels[a][enough] = (numerator[a] + lean * rates[enough]) / (denominator[a] + lean)
    return levels


def _smoothed(values: Array, seen: NDArray[np.bool_]) -> dict[float, Array]:
    """Each row's exponentially smoothed last value over the days that were seen."""
    rows, _ = np.nonzero(seen)
    numbers = (np.cumsum(seen, axis=1) - 1)[seen]
    frame = pd.DataFrame({"unique_id": rows, "ds": numbers, "y": values[seen]})
    models = [SimpleExponentialSmoothing(alpha=a, alias=f"{a:g}") for a in _SMOOTHINGS]
    said = StatsForecast(models=models, freq=1).forecast(df=frame, h=1)
    return {a: np.maximum(said[f"{a:g}"].to_numpy().astype(float), 0.0) for a in _SMOOTHINGS}


class _Backtest:
    """The same method from past origins, against what then happened on days seen in full."""

    def __init__(self, history: SiteHistory, horizon_days: int) -> None:
        self._horizon = horizon_days
        self._origins = _past_origins(history, horizon_days)
        self._actual: list[Array] = []
        self._means: list[dict[float, Array]] = []
        self._simple: dict[str, list[Array]] = {"seasonal_naive": [], "average_7_days": []}
        self._history = history
        for origin in self._origins:
            ahead = slice(origin, origin + horizon_days)
            full = history.exposure[:, ahead] >= FULL_EXPOSURE
            began = np.asarray((~np.isnan(history.demand[:, :origin])).any(axis=1))
            # A day on which nothing at all was observed is a closed one: nobody was served.
            demand = history.demand[:, ahead]
            demand = np.where(np.isnan(demand).all(axis=0), 0.0, demand)
            actual = np.where(full & began[:, np.newaxis], demand, np.nan)
            self._actual.append(actual)
            known = history.until(origin)
            self._means.append(_means(known, horizon_days))
            week = np.nan_to_num(known.demand[:, -7:])
            repeats = int(np.ceil(horizon_days / week.shape[1]))
            naive = np.tile(week, (1, repeats))[:, :horizon_days]
            self._simple["seasonal_naive"].append(naive)
            average = np.repeat(week.mean(axis=1)[:, None], horizon_days, axis=1)
            self._simple["average_7_days"].append(average)

    def best_smoothing(self) -> float:
        """The smoothing with the least absolute error over all origins."""
        if not self._origins:
            return _SMOOTHINGS[0]
        errors = {
            a: sum(
                float(np.nansum(np.abs(actual - means[a])))
                for actual, means in zip(self._actual, self._means, strict=True)
            )
            for a in _SMOOTHINGS
        }
        return min(errors, key=lambda a: errors[a])

    def measure(
        self, smoothing: float, *, skip_last: bool = False
    ) -> tuple[RatioTable, TotalDemand]:
        """The ratio tables of single days and of totals; without the last origin to judge by it."""
        upto = len(self._origins) - (1 if skip_last else 0)
        pairs = [(self._means[k][smoothing], self._actual[k]) for k in range(upto)]
        daily = _ratio_table(
            np.concatenate([mean.ravel() for mean, _ in pairs] or [np.empty(0)]),
            np.concatenate([actual.ravel() for _, actual in pairs] or [np.empty(0)]),
        )
        tables = {}
        for days in (n for n in _TOTAL_DAYS if n <= self._horizon):
            means, totals = [np.empty(0)], [np.empty(0)]
            for mean, actual in pairs:
                for start in range(0, self._horizon - days + 1, days):
                    means.append(mean[:, start : start + days].sum(axis=1))
                    totals.append(actual[:, start : start + days].sum(axis=1))
            tables[days] = _ratio_table(np.concatenate(means), np.concatenate(totals))
        return daily, TotalDemand(tables)

    def accuracy(self, smoothing: float) -> Accuracy:
        """Measured over all origins; the intervals on the last, by the origins before it."""
        if not self._origins:
            return Accuracy(origins=0, observations=0)
        actual = np.concatenate(self._actual)
        ours = np.concatenate([means[smoothing] for means in self._means])
        methods = {"ours": ours} | {
            name: np.concatenate(parts) for name, parts in self._simple.items()
        }
        histories = np.concatenate(
            [self._history.demand[:, : self._origins[0]]] * len(self._origins)
        )
        covered = self._coverage(smoothing) if len(self._origins) > 1 else (np.nan, np.nan)
        return Accuracy(
            origins=len(self._origins),
            observations=int((~np.isnan(actual)).sum()),
            wape={name: accuracy.wape(actual, said) for name, said in methods.items()},
            bias={name: accuracy.bias(actual, said) for name, said in methods.items()},
            mase={name: accuracy.mase(actual, said, histories) for name, said in methods.items()},
            coverage_80=covered[0],
            coverage_95=covered[1],
        )

    def _coverage(self, smoothing: float) -> tuple[float, float]:
        """Of the totals over the horizon, by products that are asked for at least 10 times."""
        _, totals = self.measure(smoothing, skip_last=True)
        mean = self._means[-1][smoothing].sum(axis=1)
        actual = np.where(mean >= 10, self._actual[-1].sum(axis=1), np.nan)
        low, high, least, most = (
            totals.quantile(mean, self._horizon, p) for p in (0.1, 0.9, 0.025, 0.975)
        )
        return accuracy.coverage(actual, low, high), accuracy.coverage(actual, least, most)


def _past_origins(history: SiteHistory, horizon_days: int) -> list[int]:
    """Up to _ORIGINS past days to forecast from, half a horizon apart, oldest first.

    Each has as much history before it as the horizon after it.
    """
    step = max(horizon_days // 2, 1)
    last = history.days - horizon_days
    origins = [last - k * step for k in range(_ORIGINS)]
    return sorted(origin for origin in origins if origin >= horizon_days)


def _ratio_table(mean: Array, actual: Array) -> RatioTable:
    """Quantiles of actual / mean by size of the mean; thin bins are merged with the next.

    With too little of a past to measure by, a Poisson demand is taken instead.
    """
    usable = ~np.isnan(actual) & (mean > 1e-6)
    mean, actual = mean[usable], actual[usable]
    order = np.argsort(mean, kind="stable")
    mean, actual = mean[order], actual[order]
    cuts = np.searchsorted(mean, _BIN_EDGES)
    edges = [0]
    for cut in [*cuts.tolist(), len(mean)]:
        if cut - edges[-1] >= _LEAST_SAMPLES:
            edges.append(cut)
    if len(edges) == 1:
        return _poisson_table()
    edges[-1] = len(mean)
    centres, ratios = [], []
    for low, high in pairwise(edges):
        centres.append(float(np.median(mean[low:high])))
        ratios.append(np.quantile(actual[low:high] / mean[low:high], _PROBABILITIES))
    return RatioTable(np.array(centres), np.array(ratios))


def _poisson_table() -> RatioTable:
    """Ratios of a Poisson demand around its mean, by its cumulative sum."""
    centres = np.array([0.05, 0.2, 0.8, 3.2, 12.8, 51.2, 204.8])
    ratios = []
    for mean in centres:
        counts = np.arange(int(mean + 10 * np.sqrt(mean)) + 10)
        log_factorials = np.concatenate(([0.0], np.cumsum(np.log(counts[1:]))))
        chances = np.cumsum(np.exp(counts * np.log(mean) - mean - log_factorials))
        ratios.append(counts[np.minimum(np.searchsorted(chances, _PROBABILITIES), len(counts) - 1)])
    return RatioTable(centres, np.array([row / m for row, m in zip(ratios, centres, strict=True)]))
