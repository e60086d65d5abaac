"""A refresh of the simulated arcade: forecasts, policies and suggestions that agree."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from api.database import make_pool
from api.deps import Actor, Role
from api.purchasing.approving import approve, dismiss
from api.purchasing.order_schemas import Approval
from db.connect import ORCHESTRATION_ROLE, connect
from orchestration.definitions import definitions
from orchestration.settings import settings

PLAN = """
select suggestion_id, version, status, product_id, quantity, arithmetic, updated_at, kind
from planning.suggestions order by suggestion_id
"""
POLICIES = "select * from planning.policies order by product_id, site_id"
FORECASTS = "select count(*), max(issued_at) from planning.forecasts"

# All at the moment of the first one: where a day ends between two, the second forecasts anew.
_NEW_REFRESH = """
insert into planning.refreshes (started_at, scope, from_position, to_position)
select
    coalesce((select min(started_at) from planning.refreshes), now()),
    %(scope)s,
    case
        when %(scope)s = 'full' then 0
        else (
            select max(to_position) from planning.refreshes where status = 'succeeded'
        )
    end,
    max(position)
from ledger.inventory_events
returning refresh_id
"""


class Arcade:
    """The small arcade, and the refreshes that bring its plan up to date."""

    def __init__(self, database_url: str, instance: dg.DagsterInstance) -> None:
        self.database_url = database_url
        self._instance = instance

    def refresh(self, scope: str) -> dg.ExecuteInProcessResult:
        """What the worker does with a run that the sensor or the schedule asked for."""
        (refresh_id,) = self.rows(_NEW_REFRESH, scope=scope)[0]
        return self.run(scope, tags={"parstock/refresh_id": str(refresh_id)})

    def run(self, scope: str, *, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
        loaded: Any = definitions
        name = {"full": "full_refresh", "incremental": "refresh"}.get(scope, scope)
        job = loaded.load_fn().resolve_job_def(name)
        result = job.execute_in_process(instance=self._instance, tags=tags)
        assert isinstance(result, dg.ExecuteInProcessResult)
        return result

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        with connect(self.database_url, role=ORCHESTRATION_ROLE) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def record(self, statement: str) -> None:
        with connect(self.database_url) as connection:
            connection.execute("select pg_advisory_xact_lock(ledger.lock_key())")
            connection.execute(statement.encode())


@pytest.fixture
def arcade(small_arcade_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arcade]:
    monkeypatch.setenv("DATABASE_URL", small_arcade_url)
    settings.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Arcade(small_arcade_url, instance)
    settings.cache_clear()


# Sells everything that the product has where the arcade sells, at once and one place at a time.
_SELL_OUT = """
with

doomed as (

    select
        levels.product_id, levels.location_id, levels.on_hand,
        row_number() over (order by levels.location_id)
        + (select max(position) from ledger.inventory_events) as position
    from ledger.stock_levels as levels
    where
        levels.product_id = {product_id}
        and levels.on_hand > 0
        and ({place} is null or levels.location_id = {place})

),

events as (

    insert into ledger.inventory_events (
        position, event_id, recorded_at, occurred_at, event_type,
        product_id, location_id, recorded_by, quantity
    )
    select
        position, gen_random_uuid(), clock_timestamp(), now(), 'sold',
        product_id, location_id, 1, on_hand
    from doomed

),

levels as (

    update ledger.stock_levels as levels
    set on_hand = 0, version = doomed.position
    from doomed
    where levels.product_id = doomed.product_id and levels.location_id = doomed.location_id

)

