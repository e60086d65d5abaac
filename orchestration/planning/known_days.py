"""What is known of days beforehand, as factors on demand: pure, products by days.

A factor is what demand is multiplied by on a day: 0 on a closed one, 1.4 for +40 %, 1 on a usual
one. Past demand is divided by it before anything is learned, a forecast is multiplied by it.
Where nobody said how much, days of the same kind teach it: what was asked for on them over what
was asked for on the same weekdays around them, leaning on 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import holidays
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CLOSURE = "closure"
HOLIDAY = "holiday"
# A learned factor leans on 1 as if by one usual day, and stays within what shops have seen.
_LEANS_ON_DAYS = 1.0
_LEAST, _MOST = 0.1, 5.0
# A site that was closed on each of at least so many past holidays is taken to close on the next.
_CLOSED_ON_EACH_OF = 2
_WEEKS_AROUND = 4


@dataclass(frozen=True)
class KnownEvent:
    """Days `first` to `last`, about one product, one category or, with neither, everything.

    effect: the factor that was said; None is to be learned from past days `known_by` the same.
    """

    known_by: str
    first: date
    last: date
    effect: float | None = None
    product_id: int | None = None
    category: str | None = None


def public_holidays(country: str, first: date, last: date) -> list[KnownEvent]:
    """The public holidays of an ISO 3166 code (DE, DE-BE) within these days, one group of all.

    Raises NotImplementedError for a code that the library does not know.
    """
    code, _, part = country.partition("-")
    years = range(first.year, last.year + 1)
    days = holidays.country_holidays(code, subdiv=part or None, years=years)
    return [KnownEvent(HOLIDAY, day, day) for day in sorted(days) if first <= day <= last]


def known_factors(
    events: Sequence[KnownEvent],
    *,
    products: Mapping[int, str],
    days: Sequence[date],
    is_open: NDArray[np.bool_],
    demand: Array,
    exposure: Array,
) -> Array:
    """The factors, N products (product_id to category, in order) by D days.

    The first P of `days` are past: is_open (P,) says on which the site was open, demand and
    exposure, N by P, what was asked for. From these is learned what nobody said.
    """
    past_days = len(is_open)
    factors = np.ones((len(products), len(days)))
    groups: dict[str, list[KnownEvent]] = {}
    for event in events:
        groups.setdefault(event.known_by, []).append(event)
    affected = _affected(events, products, days)
    for group, members in groups.items():
        touched = _affected(members, products, days)
        learned = _learned(
            touched[:, :past_days],
            affected[:, :past_days],
            days[:past_days],
            is_open=is_open,
            demand=demand,
            exposure=exposure,
            may_close=group == HOLIDAY,
        )
        for event in members:
            where = _affected([event], products, days)
            effect = event.effect if event.effect is not None else learned
            if group == CLOSURE:
                effect = 0.0
            factors[where] *= effect
    return factors


def without_known_effects(demand: Array, factors: Array) -> Array:
    """Demand as on usual days: divided by the factors, NaN where nothing could be asked for."""
    usual: Array = np.divide(demand, factors, out=np.full(demand.shape, np.nan), where=factors > 0)
    return usual


def _affected(
    events: Iterable[KnownEvent], products: Mapping[int, str], days: Sequence[date]
) -> NDArray[np.bool_]:
    ids = np.array(list(products), dtype=np.int64)
    categories = np.array(list(products.values()), dtype=object)
    numbers = np.array([day.toordinal() for day in days], dtype=np.int64)
    found = np.zeros((len(ids), len(numbers)), dtype=bool)
    for event in events:
        rows = np.ones(len(ids), dtype=bool)
        if event.product_id is not None:
            rows = ids == event.product_id
        elif event.category is not None:
            rows = np.asarray(categories == event.category, dtype=bool)
        when = (numbers >= event.first.toordinal()) & (numbers <= event.last.toordinal())
        found |= rows[:, None] & when[None, :]
    return found


def _learned(
    touched: NDArray[np.bool_],
    affected: NDArray[np.bool_],
    days: Sequence[date],
    *,
    is_open: NDArray[np.bool_],
    demand: Array,
    exposure: Array,
    may_close: bool,
) -> float:
    """(asked for + w) / (usual + w), w one usual day; 1 where no such day is known."""
    columns = np.flatnonzero(touched.any(axis=0))
    place = {day: column for column, day in enumerate(days)}
    asked = usual = 0.0
    counted = closed = 0
    for column in columns.tolist():
        rows = touched[:, column]
        around = [
            at
            for weeks in range(-_WEEKS_AROUND, _WEEKS_AROUND + 1)
            if weeks and (at := place.get(days[column] + timedelta(weeks=weeks))) is not None
        ]
        plain = np.where(affected[:, around], np.nan, demand[:, around])[rows]
        offered = np.where(np.isnan(plain), 0.0, exposure[:, around][rows]).sum(axis=1)
        sold = np.nansum(plain, axis=1)
        rates = np.divide(sold, offered, out=np.zeros_like(sold), where=offered > 0)
        if rates.sum() <= 0:
            continue
        counted += 1
        if not is_open[column]:
            closed += 1
            usual += float(rates.sum())
            continue
        seen = demand[rows, column]
        asked += float(np.nansum(seen))
        usual += float((rates * np.where(np.isnan(seen), 0.0, exposure[rows, column])).sum())
    if counted == 0:
        return 1.0
    if may_close and counted == closed:
        return 0.0 if counted >= _CLOSED_ON_EACH_OF else 1.0
    lean = _LEANS_ON_DAYS * usual / counted
    return float(np.clip((asked + lean) / (usual + lean), _LEAST, _MOST))
