"""How the lines that people see follow the lines that are wanted."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from orchestration.planning.lines import Line, Shown, what_changes

LINE = Line(
    kind="purchase",
    product_id=1,
    site_id=1,
    quantity=48,
    priority="medium",
    inventory_position=3,
    reorder_point=10,
    order_up_to_level=50,
    days_until_stockout=2.0,
    reason="Three are left.",
    arithmetic={},
    change_from=12,
)
SEEN = Shown(suggestion_id=uuid4(), status="open", quantity=48, priority="medium")
DISMISSED = replace(SEEN, status="dismissed")


def revised(before: Shown, line: Line) -> list[UUID]:
    return [one for one, _ in what_changes(shown={line.key: before}, wanted=[line]).revised]


def test_a_new_need_opens_a_line_and_a_need_that_ended_closes_one() -> None:
    assert what_changes(shown={}, wanted=[LINE]).opened == [LINE]
    assert what_changes(shown={LINE.key: SEEN}, wanted=[]).closed == [SEEN.suggestion_id]
    assert what_changes(shown={LINE.key: DISMISSED}, wanted=[]).closed == [SEEN.suggestion_id]


@pytest.mark.parametrize(
    ("quantity", "is_told"), [(48, False), (52, False), (53, True), (36, True)]
)
def test_a_line_changes_by_a_pack_or_a_tenth(quantity: int, is_told: bool) -> None:
    assert bool(revised(SEEN, replace(LINE, quantity=quantity))) is is_told


def test_a_line_that_decided_by_itself_is_shown_as_it_is() -> None:
    assert revised(SEEN, replace(LINE, quantity=49, change_from=None))
    assert not revised(SEEN, replace(LINE, change_from=None))


def test_another_giver_is_another_line_to_read() -> None:
    line = replace(LINE, kind="transfer", from_site_id=3)
    assert revised(replace(SEEN, from_site_id=2), line)
    assert not revised(replace(SEEN, from_site_id=3), line)


@pytest.mark.parametrize(("quantity", "asks_again"), [(71, False), (72, True), (12, False)])
def test_what_was_turned_down_asks_again_for_half_as_much_again(
    quantity: int, asks_again: bool
) -> None:
    assert bool(revised(DISMISSED, replace(LINE, quantity=quantity))) is asks_again


def test_what_was_turned_down_asks_again_when_it_presses_more() -> None:
    assert revised(DISMISSED, replace(LINE, priority="high"))
    assert not revised(DISMISSED, replace(LINE, priority="low"))


def test_one_product_has_one_line_a_kind_and_place() -> None:
    refill = replace(LINE, kind="refill", location_id=5)
    keys = {LINE.key, refill.key, replace(refill, location_id=6).key}
    assert len(keys) == 3
