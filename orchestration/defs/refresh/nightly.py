"""The nightly full refresh, the weekly replay of the past, and the end of old runs."""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from db.sql import load_queries
from orchestration.defs.refresh.jobs import QUIET, backtest, full_refresh, refresh
from orchestration.defs.refresh.ledger_moved import ask_for_refresh
from orchestration.resources import Database
from orchestration.settings import settings

_QUERIES = load_queries(__file__)

# So few at a time that a refresh never waits long behind it; it runs every hour.
_AT_MOST: Final = 500
# The newest stay whatever their age: a shop that was closed for a month still sees its last plan.
_KEPT_AT_LEAST: Final = 20


@dg.schedule(
    job=full_refresh,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night the plan is made anew for everything, with every check.",
)
def nightly_full_refresh(
    context: dg.ScheduleEvaluationContext, database: Database
) -> dg.RunRequest | dg.SkipReason:
    """A full refresh to the newest event; the worker runs it after the one under way."""
    with database.connect() as connection:
        found = connection.execute(_QUERIES.settled_position.text).fetchone()
        position = 0 if found is None else int(found[0])
        if position == 0:
            return dg.SkipReason("The ledger is empty.")
        return ask_for_refresh(connection, scope="full", from_position=0, to_position=position)


# What Dagster's own deletion of a run leaves behind, and what belongs to no run.
_BEYOND_RUNS: Final = {
    "runless_events_deleted": _QUERIES.delete_old_runless_events,
    "event_tags_deleted": _QUERIES.delete_orphaned_event_tags,
    "ticks_deleted": _QUERIES.delete_old_ticks,
    "check_executions_deleted": _QUERIES.delete_old_check_executions,
}


@dg.op(description="Delete what is past its retention: runs, events, ticks, results of checks.")
def delete_old_runs(context: dg.OpExecutionContext, database: Database) -> int:
    """A refresh every few seconds leaves many runs; failed and full ones are kept longer."""
    now = datetime.now(UTC)
    finished = [
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    ]
    incremental_hours = settings().incremental_run_retention_hours
    old_refreshes = dg.RunsFilter(
        job_name=refresh.name,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_before=now - timedelta(hours=incremental_hours),
    )
    old = dg.RunsFilter(
        statuses=finished, created_before=now - timedelta(days=settings().run_retention_days)
    )
    kept = {run.run_id for run in context.instance.get_runs(limit=_KEPT_AT_LEAST)}
    deleted = 0
    for filters in (old_refreshes, old):
        for run in context.instance.get_runs(filters, limit=_AT_MOST, ascending=True):
            if run.run_id not in kept:
                context.instance.delete_run(run.run_id)
                deleted += 1
    ages = {
        "hours": incremental_hours,
        "days": settings().run_retention_days,
        "check_days": settings().check_retention_days,
    }
    with database.connect() as connection:
        rows = {
            what: connection.execute(query.text, ages).rowcount
            for what, query in _BEYOND_RUNS.items()
        }
    context.add_output_metadata({"runs_deleted": deleted, **rows})
    return deleted


@dg.job(
    executor_def=dg.in_process_executor,
    config=QUIET,
    description="Keeps Dagster's own tables from growing for ever.",
)
def purge_old_runs() -> None:
    """One op, in the warm worker."""
    delete_old_runs()


hourly_purge = dg.ScheduleDefinition(
    name="hourly_purge",
    job=purge_old_runs,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes runs past their retention, some at a time.",
)

weekly_backtest = dg.ScheduleDefinition(
    name="weekly_backtest",
    job=backtest,
    cron_schedule="30 4 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Sunday, after the nightly refresh, the last weeks are replayed.",
)
