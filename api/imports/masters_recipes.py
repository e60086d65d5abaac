"""A file of recipes: a line is one component of one version of one kit.

A version is for good, because events were exploded by it. One that is there is compared as a
whole; a new one is the next of its kit, and all of its lines are kept or none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from api.catalog.kinds import PRODUCTS
from api.catalog.kinds import parts as catalog_parts
from api.catalog.schemas import Recipe
from api.database import DatabaseConnection
from api.imports.columns import Column
from api.imports.lines import TOO_MANY_FIELDS
from api.imports.masters_fields import Reading
from api.imports.masters_kinds import Masters, parts
from api.imports.masters_lines import Cells, Errors, Findings, Wrong, given_by, model_of, read_lines
from api.imports.place import fetch, queries
from api.imports.reading import Table
from api.imports.schemas import ImportOptions, Outcome, Progress, Tell
from api.text import SoughtCode

_Components = dict[str, int]
_MOST_COMPONENTS = next(
    found.max_length
    for found in Recipe.model_fields["components"].metadata
    if hasattr(found, "max_length")
)


class RecipeLine(BaseModel):
    """One component; a line without any says that the product is a kit no longer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: SoughtCode
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    component: SoughtCode | None = None
    quantity: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, validate_default=True
    )

    @field_validator("quantity")
    @classmethod
    def _is_of_a_component(cls, value: int | None, given: ValidationInfo) -> int | None:
        if "component" in given.data and (value is None) != (given.data["component"] is None):
            raise PydanticCustomError("component", "Expected a component and its quantity")
        return value


@dataclass(frozen=True)
class _Recipe:
    """What the lines of one version say; `version` is None where they say none."""

    sku: str
    version: int | None
    rows: tuple[tuple[int, str | None], ...]
    components: _Components

    @property
    def row(self) -> int:
        """The first of its rows."""
        return self.rows[0][0]


@dataclass(frozen=True)
class _Kept:
    """What the catalog has of the kits that the file names, and what has no stock of its own."""

    versions: Mapping[str, Mapping[int, _Components]]
    newest: Mapping[str, _Components]
    parents: frozenset[str]
    skus: frozenset[str]


