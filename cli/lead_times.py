"""`parstock lead-times`: what suppliers really took, from a list of deliveries."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from cli.settings import StartError
from orchestration.planning.lead_times import ENOUGH, Outcome, read_deliveries

_WHY: dict[Outcome, str] = {
    "used": "used",
    "no_order_date": "without a day on which it was ordered",
    "no_delivery_date": "without a day on which it came",
    "before_the_order": "came before it was ordered",
    "too_long": "came more than two years later",
}


@click.command(name="lead-times")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--supplier", required=True, help="The column that names the supplier.")
@click.option("--ordered", required=True, help="The column of the day it was ordered.")
@click.option("--delivered", required=True, help="The column of the day it came.")
def command(file: Path, supplier: str, ordered: str, delivered: str) -> None:
    """Read a CSV of deliveries (also .csv.gz), dates in any form, and tell the lead times.

    Every line has one outcome. Suppliers with few deliveries are counted together.
    """
    try:
        history = read_deliveries(_lines(file, (supplier, ordered, delivered)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StartError(f"Nothing was read: {error}") from error
    click.echo(f"{sum(history.outcomes.values()):,} lines")
    for outcome, words in _WHY.items():
        if history.outcomes[outcome]:
            click.echo(f"{history.outcomes[outcome]:>8,} {words}")
    if history.shortest_days is not None:
        click.echo(f"from {history.shortest_days} to {history.longest_days} days, as written")
    click.echo(f"{'days: 5 %':>10} {'median':>7} {'95 %':>5} {'deliveries':>11}  supplier")
    others: list[int] = []
    for name, taken in sorted(history.taken_days.items(), key=lambda one: -len(one[1])):
        if len(taken) < ENOUGH:
            others += taken
        else:
            _tell(taken, name)
    if others:
        _tell(others, f"all with fewer than {ENOUGH}")


def _lines(file: Path, columns: tuple[str, str, str]) -> Iterator[tuple[str, str, str]]:
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig", newline="") as text:
        rows = csv.DictReader(text)
        missing = [name for name in columns if name not in (rows.fieldnames or ())]
        if missing:
            raise StartError(f"{file.name} has no column {', '.join(missing)}.")
        supplier, ordered, delivered = columns
        for row in rows:
            yield row[supplier] or "", row[ordered] or "", row[delivered] or ""


def _tell(taken: list[int], name: str) -> None:
    low, middle, high = np.quantile(taken, (0.05, 0.5, 0.95), method="inverted_cdf")
    click.echo(f"{low:>10} {middle:>7} {high:>5} {len(taken):>11,}  {name}")
