"""planning.forecast_accuracy: what was really forecast, against what then happened."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import numpy as np
import psycopg
from psycopg.rows import class_row

from db.sql import Queries
from orchestration.defs.forecast.picture import lines_picture
from orchestration.planning.issued import IssuedAccuracy, why_the_plan_waits
from orchestration.refresh import read_refresh
from orchestration.resources import Database
from orchestration.settings import settings

_QUERIES = Queries(Path(__file__).with_name("accuracy.sql"))
_KEY = ["planning", "forecast_accuracy"]
_SHOWN_CATEGORIES: Final = 30
_NOT_MEASURED: Final = {"grouped_by", "grouped", "site_id", "name"}

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Measured(IssuedAccuracy):
    grouped_by: str
    grouped: str
    site_id: int
    name: str


@dg.asset(
    key=_KEY,
    deps=[["marts", "fct_daily_demand"], ["planning", "forecasts"]],
    group_name="forecast",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "Forecasts as they were issued against what then happened, by site, category, day and "
        "horizon, beside a repeat of the week before and an average of seven days. Measured by "
        "every full refresh; a site whose forecast is worse than the repeat keeps its plan."
    ),
)
def forecast_accuracy(
    context: dg.AssetExecutionContext, database: Database
) -> dg.MaterializeResult[None]:
    """Measure the days that closed, then say whose plan has to wait."""
    refresh = read_refresh(context, database)
    if not refresh.is_full:
        return dg.MaterializeResult(metadata={"measured": "by the next full refresh"})
    window = {"days": settings().accuracy_days}
    with database.connect() as connection:
        rows = connection.execute(_QUERIES.measure_accuracy.text).rowcount
        measured = _read(connection, window)
        blocked = _block(connection, measured, refresh_id=refresh.refresh_id)
        by_day = connection.execute(_QUERIES.accuracy_by_day.text, window).fetchall()
        forgotten = connection.execute(
            _QUERIES.forget_forecasts.text, {"days": settings().forecast_retention_days}
        ).fetchone()
    metadata: dict[str, Any] = {
        "rows_measured": rows,
        "sites_blocked": blocked,
        "forecasts_forgotten": forgotten[0] if forgotten is not None else 0,
    }
    if measured:
        metadata["as_issued"] = dg.MetadataValue.md(_table(measured))
    if len(by_day) > 1:
        metadata["a_week_ahead"] = dg.MetadataValue.md(_picture(by_day))
    return dg.MaterializeResult(metadata=metadata)


def _read(connection: Connection, window: dict[str, int]) -> list[_Measured]:
    with connection.cursor(row_factory=class_row(_Measured)) as cursor:
        return cursor.execute(_QUERIES.accuracy_as_issued.text, window).fetchall()


def _block(connection: Connection, measured: Sequence[_Measured], *, refresh_id: int) -> int:
    """Note the sites whose plan waits, and let the others go."""
    reasons = {
        each.site_id: why
        for each in measured
        if each.grouped_by == "site" and (why := why_the_plan_waits(each, site=each.name))
    }
    if not settings().forecast_blocks_plan:
        reasons = {}
    values = {
        "site_ids": list(reasons),
        "reasons": list(reasons.values()),
        "refresh_id": refresh_id,
    }
    connection.execute(_QUERIES.unblock_sites.text, {"site_ids": list(reasons)})
    connection.execute(_QUERIES.block_sites.text, values)
    return len(reasons)


def _table(measured: Sequence[_Measured]) -> str:
    lines = [
        "| by | which | product-days | WAPE | repeat | average | bias | pinball | 80 % holds"
        " | 95 % holds |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    shown = [each for each in measured if each.grouped_by != "category"]
    shown += sorted(
        (each for each in measured if each.grouped_by == "category"),
        key=lambda each: -each.demand,
    )[:_SHOWN_CATEGORIES]
    for each in shown:
        lines.append(
            f"| {each.grouped_by} | {each.grouped} | {each.observations} | {each.wape:.3f}"
            f" | {each.naive_wape:.3f} | {each.average_wape:.3f} | {each.bias:+.1%}"
            f" | {each.mean_pinball_loss:.3f} | {each.coverage_80:.1%} | {each.coverage_95:.1%} |"
        )
    return "\n".join(lines)


def _picture(by_day: Sequence[tuple[Any, ...]]) -> str:
    strays = np.array(
        [[np.nan if value is None else value for value in row[1:]] for row in by_day], dtype=float
    )
    return lines_picture(
        strays.T,
        names=("forecast", "repeat of the week before", "average of 7 days"),
        title=f"WAPE a week ahead, {by_day[0][0]:%d %b} to {by_day[-1][0]:%d %b %Y}",
    )


@dg.asset_check(
    asset=_KEY,
    description=(
        "No site's forecast erred more, over the last weeks, than repeating the week before; the "
        "plan of one that did is left as it is until it does not."
    ),
)
def no_forecast_is_worse_than_repeating_the_week_before(
    database: Database,
) -> dg.AssetCheckResult:
    """Says for each site whose plan waits why."""
    window = {"days": settings().accuracy_days}
    with database.connect() as connection:
        measured = [each for each in _read(connection, window) if each.grouped_by == "site"]
        blocked = dict(connection.execute(_QUERIES.blocked_sites.text).fetchall())
    worse = {each.grouped: each for each in measured if each.is_worse_than_naive}
    return dg.AssetCheckResult(
        passed=not worse,
        metadata={
            "sites_judged": sum(each.can_be_judged for each in measured),
            "sites_too_new_to_judge": sum(not each.can_be_judged for each in measured),
            "worse_than_a_repeat": {code: _figures(each) for code, each in worse.items()},
            "plans_that_wait": blocked,
        },
    )


def _figures(each: _Measured) -> dict[str, Any]:
    return {name: value for name, value in asdict(each).items() if name not in _NOT_MEASURED}