insert into ledger.movements (
    position, leg, product_id, location_id, on_hand_change, on_hand_after, place_on_hand_after
)
select position, 0, product_id, location_id, -on_hand, 0, 0 from doomed
"""


def sell_out(product_id: int, *, place: int | None = None) -> str:
    """A sale of all that is left, everywhere or at one place."""
    return _SELL_OUT.format(product_id=product_id, place=place or "null")


def test_a_refresh_plans_what_was_sold_and_planning_twice_changes_nothing(arcade: Arcade) -> None:
    # given a full refresh
    first = arcade.refresh("full")
    # then every check on it passes; an interval that is a little off is only warned of
    checks = first.get_asset_check_evaluations()
    assert {check.check_name for check in checks} >= {
        "every_line_orders_up_to_its_level",
        "every_need_has_a_line",
        "every_selling_product_has_a_forecast",
        "quantiles_do_not_cross",
        "coverage_of_the_80_percent_interval_is_near_80",
        "every_closed_day_has_its_fact",
        "balance_equals_sum_of_movements",
    }
    failed = [
        check.check_name
        for check in checks
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    assert failed == []
    plan, policies = arcade.rows(PLAN), arcade.rows(POLICIES)
    assert plan
    assert policies
    issued = arcade.rows(FORECASTS)
    # and each purchase says what it risks, what it costs, and what other terms would give
    for terms in (row[5] for row in plan if row[7] == "purchase"):
        risks = terms["risk_of_running_out"]
        assert 0.01 <= risks["with_the_order"] <= risks["without_the_order"] <= 0.99
        assert terms["range_until_next_chance"]["low"] <= terms["range_until_next_chance"]["high"]
        assert len(terms["counterfactuals"]) == 3
        assert terms["cost"].startswith("USD ")
        assert terms["used_28_days"] >= 0

    # when nothing moved
    arcade.refresh("incremental")
    # then nothing is said again
    assert arcade.rows(PLAN) == plan
    assert arcade.rows(POLICIES) == policies
    assert arcade.rows(FORECASTS) == issued

    # when a product that was not on the plan is sold out today
    (product_id, reorder_point) = arcade.rows(
        "select policies.product_id, policies.reorder_point"
        " from planning.policies where not exists (select from planning.suggestions"
        " where suggestions.product_id = policies.product_id and kind = 'purchase')"
        " and policies.reorder_point > 0"
        " order by policies.reorder_point desc limit 1"
    )[0]
    arcade.record(sell_out(product_id))
    arcade.refresh("incremental")
    # then it is, with what will be asked for once it arrives and not with what is lost before,
    # and nothing else is new; its forecast waits for the day to close
    changed = [row for row in arcade.rows(PLAN) if row not in plan]
    assert {row[3] for row in changed} == {product_id}
    new = [row for row in changed if row[7] == "purchase"]
    assert len(new) == 1
    terms = new[0][5]
    assert terms["inventory_position"] == 0
    assert terms["reorder_point"] == reorder_point
    assert 0 < terms["wanted"] <= new[0][4]
    assert terms["risk_of_running_out"]["with_the_order"] <= 1 - terms["service_level"] + 1e-9
    assert arcade.rows(FORECASTS) == issued


def test_order_days_say_how_long_an_order_has_to_last(arcade: Arcade) -> None:
    # given one supplier that takes orders on one day of the week, and others on every day
    arcade.record(
        "update catalog.suppliers set order_days = to_char(now(), 'dy')"
        " where supplier_id = (select min(supplier_id) from catalog.products)"
    )
    arcade.refresh("full")
    # then its products have to last for one to two weeks, the others as they did
    periods = arcade.rows(
        "select order_days is null, min(review_period_days), max(review_period_days), count(*)"
        " from planning.policies inner join catalog.suppliers using (supplier_id)"
        " group by 1 order by 1"
    )
    [(_, least, most, weekly), (_, *usual, others)] = periods
    assert 7 <= least == most <= 13
    assert usual == [7, 7]
    assert weekly > 0
    assert others > 0
    # and lines say so
    reasons = arcade.rows(
        "select reason from planning.suggestions inner join catalog.suppliers using (supplier_id)"
        " where order_days is not null and kind = 'purchase'"
    )
    assert all(f"{least} to the next order" in reason for (reason,) in reasons)


def test_an_empty_machine_with_stock_behind_it_is_a_stop_of_the_walk(arcade: Arcade) -> None:
    # given the machine of which most was sold of those with the most behind them
    [(product_id, place, behind)] = arcade.rows(
        "select stock.product_id, stock.location_id, sources.on_hand"
        " from ledger.stock_levels as stock inner join catalog.locations using (location_id)"
        " inner join ledger.stock_levels as sources on stock.product_id = sources.product_id"
        " and locations.refilled_from_location_id = sources.location_id"
        " where stock.on_hand > 0 and sources.on_hand > 5 order by (select count(*)"
        " from ledger.movements where movements.product_id = stock.product_id"
        " and movements.location_id = stock.location_id) desc limit 1"
    )
    # when it is played empty
    arcade.record(sell_out(product_id, place=place))
    arcade.refresh("full")
    # then it is to be filled from there, with no more than there is, and why is said
    [(quantity, source, reason, terms)] = arcade.rows(
        "select quantity, from_location_id, reason, arithmetic from planning.suggestions"
        " where kind = 'refill' and product_id = %(product_id)s and location_id = %(place)s",
        product_id=product_id,
        place=place,
    )
    assert 0 < quantity <= behind == terms["on_hand_at_source"]
    assert source is not None
    assert "holds 0" in reason
    assert terms["used_28_days"] > 0


# A second site: 4,000 came fifty days ago, and one was sold on each of the days since.
_ANNEX = """
with

