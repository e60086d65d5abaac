"""The restock arithmetic, rule by rule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.replenishment import (
    Policy,
    Stock,
    days_until_stockout,
    is_worth_a_change,
    order_quantity,
    policy,
    priority,
    suggest,
)


def two_a_day(days: int) -> float:
    return 2.0 * days


def half_more_at_worst(days: int, probability: float) -> float:
    return 3.0 * days if probability >= 0.9 else 2.0 * days


POLICY = policy(
    mean_demand=two_a_day,
    demand_quantile=half_more_at_worst,
    lead_time_days=5,
    review_period_days=7,
    service_level=0.95,
    pack_size=6,
    minimum_order_quantity=10,
)


def stock(position: int) -> Stock:
    return Stock(on_hand_selling=position, on_hand_behind=0)


def test_the_reorder_point_serves_lead_time_and_review_period_at_the_service_level() -> None:
    assert POLICY.reorder_point == 3 * (5 + 7)


def test_the_order_up_to_level_holds_one_review_period_more() -> None:
    assert POLICY.order_up_to_level == POLICY.reorder_point + 2 * 7


def test_the_shelf_must_hold_what_is_asked_for_until_the_delivery_or_the_next_refill() -> None:
    assert (POLICY.selling_minimum, POLICY.refill_minimum) == (10, 2)


def test_a_product_that_nobody_asks_for_still_has_a_minimum_of_one_on_the_shelf() -> None:
    idle = policy(
        mean_demand=lambda days: 0.0,
        demand_quantile=lambda days, probability: 0.0,
        lead_time_days=5,
        review_period_days=7,
        service_level=0.95,
    )
    assert (idle.reorder_point, idle.selling_minimum, idle.refill_minimum) == (0, 1, 1)


@pytest.mark.parametrize("service_level", [0, 1, 95])
def test_a_service_level_is_a_probability(service_level: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        policy(
            mean_demand=two_a_day,
            demand_quantile=half_more_at_worst,
            lead_time_days=5,
            review_period_days=7,
            service_level=service_level,
        )


def test_nothing_is_suggested_above_the_reorder_point() -> None:
    assert suggest(policy=POLICY, stock=stock(37), mean_demand=two_a_day) is None


def test_at_the_reorder_point_an_order_goes_up_to_s_in_whole_packs() -> None:
    line = suggest(policy=POLICY, stock=stock(36), mean_demand=two_a_day)
    assert line is not None
    assert line.quantity == 18  # 14 wanted, packs of 6


def test_a_small_need_is_raised_to_the_minimum_order() -> None:
    small = replace(POLICY, order_up_to_level=37, pack_size=1)
    line = suggest(policy=small, stock=stock(36), mean_demand=two_a_day)
    assert line is not None
    assert line.quantity == 10
    assert "minimum order of 10" in line.reason


@given(
    position=st.integers(-1000, 1000),
    s=st.integers(0, 1000),
    cycle=st.integers(1, 500),
    pack=st.integers(1, 50),
    minimum=st.integers(1, 100),
)
def test_every_order_reaches_s_in_packs_and_never_by_a_pack_too_many(
    position: int, s: int, cycle: int, pack: int, minimum: int
) -> None:
    quantity = order_quantity(
        inventory_position=position,
        reorder_point=s,
        order_up_to_level=s + cycle,
        pack_size=pack,
        minimum_order_quantity=minimum,
    )
    if position > s:
        assert quantity == 0
        return
    assert quantity % pack == 0
    assert quantity >= minimum
    assert position + quantity >= s + cycle
    assert quantity - pack < max(minimum, s + cycle - position)


def test_stock_lasts_until_the_expected_demand_has_used_it_up() -> None:
    assert days_until_stockout(on_hand=5, mean_demand=two_a_day) == 2.5
    assert days_until_stockout(on_hand=0, mean_demand=two_a_day) == 0
    assert days_until_stockout(on_hand=5, mean_demand=lambda days: 0.0) is None


def test_an_empty_shelf_with_nothing_behind_it_is_critical() -> None:
    assert priority(policy=POLICY, stock=stock(0), days_until_stockout=0.0) == "critical"


def test_an_empty_shelf_before_a_full_back_room_is_not_a_reason_to_hurry_the_supplier() -> None:
    behind = Stock(on_hand_selling=0, on_hand_behind=30)
    assert priority(policy=POLICY, stock=behind, days_until_stockout=15.0) == "low"


@pytest.mark.parametrize(
    ("days", "expected"), [(2.0, "critical"), (4.0, "high"), (9.0, "medium"), (12.0, "low")]
)
def test_priority_is_how_the_stockout_compares_to_the_delivery(days: float, expected: str) -> None:
    behind = Stock(on_hand_selling=10, on_hand_behind=10)
    assert priority(policy=POLICY, stock=behind, days_until_stockout=days) == expected


def test_what_was_promised_and_what_is_coming_move_the_position() -> None:
    held = Stock(on_hand_selling=10, on_hand_behind=5, reserved=4, on_order=7, in_transit=2)
    assert held.inventory_position == 20


def test_the_arithmetic_names_every_term() -> None:
    line = suggest(policy=POLICY, stock=stock(20), mean_demand=two_a_day)
    assert line is not None
    terms = line.arithmetic
    assert terms["wanted"] == terms["order_up_to_level"] - terms["inventory_position"]
    assert terms["quantity"] == line.quantity
    assert {"lead_time_days", "service_level", "protection_demand", "pack_size"} <= set(terms)


@pytest.mark.parametrize(
    ("shown", "wanted", "pack_size", "changes"),
    [(60, 60, 6, False), (60, 65, 6, False), (60, 66, 12, True), (60, 72, 12, True)],
)
def test_a_shown_quantity_moves_by_a_pack_or_a_tenth(
    shown: int, wanted: int, pack_size: int, changes: bool
) -> None:
    assert is_worth_a_change(shown=shown, wanted=wanted, pack_size=pack_size) is changes


def test_a_policy_is_a_value() -> None:
    assert replace(POLICY) == POLICY
    assert isinstance(POLICY, Policy)
