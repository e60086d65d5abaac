"""The plots of docs/planning.md, and the figures beside them: `make plots`, or -m bench.plots.

All demand is made up by a fixed seed: a level, a weekday, more spread than chance alone, and a
shelf that runs empty now and then. What then happened was held back from the forecast.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from orchestration.planning import accuracy
from orchestration.planning.forecasting import Array, SiteForecast, SiteHistory, forecast_site

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FIRST = date(2025, 1, 6)
_PRODUCTS, _DAYS, _AHEAD, _ORIGINS, _SHOWN = 400, 476, 28, 4, 42
_WEEK = np.array([0.7, 0.8, 0.9, 1.0, 1.3, 1.6, 0.7])
_LENGTHS = (1, 3, 7, 14, 21, 28)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 340, 60, 180, 40, 40
_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#999999"


@dataclass(frozen=True)
class World:
    """What was asked for, sold, and the share of the day the shelf was stocked; N x T each."""

    asked: Array
    sold: Array
    exposure: Array


@dataclass(frozen=True)
class Line:
    """A named line; NaN is a gap. It is drawn dashed where it is no measured figure."""

    name: str
    x: Array
    y: Array
    colour: str
    dashed: bool = False


def make_world(products: int, days: int) -> World:
    """Gamma-Poisson demand whose shelf is empty for spells of some days."""
    random = np.random.default_rng(7)
    rate = random.lognormal(0.8, 0.9, (products, 1)) * _WEEK[np.arange(days) % 7]
    asked = random.poisson(rate * random.gamma(4, 1 / 4, rate.shape)).astype(float)
    exposure = np.ones_like(asked)
    for row in range(products):
        for start in random.integers(0, days, days // 90):
            exposure[row, start : start + int(random.integers(2, 7))] = 0.0
    return World(asked, asked * exposure, exposure)


def forecast_at(world: World, origin: int) -> SiteForecast:
    """The program's forecast, which knows the days before the origin and no other."""
    category = np.zeros(len(world.sold), dtype=np.int64)
    known = world.sold[:, :origin], world.exposure[:, :origin]
    return forecast_site(SiteHistory(FIRST, *known, category), horizon_days=_AHEAD)


