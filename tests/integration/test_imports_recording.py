"""What an import records: each line once, over openings that keep every level at zero or above."""

import asyncio
import csv
import random
from collections.abc import Mapping
from pathlib import Path

import duckdb
import psycopg
import pytest

from api.imports.errors import HistoryMoved, NothingReadable, OptionUnusable
from api.imports.schemas import ImportOptions, Outcome, Progress
from api.imports.service import import_file
from tests.conftest import shared_data
from tests.integration.importing import (
    events,
    import_from,
    levels,
    lowest_level,
    read,
    write_csv,
)

_HEADER = "sku,qty,date"


def _sales(folder: Path, *lines: str, name: str = "sales.csv") -> Path:
    return write_csv(folder / name, _HEADER, *lines)


def _invented_history(days: int, *, seed: int = 1) -> list[str]:
    """Lines of three products over so many days, with equal lines among them and some returns."""
    dice = random.Random(seed)  # noqa: S311 - a history to test with, no secret
    return [
        f"{sku},{dice.choice((1, 1, 2, 5, -1))},2026-{1 + day // 28:02}-{1 + day % 28:02} "
        f"{dice.choice(('10:00', '12:30'))}"
        for day in range(days)
        for sku in dice.choices(("MUG", "CUP", "JUG"), k=4)
    ]


def test_a_sale_a_return_and_what_was_there_before(database_url: str, tmp_path: Path) -> None:
    path = _sales(tmp_path, "mug,3,2026-01-05 10:00", "MUG,-1,2026-01-06 11:00")
    report = import_from(path, database_url, opening_cover_days=0)
    assert events(database_url) == [
        ("adjusted", "opening_balance", "MUG", 3, "2026-01-05 09:59:59", None),
        ("sold", None, "MUG", 3, "2026-01-05 10:00:00", None),
        ("returned", None, "MUG", 1, "2026-01-06 11:00:00", None),
    ]
    assert levels(database_url) == {("MUG", "shop-shelf"): 1}
    assert (report.recorded, report.openings, report.opening_units) == (3, 1, 3)


def test_an_opening_leaves_the_days_of_cover_that_were_asked_for(
    database_url: str, tmp_path: Path
) -> None:
    path = _sales(tmp_path, "MUG,28,2026-01-01", "MUG,28,2026-02-25")  # 1 a day over 56 days
    import_from(path, database_url, opening_cover_days=30)
    assert levels(database_url) == {("MUG", "shop-shelf"): 30}


def test_invoice_lines_become_events_with_their_number_and_no_customer(
    database_url: str, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path / "gift-shop.csv",
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID",
        "100,12345a,MUG,2,2026-01-05 10:00,1.50,buyer-qz",
        "101,12345A,BIG MUG,1,2026-01-05 10:01,1.75,buyer-qz",
        "102,12345A,BIG MUG,1,2026-01-05 10:02,1.60,buyer-qz",
        "103,12345A,smashed,-4,2026-01-05 10:03,0,",
        *[f"{n},23456,CUP,1,2026-01-06 10:00,2,buyer-qz" for n in range(200, 260)],
        "C104,12345A,BIG MUG,-1,2026-01-07 10:04,1.75,buyer-qz",
    )
    import_from(path, database_url, opening_cover_days=0, currency="GBP")
    mugs = [event for event in events(database_url) if event[2] == "12345A"]
    assert mugs == [
        ("adjusted", "opening_balance", "12345A", 8, "2026-01-05 09:59:59", None),
        ("sold", None, "12345A", 2, "2026-01-05 10:00:00", "100"),
        ("sold", None, "12345A", 1, "2026-01-05 10:01:00", "101"),
        ("sold", None, "12345A", 1, "2026-01-05 10:02:00", "102"),
        ("adjusted", "lost", "12345A", -4, "2026-01-05 10:03:00", "103"),
        ("returned", None, "12345A", 1, "2026-01-07 10:04:00", "C104"),
    ]
    with psycopg.connect(database_url) as connection:
        product = connection.execute(
            "select name, unit_price, currency from catalog.products where sku = '12345A'"
        ).fetchone()
        told = connection.execute(
            "select count(*) filter (where row_to_json(e)::text like '%%buyer%%'),"
            " count(*) filter (where metadata = '{\"cancellation\": true}')"
            " from ledger.inventory_events e"
        ).fetchone()
    assert product == ("BIG MUG", 160, "GBP")
    assert told == (0, 1)


