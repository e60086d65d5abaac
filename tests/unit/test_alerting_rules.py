"""When alerts open and end."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestration.planning.alerting import (
    AlertKind,
    Place,
    Policy,
    Purchase,
    Stock,
    Verdict,
    critical_threshold,
    has_recovered,
    is_critical,
    is_low,
    is_replenished,
    message,
    recommendation,
    recovered_at,
    refill_quantity,
    verdict,
)

POLICY = Policy(reorder_point=40, order_up_to_level=60, selling_minimum=20, refill_minimum=3)
NONE: frozenset[AlertKind] = frozenset()


def stock(selling: int | None, behind: int) -> Stock:
    return Stock(selling, behind, (selling or 0) + behind)


@pytest.mark.parametrize(
    ("selling", "behind", "critical"),
    [(2, 50, True), (3, 50, False), (19, 0, True), (20, 0, False), (0, 0, True)],
)
def test_selling_places_must_last_a_day_before_a_refill_and_a_lead_time_without(
    selling: int, behind: int, critical: bool
) -> None:
    assert is_critical(stock(selling, behind), POLICY) is critical


def test_a_site_that_sells_nowhere_is_never_critical() -> None:
    assert not is_critical(stock(None, 0), POLICY)
    assert "critical_low" not in verdict(stock(None, 0), POLICY, live=NONE).opens


@pytest.mark.parametrize(
    ("threshold", "ends"), [(1, 1), (2, 3), (3, 4), (5, 6), (10, 12), (20, 24)]
)
def test_a_critical_alert_ends_a_fifth_above_its_threshold(threshold: int, ends: int) -> None:
    assert recovered_at(threshold) == ends


@pytest.mark.parametrize(("position", "ends"), [(40, False), (44, False), (45, True)])
def test_a_low_alert_ends_a_tenth_above_the_reorder_point(position: int, ends: bool) -> None:
    assert is_replenished(Stock(position, 0, position), POLICY) is ends


def test_a_reorder_point_of_nothing_is_left_by_two_units() -> None:
    slow = Policy(reorder_point=0, order_up_to_level=1, selling_minimum=1, refill_minimum=1)

    assert is_low(stock(0, 0), slow)
    assert not is_replenished(stock(1, 0), slow)
    assert is_replenished(stock(2, 0), slow)


def test_one_need_is_one_message() -> None:
    assert verdict(stock(0, 0), POLICY, live=NONE) == Verdict(opens=frozenset({"critical_low"}))
    assert verdict(stock(25, 10), POLICY, live=NONE) == Verdict(opens=frozenset({"low"}))


def test_low_opens_when_a_refill_ended_the_critical_one_and_an_order_is_still_due() -> None:
    live: frozenset[AlertKind] = frozenset({"critical_low"})

    assert verdict(stock(10, 5), POLICY, live=live) == Verdict(
        opens=frozenset({"low"}), ends=frozenset({"critical_low"})
    )


def test_an_approved_purchase_answers_low_and_not_critical() -> None:
    answered = verdict(stock(25, 10), POLICY, live=frozenset({"low"}), purchase_approved=True)
    assert answered == Verdict(ends=frozenset({"low"}))

    empty = verdict(stock(0, 10), POLICY, live=NONE, purchase_approved=True)
    assert empty == Verdict(opens=frozenset({"critical_low"}))


def test_without_a_policy_everything_ends() -> None:
    live: frozenset[AlertKind] = frozenset({"critical_low", "low"})

    assert verdict(stock(0, 0), None, live=live) == Verdict(ends=live)


units = st.integers(min_value=0, max_value=10_000_000)
policies = st.builds(
    Policy,
    reorder_point=units,
    order_up_to_level=units,
    selling_minimum=st.integers(1, 10_000_000),
    refill_minimum=st.integers(1, 10_000_000),
)
stocks = st.builds(stock, st.none() | units, units)
lives = st.frozensets(st.sampled_from(["critical_low", "low"]))


@given(stock=stocks, policy=policies, live=lives, approved=st.booleans())
def test_a_second_look_at_the_same_stock_changes_nothing(
    stock: Stock, policy: Policy, live: frozenset[AlertKind], approved: bool
) -> None:
    first = verdict(stock, policy, live=live, purchase_approved=approved)
    after = (live | first.opens) - first.ends

    assert verdict(stock, policy, live=after, purchase_approved=approved) == Verdict()
    assert not first.opens & first.ends


@given(stock=stocks, policy=policies)
def test_what_opens_an_alert_never_ends_it(stock: Stock, policy: Policy) -> None:
    assert not (is_critical(stock, policy) and has_recovered(stock, policy))
    assert not (is_low(stock, policy) and is_replenished(stock, policy))


@given(policy=policies, selling=st.integers(0, 100), behind=st.integers(1, 10_000_000))
def test_carrying_what_is_recommended_ends_the_alert_or_empties_the_back(
    policy: Policy, selling: int, behind: int
) -> None:
    before = stock(selling, behind)
    assume(is_critical(before, policy))

    carried = refill_quantity(before, policy, behind=behind)

    assert 0 < carried <= behind
    assert carried == behind or selling + carried >= recovered_at(
        critical_threshold(before, policy)
    )


def test_the_words_say_what_is_missing_and_where_to_get_it() -> None:
    empty = stock(1, 30)

    said = message(
        "critical_low", empty, POLICY, product="Plush bear", sku="BEAR", site="Riverside"
    )
    assert said == (
        "Plush bear (BEAR) is critically low at Riverside: 1 on hand where it sells, 3 needed."
    )
    walk = recommendation(
        "critical_low",
        empty,
        POLICY,
        refill_from=Place("BACK-1", 30),
        refill_into=Place("CLAW-07", 1),
        purchase=Purchase(48, "Toys Ltd"),
        supplier="Toys Ltd",
    )
    assert walk == "Refill 19 from BACK-1 into CLAW-07 (30 there)."


def test_with_nothing_behind_it_says_what_to_order() -> None:
    order = recommendation(
        "critical_low",
        stock(1, 0),
        POLICY,
        refill_from=None,
        refill_into=None,
        purchase=Purchase(48, "Toys Ltd"),
        supplier="Toys Ltd",
    )
    assert order == "Order 48 from Toys Ltd, as the restock plan suggests."

    unplanned = recommendation(
        "low",
        stock(20, 10),
        POLICY,
        refill_from=None,
        refill_into=None,
        purchase=None,
        supplier=None,
    )
    assert unplanned == (
        "Order: 30 short of the order-up-to level of 60; the restock plan names the packs."
    )
