"""The season of the year: how a time of year compares to the mean, pooled and each series' own.

Shapes: N series x T periods. A period's place in the year is a number of bins, 12 for months and
26 for weeks and days; between the middles of two bins the factor of weeks and days is interpolated.
"""

from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
Frequency = Literal["D", "W", "M"]
# 0 is none, 1 the pooled one, 2 the pooled one with each series' own beside it.
Season = Literal[0, 1, 2]
SEASONS: tuple[Season, ...] = (0, 1, 2)

YEAR: dict[Frequency, float] = {"D": 365.25, "W": 365.25 / 7, "M": 12.0}
_BINS: dict[Frequency, int] = {"D": 26, "W": 26, "M": 12}
# Before so many years nothing tells the season from the trend.
_LEAST_YEARS = 1.15
# A series' own season weighs as much as the pooled one when what it expects of a bin is this many
# times its variance-to-mean ratio; as for weekdays, but that ratio holds the season itself here.
_OWN_LEAN = 4.0
_BOUNDS = (0.1, 10.0)


def least_periods(frequency: Frequency) -> int:
    """How long a history must be before a season is looked for."""
    return int(np.ceil(_LEAST_YEARS * YEAR[frequency]))


def places(first_day: date, frequency: Frequency, first: int, count: int) -> Array:
    """Where in the year the middles of `count` periods from column `first` on lie, in bins."""
    bins = _BINS[frequency]
    columns = first + np.arange(count)
    if frequency == "M":
        month: Array = ((first_day.month - 1 + columns) % bins).astype(np.float64) + 0.5
        return month
    days = 1 if frequency == "D" else 7
    began = first_day.timetuple().tm_yday - 1
    middle = began + days * (columns + 0.5)
    place: Array = ((middle / 365.25 * bins) % bins).astype(np.float64)
    return place


def annual_profile(asked: Array, place: Array, frequency: Frequency) -> Array:
    """The pooled factor of each bin of the year, of geometric mean 1.

    asked (T,) is the demand of all series, free of the weekday and NaN where nothing is known. Its
    trend is the median change from one year to the next, which no season can feign.
    """
    bins, year = _BINS[frequency], round(YEAR[frequency])
    usable = np.nan_to_num(asked) > 0
    logs = np.where(usable, np.log(np.where(usable, asked, 1.0)), np.nan)
    changes = logs[year:] - logs[:-year]
    changes = changes[~np.isnan(changes)]
    slope = float(np.median(changes)) / year if changes.size else 0.0
    level = logs - slope * np.arange(len(logs))
    at = place.astype(np.int64) % bins
    count = np.bincount(at[usable], minlength=bins)
    sums = np.bincount(at[usable], weights=level[usable], minlength=bins)
    usual = float(level[usable].mean()) if usable.any() else 0.0
    mean = np.where(count > 0, sums / np.maximum(count, 1), usual)
    profile: Array = np.exp(mean - mean.mean())
    return profile


def factors_of(profile: Array, place: Array, frequency: Frequency) -> Array:
    """The factor of each period, (T,), by its place in the year."""
    bins = len(profile)
    if frequency == "M":
        return np.asarray(profile[place.astype(np.int64) % bins])
    wrapped = np.concatenate([profile[-1:], profile, profile[:1]])
    between: Array = np.interp(place, np.arange(-1, bins + 1) + 0.5, wrapped)
    return between


def own_seasons(demand: Array, usual: Array, place: Array, frequency: Frequency) -> Array:
    """Each row's factor beside the pooled one, N x bins, shrunk to 1.

    usual (N, T) is what a row at rate 1 expects. Only whole years count, so that each time of year
    weighs alike; with less than one, every factor is 1.
    """
    bins = _BINS[frequency]
    whole = int(int(demand.shape[1] / YEAR[frequency]) * YEAR[frequency])
    if whole == 0:
        return np.ones((len(demand), bins))
    asked, usual = demand[:, -whole:], usual[:, -whole:]
    seen = ~np.isnan(asked)
    asked, usual = np.where(seen, asked, 0.0), np.where(seen, usual, 0.0)
    rate = asked.sum(axis=1) / np.maximum(usual.sum(axis=1), 1e-9)
    expected = rate[:, np.newaxis] * usual
    strays = ((asked - expected) ** 2).sum(axis=1)
    lean = _OWN_LEAN * strays / np.maximum(expected.sum(axis=1), 1e-9)
    at = place[-whole:].astype(np.int64) % bins
    factors = np.ones((len(demand), bins))
    for part in range(bins):
        on = at == part
        above = asked[:, on].sum(axis=1) + lean
        below = expected[:, on].sum(axis=1) + lean
        factors[:, part] = np.where(below > 1e-9, above / np.maximum(below, 1e-12), 1.0)
    # A row that was not there for the whole year has bins without a word, which say nothing.
    return np.clip(factors, *_BOUNDS)
