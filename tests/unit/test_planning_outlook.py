"""Risks and other terms, read from measured quantiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.forecasting import TotalDemand
from orchestration.planning.outlook import PROBABILITIES, outlooks, risk
from orchestration.planning.ratios import RatioTable

# Whatever is expected, what happens lies evenly between nothing and twice as much.
_EVENLY = RatioTable(
    np.array([0.1, 1000.0]),
    np.tile(
        2 * np.concatenate(([0.005, 0.01, 0.025], np.arange(0.05, 1, 0.025), [0.99, 0.995])),
        (2, 1),
    ),
)
TOTALS = TotalDemand({1: _EVENLY, 28: _EVENLY})


@pytest.mark.parametrize(
    ("held", "chance"), [(0, 0.99), (50, 0.5), (90, 0.1), (85, 0.15), (99, 0.01), (500, 0.01)]
)
def test_the_risk_is_the_share_of_measured_totals_above_what_is_held(
    held: float, chance: float
) -> None:
    assert risk(100 * PROBABILITIES, held) == pytest.approx(chance)


def test_what_was_mostly_not_asked_for_at_all_is_a_small_risk() -> None:
    mostly_none = np.where(PROBABILITIES <= 0.9, 0.0, 4.0)
    assert risk(mostly_none, 0) == pytest.approx(0.1)
    assert risk(mostly_none, 4) == pytest.approx(0.01)


@given(
    held=st.floats(0, 300),
    more=st.floats(0, 300),
    steps=st.lists(st.floats(0, 50), min_size=16, max_size=16),
)
def test_more_stock_is_never_a_greater_risk(held: float, more: float, steps: list[float]) -> None:
    quantiles = np.cumsum(steps)
    assert 0.01 <= risk(quantiles, held + more) <= risk(quantiles, held) <= 0.99


def test_an_outlook_has_both_horizons_and_what_other_terms_would_give() -> None:
    [one] = outlooks(
        np.full((1, 28), 2.0),
        TOTALS,
        lead_time_days=np.array([5]),
        review_period_days=7,
        service_level=np.array([0.95]),
    )
    # 24 are expected in 12 days, so the totals lie evenly up to 48
    assert one.risk_before_next_chance(24) == pytest.approx(0.5)
    assert one.risk_before_arrival(5) == pytest.approx(0.75)
    assert (one.low, one.high) == pytest.approx((4.8, 43.2))
    # with two days 18 are expected in 9: s is 0.95 x 36, S 14 more
    levels = one.what_if["with a lead time of 2 days"]
    assert (levels.reorder_point, levels.order_up_to_level) == (35, 49)
    assert one.what_if["with a lead time of 10 days"].reorder_point == 65
    assert one.what_if["with a service level of 99%"].reorder_point == 48


def test_the_outlooks_stand_in_the_order_of_the_products() -> None:
    made = outlooks(
        np.stack([np.full(28, 1.0), np.full(28, 3.0), np.full(28, 2.0)]),
        TOTALS,
        lead_time_days=np.array([9, 0, 9]),
        review_period_days=7,
        service_level=np.array([0.95, 0.9, 0.95]),
    )
    assert [round(one.high / 1.8, 1) for one in made] == [16.0, 21.0, 32.0]
