"""planning.refreshes: up to which event forecast and plan stand. Moves when all else succeeded."""

import dagster as dg

from db.sql import load_queries
from orchestration.refresh import REFRESH_ID_TAG
from orchestration.resources import Database

_QUERIES = load_queries(__file__)


@dg.asset(
    key=["planning", "refreshes"],
    deps=[["planning", "forecasts"], ["planning", "policies"], ["planning", "suggestions"]],
    group_name="replenishment",
    owners=["team:planning"],
    kinds={"postgres"},
    description=(
        "The last step of a refresh: the event position up to which everything was read becomes "
        "the cursor, so that the next refresh goes on from there. Not reached when a step fails."
    ),
)
def refreshes(context: dg.AssetExecutionContext, database: Database) -> dg.MaterializeResult[None]:
    """Mark this run's refresh as succeeded and wake the alerts, which look at the new policies."""
    asked_for = context.run.tags.get(REFRESH_ID_TAG)
    with database.connect() as connection:
        found = connection.execute(
            _QUERIES.finish_refresh.text,
            {"refresh_id": asked_for and int(asked_for), "run_id": context.run.run_id},
        ).fetchone()
        if found is None:
            raise dg.Failure("This run has no refresh under way whose end could be noted.")
        refresh_id, scope, from_position, to_position, seconds = found
        connection.execute(_QUERIES.tell_that_the_plan_is_new.text, {"refresh_id": str(refresh_id)})
    return dg.MaterializeResult(
        metadata={
            "refresh_id": refresh_id,
            "scope": scope,
            "from_position": from_position,
            "to_position": to_position,
            "events": to_position - from_position,
            "seconds": round(seconds, 2),
        }
    )
