"""What an event must be; each refusal names its field."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from api.ledger.events import Counted, Sold
from api.ledger.reading import event_of_body, rows_of_body
from api.problems import UnprocessableContent


def sale(**fields: Any) -> dict[str, Any]:
    row = {
        "event_id": str(uuid4()),
        "event_type": "sold",
        "sku": "BEAR",
        "location": "CLAW-01",
        "quantity": 1,
        "occurred_at": "2026-11-20T12:00:00Z",
        **fields,
    }
    return {name: value for name, value in row.items() if value is not ...}


def adjustment(reason: str, quantity_change: Any) -> dict[str, Any]:
    return sale(event_type="adjusted", quantity=..., reason=reason, quantity_change=quantity_change)


def refusal(body: bytes) -> UnprocessableContent:
    with pytest.raises(UnprocessableContent) as refused:
        event_of_body(body)
    return refused.value


def test_an_event_is_read_as_its_type() -> None:
    event = event_of_body(json.dumps(sale(quantity=3)).encode())
    assert isinstance(event, Sold)
    assert event.quantity == 3


def test_a_time_is_kept_in_utc() -> None:
    event = event_of_body(json.dumps(sale(occurred_at="2026-11-20T13:00:00.25+01:00")).encode())
    assert event.occurred_at == datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)
    assert event.occurred_at.tzinfo is UTC


def test_a_count_may_be_zero() -> None:
    event = event_of_body(json.dumps(sale(event_type="counted", quantity=0)).encode())
    assert isinstance(event, Counted)


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        (sale(quantity=0), "#/quantity"),
        (sale(quantity=-1), "#/quantity"),
        (sale(quantity=10_000_001), "#/quantity"),
        (sale(quantity=10**30), "#/quantity"),
        (sale(quantity="5"), "#/quantity"),
        (sale(quantity=5.0), "#/quantity"),
        (sale(quantity=True), "#/quantity"),
        (sale(quantity=None), "#/quantity"),
        (sale(quantity=...), "#/quantity"),
        (sale(event_type="counted", quantity=-1), "#/quantity"),
        (sale(event_type="eaten"), "#/event_type"),
        (sale(event_type=...), "#/event_type"),
        (sale(event_id="not-a-uuid"), "#/event_id"),
        (sale(event_id=...), "#/event_id"),
        (sale(sku=""), "#/sku"),
        (sale(sku="BE\x00AR"), "#/sku"),
        (sale(sku="BE\ud800AR"), "#/sku"),
        (sale(sku=5), "#/sku"),
        (sale(sku="x" * 101), "#/sku"),
        (sale(location="\x00"), "#/location"),
        (sale(occurred_at="2026-11-20T12:00:00"), "#/occurred_at"),
        (sale(occurred_at="2026-11-20"), "#/occurred_at"),
        (sale(occurred_at="yesterday"), "#/occurred_at"),
        (sale(occurred_at=1_763_640_000), "#/occurred_at"),
        (sale(occurred_at="1763640000"), "#/occurred_at"),
        (sale(occurred_at="2026-02-30T12:00:00Z"), "#/occurred_at"),
        (sale(occurred_at="0001-01-01T00:00:00+14:00"), "#/occurred_at"),
        (sale(sent_at="9999-12-31T23:59:59-14:00"), "#/sent_at"),
        (sale(source="a\x00b"), "#/source"),
        (sale(reference="x" * 201), "#/reference"),
        (sale(metadata={"a": "x" * 2048}), "#/metadata"),
        (sale(metadata={"a": "\x00"}), "#/metadata"),
        (sale(metadata={"\ud800": 1}), "#/metadata"),
        (sale(metadata={"a": [{"b": "\udfff"}]}), "#/metadata"),
        (sale(metadata=[1]), "#/metadata"),
        (sale(colour="red"), "#/colour"),
        (sale(**{"a/b~c": 1}), "#/a~1b~0c"),
        (adjustment("damaged", 1), "#/quantity_change"),
        (adjustment("theft", 0), "#/quantity_change"),
        (adjustment("found", -1), "#/quantity_change"),
        (adjustment("lost", -10_000_001), "#/quantity_change"),
        (adjustment("lost", "-1"), "#/quantity_change"),
        (adjustment("book_shortage", 1), "#/reason"),
        (adjustment("reordered", 1), "#/reason"),
        (adjustment("opening_balance", 1), "#/reason"),
        (sale(event_type="transferred"), "#/to_location"),
        (sale(event_type="transferred", to_location="CLAW-01"), "#/to_location"),
        (sale(event_type="reversed", quantity=...), "#/reverses"),
        (sale(event_type="reversed", quantity=..., reverses="it"), "#/reverses"),
    ],
    ids=lambda value: repr(value)[-60:] if isinstance(value, dict) else "",
)
def test_a_wrong_field_is_named(row: dict[str, Any], pointer: str) -> None:
    refused = refusal(json.dumps(row).encode())
    assert [error["pointer"] for error in refused.errors] == [pointer]
    assert all(error["detail"] for error in refused.errors)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe\xfa", b'"', b"NaN", b"[" * 100_000, b"1" * 5000]
)
def test_what_is_not_json_is_said_to_be_so(body: bytes) -> None:
    assert refusal(body).errors[0]["pointer"] == "#"


@pytest.mark.parametrize("body", [b"null", b"[]", b"5", b'"text"', b"true"])
def test_what_is_no_object_is_said_to_be_so(body: bytes) -> None:
    assert "object" in refusal(body).detail


def test_a_number_that_json_does_not_know_is_refused() -> None:
    body = json.dumps(sale(metadata={"a": float("inf")})).encode()
    assert refusal(body).status == 422


def test_every_wrong_field_is_named_at_once() -> None:
    refused = refusal(json.dumps(sale(quantity=0, sku="", occurred_at="now")).encode())
    assert {error["pointer"] for error in refused.errors} == {
        "#/quantity",
        "#/sku",
        "#/occurred_at",
    }


@pytest.mark.parametrize(
    ("envelope", "pointer"),
    [
        ({}, "#/events"),
        ([], "#/events"),
        ({"events": {}}, "#/events"),
        ({"events": [], "more": 1}, "#/more"),
        ({"events": [0] * 10_001}, "#/events"),
    ],
)
def test_an_envelope_is_a_list_of_at_most_10000_events(envelope: Any, pointer: str) -> None:
    with pytest.raises(UnprocessableContent) as refused:
        rows_of_body(json.dumps(envelope).encode())
    assert [error["pointer"] for error in refused.value.errors] == [pointer]


def test_10000_rows_pass_whatever_they_are() -> None:
    assert len(rows_of_body(json.dumps({"events": [None] * 10_000}).encode())) == 10_000
