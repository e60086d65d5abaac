"""When a plan should not rest on a forecast, judged by what was really forecast."""

from dataclasses import replace
from math import isnan

import pytest

from orchestration.planning.issued import IssuedAccuracy, why_the_plan_waits

FAIR = IssuedAccuracy(
    days=28,
    observations=560,
    demand=1000,
    forecast=1100,
    absolute_error=400,
    squared_error=700,
    naive_absolute_error=500,
    naive_squared_error=1200,
    average_absolute_error=420,
    average_squared_error=720,
    pinball_loss=280,
    within_80=448,
    within_95=532,
)
WORSE = replace(FAIR, absolute_error=600, squared_error=1300)


def test_sums_become_the_measures_that_bear_their_names() -> None:
    assert (FAIR.wape, FAIR.naive_wape, FAIR.average_wape) == (0.4, 0.5, 0.42)
    assert FAIR.bias == pytest.approx(0.1)
    assert (FAIR.coverage_80, FAIR.coverage_95) == (0.8, 0.95)
    assert FAIR.mean_pinball_loss == 0.5
    assert FAIR.rmse == pytest.approx(1.118034)
    assert isnan(replace(FAIR, demand=0).wape)


def test_a_forecast_that_errs_more_than_a_repeat_holds_up_the_plan_in_words() -> None:
    said = why_the_plan_waits(WORSE, site="Riverside")
    assert said is not None
    assert "Riverside" in said
    assert "60%" in said
    assert "50%" in said


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(FAIR, id="it errs less"),
        pytest.param(replace(WORSE, squared_error=1100), id="by absolute error alone"),
        pytest.param(replace(WORSE, absolute_error=450), id="by squared error alone"),
        pytest.param(replace(WORSE, days=13), id="a new shop"),
        pytest.param(replace(WORSE, observations=99), id="hardly any products"),
        pytest.param(replace(WORSE, demand=0), id="nothing was asked for"),
    ],
)
def test_a_plan_does_not_wait_when(measured: IssuedAccuracy) -> None:
    assert why_the_plan_waits(measured, site="Riverside") is None
