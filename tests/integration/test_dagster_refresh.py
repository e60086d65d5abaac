"""A refresh is asked for when the ledger moved, one at a time; its cursor moves when it ended."""

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage

from orchestration.defs.alerts.run_failures import queue_run_failed
from orchestration.defs.ledger.inventory_events import no_position_is_missing
from orchestration.defs.ledger.stock_levels import (
    balance_equals_sum_of_movements,
    last_value_after_equals_the_level,
    no_level_is_negative,
)
from orchestration.defs.refresh.ledger_moved import ledger_moved
from orchestration.defs.refresh.nightly import nightly_full_refresh, purge_old_runs
from orchestration.defs.refresh.refreshes import refreshes
from orchestration.refresh import REFRESH_ID_TAG
from orchestration.resources import Database
from orchestration.settings import dagster_storage_url, settings
from tests.integration.small_shop import BACK, BEAR, CLAW, SmallShop


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    settings.cache_clear()
    yield Database(url=database_url)
    settings.cache_clear()


@pytest.fixture
def shop(database_url: str) -> SmallShop:
    shop = SmallShop(database_url)
    shop.open()
    return shop


def tick(instance: dg.DagsterInstance, database: Database) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, resources={"database": database})
    result = ledger_moved(context)
    assert isinstance(result, dg.SensorResult)
    return result


def as_if_long_ago(shop: SmallShop) -> None:
    shop.execute(
        "update planning.refreshes set started_at = started_at - interval '1 hour',"
        " finished_at = finished_at - interval '1 hour'"
    )


def run_it(
    instance: dg.DagsterInstance, database: Database, request: dg.RunRequest
) -> dg.ExecuteInProcessResult:
    """What a worker does with the last step of a refresh."""
    return dg.materialize(
        [refreshes], instance=instance, resources={"database": database}, tags=request.tags
    )


def statuses(shop: SmallShop) -> list[tuple[str, str, int, int]]:
    return [
        (scope, status, first, last)
        for scope, status, first, last in shop.rows(
            "select scope, status, from_position, to_position"
            " from planning.refreshes order by refresh_id"
        )
    ]


