"""`parstock lead-times` tells what became of every line."""

from pathlib import Path

from click.testing import CliRunner

from cli.main import main
from tests.conftest import shared_data

COLUMNS = ("--supplier", "vendor", "--ordered", "sent", "--delivered", "came")


def test_every_line_has_its_outcome(tmp_path: Path) -> None:
    file = tmp_path / "deliveries.csv"
    rows = [f"Acme,{day}/1/2026,20-Jan-26" for day in (13, 14, 15, 16, 17, 21)]
    file.write_text("\n".join(["vendor,sent,came", *rows, "Acme,soon,20-Jan-26"]), "utf-8")
    told = CliRunner().invoke(main, ["lead-times", str(file), *COLUMNS]).output
    assert "7 lines" in told
    for words in ("5 used", "1 without a day on which it was ordered", "1 came before it was"):
        assert words in told
    assert told.splitlines()[-1].split() == ["3", "5", "7", "5", "Acme"]


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "deliveries.csv"
    file.write_text("vendor,sent\nAcme,2026-01-01\n", "utf-8")
    answer = CliRunner().invoke(main, ["lead-times", str(file), *COLUMNS])
    assert answer.exit_code != 0
    assert "deliveries.csv has no column came." in answer.output


def test_a_real_history_survives_its_dates() -> None:
    file = shared_data("scms_delivery_history.csv.gz")
    columns = ("--supplier", "vendor", "--ordered", "po sent to vendor date")
    answer = CliRunner().invoke(
        main, ["lead-times", str(file), *columns, "--delivered", "delivered to client date"]
    )
    for words in ("10,324 lines", "4,587 used", "5,732 without", "from -292 to 616 days"):
        assert words in answer.output
