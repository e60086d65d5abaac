"""The facts of a site become columns that keep their weekdays."""

from datetime import date

import numpy as np
import pytest

from orchestration.defs.forecast.history import (
    calendar_columns,
    history_of,
    with_predecessors,
)
from orchestration.planning.forecasting import forecast_site

SATURDAY = 9131  # 2025-01-04, in days from 2000-01-01


def test_days_without_a_gap_are_columns_side_by_side() -> None:
    assert calendar_columns([10, 11, 12]).tolist() == [0, 1, 2]


def test_a_site_that_slept_for_years_wakes_on_the_same_weekday_within_a_week() -> None:
    slept_from, woke_at = 100, 100 + 7 * 700 + 3
    columns = calendar_columns([slept_from, woke_at, woke_at + 1]).tolist()
    assert columns == [0, 3, 4]
    assert columns[1] % 7 == (woke_at - slept_from) % 7


def test_a_gap_of_whole_weeks_is_one_week() -> None:
    assert calendar_columns([0, 21]).tolist() == [0, 7]


def facts(rows: list[tuple[int, int, float, float]]) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    kinds = [("product_id", "i4"), ("day_number", "i4"), ("demand", "f8"), ("exposure", "f8")]
    return np.array(rows, dtype=kinds)


def test_each_fact_stands_at_its_product_and_day() -> None:
    # given facts of two planned products, out of order, and of one that is not planned
    rows = facts([(9, 101, 2.0, 0.5), (4, 100, 1.0, 1.0), (7, 100, 8.0, 1.0)])
    # when
    history = history_of(rows, days=[100, 101], categories={9: "toys", 4: "games"})
    # then
    assert np.nan_to_num(history.demand, nan=-1).tolist() == [[-1, 2], [1, -1]]
    assert history.exposure.tolist() == [[1, 0.5], [1, 1]]
    assert history.category.tolist() == [1, 0]
    assert history.next_day == date(2000, 4, 12)


def test_a_site_that_is_closed_on_sundays_still_has_its_intervals_measured() -> None:
    # given half a year of a site whose facts say closed, exposure 0, each Sunday
    chance = np.random.default_rng(1)
    days = list(range(SATURDAY, SATURDAY + 182))
    rows = [
        (product, day, np.nan, 0.0)
        if (day - SATURDAY) % 7 == 1
        else (product, day, float(chance.poisson(2)), 1.0)
        for product in range(40)
        for day in days
    ]
    # when
    history = history_of(facts(rows), days=days, categories=dict.fromkeys(range(40), "toys"))
    said = forecast_site(history)
    # then
    assert 0.6 <= said.accuracy.coverage_80 <= 0.95
    assert said.mean[:, 1::7] == pytest.approx(0)


def test_a_successor_inherits_what_came_before_its_first_day_and_nothing_after() -> None:
    # given 4, followed by 9 from day 102 on, followed by 7 from day 104 on
    rows = facts(
        [
            (4, 100, 5.0, 1.0),
            (4, 101, np.nan, 0.0),
            (4, 102, 3.0, 1.0),
            (9, 101, 1.0, 0.5),
            (9, 103, 8.0, 1.0),
            (7, 104, 2.0, 1.0),
        ]
    )
    # when
    found = with_predecessors(rows, [(4, 9, 102), (9, 7, 104)])
    # then each has its own days and those of the one before it, a day of both added up
    told = {(int(row["product_id"]), int(row["day_number"])): float(row["demand"]) for row in found}
    assert told[9, 100] == 5
    assert told[9, 101] == 1
    assert (9, 102) not in told
    assert [told[7, day] for day in (100, 101, 103, 104)] == [5, 1, 8, 2]
    # and the predecessor keeps what is its own
    assert told[4, 100] == 5
    assert told[4, 102] == 3
    assert len(found) == len(told)
