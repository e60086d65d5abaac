"""The rows of one sheet of an Excel workbook, each cell as the text that it means."""

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow as pa
from openpyxl.utils.escape import unescape

from api.imports.errors import FileUnreadable, OptionUnusable

MAGIC = b"PK\x03\x04"
_UNPACKED_BYTES = 1_000_000_000
# Held in memory while the sheet is read.
_SHARED_TEXT_BYTES = 200_000_000
_SHARED_TEXT = "xl/sharedStrings.xml"
_CHUNK_ROWS = 5_000
_MOST_COLUMNS = 1_000
_ONLY_ZEROS = re.compile(r"0{2,}")


def load_workbook(
    connection: duckdb.DuckDBPyConnection, path: Path, called: str, sheet: str | None
) -> tuple[list[str], int, str]:
    """Fill `raw` from a sheet: the header's names, how many columns have none, the sheet's name.

    Formulas are read as the values that the spreadsheet last worked out.
    """
    _refuse_bombs(path, called)
    try:
        # Opened here: an upload has no suffix, by which openpyxl would judge it.
        with path.open("rb") as file:
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
            chosen = _sheet(workbook, called, sheet)
            names, surplus = _load(connection, _rows(chosen), called)
            return names, surplus, str(chosen.title)
    except (FileUnreadable, OptionUnusable):
        raise
    except Exception as error:
        # Its parsers raise whatever they stumble over.
        raise FileUnreadable(f"{called} is not a readable Excel workbook.") from error


def _refuse_bombs(path: Path, called: str) -> None:
    """A workbook is a zip; a small one can hold more than any memory."""
    try:
        with zipfile.ZipFile(path) as packed:
            sizes = {part.filename: part.file_size for part in packed.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileUnreadable(f"{called} is not a readable Excel workbook.") from error
    if sum(sizes.values()) > _UNPACKED_BYTES or sizes.get(_SHARED_TEXT, 0) > _SHARED_TEXT_BYTES:
        raise FileUnreadable(f"{called} is too large when unpacked; save it as CSV.")


def _sheet(workbook: Any, called: str, said: str | None) -> Any:
    sheets = {sheet.title: sheet for sheet in workbook.worksheets}
    if said is not None:
        if said not in sheets:
            raise OptionUnusable(
                f"--sheet {said}: {called} has no such sheet; it has {', '.join(sheets)}."
            )
        return sheets[said]
    shown = [sheet for sheet in sheets.values() if sheet.sheet_state == "visible"]
    if not shown:
        raise FileUnreadable(f"{called} has no sheet that is shown.")
    return shown[0]


def _rows(sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    """Rows that say something, with their numbers in the sheet."""
    sheet.reset_dimensions()
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [_text(cell) for cell in cells[: _MOST_COLUMNS + 1]]
        while texts and texts[-1] is None:
            texts.pop()
        if texts:
            yield number, texts


def _text(cell: Any) -> str | None:
    value = cell.value
    match value:
        case None | "":
            return None
        case bool():
            return "true" if value else "false"
        case str():
            # NUL is no text to any database; XML has it only as an escape.
            return unescape(value).replace("\x00", "")
        case int() | float():
            whole = int(value) if isinstance(value, int) or value.is_integer() else None
            if whole is None:
                return repr(value)
            # A code such as 00123 that is a number in a format of zeros.
            zeros = _ONLY_ZEROS.fullmatch(cell.number_format or "")
            return str(whole).zfill(len(zeros[0]) if zeros else 0)
        case datetime() | date() | time():
            return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
        case timedelta():
            return str(value)
        case _:
            return str(value)


def _load(
    connection: duckdb.DuckDBPyConnection,
    rows: Iterator[tuple[int, list[str | None]]],
    called: str,
) -> tuple[list[str], int]:
    first = next(rows, None)
    if first is None:
        raise FileUnreadable(f"{called} is empty.")
    # The first row that says something is the header, whatever stands above it.
    names = [text or f"column{n}" for n, text in enumerate(first[1])]
    if len(names) > _MOST_COLUMNS:
        raise FileUnreadable(f"{called} has more than {_MOST_COLUMNS} columns.")
    # One more column for lines that are longer than the header.
    keys = [f"c{n}" for n in range(len(names) + 1)]
    columns = ", ".join(f"{key} varchar" for key in keys)
    connection.execute(f'create table raw ({columns}, "row" bigint)')
    schema = pa.schema([*[(key, pa.string()) for key in keys], ("row", pa.int64())])
    for chunk in _chunks(rows):
        listed = [
            [
                *(texts[n] if n < len(texts) else None for n in range(len(names))),
                next((text for text in texts[len(names) :] if text is not None), None),
                number,
            ]
            for number, texts in chunk
        ]
        columns_of = [list(column) for column in zip(*listed, strict=True)]
        connection.register("found", pa.table(columns_of, schema=schema))
        connection.execute("insert into raw select * from found")
        connection.unregister("found")
    return [*names, keys[-1]], 1


def _chunks(
    rows: Iterator[tuple[int, list[str | None]]],
) -> Iterator[list[tuple[int, list[str | None]]]]:
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield chunk
