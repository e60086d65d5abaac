"""`parstock import` as a user calls it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.integration.importing import levels, write_csv


@pytest.fixture
def call(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Caller":
    """Calls the verb on a database and a home of the test's own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PARSTOCK_HOME", str(tmp_path / "home"))
    return Caller(database_url)


class Caller:
    def __init__(self, database_url: str) -> None:
        self.database_url = database_url

    def __call__(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, ["import", *map(str, arguments)])


def _file(folder: Path) -> Path:
    return write_csv(
        folder / "north.csv",
        "code,units,when,why",
        "mug,3,2026-01-05 10:00,a",
        "mug,x,2026-01-05 10:00,b",
    )


def test_it_prints_outcomes_assumptions_and_what_was_recorded(call: Caller, tmp_path: Path) -> None:
    result = call(_file(tmp_path), "--column", "date=when", "--opening-cover-days", "0")
    assert result.exit_code == 0, result.output
    for said in (
        "north.csv: 2 lines read as sales: date=when, sku=code, quantity=units.",
        "        1  sale  of 1 product",
        "the quantity is not a whole number (units, such as 'x'; rows 3)",
        "Stock was unknown before this history, so it is assumed: 1 opening balance of 3 units",
        "Recorded 2 events; 0 were recorded before.",
        "1 product and 1 location made at the site north",
    ):
        assert said in result.output
    assert (tmp_path / "home" / "imports" / "north.csv.rejected.csv").exists()
    assert levels(call.database_url) == {("MUG", "north-shelf"): 0}


def test_it_says_what_became_of_products(call: Caller, tmp_path: Path) -> None:
    suppliers = write_csv(tmp_path / "suppliers.csv", "code,name,lead time", "toys,Toys Ltd,5")
    assert call(suppliers).exit_code == 0
    path = write_csv(
        tmp_path / "products.csv",
        "Item No,Item Name,Department,Cost,Case Size,Vendor",
        "00123,Plush bear,Toys,2.50,12,toys",
        "00124,Rubber duck,Bath,0.80,few,toys",
    )
    result = call(path, "--currency", "EUR")
    assert result.exit_code == 0, result.output
    for said in (
        "products.csv: 2 lines read as products: sku=Item No, name=Item Name,",
        "        1  created",
        "        1  a number is expected (Case Size, such as 'few'; rows 3)",
        "products.csv.rejected.csv (mend them there and import that file)",
    ):
        assert said in result.output
    assert "Recorded" not in result.output


def test_a_dry_run_says_the_same_and_writes_nothing(call: Caller, tmp_path: Path) -> None:
    result = call(_file(tmp_path), "--column", "date=when", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "Dry run: nothing was written." in result.output
    assert levels(call.database_url) == {}
    assert not (tmp_path / "home" / "imports").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.csv",), "There is no file missing.csv."),
        (("--column", "sku"), "sku: FIELD=COLUMN is expected, as in sku=StockCode."),
        (("--time-zone", "Mars"), "--time-zone Mars: there is no such time zone"),
        (("--counted-at", "now"), "now: a time with a zone is expected"),
    ],
)
def test_a_refusal_is_one_sentence_and_the_exit_code_two(
    call: Caller, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    file = () if arguments[0].endswith(".csv") else (_file(tmp_path),)
    result = call(*file, *arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert levels(call.database_url) == {}
