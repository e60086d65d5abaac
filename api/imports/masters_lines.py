"""The lines of a file of master data: what each says, and what is wrong with some."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from api.imports.columns import Column
from api.imports.lines import BROKEN_LINE, cell_text
from api.imports.masters_fields import Field, Reading, UnreadableCell, read_cell
from api.imports.reading import Table, broken_lines
from api.imports.schemas import Outcome, Rejection
from api.problems import expectation

_SHOWN_ROWS = 5
_CHUNK_LINES = 5_000
_IN_LOWER_CASE = ("base_unit", "status", "metering")
_NEVER_EMPTIED = ("name", "selling")
Cells = dict[str, str | None]


@dataclass(frozen=True)
class Wrong:
    """Why a line is left out."""

    row: int
    field: str
    reason: str
    value: str | None


@dataclass(frozen=True)
class Line:
    """A line that can be kept; `before` is None where its code is not there yet."""

    row: int
    model: BaseModel
    values: dict[str, Any]
    before: dict[str, Any] | None

    @property
    def outcome(self) -> Outcome:
        if self.before is None:
            return Outcome.CREATED
        return Outcome.UNCHANGED if self.before == self.values else Outcome.CHANGED


class Errors:
    """What is wrong with one line, each field once."""

    def __init__(self, row: int, cells: Cells) -> None:
        self.found: list[tuple[str, str]] = []
        self.row = row
        self._cells = cells

    def add(self, name: str, reason: str) -> None:
        if name not in [named for named, _ in self.found]:
            self.found.append((name, reason))

    def as_one(self) -> Wrong:
        names = ", ".join(name for name, _ in self.found)
        if len(self.found) == 1:
            [(name, reason)] = self.found
            return Wrong(self.row, name, reason, self._cells.get(name))
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.found)
        return Wrong(self.row, names, reasons, None)


@dataclass
class Findings:
    """What became of the lines of a file."""

    lines: int
    columns: Mapping[str, Column]
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    sites_made: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, table: Table, columns: Mapping[str, Column]) -> "Findings":
        """Those of a file, of which only lines that cannot be cut are known yet."""
        broken = broken_lines(table.connection)
        wrong = [Wrong(row, "line", BROKEN_LINE, text[:80]) for row, text in broken]
        return cls(lines=table.lines + len(broken), columns=columns, wrong=wrong)

    def note_rejections(self, table: Table) -> None:
        """Fill `rejections` for the file of rejected lines."""
        schema = pa.schema([("row", pa.int64()), ("field", pa.string()), ("reason", pa.string())])
        told = [
            {"row": found.row, "field": self._said(found.field), "reason": found.reason}
            for found in self.wrong
            if found.reason != BROKEN_LINE
        ]
        found = pa.Table.from_pylist(told, schema=schema)
        table.connection.from_arrow(found).create("rejections")

    def rejections(self) -> tuple[Rejection, ...]:
        """The rejected lines by reason, the most frequent first."""
        grouped: dict[tuple[str, str], list[Wrong]] = {}
        for found in sorted(self.wrong, key=lambda found: found.row):
            grouped.setdefault((found.reason, self._said(found.field)), []).append(found)
        return tuple(
            Rejection(
                reason=reason,
                field=name,
                expected="",
                lines=len(lines),
                first_rows=tuple(line.row for line in lines[:_SHOWN_ROWS]),
                example=lines[0].value,
            )
            for (reason, name), lines in sorted(
                grouped.items(), key=lambda found: (-len(found[1]), found[0])
            )
        )

    def _said(self, names: str) -> str:
        """Fields by the names of their columns in this file."""
        named = [
            self.columns[name].name if name in self.columns else name for name in names.split(", ")
        ]
        return ", ".join(named)


def read_lines(
    table: Table, fields: Sequence[Field], columns: Mapping[str, Column]
) -> Iterator[tuple[int, Cells, bool]]:
    """Row, cells, and whether there are more of them than the header names."""
    texts = [cell_text(columns[of.name]) for of in fields]
    surplus = f"coalesce({', '.join(['null', *table.surplus])}) is not null"
    raw = table.connection.cursor().table("raw").order("row")
    answer = raw.project(", ".join(["row", surplus, *texts]))
    names = [of.name for of in fields]
    while found := answer.fetchmany(_CHUNK_LINES):
        for row, is_too_long, *cells in found:
            yield row, dict(zip(names, cells, strict=True)), is_too_long


def given_by(
    cells: Cells, fields: Sequence[Field], model: type[BaseModel], reading: Reading, wrong: Errors
) -> dict[str, Any]:
    """What the cells say. An empty one empties what can be empty, else leaves it as it is."""
    given: dict[str, Any] = {}
    for of in fields:
        text = cells[of.name]
        try:
            if text is not None and text.strip():
                value = read_cell(of.form, text, reading)
                if of.name in _IN_LOWER_CASE and isinstance(value, str):
                    value = value.lower().replace(" ", "_")
                given[of.name] = value
            elif of.form in ("options", "prices"):
                given[of.name] = {}
            elif _can_be_empty(model, of.name):
                given[of.name] = None
        except UnreadableCell as error:
            wrong.add(of.name, str(error))
    return given


def model_of(model: type[BaseModel], values: Mapping[str, Any], wrong: Errors) -> BaseModel | None:
    """The row that the values make; None where they make none, which `wrong` then says."""
    try:
        return model(**values)
    except ValidationError as error:
        for found in error.errors(include_input=False):
            wrong.add(str(found["loc"][0]), expectation(found))
        return None


def _can_be_empty(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields[name]
    return not field.is_required() and field.default is None and name not in _NEVER_EMPTIED
