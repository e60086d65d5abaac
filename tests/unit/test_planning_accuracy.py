"""Identities that every measure of accuracy must keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.planning import accuracy

ACTUAL = np.array([[0.0, 2.0, 4.0], [1.0, 1.0, np.nan]])
UNITS = st.lists(st.floats(0.1, 1000), min_size=1, max_size=20)


def test_a_perfect_forecast_errs_by_nothing() -> None:
    said = np.nan_to_num(ACTUAL, nan=99.0)
    assert accuracy.wape(ACTUAL, said) == 0
    assert accuracy.bias(ACTUAL, said) == 0
    assert accuracy.pinball_loss(ACTUAL, said, 0.9) == 0
    assert accuracy.coverage(ACTUAL, said, said) == 1


def test_what_was_not_observed_is_left_out() -> None:
    said = np.array([[0.0, 2.0, 4.0], [1.0, 1.0, 1_000_000.0]])
    assert accuracy.wape(ACTUAL, said) == 0


def test_a_forecast_of_nothing_has_a_wape_of_one_and_a_bias_of_minus_one() -> None:
    nothing = np.zeros_like(ACTUAL)
    assert accuracy.wape(ACTUAL, nothing) == 1
    assert accuracy.bias(ACTUAL, nothing) == -1


def test_measures_of_nothing_asked_for_are_unknown() -> None:
    assert np.isnan(accuracy.wape(np.zeros((1, 3)), np.ones((1, 3))))


@given(UNITS, st.floats(-50, 50))
def test_the_pinball_loss_of_the_median_is_half_the_absolute_error(
    demand: list[float], off: float
) -> None:
    actual = np.array([demand])
    loss = accuracy.pinball_loss(actual, actual + off, 0.5)
    assert loss == pytest.approx(abs(off) / 2, abs=1e-9)


@given(UNITS)
def test_the_pinball_losses_of_p_and_of_its_complement_add_to_the_absolute_error(
    demand: list[float],
) -> None:
    actual = np.array([demand])
    said = np.full_like(actual, 7.0)
    both = accuracy.pinball_loss(actual, said, 0.9) + accuracy.pinball_loss(actual, said, 0.1)
    assert both == pytest.approx(np.abs(actual - said).mean())


def test_the_seasonal_naive_forecast_of_a_repeating_change_has_a_mase_of_one() -> None:
    history = np.arange(28.0)[None, :]  # changes by 7 a week
    actual = np.arange(28.0, 35.0)[None, :]
    assert accuracy.mase(actual, history[:, -7:], history) == pytest.approx(1)


def test_half_of_what_happened_within_the_interval_is_a_coverage_of_a_half() -> None:
    actual = np.array([[1.0, 2.0, 3.0, 4.0]])
    low, high = np.full((1, 4), 2.0), np.full((1, 4), 3.0)
    assert accuracy.coverage(actual, low, high) == 0.5
