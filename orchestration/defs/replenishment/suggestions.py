"""planning.suggestions: what to move, buy and refill now, how much, how soon, and why."""

import json
from collections import Counter
from typing import Any

import dagster as dg
import psycopg

from db.sql import load_queries
from orchestration.defs.replenishment.reading import (
    read_places,
    read_product_sites,
    read_shown,
    read_waiting_sites,
    terms,
)
from orchestration.planning.lines import Changes, Key, Line, Shown, what_changes
from orchestration.planning.plan import plan
from orchestration.refresh import read_refresh
from orchestration.resources import Database

_QUERIES = load_queries(__file__)
_KEY = ["planning", "suggestions"]

Connection = psycopg.Connection[tuple[Any, ...]]


@dg.asset(
    key=_KEY,
    deps=[
        ["planning", "policies"],
        ["planning", "forecasts"],
        ["planning", "forecast_accuracy"],
        ["marts", "mart_planned_products"],
        ["marts", "fct_place_stock"],
    ],
    group_name="replenishment",
    owners=["team:planning"],
    kinds={"python", "postgres"},
    description=(
        "One open line for each product, site and kind of thing to do: buy, bring from another "
        "site, refill a place; with the whole arithmetic. Its version moves only when the "
        "quantity moves by a pack or a tenth; it closes when the need is gone, and one that was "
        "turned down asks again when its reason has changed."
    ),
)
def suggestions(
    context: dg.AssetExecutionContext, database: Database
) -> dg.MaterializeResult[None]:
    """Read stock and policies, plan, and write only what differs from what is shown."""
    refresh = read_refresh(context, database)
    with database.connect() as connection:
        shown = read_shown(connection)
        places = read_places(connection)
        sites = read_product_sites(connection, places, to_position=refresh.to_position)
        wanted = plan(sites, places, shown=shown, terms=terms())
        waiting = read_waiting_sites(connection)
        changes = what_changes(
            shown={key: each for key, each in shown.items() if not _waits(key, each, waiting)},
            wanted=(each for each in wanted if not _waits(each.key, each, waiting)),
        )
        _write(connection, changes, refresh.refresh_id)
        by_priority = connection.execute(_QUERIES.plan_by_priority.text).fetchall()
    lines = "\n".join(f"| {' | '.join(str(value) for value in row)} |" for row in by_priority)
    return dg.MaterializeResult(
        metadata={
            "rows": len(wanted),
            **{f"{kind}_lines": count for kind, count in Counter(_kinds(wanted)).items()},
            "opened": len(changes.opened),
            "revised": len(changes.revised),
            "kept": len(changes.kept),
            "closed": len(changes.closed),
            "open_lines": dg.MetadataValue.md(
                f"| kind | priority | lines | units | cost |\n|---|---|---:|---:|---:|\n{lines}"
            ),
        }
    )


def _kinds(lines: list[Line]) -> list[str]:
    return [line.kind for line in lines]


def _waits(key: Key, line: Line | Shown, waiting: frozenset[int]) -> bool:
    """Whether a line stays as it is; today's walk goes by what was used, and never waits."""
    kind, _, site_id, _ = key
    return kind != "refill" and (site_id in waiting or line.from_site_id in waiting)


def _write(connection: Connection, changes: Changes, refresh_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            _QUERIES.close_suggestion.text,
            [{"suggestion_id": suggestion_id} for suggestion_id in changes.closed],
        )
        cursor.executemany(
            _QUERIES.revise_suggestion.text,
            [
                {**_values(line, refresh_id), "suggestion_id": suggestion_id}
                for suggestion_id, line in changes.revised
            ],
        )
        cursor.executemany(
            _QUERIES.open_suggestion.text, [_values(line, refresh_id) for line in changes.opened]
        )


def _values(line: Line, refresh_id: int) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "product_id": line.product_id,
        "site_id": line.site_id,
        "supplier_id": line.supplier_id,
        "from_site_id": line.from_site_id,
        "from_location_id": line.from_location_id,
        "location_id": line.location_id,
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
