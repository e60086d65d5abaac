"""What the pages show beyond the features' own reads: one query each, no decisions."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from api.database import DatabaseConnection
from api.deps import Sites
from db.sql import Query, load_queries

_queries = load_queries(__file__)
_EVENTS_SHOWN = 15
# More places than this are typed, not chosen from a list.
PLACES_TO_CHOOSE = 250


@dataclass(frozen=True, slots=True)
class ShiftedImport:
    """A history that ended long ago and was moved to end yesterday."""

    source: str
    last_day: date
    shifted_days: int


async def read_shell(connection: DatabaseConnection, *, sites: Sites) -> asyncpg.Record:
    """What stands on every page."""
    return await _one(connection, _queries.read_shell, sites=sites)


async def read_offline_data(connection: DatabaseConnection, *, sites: Sites) -> dict[str, Any]:
    """Products, places and levels, as a phone keeps them."""
    row = await _one(connection, _queries.read_offline_data, sites=sites)
    told: dict[str, Any] = json.loads(row["told"])
    return told


async def list_shifted_imports(connection: DatabaseConnection) -> tuple[ShiftedImport, ...]:
    rows = await _fetch(connection, _queries.list_shifted_imports)
    return tuple(ShiftedImport(**dict(row)) for row in rows)


async def search_products(
    connection: DatabaseConnection,
    *,
    sites: Sites,
    search: str,
    show: str,
    after_sku: str,
    limit: int,
) -> list[asyncpg.Record]:
    """Products in order of SKU, each with its stock and whether it is low or out."""
    return await _fetch(
        connection,
        _queries.search_products,
        sites=sites,
        words=words(search),
        show=show,
        after_sku=after_sku,
        limit=limit,
    )


async def find_places(
    connection: DatabaseConnection, *, sites: Sites, search: str, limit: int = 20
) -> list[asyncpg.Record]:
    """Places whose code or name matches; none where nothing is searched."""
    if not words(search):
        return []
    return await _fetch(
        connection, _queries.find_places, sites=sites, words=words(search), limit=limit
    )


async def recently_recorded_products(
    connection: DatabaseConnection, *, sites: Sites, limit: int = 8
) -> list[asyncpg.Record]:
    return await _fetch(connection, _queries.recently_recorded_products, sites=sites, limit=limit)


async def read_product(
    connection: DatabaseConnection, sku: str, *, sites: Sites
) -> asyncpg.Record | None:
    if "\x00" in sku:
        return None
    return await _one_or_none(connection, _queries.read_product, sites=sites, sku=sku)


async def list_levels_of_product(
    connection: DatabaseConnection, product_id: int, *, sites: Sites
) -> list[asyncpg.Record]:
    return await _fetch(
        connection, _queries.list_levels_of_product, sites=sites, product_id=product_id
    )


async def list_events_of_product(
    connection: DatabaseConnection, product_id: int, *, sites: Sites
) -> list[asyncpg.Record]:
    return await _fetch(
        connection,
        _queries.list_events_of_product,
        sites=sites,
        product_id=product_id,
        limit=_EVENTS_SHOWN,
    )


async def read_place(
    connection: DatabaseConnection, code: str, *, sites: Sites
) -> asyncpg.Record | None:
    if "\x00" in code:
        return None
    return await _one_or_none(connection, _queries.read_place, sites=sites, code=code)


async def list_levels_of_place(
    connection: DatabaseConnection, location_id: int, *, after_sku: str, limit: int
) -> list[asyncpg.Record]:
    return await _fetch(
        connection,
        _queries.list_levels_of_place,
        location_id=location_id,
        after_sku=after_sku,
        limit=limit,
    )


async def list_places_to_choose(
    connection: DatabaseConnection, product_id: int, *, sites: Sites
) -> list[asyncpg.Record]:
    """One more than can be chosen from, so that the form knows when to have them typed."""
    return await _fetch(
        connection,
        _queries.list_places_to_choose,
        sites=sites,
        product_id=product_id,
        limit=PLACES_TO_CHOOSE + 1,
    )


async def read_on_hand(
    connection: DatabaseConnection, *, sites: Sites, sku: str, location: str
) -> asyncpg.Record | None:
    """The name of the place and what the book has there."""
    return await _one_or_none(
        connection, _queries.read_on_hand, sites=sites, sku=sku, location=location
    )


async def read_event(
    connection: DatabaseConnection, event_id: UUID, *, sites: Sites
) -> asyncpg.Record | None:
    return await _one_or_none(connection, _queries.read_event, sites=sites, event_id=event_id)


async def list_levels_of_event(
    connection: DatabaseConnection, *, sites: Sites, product_id: int, position: int
) -> list[asyncpg.Record]:
    return await _fetch(
        connection,
        _queries.list_levels_of_event,
        sites=sites,
        product_id=product_id,
        position=position,
    )


async def list_sites(connection: DatabaseConnection, *, sites: Sites) -> list[asyncpg.Record]:
    return await _fetch(connection, _queries.list_sites, sites=sites)


async def read_freshness(connection: DatabaseConnection) -> asyncpg.Record:
    return await _one(connection, _queries.read_freshness)


async def name_actors(
    connection: DatabaseConnection, actor_ids: Iterable[int | None]
) -> dict[int | None, str]:
    """Names by actor_id; nobody is a part of Parstock itself."""
    wanted = [actor_id for actor_id in set(actor_ids) if actor_id is not None]
    rows = await _fetch(connection, _queries.name_actors, actor_ids=wanted)
    return {None: "Parstock", **{row["actor_id"]: row["name"] for row in rows}}


async def list_location_kinds(connection: DatabaseConnection) -> list[asyncpg.Record]:
    return await _fetch(connection, _queries.list_location_kinds)


def words(search: str) -> list[str]:
    """What is looked for: lower case, without what Postgres cannot keep, ten words at most."""
    return search.replace("\x00", " ").lower().split()[:10]


async def _fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows


async def _one_or_none(
    connection: DatabaseConnection, query: Query, **values: Any
) -> asyncpg.Record | None:
    rows = await _fetch(connection, query, **values)
    return rows[0] if rows else None


async def _one(connection: DatabaseConnection, query: Query, **values: Any) -> asyncpg.Record:
    (row,) = await _fetch(connection, query, **values)
    return row