site as (

    insert into catalog.sites (code, name, time_zone, is_simulated)
    select 'annex', 'Annex', time_zone, is_simulated from catalog.sites limit 1
    returning site_id

),

place as (

    insert into catalog.locations (code, site_id, kind, name, selling)
    select 'annex-shelf', site_id, 'shelf', 'Shelf', true from site
    returning location_id

),

moves as (

    select
        day,
        (select max(position) from ledger.inventory_events) + 1 + day as position,
        case when day = 0 then 4000 else -1 end as change,
        now() - make_interval(days => 50 - day) as occurred_at
    from generate_series(0, 49) as day

),

events as (

    insert into ledger.inventory_events (
        position, event_id, recorded_at, occurred_at, event_type,
        product_id, location_id, recorded_by, quantity
    )
    select
        position, gen_random_uuid(), clock_timestamp(), occurred_at,
        case when day = 0 then 'received' else 'sold' end::ledger.event_type,
        {product_id}, location_id, 1, abs(change)
    from moves, place

),

levels as (

    insert into ledger.stock_levels (product_id, location_id, on_hand, version)
    select {product_id}, location_id, 3951, (select max(position) from moves) from place

)

insert into ledger.movements (
    position, leg, product_id, location_id, on_hand_change, on_hand_after, place_on_hand_after
)
select position, 0, {product_id}, location_id, change, 4000 - day, 4000 - day from moves, place
"""


def test_what_another_site_has_too_much_of_is_brought_before_anything_is_bought(
    arcade: Arcade,
) -> None:
    # given a product that is sold out here, of which another site has enough for years
    [(product_id,)] = arcade.rows(
        "select product_id from ledger.inventory_events where event_type = 'sold'"
        " group by product_id order by count(*) desc, product_id limit 1"
    )
    arcade.record(sell_out(product_id))
    arcade.record(_ANNEX.format(product_id=product_id))
    # when it is planned
    arcade.refresh("full")
    lines = {
        kind: (site, giver, quantity, reason, terms)
        for kind, site, giver, quantity, reason, terms in arcade.rows(
            "select kind, sites.code, givers.code, quantity, reason, arithmetic"
            " from planning.suggestions inner join catalog.sites using (site_id)"
            " left join catalog.sites as givers on from_site_id = givers.site_id"
            " where product_id = %(product_id)s",
            product_id=product_id,
        )
    }
    # then it is brought, nothing of it is bought, and the rest there is told as too much
    assert set(lines) == {"transfer", "overstock"}
    site, giver, quantity, reason, terms = lines["transfer"]
    assert (site, giver, quantity) == ("arcade", "annex", terms["wanted"])
    assert "annex has 3951 and keeps" in reason
    assert terms["giver"]["position_after"] >= terms["giver"]["keeps"]
    assert lines["overstock"][0] == "annex"
    assert lines["overstock"][4]["given_to_other_sites"] == quantity


def test_what_was_approved_or_turned_down_is_not_suggested_again(arcade: Arcade) -> None:
    # given a plan of which one line is approved and one dismissed
    [(sold_out,)] = arcade.rows(
        "select product_id from ledger.inventory_events where event_type = 'sold'"
        " group by product_id order by count(*) desc, product_id limit 1"
    )
    arcade.record(sell_out(sold_out))
    arcade.refresh("full")
    plan = [row for row in arcade.rows(PLAN) if row[7] == "purchase"]
    bought = next(row for row in plan if row[3] == sold_out)
    unwanted = max(
        (row for row in plan if row[3] != sold_out),
        key=lambda row: row[5]["inventory_position"],
    )
    asyncio.run(approve_and_dismiss(arcade, bought, unwanted))
    # when it is planned again, with the other lines as they were
    arcade.refresh("incremental")
    again = {row[0]: row for row in arcade.rows(PLAN) if row[7] == "purchase"}
    # then neither is asked for anew
    assert set(again) == {row[0] for row in plan}
    assert (again[bought[0]][2], again[unwanted[0]][2]) == ("approved", "dismissed")
    others = [row for row in plan if row not in (bought, unwanted)]
    assert [again[row[0]] for row in others] == others
    # when the reason of the dismissed one changes
    arcade.record(sell_out(unwanted[3]))
    done = arcade.refresh("incremental")
    # then it is told again, as another version
    [(status, version)] = arcade.rows(
        "select status, version from planning.suggestions where suggestion_id = %(id)s",
        id=unwanted[0],
    )
    assert (status, version) == ("open", unwanted[1] + 1)
    failed = [check.check_name for check in done.get_asset_check_evaluations() if not check.passed]
    assert "every_need_has_a_line" not in failed


async def approve_and_dismiss(
    arcade: Arcade, bought: tuple[Any, ...], unwanted: tuple[Any, ...]
) -> None:
    """As a manager does over the API."""
    manager = Actor(actor_id=1, name="manager", role=Role.MANAGER)
    pool = make_pool(arcade.database_url, size=1, connect_timeout_s=10, statement_timeout_s=10)
    async with pool, pool.acquire() as connection, connection.transaction():
        line = Approval(suggestion_id=bought[0], version=bought[1])
        [result] = await approve(connection, [line], actor=manager)
        assert result.status == "approved"
        await dismiss(connection, unwanted[0], version=unwanted[1], reason=None, actor=manager)


_KNOWN = """
insert into catalog.calendar_events
(site_id, code, name, kind, first_day, last_day, category, effect_percent)
select
    sites.site_id, known.code, known.code, known.kind,
    sites.today + known.days, sites.today + known.days, known.category, known.effect
