"""Rows into files: CSV, Excel or Parquet, a batch of rows at a time."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl.cell import WriteOnlyCell

from api.exports.errors import SHEET_LINES, TooManyLines
from api.exports.schemas import Format
from api.imports.forms import COLUMNS, escaped
from api.imports.masters_fields import MONEY, minor_digits
from api.imports.schemas import Kind

Row = Sequence[Any]
Write = Callable[[Sequence[Row]], None]
# Beyond these digits a spreadsheet's numbers are no longer exact.
_EXACT_DIGITS = 15
_AMOUNT = pa.decimal128(20, 3)
_TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(MONEY, _AMOUNT),
    "pack_size": pa.int64(),
    "minimum_order_quantity": pa.int64(),
    "lead_time_days": pa.int64(),
    "capacity": pa.int64(),
    "selling": pa.bool_(),
    "opening_quantity": pa.int64(),
    "opened_at": pa.timestamp("us", "UTC"),
    "counted_quantity": pa.int64(),
    "counted_at": pa.timestamp("us", "UTC"),
    "quantity": pa.int64(),
    "occurred_at": pa.timestamp("us", "UTC"),
    "cancellation": pa.bool_(),
    "successor_from": pa.date32(),
    "expires_on": pa.date32(),
    "units": pa.int64(),
    "par": pa.int64(),
    "minimum": pa.int64(),
    "version": pa.int64(),
}
# What XML cannot hold, and what would be taken for the escape of it (ECMA-376, 22.9.2.19).
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def as_written(kind: Kind, rows: Sequence[Row]) -> Sequence[Row]:
    """Money as it is written, 2.50 of EUR, and the options of products as JSON."""
    names = COLUMNS[kind]
    money = [names.index(name) for name in names if name in MONEY]
    if not money:
        return rows
    currency = names.index("currency")
    options = names.index("options") if "options" in names else None
    breaks = names.index("price_breaks") if "price_breaks" in names else None
    told = []
    for row in rows:
        cells = list(row)
        for n in money:
            if cells[n] is not None:
                cells[n] = Decimal(cells[n]).scaleb(-minor_digits(cells[currency]))
        if options is not None:
            held = cells[options]
            cells[options] = json.dumps(held, ensure_ascii=False, sort_keys=True) if held else None
        if breaks is not None:
            cells[breaks] = _as_prices(cells[breaks], cells[currency])
        told.append(cells)
    return told


def _as_prices(breaks: Mapping[str, int], currency: str | None) -> str | None:
    """As in 50=2.40; 100=2.20, which an import reads."""
    digits = minor_digits(currency or "")
    costs = {least: Decimal(breaks[least]).scaleb(-digits) for least in sorted(breaks, key=int)}
    return "; ".join(f"{least}={cost:f}" for least, cost in costs.items()) or None


@contextmanager
def write_csv(path: Path, kind: Kind) -> Iterator[Write]:
    """As RFC 4180 has it, in UTF-8; text that a spreadsheet would run is escaped."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS[kind])

        def write(rows: Sequence[Row]) -> None:
            writer.writerows([_csv_cell(cell) for cell in row] for row in rows)

        yield write


@contextmanager
def write_workbook(path: Path, kind: Kind) -> Iterator[Write]:
    """One sheet, whose rows wait on disk until it is saved; text stays text, also `=1+1`."""
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet(kind)
    sheet.append(COLUMNS[kind])
    lines = 0

    def write(rows: Sequence[Row]) -> None:
        nonlocal lines
        lines += len(rows)
        if lines > SHEET_LINES:
            raise TooManyLines()
        for row in rows:
            sheet.append([_excel_cell(sheet, cell) for cell in row])

    try:
        yield write
    except BaseException:
        sheet.close()
        raise
    workbook.save(path)


@contextmanager
def write_parquet(path: Path, kind: Kind) -> Iterator[Write]:
    """Typed columns: money as decimals, moments in UTC."""
    schema = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS[kind]])
    with pq.ParquetWriter(path, schema) as writer:

        def write(rows: Sequence[Row]) -> None:
            columns = list(zip(*rows, strict=True)) or [()] * len(schema)
            arrays = [
                pa.array(column, type=field.type)
                for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=schema))

        yield write


WRITERS: Mapping[Format, Callable[[Path, Kind], AbstractContextManager[Write]]] = {
    "csv": write_csv,
    "xlsx": write_workbook,
    "parquet": write_parquet,
}


def _csv_cell(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case str():
            return escaped(cell)
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return _moment(cell)
        case _:
            return str(cell)


def _excel_cell(sheet: Any, cell: Any) -> Any:
    match cell:
        case str() | date():
            text = cell if isinstance(cell, str) else _moment(cell)
            found = WriteOnlyCell(sheet, _NOT_IN_XML.sub(_escape, text))
            # As it stands: openpyxl takes what begins with = for a formula.
            found.data_type = "s"
            return found
        case bool():
            return "yes" if cell else "no"
        case int() | Decimal():
            exact = len(Decimal(cell).as_tuple().digits) <= _EXACT_DIGITS
            return cell if exact else str(cell)
        case _:
            return cell


def _escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _moment(moment: date) -> str:
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
