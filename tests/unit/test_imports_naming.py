"""What a file's name says about its source and its site, and what a price is in minor units."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from api.currencies import MINOR_UNIT_DIGITS
from api.imports.errors import HistoryMoved
from api.imports.masters_fields import minor_units
from api.imports.naming import site_of, source_of, title_of
from api.imports.place import Place, shift_for
from api.imports.schemas import ImportOptions


@pytest.mark.parametrize(
    ("name", "source", "site"),
    [
        ("online_retail.parquet", "online-retail", "online-retail"),
        ("Sales 2026-10.csv", "sales", None),
        ("sales_20261001.csv.gz", "sales", None),
        ("stock (1).csv", "stock", None),
        ("till-2.csv", "till-2", "till-2"),
        ("2026.csv", "2026", "2026"),
        ("...", "import", "import"),
    ],
)
def test_exports_of_one_source_have_one_name(name: str, source: str, site: str | None) -> None:
    assert source_of(name) == source
    assert site_of(source) == site


def test_a_site_is_called_after_its_code() -> None:
    assert title_of("online-retail") == "Online Retail"


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [
        (Decimal("2.55"), "GBP", 255),
        (Decimal("2.555"), "GBP", 256),
        (Decimal(980), "JPY", 980),
        (Decimal("1.2345"), "KWD", 1235),
        (Decimal(10) ** 14, "USD", None),
        (None, "USD", None),
    ],
)
def test_a_price_is_kept_in_minor_units_of_its_currency(
    price: Decimal | None, currency: str, minor: int | None
) -> None:
    assert minor_units(price, MINOR_UNIT_DIGITS[currency]) == minor


def _place(shifted_days: int | None) -> Place:
    return Place("shop", "shop", "shop-shelf", "UTC", False, shifted_days)


def _shift(last_day: date, today: date, *, shift: bool = True, before: int | None = None) -> int:
    options = ImportOptions(path=Path("shop.csv"), shift_to_today=shift)
    return shift_for(_place(before), options, last_day=last_day, today=today)[0]


@pytest.mark.parametrize("days_later", range(15))
def test_a_history_moves_by_whole_weeks_to_end_yesterday_or_up_to_six_days_before(
    days_later: int,
) -> None:
    last_day = date(2011, 12, 9)
    today = date.fromordinal(last_day.toordinal() + days_later)
    moved = _shift(last_day, today)
    end = date.fromordinal(last_day.toordinal() + moved)
    assert moved % 7 == 0
    assert days_later == 0 or 1 <= (today - end).days <= 7


def test_a_history_is_not_moved_unasked() -> None:
    assert _shift(date(2011, 12, 9), date(2026, 1, 1), shift=False) == 0


def test_a_source_keeps_the_shift_of_its_first_import() -> None:
    for shift in (True, False):
        assert _shift(date(2011, 12, 9), date(2026, 1, 1), shift=shift, before=700) == 700


def test_what_was_recorded_at_its_own_dates_is_not_moved_later() -> None:
    with pytest.raises(HistoryMoved, match="at its own dates before"):
        _shift(date(2011, 12, 9), date(2026, 1, 1), before=0)
