"""Demand out of a CSV or Parquet file: rows of (unique_id, ds, y, in_stock) as series x periods.

The file is read in batches and each value put where it belongs, so that memory holds the periods
of the series and never the rows.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.planning.calendar import PERIOD_NAMES, Calendar, Frequency, calendar_of
from orchestration.planning.demand_rows import DemandError, Rows, read_rows
from orchestration.planning.forecasting import SiteHistory

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
Missing = Literal["auto", "zero", "unknown"]

# A file that lists hardly any period without a sale, and misses many, lists only sales.
_FEW_ZEROS = 0.001
_MANY_MISSING = 0.05
_BLOCK_BYTES = 2_000_000_000
_NEVER = np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class DemandFile:
    """What a first reading found: the series in order of their ids, the periods, what is missing.

    begins is the column of each series' first known demand. negative counts the rows below 0,
    which are read as 0: a shop that books returns as sales below zero had no demand that day.
    """

    path: Path
    calendar: Calendar
    ids: "pd.Index[Any]"
    id_type: pa.DataType
    periods: int
    begins: Numbers
    open_periods: NDArray[np.bool_]
    rows: int
    known: int
    negative: int
    has_exposure: bool
    missing_is_zero: bool


def inspect(path: Path, frequency: Frequency, *, missing: Missing = "auto") -> DemandFile:
    """Read the file once: which series, which periods, and whether a missing period is a zero.

    Raises DemandError for what cannot be read, with the column and the row.
    """
    starts: list[pd.Series[Any]] = []
    dates: list[NDArray[np.datetime64]] = []
    rows = known = zeros = negative = 0
    has_exposure = False
    id_type: pa.DataType = pa.string()
    for batch in read_rows(path):
        told = ~np.isnan(batch.demand)
        rows, known = rows + len(batch.days), known + int(told.sum())
        zeros += int((batch.demand == 0).sum())
        negative += int((batch.demand < 0).sum())
        has_exposure = has_exposure or batch.in_stock is not None
        id_type = batch.id_type
        dates.append(np.unique(batch.days))
        first = np.full(len(batch.names), _NEVER)
        np.minimum.at(first, batch.series[told], batch.days[told])
        starts.append(pd.Series(first.astype("datetime64[s]"), index=batch.names))
    if not rows:
        raise DemandError(f"{path.name} holds no rows.")
    start = pd.concat(starts).groupby(level=0, sort=True).min()
    days = np.unique(np.concatenate(dates))
    calendar = calendar_of(days, frequency)
    columns = calendar.columns(days)
    if (columns < 0).any():
        _refuse_day(path, calendar, days[columns < 0][0])
    begin_days = start.to_numpy().astype("datetime64[D]")
    periods = int(columns.max()) + 1
    begins = np.full(len(start), periods, dtype=np.int64)
    sold = begin_days < _NEVER
    begins[sold] = calendar.columns(begin_days[sold])
    open_periods = np.zeros(periods, dtype=np.bool_)
    open_periods[columns] = True
    if known == 0:
        raise DemandError(f"{path.name}: no row has a value in the column y.")
    return DemandFile(
        path=path,
        calendar=calendar,
        ids=start.index,
        id_type=id_type,
        periods=periods,
        begins=begins,
        open_periods=open_periods,
        rows=rows,
        known=known,
        negative=negative,
        has_exposure=has_exposure,
        missing_is_zero=missing == "zero"
        or (missing == "auto" and _lists_only_sales(begins, open_periods, known, zeros)),
    )


def _lists_only_sales(
    begins: Numbers, open_periods: NDArray[np.bool_], known: int, zeros: int
) -> bool:
    """Whether a period without a row is one without a sale, and not one that is unknown."""
    remaining = np.concatenate([open_periods[::-1].cumsum()[::-1], [0]])
    possible = int(remaining[begins].sum())
    return zeros <= _FEW_ZEROS * known and known < (1 - _MANY_MISSING) * possible


def read_histories(
    source: DemandFile, *, size: int = 2000, only: Numbers | None = None
) -> Iterator[tuple[Numbers, SiteHistory]]:
    """The series as arrays, `size` at a time, in order of their ids: (numbers of series, history).

    `only` reads no more than those series. Every history has the same periods, whatever its
    series, so that each is forecast alike in any company.
    """
    wanted = np.arange(len(source.ids)) if only is None else np.sort(only)
    bytes_a_series = source.periods * 8 * (2 if source.has_exposure else 1)
    at_once = max(_BLOCK_BYTES // bytes_a_series // size, 1) * size
    for low in range(0, len(wanted), at_once):
        block = wanted[low : low + at_once]
        demand, exposure = _read_block(source, block)
        for first in range(0, len(block), size):
            rows = slice(first, first + size)
            asked = np.maximum(demand[rows], 0.0)
            stocked = np.ones_like(asked) if exposure is None else exposure[rows]
            yield (
                block[rows],
                SiteHistory(
                    first_day=source.calendar.first,
                    demand=_filled(asked, source, block[rows]),
                    exposure=stocked,
                    category=np.arange(len(asked), dtype=np.int64),
                    frequency=source.calendar.frequency,
                ),
            )


def sample(source: DemandFile, count: int) -> Numbers:
    """`count` series picked by a hash of their ids: the same ones in whatever order they come."""
    if len(source.ids) <= count:
        return np.arange(len(source.ids))
    hashes = np.fromiter(
        (zlib.crc32(str(name).encode()) for name in source.ids), np.int64, len(source.ids)
    )
    return np.sort(np.argsort(hashes, kind="stable")[:count])


def _read_block(source: DemandFile, block: Numbers) -> tuple[Array, Array | None]:
    """The values of these series as they stand in the file; NaN where there is none."""
    demand = np.full((len(block), source.periods), np.nan)
    exposure = np.ones_like(demand) if source.has_exposure else None
    place = np.full(len(source.ids), -1, dtype=np.int64)
    place[block] = np.arange(len(block))
    put = 0
    for batch in read_rows(source.path):
        series = place[source.ids.get_indexer(batch.names)][batch.series]
        told = (series >= 0) & ~np.isnan(batch.demand)
        series, columns = series[told], source.calendar.columns(batch.days[told])
        demand[series, columns] = batch.demand[told]
        if exposure is not None and batch.in_stock is not None:
            exposure[series, columns] = batch.in_stock[told]
        put += len(series)
    if put != int((~np.isnan(demand)).sum()):
        _refuse_twice(source)
    return demand, exposure


def _filled(demand: Array, source: DemandFile, series: Numbers) -> Array:
    """Zeros where the file lists only sales: after the first one, while anybody sold anything."""
    if not source.missing_is_zero:
        return demand
    begun = np.arange(source.periods) >= source.begins[series][:, np.newaxis]
    return np.where(begun & source.open_periods & np.isnan(demand), 0.0, demand)


def _refuse_day(path: Path, calendar: Calendar, wrong: np.datetime64) -> None:
    name = PERIOD_NAMES[calendar.frequency]
    usual = f"{calendar.first:%A}s" if calendar.frequency == "W" else f"day {calendar.day_of_month}"
    for batch in read_rows(path):
        found = np.flatnonzero(batch.days == wrong)
        if found.size:
            raise DemandError(
                f"{path.name}, row {batch.row(int(found[0]))}: the column ds says {wrong}, but the "
                f"first {name} in the file is dated {calendar.first}, so {name}s are dated "
                f"{usual}. Is the frequency right?"
            )


def _refuse_twice(source: DemandFile) -> None:
    seen: dict[tuple[str, date], int] = {}
    for batch in read_rows(source.path):
        for at in np.flatnonzero(~np.isnan(batch.demand)):
            key = (str(batch.names[batch.series[at]]), batch.days[at].astype(date))
            row = batch.row(int(at))
            if key in seen:
                raise DemandError(
                    f"{source.path.name}, row {row}: the series {key[0]} has {key[1]} in the "
                    f"column ds already in row {seen[key]}."
                )
            seen[key] = row


__all__ = ["DemandError", "DemandFile", "Missing", "Rows", "inspect", "read_histories", "sample"]