from marts.dim_sites as sites
cross join (values
    ('inventory', 'closure', 2, null, null),
    ('fair', 'event', 3, null, 50)
) as known (code, kind, days, category, effect)
"""
_SAID = """
select product_id, mean, q0900 from planning.current_forecasts order by product_id
"""


def test_what_people_know_of_a_day_is_in_the_next_forecast(arcade: Arcade) -> None:
    # given a plan, and then people who know of a closed day and of a fair that brings half more
    arcade.refresh("full")
    before = {row[0]: row for row in arcade.rows(_SAID)}
    arcade.record(_KNOWN)
    # when nothing was sold in between
    arcade.refresh("incremental")
    # then each forecast is issued anew: nothing on the closed day, half more on that of the fair
    for product_id, mean, high in arcade.rows(_SAID):
        _, usual, usually_high = before[product_id]
        assert mean[2] == high[2] == 0
        assert mean[3] == pytest.approx(1.5 * usual[3], abs=2e-4)
        assert high[3] == pytest.approx(1.5 * usually_high[3], abs=2e-4)
        assert [*mean[:2], *mean[4:]] == [*usual[:2], *usual[4:]]
    # and when they think better of it, the forecast does, too
    arcade.record("delete from catalog.calendar_events")
    arcade.refresh("incremental")
    assert {row[0]: row for row in arcade.rows(_SAID)} == before


def test_a_run_started_by_hand_makes_a_full_refresh_of_its_own(arcade: Arcade) -> None:
    result = arcade.run("incremental", tags={})
    found = arcade.rows(
        "select scope, from_position, to_position, status, dagster_run_id from planning.refreshes"
    )
    (newest,) = arcade.rows("select max(position) from ledger.inventory_events")
    assert found == [("full", 0, newest[0], "succeeded", result.run_id)]
    assert arcade.rows(POLICIES)


def test_the_definitions_load_without_a_database() -> None:
    # given a process that knows no database, as a code server that starts before it
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DATABASE")
    }
    # when it loads the asset graph
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "from orchestration.definitions import definitions as made;"
            "keys = {key.to_user_string() for key in"
            " made.load_fn().resolve_all_asset_keys()};"
            "print('marts/fct_daily_demand' in keys and 'planning/suggestions' in keys)",
        ],
        env={**environment, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    # then every step of the flow is in it
    assert loaded.stdout.strip() == "True", loaded.stderr
