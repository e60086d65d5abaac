"""A forecast that two worker processes made is the forecast that one process makes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from cli.forecast import command
from orchestration.planning.demand_file import inspect
from orchestration.planning.demand_forecast import forecast_file, plan_file


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as running:
        yield running


def test_two_workers_say_what_one_process_says(cluster: LocalCluster, tmp_path: Path) -> None:
    # given
    random, days = np.random.default_rng(6), pd.date_range("2025-03-03", periods=100)
    demand, out = tmp_path / "demand.parquet", tmp_path / "said.parquet"
    pd.concat(
        pd.DataFrame({"unique_id": n, "ds": days, "y": random.poisson(n % 9, 100), "in_stock": 1.0})
        for n in range(90)
    ).to_parquet(demand, index=False)
    # when
    result = CliRunner().invoke(
        command,
        [
            *("--demand", str(demand), "--horizon", "7", "--frequency", "D"),
            *("--dask", cluster.scheduler_address, "--out", str(out)),
        ],
    )
    # then
    assert result.exit_code == 0, result.output
    alone = pa.concat_tables(forecast_file(plan_file(inspect(demand, "D"), horizon=7)))
    assert pd.read_parquet(out).equals(alone.to_pandas())
