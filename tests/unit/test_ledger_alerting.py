"""By which rule, when and in what words the ledger alone raises an alert."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.defs.alerts.messages import digest_message
from orchestration.planning.ledger_alerting import (
    Broken,
    Lot,
    Rule,
    expiring,
    expiring_words,
    goes_short,
    goes_well_again,
    over_promised_words,
    rule_for,
)

OFTEN = Rule("shortage_source", within_hours=24, at_least_lines=20, at_least_percent=20)
TODAY = date(2026, 11, 21)


def days_for(rules: list[Rule], *, product_id: int, category: str | None, site_id: int) -> object:
    found = rule_for(
        rules, "expiring_lot", product_id=product_id, category=category, site_id=site_id
    )
    return None if found is None else found.within_days


def test_the_closest_rule_holds() -> None:
    rules = [
        Rule("expiring_lot", within_days=14),
        Rule("expiring_lot", site_id=1, within_days=10),
        Rule("expiring_lot", category="dairy", within_days=4),
        Rule("expiring_lot", product_id=7, within_days=2),
        Rule("expiring_lot", product_id=8, within_days=2, is_on=False),
        Rule("discrepancy", product_id=9, within_days=1),
    ]
    assert days_for(rules, product_id=9, category=None, site_id=2) == 14
    assert days_for(rules, product_id=9, category="tins", site_id=1) == 10
    assert days_for(rules, product_id=9, category="dairy", site_id=1) == 4
    assert days_for(rules, product_id=7, category="dairy", site_id=1) == 2
    assert days_for(rules, product_id=8, category="dairy", site_id=1) is None
    assert days_for([], product_id=7, category=None, site_id=1) is None


@pytest.mark.parametrize(
    ("lines", "short_lines", "short"),
    [(20, 4, True), (20, 3, False), (19, 19, False), (100, 20, True), (100, 19, False)],
)
def test_a_source_goes_short_by_share_and_by_number(
    lines: int, short_lines: int, short: bool
) -> None:
    assert goes_short(lines=lines, short_lines=short_lines, rule=OFTEN) is short


@pytest.mark.parametrize(
    ("lines", "short_lines", "well"),
    [(0, 0, True), (100, 10, False), (100, 9, True), (5, 1, False)],
)
def test_a_source_is_well_again_below_half_of_that(
    lines: int, short_lines: int, well: bool
) -> None:
    assert goes_well_again(lines=lines, short_lines=short_lines, rule=OFTEN) is well


@given(lines=st.integers(0, 10_000), share=st.floats(0, 1))
def test_what_opens_a_source_never_ends_it(lines: int, share: float) -> None:
    short_lines = int(lines * share)
    assert not (
        goes_short(lines=lines, short_lines=short_lines, rule=OFTEN)
        and goes_well_again(lines=lines, short_lines=short_lines, rule=OFTEN)
    )


def test_lots_are_near_on_the_last_day_and_past_on_the_next() -> None:
    lots = [
        Lot("B", date(2026, 12, 5), 1, is_past=False),
        Lot("C", date(2026, 12, 6), 1, is_past=False),
        Lot("A", date(2026, 11, 20), 2, is_past=True),
    ]
    near = expiring(lots, today=TODAY, within_days=14)
    assert [lot.code for lot in near] == ["A", "B"]
    assert expiring_words(near, product="Milk", sku="MILK", site="Near") == (
        "Milk (MILK) at Near: lot A expired 2026-11-20 (2 on hand),"
        " lot B expires 2026-12-05 (1 on hand).",
        "Take out what has expired (A) and record it as expired. Use B first.",
    )


def test_a_long_list_is_cut_and_says_so() -> None:
    broken = [Broken("0b1fd5a4-aaaa", None, "SHELF-01", 1) for _ in range(7)]
    message, advice = over_promised_words(broken, product="Bear", sku="BEAR", site="Near")
    assert message.count("reservation 0b1fd5a4 lost 1") == 5
    assert message.endswith("and 2 more.")
    assert advice.startswith("Bring 7 to SHELF-01")


def test_a_digest_counts_each_kind_that_it_tells_of() -> None:
    told = digest_message(
        outbox_id=1, counts={"critical_low": 1, "discrepancy": 2}, worst=[("A.", "Do.")]
    )
    assert "1 critically low, 0 low and 2 to count" in told.text
    assert "and 2 more" in str(told.blocks)
