"""The files of `parstock backtest`: demand, stock and costs in, orders out; each fault named."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from cli.settings import StartError
from orchestration.planning.rolling import Array, History, Period

# Before the window, so much is read; longer ago says nothing of what is asked for now.
_HISTORY_PERIODS = {"day": 1_150, "week": 220, "month": 96}
# A file that lists hardly any period without a sale, and misses many, lists only sales.
_FEW_ZEROS, _MANY_MISSING = 0.001, 0.05


class FileError(StartError):
    """A file cannot be used; the message says which column and row, and what is expected."""

    exit_code = 2


@dataclass(frozen=True)
class Demand:
    """The series of a demand file as a history, and which column is the window's first."""

    series: pd.Index
    history: History
    first: int
    notes: list[str]


@dataclass(frozen=True)
class Costs:
    """Costs of each series, NaN where not known; unit_cost is None where the file has none."""

    holding: Array
    shortage: Array
    unit: Array | None


def read_demand(path: Path, *, period: Period, start: date, periods: int) -> Demand:
    """Demand of a window of `periods` from `start`, and what was before it.

    Raises FileError for a missing column, or a row that cannot be meant.
    """
    table = _read(path, ("unique_id", "ds", "y"))
    days = _dates(path, table)
    number = _numbers_of_periods(path, days, period=period, start=start)
    _numbers(path, table, "y", "a demand of at least 0, or nothing where it is not known")
    stocked = None
    if "in_stock" in table:
        flags = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
        text = table["in_stock"]
        if text.dtype == object:
            table["in_stock"] = text.map(lambda value: flags.get(str(value).lower(), value))
        _numbers(path, table, "in_stock", "1 (or true) with stock, 0 (or false) without", most=1.0)
        stocked = table["in_stock"].fillna(1.0).to_numpy(float)
    keep = (number >= -_HISTORY_PERIODS[period]) & (number < periods)
    codes, series = pd.factorize(table["unique_id"], sort=True)
    first = int(max(0, -(number[keep].min() if keep.any() else 0)))
    duplicate = pd.DataFrame({"series": codes, "number": number}).duplicated()
    if duplicate.any():
        row = int(np.flatnonzero(duplicate)[0])
        raise FileError(
            f"{_at(path, row)}, column ds: {table['unique_id'].iloc[row]} has "
            f"{days.iloc[row]:%Y-%m-%d} twice; one row a series and period is expected."
        )
    rows, columns = codes[keep], number[keep] + first
    demand = np.full((len(series), first + periods), np.nan)
    demand[rows, columns] = table["y"].to_numpy(float)[keep]
    exposure = np.ones_like(demand)
    if stocked is not None:
        exposure[rows, columns] = stocked[keep]
    notes = _fill_unlisted(path, demand, first)
    if not (number >= periods - 1).any():
        notes.append(
            f"{path.name} ends on {days.max():%Y-%m-%d}, within the window; later periods count "
            "as without demand."
        )
    history = History(
        demand=demand,
        exposure=exposure,
        first_day=first_days(start, period, -first, 1)[0],
        period=period,
    )
    return Demand(series, history, first, notes)


def read_stock(path: Path, series: pd.Index) -> tuple[Array, Array]:
    """On hand (N), and in transit (N x K) from the further columns, in order of arrival."""
    table = _read(path, ("unique_id", "on_hand"))
    transit = [str(name) for name in table if name not in ("unique_id", "on_hand")]
    table[transit] = table[transit].fillna(0)
    for name in ("on_hand", *transit):
        _numbers(path, table, name, "a number of units of at least 0", needed=True)
    found = _of_each_series(path, table, series, needed=True)
    return found["on_hand"].to_numpy(float), found[transit].to_numpy(float)


def read_costs(
    path: Path | None, series: pd.Index, *, holding: float | None, shortage: float | None
) -> Costs:
    """Costs by series from the file, else those given for all."""
    count = len(series)
    found = {
        name: np.full(count, np.nan if given is None else given)
        for name, given in (("holding_cost", holding), ("shortage_cost", shortage))
    }
    unit = None
    if path is not None:
        table = _read(path, ("unique_id", "holding_cost", "shortage_cost"))
        names = [n for n in ("holding_cost", "shortage_cost", "unit_cost") if n in table]
        for name in names:
            _numbers(path, table, name, "a cost of at least 0, or nothing where it is not known")
        rows = _of_each_series(path, table, series, needed=False)
        for name in found:
            own = rows[name].to_numpy(float)
            found[name] = np.where(np.isnan(own), found[name], own)
        unit = rows["unit_cost"].to_numpy(float) if "unit_cost" in rows else None
    return Costs(found["holding_cost"], found["shortage_cost"], unit)


def write_orders(path: Path, series: pd.Index, days: list[date], orders: Array) -> None:
    """`unique_id, ds, order`, a row a series and order, as CSV or Parquet by the name."""
    table = pd.DataFrame(
        {
            "unique_id": np.repeat(series.to_numpy(), len(days)),
            "ds": np.tile(np.array(days, dtype="datetime64[s]"), len(series)),
            "order": orders.astype(np.int64).ravel(),
        }
    )
    try:
        if path.suffix == ".parquet":
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False, date_format="%Y-%m-%d")
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}") from error


