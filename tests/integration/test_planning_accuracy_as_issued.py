"""What was really forecast, against what then happened; and a plan that waits for better."""

from typing import Any

import dagster as dg
import pytest

from orchestration.settings import settings
from tests.integration.test_planning_refresh import PLAN, Arcade, arcade

__all__ = ["arcade"]

# As if it had been issued on each of the last 40 mornings: what happened, times a factor.
_ISSUED = """
insert into planning.forecasts
select
    facts.product_id, facts.site_id, facts.day::timestamp, 1, facts.day, 'said',
    ahead.mean, ahead.low, ahead.low, ahead.mean, ahead.high, ahead.high
from marts.fct_daily_demand as facts
inner join marts.dim_sites as sites on facts.site_id = sites.site_id
cross join lateral (
    select
        array_agg(coalesce(later.demand, 0) * {factor} order by days.day) as mean,
        array_agg(coalesce(later.demand, 0) * {factor} - 0.5 order by days.day) as low,
        array_agg(coalesce(later.demand, 0) * {factor} + 0.5 order by days.day) as high
    from generate_series(facts.day::timestamp, facts.day + 27, interval '1 day') as days (day)
    left join marts.fct_daily_demand as later
        on
            facts.product_id = later.product_id
            and facts.site_id = later.site_id
            and days.day::date = later.day
) as ahead
where facts.day > sites.last_closed_day - 40
"""
_MEASURED = """
select
    horizon_days, sum(observations), sum(demand), sum(forecast), sum(absolute_error),
    sum(naive_absolute_error), sum(within_80), count(distinct day)
from planning.forecast_accuracy
group by horizon_days
order by horizon_days
"""
_BY_HAND = """
select sum(facts.demand), sum(abs(facts.demand - before.demand)), count(*)
from marts.fct_daily_demand as facts
inner join marts.dim_sites as sites on facts.site_id = sites.site_id
inner join marts.fct_daily_demand as before
    on
        facts.product_id = before.product_id
        and facts.site_id = before.site_id
        and facts.day = before.day + 7
where
    facts.exposure >= 0.95
    and facts.state in ('full', 'censored')
    and facts.day > sites.last_closed_day - 40
"""
CHECK = "no_forecast_is_worse_than_repeating_the_week_before"


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = (each for each in result.get_asset_check_evaluations() if each.check_name == CHECK)
    return found


@pytest.fixture
def planned(arcade: Arcade) -> Arcade:
    """An arcade with a plan, whose forecasts were too new to be judged."""
    first = arcade.refresh("full")
    assert check_of(first).passed
    assert arcade.rows("select count(*) from planning.blocked_sites") == [(0,)]
    return arcade


def test_what_was_issued_is_measured_against_what_then_happened(planned: Arcade) -> None:
    # given forecasts of 40 days that came true to the unit
    planned.record(_ISSUED.format(factor=1))
    # when the night comes
    result = planned.refresh("full")
    # then nothing was missed, at each horizon; and a repeat of the week before missed as much as
    # a join by hand says
    measured = {row[0]: row[1:] for row in planned.rows(_MEASURED)}
    assert set(measured) == {1, 7, 14, 28}
    for observations, demand, forecast, error, _, within, _ in measured.values():
        assert error == pytest.approx(0)
        assert demand == pytest.approx(forecast)
        assert within == observations
    [(demand, naive_error, count)] = planned.rows(_BY_HAND)
    assert measured[1][0] == count
    assert measured[1][1] == pytest.approx(demand)
    assert measured[1][4] == pytest.approx(naive_error)
    # and measuring it again changes nothing
    assert check_of(result).passed
    planned.refresh("full")
    again = {row[0]: row[1:] for row in planned.rows(_MEASURED)}
    for horizon, row in measured.items():
        assert [float(value) for value in again[horizon]] == pytest.approx(list(map(float, row)))


def test_a_plan_waits_while_its_forecast_is_worse_than_a_repeat(
    planned: Arcade, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given forecasts that said five times of what happened, and a stock that needs new lines
    planned.record(_ISSUED.format(factor=5))
    plan = planned.rows(PLAN)
    planned.record("delete from planning.suggestions where quantity % 2 = 0")
    # when the night comes
    before = planned.rows(PLAN)
    result = planned.refresh("full")
    # then the plan is left as it is, and says why
    found = check_of(result)
    assert not found.passed
    [(reason,)] = planned.rows("select reason from planning.blocked_sites")
    waiting: Any = found.metadata["plans_that_wait"].value
    assert list(waiting.values()) == [reason]
    assert planned.rows(PLAN) == before
    assert len(before) < len(plan)
    # when somebody decides otherwise
    monkeypatch.setenv("PARSTOCK_FORECAST_BLOCKS_PLAN", "false")
    settings.cache_clear()
    planned.refresh("full")
    # then it goes on
    assert planned.rows("select count(*) from planning.blocked_sites") == [(0,)]
    assert len(planned.rows(PLAN)) >= len(plan)


def test_forecasts_as_issued_are_never_changed_and_end_only_when_they_are_old(
    planned: Arcade,
) -> None:
    def refused(statement: str) -> str:
        with pytest.raises(Exception, match=r"denied|stay") as found:
            planned.rows(statement)
        return str(found.value)

    refused("update planning.forecasts set model = 'x'")
    refused("delete from planning.forecasts")
    refused("select planning.forget_forecasts(current_date - 10)")
    # given one of last year, and one of last year that nothing newer has replaced
    issued: list[tuple[Any, ...]] = planned.rows("select count(*) from planning.forecasts")
    planned.record(
        "insert into planning.forecasts"
        " select product_id, site_id + shift, issued_at - interval '1 year', refresh_id,"
        " first_date - 365, model, mean, q0025, q0100, q0500, q0900, q0975"
        " from planning.forecasts, (values (0), (1000)) as moved (shift)"
    )
    planned.refresh("full")
    [(count, oldest)] = planned.rows(
        "select count(*), min(site_id) filter (where first_date < current_date - 200)"
        " from planning.forecasts"
    )
    assert oldest is not None
    assert oldest > 1000
    assert count == 3 * issued[0][0]
