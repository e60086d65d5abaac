"""Lead times as they were taken, from dates as people wrote them."""

import csv
import gzip
from datetime import date

import numpy as np
import pytest

from orchestration.planning.lead_times import (
    lead_time_distribution,
    read_days,
    read_deliveries,
)
from tests.conftest import shared_data


def test_a_few_deliveries_do_not_outweigh_what_the_supplier_states() -> None:
    assert lead_time_distribution([9, 30, 4, 7], stated_days=5).tolist() == [5]
    assert lead_time_distribution([], stated_days=0).tolist() == [0]


def test_deliveries_are_the_distribution_once_there_are_enough() -> None:
    days = lead_time_distribution([9, 30, 4, 7, 7], stated_days=5)
    assert days.tolist() == [4, 7, 7, 9, 30]
    assert np.quantile(days, 0.5) == 7


@pytest.mark.parametrize(("taken", "stated"), [([3, -1, 2, 4, 5], 5), ([], -1)])
def test_no_lead_time_is_below_zero(taken: list[int], stated: int) -> None:
    with pytest.raises(ValueError, match="0 days or more"):
        lead_time_distribution(taken, stated_days=stated)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2-Jun-06", date(2006, 6, 2)),
        ("2 June 2006", date(2006, 6, 2)),
        ("1-Jan-71", date(1971, 1, 1)),
        ("2006-06-02", date(2006, 6, 2)),
        ("2006-06-02T10:30:00Z", date(2006, 6, 2)),
        ("30-Feb-06", None),
        ("Date Not Captured", None),
        ("N/A - From RDC", None),
        ("", None),
    ],
)
def test_a_day_is_read_in_the_forms_that_people_use(text: str, wanted: date | None) -> None:
    assert read_days([text]) == [wanted]


def test_the_column_tells_whether_the_day_or_the_month_comes_first() -> None:
    assert read_days(["3/4/2012", "13/4/2012"]) == [date(2012, 4, 3), date(2012, 4, 13)]
    assert read_days(["3/4/2012", "3/14/12"]) == [date(2012, 3, 4), date(2012, 3, 14)]
    assert read_days(["3/4/2012"]) == [None]
    assert read_days(["13/4/2012", "4/13/2012"]) == [None, None]


def test_each_line_has_one_outcome() -> None:
    history = read_deliveries(
        [
            ("acme", "2026-01-05", "2026-01-12"),
            ("acme", "2026-01-05", "2026-01-05"),
            ("acme", "soon", "2026-01-12"),
            ("acme", "2026-01-05", "not yet"),
            ("acme", "2026-01-05", "2026-01-04"),
            ("acme", "2020-01-05", "2026-01-05"),
        ]
    )
    assert history.taken_days == {"acme": [7, 0]}
    assert dict(history.outcomes) == {
        "used": 2,
        "no_order_date": 1,
        "no_delivery_date": 1,
        "before_the_order": 1,
        "too_long": 1,
    }
    assert (history.shortest_days, history.longest_days) == (-1, 2192)


def test_a_real_history_is_read_with_exact_counts() -> None:
    path = shared_data("scms_delivery_history.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        history = read_deliveries(
            (row["vendor"], row["po sent to vendor date"], row["delivered to client date"])
            for row in csv.DictReader(file)
        )
    assert sum(history.outcomes.values()) == 10_324
    assert history.lines_with_both_dates == 4_592
    assert (history.shortest_days, history.longest_days) == (-292, 616)
    assert history.outcomes["no_order_date"] == 10_324 - 4_592
    taken = [days for supplier in history.taken_days.values() for days in supplier]
    assert len(taken) == history.outcomes["used"] == 4_587
    assert history.outcomes["before_the_order"] == 5
