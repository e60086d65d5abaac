"""Where a reader of the feed stands, and how far one look reaches."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.feed.errors import EpochChanged
from api.feed.schemas import Order
from api.feed.window import Bookmark
from api.problems import UnprocessableContent

EPOCH = uuid4().hex
ORDERS: list[Order] = ["oldest", "newest"]


@given(
    order=st.sampled_from(ORDERS),
    head=st.integers(0, 200),
    bounds=st.tuples(st.integers(1, 200), st.integers(0, 200)),
    widths=st.lists(st.integers(1, 50), min_size=1),
)
def test_windows_cover_every_position_between_the_bounds_once(
    order: Order, head: int, bounds: tuple[int, int], widths: list[int]
) -> None:
    # given
    lowest, highest = bounds[0], min(bounds[1], head)
    bookmark = Bookmark.at(None, order=order, epoch=EPOCH, head=head)
    looked_at: list[int] = []
    # when: as far as the windows lead, however wide each is
    for turn in range(head + 2):
        window = bookmark.window(widths[turn % len(widths)], lowest=lowest, highest=highest)
        if window.is_empty:
            break
        looked_at += range(window.first, window.last + 1)
        bookmark = bookmark.moved(window.first if order == "newest" else window.last)
    # then
    assert sorted(looked_at) == list(range(lowest, highest + 1))


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_leads_back_to_where_it_was_given(order: Order) -> None:
    bookmark = Bookmark(EPOCH, order, 17)
    assert Bookmark.at(bookmark.cursor, order=order, epoch=EPOCH, head=20) == bookmark


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_of_another_epoch_or_beyond_the_head_says_start_again(order: Order) -> None:
    cursor = Bookmark(EPOCH, order, 17).cursor
    for epoch, head in ((uuid4().hex, 20), (EPOCH, 15)):
        with pytest.raises(EpochChanged):
            Bookmark.at(cursor, order=order, epoch=epoch, head=head)


def test_a_cursor_of_one_order_is_none_of_the_other() -> None:
    for order, other in (ORDERS, ORDERS[::-1]):
        with pytest.raises(UnprocessableContent):
            Bookmark.at(Bookmark(EPOCH, order, 3).cursor, order=other, epoch=EPOCH, head=9)


def test_the_newest_lead_nowhere_behind_the_first() -> None:
    assert Bookmark(EPOCH, "newest", 1).cursor is None
    assert Bookmark(EPOCH, "oldest", 0).cursor is not None
