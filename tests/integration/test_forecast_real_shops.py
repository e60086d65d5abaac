"""On two real shops the forecast keeps its bars with room to spare, at the second origin.

`make bench-planning` measures all three origins against the bars themselves.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestration.planning.demand_file import inspect
from orchestration.planning.demand_forecast import forecast_file, plan_file
from tests.conftest import shared_data


@pytest.fixture(scope="module")
def score() -> Any:
    spec = importlib.util.spec_from_file_location("score", shared_data("score.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(score: Any, task: str, horizon: int, folder: Path) -> dict[str, float]:
    """What the script makes of our forecast of one task."""
    given = next(found for found in score.forecast_tasks() if found[0] == task)
    _, train, actual, weights, in_stock, hours = given
    table = score.long(train, "y").dropna()
    if hours is not None:
        stocked = score.long(1 - hours / 16, "in_stock")
        table = table.merge(stocked, on=["unique_id", "ds"])
    demand = folder / "demand.parquet"
    table.to_parquet(demand, index=False)
    plan = plan_file(inspect(demand, "D"), horizon=horizon)
    said = pa.concat_tables(forecast_file(plan)).to_pandas()
    said["ds"] = said["ds"].astype("datetime64[ns]")
    figures: dict[str, float] = score.score_forecast(train, actual, weights, in_stock, said)
    return figures


def test_a_gift_shop_is_forecast_four_weeks_ahead(score: Any, tmp_path: Path) -> None:
    figures = scored(score, "online_retail_2", 28, tmp_path)
    assert figures["WR"] < 0.84
    assert figures["pinball"] < 0.54
    assert 0.75 <= figures["coverage_80"] <= 0.90
    assert 0.92 <= figures["coverage_95"] <= 0.99


def test_fresh_food_that_sells_out_is_forecast_a_week_ahead(score: Any, tmp_path: Path) -> None:
    figures = scored(score, "freshretail_2", 7, tmp_path)
    assert figures["WR"] < 0.78
    assert figures["in_stock_WAPE"] < 0.325
    assert abs(figures["in_stock_bias"]) < 0.07
