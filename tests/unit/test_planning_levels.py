"""The arithmetic under a forecast: caps, profiles, exposure, seasons, ratios."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.planning.forecasting import (
    QUANTILES,
    Array,
    Forecast,
    SiteHistory,
    apply,
    learn,
)
from orchestration.planning.levels import (
    capped,
    exposure_curve,
    met_share,
    own_profiles,
    smoothed,
)
from orchestration.planning.ratios import measured_ratios
from orchestration.planning.seasons import (
    Frequency,
    annual_profile,
    factors_of,
    least_periods,
    own_seasons,
    places,
)

MONDAY = date(2024, 1, 1)


def drawn(periods: int = 90, series: int = 40, seed: int = 4) -> Array:
    random = np.random.default_rng(seed)
    rates = random.lognormal(0.5, 1.0, series)[:, None]
    return random.negative_binomial(rates, 0.5, (series, periods)).astype(float)


def history(demand: Array, frequency: Frequency = "D") -> SiteHistory:
    return SiteHistory(MONDAY, demand, np.ones_like(demand), np.arange(len(demand)), frequency)


def forecast(demand: Array, horizon: int = 14, frequency: Frequency = "D") -> Forecast:
    known = history(demand, frequency)
    return apply(known, learn(known, horizon=horizon), horizon=horizon)


def test_a_bulk_order_is_cut_to_a_quantile_of_its_product() -> None:
    demand = np.ones((1, 100))
    demand[0, 50] = 500.0
    assert capped(demand, 0.98).max() == 1.0
    assert capped(demand, None).max() == 500.0


def test_a_product_that_sells_twice_a_year_keeps_its_sales() -> None:
    demand = np.zeros((1, 200))
    demand[0, [30, 150]] = 4.0
    assert capped(demand, 0.98).sum() == 8.0


def test_smoothing_a_short_series_does_not_favour_its_first_day() -> None:
    values = np.array([[8.0, 2.0, 2.0]])
    weights = 0.5 * 0.5 ** np.array([2, 1, 0])
    assert smoothed(values, [0.5])[0.5][0] == pytest.approx((values[0] * weights).sum())


def test_a_noisy_week_takes_the_pooled_profile_and_a_clear_one_its_own() -> None:
    weekdays = np.arange(140) % 7
    clear = np.where(weekdays == 0, 20.0, 1.0)
    noisy = np.zeros(140)
    noisy[[0, 77]] = 50.0
    profiles = own_profiles(np.array([clear, noisy]), np.ones((2, 140)), weekdays, np.ones(7))
    assert profiles[0, 0] > 3.0
    assert profiles[1] == pytest.approx(np.ones(7), abs=0.1)
    assert profiles.mean(axis=1) == pytest.approx([1.0, 1.0])


def test_what_an_emptying_shelf_sold_is_learned_from_full_ones() -> None:
    demand, exposure = np.full((30, 60), 10.0), np.ones((30, 60))
    demand[:, ::3], exposure[:, ::3] = 2.0, 0.5
    met = met_share(np.array([1.0, 0.5]), exposure_curve(demand, exposure, np.ones(60)))
    assert met[0] == 1.0
    assert 0.2 <= met[1] <= 0.3


def test_a_day_that_sold_out_counts_as_less_than_whatever_it_sold() -> None:
    demand, exposure = np.full((30, 60), 10.0), np.ones((30, 60))
    demand[:, ::3], exposure[:, ::3] = 15.0, 0.5
    curve = exposure_curve(demand, exposure, np.ones(60))
    assert met_share(np.array([0.5]), curve)[0] == pytest.approx(0.8)


@pytest.mark.parametrize("frequency", ["D", "W", "M"])
def test_a_season_is_told_from_the_trend(frequency: Frequency) -> None:
    periods = 2 * least_periods(frequency)
    place = places(MONDAY, frequency, 0, periods)
    bins = 12 if frequency == "M" else 26
    wave = np.exp(0.4 * np.sin(2 * np.pi * place / bins))
    grown = 100 * wave * np.exp(0.5 * np.arange(periods) / periods)
    factor = factors_of(annual_profile(grown, place, frequency), place, frequency)
    assert np.abs(np.log(factor / wave)).max() < 0.06


def test_a_season_of_ones_own_is_believed_as_far_as_it_stands_out() -> None:
    place = places(MONDAY, "M", 0, 48)
    summer = np.where(np.abs(place - 6.5) < 1.5, 40.0, 10.0)
    dull = np.random.default_rng(2).poisson(0.2, 48).astype(float)
    own = own_seasons(np.array([summer, dull]), np.ones((2, 48)), place, "M")
    assert own[0, 6] / own[0, 0] > 1.5
    assert own[1].max() < 1.5


@pytest.mark.parametrize("frequency", ["W", "M"])
def test_a_season_seen_twice_is_expected_again(frequency: Frequency) -> None:
    year = 52 if frequency == "W" else 12
    wave = np.exp(0.6 * np.sin(2 * np.pi * np.arange(3 * year) / year))
    demand = np.random.default_rng(5).poisson(30 * wave, (60, 3 * year)).astype(float)
    ahead = year // 4
    said = forecast(demand[:, :-ahead], ahead, frequency).mean.mean(axis=0)
    assert said == pytest.approx(30 * wave[-ahead:], rel=0.15)


def test_ratios_are_of_what_happened_to_what_was_said() -> None:
    mean = np.full(4000, 10.0)
    actual = np.random.default_rng(1).poisson(10.0, 4000).astype(float)
    table = measured_ratios([mean], [actual])
    assert table.quantile(np.array([10.0]), 0.9)[0] == pytest.approx(14.0, abs=0.5)


@given(factor=st.sampled_from([0.01, 0.5, 3.0, 1000.0]), seed=st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_demand_in_another_unit_is_the_same_demand(factor: float, seed: int) -> None:
    demand = drawn(seed=seed)
    one, other = forecast(demand), forecast(demand * factor)
    np.testing.assert_allclose(other.mean, one.mean * factor, rtol=1e-6, atol=1e-9 * factor)
    np.testing.assert_allclose(other.totals, one.totals * factor, rtol=1e-5, atol=1e-6 * factor)


@given(periods=st.integers(1, 80), horizon=st.integers(1, 20), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_quantiles_rise_and_a_total_is_no_less_than_a_day(
    periods: int, horizon: int, seed: int
) -> None:
    said = forecast(drawn(periods, 8, seed), horizon)
    assert said.totals.shape == (8, horizon, len(QUANTILES))
    assert np.isfinite(said.totals).all()
    assert (np.diff(said.quantiles, axis=-1) >= 0).all()
    assert (np.diff(said.totals, axis=-1) >= 0).all()
    assert (np.diff(said.totals, axis=1) >= 0).all()
    assert (said.totals >= said.quantiles).all()
    assert (said.totals[:, 0] == said.quantiles[:, 0]).all()


def test_a_series_is_forecast_alike_in_any_company() -> None:
    demand = drawn()
    pooled = learn(history(demand), horizon=14)
    together = apply(history(demand), pooled, horizon=14)
    alone = apply(history(demand[7:9]), pooled, horizon=14)
    assert np.array_equal(alone.mean, together.mean[7:9])
    assert np.array_equal(alone.totals, together.totals[7:9])


def test_what_comes_later_changes_nothing() -> None:
    demand = drawn(120)
    changed = demand.copy()
    changed[:, 90:] = 1e6
    known, other = (history(rows).until(90) for rows in (demand, changed))
    assert np.array_equal(
        apply(known, learn(known, horizon=14), horizon=14).totals,
        apply(other, learn(other, horizon=14), horizon=14).totals,
    )
