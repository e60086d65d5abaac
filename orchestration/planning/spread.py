"""The forecast of a demand file, spread by Fugue over the workers of a cluster.

What is pooled is learned once, where the call is made; each worker then reads its share of the
series from the file, which it must reach under the same path, and applies what was learned. A
series is forecast by itself, so the numbers are those of one process.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from fugue.workflow.api import transform
from triad.collections.schema import Schema

from orchestration.planning.demand_file import read_histories
from orchestration.planning.demand_forecast import FilePlan, columns_of, forecast_table

# The number of a series, by which the parts are put in order again.
_NUMBER = "series"


def spread_file(plan: FilePlan, engine: Any, *, shares: int) -> Iterator[pa.Table]:
    """The forecast of every series, in order of their ids, made by `engine` in `shares` parts.

    engine is whatever Fugue takes: a distributed.Client for Dask, "ray", a Spark session.
    """
    bounds = np.linspace(0, len(plan.source.ids), shares + 1).astype(np.int64)
    parts = pd.DataFrame({"low": bounds[:-1], "high": bounds[1:]})
    schema = columns_of(plan).append(pa.field(_NUMBER, pa.int64()))

    def forecast(part: pd.DataFrame) -> pa.Table:
        tables = [schema.empty_table()]
        for low, high in part.itertuples(index=False):
            for series, history in read_histories(plan.source, only=np.arange(low, high)):
                table = forecast_table(plan, series, history)
                numbers = pa.array(np.repeat(series, plan.horizon), pa.int64())
                tables.append(table.append_column(_NUMBER, numbers))
        return pa.concat_tables(tables)

    said = transform(
        parts,
        forecast,
        schema=Schema(schema),
        partition={"num": shares, "algo": "even"},
        engine=engine,
        as_fugue=True,
    )
    table = said.as_arrow().sort_by([(_NUMBER, "ascending"), ("ds", "ascending")])
    yield table.drop_columns(_NUMBER).cast(columns_of(plan))
