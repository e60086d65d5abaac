"""How good forecasts were as they were issued, from sums; when a plan should not rest on them.

WAPE is sum |y - f| / sum y, RMSE the root of the mean squared error (Hyndman & Koehler 2006),
pinball loss as in Gneiting & Raftery 2007, coverage the share of days within an interval.
"""

from dataclasses import dataclass
from math import nan, sqrt

# Fewer days or product-days than these say more about chance than about a method.
LEAST_DAYS = 14
LEAST_OBSERVATIONS = 100


@dataclass(frozen=True)
class IssuedAccuracy:
    """Sums over product-days seen in full: what was asked for, what was said, and how far apart.

    naive repeats the same weekday of the last week known at issue; average is the mean of the
    seven days before it. pinball_loss is the mean over five quantiles, summed.
    """

    days: int
    observations: int
    demand: float
    forecast: float
    absolute_error: float
    squared_error: float
    naive_absolute_error: float
    naive_squared_error: float
    average_absolute_error: float
    average_squared_error: float
    pinball_loss: float
    within_80: int
    within_95: int

    @property
    def wape(self) -> float:
        return _ratio(self.absolute_error, self.demand)

    @property
    def naive_wape(self) -> float:
        return _ratio(self.naive_absolute_error, self.demand)

    @property
    def average_wape(self) -> float:
        return _ratio(self.average_absolute_error, self.demand)

    @property
    def rmse(self) -> float:
        return sqrt(_ratio(self.squared_error, self.observations))

    @property
    def naive_rmse(self) -> float:
        return sqrt(_ratio(self.naive_squared_error, self.observations))

    @property
    def bias(self) -> float:
        """Positive where more was forecast than was asked for."""
        return _ratio(self.forecast - self.demand, self.demand)

    @property
    def coverage_80(self) -> float:
        return _ratio(self.within_80, self.observations)

    @property
    def coverage_95(self) -> float:
        return _ratio(self.within_95, self.observations)

    @property
    def mean_pinball_loss(self) -> float:
        return _ratio(self.pinball_loss, self.observations)

    @property
    def can_be_judged(self) -> bool:
        """A new shop, or one that sold nothing, has nothing to be judged by."""
        return (
            self.days >= LEAST_DAYS and self.observations >= LEAST_OBSERVATIONS and self.demand > 0
        )

    @property
    def is_worse_than_naive(self) -> bool:
        """By absolute and by squared error alike.

        One alone is no proof: of a product that sells once in ten days the mean errs as much as a
        repeated zero by the one, and a single bulk order decides the other.
        """
        return (
            self.can_be_judged
            and self.absolute_error > self.naive_absolute_error
            and self.squared_error > self.naive_squared_error
        )


def why_the_plan_waits(measured: IssuedAccuracy, *, site: str) -> str | None:
    """Why the plan of a site is left as it is, in words; None where it rests on a fair forecast."""
    if not measured.is_worse_than_naive:
        return None
    return (
        f"The plan of {site} is left as it was: over the last {measured.days} days its forecast"
        f" missed {measured.wape:.0%} of what was asked for, and repeating the week before would"
        f" have missed {measured.naive_wape:.0%}. Lines change again once the forecast is the"
        " better of the two."
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else nan
