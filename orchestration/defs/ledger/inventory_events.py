"""ledger.inventory_events: every event, once. Written by the API, read by everything here."""

import dagster as dg

from db.sql import load_queries
from orchestration.resources import Database

_QUERIES = load_queries(__file__)

inventory_events = dg.AssetSpec(
    key=["ledger", "inventory_events"],
    group_name="ledger",
    owners=["team:operations"],
    kinds={"postgres"},
    description=(
        "What happened, as it was told: one row an event, append-only, in order of position. "
        "Positions are drawn under the ledger's lock, so their order is the order of commits."
    ),
)


@dg.asset_check(
    asset=inventory_events.key, description="Positions run from 1 to the newest without a gap."
)
def no_position_is_missing(database: Database) -> dg.AssetCheckResult:
    """A reader that goes on from a position must not find that one was filled in later."""
    with database.connect() as connection:
        found = connection.execute(_QUERIES.missing_positions.text).fetchone()
    events, newest, missing = found or (0, 0, 0)
    return dg.AssetCheckResult(
        passed=missing == 0,
        metadata={"events": events, "newest_position": newest, "missing": missing},
    )
