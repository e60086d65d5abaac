"""Each line of a file has one outcome, and what cannot be read is said in one sentence."""

import gzip
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from api.imports.errors import ColumnMissing, FileUnreadable, ImportRefused, OptionUnusable
from api.imports.schemas import Outcome
from tests.conftest import shared_data
from tests.integration.importing import outcomes, read, write_csv

_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID"


def _invoices(folder: Path, *lines: str) -> Path:
    return write_csv(folder / "till.csv", _HEADER, *lines)


def test_online_retail_has_its_known_counts_with_no_option() -> None:
    report = read(shared_data("online_retail.parquet"))
    assert report.lines == 541_909
    assert outcomes(report) == {
        "sale": 522_504,
        "cancellation": 8_668,
        "duplicate": 5_268,
        "no product": 2_986,
        "write-off": 1_324,
        "zero price": 1_156,
        "bad debt": 3,
    }
    assert report.products_sold == 3_791
    assert [overlap.lines for overlap in report.overlaps] == [
        9_288, 10_624, 3, 2_517, 1_454, 135_080, 5_268, 112,
    ]  # fmt: skip
    assert (report.site, report.source) == ("online-retail", "online-retail")


def test_outcomes_go_by_precedence(tmp_path: Path) -> None:
    path = _invoices(
        tmp_path,
        "100,12345,MUG,2,2026-01-05 10:00,1.50,7",
        "100,12345,MUG,2,2026-01-05 10:00,1.50,7",
        "A101,B,Adjust bad debt,1,2026-01-05 10:01,99.00,",
        "102,POST,POSTAGE,1,2026-01-05 10:02,3.00,7",
        "103,12345,damaged,-4,2026-01-05 10:03,0,",
        "104,12345A,FREE MUG,1,2026-01-05 10:04,0,7",
        "C105,12345,MUG,-1,2026-01-05 10:05,1.50,7",
        "C106,12345,MUG,-1,2026-01-05 10:05,0,7",
        "C107,M,Manual,-1,2026-01-05 10:05,5,7",
        *[f"{n},2345{n % 10},CUP,1,2026-01-06 10:00,2,7" for n in range(200, 260)],
    )
    assert outcomes(read(path)) == {
        "sale": 61,
        "duplicate": 1,
        "bad debt": 1,
        "no product": 2,
        "write-off": 1,
        "zero price": 2,
        "cancellation": 1,
    }


def test_the_rule_of_five_digits_holds_only_where_nearly_all_codes_keep_it(tmp_path: Path) -> None:
    path = _invoices(
        tmp_path, "1,MUG-RED,MUG,2,2026-01-05 10:00,1.50,7", "2,CUP,CUP,1,2026-01-05 10:00,1,7"
    )
    assert outcomes(read(path)) == {"sale": 2}
    assert outcomes(read(path, product_code="^MUG")) == {"sale": 1, "no product": 1}


def test_equal_lines_of_a_plain_file_are_sales_of_their_own(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "sales.csv", "sku,qty,date", *["mug,1,2026-01-05"] * 3, "mug,-1,2026-01-06"
    )
    assert outcomes(read(path)) == {"sale": 3, "return": 1}


def test_columns_can_be_said_where_they_cannot_be_guessed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", "a;b;c", "mug;2;2026-01-05", "cup;1;2026-01-05")
    with pytest.raises(ColumnMissing, match="--column sku=COLUMN"):
        read(path)
    report = read(path, columns={"sku": "a", "quantity": "b", "date": "c"})
    assert outcomes(report) == {"sale": 2}


@pytest.mark.parametrize(
    ("dates", "format_"),
    [
        (("1/13/2026 8:26", "12/1/2026 8:30"), None),
        (("13/1/2026 8:26", "1/12/2026 8:30"), None),
        (("13.01.2026", "01.12.2025"), None),
        (("20260113", "20251201"), None),
        (("2026-01-13T08:26:00Z", "2026-01-13T08:26:00+05:30"), None),
        (("1/2/2026", "3/4/2026"), "%d/%m/%Y"),
    ],
)
def test_dates_are_read_in_the_forms_of_the_world(
    tmp_path: Path, dates: tuple[str, str], format_: str | None
) -> None:
    path = write_csv(tmp_path / "sales.csv", "sku,qty,date", *[f"mug,1,{day}" for day in dates])
    report = read(path, date_format=format_)
    assert report.outcomes[Outcome.SALE] + report.outcomes[Outcome.REJECTED] == 2
    assert all(found.reason == "the date lies in the future" for found in report.rejections)


def test_dates_of_two_meanings_are_asked_about(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "sales.csv", "sku,qty,date", "mug,1,1/2/2026", "mug,1,3/4/2026")
    with pytest.raises(OptionUnusable, match=r'--date-format "%m/%d/%Y" or --date-format'):
        read(path)


