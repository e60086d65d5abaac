"""Expected demand of any number of days is the sum of its daily means."""

import numpy as np
import pytest

from orchestration.planning.expected import expected_demand, expected_totals

WEEKLY = np.tile([1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 0.0], 4)


def test_within_the_horizon_it_is_the_sum_of_the_days() -> None:
    demand = expected_demand(WEEKLY)
    assert [demand(days) for days in (0, 1, 5, 7, 28)] == [0, 1, 6, 10, 40]


def test_beyond_the_horizon_the_last_week_goes_on() -> None:
    assert expected_demand(WEEKLY)(35) == pytest.approx(50)


def test_all_products_at_once_say_the_same_as_each_alone() -> None:
    means = np.stack([WEEKLY, 3 * WEEKLY, np.zeros(28)])
    days = np.array([3, 28, 60])
    alone = [expected_demand(mean)(int(count)) for mean, count in zip(means, days, strict=True)]
    assert expected_totals(means, days) == pytest.approx(alone)
