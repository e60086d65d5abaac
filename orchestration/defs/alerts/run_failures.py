"""A failed run says so in Slack, through the same outbox as the alerts."""

import json

import dagster as dg

from db.sql import load_queries
from orchestration.resources import Database

_QUERIES = load_queries(__file__)


@dg.run_failure_sensor(
    name="run_failures",
    description="Queues a message for each failed run, at most one an hour for each job.",
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def run_failures(context: dg.RunFailureSensorContext, database: Database) -> None:
    """Tell staff that forecast and plan stand still."""
    error = context.failure_event.message or ""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.error is not None:
            error = (data.error.cause or data.error).message
            break
    queue_run_failed(
        database, run_id=context.dagster_run.run_id, job=context.dagster_run.job_name, error=error
    )


def queue_run_failed(database: Database, *, run_id: str, job: str, error: str) -> bool:
    """Queue the message, unless it was queued before; answers whether it was queued now."""
    payload = json.dumps({"run_id": run_id, "job": job, "error": error[:2000]})
    with database.connect() as connection:
        found = connection.execute(_QUERIES.queue_run_failed.text, {"payload": payload}).fetchone()
        connection.execute(_QUERIES.wake_readers.text)
    return found is not None
