"""The simulation of orders where unserved demand is lost, against what a hand reckons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.simulation import (
    DemandPaths,
    Paths,
    order_to_last,
    paths_like,
    quantity_for_cost,
    shortfalls,
)


def certain(*demand: float) -> Paths:
    """One series that has one path."""
    return np.array([[demand]], dtype=np.float32)


def test_what_is_lost_before_the_delivery_is_not_bought() -> None:
    # given 3 on hand, 5 asked for in each of two periods of lead time, 4 in the one after
    stock, missing = shortfalls(
        certain(5, 5, 4),
        on_hand=np.array([3.0]),
        arrivals=np.zeros((1, 3)),
        lead_time=2,
        review=1,
    )
    # then nothing is left, 7 are lost for good, and 4 are needed, not 11
    assert (stock[0, 0], missing[0, 0, 0]) == (0, 4)


def test_what_is_on_its_way_serves_the_period_in_which_it_arrives() -> None:
    stock, missing = shortfalls(
        certain(5, 5, 4),
        on_hand=np.array([3.0]),
        arrivals=np.array([[0.0, 7.0, 0.0]]),
        lead_time=2,
        review=1,
    )
    assert (stock[0, 0], missing[0, 0, 0]) == (2, 2)


def test_an_order_lasts_until_the_next_arrives_a_review_period_later() -> None:
    orders = order_to_last(
        certain(1, 2, 3, 4),
        on_hand=np.array([2.0]),
        arrivals=np.zeros((1, 4)),
        lead_time=1,
        review=3,
        service_level=0.9,
    )
    # 1 of 2 is left, then 2 + 3 + 4 are asked for
    assert orders.quantity[0] == 8
    assert (orders.stock_at_arrival[0], orders.lost_without[0], orders.lost_with[0]) == (1, 8, 0)
    assert (orders.risk_without[0], orders.risk_with[0]) == (1, 0)


def test_each_path_has_a_lead_time_of_its_own() -> None:
    demand = np.tile(np.array([1, 2, 3, 4], dtype=np.float32), (1, 2, 1))
    stock, missing = shortfalls(
        demand,
        on_hand=np.array([4.0]),
        arrivals=np.zeros((1, 4)),
        lead_time=np.array([[0, 3]]),
        review=1,
    )
    assert stock[0].tolist() == [4, 0]
    assert missing[0, :, 0].tolist() == [-3, 4]


def test_with_a_review_of_one_period_the_cost_is_the_newsvendors() -> None:
    # given demands of 1 to 6, each as likely, and a critical ratio of 5 / 6
    missing = np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1)
    # then
    assert quantity_for_cost(missing, holding_cost=np.array([0.2]), shortage_cost=np.array([1.0]))[
        0
    ] == 5  # fmt: skip


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=8),
    st.integers(0, 12),
    st.sampled_from([(0.01, 1.0), (0.2, 1.0), (1.0, 1.0), (1.0, 0.1)]),
)
def test_no_quantity_costs_less_than_the_one_ordered(
    paths: list[list[int]], on_hand: int, costs: tuple[float, float]
) -> None:
    # given a lead time of 1 and a review period of 2
    demand = np.array([paths], dtype=np.float32)
    holding, shortage = costs

    def cost(quantity: int) -> float:
        total = 0.0
        for first, second, third in paths:
            stock = max(on_hand - first, 0) + quantity
            for asked in (second, third):
                total += shortage * max(asked - stock, 0)
                stock = max(stock - asked, 0)
                total += holding * stock
        return total

    # when
    ordered = order_to_last(
        demand,
        on_hand=np.array([float(on_hand)]),
        arrivals=np.zeros((1, 3)),
        lead_time=1,
        review=2,
        holding_cost=np.array([holding]),
        shortage_cost=np.array([shortage]),
    ).quantity[0]
    # then
    assert cost(int(ordered)) <= min(cost(quantity) for quantity in range(20)) + 1e-9


def test_paths_have_the_mean_and_the_variance_asked_for() -> None:
    mean = np.array([[0.2, 3.0, 400.0]])
    drawn = DemandPaths(paths=4000, periods=3).draw(mean, np.full((1, 3), 0.5))
    assert drawn.mean(axis=1)[0] == pytest.approx(mean[0], rel=0.06)
    assert drawn.var(axis=1)[0] == pytest.approx(mean[0] + 0.5 * mean[0] ** 2, rel=0.12)


def test_what_nobody_asks_for_is_not_bought() -> None:
    drawn = DemandPaths(paths=50, periods=2).draw(np.zeros((1, 2)), np.zeros((1, 2)))
    assert drawn.sum() == 0


def test_paths_of_a_forecast_spread_as_its_totals_do() -> None:
    paths = DemandPaths(paths=2000, periods=14)
    drawn = paths_like(
        np.full((1, 14), 10.0),
        low=np.array([70.0]),
        high=np.array([210.0]),
        total_periods=np.array([14]),
        paths=paths,
    )
    totals = drawn.sum(axis=2)[0]
    assert totals.mean() == pytest.approx(140, rel=0.02)
    assert np.quantile(totals, 0.9) - np.quantile(totals, 0.1) == pytest.approx(140, rel=0.1)


def test_a_service_level_and_costs_together_are_refused() -> None:
    with pytest.raises(ValueError, match="either a service level or"):
        order_to_last(
            certain(1, 1),
            on_hand=np.zeros(1),
            arrivals=np.zeros((1, 2)),
            lead_time=1,
            review=1,
            service_level=0.9,
            holding_cost=np.ones(1),
        )


def test_a_horizon_that_ends_before_the_next_arrival_is_refused() -> None:
    with pytest.raises(ValueError, match="2 periods of demand"):
        shortfalls(
            certain(1, 1), on_hand=np.zeros(1), arrivals=np.zeros((1, 2)), lead_time=2, review=1
        )
