"""When customers come: opening hours, the hour of the day, the weekday, the season, the spikes."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from simulation.arcade import Floats, Ints

# From Monday on: the hours between which the arcade is open.
OPENING_HOURS = ((11, 21), (11, 21), (11, 21), (11, 21), (11, 22), (10, 22), (10, 20))
_WEEKDAY = (0.72, 0.70, 0.78, 0.85, 1.20, 1.65, 1.35)
_MONTH = (0.86, 0.86, 0.94, 1.0, 0.98, 1.04, 1.16, 1.14, 0.92, 0.96, 1.0, 1.2)
# How busy each hour is, from midnight on; hours outside opening do not count.
_HOUR = np.array([0.0] * 10 + [5, 6, 8, 8, 9, 11, 13, 14, 14, 13, 10, 7, 0, 0], dtype=np.float64)
# How many units one sale has.
_UNITS = np.array([1, 2, 3, 4, 5])
_UNITS_P = np.array([0.76, 0.16, 0.05, 0.02, 0.01])


def is_closed(day: date) -> bool:
    """The arcade is open all year but on Christmas Day and New Year's Day."""
    return (day.month, day.day) in ((12, 25), (1, 1))


def opening_seconds(day: date) -> tuple[int, int]:
    """Opening and closing, in seconds of the local day."""
    opens, closes = OPENING_HOURS[day.weekday()]
    return opens * 3600, closes * 3600


def day_factor(day: date) -> float:
    """How busy a day is beside the mean one; 0 when closed."""
    return 0.0 if is_closed(day) else _WEEKDAY[day.weekday()] * _MONTH[day.month - 1]


@dataclass(frozen=True, slots=True)
class Fashion:
    """What lifts or ends the demand for a product for a while, in days since the first.

    launch: the day on which the product comes on sale (0: it was there before).
    hit_from, hit_until, hit_factor: a product's sudden hit (factor 1: none).
    event_from, event_until: the event week, when everything sells more.
    """

    launch: Ints
    hit_from: Ints
    hit_until: Ints
    hit_factor: Floats
    event_from: int
    event_until: int

    def factors(self, index: int) -> Floats:
        """The factor on each product's demand on this day."""
        event = 1.7 if self.event_from <= index < self.event_until else 1.0
        hit = (self.hit_from <= index) & (index < self.hit_until)
        on_sale = self.launch <= index
        return np.asarray(event * np.where(hit, self.hit_factor, 1.0) * on_sale)


def draw_fashion(*, products: int, days: int, rng: np.random.Generator) -> Fashion:
    """One product in 16 is new in the period, one in 80 has a sudden hit, one week is special."""
    launch = np.zeros(products, dtype=np.int64)
    order = rng.permutation(products)
    new, hits = order[: products // 16], order[-max(1, products // 80) :]
    launch[new] = rng.integers(days // 10, days, len(new))
    hit_from = np.zeros(products, dtype=np.int64)
    hit_until = np.zeros(products, dtype=np.int64)
    hit_factor = np.ones(products)
    hit_from[hits] = np.linspace(days * 0.2, days * 0.96, len(hits)).astype(np.int64)
    hit_until[hits] = hit_from[hits] + rng.integers(10, 26, len(hits))
    hit_factor[hits] = rng.uniform(4.0, 9.0, len(hits))
    event_from = int(days * 0.6)
    return Fashion(launch, hit_from, hit_until, hit_factor, event_from, event_from + 7)


def draw_moments(count: int, day: date, rng: np.random.Generator) -> Floats:
    """Seconds of the local day at which `count` customers come, by the hour-of-day profile."""
    opens, closes = OPENING_HOURS[day.weekday()]
    profile = _HOUR[opens:closes]
    hours = rng.choice(np.arange(opens, closes), size=count, p=profile / profile.sum())
    return np.asarray((hours + rng.random(count)) * 3600.0)


def draw_units(count: int, rng: np.random.Generator) -> Ints:
    """How many units each of `count` customers asks for."""
    return np.asarray(rng.choice(_UNITS, size=count, p=_UNITS_P), dtype=np.int64)
