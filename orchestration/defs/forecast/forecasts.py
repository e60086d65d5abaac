"""planning.forecasts: what will be asked for, 28 days ahead, per product and site."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import dagster as dg
import numpy as np
import psycopg
from numpy.typing import NDArray

from db.sql import Queries, load_queries
from orchestration.defs.forecast.choices import choices_table, remember_choices
from orchestration.defs.forecast.distributions import accuracy_to_json, totals_to_json
from orchestration.defs.forecast.history import read_history, store_adjusted
from orchestration.defs.forecast.picture import site_picture
from orchestration.defs.forecast.totals import store_totals, totals_table
from orchestration.planning.forecasting import QUANTILES, SiteForecast, SiteHistory, forecast_site
from orchestration.refresh import Refresh, read_refresh
from orchestration.resources import Database

_QUERIES = load_queries(__file__)
_ANOMALIES = Queries(Path(__file__).with_name("anomalies.sql"))
_KEY = ["planning", "forecasts"]
_NEAR_80: Final = (0.70, 0.90)

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Planned:
    site_id: int
    product_id: int
    category: str
    is_wanted: bool


@dataclass(frozen=True)
class _Said:
    history: SiteHistory
    forecast: SiteForecast
    rows: int


@dg.asset(
    key=_KEY,
    deps=[
        ["marts", "fct_daily_demand"],
        ["marts", "mart_planned_products"],
        ["intermediate", "int_site_days"],
        ["intermediate", "int_reopened_product_sites"],
    ],
    group_name="forecast",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "Demand of each planned product at each site for the 28 days after the site's last closed "
        "day: mean and five quantiles a day, one row an issue, never changed. A refresh of what "
        "moved issues only what changed, or has no forecast for the coming day yet."
    ),
)
def forecasts(context: dg.AssetExecutionContext, database: Database) -> dg.MaterializeResult[None]:
    """Read the facts of a site, forecast it, append what is wanted."""
    refresh = read_refresh(context, database)
    said: list[_Said] = []
    with database.connect() as connection:
        connection.execute(_ANOMALIES.withdraw_anomalies.text)
        connection.execute(_ANOMALIES.find_anomalies.text)
        rows = connection.execute(
            _QUERIES.planned_products.text, {"is_full": refresh.is_full}
        ).fetchall()
        planned = [_Planned(*row) for row in rows]
        for site_id, products in groupby(planned, key=lambda one: one.site_id):
            done = _forecast(connection, refresh, site_id, list(products))
            if done is not None:
                said.append(done)
        tables = {
            "totals": dg.MetadataValue.md(totals_table(connection)),
            "changes_of_models": dg.MetadataValue.md(choices_table(connection)),
        }
    figures = _figures(said, planned=len(planned))
    return dg.MaterializeResult(metadata={**figures, **tables})


def _forecast(
    connection: Connection, refresh: Refresh, site_id: int, products: list[_Planned]
) -> _Said | None:
    """One site; None where nothing is wanted, or no closed day says anything yet."""
    if not any(product.is_wanted for product in products):
        return None
    categories = {product.product_id: product.category for product in products}
    known = read_history(connection, site_id=site_id, categories=categories)
    if known is None or np.isnan(known.usual.demand).all():
        return None
    history = known.usual
    store_adjusted(connection, site_id=site_id, adjusted=known.adjusted)
    forecast = _on_known_days(forecast_site(history), known.ahead)
    wanted = np.flatnonzero([product.is_wanted for product in products])
    issued_at = datetime.now(UTC)
    mean, quantiles = np.round(forecast.mean, 4), np.round(forecast.quantiles, 4)
    with connection.cursor() as cursor, cursor.copy(_QUERIES.store_forecasts.text) as copy:
        for row in wanted:
            copy.write_row(
                (
                    products[row].product_id,
                    site_id,
                    issued_at,
                    refresh.refresh_id,
                    forecast.first_day,
                    forecast.model[row],
                    mean[row].tolist(),
                    *(quantiles[row, :, q].tolist() for q in range(len(QUANTILES))),
                )
            )
    connection.execute(
        _QUERIES.store_distribution.text,
        {
            "site_id": site_id,
            "refresh_id": refresh.refresh_id,
            "totals": json.dumps(totals_to_json(forecast.totals)),
            "accuracy": json.dumps(accuracy_to_json(forecast.accuracy)),
        },
    )
    remember_choices(connection, history, forecast, site_id=site_id, refresh_id=refresh.refresh_id)
    store_totals(
        connection,
        history,
        categories=list(categories.values()),
        site_id=site_id,
        first_day=forecast.first_day,
        refresh_id=refresh.refresh_id,
    )
    return _Said(history, forecast, len(wanted))


def _on_known_days(usual: SiteForecast, factors: NDArray[np.float64]) -> SiteForecast:
    """The forecast of usual days as it is for these: a closed day ahead expects nothing."""
    return replace(
        usual,
        mean=usual.mean * factors,
        quantiles=usual.quantiles * factors[:, :, np.newaxis],
    )


def _figures(said: list[_Said], *, planned: int) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "rows": sum(one.rows for one in said),
        "planned_product_sites": planned,
        "sites_forecast": len(said),
    }
    if not said:
        return figures
    largest = max(said, key=lambda one: float(one.forecast.mean.sum()))
    models = [name for one in said for name in one.forecast.model]
    return figures | {
        "expected_units_in_28_days": round(sum(float(one.forecast.mean.sum()) for one in said)),
        "models": {name: models.count(name) for name in sorted(set(models))},
        "accuracy": dg.MetadataValue.md(_accuracy_table(said)),
        "largest_site": dg.MetadataValue.md(site_picture(largest.history, largest.forecast)),
    }


def _accuracy_table(said: list[_Said]) -> str:
    lines = [
        "| first day | origins | method | WAPE | bias | MASE | 80 % covers | 95 % covers |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for one in said:
        measured = one.forecast.accuracy
        for method, wape in measured.wape.items():
            covers = (
                f"{_share(measured.coverage_80)} | {_share(measured.coverage_95)}"
                if method == "ours"
                else "|"
            )
            lines.append(
                f"| {one.forecast.first_day} | {measured.origins} | {method} | {wape:.3f} "
                f"| {measured.bias[method]:+.1%} | {measured.mase[method]:.3f} | {covers} |"
            )
    return "\n".join(lines)


def _share(value: float) -> str:
    return "not measured" if np.isnan(value) else f"{value:.1%}"


@dg.asset_check(
    asset=_KEY, blocking=True, description="On no day is a lower quantile above a higher one."
)
def quantiles_do_not_cross(database: Database) -> dg.AssetCheckResult:
    """Crossing quantiles would order less for a higher service level."""
    with database.connect() as connection:
        count, crossing = connection.execute(_QUERIES.crossing_quantiles.text).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=crossing == 0, metadata={"forecasts": count, "crossing": crossing}
    )


@dg.asset_check(
    asset=_KEY, description="What was sold in the last 180 days is forecast from the coming day on."
)
def every_selling_product_has_a_forecast(database: Database) -> dg.AssetCheckResult:
    """A product without a forecast has no policy, and nobody is told when it runs out."""
    with database.connect() as connection:
        selling, without = connection.execute(
            _QUERIES.selling_products_without_a_forecast.text
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=without == 0, metadata={"selling": selling, "without_a_forecast": without}
    )


@dg.asset_check(
    asset=_KEY,
    description=(
        "Of the past 28-day totals that were not learned from, between 70 and 90 % fell within "
        "the 80 % interval."
    ),
)
def coverage_of_the_80_percent_interval_is_near_80(database: Database) -> dg.AssetCheckResult:
    """Warns: an interval that is too narrow orders too little, and says that it is sure."""
    with database.connect() as connection:
        found = connection.execute(_QUERIES.accuracy_by_site.text).fetchall()
    measured = {
        site: accuracy["coverage_80"]
        for site, accuracy in found
        if accuracy["coverage_80"] is not None
    }
    return dg.AssetCheckResult(
        passed=all(_NEAR_80[0] <= share <= _NEAR_80[1] for share in measured.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"sites_measured": len(measured), "coverage": measured},
    )
