"""Text in a CSV file that no spreadsheet runs, and that comes back as it was."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.imports.forms import (
    COLUMNS,
    ESCAPED_TEXT,
    REJECTED_COLUMNS,
    escaped,
    escaped_unless_number,
    exported_kind,
    is_our_form,
)

_texts = st.text(st.sampled_from("'=+-@\t\r\n a1"), max_size=6) | st.text(max_size=10)


@given(_texts)
@example("'=1")
@example("''")
def test_every_text_comes_back_and_none_is_run(text: str) -> None:
    cell = escaped(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert re.sub(ESCAPED_TEXT, r"\1", cell, count=1) == text


@pytest.mark.parametrize(
    ("cell", "told"),
    [("-3", "-3"), ("+1.234,50", "+1.234,50"), ("-3+1", "'-3+1"), ("=1", "'=1"), (None, None)],
)
def test_a_number_of_a_rejected_line_is_what_it_says(cell: str | None, told: str | None) -> None:
    assert escaped_unless_number(cell) == told


def test_our_files_are_known_by_their_headers() -> None:
    for kind, names in COLUMNS.items():
        assert exported_kind(names) == kind
        assert exported_kind((*REJECTED_COLUMNS, *names)) == kind
        assert not is_our_form(names[1:])
    # and: as a release before wrote them
    assert exported_kind(COLUMNS["products"][:11]) == "products"
    assert is_our_form((*REJECTED_COLUMNS, "Item No"))
    assert exported_kind((*REJECTED_COLUMNS, "Item No")) is None
