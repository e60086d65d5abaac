"""`parstock forecast`: what it reads, what it writes, and how it refuses."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from cli.forecast import command

COLUMNS = [
    "unique_id",
    "ds",
    "mean",
    *(f"q{p}" for p in ("0.025", "0.1", "0.5", "0.9", "0.975")),
    *(f"total_q{p}" for p in ("0.025", "0.1", "0.5", "0.9", "0.975")),
]


def demand(
    periods: int = 120, series: int = 12, frequency: str = "D", seed: int = 3
) -> pd.DataFrame:
    """Poisson demand, a row a series and period, the series of different rates."""
    days = pd.date_range("2025-01-06", periods=periods, freq=frequency)
    drawn = np.random.default_rng(seed)
    return pd.concat(
        pd.DataFrame(
            {"unique_id": f"{n:03d}", "ds": days, "y": drawn.poisson(1 + n, periods).astype(float)}
        )
        for n in range(series)
    )


def run(table: pd.DataFrame | str, folder: Path, *options: str) -> Result:
    file = folder / "demand.csv"
    text = table if isinstance(table, str) else table.to_csv(index=False, date_format="%Y-%m-%d")
    file.write_text(text)
    return CliRunner().invoke(command, ["--demand", str(file), *options])


def said(result: Result) -> pd.DataFrame:
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout), dtype={"unique_id": str}, parse_dates=["ds"])


@pytest.mark.parametrize(
    ("frequency", "alias", "first"),
    [("D", "D", "2025-03-07"), ("W", "W-MON", "2026-03-02"), ("M", "MS", "2030-02-01")],
)
def test_every_period_to_come_has_a_row(
    frequency: str, alias: str, first: str, tmp_path: Path
) -> None:
    table = said(
        run(demand(60, frequency=alias), tmp_path, "--horizon", "6", "--frequency", frequency)
    )
    assert list(table.columns) == COLUMNS
    assert len(table) == 12 * 6
    assert table.ds.min() == pd.Timestamp(first)
    assert (np.diff(table[COLUMNS[3:8]], axis=1) >= 0).all()
    assert (np.diff(table[COLUMNS[8:]], axis=1) >= 0).all()


def test_months_dated_by_their_last_day_stay_so(tmp_path: Path) -> None:
    table = said(run(demand(40, frequency="ME"), tmp_path, "--horizon", "3", "--frequency", "M"))
    assert (table.ds + pd.Timedelta(days=1)).dt.day.eq(1).all()


def test_a_parquet_file_gives_what_a_csv_file_gives(tmp_path: Path) -> None:
    table = demand()
    by_csv = said(run(table, tmp_path, "--horizon", "7", "--frequency", "D"))
    parquet, out = tmp_path / "demand.parquet", tmp_path / "said.parquet"
    table.to_parquet(parquet, index=False)
    options = ["--demand", str(parquet), "--horizon", "7", "--frequency", "D", "--out", str(out)]
    result = CliRunner().invoke(command, options)
    assert result.exit_code == 0, result.output
    by_parquet = pd.read_parquet(out)
    assert by_parquet["unique_id"].tolist() == by_csv["unique_id"].tolist()
    np.testing.assert_allclose(by_parquet[COLUMNS[2:]], by_csv[COLUMNS[2:]], rtol=1e-9)


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    table = demand()
    straight = run(table, tmp_path, "--horizon", "7", "--frequency", "D").stdout
    shuffled = table.sample(frac=1, random_state=1)
    assert run(shuffled, tmp_path, "--horizon", "7", "--frequency", "D").stdout == straight


def test_a_file_of_sales_only_means_zeros_between(tmp_path: Path) -> None:
    table = demand(200, seed=8).assign(y=lambda rows: np.maximum(rows.y - 2, 0))
    whole = run(table, tmp_path, "--horizon", "7", "--frequency", "D", "--missing", "unknown")
    sales = run(table[table.y > 0], tmp_path, "--horizon", "7", "--frequency", "D")
    assert "lists only sales" in sales.stderr
    both = said(whole).merge(said(sales), on=["unique_id", "ds"])
    busy = both[both.unique_id >= "004"]
    np.testing.assert_allclose(busy.mean_x, busy.mean_y, rtol=0.02)


def test_a_missing_row_where_zeros_are_listed_says_nothing(tmp_path: Path) -> None:
    table = demand(200).assign(y=5.0)
    table.loc[table.unique_id == "004", "y"] = 0.0
    kept = table.sample(frac=0.8, random_state=2)
    known = said(run(kept, tmp_path, "--horizon", "7", "--frequency", "D"))
    known = known[known.unique_id != "004"]
    assert known["mean"].to_numpy() == pytest.approx(5.0, rel=0.02)


def test_a_series_that_never_sold_is_forecast_as_nothing(tmp_path: Path) -> None:
    table = demand()
    table.loc[table.unique_id == "004", "y"] = 0.0
    never = said(run(table, tmp_path, "--horizon", "7", "--frequency", "D")).query(
        "unique_id == '004'"
    )
    assert (never[COLUMNS[2:]] == 0).all(axis=None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("unique_id,ds\na,2025-01-01\n", "no column y"),
        ("unique_id,ds,y\na,2025-01-01,1\na,2025-01-02,many\n", "row 3: the column y says 'many'"),
        ("unique_id,ds,y\na,2025-01-01,1\na,soon,1\n", "row 3: the column ds says 'soon'"),
        ("unique_id,ds,y\n,2025-01-01,1\n", "row 2: the column unique_id says nothing"),
        (
            "unique_id,ds,y,in_stock\na,2025-01-01,1,1\na,2025-01-02,1,8\n",
            "row 3: the column in_stock says '8'",
        ),
        (
            "unique_id,ds,y\na,2025-01-01,1\nb,2025-01-01,1\na,2025-01-01,2\n",
            "row 4: the series a has 2025-01-01 in the column ds already in row 2",
        ),
        ("unique_id,ds,y\n", "holds no rows"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_read_is_refused_by_column_and_row(
    text: str, says: str, tmp_path: Path
) -> None:
    result = run(text, tmp_path, "--horizon", "2", "--frequency", "D")
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stdout == ""


def test_days_given_as_weeks_are_refused(tmp_path: Path) -> None:
    result = run(demand(), tmp_path, "--horizon", "2", "--frequency", "W")
    assert result.exit_code == 1
    assert "Is the frequency right?" in result.stderr


def test_a_refused_file_leaves_what_was_written_before(tmp_path: Path) -> None:
    out = tmp_path / "said.csv"
    out.write_text("before")
    result = run("unique_id\n", tmp_path, "--horizon", "2", "--frequency", "D", "--out", str(out))
    assert result.exit_code == 1
    assert [out.read_text(), *sorted(p.name for p in tmp_path.iterdir())] == [
        "before",
        "demand.csv",
        "said.csv",
    ]
