"""The planning half against its bars: `make bench-planning`, or python -m bench.planning.

Online Retail and FreshRetail are read from ../shared/data and scored by its score.py; without them
only the made-up demand of 30,000 series is timed. --large adds 300,000 series (some minutes).
CPU seconds are of one process with one thread of linear algebra.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from distributed import LocalCluster

DATA = Path(__file__).parents[2] / "shared" / "data"
_DAYS = 730
_TASKS = (("online_retail", 28), ("freshretail", 7))
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Row:
    """A figure beside its bar."""

    name: str
    bar: str
    figure: str
    holds: bool


@dataclass(frozen=True)
class Used:
    """What a process took of the machine."""

    cpu_seconds: float
    peak_gb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 300,000 series")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="parstock-bench-") as name:
        folder = Path(name)
        if DATA.exists():
            rows += _real_data(folder)
        else:
            print("left out: the real data (../shared/data is not beside the project)")
        few = forecast_made_up(30_000, folder)
        rows += _against("30,000 series x 730 days", few, cpu_seconds=60, peak_gb=4)
        if options.large:
            many = forecast_made_up(300_000, folder)
            most = 10 * few.cpu_seconds
            rows += _against("300,000 series x 730 days", many, cpu_seconds=most, peak_gb=8)
        same = same_on_two_workers(folder)
        rows.append(Row("the same on two Dask workers", "equal", same, same == "equal"))
    _print(rows)
    if importlib.util.find_spec("bench.replenishment") is not None:
        subprocess.run([sys.executable, "-m", "bench.replenishment"], check=True)


def _real_data(folder: Path) -> list[Row]:
    """Both shops from three origins each; means over the origins."""
    script = [sys.executable, str(DATA / "score.py")]
    given, said = folder / "given", folder / "said"
    said.mkdir()
    subprocess.run([*script, "prepare", str(given)], check=True, stdout=subprocess.DEVNULL)
    most_cpu = 0.0
    for task, horizon in _TASKS:
        for origin in (1, 2, 3):
            file = f"{task}_{origin}"
            used = forecast(given / f"{file}_demand.parquet", said / f"{file}.parquet", horizon)
            if task == "online_retail":
                most_cpu = max(most_cpu, used.cpu_seconds)
    scored = subprocess.run(
        [*script, "forecast", str(given), str(said)], check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, list[dict[str, float]]] = {task: [] for task, _ in _TASKS}
    for line in scored.splitlines():
        name, figures = line.split(" ", 1)
        found[name.rsplit("_", 1)[0]].append(json.loads(figures))
        print(line)
    retail, fresh = ({key: [one[key] for one in found[task]] for key in found[task][0]}
                     for task, _ in _TASKS)  # fmt: skip
    return [
        _most("Online Retail, WR", retail["WR"], 0.90),
        _most("Online Retail, pinball loss", retail["pinball"], 0.52),
        _within("Online Retail, 80 % interval covers", retail["coverage_80"], 0.75, 0.85),
        _within("Online Retail, 95 % interval covers", retail["coverage_95"], 0.92, 0.98),
        _most("Online Retail, CPU seconds an origin", [most_cpu], 10),
        _most("FreshRetail, WR", fresh["WR"], 0.86),
        _most("FreshRetail, in-stock WAPE", fresh["in_stock_WAPE"], 0.32),
        _within("FreshRetail, in-stock bias", fresh["in_stock_bias"], -0.03, 0.03),
        _within("FreshRetail, 80 % interval covers", fresh["coverage_80"], 0.75, 0.85),
        _within("FreshRetail, 95 % interval covers", fresh["coverage_95"], 0.92, 0.98),
    ]


def forecast_made_up(series: int, folder: Path) -> Used:
    """Forecast 28 days of so many series with a week and a year in them."""
    demand = folder / f"made_up_{series}.parquet"
    make_demand(demand, series)
    used = forecast(demand, folder / "made_up_said.parquet", 28)
    demand.unlink()
    return used


def make_demand(file: Path, series: int, days: int = _DAYS) -> None:
    """Poisson demand at rates of many sizes, by a fixed seed."""
    random, when = np.random.default_rng(0), np.arange(days)
    dates = np.datetime64("2024-01-01") + when
    week = np.array([0.8, 0.8, 0.9, 1.0, 1.2, 1.5, 0.8])[when % 7]
    year = 1 + 0.3 * np.sin(2 * np.pi * when / 365.25)
    columns = pa.schema([("unique_id", pa.string()), ("ds", pa.date32()), ("y", pa.float64())])
    with pyarrow.parquet.ParquetWriter(file, columns) as writer:
        for low in range(0, series, 5000):
            names = [f"{number:06d}" for number in range(low, min(low + 5000, series))]
            rates = random.lognormal(0, 1.2, (len(names), 1))
            units = random.poisson(rates * week * year).astype(float)
            ids = np.repeat(names, days)
            values = [pa.array(ids), pa.array(np.tile(dates, len(names))), units.ravel()]
            writer.write_table(pa.table(values, schema=columns))


def same_on_two_workers(folder: Path) -> str:
    """Both forecasts of 2,000 made-up series: "equal", or by how much they differ."""
    demand, one, two = folder / "spread.parquet", folder / "one.parquet", folder / "two.parquet"
    make_demand(demand, 2000, days=200)
    forecast(demand, one, 28)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        forecast(demand, two, 28, "--dask", cluster.scheduler_address)
    alone, spread = (pyarrow.parquet.read_table(file).to_pandas() for file in (one, two))
    if alone.equals(spread):
        return "equal"
    return f"off by {(alone.iloc[:, 2:] - spread.iloc[:, 2:]).abs().max().max():g}"


def forecast(demand: Path, out: Path, horizon: int, *options: str) -> Used:
    """`parstock forecast` in a process of its own."""
    given = ["--demand", str(demand), "--horizon", str(horizon), "--frequency", "D"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "forecast", *given, "--out", str(out), *options],
        env=os.environ | _ONE_THREAD,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"parstock forecast of {demand.name} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e9)


def _against(name: str, used: Used, *, cpu_seconds: float, peak_gb: float) -> list[Row]:
    return [
        _most(f"{name}, CPU seconds", [used.cpu_seconds], cpu_seconds),
        _most(f"{name}, peak GB", [used.peak_gb], peak_gb),
    ]


def _most(name: str, figures: Sequence[float], bar: float) -> Row:
    mean = float(np.mean(figures))
    return Row(name, f"at most {bar:.4g}", f"{mean:.4g}", mean <= bar)


def _within(name: str, figures: Sequence[float], low: float, high: float) -> Row:
    mean = float(np.mean(figures))
    return Row(name, f"{low:.1%} to {high:.1%}", f"{mean:.1%}", low <= mean <= high)


def _print(rows: list[Row]) -> None:
    print("\n| figure | bar | measured | |\n|---|---:|---:|---|")
    for row in rows:
        print(f"| {row.name} | {row.bar} | {row.figure} | {'holds' if row.holds else 'missed'} |")


if __name__ == "__main__":
    main()