def test_a_rejected_line_is_told_by_row_field_and_expectation(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "sales.csv",
        "sku,qty,date",
        "mug,1,2026-01-05",
        "mug,many,2026-01-05",
        "mug,1.5,2026-01-05",
        "mug,0,2026-01-05",
        "mug,10000001,2026-01-05",
        ",1,2026-01-05",
        "mug,1,yesterday",
        "mug,1,2999-01-05",
        "mug,1,1066-01-05",
        "mug,1",
        "mug,1,2026-01-05,more",
        f"{'m' * 101},1,2026-01-05",
    )
    report = read(path)
    assert outcomes(report) == {"sale": 1, "rejected": 11}
    told = {(found.reason, found.field): found.first_rows for found in report.rejections}
    assert told == {
        ("the quantity is not a whole number", "qty"): (3, 4),
        ("the quantity is 0", "qty"): (5,),
        ("the quantity is too large", "qty"): (6,),
        ("there is no product code", "sku"): (7,),
        ("the date cannot be read", "date"): (8,),
        ("the date lies in the future", "date"): (9,),
        ("the date lies before 1970", "date"): (10,),
        ("there is no date", "date"): (11,),
        ("the line has more fields than the header", "line"): (12,),
        ("the product code is too long or unprintable", "sku"): (13,),
    }
    assert all(found.expected for found in report.rejections)


def test_a_line_broken_far_down_keeps_the_rows_behind_it_right(tmp_path: Path) -> None:
    good = ["mug,1,2026-01-05"] * 30_000
    path = write_csv(
        tmp_path / "sales.csv", "sku,qty,date", *good, "mug,1,2026-01-05,a,b", "mug,x,2026-01-05"
    )
    report = read(path)
    rows = {found.reason: found.first_rows for found in report.rejections}
    assert report.lines == 30_002
    assert rows["the line cannot be cut into fields"] == (30_002,)
    assert rows["the quantity is not a whole number"] == (30_003,)


def test_compressed_and_western_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress("sku,qty,date\nteekännchen,1,2026-01-05\n".encode("latin-1")))
    assert outcomes(read(path)) == {"sale": 1}


def test_csv_and_parquet_of_one_content_come_to_the_same(tmp_path: Path) -> None:
    lines = ["sku,qty,date,price", "85123,2,2026-01-05 10:00,2.50", "84000,1,2026-01-06 11:30,1"]
    csv_file = write_csv(tmp_path / "sales.csv", *lines)
    parquet_file = tmp_path / "sales.parquet"
    with duckdb.connect() as connection:
        connection.read_csv(str(csv_file)).write_parquet(str(parquet_file))
    assert outcomes(read(csv_file)) == outcomes(read(parquet_file)) == {"sale": 2}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.parquet", b"this is no parquet at all", "x.parquet is not a Parquet file"),
        ("x.parquet", b"PAR1 and then nothing of use", "x.parquet is not a readable Parquet file"),
        ("x.parquet", b"", "x.parquet is empty"),
        ("x.csv", b" \n", "x.csv is empty"),
        ("x.csv", b"sku,quantity,date\n", "x.csv has no lines below its header"),
        ("x.csv", bytes(range(256)) * 20, "x.csv "),
        ("x.ods", b"PK", "save it as CSV, Excel (.xlsx) or Parquet"),
        ("x.xlsx", b"PK", "x.xlsx is not a readable Excel workbook"),
        ("x.csv", b"sku,date\nmug,2026-01-05\n", "no column for the quantity"),
        (
            "x.csv",
            b"sku,qty,date\nmug,x,2026-01-05\n",
            "No line of x.csv can be imported: in row 2, qty",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImportRefused) as refusal:
        read(path)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"There is no file .*nowhere\.csv"):
        read(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"time_zone": "Mars/Olympus"}, "--time-zone Mars/Olympus: there is no such time zone"),
        ({"currency": "XXQ"}, "--currency XXQ: there is no such currency"),
        ({"site": " "}, "--site: a code of 1 to 100"),
        ({"opening_cover_days": -1}, "--opening-cover-days -1: 0 to 730 days"),
        ({"product_code": "("}, "--product-code"),
        ({"profile": "invoice-lines"}, "--profile invoice-lines: this file has no invoice"),
    ],
)
def test_an_option_that_names_nothing_is_refused(
    tmp_path: Path, option: dict[str, object], sentence: str
) -> None:
    path = write_csv(tmp_path / "sales.csv", "sku,qty,date", "mug,1,2026-01-05")
    with pytest.raises(OptionUnusable, match=sentence.replace("(", r"\(")):
        read(path, **option)


def test_overlapping_counts_are_each_of_the_whole_file(tmp_path: Path) -> None:
    path = _invoices(
        tmp_path,
        "100,12345a,MUG,2,2026-01-05 10:00,1.50,7",
        "100,12345A,,2,2026-01-05 10:00,0,",
        "C101,12345A,,-2,2026-01-05 10:00,0,",
        "C101,12345A,,-2,2026-01-05 10:00,0,",
        *["102,12346,CUP,1,2026-01-05 10:00,1,7"] * 30,
    )
    counted = Counter({o.name.split(" (")[0]: o.lines for o in read(path).overlaps})
    assert counted == {
        "cancellation lines": 2,
        "negative quantities": 2,
        "bad-debt lines": 0,
        "prices of zero or less": 3,
        "lines without a description": 3,
        "lines without a customer": 3,
        "exact duplicates of an earlier line": 30,
        "codes that differ from another only in case": 1,
    }
