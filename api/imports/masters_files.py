"""A file of master data: each line made, changed, left as it is or rejected."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from api.catalog.kinds import Kind
from api.catalog.schemas import Site
from api.catalog.service import upsert_sites
from api.catalog.writing import write
from api.database import DatabaseConnection
from api.imports.columns import Column
from api.imports.lines import TOO_MANY_FIELDS
from api.imports.masters_checks import (
    names_another,
    wrong_links,
    wrong_names,
    wrong_places,
    wrong_suppliers,
)
from api.imports.masters_fields import MONEY, Reading, UnreadableCell, read_cell
from api.imports.masters_kinds import Masters
from api.imports.masters_lines import (
    Cells,
    Errors,
    Findings,
    Line,
    Wrong,
    given_by,
    model_of,
    read_lines,
)
from api.imports.naming import title_of
from api.imports.place import fetch, queries
from api.imports.reading import Table
from api.imports.schemas import ImportOptions, Outcome, Progress, Tell

_CHUNK_LINES = 5_000
_Key = tuple[str, ...]


class MasterFile:
    """Reads the lines of one file and keeps them a chunk at a time, unless it is a dry run."""

    def __init__(
        self,
        table: Table,
        masters: Masters,
        of: Kind[Any],
        columns: Mapping[str, Column],
        connection: DatabaseConnection | None,
        options: ImportOptions,
        currency: str | None,
    ) -> None:
        self.findings = Findings.of(table, columns)
        self._table = table
        self._masters = masters
        self._of = of
        self._connection = connection
        self._options = options
        self._currency = currency
        self._fields = [field for field in masters.fields if field.name in columns]
        self._names = {field.name for field in masters.fields}
        self._rows_of_keys: dict[_Key, int] = {}
        self._kept: set[str] = set()

    async def import_lines(self, tell: Tell) -> None:
        """Go through the file; what can be kept is kept unless it is a dry run."""
        done, linked = 0, list[Line]()
        lines = read_lines(self._table, self._fields, self.findings.columns)
        # Places name one another, so they are looked at all at once.
        size = _CHUNK_LINES if self._masters.kind != "locations" else self._table.lines
        while chunk := list(islice(lines, size)):
            found = await self._checked(chunk)
            if self._masters.kind == "products":
                # Products that name others come last, when those are there.
                linked += [line for line in found if names_another(line)]
                found = [line for line in found if not names_another(line)]
            await self._take(found)
            done += len(chunk)
            tell(Progress("reading the lines", done, self._table.lines))
        if linked and self._connection is not None:
            wrong = await wrong_links(self._connection, linked, others=self._kept)
            linked = self._without(linked, wrong)
        await self._take(linked)
        self.findings.outcomes[Outcome.REJECTED] = len(self.findings.wrong)

    async def _checked(self, chunk: Sequence[tuple[int, Cells, bool]]) -> list[Line]:
        known = await self._known([cells for _, cells, _ in chunk])
        lines = []
        for row, cells, is_too_long in chunk:
            wrong = Errors(row, cells)
            if is_too_long:
                wrong.add("line", TOO_MANY_FIELDS)
            else:
                line = self._line(row, cells, known, wrong)
                if line is not None and not wrong.found:
                    lines.append(line)
                    continue
            self.findings.wrong.append(wrong.as_one())
        if self._connection is None or not lines:
            return lines
        match self._masters.kind:
            case "products":
                found = await wrong_suppliers(self._connection, lines)
            case "locations":
                found = await wrong_places(self._connection, lines)
            case "packs" | "barcodes" | "par-levels":
                found = await wrong_names(self._connection, self._of, lines)
            case _:
                found = []
        return self._without(lines, found)

    async def _known(self, chunk: Sequence[Cells]) -> dict[_Key, dict[str, Any]]:
        if self._connection is None:
            return {}
        keys = [self._key(cells) for cells in chunk]
        rows = await fetch(
            self._connection,
            self._masters.kept,
            codes=[key[0] for key in keys],
            others=[key[-1] for key in keys],
        )
        return {tuple(row[name] for name in self._of.key): row for row in rows}

    def _key(self, cells: Cells) -> _Key:
        """The codes that name the row, as they are kept; what is no code is told later."""
        codes = []
        for field in self._fields:
            if field.name in self._of.key:
                text = (cells[field.name] or "").strip()
                with suppress(UnreadableCell):
                    text = read_cell(field.form, text, Reading())
                codes.append((self._of.key.index(field.name), text))
        return tuple(code for _, code in sorted(codes))

    def _line(
        self, row: int, cells: Cells, known: Mapping[_Key, dict[str, Any]], wrong: Errors
    ) -> Line | None:
        key = self._key(cells)
        for name, code in zip(self._of.key, key, strict=True):
            if not code:
                wrong.add(name, f"there is no {name}")
                return None
        if key in self._rows_of_keys:
            told = f"{'/'.join(key)} stands in row {self._rows_of_keys[key]} already"
            wrong.add(self._of.key[0], told)
            return None
        before = known.get(key)
        given = self._given(cells, before, wrong)
        model = model_of(self._of.row, {**(before or {}), **given}, wrong)
        if model is None:
            return None
        values = model.model_dump(include=self._names)
        if before is not None:
            for name in {"site", "base_unit"} & values.keys():
                if values[name] != before[name]:
                    wrong.add(name, f"it is {before[name]} for good")
        self._rows_of_keys[key] = row
        return Line(row, model, values, before)

    def _given(
        self, cells: Cells, before: Mapping[str, Any] | None, wrong: Errors
    ) -> dict[str, Any]:
        currency = (cells.get("currency") or "").strip() or None
        if "currency" not in cells:
            currency = (before or {}).get("currency") or self._currency
        reading = Reading(self._options.decimal_comma, self._options.date_format, currency)
        given = given_by(cells, self._fields, self._of.row, reading, wrong)
        if any(given.get(name) is not None for name in MONEY):
            given.setdefault("currency", currency)
        return given

    def _without(self, lines: list[Line], wrong: Sequence[Wrong]) -> list[Line]:
        self.findings.wrong += wrong
        rows = {found.row for found in wrong}
        return [line for line in lines if line.row not in rows]

    async def _take(self, lines: Sequence[Line]) -> None:
        """Count the lines, and keep them unless it is a dry run."""
        self.findings.outcomes.update(line.outcome for line in lines)
        if self._masters.kind == "products":
            self._kept |= {line.values["sku"] for line in lines}
        changed = [line for line in lines if line.outcome != Outcome.UNCHANGED]
        if self._options.dry_run or not changed:
            return
        if self._connection is None:
            raise ValueError("an import that is no dry run needs a database")
        if self._masters.kind == "locations":
            await self._make_sites(self._connection, {line.values["site"] for line in changed})
        await write(self._connection, self._of, [line.model for line in changed])

    async def _make_sites(self, connection: DatabaseConnection, codes: set[str]) -> None:
        there = await fetch(connection, queries.kept_sites, codes=list(codes))
        made = sorted(codes - {row["code"] for row in there})
        zone = self._options.time_zone or "UTC"
        sites = [Site(code=code, name=title_of(code) or code, time_zone=zone) for code in made]
        await upsert_sites(connection, sites)
        self.findings.sites_made += made
