"""What a forecast must get right, on demand whose law is known."""

from datetime import date

import numpy as np
import pytest

from orchestration.planning.forecasting import (
    QUANTILES,
    Array,
    SiteHistory,
    forecast_site,
    pooled_rates,
)
from orchestration.planning.levels import weekday_profile

MONDAY = date(2025, 1, 6)


def history(demand: Array, exposure: Array | None = None) -> SiteHistory:
    full = np.ones_like(demand) if exposure is None else exposure
    return SiteHistory(MONDAY, demand, full, np.zeros(len(demand), dtype=np.int64))


def poisson(rates: list[float], days: int, seed: int = 1) -> Array:
    drawn = np.random.default_rng(seed).poisson(np.array(rates)[:, None], (len(rates), days))
    return drawn.astype(float)


def test_a_steady_demand_is_forecast_at_its_rate() -> None:
    said = forecast_site(history(np.full((3, 120), 4.0)))
    assert said.mean == pytest.approx(np.full((3, 28), 4.0))


def test_a_stockout_never_lowers_the_forecast_by_being_present() -> None:
    demand = poisson([5.0] * 40, 200)
    stocked = forecast_site(history(demand)).mean.mean()
    exposure = np.ones_like(demand)
    demand[:, -30:], exposure[:, -30:] = 0.0, 0.0
    assert forecast_site(history(demand, exposure)).mean.mean() == pytest.approx(stocked, rel=0.1)


def test_half_a_day_on_the_shelf_counts_for_half_a_day() -> None:
    demand = np.full((20, 120), 4.0)
    exposure = np.ones_like(demand)
    demand[:, 1::2], exposure[:, 1::2] = 2.0, 0.5
    assert forecast_site(history(demand, exposure)).mean.mean() == pytest.approx(4.0, rel=0.01)


def test_days_that_are_not_known_say_nothing() -> None:
    demand = np.full((5, 120), 3.0)
    demand[:, 40:60] = np.nan
    assert forecast_site(history(demand)).mean == pytest.approx(np.full((5, 28), 3.0))


def test_a_weekday_on_which_the_site_is_closed_is_forecast_as_closed() -> None:
    demand = np.full((5, 140), 3.0)
    demand[:, 6::7] = np.nan  # Sundays
    said = forecast_site(history(demand))
    assert said.mean[:, 6::7] == pytest.approx(0.0)
    assert said.mean[:, 0] == pytest.approx(3.0)


def test_the_weekday_profile_has_mean_one() -> None:
    weekdays = np.arange(70) % 7
    demand = np.tile(np.where(weekdays >= 5, 6.0, 2.0), (4, 1))
    profile = weekday_profile(demand, np.ones_like(demand), weekdays)
    assert profile.mean() == pytest.approx(1)
    assert profile[6] / profile[0] == pytest.approx(3)


def test_a_new_product_leans_on_its_category() -> None:
    demand = np.full((10, 100), 8.0)
    demand[9, :98] = np.nan
    demand[9, 98:] = 0.0
    said = forecast_site(history(demand))
    assert 2.0 < said.mean[9].mean() < 8.0
    assert said.model[9].endswith("with_category")


def test_a_product_with_no_day_of_its_own_is_given_the_rate_of_its_category() -> None:
    demand = np.full((10, 100), 8.0)
    demand[9] = np.nan
    assert forecast_site(history(demand)).mean[9] == pytest.approx(np.full(28, 8.0))


def test_quantiles_do_not_cross() -> None:
    said = forecast_site(history(poisson([0.1, 1.0, 10.0] * 20, 200)))
    assert (np.diff(said.quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("probability", QUANTILES)
def test_a_measured_quantile_of_a_total_covers_what_it_says(probability: float) -> None:
    rates = [0.5, 2.0, 8.0] * 60
    demand = poisson(rates, 240)
    said = forecast_site(history(demand[:, :212]))
    total = said.totals.quantile(said.mean.sum(axis=1), 28, probability)
    below = (demand[:, 212:].sum(axis=1) <= total).mean()
    assert below == pytest.approx(probability, abs=0.09)


def test_a_total_grows_with_its_days_and_its_probability() -> None:
    said = forecast_site(history(poisson([3.0] * 60, 200)))
    mean = np.array([30.0])
    by_probability = [said.totals.quantile(mean, 10, p)[0] for p in (0.5, 0.9, 0.99)]
    by_days = [said.totals.quantile(np.array([3.0 * n]), n, 0.9)[0] for n in (5, 6, 7, 30, 60)]
    assert by_probability == sorted(by_probability)
    assert by_days == sorted(by_days)


def test_the_same_history_gives_the_same_forecast() -> None:
    demand = poisson([1.0, 4.0], 150)
    one, other = forecast_site(history(demand)), forecast_site(history(demand))
    assert np.array_equal(one.mean, other.mean)
    assert np.array_equal(one.quantiles, other.quantiles)


def test_a_short_history_still_has_an_interval() -> None:
    said = forecast_site(history(poisson([2.0, 2.0], 2)))
    assert said.accuracy.origins == 0
    assert (said.quantiles[..., 4] > said.mean).all()


def test_accuracy_stands_beside_simple_methods_and_coverage_is_measured() -> None:
    said = forecast_site(history(poisson([2.0, 5.0] * 40, 250))).accuracy
    assert set(said.wape) == {"ours", "seasonal_naive", "average_7_days"}
    assert said.wape["ours"] < said.wape["seasonal_naive"]
    assert 0.65 <= said.coverage_80 <= 0.95
    assert said.coverage_95 >= said.coverage_80


def test_a_history_without_a_closed_day_is_refused() -> None:
    with pytest.raises(ValueError, match="no closed day"):
        forecast_site(history(np.full((2, 30), np.nan)))


def test_a_pooled_rate_is_demand_over_exposure() -> None:
    demand, exposure = np.full((2, 200), 2.0), np.full((2, 200), 0.5)
    rates = pooled_rates(demand, exposure, np.zeros(2, dtype=np.int64))
    assert rates == pytest.approx([4.0, 4.0])
