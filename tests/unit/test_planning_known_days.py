"""What is known of days beforehand becomes factors on demand."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from orchestration.planning.known_days import (
    CLOSURE,
    KnownEvent,
    known_factors,
    public_holidays,
    without_known_effects,
)

MONDAY = date(2026, 3, 2)
PRODUCTS = {7: "toys", 3: "games", 9: "toys"}
PAST_DAYS = 84


def factors(
    *events: KnownEvent, demand: Any = None, closed: tuple[date, ...] = (), days_ahead: int = 28
) -> Any:
    days = [MONDAY + timedelta(days=n) for n in range(PAST_DAYS + days_ahead)]
    shape = (len(PRODUCTS), PAST_DAYS)
    return known_factors(
        events,
        products=PRODUCTS,
        days=days,
        is_open=np.array([day not in closed for day in days[:PAST_DAYS]]),
        demand=np.full(shape, 10.0) if demand is None else demand,
        exposure=np.ones(shape),
    )


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def test_what_is_said_of_a_product_or_a_category_is_said_of_no_other() -> None:
    found = factors(
        KnownEvent("event: fair", day(90), day(91), effect=1.4, product_id=3),
        KnownEvent("promotion: spring", day(91), day(92), effect=1.5, category="toys"),
    )
    assert found[:, 90:93].tolist() == [[1, 1.5, 1.5], [1.4, 1.4, 1], [1, 1.5, 1.5]]


def test_two_events_of_one_day_multiply() -> None:
    found = factors(
        KnownEvent("event: fair", day(90), day(90), effect=1.4),
        KnownEvent("promotion: spring", day(90), day(90), effect=0.5),
    )
    assert found[:, 90] == pytest.approx(0.7)


def test_a_closed_day_ahead_expects_nothing_whatever_else_is_known_of_it() -> None:
    found = factors(
        KnownEvent(CLOSURE, day(90), day(90)),
        KnownEvent("event: fair", day(90), day(90), effect=3.0),
    )
    assert (found[:, 90] == 0).all()


def test_days_of_the_same_name_teach_what_nobody_said() -> None:
    # given a promotion of 7 past days that sold twice as much as the same weekdays around them
    demand = np.full((3, PAST_DAYS), 10.0)
    demand[:, 42:49] = 20.0
    past = KnownEvent("promotion: spring", day(42), day(48))
    ahead = KnownEvent("promotion: spring", day(90), day(92))
    # when the same is promoted again
    found = factors(past, ahead, demand=demand)
    # then it is expected again, leaning on a usual day, and the past days say what they would
    # have said without it
    assert found[:, 90] == pytest.approx((7 * 20 + 10) / (7 * 10 + 10))
    assert found[:, 42] == pytest.approx(found[:, 90])
    usual = without_known_effects(demand, found[:, :PAST_DAYS])
    assert usual[:, 45] == pytest.approx(20 / found[0, 42])


def test_an_effect_that_nobody_said_and_no_day_has_shown_is_none() -> None:
    found = factors(KnownEvent("event: fair", day(90), day(90)))
    assert (found == 1).all()


@pytest.mark.parametrize(("past_holidays", "expected"), [(1, 1.0), (2, 0.0), (3, 0.0)])
def test_a_site_that_was_closed_on_each_of_two_holidays_or_more_closes_on_the_next(
    past_holidays: int, expected: float
) -> None:
    # given holidays four weeks apart, closed, so that nothing was asked for
    past = [day(20 + 28 * n) for n in range(past_holidays)]
    demand = np.full((3, PAST_DAYS), 10.0)
    demand[:, [(each - MONDAY).days for each in past]] = np.nan
    events = [KnownEvent("holiday", each, each) for each in [*past, day(95)]]
    found = factors(*events, demand=demand, closed=tuple(past))
    assert (found[:, 95] == expected).all()


def test_a_past_closed_day_teaches_nothing() -> None:
    found = factors(KnownEvent(CLOSURE, day(50), day(51)))
    usual = without_known_effects(np.full((3, PAST_DAYS), 4.0), found[:, :PAST_DAYS])
    assert np.isnan(usual[:, 50:52]).all()
    assert (usual[:, 52:] == 4).all()


def test_public_holidays_are_those_of_the_country_and_its_part() -> None:
    first, last = date(2026, 3, 1), date(2026, 3, 31)
    assert public_holidays("DE", first, last) == []
    berlin = public_holidays("DE-BE", first, last)
    assert [event.first for event in berlin] == [date(2026, 3, 8)]
    with pytest.raises(NotImplementedError):
        public_holidays("ZZ", first, last)