def test_an_empty_ledger_asks_for_nothing(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    assert not tick(instance, database).run_requests
    assert statuses(shop) == []


def test_the_first_refresh_is_full_and_the_next_one_goes_on_from_it(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    shop.move(BEAR, CLAW, 30)
    [first] = tick(instance, database).run_requests or []
    assert first.job_name == "full_refresh"
    run_it(instance, database, first)

    assert not tick(instance, database).run_requests, "nothing moved"

    shop.move(BEAR, CLAW, -1)
    assert not tick(instance, database).run_requests, "the last one began just now"
    as_if_long_ago(shop)
    result = tick(instance, database)
    [second] = result.run_requests or []
    assert second.job_name == "refresh"
    assert result.cursor == "1"
    run_it(instance, database, second)

    assert statuses(shop) == [("full", "succeeded", 0, 1), ("incremental", "succeeded", 1, 2)]
    assert tick(instance, database).cursor == "2"


def test_a_change_of_the_calendar_asks_for_a_refresh_though_nothing_moved(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    # given a refresh that stands at the newest event
    shop.move(BEAR, CLAW, 30)
    [first] = tick(instance, database).run_requests or []
    run_it(instance, database, first)
    as_if_long_ago(shop)
    assert not tick(instance, database).run_requests
    # when somebody knows of a closed day
    shop.execute(
        "insert into catalog.calendar_events (site_id, code, name, kind, first_day, last_day)"
        " select site_id, 'works', 'Works', 'closure', '2026-12-01', '2026-12-01'"
        " from catalog.sites"
    )
    # then one refresh makes it known, and no other
    [second] = tick(instance, database).run_requests or []
    assert second.job_name == "refresh"
    run_it(instance, database, second)
    assert not tick(instance, database).run_requests


def test_one_refresh_at_a_time(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    shop.move(BEAR, CLAW, 30)
    tick(instance, database)
    shop.move(BEAR, CLAW, 1)

    assert not tick(instance, database).run_requests
    assert statuses(shop) == [("full", "started", 0, 1)]


def test_a_refresh_whose_run_ended_without_saying_so_has_failed_and_moves_no_cursor(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    shop.move(BEAR, CLAW, 30)
    [request] = tick(instance, database).run_requests or []

    @dg.op
    def break_off() -> None:
        raise RuntimeError("disk full")

    @dg.job
    def broken_refresh() -> None:
        break_off()

    broken_refresh.execute_in_process(instance=instance, tags=request.tags, raise_on_error=False)
    result = tick(instance, database)

    assert statuses(shop) == [("full", "failed", 0, 1)]
    assert result.cursor == "0"
    as_if_long_ago(shop)
    [again] = tick(instance, database).run_requests or []
    assert again.job_name == "full_refresh"
    assert again.run_key != request.run_key


def test_a_refresh_that_never_got_a_run_is_given_up_after_a_while(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    shop.move(BEAR, CLAW, 30)
    tick(instance, database)
    as_if_long_ago(shop)

    assert not tick(instance, database).run_requests, "after a failure comes a rest"
    assert statuses(shop) == [("full", "failed", 0, 1)]
    as_if_long_ago(shop)
    [request] = tick(instance, database).run_requests or []

    assert statuses(shop) == [("full", "failed", 0, 1), ("full", "started", 0, 1)]
    assert request.tags[REFRESH_ID_TAG] == "2"


def test_the_last_step_fails_where_no_refresh_is_under_way(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    result = dg.materialize(
        [refreshes], instance=instance, resources={"database": database}, raise_on_error=False
    )

    assert not result.success


def test_every_night_everything_is_planned_anew(
    shop: SmallShop, instance: dg.DagsterInstance, database: Database
) -> None:
    context = dg.build_schedule_context(instance=instance, resources={"database": database})
    assert isinstance(nightly_full_refresh(context), dg.SkipReason)

    shop.move(BEAR, CLAW, 30)

    request = nightly_full_refresh(context)
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "full_refresh"
    assert statuses(shop) == [("full", "started", 0, 1)]


def test_a_failed_run_is_told_once_an_hour_for_each_job(
    shop: SmallShop, database: Database
) -> None:
    assert queue_run_failed(database, run_id="a", job="refresh", error="disk full")
    assert not queue_run_failed(database, run_id="a", job="refresh", error="disk full")
    assert not queue_run_failed(database, run_id="b", job="refresh", error="disk full")
    assert queue_run_failed(database, run_id="c", job="full_refresh", error="disk full")
    shop.execute("update alerts.outbox set created_at = created_at - interval '2 hours'")
    assert queue_run_failed(database, run_id="d", job="refresh", error="disk full")

    assert len(shop.outbox()) == 3


_TICKS_AND_EVENTS = """
set search_path = dagster;
insert into event_logs (id, run_id, event, timestamp) values
(1, '', '', now() - interval '9 days'),
(2, '', '', now()),
(3, 'x', '', now() - interval '9 days');
insert into asset_event_tags (event_id, asset_key, key, event_timestamp)
select id, 'a', 'k', timestamp from event_logs;
insert into job_ticks (id, job_origin_id, selector_id, timestamp) values
(1, 'gone', 'gone', now() - interval '40 days'),
(2, 'gone', 'gone', now() - interval '40 days'),
(3, 'asleep', 'asleep', now() - interval '40 days'),
(4, 'awake', 'awake', now());
insert into asset_check_executions (id, asset_key, check_name, create_timestamp) values
(1, 'a', 'balanced', now() - interval '40 days'),
(2, 'a', 'balanced', now() - interval '40 days');
"""


def _with_tables_of_dagster(shop: SmallShop) -> None:
    """Its own, as its migrations make them, with old and new rows."""
    address = dagster_storage_url(shop.database_url)
    for storage in (PostgresEventLogStorage, PostgresScheduleStorage):
        storage(address, should_autocreate_tables=True).dispose()
    shop.execute(_TICKS_AND_EVENTS)


def test_old_runs_are_purged_and_the_newest_stay(
    shop: SmallShop,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARSTOCK_RUN_RETENTION_DAYS", "0.0000001")
    settings.cache_clear()
    with dg.instance_for_test() as instance:
        _with_tables_of_dagster(shop)
        done = [
            instance.add_run(dg.DagsterRun("refresh", status=dg.DagsterRunStatus.SUCCESS))
            for _ in range(30)
        ]
        purge_old_runs.execute_in_process(instance=instance, resources={"database": database})

        _purge, *left = instance.get_runs()
        assert [run.run_id for run in left] == [run.run_id for run in reversed(done[-19:])]
        assert shop.rows("select run_id, id from dagster.event_logs order by id") == [
            ("", 2),
            ("x", 3),
        ]
        assert shop.rows("select event_id from dagster.asset_event_tags order by 1") == [(2,), (3,)]
        assert shop.rows("select id from dagster.job_ticks order by id") == [(2,), (3,), (4,)]
        assert shop.rows("select id from dagster.asset_check_executions order by id") == [(2,)]


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        (balance_equals_sum_of_movements, "update ledger.stock_levels set on_hand = on_hand + 1"),
        (last_value_after_equals_the_level, "update ledger.stock_levels set version = version - 1"),
        (
            no_level_is_negative,
            "alter table ledger.stock_levels drop constraint stock_levels_on_hand_not_negative;"
            "update ledger.stock_levels set on_hand = -1",
        ),
        (
            no_position_is_missing,
            "alter table ledger.inventory_events disable trigger user;"
            "delete from ledger.inventory_events where position = 1",
        ),
    ],
)
def test_the_checks_of_the_ledger_see_what_is_wrong(
    shop: SmallShop, database: Database, check: dg.AssetChecksDefinition, spoil: str
) -> None:
    for location in (CLAW, BACK):
        shop.move(BEAR, location, 30)
        shop.move(BEAR, location, -7)
    assert checked(check, database).passed

    shop.execute("alter table ledger.stock_levels disable trigger user;" + spoil)

    assert not checked(check, database).passed


def checked(check: dg.AssetChecksDefinition, database: Database) -> dg.AssetCheckResult:
    result = check(database)
    assert isinstance(result, dg.AssetCheckResult)
    return result
