"""A day far outside of its forecast is told once, held back, and counted when confirmed."""

from typing import Any

import psycopg
import pytest

from orchestration.defs.alerts.evaluation import evaluate
from tests.integration.test_planning_refresh import Arcade, arcade

__all__ = ["arcade"]

_BUSIEST = """
select facts.product_id, facts.site_id, facts.day, facts.demand
from marts.fct_daily_demand as facts
inner join marts.dim_sites as sites
    on facts.site_id = sites.site_id and facts.day = sites.last_closed_day
where facts.exposure >= 0.95 and facts.state in ('full', 'censored') and facts.demand > 0
order by facts.demand desc, facts.product_id
limit 1
"""
# As it would have been said that morning, at `expected` units a day.
_SAID = """
insert into planning.forecasts
select
    {product_id}, {site_id}, '{day}'::timestamp, 1, '{day}', 'said',
    array_fill({expected}::float8, array[28]), array_fill({expected} * 0.5::float8, array[28]),
    array_fill({expected} * 0.6::float8, array[28]), array_fill({expected}::float8, array[28]),
    array_fill({expected} * 1.4::float8, array[28]), array_fill({expected} * 1.5::float8, array[28])
"""
_LEVEL = """
select mean[1] from planning.current_forecasts
where product_id = %(product_id)s and site_id = %(site_id)s
"""
_ALERTS = """
select alert_id, status, message from alerts.alerts
where kind = 'demand_anomaly' order by opened_at, alert_id
"""


class Shop:
    """An arcade with a plan, and its busiest product of yesterday."""

    def __init__(self, arcade: Arcade) -> None:
        self.arcade = arcade
        arcade.refresh("full")
        self.look()
        [(self.product_id, self.site_id, self.day, self.demand)] = arcade.rows(_BUSIEST)

    def said(self, expected: float) -> None:
        told = {"product_id": self.product_id, "site_id": self.site_id, "day": self.day}
        self.arcade.record(_SAID.format(**told, expected=expected))

    def look(self) -> None:
        with psycopg.connect(self.arcade.database_url, autocommit=True) as connection:
            evaluate(connection)

    def alerts(self) -> list[tuple[Any, ...]]:
        return self.arcade.rows(_ALERTS)

    def level(self) -> float:
        [(mean,)] = self.arcade.rows(_LEVEL, product_id=self.product_id, site_id=self.site_id)
        return float(mean)


@pytest.fixture
def shop(arcade: Arcade) -> Shop:
    return Shop(arcade)


def test_a_day_far_outside_of_its_forecast_is_held_back_until_it_is_confirmed(shop: Shop) -> None:
    # given a forecast for yesterday of a tenth of what was then asked for
    usual = shop.level()
    shop.said(shop.demand / 10)
    shop.arcade.record("update alerts.rules set at_least_units = 1 where kind = 'demand_anomaly'")
    # when it is looked at
    shop.arcade.refresh("full")
    shop.look()
    # then one alert tells of it, and the level counts it as the most that was thought possible
    [(alert_id, status, message)] = shop.alerts()
    assert status == "open"
    assert str(shop.day) in message
    assert shop.level() < usual
    assert shop.arcade.rows("select day, demand, reason from planning.adjusted_days") == [
        (shop.day, shop.demand, "anomaly")
    ]
    # when it is looked at again, then nothing is told again
    shop.arcade.refresh("full")
    shop.look()
    assert len(shop.alerts()) == 1
    # when somebody confirms it
    shop.arcade.record("update planning.anomalies set confirmed_at = now()")
    shop.arcade.refresh("incremental")
    shop.look()
    # then it counts whole, at once, and the alert is over
    assert shop.level() == pytest.approx(usual)
    assert [(each[0], each[1]) for each in shop.alerts()] == [(alert_id, "resolved")]
    assert shop.arcade.rows("select count(*) from planning.adjusted_days") == [(0,)]


def test_totals_are_the_sums_of_what_products_are_forecast(shop: Shop) -> None:
    # given a full refresh, and one of a single product after it
    shop.said(shop.demand / 10)
    shop.arcade.refresh("incremental")
    # then each category is the sum of its products, and the whole that of its categories
    found = shop.arcade.rows(
        "select category, products, mean, q0100, q0900 from planning.forecast_totals"
        " order by category"
    )
    by_hand = shop.arcade.rows(
        "select category, count(*), sum(mean[1]), sum(mean[28])"
        " from planning.current_forecasts inner join marts.mart_planned_products"
        " using (product_id, site_id) where first_date = today group by category order by category"
    )
    assert [(row[0], row[1]) for row in found[1:]] == [(row[0], row[1]) for row in by_hand]
    for total, expected in zip(found[1:], by_hand, strict=True):
        assert (total[2][0], total[2][27]) == pytest.approx(expected[2:], abs=1e-3)
    whole = found[0]
    assert whole[0] == ""
    assert whole[1] == sum(row[1] for row in by_hand)
    assert whole[2][0] == pytest.approx(sum(row[2] for row in by_hand), abs=1e-3)
    assert whole[3][0] < whole[2][0] < whole[4][0]


def test_a_day_within_its_forecast_is_told_to_nobody(shop: Shop) -> None:
    usual = shop.level()
    shop.said(shop.demand * 0.9)
    shop.arcade.refresh("full")
    shop.look()
    assert shop.alerts() == []
    assert shop.arcade.rows("select count(*) from planning.anomalies") == [(0,)]
    assert shop.level() == pytest.approx(usual)


def test_a_day_beyond_by_fewer_units_than_the_rule_says_is_told_to_nobody(shop: Shop) -> None:
    shop.said(shop.demand / 10)
    shop.arcade.record(
        "update alerts.rules set at_least_units = 100000 where kind = 'demand_anomaly'"
    )
    shop.arcade.refresh("full")
    shop.look()
    assert shop.alerts() == []
