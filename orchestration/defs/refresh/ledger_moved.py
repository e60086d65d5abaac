"""When to refresh: the ledger moved, nothing is under way, and the last one is a while ago."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import dagster as dg
import psycopg
from psycopg.rows import class_row

from db.sql import load_queries
from orchestration.defs.refresh.jobs import full_refresh, refresh
from orchestration.refresh import REFRESH_ID_TAG
from orchestration.resources import Database
from orchestration.settings import settings

_QUERIES = load_queries(__file__)

_LONGEST_BACKOFF_S: Final = 900.0
# A row is made before its run is; longer than a tick may take to ask for the run.
_NO_RUN_AFTER_S: Final = 120.0

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class LastRefreshes:
    """What the table of refreshes says, in seconds of the database's clock."""

    cursor_position: int
    has_succeeded: bool
    seconds_since_start: float | None
    seconds_since_end: float | None
    last_duration_seconds: float | None
    failures_in_a_row: int
    calendar_changed: bool = False


def seconds_to_wait(last: LastRefreshes, *, interval_s: float) -> float:
    """How long until the next refresh may begin; 0 for now.

    `interval_s` from start to start, doubled with each failure in a row, and a rest as long as the
    last one took (at most the interval), so that planning leaves half of a busy machine free.
    """
    between_s = min(interval_s * 2.0**last.failures_in_a_row, _LONGEST_BACKOFF_S)
    rest_s = min(last.last_duration_seconds or 0.0, interval_s)
    waits = [0.0]
    if last.seconds_since_start is not None:
        waits.append(between_s - last.seconds_since_start)
    if last.seconds_since_end is not None:
        waits.append(rest_s - last.seconds_since_end)
    return max(waits)


@dg.sensor(
    name="ledger_moved",
    jobs=[refresh, full_refresh],
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Asks for a refresh of what moved when the ledger stands beyond the last one that "
        "succeeded. Its cursor is that one's position."
    ),
)
def ledger_moved(context: dg.SensorEvaluationContext, database: Database) -> dg.SensorResult:
    """One refresh at a time; a row whose run has died is marked failed first."""
    with database.connect() as connection:
        under_way = _settle_those_under_way(context.instance, connection)
        last = _last_refreshes(connection)
        cursor = str(last.cursor_position)
        if under_way:
            return _skip(f"Refresh {under_way[0]} is under way.", cursor)
        (position,) = _one(connection.execute(_QUERIES.settled_position.text))
        if position <= last.cursor_position and not last.calendar_changed:
            return _skip(f"The plan stands at the newest event, {position}.", cursor)
        wait_s = seconds_to_wait(last, interval_s=settings().refresh_interval_seconds)
        if wait_s > 0:
            return _skip(f"The next refresh may begin in {wait_s:.0f} s.", cursor)
        request = ask_for_refresh(
            connection,
            scope="incremental" if last.has_succeeded else "full",
            from_position=last.cursor_position,
            to_position=position,
        )
    return dg.SensorResult(
        run_requests=[request],
        cursor=cursor,
        asset_events=[
            dg.AssetObservation(
                asset_key=["ledger", "inventory_events"],
                metadata={
                    "newest_position": position,
                    "events_since_last_refresh": position - last.cursor_position,
                },
            )
        ],
    )


def ask_for_refresh(
    connection: Connection, *, scope: str, from_position: int, to_position: int
) -> dg.RunRequest:
    """Note a refresh as under way and ask for the run that carries it out."""
    (refresh_id,) = _one(
        connection.execute(
            _QUERIES.begin_refresh.text,
            {
                "scope": scope,
                "from_position": 0 if scope == "full" else from_position,
                "to_position": to_position,
            },
        )
    )
    return dg.RunRequest(
        run_key=f"refresh-{refresh_id}",
        job_name=full_refresh.name if scope == "full" else refresh.name,
        tags={REFRESH_ID_TAG: str(refresh_id), "parstock/scope": scope},
    )


def _settle_those_under_way(instance: dg.DagsterInstance, connection: Connection) -> list[int]:
    """The refreshes that are really under way; a finished run that did not say so has failed."""
    really = []
    rows = connection.execute(_QUERIES.refreshes_under_way.text).fetchall()
    for refresh_id, run_id, age_s in rows:
        if _lives(_runs_of(instance, refresh_id, run_id), age_s):
            really.append(refresh_id)
        else:
            connection.execute(_QUERIES.fail_refresh.text, {"refresh_id": refresh_id})
    return really


def _runs_of(
    instance: dg.DagsterInstance, refresh_id: int, run_id: str | None
) -> Sequence[dg.DagsterRun]:
    asked_for = instance.get_runs(dg.RunsFilter(tags={REFRESH_ID_TAG: str(refresh_id)}), limit=1)
    if asked_for or run_id is None:
        return asked_for
    by_hand = instance.get_run_by_id(run_id)
    return [] if by_hand is None else [by_hand]


def _lives(runs: Sequence[dg.DagsterRun], age_s: float) -> bool:
    if not runs:
        return age_s < _NO_RUN_AFTER_S
    return not runs[0].is_finished


def _last_refreshes(connection: Connection) -> LastRefreshes:
    with connection.cursor(row_factory=class_row(LastRefreshes)) as cursor:
        return cast("LastRefreshes", cursor.execute(_QUERIES.last_refreshes.text).fetchone())


def _skip(reason: str, cursor: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def _one(cursor: psycopg.Cursor[tuple[Any, ...]]) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", cursor.fetchone())
