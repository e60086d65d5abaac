"""The rows of a demand file, a batch at a time, each value checked.

Refused is what cannot be meant: a column that is not there, a row without a series or a date, a
word for a number, a share above 1; the message names the column and the row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NEEDED = ("unique_id", "ds", "y")
_OPTIONAL = ("in_stock",)
_BATCH_ROWS = 1 << 20


class DemandError(ValueError):
    """The file cannot be read as demand; the message says which column and which row."""


@dataclass(frozen=True)
class Rows:
    """Some rows of the file: names[series] is each row's id; NaN demand is not known."""

    first_row: int
    names: "pd.Index[Any]"
    id_type: pa.DataType
    series: NDArray[np.int64]
    days: NDArray[np.datetime64]
    demand: Array
    in_stock: Array | None

    def row(self, at: int) -> int:
        """The number of a row as a person counts them: a CSV's header is row 1."""
        return self.first_row + at


def read_rows(path: Path) -> Iterator[Rows]:
    """All rows in batches. Raises DemandError, with the column and the row."""
    is_csv = path.suffix.lower() != ".parquet"
    row = 2 if is_csv else 1
    try:
        for batch in _csv_batches(path) if is_csv else _parquet_batches(path):
            if batch.num_rows:
                yield _checked(path.name, batch, row)
            row += batch.num_rows
    except pa.ArrowInvalid as error:
        kind = "a CSV file" if is_csv else "a Parquet file"
        raise DemandError(f"{path.name} cannot be read as {kind}: {error}") from error


def _csv_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        header = file.readline().decode("utf-8-sig", errors="replace").strip()
    if not header:
        raise DemandError(f"{path.name} is empty.")
    names = [name.strip().strip('"') for name in header.split(",")]
    wanted = _columns(path.name, names)
    # All as text, so that it is told here which row holds a word for a number.
    options = pyarrow.csv.ConvertOptions(
        column_types={name: pa.string() for name in wanted},
        include_columns=wanted,
        strings_can_be_null=True,
    )
    reading = pyarrow.csv.ReadOptions(
        block_size=32 << 20, use_threads=False, column_names=names, skip_rows=1
    )
    with pyarrow.csv.open_csv(path, read_options=reading, convert_options=options) as reader:
        yield from reader


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pyarrow.parquet.ParquetFile(path) as file:
        wanted = _columns(path.name, file.schema_arrow.names)
    with pyarrow.parquet.ParquetFile(path, read_dictionary=["unique_id"]) as file:
        yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted, use_threads=False)


def _columns(name: str, found: list[str]) -> list[str]:
    for needed in _NEEDED:
        if needed not in found:
            raise DemandError(
                f"{name} has no column {needed}; its columns are {', '.join(found)}. "
                "Expected are unique_id, ds, y, and in_stock where it is known."
            )
    return [*_NEEDED, *(column for column in _OPTIONAL if column in found)]


def _checked(name: str, batch: pa.RecordBatch, first_row: int) -> Rows:
    def refuse(column: str, at: int, expected: str) -> NoReturn:
        said = batch.column(column)[at].as_py()
        raise DemandError(
            f"{name}, row {first_row + at}: the column {column} says "
            f"{'nothing' if said is None else repr(said)}; {expected} was expected."
        )

    ids = batch.column("unique_id")
    if ids.null_count:
        refuse("unique_id", _first(pc.is_null(ids)), "the name of a series")
    encoded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    days = _days(batch.column("ds"))
    if np.isnat(days).any():
        refuse("ds", int(np.isnat(days).argmax()), "a date such as 2026-01-31")
    demand, wrong = _floats(batch.column("y"))
    if wrong is not None:
        refuse("y", wrong, "a number, or nothing where it is not known,")
    in_stock = None
    if "in_stock" in batch.schema.names:
        in_stock, wrong = _floats(batch.column("in_stock"))
        outside = (in_stock < 0) | (in_stock > 1)
        if wrong is not None or outside.any():
            at = int(outside.argmax()) if wrong is None else wrong
            refuse("in_stock", at, "the share of the period in stock, from 0 to 1,")
        in_stock = np.where(np.isnan(in_stock), 1.0, in_stock)
    return Rows(
        first_row=first_row,
        names=pd.Index(encoded.dictionary.cast(pa.string()).to_pandas()),
        id_type=encoded.type.value_type,
        series=encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        days=days,
        demand=demand,
        in_stock=in_stock,
    )


def _days(column: pa.Array) -> NDArray[np.datetime64]:
    """The dates; not a time where it cannot be read as one."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        days: NDArray[np.datetime64] = (
            column.cast(pa.date32(), safe=False)
            .to_numpy(zero_copy_only=False)
            .astype("datetime64[D]")
        )
        return days
    encoded = column.cast(pa.string()).dictionary_encode(null_encoding="encode")
    texts = encoded.dictionary.to_pandas()
    read = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
    known = read.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    found: NDArray[np.datetime64] = known[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def _floats(column: pa.Array) -> tuple[Array, int | None]:
    """The numbers, NaN for nothing, and the first place that holds none, or an infinite one."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            read = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy()
            return read, int((np.isnan(read) & ~column.is_null().to_numpy(False)).argmax())
    numbers: Array = column.to_numpy(zero_copy_only=False).astype(np.float64)
    wrong = np.isinf(numbers)
    return numbers, int(wrong.argmax()) if wrong.any() else None


def _first(mask: pa.Array) -> int:
    return int(mask.to_numpy(zero_copy_only=False).argmax())
