"""The review period of a supplier that takes orders on some weekdays only."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.order_days import WEEKDAYS, days_to_order_day_after_next

MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("order_days", "days_after_monday", "expected"),
    [
        ("mon", 0, 7),
        ("mon", 1, 13),
        ("mon", 6, 8),
        ("mon thu", 0, 3),
        ("mon thu", 1, 6),
        ("mon thu", 4, 6),
        ("mon tue wed thu fri", 4, 3),
        ("mon tue wed thu fri sat sun", 2, 1),
    ],
)
def test_it_ends_with_the_order_day_after_next(
    order_days: str, days_after_monday: int, expected: int
) -> None:
    today = MONDAY + timedelta(days=days_after_monday)
    assert days_to_order_day_after_next(order_days, today) == expected


@given(
    order_days=st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(" ".join),
    today=st.dates(max_value=date(9998, 1, 1)),
)
def test_it_ends_on_an_order_day_and_one_lies_before(order_days: str, today: date) -> None:
    days = days_to_order_day_after_next(order_days, today)
    between = [WEEKDAYS[(today + timedelta(days=day)).weekday()] for day in range(days + 1)]
    assert between[-1] in order_days.split()
    assert sum(day in order_days.split() for day in between) == 2


def test_a_supplier_without_an_order_day_is_refused() -> None:
    with pytest.raises(ValueError, match="named"):
        days_to_order_day_after_next("", MONDAY)