def test_the_same_file_in_any_order_of_rows_is_recorded_once(
    database_url: str, tmp_path: Path
) -> None:
    lines = _invented_history(20)
    first = import_from(_sales(tmp_path, *lines), database_url)
    after = levels(database_url), len(events(database_url))
    again = import_from(_sales(tmp_path, *lines), database_url)
    shuffled = import_from(_sales(tmp_path, *sorted(lines)), database_url)
    for report in (again, shuffled):
        assert (report.recorded, report.openings) == (0, 0)
        assert report.already_recorded == len(lines) == first.recorded - first.openings
    assert (levels(database_url), len(events(database_url))) == after


@pytest.mark.parametrize("seed", range(4))
def test_an_export_that_grows_ends_where_the_whole_ends(
    database_url: str, tmp_path: Path, seed: int
) -> None:
    lines = _invented_history(100, seed=seed)
    import_from(_sales(tmp_path, *lines), database_url, source="whole", site="whole")
    at_once = {sku: on_hand for (sku, _), on_hand in levels(database_url).items()}
    recorded = 0
    for share in (30, 60, 100):
        part = _sales(tmp_path, *lines[: len(lines) * share // 100])
        report = import_from(part, database_url, source="grows", site="grows")
        assert report.already_recorded == recorded
        recorded = report.lines
    grown = {sku: level for (sku, place), level in levels(database_url).items() if place[0] == "g"}
    assert all(at_once[sku] <= level <= at_once[sku] + 10 for sku, level in grown.items())
    with psycopg.connect(database_url) as connection:
        shortages = connection.execute(
            "select count(*) from ledger.inventory_events where caused_by is not null"
        ).fetchone()
    assert shortages == (0,)


def test_months_imported_backwards_never_fall_short(database_url: str, tmp_path: Path) -> None:
    lines = _invented_history(90)
    for part in (lines[240:], lines[120:240], lines[:120]):
        import_from(_sales(tmp_path, *part), database_url, opening_cover_days=0)
    told = events(database_url)
    assert sum(event[0] in ("sold", "returned") for event in told) == len(lines)
    assert not [event for event in told if event[1] == "book_shortage"]


def test_an_import_that_was_cut_off_is_finished_by_the_next(
    database_url: str, tmp_path: Path
) -> None:
    lines = [f"SKU{n % 50},1,2026-01-{1 + n // 1000:02} {n % 24:02}:00" for n in range(11_000)]
    path = _sales(tmp_path, *lines)

    def fail(progress: Progress) -> None:
        if progress.step == "recording":
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        asyncio.run(
            import_file(
                ImportOptions(path=path),
                database_url=database_url,
                rejected=tmp_path / "rejected.csv",
                tell=fail,
            )
        )
    half = len(events(database_url))
    assert 0 < half < len(lines)
    report = import_from(path, database_url)
    openings = [event for event in events(database_url) if event[1] == "opening_balance"]
    assert len(openings) == 50
    assert len(events(database_url)) == half + report.recorded == len(lines) + 50
    uncut = import_from(path, database_url, source="uncut", site="uncut")
    assert uncut.opening_units == sum(event[3] for event in openings)


def test_what_is_counted_stands_however_history_arrives(database_url: str, tmp_path: Path) -> None:
    stock = write_csv(tmp_path / "stock.csv", "sku,on hand", "MUG,50", "CUP,0")
    import_from(stock, database_url)
    history = _sales(tmp_path, "MUG,30,2026-01-05", "MUG,-2,2026-01-06", "JUG,5,2026-01-07")
    report = import_from(history, database_url, opening_cover_days=0)
    assert levels(database_url) == {
        ("MUG", "shop-shelf"): 50,
        ("CUP", "shop-shelf"): 0,
        ("JUG", "shop-shelf"): 0,
    }
    assert lowest_level(database_url) == 0
    assert (report.openings, import_from(history, database_url).recorded) == (2, 0)


def test_counts_after_history_replace_what_was_assumed(database_url: str, tmp_path: Path) -> None:
    import_from(_sales(tmp_path, "MUG,3,2026-01-05"), database_url)
    stock = write_csv(tmp_path / "stock.csv", "sku,quantity", "MUG,4", "MUG,5", "CUP,1")
    report = import_from(stock, database_url)
    assert (report.kind, report.recorded) == ("counts", 2)
    assert levels(database_url) == {("MUG", "shop-shelf"): 9, ("CUP", "shop-shelf"): 1}
    assert import_from(stock, database_url).recorded == 0
    recount = write_csv(tmp_path / "stock.csv", "sku,quantity", "MUG,9", "CUP,2")
    assert import_from(recount, database_url).recorded == 2


def test_a_dated_count_is_recorded_at_its_time(database_url: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "stock.csv", "sku,quantity,counted at", "MUG,4,2026-01-05 18:00")
    import_from(path, database_url, time_zone="Europe/Berlin")
    assert events(database_url) == [("counted", None, "MUG", 4, "2026-01-05 17:00:00", None)]


def test_a_moved_history_keeps_its_shift(database_url: str, tmp_path: Path) -> None:
    short = ["MUG,1,2011-01-03 10:00", "MUG,1,2011-01-10 10:00"]
    first = import_from(_sales(tmp_path, *short), database_url, shift_to_today=True)
    assert first.shifted_days > 5_000
    assert first.shifted_days % 7 == 0
    before = events(database_url)
    # By itself this longer history would be moved by fewer weeks.
    longer = _sales(tmp_path, *short, "MUG,1,2011-01-11 00:01", "MUG,1,2011-03-14 10:00")
    for shift_to_today in (True, False):
        report = import_from(longer, database_url, shift_to_today=shift_to_today)
        assert report.shifted_days == first.shifted_days
        assert report.already_recorded >= 2
        assert [found.reason for found in report.rejections] == ["the date lies in the future"]
    assert [event for event in events(database_url) if event in before] == before
    assert sum(event[0] == "sold" for event in events(database_url)) in (2, 3)


def test_what_stands_at_its_own_dates_is_not_moved(database_url: str, tmp_path: Path) -> None:
    path = _sales(tmp_path, "MUG,1,2011-01-03 10:00")
    import_from(path, database_url)
    with pytest.raises(HistoryMoved, match="sales was imported at its own dates before"):
        import_from(path, database_url, shift_to_today=True)
    with pytest.raises(HistoryMoved, match="--time-zone Europe/Rome: sales was imported with UTC"):
        import_from(path, database_url, time_zone="Europe/Rome")


def test_times_are_the_clock_of_the_site(database_url: str, tmp_path: Path) -> None:
    path = _sales(
        tmp_path, "A,1,2026-07-01 10:00", "B,1,2026-01-01 10:00", "C,1,2026-07-01T10:00:00Z"
    )
    import_from(path, database_url, time_zone="Europe/Berlin")
    sold = {event[2]: event[4] for event in events(database_url) if event[0] == "sold"}
    assert sold == {
        "A": "2026-07-01 08:00:00",
        "B": "2026-01-01 09:00:00",
        "C": "2026-07-01 10:00:00",
    }


def test_places_of_the_file_are_made_and_those_of_another_site_are_refused(
    database_url: str, tmp_path: Path
) -> None:
    path = write_csv(
        tmp_path / "north.csv", "sku,qty,date,shelf", "MUG,1,2026-01-05,N1", "MUG,2,2026-01-05,"
    )
    report = import_from(path, database_url, opening_cover_days=0)
    assert (report.site, report.locations_made) == ("north", 2)
    assert levels(database_url) == {("MUG", "N1"): 0, ("MUG", "north-shelf"): 0}
    with pytest.raises(OptionUnusable, match="N1 belongs to the site north, not to south"):
        import_from(path, database_url, site="south", source="south")
    stock = write_csv(tmp_path / "stock.csv", "sku,qty,shelf", "MUG,7,N1")
    assert import_from(stock, database_url).site == "north"


def test_the_spelling_of_the_catalog_is_kept(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into catalog.products (sku, name) values ('mug-Red', 'Red mug')")
    path = _sales(tmp_path, "MUG-RED,1,2026-01-05", "mug-red,1,2026-01-06")
    report = import_from(path, database_url, opening_cover_days=0)
    assert report.products_made == 0
    assert levels(database_url) == {("mug-Red", "shop-shelf"): 0}
    assert import_from(path, database_url).recorded == 0


def test_rejected_lines_are_written_down_whole(database_url: str, tmp_path: Path) -> None:
    path = _sales(tmp_path, "MUG,1,2026-01-05", "MUG,x,2026-01-05", 'MUG,"1,5",2026-01-05')
    report = import_from(path, database_url)
    assert report.rejected_file is not None
    with report.rejected_file.open(encoding="utf-8", newline="") as file:
        told = list(csv.reader(file))
    assert told == [
        ["rejected_row", "rejected_field", "rejected_reason", "sku", "qty", "date"],
        ["3", "qty", "the quantity is not a whole number", "MUG", "x", "2026-01-05"],
        ["4", "qty", "the quantity is not a whole number", "MUG", "1,5", "2026-01-05"],
    ]


def test_nothing_is_written_for_a_file_that_is_refused(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(NothingReadable):
        import_from(_sales(tmp_path, "MUG,x,2026-01-05"), database_url)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "select (select count(*) from catalog.sites), (select count(*) from catalog.products),"
            " (select count(*) from catalog.imports), (select count(*) from identity.actors)"
        ).fetchone()
    assert found == (0, 0, 0, 0)


def test_an_import_is_kept_with_its_counts(database_url: str, tmp_path: Path) -> None:
    import_from(_sales(tmp_path, "MUG,1,2026-01-05", "MUG,0,2026-01-05"), database_url)
    with psycopg.connect(database_url) as connection:
        kept = connection.execute(
            "select source, file_name, kind, lines, counts->'outcomes', counts->'recorded',"
            " first_day::text, shifted_days, status from catalog.imports"
        ).fetchone()
    outcomes = {"sale": 1, "return": 0, "cancellation": 0, "rejected": 1}
    assert kept == ("sales", "sales.csv", "sales", 2, outcomes, 2, "2026-01-05", 0, "finished")


def test_a_month_of_online_retail_is_recorded_once(database_url: str, tmp_path: Path) -> None:
    whole = shared_data("online_retail.parquet")
    half, month = tmp_path / "half.parquet", tmp_path / "month.parquet"
    with duckdb.connect() as connection:
        lines = connection.read_parquet(str(whole))
        december = lines.filter("InvoiceDate < timestamp '2011-01-01'")
        december.filter("InvoiceDate < timestamp '2010-12-10'").write_parquet(str(half))
        december.order("StockCode, Quantity").write_parquet(str(month))
    lines_of = {path: _lines_to_record(read(path).outcomes) for path in (half, month)}
    assert 0 < lines_of[half] < lines_of[month]
    for path, recorded_before in ((half, 0), (month, lines_of[half]), (month, lines_of[month])):
        report = import_from(path, database_url, source="online-retail", site="online-retail")
        assert report.already_recorded == recorded_before
        assert report.recorded - report.openings == lines_of[path] - recorded_before
    assert lowest_level(database_url) == 0
    told = events(database_url)
    assert len([event for event in told if event[1] != "opening_balance"]) == lines_of[month]
    assert not [event for event in told if event[1] == "book_shortage"]


def _lines_to_record(outcomes: Mapping[Outcome, int]) -> int:
    kept = (Outcome.SALE, Outcome.CANCELLATION, Outcome.WRITE_OFF)
    return sum(outcomes[outcome] for outcome in kept)
