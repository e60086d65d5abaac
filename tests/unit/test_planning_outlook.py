"""Range and other terms, read from measured quantiles."""

import numpy as np
import pytest

from orchestration.planning.forecasting import TotalDemand
from orchestration.planning.outlook import OtherTerms, outlooks
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


def test_an_outlook_has_the_range_and_what_other_terms_would_ask_for() -> None:
    [one] = outlooks(
        np.full((1, 28), 2.0),
        TOTALS,
        lead_time_days=np.array([5]),
        review_period_days=7,
        service_level=np.array([0.95]),
    )
    # 24 are expected in 12 days, so the totals lie evenly up to 48
    assert (one.low, one.high) == pytest.approx((4.8, 43.2))
    # with two days 18 are expected in 9: s is 0.95 x 36
    assert one.what_if["with a lead time of 2 days"] == OtherTerms(35, 0.95, 2)
    assert one.what_if["with a lead time of 10 days"].reorder_point == 65
    assert one.what_if["with a service level of 99%"] == OtherTerms(48, 0.99)


def test_the_outlooks_stand_in_the_order_of_the_products() -> None:
    made = outlooks(
        np.stack([np.full(28, 1.0), np.full(28, 3.0), np.full(28, 2.0)]),
        TOTALS,
        lead_time_days=np.array([9, 0, 9]),
        review_period_days=7,
        service_level=np.array([0.95, 0.9, 0.95]),
    )
    assert [round(one.high / 1.8, 1) for one in made] == [16.0, 21.0, 32.0]
