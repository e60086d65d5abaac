"""`parstock forecast`: the demand of the coming periods, from a file to a file."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from cli.settings import StartError
from orchestration.planning.calendar import PERIOD_NAMES, Frequency
from orchestration.planning.demand_file import DemandError, DemandFile, Missing, inspect
from orchestration.planning.demand_forecast import forecast_file, plan_file


@click.command(name="forecast")
@click.option(
    "--demand",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV or Parquet with unique_id, ds, y and, where known, in_stock (0 to 1).",
)
@click.option("--horizon", required=True, type=click.IntRange(min=1), help="Periods to forecast.")
@click.option(
    "--frequency",
    required=True,
    type=click.Choice(tuple(PERIOD_NAMES)),
    help="What a period is: a day, a week or a month.",
)
@click.option(
    "--missing",
    type=click.Choice(("auto", "zero", "unknown")),
    default="auto",
    show_default=True,
    help="What a period without a row is, after a series' first one; auto looks whether the file "
    "lists periods without sales.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here, by its ending as CSV or Parquet; else CSV on the standard output.",
)
def command(
    demand: Path, horizon: int, frequency: Frequency, missing: Missing, out: Path | None
) -> None:
    """Forecast every series of a file: mean and quantiles of each period, and of the totals.

    total_q columns are of the demand from the first period up to and including that one. All
    series are forecast from the period after the file's last. The first row of a series is when
    it began to be sold.
    """
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise click.BadParameter(
            f"{out}: a name that ends in .csv or .parquet is expected.", param_hint="--out"
        )
    try:
        source = inspect(demand, frequency, missing=missing)
        _tell(source, missing)
        tables = forecast_file(plan_file(source, horizon=horizon))
        if out is None:
            _write_csv(tables, sys.stdout.buffer)
        else:
            _write_file(tables, out)
    except (DemandError, OSError) as error:
        raise StartError(f"Nothing was forecast: {error}") from error


def _tell(source: DemandFile, missing: Missing) -> None:
    name = PERIOD_NAMES[source.calendar.frequency]
    click.echo(f"{len(source.ids):,} series of up to {source.periods:,} {name}s.", err=True)
    if source.negative:
        click.echo(f"{source.negative:,} rows below 0 were read as 0.", err=True)
    if missing == "auto" and source.missing_is_zero:
        click.echo(f"The file lists only sales, so a {name} without a row is a 0.", err=True)


def _write_file(tables: Iterator[pa.Table], out: Path) -> None:
    """Beside the file first, so that what is there is replaced whole or not at all."""
    part = out.with_name(f".{out.name}.part")
    try:
        if out.suffix.lower() == ".csv":
            with part.open("wb") as file:
                _write_csv(tables, file)
        else:
            _write_parquet(tables, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def _write_parquet(tables: Iterator[pa.Table], path: Path) -> None:
    first = next(tables)
    with pyarrow.parquet.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _write_csv(tables: Iterator[pa.Table], file: BinaryIO) -> None:
    first = next(tables)
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    with pyarrow.csv.CSVWriter(file, first.schema, write_options=options) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)