def first_days(start: date, period: Period, begin: int, count: int) -> list[date]:
    """The first days of `count` periods, from the `begin`-th after `start` on."""
    if period == "month":
        months = [start.year * 12 + start.month - 1 + begin + n for n in range(count)]
        return [date(month // 12, month % 12 + 1, 1) for month in months]
    days = np.datetime64(start) + (7 if period == "week" else 1) * np.arange(begin, begin + count)
    listed: list[date] = days.astype("datetime64[D]").tolist()
    return listed


def _read(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, dtype={"unique_id": str}, encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise FileError(f"{path} is not a table in CSV or Parquet: {error}") from error
    for name in needed:
        if name not in table:
            has = ", ".join(map(str, table.columns)) or "none"
            raise FileError(
                f"{path} has no column {name}: {', '.join(needed)} are expected, it has {has}."
            )
    if table.empty:
        raise FileError(f"{path} has no rows.")
    nameless = table["unique_id"].isna().to_numpy()
    if nameless.any():
        row = int(np.flatnonzero(nameless)[0])
        raise FileError(f"{_at(path, row)}, column unique_id: empty; an id is expected.")
    table["unique_id"] = table["unique_id"].astype(str)
    return table


def _at(path: Path, row: int) -> str:
    """A row as an editor counts it: the header of a CSV is its first line."""
    return f"{path}, row {row + 1}" if path.suffix == ".parquet" else f"{path}, line {row + 2}"


def _dates(path: Path, table: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    days = table["ds"]
    if not pd.api.types.is_datetime64_any_dtype(days):
        # Few days are named by many rows, so each is read once.
        codes, names = pd.factorize(days.astype(str))
        read = pd.to_datetime(pd.Series(names), format="ISO8601", errors="coerce")
        days = pd.Series(read.to_numpy()[codes])
    wrong = days.isna().to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FileError(
            f"{_at(path, row)}, column ds: {table['ds'].iloc[row]}; a date as in 2026-01-31 is "
            "expected."
        )
    local: pd.Series[pd.Timestamp] = days.dt.tz_localize(None)
    return local


def _numbers_of_periods(
    path: Path, days: "pd.Series[pd.Timestamp]", *, period: Period, start: date
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """How many periods after `start` each row lies; negative before it."""
    if period == "month":
        fits = days.dt.day.to_numpy() == 1
        months = days.dt.year.to_numpy() * 12 + days.dt.month.to_numpy() - 1
        number = months - (start.year * 12 + start.month - 1)
        expected = "the first day of a month"
    else:
        after = (days.to_numpy().astype("datetime64[D]") - np.datetime64(start)).astype(np.int64)
        length = 7 if period == "week" else 1
        fits, number = after % length == 0, after // length
        expected = f"a day some whole weeks before or after --start {start}"
    if not fits.all():
        row = int(np.flatnonzero(~fits)[0])
        raise FileError(
            f"{_at(path, row)}, column ds: {days.iloc[row]:%Y-%m-%d}; {expected} is expected, the "
            f"first of a {period}."
        )
    return number.astype(np.int64)


def _numbers(
    path: Path,
    table: pd.DataFrame,
    name: str,
    expected: str,
    *,
    needed: bool = False,
    most: float = np.inf,
) -> None:
    """Make a column numbers; refuse the first that is none, or is out of bounds."""
    given = table[name]
    read = pd.to_numeric(given, errors="coerce")
    wrong = (read.isna() & (given.notna() | needed)) | (read < 0) | (read > most) | np.isinf(read)
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        shown = "empty" if pd.isna(given.iloc[row]) else given.iloc[row]
        raise FileError(f"{_at(path, row)}, column {name}: {shown}; {expected} is expected.")
    table[name] = read.astype(float)


def _of_each_series(
    path: Path, table: pd.DataFrame, series: pd.Index, *, needed: bool
) -> pd.DataFrame:
    """The table's rows in the order of the series; refuse a strange, a second or no row."""
    ids = table["unique_id"]
    for wrong, why in (
        (~ids.isin(series), "is no series of the demand file; one of its unique_id is expected."),
        (ids.duplicated(), "stands there twice; one row a series is expected."),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            raise FileError(f"{_at(path, row)}, column unique_id: {ids.iloc[row]} {why}")
    absent = series.difference(pd.Index(ids))
    if needed and len(absent):
        raise FileError(
            f"{path} has no row for {absent[0]}"
            + (f" and {len(absent) - 1:,} more series" if len(absent) > 1 else "")
            + " of the demand file; one row for each is expected."
        )
    return table.set_index("unique_id").reindex(series)


def _fill_unlisted(path: Path, demand: Array, first: int) -> list[str]:
    """Periods without a row are unknown, but zeros in a file that lists only sales.

    Judged by what lies before the window, because nothing later may be used.
    """
    past = demand[:, :first]
    listed = ~np.isnan(past)
    began = np.cumsum(listed, axis=1) > 0
    rows = int(listed.sum())
    unlisted = int((began & ~listed).sum())
    if rows == 0 or (past == 0).sum() > _FEW_ZEROS * rows or unlisted <= _MANY_MISSING * rows:
        return []
    past[began & ~listed] = 0.0
    later = demand[:, first:]
    later[np.isnan(later)] = 0.0
    return [f"{path.name} lists no period without a sale, so one that is not listed counts as 0."]
