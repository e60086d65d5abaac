"""A site's last weeks, replayed: which days count, and what belongs to which currency."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from orchestration.planning.own_past import Bought, Outcome, replay_site, span_of
from orchestration.planning.rolling import History

_BOUGHT = Bought(
    lead_time_days=[3, 10, 3, 10],
    review_period_days=7,
    service_level=np.array([0.9, 0.95, 0.98, 0.95]),
    unit_cost=np.array([100.0, 700.0, np.nan, 50.0]),
    currency=["EUR", "USD", "", "EUR"],
)


def history(days: int = 150) -> History:
    chance = np.random.default_rng(11)
    demand = chance.poisson(np.array([[2.0], [6.0], [1.0], [4.0]]), size=(4, days)).astype(float)
    return History(
        demand=demand, exposure=np.ones_like(demand), first_day=date(2026, 1, 5), period="day"
    )


def outcomes(bought: Bought, known: History, *, weeks: int = 6) -> dict[tuple[str, str], Outcome]:
    span = span_of(known.periods, bought, weeks=weeks)
    assert span is not None
    found = replay_site(
        known,
        bought,
        np.array([20.0, 60.0, 10.0, 40.0]),
        span,
        holding_share_a_year=0.25,
        shortage_share=0.3,
    )
    return {(each.currency, each.policy): each for each in found}


def test_a_short_past_is_replayed_over_fewer_weeks_and_a_shorter_one_not_at_all() -> None:
    # 17 days pass before anything counts, and 14 are learned from
    full = span_of(200, _BOUGHT, weeks=12)
    assert full is not None
    assert (full.first, full.warm_up_days, full.days) == (200 - 84 - 17, 17, 84 + 17)
    short = span_of(17 + 14 + 20, _BOUGHT, weeks=12)
    assert short is not None
    assert (short.weeks, short.first) == (2, 20)
    assert span_of(17 + 14 + 13, _BOUGHT, weeks=12) is None


def test_each_currency_has_its_own_products_and_none_is_counted_in_units() -> None:
    known = history()
    found = outcomes(_BOUGHT, known)
    demand = known.demand[:, -42:].sum(axis=1)
    asked = {"EUR": demand[0] + demand[3], "USD": demand[1], "": demand[2]}
    for (currency, _), each in found.items():
        assert each.demand == pytest.approx(asked[currency])
        charged = each.lost if currency == "" else each.measures.cost
        assert each.by_week.sum() == pytest.approx(charged)
        assert len(each.by_week) == 6
    assert found["EUR", "simulation"].products == 2


def test_capital_is_the_average_stock_at_the_products_own_cost() -> None:
    found = outcomes(_BOUGHT, history())
    held = found["USD", "fixed_min_max"].measures
    assert held.average_stock > 0
    assert held.capital == pytest.approx(700 * held.average_stock)


def test_a_higher_service_level_holds_more_of_that_product_alone() -> None:
    known = history()
    low = outcomes(_BOUGHT, known)
    higher = replace(_BOUGHT, service_level=np.array([0.9, 0.999, 0.98, 0.95]))
    high = outcomes(higher, known)
    stock = ("USD", "service_level")
    assert high[stock].measures.average_stock > low[stock].measures.average_stock
    others = ("EUR", "service_level")
    assert high[others].measures.average_stock == low[others].measures.average_stock
