"""Lead times as suppliers really took, from receipts and from histories with dirty dates."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["used", "no_order_date", "no_delivery_date", "before_the_order", "too_long"]
Whole: TypeAlias = NDArray[np.int64]

ENOUGH = 5
LONGEST_DAYS = 730
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_NAMED = re.compile(r"(\d{1,2})[-/. ]([A-Za-z]{3})[A-Za-z]*[-/. ,]+(\d{4}|\d{2})")
_NUMBERS = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?: .*)?")


def lead_time_distribution(
    taken_days: Sequence[int] | Whole, *, stated_days: int, enough: int = ENOUGH
) -> Whole:
    """Equally likely lead times in days, ascending: those that were taken, all of them.

    With fewer than `enough` deliveries the supplier's stated lead time stands alone. Raises
    ValueError for a lead time below 0. A quantile or a mean of the array is one of the lead time.
    """
    days = np.sort(np.asarray(taken_days, dtype=np.int64))
    if stated_days < 0 or (len(days) and days[0] < 0):
        raise ValueError("a lead time is 0 days or more")
    if len(days) < enough:
        return np.array([stated_days], dtype=np.int64)
    return days


@dataclass
class DeliveryHistory:
    """What a list of deliveries tells, supplier by supplier, and what became of each line."""

    taken_days: dict[str, list[int]] = field(default_factory=dict)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    shortest_days: int | None = None
    longest_days: int | None = None

    @property
    def lines_with_both_dates(self) -> int:
        """Used or not."""
        with_both: tuple[Outcome, ...] = ("used", "before_the_order", "too_long")
        return sum(self.outcomes[outcome] for outcome in with_both)


def read_deliveries(lines: Iterable[tuple[str, str, str]]) -> DeliveryHistory:
    """Lines of (supplier, when ordered, when delivered), the days as text in any form.

    A delivery before its order, or more than two years after it, is a slip of the pen and not a
    lead time. Whether 3/4/2012 is in March or April is told by the other days of its column;
    where none tells, by nothing, and the day counts as missing.
    """
    rows = list(lines)
    ordered = read_days([row[1] for row in rows])
    delivered = read_days([row[2] for row in rows])
    history = DeliveryHistory()
    for (supplier, _, _), begin, end in zip(rows, ordered, delivered, strict=True):
        history.outcomes[_take(history, supplier, begin, end)] += 1
    return history


def _take(
    history: DeliveryHistory, supplier: str, ordered: date | None, delivered: date | None
) -> Outcome:
    if ordered is None:
        return "no_order_date"
    if delivered is None:
        return "no_delivery_date"
    days = (delivered - ordered).days
    shortest, longest = history.shortest_days, history.longest_days
    history.shortest_days = days if shortest is None else min(days, shortest)
    history.longest_days = days if longest is None else max(days, longest)
    if days < 0:
        return "before_the_order"
    if days > LONGEST_DAYS:
        return "too_long"
    history.taken_days.setdefault(supplier, []).append(days)
    return "used"


def read_days(texts: Sequence[str]) -> list[date | None]:
    """The days of one column; None for words and for days that the calendar has not."""
    firsts, seconds = [0], [0]
    for text in texts:
        if found := _NUMBERS.fullmatch(text.strip()):
            firsts.append(int(found[1]))
            seconds.append(int(found[2]))
    day_first, month_first = max(firsts) > 12, max(seconds) > 12
    order = None if day_first == month_first else "dm" if day_first else "md"
    return [_day(text.strip(), order) for text in texts]


def _day(text: str, order: str | None) -> date | None:
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if (found := _NAMED.fullmatch(text)) and found[2].lower() in _MONTHS:
            return date(_year(found[3]), _MONTHS.index(found[2].lower()) + 1, int(found[1]))
        if (found := _NUMBERS.fullmatch(text)) and order is not None:
            first, second = int(found[1]), int(found[2])
            day, month = (first, second) if order == "dm" else (second, first)
            return date(_year(found[3]), month, day)
    except ValueError:
        return None
    return None


def _year(text: str) -> int:
    """Two digits are mean a year from 1970 to 2069."""
    year = int(text)
    if len(text) == 4:
        return year
    return 1900 + year if year >= 70 else 2000 + year
