"""A file of master data: each line made, changed, left as it is or rejected."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from api.catalog.schemas import Site
from api.database import DatabaseConnection
from api.imports.columns import Column
from api.imports.lines import BROKEN_LINE, TOO_MANY_FIELDS, cell_text
from api.imports.masters_fields import Field, Masters, UnreadableCell, read_cell
from api.imports.naming import title_of
from api.imports.place import fetch, queries
from api.imports.reading import Table, broken_lines
from api.imports.schemas import ImportOptions, Outcome, Progress, Rejection, Tell
from api.problems import expectation

_CHUNK_LINES = 5_000
_SHOWN_ROWS = 5
_PLACES = {"refilled_from": "refilled from", "parent": "the parent of"}
_Cells = dict[str, str | None]


@dataclass(frozen=True)
class Wrong:
    """Why a line is left out."""

    row: int
    field: str
    reason: str
    value: str | None


@dataclass
class Findings:
    """What became of the lines, and what is to be written."""

    lines: int
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    sites_made: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Line:
    """A line that can be kept; `is_new` where its code is not there yet."""

    row: int
    cells: _Cells
    values: dict[str, Any]
    before: dict[str, Any] | None

    @property
    def outcome(self) -> Outcome:
        if self.before is None:
            return Outcome.CREATED
        return Outcome.UNCHANGED if self.before == self.values else Outcome.CHANGED


class MasterFile:
    """Reads the lines of one file; nothing is written before `keep` is called on a chunk."""

    def __init__(
        self,
        table: Table,
        masters: Masters,
        columns: Mapping[str, Column],
        connection: DatabaseConnection | None,
        options: ImportOptions,
        currency: str | None,
    ) -> None:
        self._table = table
        self._masters = masters
        self._columns = columns
        self._connection = connection
        self._options = options
        self._currency = currency
        self._fields = [field for field in masters.fields if field.name in columns]
        self._rows_of_codes: dict[str, int] = {}
        broken = broken_lines(table.connection)
        self.findings = Findings(lines=table.lines + len(broken))
        self.findings.wrong += [Wrong(row, "line", BROKEN_LINE, text[:80]) for row, text in broken]

    async def import_lines(self, tell: Tell) -> None:
        """Go through the file; what can be kept is kept unless it is a dry run."""
        done = 0
        lines = self._read()
        # Places name one another, so they are looked at all at once.
        size = _CHUNK_LINES if self._masters.kind != "locations" else self._table.lines
        while chunk := list(islice(lines, size)):
            kept = await self._checked(chunk)
            self.findings.outcomes.update(line.outcome for line in kept)
            if not self._options.dry_run:
                await self._keep([line for line in kept if line.outcome != Outcome.UNCHANGED])
            done += len(chunk)
            tell(Progress("reading the lines", done, self._table.lines))
        self.findings.outcomes[Outcome.REJECTED] = len(self.findings.wrong)

    def _read(self) -> Iterator[tuple[int, _Cells, bool]]:
        texts = [cell_text(self._columns[field.name]) for field in self._fields]
        surplus = f"coalesce({', '.join(['null', *self._table.surplus])}) is not null"
        raw = self._table.connection.cursor().table("raw").order("row")
        answer = raw.project(", ".join(["row", surplus, *texts]))
        names = [field.name for field in self._fields]
        while found := answer.fetchmany(_CHUNK_LINES):
            for row, is_too_long, *cells in found:
                yield row, dict(zip(names, cells, strict=True)), is_too_long

    async def _checked(self, chunk: Sequence[tuple[int, _Cells, bool]]) -> list[_Line]:
        known = await self._known([cells for _, cells, _ in chunk])
        lines = []
        for row, cells, is_too_long in chunk:
            wrong = _Errors(row, cells)
            if is_too_long:
                wrong.add("line", TOO_MANY_FIELDS)
            else:
                line = self._line(row, cells, known, wrong)
                if line is not None and not wrong.found:
                    lines.append(line)
                    continue
            self.findings.wrong.append(wrong.as_one())
        match self._masters.kind:
            case "products":
                return await self._with_suppliers(lines)
            case "locations":
                return await self._with_places(lines)
            case _:
                return lines

    async def _known(self, chunk: Sequence[_Cells]) -> dict[str, dict[str, Any]]:
        if self._connection is None:
            return {}
        codes = [str(cells[self._masters.code] or "").strip() for cells in chunk]
        rows = await fetch(self._connection, self._masters.kept, codes=codes)
        return {row[self._masters.code]: row for row in rows}

    def _line(
        self, row: int, cells: _Cells, known: Mapping[str, dict[str, Any]], wrong: "_Errors"
    ) -> _Line | None:
        code = (cells[self._masters.code] or "").strip()
        if not code:
            wrong.add(self._masters.code, f"there is no {self._masters.code}")
            return None
        if code in self._rows_of_codes:
            wrong.add(
                self._masters.code, f"{code} stands in row {self._rows_of_codes[code]} already"
            )
            return None
        before = known.get(code)
        given = self._given(cells, before, wrong)
        try:
            model = self._masters.model(**{**(before or {}), **given})
        except ValidationError as error:
            for found in error.errors(include_input=False):
                wrong.add(str(found["loc"][0]), expectation(found))
            return None
        names = [field.name for field in self._masters.fields]
        values = model.model_dump(include=set(names))
        if before is not None:
            for name in {"site", "base_unit"} & values.keys():
                if values[name] != before[name]:
                    wrong.add(name, f"it is {before[name]} for good")
        self._rows_of_codes[code] = row
        return _Line(row, cells, values, before)

    def _given(
        self, cells: _Cells, before: Mapping[str, Any] | None, wrong: "_Errors"
    ) -> dict[str, Any]:
        """What the cells say. An empty one empties what can be empty, else leaves it as it is."""
        currency = (cells.get("currency") or "").strip() or None
        if "currency" not in cells:
            currency = (before or {}).get("currency") or self._currency
        given: dict[str, Any] = {}
        for of in self._fields:
            text = cells[of.name]
            try:
                if text is not None and text.strip():
                    given[of.name] = self._value(of, text, currency)
                elif self._can_be_empty(of.name):
                    given[of.name] = None
            except UnreadableCell as error:
                wrong.add(of.name, str(error))
        if given.get("unit_cost") is not None or given.get("unit_price") is not None:
            given.setdefault("currency", currency)
        return given

    def _value(self, of: Field, text: str, currency: str | None) -> Any:
        comma = self._options.decimal_comma
        value = read_cell(of, text, decimal_comma=comma, currency=currency)
        if of.name in ("base_unit", "status", "metering") and isinstance(value, str):
            return value.lower().replace(" ", "_")
        return value

    def _can_be_empty(self, name: str) -> bool:
        field = self._masters.model.model_fields[name]
        return not field.is_required() and field.default is None and name not in ("name", "selling")

    async def _with_suppliers(self, lines: list[_Line]) -> list[_Line]:
        if self._connection is None:
            return lines
        codes = {line.values["supplier"] for line in lines} - {None}
        there = await fetch(self._connection, queries.kept_suppliers, codes=list(codes))
        missing = codes - {row["code"] for row in there}
        return self._without(lines, "supplier", missing, "there is no supplier {}")

    async def _with_places(self, lines: list[_Line]) -> list[_Line]:
        """Places whose kind is known and whose sources are there, at their site, in no circle."""
        if self._connection is None:
            return lines
        kinds = [row["kind"] for row in await fetch(self._connection, queries.kept_location_kinds)]
        unknown = {line.values["kind"] for line in lines} - set(kinds)
        reason = f"there is no kind {{}}; expected one of {', '.join(kinds)}"
        lines = self._without(lines, "kind", unknown, reason)
        every = await fetch(self._connection, queries.kept_locations, codes=None)
        while True:
            places = {row["code"]: row for row in every}
            places |= {line.values["code"]: line.values for line in lines}
            wrong = [found for line in lines if (found := _misplaced(line, places)) is not None]
            if not wrong:
                return lines
            self.findings.wrong += wrong
            rows = {found.row for found in wrong}
            lines = [line for line in lines if line.row not in rows]

    def _without(self, lines: list[_Line], name: str, codes: set[str], reason: str) -> list[_Line]:
        kept = []
        for line in lines:
            code = line.values[name]
            if code in codes:
                self.findings.wrong.append(Wrong(line.row, name, reason.format(code), code))
            else:
                kept.append(line)
        return kept

    async def _keep(self, lines: list[_Line]) -> None:
        if self._connection is None:
            raise ValueError("an import that is no dry run needs a database")
        if not lines:
            return
        columns = {of.name: [line.values[of.name] for line in lines] for of in self._masters.fields}
        if self._masters.kind == "locations":
            await self._make_sites({str(line.values["site"]) for line in lines})
        await fetch(self._connection, self._masters.keep, **columns)
        if self._masters.kind == "locations":
            await fetch(self._connection, queries.connect_locations, **columns)

    async def _make_sites(self, codes: set[str]) -> None:
        if self._connection is None:
            return
        there = await fetch(self._connection, queries.kept_sites, codes=list(codes))
        made = sorted(codes - {row["code"] for row in there})
        if made:
            zone = self._options.time_zone or "UTC"
            sites = [Site(code=code, name=title_of(code) or code, time_zone=zone) for code in made]
            columns = {name: [getattr(site, name) for site in sites] for name in Site.model_fields}
            await fetch(self._connection, queries.keep_sites, **columns)
            self.findings.sites_made += made

    def note_rejections(self) -> None:
        """Fill `rejections` for the file of rejected lines."""
        schema = pa.schema([("row", pa.int64()), ("field", pa.string()), ("reason", pa.string())])
        told = [
            {"row": found.row, "field": self._said(found.field), "reason": found.reason}
            for found in self.findings.wrong
            if found.reason != BROKEN_LINE
        ]
        found = pa.Table.from_pylist(told, schema=schema)
        self._table.connection.from_arrow(found).create("rejections")

    def rejections(self) -> tuple[Rejection, ...]:
        """The rejected lines by reason, the most frequent first."""
        grouped: dict[tuple[str, str], list[Wrong]] = {}
        for found in sorted(self.findings.wrong, key=lambda found: found.row):
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
            self._columns[name].name if name in self._columns else name
            for name in names.split(", ")
        ]
        return ", ".join(named)


class _Errors:
    """What is wrong with one line."""

    def __init__(self, row: int, cells: _Cells) -> None:
        self.found: list[tuple[str, str]] = []
        self._row = row
        self._cells = cells

    def add(self, name: str, reason: str) -> None:
        if name not in [named for named, _ in self.found]:
            self.found.append((name, reason))

    def as_one(self) -> Wrong:
        names = ", ".join(name for name, _ in self.found)
        if len(self.found) == 1:
            [(name, reason)] = self.found
            return Wrong(self._row, name, reason, self._cells.get(name))
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.found)
        return Wrong(self._row, names, reasons, None)


def _misplaced(line: _Line, places: Mapping[str, Mapping[str, Any]]) -> Wrong | None:
    code, site = line.values["code"], line.values["site"]
    for name, word in _PLACES.items():
        other = line.values[name]
        if other is None:
            continue
        if other not in places or places[other]["site"] != site:
            return Wrong(line.row, name, f"there is no place {other} at the site {site}", other)
        seen = {code}
        while other is not None:
            if other in seen:
                if other == code:
                    reason = f"{code} would be {word} itself, over {line.values[name]}"
                    return Wrong(line.row, name, reason, line.values[name])
                break
            seen.add(other)
            other = places[other][name] if other in places else None
    return None
