"""What Dagster shows: one graph from alert to ledger, and of every asset who, what and why."""

import pytest
from dagster import (
    AssetKey,
    AssetSpec,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    Definitions,
    ScheduleDefinition,
)

from orchestration.definitions import definitions

ALERTS = AssetKey(["alerts", "alerts"])
EVENTS = AssetKey(["ledger", "inventory_events"])

_SCHEMAS = {"ledger", "planning", "alerts"}


@pytest.fixture(scope="module")
def defs() -> Definitions:
    return definitions()


def specs_by_key(defs: Definitions) -> dict[AssetKey, AssetSpec]:
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


def test_every_asset_says_who_owns_it_what_it_is_and_of_which_step(defs: Definitions) -> None:
    speechless = [
        spec.key.to_user_string()
        for spec in specs_by_key(defs).values()
        if not (spec.owners and spec.kinds and spec.description and spec.group_name)
        or spec.group_name == "default"
    ]

    assert speechless == []


def test_every_key_is_schema_and_table(defs: Definitions) -> None:
    assert [key.path for key in specs_by_key(defs) if len(key.path) != 2] == []


def test_the_lineage_of_an_alert_reaches_the_ledger(defs: Definitions) -> None:
    specs = specs_by_key(defs)
    reached: set[AssetKey] = set()
    to_visit = [ALERTS]
    while to_visit:
        key = to_visit.pop()
        reached.add(key)
        to_visit += [dep.asset_key for dep in specs[key].deps if dep.asset_key not in reached]

    assert EVENTS in reached
    assert {"planning/policies", "planning/forecasts", "marts/fct_daily_demand"} <= {
        key.to_user_string() for key in reached
    }


def test_a_refresh_ends_with_its_cursor(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    layer = defs.resolve_job_def("refresh").asset_layer

    last = AssetKey(["planning", "refreshes"])
    before = {graph.get(key).assets_def for key in graph.get_ancestor_asset_keys(last)}
    planned = {graph.get(key).assets_def for key in layer.selected_asset_keys if key != last}
    assert planned
    assert planned <= before


def test_the_ledger_is_checked_at_night_and_not_at_every_sale(defs: Definitions) -> None:
    checks = {
        "balance_equals_sum_of_movements",
        "last_value_after_equals_the_level",
        "no_level_is_negative",
        "no_position_is_missing",
    }
    steps = {
        job: " ".join(defs.resolve_job_def(job).graph.node_names())
        for job in ("refresh", "full_refresh")
    }

    assert all(check in steps["full_refresh"] for check in checks)
    assert not any(check in steps["refresh"] for check in checks)


def test_every_check_outside_of_dbt_is_a_sentence(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()

    of_ours = {key for key in graph.asset_check_keys if key.asset_key.path[0] in _SCHEMAS}
    assert of_ours
    assert [key for key in of_ours if not graph.get_check_spec(key).description] == []


def test_what_runs_by_itself_runs_without_being_switched_on(defs: Definitions) -> None:
    sensors = {sensor.name: sensor.default_status for sensor in defs.sensors or []}
    schedules = {
        schedule.name: schedule.default_status
        for schedule in defs.schedules or []
        if isinstance(schedule, ScheduleDefinition)
    }

    for name in ("ledger_moved", "alerts", "alerts_relief", "run_failures"):
        assert sensors[name] is DefaultSensorStatus.RUNNING
    for name in ("nightly_full_refresh", "weekly_backtest", "hourly_purge"):
        assert schedules[name] is DefaultScheduleStatus.RUNNING
