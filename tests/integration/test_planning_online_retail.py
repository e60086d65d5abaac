"""On a year of real sales the forecast beats the simple ones, and its intervals hold."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from orchestration.planning import accuracy
from orchestration.planning.forecasting import Array, SiteHistory, forecast_site
from tests.conftest import shared_data

FIRST, LAST = date(2010, 12, 1), date(2011, 12, 8)
AHEAD = 28


@pytest.fixture(scope="module")
def units() -> Array:
    """Units by product and day; NaN before a product's first sale and on days without any."""
    lines = (
        pl.read_parquet(shared_data("online_retail.parquet"))
        .filter(
            (pl.col("Quantity") > 0)
            & (pl.col("UnitPrice") > 0)
            & ~pl.col("InvoiceNo").str.starts_with("C")
            & pl.col("StockCode").str.contains(r"^\d{5}")
        )
        .group_by(
            pl.col("StockCode").str.to_uppercase(),
            day=pl.col("InvoiceDate").dt.date(),
        )
        .agg(pl.col("Quantity").sum())
        .filter(pl.col("day") <= LAST)
    )
    codes = {code: row for row, code in enumerate(lines["StockCode"].unique().sort())}
    demand = np.full((len(codes), (LAST - FIRST).days + 1), np.nan)
    for code, day, quantity in lines.iter_rows():
        demand[codes[code], (day - FIRST).days] = quantity
    is_open = ~np.isnan(demand).all(axis=0)
    began = np.cumsum(~np.isnan(demand), axis=1) > 0
    return np.where(began & is_open, np.nan_to_num(demand), np.nan)


def test_a_year_of_real_sales_is_forecast_better_than_by_the_last_week(units: Array) -> None:
    # given all but the last four weeks, of the products that are eight weeks old by then
    old = (~np.isnan(units[:, : -3 * AHEAD])).any(axis=1)
    known, actual = units[old, :-AHEAD], units[old, -AHEAD:]
    history = SiteHistory(FIRST, known, np.ones_like(known), np.zeros(len(known), dtype=np.int64))
    # when
    said = forecast_site(history)
    # then
    week = np.nan_to_num(known[:, -7:])
    naive = np.tile(week, (1, AHEAD // 7))
    average = np.repeat(week.mean(axis=1)[:, None], AHEAD, axis=1)
    ours = accuracy.wape(actual, said.mean)
    assert ours < accuracy.wape(actual, naive)
    assert ours < accuracy.wape(actual, average)
    # and of the totals of what sells, about as many as they say lie within the intervals
    mean = said.mean.sum(axis=1)
    total = np.where(mean >= 10, np.nansum(actual, axis=1), np.nan)
    inner, outer = (
        accuracy.coverage(
            total,
            said.totals.quantile(mean, AHEAD, low),
            said.totals.quantile(mean, AHEAD, 1 - low),
        )
        for low in (0.1, 0.025)
    )
    assert 0.7 <= inner <= 0.9
    assert 0.88 <= outer <= 0.99
