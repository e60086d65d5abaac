"""What a purchase must bring, against what a hand reckons."""

from dataclasses import replace

import numpy as np
import pytest

from orchestration.planning.needs import Supply, needs

# Two a day, as even as chance lets them be; five days to deliver, orders once a week.
STEADY = Supply(
    mean=np.full(28, 2.0),
    low=18.0,
    high=30.0,
    total_days=12,
    lead_times=(5,),
    review_period_days=7,
    service_level=0.95,
    free=0,
)
# The 95 % quantile of a Poisson demand of 28, that of the two weeks after the arrival.
TWO_WEEKS = 37


def quantity(supply: Supply) -> int:
    return needs([supply])[0].quantity


def test_what_is_lost_before_the_order_arrives_is_not_bought() -> None:
    assert quantity(STEADY) == pytest.approx(TWO_WEEKS, abs=2)
    # and it is the same however long the order takes
    assert quantity(replace(STEADY, lead_times=(12,))) == pytest.approx(TWO_WEEKS, abs=2)


def test_what_is_left_at_the_arrival_is_not_bought_again() -> None:
    # given 60, of which 10 are expected to be gone by then
    assert quantity(replace(STEADY, free=60)) == 0
    assert quantity(replace(STEADY, free=20)) == pytest.approx(TWO_WEEKS - 10, abs=3)


def test_what_arrives_after_the_shelf_is_empty_serves_what_comes_then() -> None:
    # given 14 that arrive on the last day before the order, and the same at once
    late, soon = (quantity(replace(STEADY, arriving=((day, 14),))) for day in (4, 0))
    assert late < soon < quantity(STEADY)


def test_the_quantity_reaches_the_service_level_and_no_unit_more() -> None:
    [need] = needs([replace(STEADY, free=8, high=60.0)])
    assert need.risk_with(need.quantity) <= 0.05 < need.risk_with(need.quantity - 1)
    assert need.risk_with(need.quantity) < need.risk_with(0)
    assert quantity(replace(STEADY, free=8, high=60.0, service_level=0.8)) < need.quantity


def test_lead_times_as_taken_leave_less_on_the_shelf_the_longer_they_are() -> None:
    # given deliveries that mostly take two days and sometimes twenty
    held = replace(STEADY, free=24)
    [fixed, taken] = needs([held, replace(held, lead_times=(2, 2, 2, 2, 20))])
    assert fixed.short_before == 0
    assert taken.short_before == pytest.approx(0.2, abs=0.01)
    assert taken.quantity > quantity(replace(held, lead_times=(2,)))


def test_a_need_is_the_same_in_whatever_company_it_is_asked_for() -> None:
    others = [
        replace(STEADY, mean=np.full(28, mean), lead_times=(lead,), review_period_days=review)
        for mean in (0.0, 0.3, 50.0)
        for lead in (0, 3, 40)
        for review in (1, 7)
    ]
    together = needs([*others, STEADY])
    for one, need in zip([*others, STEADY], together, strict=True):
        [alone] = needs([one])
        assert alone.quantity == need.quantity
        assert alone.short_before == need.short_before
        assert alone.missing.tolist() == need.missing.tolist()


def test_what_nobody_asks_for_needs_nothing() -> None:
    [need] = needs([replace(STEADY, mean=np.zeros(28), low=0.0, high=0.0)])
    assert (need.quantity, need.short_before, need.risk_with(0)) == (0, 0, 0)
    assert needs([]) == []