class RecipeFile:
    """Reads the recipes of one file, and keeps those that are new unless it is a dry run."""

    def __init__(
        self,
        table: Table,
        masters: Masters,
        columns: Mapping[str, Column],
        connection: DatabaseConnection | None,
        options: ImportOptions,
    ) -> None:
        self.findings = Findings.of(table, columns)
        self._table = table
        self._fields = [field for field in masters.fields if field.name in columns]
        self._connection = connection
        self._options = options
        self._spoiled: dict[str, int] = {}

    async def import_lines(self, tell: Tell) -> None:
        """All at once, since kits name one another's components."""
        recipes = self._complete(self._read())
        tell(Progress("reading the lines", self._table.lines, self._table.lines))
        if self._connection is None:
            self._count(recipes, Outcome.CREATED)
        else:
            await self._compare(self._connection, recipes)
        self.findings.outcomes[Outcome.REJECTED] = len(self.findings.wrong)

    def _read(self) -> list[tuple[int, RecipeLine]]:
        lines, rows_of_keys = list[tuple[int, RecipeLine]](), dict[Any, int]()
        for row, cells, is_too_long in read_lines(self._table, self._fields, self.findings.columns):
            wrong = Errors(row, cells)
            if is_too_long:
                wrong.add("line", TOO_MANY_FIELDS)
            line = self._line(cells, wrong)
            if line is not None:
                first = rows_of_keys.setdefault((line.sku, line.version, line.component), row)
                if first != row:
                    wrong.add("component", f"{line.component} stands in row {first} already")
            if line is not None and not wrong.found:
                lines.append((row, line))
            else:
                # Without one of its lines a recipe would say something else.
                self._spoiled.setdefault((cells["sku"] or "").strip(), row)
                self.findings.wrong.append(wrong.as_one())
        return lines

    def _line(self, cells: Cells, wrong: Errors) -> RecipeLine | None:
        if not (cells["sku"] or "").strip():
            wrong.add("sku", "there is no sku")
            return None
        reading = Reading(decimal_comma=self._options.decimal_comma)
        given = given_by(cells, self._fields, RecipeLine, reading, wrong)
        found = model_of(RecipeLine, given, wrong)
        return found if isinstance(found, RecipeLine) else None

    def _complete(self, lines: Sequence[tuple[int, RecipeLine]]) -> list[_Recipe]:
        """The recipes of which every line can be read, in the order of their versions."""
        grouped: dict[tuple[str, int | None], list[tuple[int, RecipeLine]]] = {}
        for row, line in lines:
            grouped.setdefault((line.sku, line.version), []).append((row, line))
        recipes = []
        for (sku, version), found in grouped.items():
            recipe = _Recipe(
                sku,
                version,
                tuple((row, line.component) for row, line in found),
                {line.component: line.quantity or 0 for _, line in found if line.component},
            )
            if sku in self._spoiled:
                told = f"row {self._spoiled[sku]} of the same kit is wrong"
                self._reject(recipe, "line", told)
            elif 0 < len(recipe.components) < len(found):
                self._reject(recipe, "component", "other lines of this recipe have components")
            elif len(recipe.components) > _MOST_COMPONENTS:
                self._reject(
                    recipe, "component", f"a kit has {_MOST_COMPONENTS} components at most"
                )
            elif version is not None and (sku, None) in grouped:
                self._reject(recipe, "version", "other lines of this kit say no version")
            else:
                recipes.append(recipe)
        return sorted(recipes, key=lambda recipe: (recipe.sku, recipe.version or 0))

    async def _compare(self, connection: DatabaseConnection, recipes: list[_Recipe]) -> None:
        named = {code for found in recipes for code in (found.sku, *found.components)}
        if not self._options.dry_run:
            # As for a recipe by itself: two kits cannot be made of one another at one moment.
            await fetch(connection, PRODUCTS.lock, sku=list(named))
        kept = await _kept(connection, recipes, named)
        fitting = self._fitting(recipes, kept)
        new = []
        for recipe in fitting:
            before = kept.versions.get(recipe.sku, {})
            if recipe.components == before.get(recipe.version or _last(before)):
                self._count([recipe], Outcome.UNCHANGED)
            else:
                is_more = recipe.version is None and bool(before)
                self._count([recipe], Outcome.CHANGED if is_more else Outcome.CREATED)
                new.append((recipe.version or _last(before) + 1, recipe))
        if not self._options.dry_run:
            for version, recipe in new:
                await fetch(
                    connection,
                    catalog_parts.insert_recipe,
                    sku=recipe.sku,
                    version=version,
                    components=list(recipe.components),
                    quantities=list(recipe.components.values()),
                )

    def _fitting(self, recipes: Sequence[_Recipe], kept: _Kept) -> list[_Recipe]:
        """Those that can be kept beside one another; one that is left out may be missed."""
        fitting = list(recipes)
        while True:
            wrong = _misfits(fitting, kept)
            if not wrong:
                return fitting
            for recipe, (name, reason) in wrong:
                self._reject(recipe, name, reason)
            left_out = [recipe for recipe, _ in wrong]
            fitting = [recipe for recipe in fitting if recipe not in left_out]

    def _reject(self, recipe: _Recipe, name: str, reason: str) -> None:
        for row, component in recipe.rows:
            value = {"sku": recipe.sku, "component": component}.get(name)
            self.findings.wrong.append(Wrong(row, name, reason, value))

    def _count(self, recipes: Sequence[_Recipe], outcome: Outcome) -> None:
        self.findings.outcomes[outcome] += sum(len(recipe.rows) for recipe in recipes)


