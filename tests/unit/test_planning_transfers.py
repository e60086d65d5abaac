"""What goes from one site to another, rule by rule."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning.transfers import Holding, Transfer, transfers


def needing(site_id: int, position: int, *, days: float = 1.0) -> Holding:
    """s is 10 and S is 20."""
    return Holding(
        site_id=site_id,
        position=position,
        can_leave=max(0, position),
        keeps=50,
        reorder_point=10,
        order_up_to_level=20,
        days_until_stockout=days,
    )


def giving(site_id: int, position: int, *, can_leave: int | None = None) -> Holding:
    """Keeps 50 for itself."""
    return Holding(
        site_id=site_id,
        position=position,
        can_leave=position if can_leave is None else can_leave,
        keeps=50,
        reorder_point=10,
        order_up_to_level=20,
    )


def test_a_need_is_met_from_what_another_site_has_too_much_of() -> None:
    assert transfers([needing(1, 4), giving(2, 90)]) == [Transfer(2, 1, 16)]


def test_a_site_gives_only_what_it_does_not_need_itself() -> None:
    assert transfers([needing(1, 4), giving(2, 57)]) == [Transfer(2, 1, 7)]
    assert transfers([needing(1, 4), giving(2, 50)]) == []


def test_what_is_on_its_way_to_a_site_cannot_leave_it() -> None:
    assert transfers([needing(1, 4), giving(2, 90, can_leave=5)]) == [Transfer(2, 1, 5)]


def test_nothing_is_moved_above_the_reorder_point() -> None:
    assert transfers([needing(1, 11), giving(2, 90)]) == []


def test_the_site_that_covers_most_gives_and_the_most_pressing_need_comes_first() -> None:
    sites = [needing(1, 4, days=3), needing(2, 4, days=1), giving(3, 60), giving(4, 68)]
    assert transfers(sites) == [Transfer(4, 2, 16), Transfer(3, 1, 10)]


def test_a_transfer_that_costs_as_much_as_buying_is_left_out() -> None:
    sites = [needing(1, 4), giving(2, 90)]
    assert transfers(sites, unit_cost=100, cost=1600) == []
    assert transfers(sites, unit_cost=100, cost=1599) == [Transfer(2, 1, 16)]


def test_what_people_see_stays_until_it_moves_by_a_pack_or_a_tenth() -> None:
    shown = {1: Transfer(2, 1, 16)}
    assert transfers([needing(1, 5), giving(2, 90)], shown=shown, pack_size=6) == [
        Transfer(2, 1, 16)
    ]
    assert transfers([needing(1, 2), giving(2, 90)], shown=shown, pack_size=6) == [
        Transfer(2, 1, 18)
    ]


def test_what_people_see_changes_when_its_giver_cannot_spare_it_any_more() -> None:
    shown = {1: Transfer(2, 1, 16)}
    assert transfers([needing(1, 4), giving(2, 65)], shown=shown, pack_size=6) == [
        Transfer(2, 1, 15)
    ]


HOLDINGS = st.lists(
    st.builds(
        lambda position, can_leave, reorder_point, cycle, more, days: Holding(
            site_id=0,
            position=position,
            can_leave=can_leave,
            keeps=reorder_point + cycle + more,
            reorder_point=reorder_point,
            order_up_to_level=reorder_point + cycle,
            days_until_stockout=days,
        ),
        st.integers(-20, 200),
        st.integers(0, 200),
        st.integers(0, 60),
        st.integers(1, 40),
        st.integers(0, 40),
        st.sampled_from([0.0, 0.5, 7.0, math.inf]),
    ),
    max_size=6,
)


@given(holdings=HOLDINGS, pack_size=st.integers(1, 12))
def test_no_site_is_left_short_and_planning_twice_changes_nothing(
    holdings: list[Holding], pack_size: int
) -> None:
    # given sites of one product
    sites = [
        Holding(
            site_id=number,
            position=site.position,
            can_leave=site.can_leave,
            keeps=site.keeps,
            reorder_point=site.reorder_point,
            order_up_to_level=site.order_up_to_level,
            days_until_stockout=site.days_until_stockout,
        )
        for number, site in enumerate(holdings, start=1)
    ]
    by_id = {site.site_id: site for site in sites}
    # when it is planned
    planned = transfers(sites, pack_size=pack_size)
    # then each giver keeps what it needs, and gives no more than can leave
    for site in sites:
        given_away = sum(one.quantity for one in planned if one.from_site_id == site.site_id)
        if given_away:
            assert given_away <= site.can_leave
            assert site.position - given_away >= site.keeps >= site.order_up_to_level
    # and each taker is at or below s, and gets no more than it wants, once
    takers = [one.to_site_id for one in planned]
    assert len(takers) == len(set(takers))
    assert all(0 < one.quantity <= by_id[one.to_site_id].wants for one in planned)
    # and what people see now is what is planned again
    shown = {one.to_site_id: one for one in planned}
    assert transfers(sites, shown=shown, pack_size=pack_size) == planned


@pytest.mark.parametrize("position", [20, 21])
def test_a_need_ends_at_its_level(position: int) -> None:
    assert needing(1, position).wants == 0