def draw(
    title: str,
    lines: Sequence[Line],
    *,
    ticks: Sequence[int],
    unit: str,
    ends: tuple[str, str],
    band: Line | None = None,
) -> str:
    """An SVG of lines between the outer ticks; `band` is filled, its outline there and back."""
    shapes = [*lines, *([band] if band else [])]
    least, most = ticks[0], ticks[-1]
    first = min(float(line.x.min()) for line in shapes)
    last = max(float(line.x.max()) for line in shapes)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def path(line: Line) -> str:
        x = _LEFT + (right - _LEFT) * (line.x - first) / (last - first)
        y = bottom - (bottom - _TOP) * (line.y - least) / (most - least)
        told, parts = False, []
        for at, height in zip(x, y, strict=True):
            if not np.isnan(height):
                parts.append(f"{'L' if told else 'M'}{at:.1f} {height:.1f}")
            told = not np.isnan(height)
        return " ".join(parts)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' font-family="sans-serif" font-size="13"><title>{title}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
        f'<text x="{_LEFT}" y="20" font-size="15">{title}</text>'
    ]
    for tick in ticks:
        height = bottom - (bottom - _TOP) * (tick - least) / (most - least)
        parts.append(f'<path d="M{_LEFT} {height:.1f}H{right}" stroke="#ddd"/>')
        label = f'<text x="{_LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{tick}{unit}</text>'
        parts.append(label)
    for at, anchor, end in zip((_LEFT, right), ("start", "end"), ends, strict=True):
        parts.append(f'<text x="{at}" y="{_HEIGHT - 14}" text-anchor="{anchor}">{end}</text>')
    if band:
        parts.append(f'<path d="{path(band)}Z" fill="{band.colour}" fill-opacity="0.2"/>')
    for line in lines:
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        stroke = f'fill="none" stroke="{line.colour}" stroke-width="2"{dash}'
        parts.append(f'<path d="{path(line)}" {stroke}/>')
    for number, line in enumerate(shapes):
        at = _TOP + 14 + 22 * number
        parts.append(f'<text x="{right + 10}" y="{at}" fill="{line.colour}">{line.name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def range_plot(world: World, said: SiteForecast, origin: int) -> str:
    """One product: what it sold, what is expected, and what was then asked for."""
    empty = (world.exposure[:, origin - _SHOWN : origin] == 0).sum(axis=1)
    product = int(np.argmax((empty >= 4) * said.mean.sum(axis=1)))
    past, ahead = np.arange(-_SHOWN, 0.0), np.arange(float(_AHEAD))
    sold = world.sold[product, origin - _SHOWN : origin]
    stocked = world.exposure[product, origin - _SHOWN : origin] > 0
    low, high = said.quantiles[product, :, 1], said.quantiles[product, :, 3]
    there_and_back = np.concatenate([ahead, ahead[::-1]])
    band = Line("8 of 10 days", there_and_back, np.concatenate([low, high[::-1]]), _ORANGE)
    then = world.asked[product, origin : origin + _AHEAD]
    lines = [
        Line("sold (gap: empty shelf)", past, np.where(stocked, sold, np.nan), _BLUE),
        Line("expected", ahead, said.mean[product], _ORANGE),
        Line("then asked for", ahead, then, _GREY),
    ]
    ends = tuple(str(FIRST + timedelta(days=origin + day)) for day in (-_SHOWN, _AHEAD - 1))
    print(
        f"range: {((low <= then) & (then <= high)).sum()} of {_AHEAD} days lay within the range"
        " that was given for 8 of 10"
    )
    title = "One product, six weeks back and four ahead: units a day"
    most = max(float(np.nanmax(line.y)) for line in [*lines, band])
    ticks = range(0, 10 * int(np.ceil(most / 10)) + 1, 10)
    return draw(title, lines, ticks=ticks, unit="", ends=(ends[0], ends[1]), band=band)


def coverage_plot(world: World, said: dict[int, SiteForecast]) -> str:
    """How often totals lay within their intervals, by the number of days summed."""
    measured: dict[float, list[float]] = {0.1: [], 0.025: []}
    for days in _LENGTHS:
        for low, found in measured.items():
            inside = []
            for origin, one in said.items():
                mean = one.mean[:, :days].sum(axis=1)
                actual = world.asked[:, origin : origin + days].sum(axis=1)
                edges = (one.totals.quantile(mean, days, p) for p in (low, 1 - low))
                inside.append(accuracy.coverage(actual, *edges))
            found.append(100 * float(np.mean(inside)))
    print("coverage: days summed, 80 % interval, 95 % interval")
    for at, days in enumerate(_LENGTHS):
        print(f"  {days:2}  {measured[0.1][at]:.0f} %  {measured[0.025][at]:.0f} %")
    x = np.array(_LENGTHS, dtype=float)
    lines = [
        Line("95 % interval, measured", x, np.array(measured[0.025]), _GREEN),
        Line("95 %", x, np.full(len(x), 95.0), _GREY, dashed=True),
        Line("80 % interval, measured", x, np.array(measured[0.1]), _BLUE),
        Line("80 %", x, np.full(len(x), 80.0), _GREY, dashed=True),
    ]
    title = "Totals that lay within their interval, by days summed"
    return draw(title, lines, ticks=range(60, 101, 10), unit=" %", ends=("1 day", f"{_AHEAD} days"))


def print_errors(world: World, said: dict[int, SiteForecast]) -> None:
    """WAPE of the forecast and of the two simple ones, on what was held back."""
    errors: dict[str, list[float]] = {"forecast": [], "seasonal naive": [], "7-day average": []}
    for origin, one in said.items():
        actual = world.asked[:, origin : origin + _AHEAD]
        week = world.sold[:, origin - 7 : origin]
        average = np.repeat(week.mean(axis=1)[:, None], _AHEAD, axis=1)
        methods = (one.mean, np.tile(week, (1, _AHEAD // 7)), average)
        for found, method in zip(errors.values(), methods, strict=True):
            found.append(accuracy.wape(actual, method))
    told = ", ".join(f"{name} {np.mean(found):.3f}" for name, found in errors.items())
    print(f"WAPE of {_AHEAD} days ahead, {len(said)} origins: {told}")


def backtest_plot(world: World, out: Path) -> None:
    """`parstock backtest --compare --plot` over the last half year of 100 of the products."""
    products, begin = 100, _DAYS - 182
    with tempfile.TemporaryDirectory(prefix="parstock-plots-") as name:
        demand, stock = Path(name) / "demand.csv", Path(name) / "stock.csv"
        with demand.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["unique_id", "ds", "y"])
            for product, day in np.ndindex(products, _DAYS):
                when = FIRST + timedelta(days=day)
                rows.writerow([product, when, int(world.asked[product, day])])
        with stock.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["unique_id", "on_hand"])
            week = np.ceil(world.asked[:products, begin - 28 : begin].mean(axis=1) * 7)
            rows.writerows((product, int(units)) for product, units in enumerate(week))
        given = ["--demand", str(demand), "--stock", str(stock), "--period", "day"]
        given += ["--start", str(FIRST + timedelta(days=begin)), "--periods", "182"]
        given += ["--lead-time", "5", "--review", "7", "--warm-up", "21"]
        given += ["--holding-cost", "0.02", "--shortage-cost", "2", "--compare"]
        command = [sys.executable, "-m", "cli.main", "backtest", *given, "--plot", str(out)]
        shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # The cost of each day is left out, what all of them come to is not, nor is the comparison.
    print("\n".join(line for line in shown.splitlines() if not line.startswith("20")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=IMAGES, help="the folder for the SVG files")
    out = parser.parse_args().out
    world = make_world(_PRODUCTS, _DAYS)
    origins = [_DAYS - _AHEAD * (back + 1) for back in reversed(range(_ORIGINS))]
    said = {origin: forecast_at(world, origin) for origin in origins}
    newest = origins[-1]
    (out / "planning-range.svg").write_text(range_plot(world, said[newest], newest))
    (out / "planning-coverage.svg").write_text(coverage_plot(world, said))
    print_errors(world, said)
    backtest_plot(world, out / "planning-backtest.svg")


if __name__ == "__main__":
    main()
