"""Cursors are opaque, and only those that were given out are taken."""

import base64
import json

import pytest

from api.pagination import Paging, decode_cursor, encode_cursor, page_of
from api.problems import UnprocessableContent


@pytest.mark.parametrize("key", [("BEAR",), ("Ünïcode/sku",), (1, "a"), (2**62,)])
def test_a_cursor_gives_back_its_key(key: tuple[str | int, ...]) -> None:
    assert decode_cursor(encode_cursor(*key)) == key


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%",
        "é",
        "abc",
        "W10x",
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
        base64.urlsafe_b64encode(b"[1.5]").decode(),
        base64.urlsafe_b64encode(b"[true]").decode(),
        base64.urlsafe_b64encode(json.dumps(["\x00"]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps(["\ud800"]).encode()).decode(),
        base64.urlsafe_b64encode(json.dumps([2**63]).encode()).decode(),
    ],
)
def test_any_other_text_is_refused(cursor: str) -> None:
    with pytest.raises(UnprocessableContent) as refused:
        decode_cursor(cursor)
    assert refused.value.errors[0]["parameter"] == "cursor"


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(UnprocessableContent):
        Paging(10, encode_cursor("BEAR", 3)).after(str)


def test_the_last_page_has_no_next_cursor() -> None:
    assert page_of([1, 2], 2, lambda row: (row,)) == ([1, 2], None)
    items, cursor = page_of([1, 2, 3], 2, lambda row: (row,))
    assert items == [1, 2]
    assert cursor is not None
    assert decode_cursor(cursor) == (2,)