async def _kept(
    connection: DatabaseConnection, recipes: Sequence[_Recipe], named: set[str]
) -> _Kept:
    versions: dict[str, dict[int, _Components]] = {}
    skus = list({recipe.sku for recipe in recipes})
    for row in await fetch(connection, parts.kept_recipes, codes=skus):
        held = versions.setdefault(row["sku"], {}).setdefault(row["version"], {})
        if row["component"] is not None:
            held[row["component"]] = row["quantity"]
    newest: dict[str, _Components] = {}
    parents = set()
    for row in await fetch(connection, parts.kits_and_parents):
        if row["parent"] is not None:
            parents.add(row["parent"])
        else:
            newest.setdefault(row["kit"], {})[row["component"]] = 1
    there = await fetch(connection, queries.find_skus, keys=list(named))
    return _Kept(versions, newest, frozenset(parents), frozenset(row["sku"] for row in there))


def _misfits(recipes: Sequence[_Recipe], kept: _Kept) -> list[tuple[_Recipe, tuple[str, str]]]:
    """What is wrong with some of these, if all of them were kept."""
    stock = _Stock(kept, recipes)
    following: dict[str, int] = {}
    wrong = []
    for recipe in recipes:
        before = kept.versions.get(recipe.sku, {})
        expected = following.get(recipe.sku, _last(before) + 1)
        found = _of_versions(recipe, before, expected)
        if found is None and recipe.components != before.get(recipe.version or 0):
            following[recipe.sku] = expected + 1
            found = _of_codes(recipe, kept)
            if found is None and stock.newest[recipe.sku] is recipe.components:
                found = stock.misfit(recipe)
        if found is not None:
            wrong.append((recipe, found))
    return wrong


def _last(versions: Mapping[int, _Components]) -> int:
    return max(versions, default=0)


def _of_versions(
    recipe: _Recipe, before: Mapping[int, _Components], expected: int
) -> tuple[str, str] | None:
    if recipe.version is None:
        return None
    if recipe.version in before:
        if before[recipe.version] != recipe.components:
            return "version", f"version {recipe.version} is there with other content, for good"
    elif recipe.version != expected:
        return "version", f"the next version of {recipe.sku} is {expected}"
    return None


def _of_codes(recipe: _Recipe, kept: _Kept) -> tuple[str, str] | None:
    if recipe.sku not in kept.skus:
        return "sku", f"there is no product {recipe.sku}"
    missing = sorted(recipe.components.keys() - kept.skus)
    if missing:
        return "component", f"there is no product {missing[0]}"
    if recipe.sku in recipe.components:
        return "component", "a kit cannot hold itself"
    return None


class _Stock:
    """What has stock of its own and what has not, if all of the recipes of a file were kept."""

    def __init__(self, kept: _Kept, recipes: Sequence[_Recipe]) -> None:
        self.newest = dict(kept.newest)
        self._parents = kept.parents
        self._said_in: dict[str, int] = {}
        for recipe in recipes:
            before = kept.versions.get(recipe.sku, {})
            if (recipe.version or _last(before)) >= _last(before):
                self.newest[recipe.sku] = recipe.components
                if recipe.components != before.get(_last(before)):
                    self._said_in[recipe.sku] = recipe.row
        self._part_since: dict[str, int] = {}
        for kit, components in self.newest.items():
            row = self._said_in.get(kit, 0)
            for component in components:
                self._part_since[component] = min(row, self._part_since.get(component, row))

    def misfit(self, recipe: _Recipe) -> tuple[str, str] | None:
        """Of two recipes that cannot both be, the later one is wrong."""
        if not recipe.components:
            return None
        if self._part_since.get(recipe.sku, recipe.row) < recipe.row:
            return "sku", f"{recipe.sku} is part of a kit, so it cannot be one"
        if recipe.sku in self._parents:
            return "sku", f"{recipe.sku} has variants, so it cannot be a kit"
        for component in recipe.components:
            is_kit = self.newest.get(component)
            if component in self._parents or (
                is_kit and self._said_in.get(component, 0) < recipe.row
            ):
                return "component", f"{component} is a kit or has variants, so it has no stock"
        return None
