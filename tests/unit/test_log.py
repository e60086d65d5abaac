"""A log line is JSON, and says which request it belongs to."""

import json
import logging
import re
from typing import Any

import pytest

from api.log import JsonFormatter
from api.tracing import Trace, current_trace, outgoing_headers

_TRACE_ID, _PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
_TRACEPARENT = f"00-{_TRACE_ID}-{_PARENT}-01".encode()


def _line(**fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("api.ledger", logging.WARNING, "f", 1, "group_refused", (), None)
    record.parstock_fields = fields
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line: dict[str, Any] = json.loads(text)
    return line


def test_a_line_has_its_event_its_fields_and_its_request() -> None:
    current_trace.set(Trace(b"till-7/42", _TRACEPARENT))
    line = _line(requests=3)
    assert (line["event"], line["level"], line["requests"]) == ("group_refused", "warning", 3)
    assert line["request_id"] == "till-7/42"
    assert line["trace_id"] == _TRACE_ID
    assert line["span_id"] != _PARENT


def test_outside_of_a_request_a_line_names_none() -> None:
    current_trace.set(None)
    assert "request_id" not in _line()
    assert outgoing_headers() == {}


def test_a_trace_is_continued_with_us_as_the_parent() -> None:
    current_trace.set(trace := Trace(None, _TRACEPARENT))
    said = outgoing_headers()["traceparent"]
    assert said == f"00-{_TRACE_ID}-{trace.fields()['span_id']}-01"
    assert outgoing_headers()["traceparent"] == said


@pytest.mark.parametrize(
    "received",
    [
        None,
        b"",
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
    ],
)
def test_what_is_no_traceparent_begins_a_trace_of_our_own(received: bytes | None) -> None:
    said = Trace(None, received).traceparent
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", said)
    assert _TRACE_ID not in said


@pytest.mark.parametrize("received", [None, b"", b"x" * 129, b"a\nb", b'"', "ä".encode()])
def test_what_is_no_request_id_gets_one_that_no_other_request_has(received: bytes | None) -> None:
    ids = {Trace(received).request_id for _ in range(100)}
    assert len(ids) == 100
    assert received not in ids
