"""The whole plan, line by line, on sites whose numbers can be followed by hand."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.lines import Key, Line, Shown, what_changes
from orchestration.planning.plan import plan
from orchestration.planning.plan_purchases import Cap, capped
from orchestration.planning.planned import PlaceStock, ProductSite, Terms
from orchestration.planning.replenishment import Stock
from tests.unit.planned_site import site, terms_of_buying


def lines(
    *sites: ProductSite, places: list[PlaceStock] | None = None, **more: Any
) -> dict[str, Line]:
    """The lines of one plan by kind."""
    terms = more.pop("terms", Terms())
    planned = plan(sites, places or [], shown=more.pop("shown", {}), terms=terms)
    return {line.kind: line for line in planned}


def place(on_hand: int, **more: Any) -> PlaceStock:
    made = PlaceStock(
        product_id=7, site_id=1, location_id=1, code="SHELF-01", is_selling=True, on_hand=on_hand
    )
    return replace(made, **more)


def seen(planned: list[Line]) -> dict[Key, Shown]:
    """What people see once a plan is written."""
    return {
        line.key: Shown(
            suggestion_id=uuid4(),
            status="open",
            quantity=line.quantity,
            priority=line.priority,
            from_site_id=line.from_site_id,
            from_location_id=line.from_location_id,
            is_within_budget=line.is_within_budget,
        )
        for line in planned
    }


def test_a_purchase_says_range_risks_cost_and_what_other_terms_would_give() -> None:
    # given 12, of which 10 are expected to be gone when the order arrives
    line = lines(site(12))["purchase"]
    # then it orders what the two weeks after that may ask for, 28 and a margin, in packs of six
    assert line.quantity == 36
    terms = line.arithmetic
    assert 28 < terms["wanted"] <= 36
    assert line.order_up_to_level == 12 + terms["wanted"]
    assert terms["range_until_next_chance"] == {"low": 18.0, "high": 30.0}
    # a Poisson demand of 10 is above 12 in 21 of 100
    risks = terms["risk_of_running_out"]
    assert risks["before_it_can_arrive"] == pytest.approx(0.21, abs=0.04)
    assert risks["without_the_order"] == 0.99
    assert risks["with_the_order"] <= 0.05
    assert terms["cost"] == "EUR 90.00"
    # 8 instead of 2 are left after two days, so a pack less
    assert terms["counterfactuals"] == {"with a lead time of 2 days": 30}
    assert "between 18 and 30 are asked for" in line.reason
    assert "in at least 99 of 100 without the order" in line.reason


def test_a_counterfactual_that_would_not_order_says_none() -> None:
    line = lines(site(30))["purchase"]
    assert line.arithmetic["counterfactuals"] == {"with a lead time of 2 days": 0}


def test_a_transfer_comes_before_a_purchase_and_makes_it_needless() -> None:
    planned = lines(site(12, site_id=1), site(400, site_id=2))
    assert set(planned) == {"transfer"}
    line = planned["transfer"]
    assert (line.from_site_id, line.site_id, line.quantity) == (2, 1, 38)
    assert "site-2 has 400 and keeps 210" in line.reason
    assert line.arithmetic["cost_to_buy_instead"] == "EUR 95.00"
    assert line.arithmetic["giver"]["position_after"] == 362


def test_what_a_transfer_does_not_cover_is_bought() -> None:
    planned = lines(site(12, site_id=1), site(220, site_id=2))
    assert planned["transfer"].quantity == 10
    assert planned["purchase"].arithmetic["transfer_proposed"] == 10
    assert planned["purchase"].quantity == 30


def test_a_transfer_that_was_turned_down_brings_nothing_until_it_asks_again() -> None:
    sites = (site(12, site_id=1), site(400, site_id=2))
    wanted = lines(*sites)["transfer"]
    turned_down = replace(seen([wanted])[wanted.key], status="dismissed")
    planned = plan(sites, [], shown={wanted.key: turned_down}, terms=Terms())
    # then it stays as it is, and the need is bought
    changes = what_changes(shown={wanted.key: turned_down}, wanted=planned)
    assert changes.kept == [turned_down.suggestion_id]
    assert [line.kind for line in changes.opened] == ["purchase"]
    assert changes.opened[0].quantity == 36
    # unless half as much again is needed now
    more = replace(turned_down, quantity=25)
    planned = plan(sites, [], shown={wanted.key: more}, terms=Terms())
    assert [line.kind for line in planned] == ["transfer"]


def test_simulated_goods_are_not_moved_to_a_real_site() -> None:
    planned = lines(site(12, site_id=1), site(400, site_id=2, is_simulated=True))
    assert "transfer" not in planned


@pytest.mark.parametrize(("units", "quantity"), [(42, 42), (41, 36), (20, 18), (3, 6), (-5, 6)])
def test_a_cap_leaves_whole_packs_and_at_least_a_minimum_order(units: int, quantity: int) -> None:
    policy = terms_of_buying(pack_size=6)
    assert capped(42, policy=policy, caps=[Cap(units, "no more fits")])[0] == quantity


def test_the_room_of_its_places_caps_a_purchase() -> None:
    # given room for 8 more, and 10 that should be sold before the order arrives
    line = lines(site(12), places=[place(12, capacity=20)])["purchase"]
    assert line.quantity == 18
    assert line.arithmetic["quantity_before_caps"] == 36
    assert "Only 18: its places have room for 8, and 10 more should be gone by then." in line.reason
    # a place without a capacity takes everything
    places = [place(12, capacity=20), place(0, location_id=2, code="BACK")]
    assert lines(site(12), places=places)["purchase"].quantity == 36


def test_what_would_go_off_is_not_bought() -> None:
    # given goods that keep for 8 days: of 13 days' use, 26, 12 are there
    line = lines(site(12, shelf_life_days=8))["purchase"]
    assert line.quantity == 12
    assert "it keeps for 8 days" in line.reason


def test_a_budget_pays_first_what_takes_most_risk_away_for_the_money() -> None:
    # given a dear product that is out of stock and a cheap one that is low
    dear = site(0, product_id=1, unit_cost_minor=1000)
    cheap = site(12, product_id=2, unit_cost_minor=10)
    unpriced = site(0, product_id=3, unit_cost_minor=None)
    planned = plan((dear, cheap, unpriced), [], shown={}, terms=Terms(order_budget_minor=10_000))
    within = {line.product_id: line.is_within_budget for line in planned}
    assert within == {1: False, 2: True, 3: True}
    assert planned[0].arithmetic["budget"] == {"limit": "EUR 100.00", "rank": 2, "within": False}
    assert "Beyond the budget of EUR 100.00" in planned[0].reason
    # and a line that comes to lie beyond the budget is told anew
    before = {key: replace(one, is_within_budget=True) for key, one in seen(planned).items()}
    assert [line.product_id for _, line in what_changes(shown=before, wanted=planned).revised] == [
        1
    ]


SITES = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 300), st.integers(0, 60)),
    unique_by=lambda one: (one[0], one[1]),
    max_size=9,
)


@given(held=SITES, budget=st.none() | st.integers(1, 50_000), behind=st.integers(0, 90))
def test_planning_twice_changes_nothing(
    held: list[tuple[int, int, int, int]], budget: int | None, behind: int
) -> None:
    # given products at sites, each with a shelf and a back room
    sites = [
        replace(
            site(on_hand + behind, product_id=product_id, site_id=site_id),
            stock=Stock(on_hand_selling=on_hand, on_hand_behind=behind, on_order=on_order),
        )
        for product_id, site_id, on_hand, on_order in held
    ]
    places = [
        one
        for product_id, site_id, on_hand, _ in held
        for one in (
            place(
                on_hand,
                product_id=product_id,
                site_id=site_id,
                location_id=site_id,
                code=f"SHELF-{site_id}",
                capacity=200,
                refilled_from_location_id=10 + site_id,
            ),
            place(
                behind,
                product_id=product_id,
                site_id=site_id,
                location_id=10 + site_id,
                code=f"BACK-{site_id}",
                is_selling=False,
            ),
        )
    ]
    terms = Terms(order_budget_minor=budget)
    # when it is planned and what is wanted is shown
    first = plan(sites, places, shown={}, terms=terms)
    shown = seen(first)
    assert len(shown) == len(first)
    again = what_changes(shown=shown, wanted=plan(sites, places, shown=shown, terms=terms))
    # then the next plan says the same
    assert (again.opened, again.revised, again.closed) == ([], [], [])
