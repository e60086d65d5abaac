"""Master data: made once under a code that is for good, changed by version.

`sites` are the codes of the sites that the actor's role is for; None is every site.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from pydantic import BaseModel, ValidationError

from api.catalog.errors import (
    DifferentContent,
    InUse,
    StaleVersion,
    UnknownCode,
    VersionRequired,
)
from api.catalog.kinds import LOCATIONS, PRODUCTS, SITES, SUPPLIERS, Kept, Key, Kind, parts, queries
from api.catalog.schemas import (
    KeptProductWithStock,
    Location,
    Product,
    Site,
    StockOfProduct,
    Supplier,
)
from api.catalog.writing import execute, fetch, listed, write
from api.database import DatabaseConnection
from api.deps import Sites
from api.problems import invalid_fields

# A row's default that is made when it is kept: "whatever it is" agrees with whatever was made.
_MADE_LATER = ("name", "selling")


async def list_kept(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    *,
    sites: Sites = None,
    after: Key | None = None,
    limit: int | None = None,
    filters: Mapping[str, Any],
) -> list[Kept]:
    """Rows in order of their keys, after one of them; a field of the key is a list of codes."""
    values = {**dict.fromkeys((*kind.key, *kind.filters)), **filters}
    records = await fetch(
        connection, kind.listing, sites=listed(sites), after=after, limit=limit, **values
    )
    return [kind.kept.model_construct(**record) for record in records]


async def find(
    connection: DatabaseConnection, kind: Kind[Kept], keys: Sequence[Key], *, sites: Sites = None
) -> dict[Key, Kept]:
    """The rows of these keys, of those that there are."""
    rows = await list_kept(connection, kind, sites=sites, filters=_codes(kind, keys))
    wanted = set(keys)
    return {key: row for row in rows if (key := kind.key_of(row)) in wanted}


async def get(
    connection: DatabaseConnection, kind: Kind[Kept], key: Key, *, sites: Sites = None
) -> Kept:
    """The row of a key."""
    found = await find(connection, kind, [key], sites=sites)
    if key not in found:
        raise UnknownCode(kind.title, "/".join(key))
    return found[key]


async def get_product_with_stock(
    connection: DatabaseConnection, sku: str, *, sites: Sites = None
) -> KeptProductWithStock:
    """A product and what each place holds of it."""
    product = await get(connection, PRODUCTS, (sku,))
    levels = await fetch(connection, parts.stock_of_product, sku=sku, sites=listed(sites))
    return KeptProductWithStock.model_construct(
        **product.model_dump(), stock_levels=[StockOfProduct(**level) for level in levels]
    )


async def create(
    connection: DatabaseConnection, kind: Kind[Kept], row: BaseModel, *, sites: Sites = None
) -> tuple[Kept, bool]:
    """Keep a new row; False where the same row was there already."""
    is_new = await write(connection, kind, [row], sites=sites, overwrites=False)
    key = kind.key_of(row)
    kept = await get(connection, kind, key, sites=sites)
    if not is_new:
        different = _differences(row, kept)
        if different:
            raise DifferentContent(kind.title, "/".join(key), different)
    return kept, is_new


def _differences(row: BaseModel, kept: BaseModel) -> list[str]:
    sent = {name: getattr(row, name) for name in sorted(row.model_fields_set)}
    return [
        name
        for name, value in sent.items()
        if value != getattr(kept, name) and not (value is None and name in _MADE_LATER)
    ]


async def replace(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    row: BaseModel,
    *,
    versions: frozenset[int] | None,
    names_a_version: bool,
    sites: Sites = None,
) -> tuple[Kept, bool]:
    """Keep exactly this row; True where it is new. Only the same again needs no version."""
    key = kind.key_of(row)
    await _lock(connection, kind, [key])
    before = (await find(connection, kind, [key], sites=sites)).get(key)
    if before is None and not names_a_version:
        return await create(connection, kind, row, sites=sites)
    if before is None:
        raise UnknownCode(kind.title, "/".join(key))
    if not names_a_version:
        if _differences(row, before):
            raise VersionRequired()
        return before, False
    _require_version(kind, before, versions)
    await write(connection, kind, [row], sites=sites)
    return await get(connection, kind, key, sites=sites), False


async def change(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    key: Key,
    patch: Mapping[str, Any],
    *,
    versions: frozenset[int] | None,
    sites: Sites = None,
) -> Kept:
    """Change what is sent of a row whose version is one of these; None means any version."""
    await _lock(connection, kind, [key])
    before = await get(connection, kind, key, sites=sites)
    _require_version(kind, before, versions)
    await write(connection, kind, [patched(kind, before, patch)], sites=sites)
    return await get(connection, kind, key, sites=sites)


def require_version(title: str, code: str, version: int, versions: frozenset[int] | None) -> None:
    """Refuse a change to a version that is not one of these; None means any version."""
    if versions is not None and version not in versions:
        raise StaleVersion(title, code, version)


def _require_version(kind: Kind[Kept], kept: Any, versions: frozenset[int] | None) -> None:
    require_version(kind.title, "/".join(kind.key_of(kept)), kept.version, versions)


def patched(kind: Kind[Kept], before: BaseModel | None, patch: Mapping[str, Any]) -> BaseModel:
    """A row as it is after a merge patch (RFC 7396); a problem where it is none any more."""
    held = before.model_dump(include=set(kind.row.model_fields)) if before is not None else {}
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(held.get(name), dict):
            merged = {**held[name], **value}
            held[name] = {entry: told for entry, told in merged.items() if told is not None}
        else:
            held[name] = value
    try:
        return kind.row.model_validate(held)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_input=False)) from error


def whole(kind: Kind[Kept], key: Key, fields: Mapping[str, Any]) -> BaseModel:
    """The row of a key that has exactly these fields."""
    return patched(kind, None, {**fields, **dict(zip(kind.key, key, strict=True))})


async def remove(
    connection: DatabaseConnection,
    kind: Kind[Kept],
    key: Key,
    *,
    versions: frozenset[int] | None,
    sites: Sites = None,
) -> None:
    """Delete a row, if it is there."""
    if kind.delete is None:
        raise TypeError(f"a {kind.title} is for good")
    await _lock(connection, kind, [key])
    before = (await find(connection, kind, [key], sites=sites)).get(key)
    if before is None:
        return
    _require_version(kind, before, versions)
    try:
        await execute(connection, kind.delete, **_codes(kind, [key]))
    except asyncpg.ForeignKeyViolationError as error:
        raise InUse(kind.title, "/".join(key)) from error


async def lock_and_find(
    connection: DatabaseConnection, kind: Kind[Kept], keys: Sequence[Key], *, sites: Sites = None
) -> dict[Key, Kept]:
    """The rows of these keys, which nobody else changes before the transaction ends."""
    await _lock(connection, kind, keys)
    return await find(connection, kind, keys, sites=sites)


async def _lock(connection: DatabaseConnection, kind: Kind[Kept], keys: Sequence[Key]) -> None:
    await execute(connection, kind.lock, **_codes(kind, keys))


def _codes(kind: Kind[Kept], keys: Sequence[Key]) -> dict[str, list[str]]:
    return {name: [key[i] for key in keys] for i, name in enumerate(kind.key)}


async def upsert_suppliers(connection: DatabaseConnection, rows: Sequence[Supplier]) -> None:
    """Make or change many suppliers at once; of two with one code the last counts."""
    await _upsert(connection, SUPPLIERS, rows)


async def upsert_sites(
    connection: DatabaseConnection, rows: Sequence[Site], *, is_simulated: bool = False
) -> None:
    """Make or change many sites; whether a site is simulated is said when it is made."""
    await _upsert(connection, SITES, rows, is_simulated=is_simulated)


async def upsert_locations(connection: DatabaseConnection, rows: Sequence[Location]) -> None:
    """Make or change many places; those of one call may name one another."""
    await _upsert(connection, LOCATIONS, rows)


async def upsert_products(connection: DatabaseConnection, rows: Sequence[Product]) -> None:
    """Make or change many products at once; of two with one sku the last counts."""
    await _upsert(connection, PRODUCTS, rows)


async def _upsert(
    connection: DatabaseConnection, kind: Kind[Kept], rows: Sequence[BaseModel], **values: Any
) -> None:
    """What a row does not say stays as it is, or is by default."""
    by_key = {kind.key_of(row): row for row in rows}
    if by_key:
        before = await lock_and_find(connection, kind, list(by_key))
        whole = [
            patched(kind, before.get(key), row.model_dump(exclude_unset=True))
            for key, row in by_key.items()
        ]
        await write(connection, kind, whole, **values)


async def find_products(
    connection: DatabaseConnection, skus: Sequence[str]
) -> dict[str, asyncpg.Record]:
    """product_id by sku, of those that there are."""
    records = await fetch(connection, queries.find_products, codes=skus)
    return {record["sku"]: record for record in records}
