"""The plot of `parstock backtest`: what each policy has cost so far, as an SVG file by itself."""

from datetime import date
from html import escape
from pathlib import Path

import numpy as np

from cli.backtest_files import FileError
from orchestration.planning.rolling import Array

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 420, 80, 190, 40, 40
# Told apart by people who see fewer colours, too (Okabe & Ito 2008).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_GRID_LINES = 4


def write_plot(path: Path, costs: dict[str, Array], days: list[date], warm_up: int) -> None:
    """Draw the cumulated costs (P a policy) from the end of the warm-up on.

    Raises FileError where the file cannot be written.
    """
    sums = {name: np.cumsum(values[warm_up:]) for name, values in costs.items()}
    try:
        path.write_text(_svg(sums, days[warm_up:]), encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}") from error


def _svg(sums: dict[str, Array], days: list[date]) -> str:
    most = max(float(values[-1]) for values in sums.values()) or 1.0
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(number: int) -> float:
        return _LEFT + (right - _LEFT) * (number + 1) / len(days)

    def y(cost: float) -> float:
        return bottom - (bottom - _TOP) * cost / most

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        ' font-family="sans-serif" font-size="13"><title>Cost so far of each policy</title>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">Holding and shortage cost so far</text>',
    ]
    for line in range(_GRID_LINES + 1):
        at = y(most * line / _GRID_LINES)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{right}" stroke="#ddd"/>')
        label = f"{most * line / _GRID_LINES:,.0f}"
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    for number, anchor in ((0, "start"), (len(days) - 1, "end")):
        at = _LEFT if number == 0 else right
        parts.append(
            f'<text x="{at}" y="{_HEIGHT - 14}" text-anchor="{anchor}">{days[number]}</text>'
        )
    taken = bottom + 15.0
    for (name, values), colour in sorted(
        zip(sums.items(), _COLOURS, strict=False), key=lambda pair: float(pair[0][1][-1])
    ):
        points = " ".join(f"{x(n):.1f},{y(float(v)):.1f}" for n, v in enumerate(values))
        start = f"{_LEFT},{bottom} "
        parts.append(
            f'<polyline points="{start}{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        # Labels stand at their lines' ends, and never on one another.
        taken = min(y(float(values[-1])) + 4, taken - 15)
        parts.append(f'<text x="{right + 8}" y="{taken:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
