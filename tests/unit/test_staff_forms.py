"""What people type into a form, and the event or the sentence that it becomes."""

from typing import get_args

import pytest

from api.ledger.events import Adjusted, Counted, Reason, Sold, Transferred
from api.staff.forms import KINDS, REASONS, Entry, FormError, event_of, taken_away, whole_number


@pytest.mark.parametrize(
    ("typed", "number"),
    [("3", 3), (" 12 ", 12), ("1,200", 1200), ("1 200", 1200), ("1.200.000", 1_200_000), ("0", 0)],
)
def test_a_number_is_read_as_people_type_it(typed: str, number: int) -> None:
    assert whole_number(typed) == number


@pytest.mark.parametrize("typed", ["", "three", "1.5", "-2", "1,2", "12 3", "٣", "1e3", "9" * 16])
def test_what_is_no_whole_number_is_none(typed: str) -> None:
    assert whole_number(typed) is None


def test_a_sale_is_told_as_typed() -> None:
    entry = Entry(sku="BEAR", location=" SHELF-1 ", quantity="2")
    event = event_of(KINDS["sold"], entry)
    assert isinstance(event, Sold)
    assert (event.sku, event.location, event.quantity) == ("BEAR", "SHELF-1", 2)
    assert event.event_id == entry.event_id


@pytest.mark.parametrize(("reason", "change"), [("damaged", -4), ("theft", -4), ("found", 4)])
def test_the_reason_says_whether_stock_goes_or_comes(reason: str, change: int) -> None:
    entry = Entry(sku="BEAR", location="SHELF-1", quantity="4", reason=reason)
    event = event_of(KINDS["adjusted"], entry)
    assert isinstance(event, Adjusted)
    assert event.quantity_change == change


def test_nothing_may_be_counted_but_not_sold() -> None:
    entry = Entry(sku="BEAR", location="SHELF-1", quantity="0")
    assert isinstance(event_of(KINDS["counted"], entry), Counted)
    with pytest.raises(FormError) as refused:
        event_of(KINDS["sold"], entry)
    assert refused.value.errors == {"quantity": "Give at least 1."}


def test_every_empty_field_is_named_at_once() -> None:
    with pytest.raises(FormError) as refused:
        event_of(KINDS["transferred"], Entry(sku="BEAR"))
    assert set(refused.value.errors) == {"quantity", "location", "to_location"}


def test_a_move_to_where_it_comes_from_is_refused_in_words() -> None:
    entry = Entry(sku="BEAR", location="SHELF-1", to_location="SHELF-1", quantity="1")
    with pytest.raises(FormError) as refused:
        event_of(KINDS["transferred"], entry)
    assert "another place" in refused.value.errors["to_location"]


@pytest.mark.parametrize("kind", ["sold", "adjusted"])
def test_more_than_the_ledger_takes_is_refused_in_words(kind: str) -> None:
    entry = Entry(sku="BEAR", location="SHELF-1", quantity="10000001")
    with pytest.raises(FormError) as refused:
        event_of(KINDS[kind], entry)
    assert refused.value.errors == {"quantity": "That is too many: at most 10,000,000 at once."}


def test_a_reason_that_is_the_systems_cannot_be_smuggled_in() -> None:
    entry = Entry(sku="BEAR", location="SHELF-1", quantity="1", reason="opening_balance")
    with pytest.raises(FormError) as refused:
        event_of(KINDS["adjusted"], entry)
    assert set(refused.value.errors) == {"reason"}


def test_the_form_offers_every_reason_that_the_ledger_takes() -> None:
    assert set(REASONS) == set(get_args(Reason))


def test_what_is_taken_away_is_what_leaves_the_events_own_place() -> None:
    def told(kind: str, reason: str = "") -> int:
        entry = Entry(sku="BEAR", location="A", to_location="B", quantity="3", reason=reason)
        return taken_away(event_of(KINDS[kind], entry))

    assert told("sold") == told("transferred") == told("adjusted", reason="lost") == 3
    assert told("received") == told("counted") == told("adjusted", reason="found") == 0


def test_a_move_keeps_both_places() -> None:
    entry = Entry(sku="BEAR", location="A", to_location="B", quantity="3")
    event = event_of(KINDS["transferred"], entry)
    assert isinstance(event, Transferred)
    assert (event.location, event.to_location) == ("A", "B")
