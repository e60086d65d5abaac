"""CSV for people, who open it in a spreadsheet; what is imported again comes from api.exports."""

import csv
import io
from collections.abc import Iterable

# It says UTF-8 by its first bytes, so that Excel reads it so.
UTF_8_MARK = "\ufeff"
# A spreadsheet runs what begins with one of these.
_RUNS_AS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_line(values: Iterable[object]) -> str:
    """One line; None is an empty cell, and text is nothing that a spreadsheet would run."""
    text = io.StringIO()
    csv.writer(text).writerow([_cell(value) for value in values])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_RUNS_AS_A_FORMULA):
        return "'" + value
    return "" if value is None else value
