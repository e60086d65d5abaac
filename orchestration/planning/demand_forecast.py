"""A forecast of every series of a demand file, as a table, some thousand series at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.planning.demand_file import DemandFile, read_histories, sample
from orchestration.planning.forecasting import QUANTILES, Pooled, SiteHistory, apply, learn

# What is pooled is learned from so many series, fewer of them where each is long; more cost time
# and change little.
_LEARNED_SERIES = 4000
_LEARNED_VALUES = 1_400_000


@dataclass(frozen=True)
class FilePlan:
    """A demand file and what its series share: enough to forecast any part of it alike."""

    source: DemandFile
    pooled: Pooled
    horizon: int


def plan_file(source: DemandFile, *, horizon: int) -> FilePlan:
    """Learn what the series share, from a sample by a hash of their ids."""
    most = min(_LEARNED_SERIES, max(_LEARNED_VALUES // source.periods, 1))
    chosen = sample(source, most)
    ((_, history),) = read_histories(source, size=_LEARNED_SERIES, only=chosen)
    return FilePlan(source, learn(history, horizon=horizon), horizon)


def forecast_file(plan: FilePlan) -> Iterator[pa.Table]:
    """The forecast of every series, in order of their ids, as tables of some thousand series."""
    for series, history in read_histories(plan.source):
        yield forecast_table(plan, series, history)


def columns_of(plan: FilePlan) -> pa.Schema:
    """The columns of a forecast, with their types."""
    names = ["mean", *(f"q{p:g}" for p in QUANTILES), *(f"total_q{p:g}" for p in QUANTILES)]
    return pa.schema(
        [("unique_id", plan.source.id_type), ("ds", pa.date32())]
        + [(name, pa.float64()) for name in names]
    )


def forecast_table(plan: FilePlan, series: NDArray[np.int64], history: SiteHistory) -> pa.Table:
    """One row a series and coming period: unique_id, ds, mean, quantiles, quantiles of totals."""
    said = apply(history, plan.pooled, horizon=plan.horizon)
    source = plan.source
    coming = source.calendar.dates(source.periods + np.arange(plan.horizon))
    ids = pa.array(np.repeat(source.ids[series].to_numpy(), plan.horizon), pa.string())
    values = [
        ids.cast(source.id_type),
        pa.array(np.tile(coming, len(series)), pa.date32()),
        said.mean.ravel(),
        *(said.quantiles[..., at].ravel() for at in range(len(QUANTILES))),
        *(said.totals[..., at].ravel() for at in range(len(QUANTILES))),
    ]
    return pa.table(values, schema=columns_of(plan))
