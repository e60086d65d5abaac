"""Totals are sums of their products, with quantiles measured on totals."""

from datetime import date

import numpy as np
import pytest

from orchestration.planning.forecasting import SiteHistory
from orchestration.planning.rollup import rolled_up, total_forecasts


def shop(products: int, days: int = 200) -> SiteHistory:
    chance = np.random.default_rng(3)
    demand = chance.poisson(3, size=(products, days)).astype(float)
    return SiteHistory(
        date(2026, 1, 5), demand, np.ones_like(demand), np.arange(products, dtype=np.int64) % 2
    )


def test_the_whole_comes_first_and_each_total_is_the_sum_of_its_products() -> None:
    history = shop(4)
    history.demand[:, 5] = np.nan
    history.demand[0, 6] = np.nan
    names, rolled = rolled_up(history, ["toys", "games", "toys", "games"])
    assert names == ["", "games", "toys"]
    assert np.isnan(rolled.demand[:, 5]).all()
    assert rolled.demand[0, 6] == np.nansum(history.demand[:, 6])
    assert rolled.demand[0, 7] == rolled.demand[1, 7] + rolled.demand[2, 7]
    assert rolled.demand[2, 7] == history.demand[0, 7] + history.demand[2, 7]


def test_the_interval_of_a_total_is_narrower_than_the_sum_of_intervals() -> None:
    # given forty products that sell independently of each other
    history = shop(40)
    names, rolled = rolled_up(history, ["toys"] * 40)
    # when the whole is forecast as the sum of their means
    said = total_forecasts(rolled, names, np.full((2, 28), 40 * 3.0))
    # then its 80 % interval is about that of a Poisson total, and far from forty times one's
    low, high = said.quantiles[0, 0, 1], said.quantiles[0, 0, 3]
    assert said.mean[0, 0] == 120
    assert low < 120 < high
    assert high - low == pytest.approx(2 * 1.2816 * np.sqrt(120), rel=0.4)
    assert (np.diff(said.quantiles, axis=-1) >= 0).all()


def test_a_day_on_which_nothing_is_expected_has_nothing_at_any_quantile() -> None:
    names, rolled = rolled_up(shop(10), ["toys"] * 10)
    mean = np.full((2, 28), 30.0)
    mean[:, 4] = 0
    assert (total_forecasts(rolled, names, mean).quantiles[:, 4] == 0).all()


def test_a_total_without_a_history_is_refused() -> None:
    names, rolled = rolled_up(shop(4), ["toys"] * 4)
    with pytest.raises(ValueError, match="one history"):
        total_forecasts(rolled, names, np.ones((3, 28)))
