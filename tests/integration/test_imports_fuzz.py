"""Whatever a file holds, reading it ends in a report or in one sentence."""

import csv
import io
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.imports.errors import ImportRefused
from api.imports.forms import COLUMNS, REJECTED_COLUMNS
from api.imports.schemas import KINDS, ImportReport, Kind
from tests.integration.importing import read

_slow = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_names = st.sampled_from(
    sorted(
        {name for names in COLUMNS.values() for name in names}
        | {*REJECTED_COLUMNS, "Item No", "Qty", "Invoice", "Date", "Price", "Lead Time", "", "a"}
    )
)
_cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["1", "-1", "1,5", "1e400", "nan", "2026-01-05", "31/12/2026 25:61", "'=1"]),
    st.sampled_from(
        ["9" * 40, "0001-01-01", "9999-12-31T23:59:59Z", "\ufeff", '"', "'", "\r", "\0"]
    ),
)
_rows = st.lists(st.lists(_cells, max_size=8), max_size=6)
_kinds = st.sampled_from([None, *KINDS])


def _read_or_refuse(name: str, content: bytes, kind: Kind | None) -> ImportReport | None:
    """The report; None where the file was refused in one sentence. Nothing else may be raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            report = read(path, kind=kind)
        except ImportRefused:
            return None
    assert sum(report.outcomes.values()) == report.lines
    assert sum(found.lines for found in report.rejections) == report.outcomes["rejected"]  # type: ignore[index]
    return report


@given(
    st.binary(max_size=300),
    st.sampled_from(["x.csv", "x.xlsx", "x.parquet", "x"]),
    st.sampled_from(
        [b"", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"\xff\xfe", b"sku,quantity,date\n"]
    ),
    _kinds,
)
@_slow
def test_random_bytes_are_a_report_or_a_refusal(
    content: bytes, name: str, start: bytes, kind: Kind | None
) -> None:
    _read_or_refuse(name, start + content, kind)


@given(st.lists(_names, min_size=1, max_size=8), _rows, st.sampled_from(",;\t|"), _kinds)
@_slow
def test_a_random_csv_is_a_report_or_a_refusal(
    header: list[str], rows: list[list[str]], delimiter: str, kind: Kind | None
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    _read_or_refuse("x.csv", text.getvalue().encode("utf-8", "surrogatepass"), kind)


@given(st.sampled_from(KINDS), st.data())
@_slow
def test_a_random_export_is_read_line_by_line(kind: Kind, data: st.DataObject) -> None:
    width = len(COLUMNS[kind])
    cells = st.lists(_cells, min_size=width, max_size=width)
    rows = data.draw(st.lists(cells, min_size=1, max_size=4))
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS[kind], *rows])
    content = text.getvalue().encode("utf-8", "surrogatepass")
    report = _read_or_refuse(f"{kind}.csv", content, None)
    assert report is None or report.kind == kind


_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=10),
    st.datetimes(min_value=datetime(1900, 3, 1), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
)


@given(
    st.lists(_names, min_size=1, max_size=6),
    st.lists(st.lists(_values, max_size=7), max_size=4),
    _kinds,
    st.data(),
)
@_slow
def test_a_random_workbook_is_a_report_or_a_refusal(
    header: list[str], rows: list[list[Any]], kind: Kind | None, data: st.DataObject
) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for row in (header, *rows):
        sheet.append(row)
    packed = io.BytesIO()
    workbook.save(packed)
    _read_or_refuse("x.xlsx", packed.getvalue(), kind)
    # when one of its parts is cut or overwritten
    with zipfile.ZipFile(packed) as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    broken = data.draw(st.sampled_from(sorted(parts)))
    cut = data.draw(st.integers(0, len(parts[broken])))
    parts[broken] = parts[broken][:cut] + data.draw(st.binary(max_size=20))
    damaged = io.BytesIO()
    with zipfile.ZipFile(damaged, "w") as written:
        for name, part in parts.items():
            written.writestr(name, part)
    _read_or_refuse("x.xlsx", damaged.getvalue(), kind)
