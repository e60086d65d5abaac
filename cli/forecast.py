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
from orchestration.planning.demand_forecast import FilePlan, forecast_file, plan_file

# More than one, so that a worker that is done early takes from one that is not.
_SHARES_A_WORKER = 2


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
    "--dask",
    "scheduler",
    metavar="ADDRESS",
    help="Spread over the workers of this Dask scheduler (tcp://...), which reach the file under "
    "the same path; needs the package distributed.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here, by its ending as CSV or Parquet; else CSV on the standard output.",
)
def command(
    demand: Path,
    horizon: int,
    frequency: Frequency,
    missing: Missing,
    scheduler: str | None,
    out: Path | None,
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
        source = inspect(demand.absolute(), frequency, missing=missing)
        _tell(source, missing)
        plan = plan_file(source, horizon=horizon)
        tables = forecast_file(plan) if scheduler is None else _on_dask(plan, scheduler)
        if out is None:
            _write_csv(tables, sys.stdout.buffer)
        else:
            _write_file(tables, out)
    except (DemandError, OSError) as error:
        raise StartError(f"Nothing was forecast: {error}") from error


def _on_dask(plan: FilePlan, scheduler: str) -> Iterator[pa.Table]:
    try:
        from distributed import Client

        from orchestration.planning.spread import spread_file
    except ImportError as error:
        raise StartError(
            "--dask needs the packages dask and distributed: pip install distributed."
        ) from error
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise StartError(f"No Dask scheduler answers at {scheduler}.") from error
    with client:
        workers = len(client.scheduler_info()["workers"])
        yield from spread_file(plan, client, shares=max(workers, 1) * _SHARES_A_WORKER)


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
