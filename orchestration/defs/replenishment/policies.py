"""planning.policies: when to order a product for a site, and up to what."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from itertools import groupby
from math import ceil
from typing import Any

import dagster as dg
import numpy as np
import psycopg

from db.sql import load_queries
from orchestration.defs.forecast.distributions import totals_from_json
from orchestration.planning.classes import abc_classes, service_level_of, xyz_classes
from orchestration.planning.expected import Array, expected_demand, expected_totals
from orchestration.planning.forecasting import TotalDemand
from orchestration.planning.lead_times import ENOUGH, lead_time_distribution
from orchestration.planning.order_days import days_to_order_day_after_next
from orchestration.planning.replenishment import Policy, policy
from orchestration.refresh import read_refresh
from orchestration.resources import Database
from orchestration.settings import settings

_QUERIES = load_queries(__file__)
_KEY = ["planning", "policies"]
# Classes go by the demand of so many days.
_CLASS_DAYS = 28

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Bought:
    site_id: int
    product_id: int
    supplier_id: int | None
    lead_time_days: int
    pack_size: int
    minimum_order_quantity: int
    unit_value_minor: int | None
    mean: list[float]
    today: date
    order_days: str | None

    @property
    def review_period_days(self) -> int:
        """Where the supplier takes orders on some days only, they say when the next one can be."""
        if self.order_days is None:
            return settings().review_period_days
        return days_to_order_day_after_next(self.order_days, self.today)


@dg.asset(
    key=_KEY,
    deps=[["planning", "forecasts"], ["marts", "mart_planned_products"]],
    group_name="replenishment",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "Reorder point, order-up-to level and the minimum of the shelf, one row a planned product "
        "and site, from the newest forecast. Alerts go by it without a run. A row changes only "
        "when what it says does."
    ),
)
def policies(context: dg.AssetExecutionContext, database: Database) -> dg.MaterializeResult[None]:
    """Read forecasts and terms, compute every policy, write those that say something else."""
    refresh = read_refresh(context, database)
    with database.connect() as connection:
        expected_days = expected_lead_times(connection)
        bought = [
            _as_taken(_Bought(*row), expected_days)
            for row in connection.execute(_QUERIES.to_plan.text).fetchall()
        ]
        totals = {
            site_id: totals_from_json(stored)
            for site_id, stored in connection.execute(_QUERIES.distributions.text).fetchall()
        }
        made: list[Policy] = []
        connection.execute(_QUERIES.make_new_policies.text)
        with connection.cursor() as cursor, cursor.copy(_QUERIES.copy_new_policies.text) as copy:
            for site_id, products in groupby(bought, key=lambda one: one.site_id):
                for one, its in _policies_of(list(products), totals[site_id]):
                    copy.write_row(_row(one, its, refresh.refresh_id))
                    made.append(its)
        changed = connection.execute(_QUERIES.apply_new_policies.text).rowcount
        dropped = connection.execute(_QUERIES.drop_policies_not_planned.text).rowcount
    return dg.MaterializeResult(
        metadata={
            "rows": len(made),
            "changed": changed,
            "dropped": dropped,
            "suppliers_with_a_lead_time_as_taken": len(expected_days),
            "service_level": settings().service_level,
            "classes": dict(sorted(Counter(one.demand_class for one in made).items())),
            "review_period_days": settings().review_period_days,
            **_spread("days_of_cover_at_reorder_point", made),
        }
    )


def expected_lead_times(connection: Connection) -> dict[int, int]:
    """The mean lead time in days, rounded up, of each supplier of whom enough is known."""
    found = connection.execute(_QUERIES.lead_times_as_taken.text, {"enough": ENOUGH}).fetchall()
    return {
        supplier_id: ceil(lead_time_distribution(taken, stated_days=stated_days).mean())
        for supplier_id, stated_days, taken in found
    }


def _as_taken(one: _Bought, expected_days: dict[int, int]) -> _Bought:
    if one.supplier_id is None or one.supplier_id not in expected_days:
        return one
    return replace(one, lead_time_days=expected_days[one.supplier_id])


def _policies_of(products: list[_Bought], totals: TotalDemand) -> Iterator[tuple[_Bought, Policy]]:
    """The policies of one site; the quantiles of all products with one lead time at once."""
    mean = np.array([one.mean for one in products])
    protection = np.array([one.lead_time_days + one.review_period_days for one in products])
    expected = expected_totals(mean, protection)
    classes = _classes(products, mean, totals)
    levels = np.array([_service_level(one) for one in classes])
    quantile = np.zeros(len(products))
    for days, level in np.unique(np.column_stack([protection, levels]), axis=0):
        rows = (protection == days) & (levels == level)
        quantile[rows] = totals.quantile(expected[rows], int(days), float(level))
    for row, one in enumerate(products):
        yield (
            one,
            policy(
                mean_demand=expected_demand(mean[row]),
                demand_quantile=partial(_as_measured, float(quantile[row])),
                lead_time_days=one.lead_time_days,
                review_period_days=one.review_period_days,
                service_level=float(levels[row]),
                pack_size=one.pack_size,
                minimum_order_quantity=one.minimum_order_quantity,
                demand_class=classes[row],
            ),
        )


def _classes(products: list[_Bought], mean: Array, totals: TotalDemand) -> list[str]:
    """The class of each product among those of its site, such as AX, from its next four weeks."""
    expected = expected_totals(mean, np.full(len(products), _CLASS_DAYS))
    value = np.array(
        [np.nan if one.unit_value_minor is None else one.unit_value_minor for one in products],
        dtype=float,
    )
    low, high = (totals.quantile(expected, _CLASS_DAYS, p) for p in (0.1, 0.9))
    by_spread = xyz_classes(expected, low=low, high=high)
    return [a + x for a, x in zip(abc_classes(value * expected), by_spread, strict=True)]


def _service_level(demand_class: str) -> float:
    chosen = settings()
    return service_level_of(
        demand_class, chosen.service_levels or {}, otherwise=chosen.service_level
    )


def _as_measured(quantile: float, days: int, probability: float) -> float:
    """The quantile that was read for these days and this level, for all products at once."""
    return quantile


def _row(one: _Bought, its: Policy, refresh_id: int) -> tuple[Any, ...]:
    return (
        one.product_id,
        one.site_id,
        one.supplier_id,
        its.lead_time_days,
        its.review_period_days,
        its.service_level,
        its.mean_daily_demand,
        its.reorder_point,
        its.order_up_to_level,
        its.selling_minimum,
        its.refill_minimum,
        its.pack_size,
        its.minimum_order_quantity,
        json.dumps(its.arithmetic),
        refresh_id,
    )


def _spread(name: str, made: list[Policy]) -> dict[str, float]:
    """The middle and the ends of s in days of expected demand."""
    days = [one.reorder_point / one.mean_daily_demand for one in made if one.mean_daily_demand > 0]
    if not days:
        return {}
    low, middle, high = np.quantile(days, (0.1, 0.5, 0.9))
    return {
        f"{name}_p10": round(float(low), 1),
        f"{name}_median": round(float(middle), 1),
        f"{name}_p90": round(float(high), 1),
    }


@dg.asset_check(
    asset=_KEY,
    blocking=True,
    description="s is zero or more, S is above s, and each minimum of a shelf is at least one.",
)
def no_policy_contradicts_itself(database: Database) -> dg.AssetCheckResult:
    """An order up to a level below s would be due again at once."""
    with database.connect() as connection:
        count, wrong = connection.execute(
            _QUERIES.policies_that_contradict_themselves.text
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=wrong == 0, metadata={"policies": count, "contradicting": wrong}
    )


@dg.asset_check(asset=_KEY, description="Whatever is planned and forecast has a policy.")
def every_forecast_product_has_a_policy(database: Database) -> dg.AssetCheckResult:
    """Without one, no alert would be raised for it."""
    with database.connect() as connection:
        count, without = connection.execute(
            _QUERIES.planned_products_without_a_policy.text
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=without == 0, metadata={"forecast": count, "without_a_policy": without}
    )
