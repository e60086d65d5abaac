"""Numbers, money and moments as people read them."""

from datetime import UTC, datetime

import pytest

from api.staff import formats
from api.staff.pages import address, local_address

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123450, "EUR", "EUR 1,234.50"),
        (500, "JPY", "JPY 500"),
        (1234, "KWD", "KWD 1.234"),
        (0, None, "\N{EN DASH}"),
    ],
)
def test_money_has_the_digits_of_its_currency(minor: int, currency: str | None, shown: str) -> None:
    assert formats.money(minor, currency) == shown


@pytest.mark.parametrize(
    ("at", "zone", "shown"),
    [
        (datetime(2026, 11, 21, 9, 5, tzinfo=UTC), "UTC", "today 09:05"),
        (datetime(2026, 11, 20, 23, 30, tzinfo=UTC), "Europe/Berlin", "today 00:30"),
        (datetime(2026, 11, 20, 9, 5, tzinfo=UTC), "UTC", "yesterday 09:05"),
        (datetime(2026, 3, 2, 9, 5, tzinfo=UTC), "UTC", "2 Mar 09:05"),
        (datetime(2011, 12, 9, 12, 50, tzinfo=UTC), "UTC", "9 Dec 2011 12:50"),
    ],
)
def test_a_moment_is_told_by_the_clock_of_the_site(at: datetime, zone: str, shown: str) -> None:
    assert formats.moment(at, zone, now=NOW) == shown


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (None, "end not in sight"),
        (0, "nothing left"),
        (0.2, "lasts less than a day"),
        (1.1, "lasts about 1 day"),
        (6.6, "lasts about 7 days"),
    ],
)
def test_cover_is_said_in_days(days: float | None, shown: str) -> None:
    assert formats.cover(days) == shown


def test_the_terms_of_a_line_are_named_in_words() -> None:
    arithmetic = {"lead_time_days": 7, "demand": {"mean": 3.456, "known": True}, "pack": None}
    assert formats.terms(arithmetic) == [
        ("Lead time days", "7"),
        ("Demand: mean", "3.46"),
        ("Demand: known", "yes"),
        ("Pack", "\N{EN DASH}"),
    ]


@pytest.mark.parametrize(
    "elsewhere",
    ["//example.org", "/\\example.org", "https://example.org", "javascript:alert(1)", "", "/a\nb"],
)
def test_after_signing_in_nobody_is_sent_elsewhere(elsewhere: str) -> None:
    assert local_address(elsewhere) == "/"


def test_after_signing_in_the_wanted_page_follows() -> None:
    assert local_address("/stock?search=bear") == "/stock?search=bear"


def test_an_address_leaves_out_what_is_not_said() -> None:
    assert address("/stock", search="a b", show="all", cursor=None) == "/stock?search=a+b"
