"""planning.suggestions: what to buy now, how much, how soon, and why."""

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import dagster as dg
import numpy as np
import psycopg
from psycopg.rows import class_row

from db.sql import load_queries
from orchestration.planning.expected import expected_demand
from orchestration.planning.replenishment import (
    Policy,
    Stock,
    Suggestion,
    is_worth_a_change,
    suggest,
)
from orchestration.refresh import Refresh, read_refresh
from orchestration.resources import Database

_QUERIES = load_queries(__file__)
_KEY = ["planning", "suggestions"]

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class _Need:
    product_id: int
    site_id: int
    supplier_id: int | None
    lead_time_days: int
    review_period_days: int
    service_level: float
    mean_daily_demand: float
    reorder_point: int
    order_up_to_level: int
    selling_minimum: int
    refill_minimum: int
    pack_size: int
    minimum_order_quantity: int
    arithmetic: dict[str, Any]
    on_hand_selling: int
    on_hand_behind: int
    reserved: int
    on_order: int
    mean: list[float]

    @property
    def policy(self) -> Policy:
        return Policy(
            lead_time_days=self.lead_time_days,
            review_period_days=self.review_period_days,
            service_level=self.service_level,
            mean_daily_demand=self.mean_daily_demand,
            lead_time_demand=self.arithmetic["lead_time_demand"],
            protection_demand=self.arithmetic["protection_demand"],
            reorder_point=self.reorder_point,
            order_up_to_level=self.order_up_to_level,
            selling_minimum=self.selling_minimum,
            refill_minimum=self.refill_minimum,
            pack_size=self.pack_size,
            minimum_order_quantity=self.minimum_order_quantity,
        )

    @property
    def stock(self) -> Stock:
        return Stock(
            on_hand_selling=self.on_hand_selling,
            on_hand_behind=self.on_hand_behind,
            reserved=self.reserved,
            on_order=self.on_order,
        )


@dataclass(frozen=True)
class _Changes:
    needs: int = 0
    opened: int = 0
    revised: int = 0
    kept: int = 0
    closed: int = 0


@dg.asset(
    key=_KEY,
    deps=[["planning", "policies"], ["planning", "forecasts"], ["marts", "mart_planned_products"]],
    group_name="replenishment",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "One open line for each product and site whose inventory position is at or below its "
        "reorder point, with the whole arithmetic. Its version moves only when the quantity moves "
        "by a pack or a tenth; it closes when the need is gone. What was dismissed stays so until "
        "then."
    ),
)
def suggestions(
    context: dg.AssetExecutionContext, database: Database
) -> dg.MaterializeResult[None]:
    """Read stock and policies, suggest, and write only what differs from what is shown."""
    refresh = read_refresh(context, database)
    with database.connect() as connection:
        changes = _plan(connection, refresh)
        by_priority = connection.execute(_QUERIES.plan_by_priority.text).fetchall()
    lines = "\n".join(f"| {' | '.join(str(value) for value in row)} |" for row in by_priority)
    return dg.MaterializeResult(
        metadata={
            "rows": changes.opened + changes.revised + changes.kept,
            "at_or_below_reorder_point": changes.needs,
            "opened": changes.opened,
            "revised": changes.revised,
            "kept": changes.kept,
            "closed": changes.closed,
            "open_lines": dg.MetadataValue.md(
                f"| priority | lines | units | cost |\n|---|---:|---:|---:|\n{lines}"
            ),
        }
    )


def _plan(connection: Connection, refresh: Refresh) -> _Changes:
    shown: dict[tuple[int, int], tuple[UUID, int]] = {
        (product_id, site_id): (suggestion_id, quantity)
        for suggestion_id, product_id, site_id, quantity in connection.execute(
            _QUERIES.open_suggestions.text
        )
    }
    with connection.cursor(row_factory=class_row(_Need)) as cursor:
        at = {"to_position": refresh.to_position}
        needs = cursor.execute(_QUERIES.stock_and_policy.text, at).fetchall()
    opened, revised = [], []
    changes = _Changes(needs=len(needs))
    for need in needs:
        line = suggest(
            policy=need.policy, stock=need.stock, mean_demand=expected_demand(np.array(need.mean))
        )
        if line is None:
            continue
        before = shown.pop((need.product_id, need.site_id), None)
        values = _values(need, line, refresh.refresh_id)
        if before is None:
            opened.append(values)
        elif is_worth_a_change(shown=before[1], wanted=line.quantity, pack_size=need.pack_size):
            revised.append({**values, "suggestion_id": before[0]})
        else:
            changes = replace(changes, kept=changes.kept + 1)
    closed = [{"suggestion_id": suggestion_id} for suggestion_id, _ in shown.values()]
    with connection.cursor() as cursor:
        cursor.executemany(_QUERIES.open_suggestion.text, opened)
        cursor.executemany(_QUERIES.revise_suggestion.text, revised)
        cursor.executemany(_QUERIES.close_suggestion.text, closed)
    return replace(changes, opened=len(opened), revised=len(revised), closed=len(closed))


def _values(need: _Need, line: Suggestion, refresh_id: int) -> dict[str, Any]:
    return {
        "product_id": need.product_id,
        "site_id": need.site_id,
        "supplier_id": need.supplier_id,
        "quantity": line.quantity,
        "priority": line.priority,
        "inventory_position": line.inventory_position,
        "reorder_point": line.reorder_point,
        "order_up_to_level": line.order_up_to_level,
        "days_until_stockout": line.days_until_stockout,
        "reason": line.reason,
        "arithmetic": json.dumps(line.arithmetic),
        "refresh_id": refresh_id,
    }


@dg.asset_check(
    asset=_KEY,
    description="Whole packs, up to S or the minimum order, and not by a pack more.",
)
def every_line_orders_up_to_its_level(database: Database) -> dg.AssetCheckResult:
    """The quantity follows from the numbers beside it."""
    with database.connect() as connection:
        lines, wrong = connection.execute(
            _QUERIES.lines_that_do_not_order_up_to_their_level.text
        ).fetchone() or (0, 0)
    return dg.AssetCheckResult(passed=wrong == 0, metadata={"lines": lines, "wrong": wrong})


@dg.asset_check(asset=_KEY, description="Whatever is at or below its reorder point has a line.")
def every_need_has_a_line(database: Database) -> dg.AssetCheckResult:
    """Open or dismissed; a need that nobody is told of is a shelf that stays empty."""
    with database.connect() as connection:
        needs, without = connection.execute(_QUERIES.needs_without_a_line.text).fetchone() or (0, 0)
    return dg.AssetCheckResult(
        passed=without == 0, metadata={"needs": needs, "without_a_line": without}
    )
