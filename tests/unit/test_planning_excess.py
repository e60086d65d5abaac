"""What is told as too much, and what is not; each number can be followed by hand."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from orchestration.planning.lines import Line, Shown
from orchestration.planning.plan import plan
from orchestration.planning.planned import PlaceStock, ProductSite, Terms
from tests.unit.planned_site import site, terms_of_buying

KINDS = {"overstock", "dead_stock", "slow_seller", "lower_minimum"}


def place(on_hand: int, **more: Any) -> PlaceStock:
    """Held for a year, and 56 used in each four weeks, the last of them yesterday."""
    made = PlaceStock(
        product_id=7,
        site_id=1,
        location_id=1,
        code="CLAW-01",
        is_selling=True,
        on_hand=on_hand,
        used_28_days=56,
        used_28_days_before=50,
        used_91_days=182,
        days_held=365,
        days_since_receipt=20,
        days_since_use=1,
    )
    return replace(made, **more)


def told(one: ProductSite, *places: PlaceStock, **more: Any) -> dict[str, Line]:
    planned = plan([one], places, shown=more.get("shown", {}), terms=more.get("terms", Terms()))
    return {line.kind: line for line in planned if line.kind in KINDS}


def test_what_twelve_weeks_will_not_use_is_too_much() -> None:
    # given 210 that twelve weeks may use at most, and 168 that they should
    line = told(site(300), place(300))["overstock"]
    assert line.quantity == 90
    assert "In 12 weeks 168.0 are expected to be used at site-1" in line.reason
    assert "90 are too much, EUR 225.00 at cost" in line.reason
    assert "lasts 21 weeks" in line.reason
    assert line.arithmetic["counterfactuals"] == {"by the expected demand alone": 132}
    assert line.arithmetic["trend_of_use"] == 0.12


def test_less_than_a_pack_is_not_too_much_but_ends_only_when_nothing_is() -> None:
    assert told(site(215), place(215)) == {}
    opened = told(site(216), place(216))["overstock"]
    shown = {opened.key: Shown(suggestion_id=uuid4(), status="open", quantity=6, priority="low")}
    assert told(site(211), place(211), shown=shown)["overstock"].quantity == 1
    assert told(site(210), place(210), shown=shown) == {}


def test_what_is_on_order_is_too_much_only_as_far_as_stock_can_go() -> None:
    one = site(100)
    one = replace(one, stock=replace(one.stock, on_order=300))
    line = told(one, place(100))["overstock"]
    assert line.quantity == 100
    assert "300 more are on order." in line.reason


def test_what_is_promised_is_not_too_much() -> None:
    one = site(300)
    one = replace(one, stock=replace(one.stock, reserved=85))
    assert told(one, place(300, reserved=85)) == {}


def test_what_goes_to_another_site_is_not_told_as_too_much_as_well() -> None:
    needing = site(0, site_id=2)
    planned = plan([site(300), needing], [place(300)], shown={}, terms=Terms())
    by_kind = {line.kind: line.quantity for line in planned}
    assert (by_kind["transfer"], by_kind["overstock"]) == (50, 40)


def test_a_product_that_came_lately_is_left_alone() -> None:
    assert told(site(300), place(300, days_held=27)) == {}
    assert set(told(site(300), place(300, days_held=28))) == {"overstock"}


def test_what_nobody_asked_for_in_a_quarter_is_dead_and_told_as_that_alone() -> None:
    quiet = place(300, used_28_days=0, used_91_days=0, days_since_use=90, days_since_receipt=200)
    lines = told(site(300), quiet)
    assert set(lines) == {"dead_stock"}
    assert lines["dead_stock"].quantity == 300
    assert "Nobody asked for it in 90 days" in lines["dead_stock"].reason
    never = told(site(300), replace(quiet, days_since_use=None))["dead_stock"]
    assert "365 days, for as long as it is held" in never.reason


@pytest.mark.parametrize(
    "change",
    [
        {"days_since_use": 89},
        {"days_since_receipt": 89},
        {"days_held": 89, "days_since_use": None, "days_since_receipt": None},
    ],
)
def test_what_was_used_or_came_within_the_quarter_is_not_dead(change: dict[str, int]) -> None:
    quiet = place(5, used_28_days=0, used_91_days=0, days_since_use=90, days_since_receipt=90)
    assert "dead_stock" in told(site(5), quiet)
    assert "dead_stock" not in told(site(5), replace(quiet, **change))  # type: ignore[arg-type]


def test_a_product_whose_least_order_lasts_half_a_year_sells_slowly() -> None:
    # given 13 used in 13 weeks, one a week
    buying = terms_of_buying(pack_size=12, minimum_order_quantity=20)
    slow = place(60, used_91_days=13)
    assert told(site(60, buying=buying), slow, terms=Terms(slow_seller_weeks=25)) == {}
    line = told(site(60, buying=buying), slow, terms=Terms(slow_seller_weeks=24))["slow_seller"]
    assert line.quantity == 60
    assert "One order is 24 or more, which lasts 24 weeks" in line.reason


def test_what_was_never_asked_for_or_is_gone_is_no_slow_seller() -> None:
    buying = terms_of_buying(pack_size=500)
    assert "slow_seller" in told(site(60, buying=buying), place(60, used_91_days=1))
    assert told(site(60, buying=buying), place(60, used_91_days=0)) == {}
    assert told(site(0, buying=buying), place(0, used_91_days=1)) == {}
    assert told(site(60, buying=buying), place(60, used_91_days=1, days_held=90)) == {}


def test_a_minimum_above_what_its_place_may_use_in_all_the_weeks_is_too_high() -> None:
    # given a place with a quarter of the use, so with a quarter of the 210
    here = place(20, minimum=60, par=80, used_28_days=14)
    there = place(80, location_id=2, code="CLAW-02", used_28_days=42)
    line = told(site(100), here, there)["lower_minimum"]
    assert (line.location_id, line.quantity) == (1, 7)
    assert line.arithmetic["enough"] == 53
    assert told(site(100), replace(here, minimum=53), there) == {}
    assert told(site(100), replace(here, is_selling=False), there) == {}
