"""What the replenishment policy costs on real sales, and how long a plan of 30,000 takes.

python -m bench.replenishment     Online Retail is read from ../shared/data, made into tasks by its
score.py, and the orders are scored by it; without it only the plan's arithmetic is timed.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from orchestration.planning.backtest import PATHS
from orchestration.planning.simulation import DemandPaths, order_to_last

DATA = Path(__file__).parents[2] / "shared" / "data"
_BARS = {"retail_raw": (240_000, 248_095), "retail_capped": (105_000, 111_814)}
_SERIES, _LEAD, _REVIEW, _CHUNK = 30_000, 7, 7, 2_000
_PLAN_CPU_S, _PLAN_BYTES = 60, 4 << 30


def retail(folder: Path) -> None:
    """Each task through `parstock backtest`; then what score.py says of the orders."""
    score = [sys.executable, str(DATA / "score.py")]
    subprocess.run([*score, "prepare", str(folder)], check=True, stdout=subprocess.DEVNULL)
    for task, (bar, simple) in _BARS.items():
        said = ["--demand", f"{folder}/{task}_demand.parquet"]
        said += ["--stock", f"{folder}/{task}_stock.csv", "--costs", f"{folder}/{task}_costs.csv"]
        said += ["--period", "day", "--review", "7", "--lead-time", "7", "--warm-up", "21"]
        said += ["--start", "2011-06-20", "--periods", "172", "--out", f"{folder}/{task}.csv"]
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = subprocess.run(
            [sys.executable, "-m", "cli.main", "backtest", *said],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
        total = next(line for line in shown if line.startswith("total"))
        fill = next(line for line in shown if line.startswith("Fill rate"))
        print(
            f"{task:14} cost {float(total.split()[1]):10,.0f} (at most {bar:,}; the best simple "
            f"method {simple:,})   {fill}   {seconds:.1f} CPU s",
            flush=True,
        )
    print("score.py says:", flush=True)
    subprocess.run([*score, "orders", str(folder), str(folder)], check=True)


def plan() -> None:
    """The orders of 30,000 product-sites, lead time and review period of a week each."""
    generator = np.random.default_rng(1)
    level = np.exp(generator.normal(-1.0, 1.5, _SERIES))
    horizon = _LEAD + _REVIEW
    began = time.process_time()
    paths = DemandPaths(paths=PATHS, periods=horizon)
    ordered = 0
    for begin in range(0, _SERIES, _CHUNK):
        mean = np.repeat(level[begin : begin + _CHUNK, None], horizon, axis=1)
        orders = order_to_last(
            paths.draw(mean, np.full_like(mean, 2.0)),
            on_hand=np.ceil(mean[:, 0] * _LEAD),
            arrivals=np.zeros_like(mean),
            lead_time=_LEAD,
            review=_REVIEW,
            service_level=0.95,
        )
        ordered += int(orders.quantity.sum())
    seconds = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        f"plan of {_SERIES:,} product-sites   {seconds:.1f} CPU s (at most {_PLAN_CPU_S}), peak "
        f"{peak / 2**30:.2f} GB (at most {_PLAN_BYTES >> 30}); {ordered:,} units ordered"
    )


def main() -> None:
    plan()
    if not DATA.exists():
        print("left out: Online Retail (../shared/data is not beside the project)")
        return
    with tempfile.TemporaryDirectory(prefix="parstock-bench-") as folder:
        retail(Path(folder))


if __name__ == "__main__":
    main()
