"""Days, weeks and months as numbers, so that a table of dates becomes columns of an array."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Frequency = Literal["D", "W", "M"]
Days = NDArray[np.datetime64]
Numbers = NDArray[np.int64]

_WEEK_DAYS = 7
PERIOD_NAMES: dict[Frequency, str] = {"D": "day", "W": "week", "M": "month"}


@dataclass(frozen=True)
class Calendar:
    """Which period a date is: column 0 is the period of `first`.

    day_of_month is the day on which months are dated, 0 for their last day.
    """

    frequency: Frequency
    first: date
    day_of_month: int = 1

    def columns(self, days: Days) -> Numbers:
        """The column of each date; -1 where it is not a day on which a period is dated."""
        if self.frequency == "M":
            months = days.astype("datetime64[M]")
            first = np.datetime64(self.first, "M")
            fits = self._dated(months) == days.astype("datetime64[D]")
            return np.where(fits, (months - first).astype(np.int64), -1)
        since = (days.astype("datetime64[D]") - np.datetime64(self.first, "D")).astype(np.int64)
        if self.frequency == "D":
            return since
        return np.where(since % _WEEK_DAYS == 0, since // _WEEK_DAYS, -1)

    def dates(self, columns: Numbers) -> Days:
        """The date of each column."""
        if self.frequency == "M":
            return self._dated(np.datetime64(self.first, "M") + columns)
        step = _WEEK_DAYS if self.frequency == "W" else 1
        days: Days = np.datetime64(self.first, "D") + columns * step
        return days

    def _dated(self, months: Days) -> Days:
        following: Days = (months + 1).astype("datetime64[D]")
        if self.day_of_month == 0:
            last: Days = following - 1
            return last
        on: Days = months.astype("datetime64[D]") + (self.day_of_month - 1)
        dated: Days = np.minimum(on, following - 1)
        return dated


def calendar_of(days: Days, frequency: Frequency) -> Calendar:
    """The calendar in which these dates (each once, rising) are periods.

    Weeks begin on the weekday of the first date. Months are dated by the day of the first date,
    or by their last day where all dates are last days.
    """
    first = days[0].astype("datetime64[D]")
    if frequency != "M":
        return Calendar(frequency, first.astype(date))
    if (
        (days.astype("datetime64[D]") + 1).astype("datetime64[M]") > days.astype("datetime64[M]")
    ).all():
        return Calendar("M", first.astype(date), day_of_month=0)
    dated = (days.astype("datetime64[D]") - days.astype("datetime64[M]")).astype(np.int64) + 1
    return Calendar("M", first.astype(date), day_of_month=int(dated.max()))
