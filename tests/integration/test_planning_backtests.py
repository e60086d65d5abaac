"""The last weeks of the arcade, replayed by the weekly job."""

from typing import Any

import dagster as dg
import pytest

from orchestration.settings import settings
from tests.integration.test_planning_refresh import Arcade, arcade

__all__ = ["arcade"]

_STORED = """
select
    backtests.policy, backtests.cost_minor, backtests.fill_rate, backtests.average_stock,
    backtests.lost, backtests.demand, backtests.by_week, backtests.first_day, backtests.last_day,
    backtests.products
from planning.backtests
where backtests.currency = %(currency)s
"""
_DEMAND = """
select sum(facts.demand)
from marts.fct_daily_demand as facts
inner join planning.policies
    on facts.product_id = policies.product_id and facts.site_id = policies.site_id
where facts.day between %(first_day)s and %(last_day)s and facts.state in ('full', 'censored')
"""


@pytest.fixture
def planned(arcade: Arcade) -> Arcade:
    arcade.refresh("full")
    return arcade


def replay(arcade: Arcade) -> dg.ExecuteInProcessResult:
    return arcade.run("backtest", tags={})


def stored(arcade: Arcade, currency: str) -> dict[str, dict[str, Any]]:
    names = "policy cost_minor fill_rate average_stock lost demand by_week first_day last_day"
    rows = arcade.rows(_STORED, currency=currency)
    return {row[0]: dict(zip([*names.split(), "products"], row, strict=True)) for row in rows}


def currency_of(arcade: Arcade) -> str:
    [(currency,)] = arcade.rows(
        "select distinct currency from marts.dim_products where unit_cost_minor is not null"
    )
    return str(currency)


def test_the_last_weeks_are_replayed_with_every_policy(planned: Arcade) -> None:
    # given a plan, and no replay yet: no refresh makes one
    assert planned.rows("select count(*) from planning.backtests") == [(0,)]
    # when the weekly job runs
    result = replay(planned)
    # then every policy met the demand of those days, and knowing the future cost least
    policies = stored(planned, currency_of(planned))

    assert set(policies) == {"simulation", "service_level", "fixed_min_max", "perfect_foresight"}
    foresight = policies["perfect_foresight"]
    [(demand,)] = planned.rows(
        _DEMAND, first_day=foresight["first_day"], last_day=foresight["last_day"]
    )
    for each in policies.values():
        assert each["demand"] == pytest.approx(demand)
        assert each["fill_rate"] == pytest.approx(1 - each["lost"] / each["demand"])
        assert sum(each["by_week"]) == pytest.approx(each["cost_minor"])
        assert each["cost_minor"] >= foresight["cost_minor"]
    assert foresight["fill_rate"] > 0.99
    days = (foresight["last_day"] - foresight["first_day"]).days + 1
    assert days == 7 * len(foresight["by_week"])
    # and the table and the plot stand with the asset
    (made,) = result.get_asset_materialization_events()
    metadata = made.materialization.metadata
    assert metadata["sites_replayed"].value == 1
    assert "| simulation |" in str(metadata["policies"].value)
    assert "data:image/svg+xml" in str(metadata["cost_so_far"].value)


def test_what_has_no_cost_is_counted_in_units(planned: Arcade) -> None:
    # given a product whose cost nobody knows
    currency = currency_of(planned)
    replay(planned)
    before = stored(planned, currency)["simulation"]["products"]
    planned.record(
        "update catalog.products set unit_cost = null"
        " where product_id = (select min(product_id) from planning.policies)"
    )
    planned.refresh("full")
    # when the weeks are replayed again
    replay(planned)
    # then it is apart from the others, without a cost
    of_units = stored(planned, "")
    assert {each["cost_minor"] for each in of_units.values()} == {None}
    assert {each["products"] for each in of_units.values()} == {1}
    assert stored(planned, currency)["simulation"]["products"] == before - 1
    for each in of_units.values():
        assert sum(each["by_week"]) == pytest.approx(each["lost"])


def test_costs_and_weeks_are_settings(planned: Arcade, monkeypatch: pytest.MonkeyPatch) -> None:
    # given shares of the unit cost that are as good as nothing for holding
    currency = currency_of(planned)
    monkeypatch.setenv("PARSTOCK_HOLDING_PERCENT_A_YEAR", "0.0001")
    monkeypatch.setenv("PARSTOCK_BACKTEST_WEEKS", "2")
    settings.cache_clear()
    replay(planned)
    before = stored(planned, currency)["fixed_min_max"]
    # when holding costs something
    monkeypatch.setenv("PARSTOCK_HOLDING_PERCENT_A_YEAR", "50")
    settings.cache_clear()
    replay(planned)
    # then a policy that asks for no costs has done the same over the same two weeks, for more
    after = stored(planned, currency)["fixed_min_max"]
    assert len(after["by_week"]) == len(before["by_week"]) == 2
    assert after["average_stock"] == pytest.approx(before["average_stock"])
    assert after["cost_minor"] > before["cost_minor"]
