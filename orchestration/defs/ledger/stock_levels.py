"""ledger.stock_levels: what is on hand this second, and that it follows from the movements."""

import dagster as dg

from db.sql import load_queries
from orchestration.resources import Database

_QUERIES = load_queries(__file__)

stock_levels = dg.AssetSpec(
    key=["ledger", "stock_levels"],
    deps=[["ledger", "movements"]],
    group_name="ledger",
    owners=["team:operations"],
    kinds={"postgres"},
    description=(
        "On hand and reserved for each product, location and lot, in the transaction of the event "
        "that changed them; version is the position of the last movement."
    ),
)


@dg.asset_check(
    asset=stock_levels.key,
    description="Every level is the sum of its movements, on hand and reserved.",
)
def balance_equals_sum_of_movements(database: Database) -> dg.AssetCheckResult:
    """The promise of the ledger; one statement, so that both sides are of one moment."""
    return _none_differs(database, _QUERIES.levels_that_differ_from_their_sum.text)


@dg.asset_check(
    asset=stock_levels.key,
    description="The values after the last movement of a level are the level, and so its version.",
)
def last_value_after_equals_the_level(database: Database) -> dg.AssetCheckResult:
    """Whoever reads on from the movements alone ends at the levels."""
    return _none_differs(database, _QUERIES.levels_that_differ_from_their_last_value.text)


@dg.asset_check(asset=stock_levels.key, description="No level is below zero, nor is a reservation.")
def no_level_is_negative(database: Database) -> dg.AssetCheckResult:
    """Constraints refuse it; this says so where people look."""
    return _none_differs(database, _QUERIES.negative_levels.text)


def _none_differs(database: Database, statement: str) -> dg.AssetCheckResult:
    with database.connect() as connection:
        found = connection.execute(statement.encode(), {}).fetchone()
    levels, differing, examples = found or (0, 0, None)
    return dg.AssetCheckResult(
        passed=differing == 0,
        metadata={"levels": levels, "differing": differing, "examples": str(examples or "none")},
    )
