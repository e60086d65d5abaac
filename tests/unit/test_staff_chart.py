"""The fan of a forecast as SVG points."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.purchasing.schemas import ForecastDay
from api.staff.chart import fans, scale


def forecast(site: str, *, days: int = 28, mean: float = 4.0) -> list[ForecastDay]:
    return [
        ForecastDay(
            sku="BEAR",
            site=site,
            date=date(2026, 11, 21) + timedelta(days=ordinal),
            mean=mean,
            q0025=0,
            q0100=mean / 2,
            q0500=mean,
            q0900=mean * 2,
            q0975=mean * 3,
            model="ses",
            issued_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        for ordinal in range(days)
    ]


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


def test_each_site_has_a_fan_of_its_own() -> None:
    assert [fan.site for fan in fans(forecast("a") + forecast("b"))] == ["a", "b"]


def test_without_a_forecast_there_is_no_fan() -> None:
    assert fans([]) == []


@given(mean=st.floats(0, 1e7), days=st.integers(1, 60))
def test_every_point_lies_within_the_picture(mean: float, days: int) -> None:
    (fan,) = fans(forecast("a", days=days, mean=mean))
    drawn = points(fan.wide) + points(fan.near) + points(fan.middle)
    assert all(fan.left <= x <= fan.width and 0 <= y <= fan.height for x, y in drawn)
    assert len(points(fan.middle)) == days
    assert len(points(fan.wide)) == 2 * days


def test_the_wide_band_holds_the_near_one() -> None:
    (fan,) = fans(forecast("a"))
    wide, near = points(fan.wide), points(fan.near)
    assert min(y for _, y in wide) < min(y for _, y in near)
    assert max(y for _, y in wide) > max(y for _, y in near)


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(0, (0.5, 1)), (1, (0.5, 1)), (7, (2, 8)), (40, (10, 40)), (1300, (500, 1500))],
)
def test_the_scale_goes_in_steps_that_people_read(
    highest: float, expected: tuple[float, float]
) -> None:
    assert scale(highest) == pytest.approx(expected)
