"""A forecast's fan and policies' costs as points of an SVG: pure arithmetic, for the templates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from api.forecasts.schemas import Backtest
from api.purchasing.schemas import ForecastDay
from api.staff.formats import minor_digits

_WIDTH, _HEIGHT = 360, 190
_LEFT, _TOP, _BOTTOM = 34, 10, 24
_GRID_LINES = 4
# Amounts are wider than units a day.
_RACE_LEFT = 56


@dataclass(frozen=True, slots=True)
class Mark:
    """A label at a distance along its axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fan:
    """One site's forecast: the bands and the line as SVG points, and the days behind them."""

    site: str
    model: str
    issued_at: datetime
    days: Sequence[ForecastDay]
    total: float
    wide: str
    near: str
    middle: str
    grid: Sequence[Mark]
    ticks: Sequence[Mark]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT


def fans(days: Sequence[ForecastDay]) -> list[Fan]:
    """A fan for each site, in the order given."""
    by_site: dict[str, list[ForecastDay]] = {}
    for day in days:
        by_site.setdefault(day.site, []).append(day)
    return [_fan(site, of_site) for site, of_site in by_site.items()]


def _fan(site: str, days: Sequence[ForecastDay]) -> Fan:
    step, top = scale(max(max(day.q0975, day.mean) for day in days))
    xs = [_LEFT + (_WIDTH - _LEFT) * (ordinal + 0.5) / len(days) for ordinal in range(len(days))]

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * max(0.0, value) / top

    def band(low: Sequence[float], high: Sequence[float]) -> str:
        upper = list(zip(xs, map(y, high), strict=True))
        lower = list(zip(xs, map(y, low), strict=True))
        return _points([*upper, *reversed(lower)])

    return Fan(
        site=site,
        model=days[0].model,
        issued_at=days[0].issued_at,
        days=days,
        total=round(sum(day.mean for day in days)),
        wide=band([day.q0025 for day in days], [day.q0975 for day in days]),
        near=band([day.q0100 for day in days], [day.q0900 for day in days]),
        middle=_points([(x, y(day.mean)) for x, day in zip(xs, days, strict=True)]),
        grid=[Mark(y(level), f"{level:g}") for level in _levels(step, top)],
        ticks=[
            Mark(xs[ordinal], f"{days[ordinal].date:%-d %b}")
            for ordinal in range(0, len(days), 7)
            if xs[ordinal] < _WIDTH - 12
        ],
    )


def scale(highest: float) -> tuple[float, float]:
    """A step of 1, 2 or 5 times a power of ten, and the multiple of it that covers `highest`."""
    rough = max(highest, 1.0) / _GRID_LINES
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return step, step * math.ceil(max(highest, 1.0) / step)


def _levels(step: float, top: float) -> list[float]:
    return [round(step * ordinal, 9) for ordinal in range(round(top / step) + 1)]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """What each policy cost so far, week by week, for products of one currency; as SVG points."""

    currency: str | None
    policies: Sequence[Backtest]
    lines: Sequence[tuple[str, str]]
    grid: Sequence[Mark]
    ticks: Sequence[Mark]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _RACE_LEFT


def costs_so_far(found: Sequence[Backtest]) -> list[Race]:
    """A chart for each currency of one site; amounts, or the units lost where there is none."""
    by_currency: dict[str | None, list[Backtest]] = {}
    for each in found:
        by_currency.setdefault(each.currency, []).append(each)
    return [_race(currency, policies) for currency, policies in by_currency.items()]


def _race(currency: str | None, policies: Sequence[Backtest]) -> Race:
    unit = 10 ** minor_digits(currency) if currency else 1
    sums = [[week / unit for week in accumulate(each.by_week)] for each in policies]
    step, top = scale(max(so_far[-1] for so_far in sums))
    weeks = len(sums[0])

    def x(week: int) -> float:
        return _RACE_LEFT + (_WIDTH - _RACE_LEFT) * week / weeks

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top

    return Race(
        currency=currency,
        policies=sorted(policies, key=lambda each: (each.cost_minor or 0.0, each.lost)),
        lines=[
            (each.policy, _points([(x(week), y(value)) for week, value in enumerate([0, *so_far])]))
            for each, so_far in zip(policies, sums, strict=True)
        ],
        grid=[Mark(y(level), f"{level:,g}") for level in _levels(step, top)],
        ticks=[Mark(x(week), f"week {week}") for week in range(2, weeks, max(2, weeks // 4))],
    )
