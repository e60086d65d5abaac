"""The textbook's policies give the published figures, to three decimals.

Published in Snyder & Shen 2019, Fundamentals of Supply Chain Theory (examples and problems by
number), and in Zheng & Federgruen 1991, Operations Research 39, Table 1.
"""

import pytest

from orchestration.planning.textbook import (
    economic_order_quantity,
    economic_order_quantity_with_discounts,
    newsvendor,
    newsvendor_normal,
    newsvendor_poisson,
    r_Q_policy,
    s_S_policy,
)


def three_decimals(value: float) -> object:
    return pytest.approx(value, abs=5e-4, rel=0)


@pytest.mark.parametrize(
    ("order_cost", "holding_cost", "demand_rate", "quantity", "cost"),
    [(8, 0.225, 1300, 304.047, 68.411), (2250, 275, 182_500, 1728.110, 475_230.207)],
)
def test_economic_order_quantity(
    order_cost: float, holding_cost: float, demand_rate: float, quantity: float, cost: float
) -> None:
    # Example 3.1, Problem 3.1
    found = economic_order_quantity(
        order_cost=order_cost, holding_cost=holding_cost, demand_rate=demand_rate
    )
    assert (found.quantity, found.cost) == (three_decimals(quantity), three_decimals(cost))


def test_economic_order_quantity_with_planned_backorders() -> None:
    # Example 3.8
    found = economic_order_quantity(
        order_cost=8, holding_cost=0.225, demand_rate=1300, backorder_cost=5
    )
    assert found.quantity == three_decimals(310.813)
    assert found.stockout_share == three_decimals(0.043)
    assert found.cost == three_decimals(66.921)
    # Problem 3.2(b)
    found = economic_order_quantity(
        order_cost=40, holding_cost=165 * 0.17 + 12, demand_rate=40 * 52, backorder_cost=60
    )
    assert found.quantity == three_decimals(83.235)
    assert found.stockout_share == three_decimals(0.400)
    assert found.cost == three_decimals(1999.148)


def test_a_discount_is_taken_where_it_pays() -> None:
    # given an EOQ of 100 at a price of 10, and 9 from 150 on
    found = economic_order_quantity_with_discounts(
        order_cost=50, holding_rate=0.1, demand_rate=100, breaks=[(0, 10), (150, 9)]
    )
    # then 150: 900 + 50 x 100 / 150 + 0.9 x 150 / 2, against 1000 + 50 + 50
    assert (found.quantity, found.cost) == (150, three_decimals(1000.833))


@pytest.mark.parametrize(
    ("costs", "mean", "sd", "lead_time", "level", "cost"),
    [
        ((0.18, 0.70), 50, 8, 0, 56.604, 1.998),
        ((43, 79), 900, 60, 0, 922.721, 2718.197),
        ((0.18, 0.70), 50, 8, 4, 264.767, 4.467),
    ],
)
def test_newsvendor_of_a_normal_demand(
    costs: tuple[float, float], mean: float, sd: float, lead_time: int, level: float, cost: float
) -> None:
    # Example 4.3, Problem 4.1, Example 4.4
    found = newsvendor_normal(
        holding_cost=costs[0],
        shortage_cost=costs[1],
        mean=mean,
        standard_deviation=sd,
        lead_time=lead_time,
    )
    assert (found.level, found.cost) == (three_decimals(level), three_decimals(cost))


@pytest.mark.parametrize(
    ("costs", "mean", "level", "cost"),
    [((1, 4), 6, 8, 3.570), ((200, 270), 18, 19, 786.088)],
)
def test_newsvendor_of_a_poisson_demand(
    costs: tuple[float, float], mean: float, level: int, cost: float
) -> None:
    # Example 4.7 without order cost, Problem 4.8(a)
    found = newsvendor_poisson(holding_cost=costs[0], shortage_cost=costs[1], mean=mean)
    assert (found.level, found.cost) == (level, three_decimals(cost))


def test_newsvendor_of_a_demand_given_value_by_value() -> None:
    # Problem 4.7(b)
    chances = {1: 0.25, 2: 0.05, 3: 0.1, 4: 0.2, 5: 0.15, 6: 0.10, 7: 0.10, 8: 0.05}
    found = newsvendor(holding_cost=500_000, shortage_cost=1_000_000, chances=chances)
    assert (found.level, found.cost) == (5, three_decimals(1_225_000))


# mean, s, S, cost; h = 1, p = 9, K = 64
ZHENG_FEDERGRUEN = [
    (10, 6, 40, 35.022),
    (15, 10, 49, 42.698),
    (20, 14, 62, 49.173),
    (25, 19, 56, 54.262),
    (30, 23, 66, 57.819),
    (35, 28, 77, 61.215),
    (40, 33, 87, 64.512),
    (45, 37, 97, 67.776),
    (50, 42, 108, 70.975),
    (55, 47, 118, 74.149),
    (60, 52, 129, 77.306),
    (65, 56, 75, 78.518),
    (70, 62, 81, 79.037),
    (75, 67, 86, 79.554),
    (21, 15, 65, 50.406),
    (22, 16, 68, 51.632),
    (23, 17, 52, 52.757),
    (24, 18, 54, 53.518),
    (51, 43, 110, 71.611),
    (52, 44, 112, 72.246),
    (59, 51, 126, 76.679),
    (61, 52, 131, 77.929),
    (63, 54, 73, 78.287),
    (64, 55, 74, 78.402),
]


@pytest.mark.parametrize(("mean", "s", "up_to", "cost"), ZHENG_FEDERGRUEN)
def test_s_S_of_zheng_and_federgruen(  # noqa: N802
    mean: float, s: int, up_to: int, cost: float
) -> None:
    found = s_S_policy(order_cost=64, holding_cost=1, shortage_cost=9, mean=mean)
    assert (found.reorder_point, found.order_up_to_level) == (s, up_to)
    assert found.cost == three_decimals(cost)


def test_s_S_of_the_book() -> None:  # noqa: N802
    # Example 4.7
    found = s_S_policy(order_cost=5, holding_cost=1, shortage_cost=4, mean=6)
    assert (found.reorder_point, found.order_up_to_level) == (4, 10)
    assert found.cost == three_decimals(8.034)


def test_r_Q_of_the_book() -> None:  # noqa: N802
    # Example 5.8
    found = r_Q_policy(
        order_cost=100, holding_cost=20, shortage_cost=150, demand_rate=1.5, lead_time=2
    )
    assert (found.reorder_point, found.order_up_to_level) == (3, 3 + 5)
    assert found.cost == three_decimals(107.924)


def test_what_is_not_above_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="order_cost is above 0, not 0"):
        economic_order_quantity(order_cost=0, holding_cost=1, demand_rate=1)
    with pytest.raises(ValueError, match="sum to 1"):
        newsvendor(holding_cost=1, shortage_cost=1, chances={1: 0.5})
    with pytest.raises(ValueError, match="from 0 on"):
        economic_order_quantity_with_discounts(
            order_cost=1, holding_rate=1, demand_rate=1, breaks=[(1, 1)]
        )
