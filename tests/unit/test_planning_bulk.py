"""Which days are bulk orders is a matter of the product's own distribution."""

from datetime import date

import numpy as np

from orchestration.planning.bulk import bulk_caps, within_bounds
from orchestration.planning.ledger_alerting import Anomaly, anomaly_words


def daily(*units: float) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.array([units], dtype=float)


def test_a_day_far_above_the_products_own_distribution_is_capped() -> None:
    (cap,) = bulk_caps(daily(*([4, 5, 6, 0, 5] * 8), 400))
    assert 10 <= cap < 30


def test_what_is_bought_by_the_pallet_every_other_day_has_no_bulk_orders() -> None:
    units = [1, 200, 3, 90, 12, 400, 2, 150, 40, 6] * 4
    assert bulk_caps(daily(*units))[0] > 400


def test_the_odd_few_units_are_no_bulk_order() -> None:
    assert bulk_caps(daily(*([1] * 30), 9))[0] >= 10


def test_a_product_with_hardly_any_sales_has_no_distribution_to_be_outside_of() -> None:
    assert bulk_caps(daily(1, 1, 1, 500, np.nan, 0))[0] == np.inf


def test_only_what_lies_outside_of_its_bounds_is_moved_to_them() -> None:
    demand = np.array([[3.0, 50.0, np.nan, 0.0]])
    low, high = np.array([[-np.inf, 2, 0, 4]]), np.array([[np.inf, 20, 10, 9]])
    bounded = within_bounds(demand, low, high)
    assert np.nan_to_num(bounded, nan=-1).tolist() == [[3, 20, -1, 4]]


def test_an_anomaly_is_told_with_what_was_expected() -> None:
    much = Anomaly(date(2026, 11, 20), demand=60, expected=9.6, low=2.2, high=21.8)
    little = Anomaly(date(2026, 11, 20), demand=0, expected=30, low=20, high=44)
    said, advice = anomaly_words([much], product="Bear", sku="BEAR", site="Riverside")
    assert said == ("Bear (BEAR) at Riverside: 60 on 2026-11-20 where 10 were expected (2 to 22).")
    assert "one large order" in advice
    assert much.beyond == 60 - 21.8
    _, advice = anomaly_words([little], product="Bear", sku="BEAR", site="Riverside")
    assert "really stocked" in advice
    assert little.beyond == 20
