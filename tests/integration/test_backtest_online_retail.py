"""On half a year of real sales the policy by simulation costs less than what shops do by hand."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from orchestration.planning.backtest import (
    Window,
    average_times_lead_time,
    measure,
    replay,
    simulated,
)
from orchestration.planning.choosing import DEFAULTS
from orchestration.planning.rolling import History
from tests.conftest import shared_data

FIRST, START, DAYS, WEEK = date(2010, 12, 1), date(2011, 6, 20), 98, 7


@pytest.fixture(scope="module")
def window() -> Window:
    """Every fourth product that sold before the start; stock for two weeks, a weekly order."""
    lines = (
        pl.read_parquet(shared_data("online_retail.parquet"))
        .filter(
            (pl.col("Quantity") > 0)
            & (pl.col("UnitPrice") > 0)
            & ~pl.col("InvoiceNo").str.starts_with("C")
            & pl.col("StockCode").str.contains(r"^\d{5}")
        )
        .group_by(pl.col("StockCode").str.to_uppercase(), day=pl.col("InvoiceDate").dt.date())
        .agg(pl.col("Quantity").sum(), (pl.col("Quantity") * pl.col("UnitPrice")).sum().alias("v"))
    )
    codes = {code: row for row, code in enumerate(lines["StockCode"].unique().sort())}
    days = (START - FIRST).days + DAYS
    demand, value = np.zeros((len(codes), days)), np.zeros((len(codes), days))
    for code, day, quantity, worth in lines.iter_rows():
        if (day - FIRST).days < days:
            demand[codes[code], (day - FIRST).days] = quantity
            value[codes[code], (day - FIRST).days] = worth
    first = (START - FIRST).days
    known = np.flatnonzero(demand[:, :first].sum(axis=1) > 0)[::4]
    demand, price = demand[known], value[known, :first].sum(1) / demand[known, :first].sum(1)
    return Window(
        history=History(
            demand=demand, exposure=np.ones_like(demand), first_day=FIRST, period="day"
        ),
        first=first,
        periods=DAYS,
        lead_time=WEEK,
        review=WEEK,
        holding_cost=price * 0.25 / 365,
        shortage_cost=price * 0.30,
        on_hand=np.ceil(demand[:, first - 56 : first].mean(axis=1) * 2 * WEEK),
        arrivals=np.zeros((len(demand), 0)),
    )


def test_the_simulation_costs_far_less_than_an_average_times_a_lead_time(window: Window) -> None:
    # when
    ours = measure(replay(window, simulated(window, DEFAULTS["day"])), warm_up=3 * WEEK)
    average = measure(replay(window, average_times_lead_time(window)), warm_up=3 * WEEK)
    # then
    assert ours.cost < 0.6 * average.cost
    assert ours.fill_rate > 0.85
