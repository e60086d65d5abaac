"""How the files of somebody are read, kept under a name and used again."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.database import DatabaseConnection
from api.imports.errors import OptionUnusable, StaleMapping, UnknownMapping
from api.imports.place import fetch, queries
from api.imports.schemas import ImportOptions, ImportReport, Kind, Profile
from api.text import NewCode, SoughtCode, without_nul
from api.versions import versions_of

Text = Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(without_nul)]


def _short_enough(value: dict[str, str]) -> dict[str, str]:
    if any("\n" in name or not name.isprintable() for name in value):
        raise PydanticCustomError("field_name", "Expected names of fields")
    return value


Named = Annotated[dict[SoughtCode, Text], Field(max_length=50), AfterValidator(_short_enough)]


class ImportMapping(BaseModel):
    """What a user says of files of one source; what is left out is guessed in each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind | None = None
    profile: Profile | None = None
    sheet: Text | None = Field(default=None, description="Of an Excel workbook; else the first.")
    columns: Named = Field(default={}, description='Our field to their column: {"sku": "Item"}.')
    constants: Named = Field(
        default={}, description="Our field to a value that is the same in every line."
    )
    date_format: Text | None = Field(default=None, description='As in "%d/%m/%Y %H:%M".')
    decimal_comma: bool = Field(default=False, description="1.234,50 is a thousand and more.")
    time_zone: Text | None = None
    site: SoughtCode | None = None
    location: SoughtCode | None = Field(default=None, description="For lines that name none.")
    currency: Text | None = None
    product_code: Text | None = Field(default=None, description="A regular expression.")


class NamedMapping(BaseModel):
    """A mapping as it is kept; `version` is what If-Match names."""

    name: str
    mapping: ImportMapping
    version: int


MappingName = NewCode
_FIELDS = tuple(ImportMapping.model_fields)
_PAIRS = ("columns", "constants")


async def list_mappings(
    connection: DatabaseConnection, *, after: str | None, limit: int
) -> list[NamedMapping]:
    """Mappings in order of their names."""
    rows = await fetch(connection, queries.list_mappings, after=after, limit=limit)
    return [NamedMapping(**row) for row in rows]


async def get_mapping(connection: DatabaseConnection, name: str) -> NamedMapping:
    """The mapping of a name."""
    rows = await fetch(connection, queries.get_mapping, name=name)
    if not rows:
        raise UnknownMapping(name)
    return NamedMapping(**rows[0])


async def put_mapping(
    connection: DatabaseConnection,
    name: str,
    mapping: ImportMapping,
    *,
    if_match: str | None,
) -> tuple[NamedMapping, bool]:
    """Keep a mapping under a name; True where the name is new.

    Where another mapping stands there, If-Match must name its version.
    """
    told = mapping.model_dump(mode="json", exclude_defaults=True)
    made = await fetch(connection, queries.make_mapping, name=name, mapping=told)
    if made:
        return NamedMapping(**made[0]), True
    [kept] = await fetch(connection, queries.lock_mapping, name=name)
    if kept["mapping"] == told:
        return NamedMapping(**kept), False
    versions = versions_of(if_match)
    if versions is not None and kept["version"] not in versions:
        raise StaleMapping(name, kept["version"])
    [changed] = await fetch(connection, queries.change_mapping, name=name, mapping=told)
    return NamedMapping(**changed), False


async def delete_mapping(connection: DatabaseConnection, name: str) -> None:
    """Forget a mapping; one that there is not is forgotten already."""
    await fetch(connection, queries.delete_mapping, name=name)


def with_mapping(options: ImportOptions, mapping: ImportMapping) -> ImportOptions:
    """The options with what the mapping says where they say nothing themselves."""
    told: dict[str, Any] = {}
    for name in _FIELDS:
        said, kept = getattr(options, name), getattr(mapping, name)
        told[name] = {**kept, **said} if name in _PAIRS else said or kept
    return replace(options, **told)


def mapping_of(options: ImportOptions, report: ImportReport) -> ImportMapping:
    """How this file was read: what its user said, and the columns that were found."""
    told = {name: getattr(options, name) for name in _FIELDS}
    found = {
        field: column for field, column in report.columns.items() if field not in options.constants
    }
    return ImportMapping(**{**told, "kind": report.kind, "columns": found})


async def mapping_for(connection: DatabaseConnection | None, name: str) -> ImportMapping:
    """The mapping that `--mapping` names."""
    if connection is None:
        raise OptionUnusable(f"--mapping {name}: mappings lie in the database, and none runs.")
    try:
        return (await get_mapping(connection, name)).mapping
    except UnknownMapping as error:
        raise OptionUnusable(f"--mapping {name}: there is no such mapping.") from error
