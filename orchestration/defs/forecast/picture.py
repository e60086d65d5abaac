"""A forecast as a picture for Dagster's pages: what was asked for, and what is expected."""

import base64
from collections.abc import Sequence

import numpy as np

from orchestration.planning.forecasting import SiteForecast, SiteHistory

_WIDTH, _HEIGHT, _MARGIN = 720, 220, 28
_SHOWN_DAYS = 56


def site_picture(history: SiteHistory, said: SiteForecast) -> str:
    """Markdown with one chart: the demand of the whole site, eight weeks back and the days ahead.

    A day on which nothing was observed is a gap in the line, not a zero.
    """
    past = history.demand[:, -_SHOWN_DAYS:]
    asked = np.where(np.isnan(past).all(axis=0), np.nan, np.nansum(past, axis=0))
    ahead = said.mean.sum(axis=0)
    highest = max(float(np.nanmax(np.append(asked, ahead))), 1.0)
    steps = len(asked) + len(ahead) - 1
    x = _MARGIN + np.arange(steps + 1) * (_WIDTH - 2 * _MARGIN) / steps
    y = _HEIGHT - _MARGIN - np.append(asked, ahead) * (_HEIGHT - 2 * _MARGIN) / highest
    began = x[len(asked) - 1]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<line x1="{began:.1f}" x2="{began:.1f}" y1="{_MARGIN}" y2="{_HEIGHT - _MARGIN}"'
        ' stroke="#bbb" stroke-dasharray="3"/>'
        + _line(x[: len(asked)], y[: len(asked)], "#345")
        + _line(x[len(asked) :], y[len(asked) :], "#c50")
        + f'<text x="{_MARGIN}" y="16">{highest:.0f} units a day</text>'
        f'<text x="{_WIDTH - _MARGIN}" y="16" text-anchor="end" fill="#c50">expected from'
        f" {said.first_day:%d %b %Y}</text></svg>"
    )
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![Demand and forecast](data:image/svg+xml;base64,{encoded})"


def _line(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    path, pen_is_down = [], False
    for at, height in zip(x, y, strict=True):
        if np.isnan(height):
            pen_is_down = False
            continue
        path.append(f"{'L' if pen_is_down else 'M'}{at:.1f} {height:.1f}")
        pen_is_down = True
    return f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="2"/>'


def lines_picture(values: np.ndarray, *, names: Sequence[str], title: str) -> str:
    """Markdown with one chart of a few lines (K by T) from 0 up; NaN is a gap."""
    highest = max(float(np.nanmax(values, initial=0.0)), 1e-9)
    x = _MARGIN + np.arange(values.shape[1]) * (_WIDTH - 2 * _MARGIN) / (values.shape[1] - 1)
    colours = ("#c50", "#345", "#7a9", "#a4c")
    drawn = [
        _line(x, _HEIGHT - _MARGIN - row * (_HEIGHT - 2 * _MARGIN) / highest, colour)
        + f'<text x="{_MARGIN + 170 * n}" y="{_HEIGHT - 8}" fill="{colour}">{name}</text>'
        for n, (row, name, colour) in enumerate(zip(values, names, colours, strict=False))
    ]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="11">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        + "".join(drawn)
        + f'<text x="{_MARGIN}" y="16">{title}; the highest is {highest:.2f}</text></svg>'
    )
    encoded = base64.b64encode(svg.encode()).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"
