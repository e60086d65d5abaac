"""Demand of the coming periods as a distribution: a level per series times a pooled profile.

The level is what was sold over how long the shelf was stocked, both smoothed alike by
statsforecast's simple exponential smoothing: a day without stock weighs nothing instead of saying
that nobody asked. The smoothing, and whether bulk orders are cut, are those that erred least on
the past. How far the truth strays from the mean is not assumed but measured: the same method
forecasts from past origins, and the ratios of what then happened to what was said, pooled over
series of like demand, are the quantiles.

What is pooled is learned first (`learn`) and then applied to each series by itself (`apply`), so a
series gets the same numbers in whatever company it is forecast.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from orchestration.planning import accuracy
from orchestration.planning.levels import (
    capped,
    exposure_curve,
    met_share,
    own_profiles,
    smoothed,
    weekday_profile,
)
from orchestration.planning.past import (
    LEAST_ORIGINS,
    Choice,
    Past,
    Verdict,
    past_origins,
    replay,
)
from orchestration.planning.ratios import RatioTable, TotalDemand
from orchestration.planning.seasons import (
    SEASONS,
    Frequency,
    Season,
    annual_profile,
    factors_of,
    least_periods,
    own_seasons,
    places,
)

__all__ = [
    "QUANTILES",
    "Accuracy",
    "Forecast",
    "Pooled",
    "RatioTable",
    "SiteForecast",
    "SiteHistory",
    "TotalDemand",
    "apply",
    "forecast_site",
    "learn",
    "pooled_rates",
]

Array = NDArray[np.float64]

HORIZON_DAYS = 28
QUANTILES = (0.025, 0.1, 0.5, 0.9, 0.975)
_SMOOTHINGS = (0.02, 0.04, 0.07, 0.12, 0.2, 0.35, 0.6)
_CAPS = (None, 0.98)
# Days: what stands best on origins 1 and 2 of the real data; weeks and months: on its sums.
_DEFAULTS: dict[Frequency, Choice] = {
    "D": (0.07, 0.98, 0),
    "W": (0.2, None, 0),
    "M": (0.35, None, 0),
}
# With fewer observed periods than this a series also leans on its category, as if on so many.
_NEW_SERIES_DAYS = 28
# How much of a period at the pooled rate every level leans on, so that a shelf that was hardly
# ever stocked is not divided by almost nothing.
_POOLED_WEIGHT = 0.05


@dataclass(frozen=True)
class SiteHistory:
    """The closed periods of one site: N products by T days (weeks, months), the last the newest.

    demand: units sold or used, NaN where the day is unknown, the site was closed, or the product
    was not there yet. exposure: share of the day's demand that met stock, 0 to 1. category: a
    number per product; products of one category lend each other their rate.
    """

    first_day: date
    demand: Array
    exposure: Array
    category: NDArray[np.int64]
    frequency: Frequency = "D"

    @property
    def days(self) -> int:
        """The number of periods, T."""
        return int(self.demand.shape[1])

    @property
    def next_day(self) -> date:
        """The first day to forecast."""
        return self.first_day + timedelta(days=self.days)

    def until(self, days: int) -> "SiteHistory":
        """What was known after the first `days` periods."""
        return replace(self, demand=self.demand[:, :days], exposure=self.exposure[:, :days])

    def weekdays(self, first: int, count: int) -> NDArray[np.int64]:
        """The weekday (0 is Monday) of `count` days from column `first` on; 0 but for days."""
        if self.frequency != "D":
            return np.zeros(count, dtype=np.int64)
        return (self.first_day.weekday() + first + np.arange(count)) % 7

    def places(self, first: int, count: int) -> Array:
        """Where in the year `count` periods from column `first` on lie."""
        return places(self.first_day, self.frequency, first, count)


@dataclass(frozen=True)
class Shared:
    """The shapes that all series share.

    curve: demand met by share of the period without stock, 2 x 12. weekday: 7 factors, all 1 but
    for days. annual: a factor for each bin of the year, None where the history is too short.
    """

    curve: Array
    weekday: Array
    annual: Array | None


@dataclass(frozen=True)
class Pooled:
    """What all series share: the shapes, the choice made by the past, and the measured ratios."""

    shared: Shared
    choice: Choice
    totals: TotalDemand

    @property
    def single(self) -> RatioTable:
        """The ratios of single periods."""
        return self.totals.tables[1]


@dataclass(frozen=True)
class Forecast:
    """mean is N x H; quantiles and totals are N x H x 5, in the order of QUANTILES.

    totals[:, h] is of the demand from the first period up to and including period h.
    """

    mean: Array
    quantiles: Array
    totals: Array


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
    default: str
    verdict: Verdict


def forecast_site(history: SiteHistory, *, horizon_days: int = HORIZON_DAYS) -> SiteForecast:
    """Forecast every product of a site from its closed days.

    Deterministic. Raises ValueError when there is no closed day to learn from.
    """
    if history.days == 0 or not (~np.isnan(history.demand)).any():
        raise ValueError("there is no closed day to learn from")
    pooled, past = _learn(history, horizon_days)
    said = apply(history, pooled, horizon=horizon_days)
    seen = (~np.isnan(history.demand)).sum(axis=1)
    full, default = _name(pooled.choice), _DEFAULTS[history.frequency]
    model = [full if n >= _NEW_SERIES_DAYS else f"{full}_with_category" for n in seen]
    return SiteForecast(
        first_day=history.next_day,
        mean=said.mean,
        quantiles=said.quantiles,
        model=model,
        totals=pooled.totals,
        accuracy=_accuracy(history, past, pooled.choice),
        default=_name(default),
        verdict=past.verdict(default, pooled.choice),
    )


def _name(choice: Choice) -> str:
    smoothing, cap, season = choice
    return (
        f"ses_{smoothing:g}_x_weekday"
        + ("_x_season" if season else "")
        + ("" if cap is None else "_capped")
    )


def learn(history: SiteHistory, *, horizon: int) -> Pooled:
    """What all series share, from these; deterministic."""
    return _learn(history, horizon)[0]


def apply(history: SiteHistory, pooled: Pooled, *, horizon: int) -> Forecast:
    """The coming `horizon` periods of each series by itself, given what all share."""
    smoothing, cap, season = pooled.choice
    offered = _offered(history, pooled.shared, [smoothing])
    mean = _means(history, horizon, pooled.shared, offered, cap, season)[pooled.choice]
    quantiles = np.stack([pooled.single.quantile(mean, p) for p in QUANTILES], axis=-1)
    quantiles = np.maximum.accumulate(quantiles, axis=-1)
    so_far = mean.cumsum(axis=1)
    totals = np.empty_like(quantiles)
    for h in range(horizon):
        for at, p in enumerate(QUANTILES):
            totals[:, h, at] = pooled.totals.quantile(so_far[:, h], h + 1, p)
    # A total is no less than any of its periods, and falls neither with time nor probability.
    totals = np.maximum.accumulate(np.maximum(totals, quantiles), axis=1)
    return Forecast(mean, quantiles, np.maximum.accumulate(totals, axis=-1))


def _learn(history: SiteHistory, horizon: int) -> tuple[Pooled, Past]:
    horizon = min(horizon, max(history.days // 3, 1))
    least = least_periods(history.frequency)
    # Where the history is too short to judge a season, all of it judges the rest.
    seasons: tuple[Season, ...] = SEASONS
    if len(past_origins(history.days, horizon, least)) < LEAST_ORIGINS:
        least, seasons = 0, SEASONS[:1]
    past = _replay(history, horizon, least, _CAPS, SEASONS[:1])
    default = _DEFAULTS[history.frequency]
    choice = past.best(default)
    if len(seasons) > 1:
        seasonal = _replay(history, horizon, least, choice[1:2], seasons[1:])
        means = [one | other for one, other in zip(past.means, seasonal.means, strict=True)]
        past = replace(past, means=means)
        choice = past.best(default)
    return Pooled(_shared(history), choice, past.measure(choice)), past


def _replay(
    history: SiteHistory,
    horizon: int,
    least: int,
    caps: Sequence[float | None],
    seasons: Sequence[Season],
) -> Past:
    """Every smoothing, with these caps and seasons, from past origins."""

    def forecast(periods: int) -> dict[Choice, Array]:
        known = history.until(periods)
        shared = _shared(known)
        # A day says too little for the quickest, which would only cost time.
        smoothings = _SMOOTHINGS[:-1] if known.frequency == "D" else _SMOOTHINGS
        offered = _offered(known, shared, smoothings)
        said: dict[Choice, Array] = {}
        for cap in caps:
            for season in seasons:
                said |= _means(known, horizon, shared, offered, cap, season)
        return said

    return replay(history.demand, history.exposure, horizon=horizon, least=least, forecast=forecast)


def _shared(history: SiteHistory) -> Shared:
    """The shapes that the rows of this history share."""
    weekdays = history.weekdays(0, history.days)
    rough = np.ones(7)
    if history.frequency == "D":
        rough = weekday_profile(history.demand, history.exposure, weekdays)
    curve = exposure_curve(history.demand, history.exposure, rough[weekdays])
    met = met_share(history.exposure, curve)
    weekday = rough
    if history.frequency == "D":
        weekday = weekday_profile(history.demand, met, weekdays)
    annual = None
    if history.days >= least_periods(history.frequency):
        known = ~np.isnan(history.demand)
        offered = np.where(known, met, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        factor = weekday[weekdays] * offered
        asked = np.nansum(history.demand, axis=0)
        asked = np.divide(asked, factor, out=np.full(history.days, np.nan), where=factor > 0)
        annual = annual_profile(asked, history.places(0, history.days), history.frequency)
    return Shared(curve, weekday, annual)


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


def _means(
    history: SiteHistory,
    horizon: int,
    shared: Shared,
    offered: dict[float, Array],
    cap: float | None,
    season: Season,
) -> dict[Choice, Array]:
    """The mean forecast, N x H, for each smoothing that the smoothed exposure is `offered` for.

    level = (smoothed demand / factor + w x rate) / (smoothed exposure + w): periods that were not
    observed are left out, and a short series leans on the rate of its category by w.
    """
    met = met_share(history.exposure, shared.curve)
    seen = ~np.isnan(history.demand)
    lean = _POOLED_WEIGHT + np.clip(1 - seen.sum(axis=1) / _NEW_SERIES_DAYS, 0.0, 1.0)
    demand = capped(history.demand, cap)
    rates = pooled_rates(demand, met, history.category)
    factors, ahead = _factors(history, horizon, shared, demand, met, season)
    told = seen & (factors > 0)
    asked = smoothed(np.where(told, demand / np.where(told, factors, 1.0), 0.0), tuple(offered))
    means: dict[Choice, Array] = {}
    for a in offered:
        level = (asked[a] + lean * rates) / (offered[a] + lean)
        means[a, cap, season] = level[:, np.newaxis] * ahead
    return means


def _offered(
    history: SiteHistory, shared: Shared, smoothings: Sequence[float]
) -> dict[float, Array]:
    """The smoothed exposure of each row: how much of its periods could have been sold in."""
    is_open = shared.weekday[history.weekdays(0, history.days)] > 0
    told = ~np.isnan(history.demand) & is_open
    return smoothed(np.where(told, met_share(history.exposure, shared.curve), 0.0), smoothings)


def _factors(
    history: SiteHistory, horizon: int, shared: Shared, demand: Array, met: Array, season: Season
) -> tuple[Array, Array]:
    """What weekday and season make of a level: N x T of the past, N x H of the periods ahead."""
    days, frequency = history.days, history.frequency
    past = np.ones((len(demand), days))
    ahead = np.ones((len(demand), horizon))
    if frequency == "D":
        weekdays = history.weekdays(0, days)
        profiles = own_profiles(demand, met, weekdays, shared.weekday)
        past, ahead = profiles[:, weekdays], profiles[:, history.weekdays(days, horizon)]
    if season and shared.annual is not None:
        place, coming = history.places(0, days), history.places(days, horizon)
        past = past * factors_of(shared.annual, place, frequency)
        ahead = ahead * factors_of(shared.annual, coming, frequency)
        if season == 2:
            own = own_seasons(demand, past * met, place, frequency)
            past = past * own[:, place.astype(np.int64)]
            ahead = ahead * own[:, coming.astype(np.int64)]
    return past, ahead


def _accuracy(history: SiteHistory, past: Past, choice: Choice) -> Accuracy:
    """Measured over all origins; the intervals on the last, by the origins before it."""
    if not past.origins:
        return Accuracy(origins=0, observations=0)
    actual = np.concatenate(past.actual)
    simple: dict[str, list[Array]] = {"seasonal_naive": [], "average_7_days": []}
    for origin in past.origins:
        week = np.nan_to_num(history.demand[:, :origin][:, -7:])
        repeats = int(np.ceil(past.horizon / week.shape[1]))
        simple["seasonal_naive"].append(np.tile(week, (1, repeats))[:, : past.horizon])
        average = np.repeat(week.mean(axis=1)[:, None], past.horizon, axis=1)
        simple["average_7_days"].append(average)
    methods = {"ours": np.concatenate([means[choice] for means in past.means])} | {
        name: np.concatenate(parts) for name, parts in simple.items()
    }
    histories = np.concatenate([history.demand[:, : past.origins[0]]] * len(past.origins))
    covered = _coverage(past, choice) if len(past.origins) > 1 else (np.nan, np.nan)
    return Accuracy(
        origins=len(past.origins),
        observations=int((~np.isnan(actual)).sum()),
        wape={name: accuracy.wape(actual, said) for name, said in methods.items()},
        bias={name: accuracy.bias(actual, said) for name, said in methods.items()},
        mase={name: accuracy.mase(actual, said, histories) for name, said in methods.items()},
        coverage_80=covered[0],
        coverage_95=covered[1],
    )


def _coverage(past: Past, choice: Choice) -> tuple[float, float]:
    """Of the totals over the horizon, by products that are asked for at least 10 times."""
    totals = past.measure(choice, origins=len(past.origins) - 1)
    mean = past.means[-1][choice].sum(axis=1)
    actual = np.where(mean >= 10, past.actual[-1].sum(axis=1), np.nan)
    low, high, least, most = (
        totals.quantile(mean, past.horizon, p) for p in (0.1, 0.9, 0.025, 0.975)
    )
    return accuracy.coverage(actual, low, high), accuracy.coverage(actual, least, most)
