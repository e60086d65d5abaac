"""Lots: where they lie, and their traces."""

from typing import Any

import asyncpg

from api.database import DatabaseConnection
from api.deps import Sites
from api.lots.errors import NoSuchLot
from api.lots.schemas import LotAtPlace, LotMovement, LotQuestion, LotTrace, PlaceOfLot
from api.pagination import page_of
from db.sql import Query, load_queries

_queries = load_queries(__file__)


async def list_lots(
    connection: DatabaseConnection,
    asked: LotQuestion,
    *,
    after: tuple[str, str, str] | None,
    sites: Sites,
) -> list[LotAtPlace]:
    """Lots by place, in order of sku, lot and location; one more than were asked for."""
    sku, lot, location = after or (None, None, None)
    rows = await _fetch(
        connection,
        _queries.list_lots,
        **asked.model_dump(exclude={"cursor", "limit"}),
        sites=_sorted(sites),
        after_sku=sku,
        after_lot=lot,
        after_location=location,
        limit=asked.limit + 1,
    )
    return [LotAtPlace.model_validate(dict(row)) for row in rows]


async def trace_lot(
    connection: DatabaseConnection,
    sku: str,
    lot: str,
    *,
    after: tuple[int, int],
    limit: int,
    sites: Sites,
) -> LotTrace:
    """Every place of a lot, and a page of what moved it."""
    found = await _fetch(connection, _queries.find_lot, sku=sku, lot=lot)
    if not found:
        raise NoSuchLot(sku, lot)
    of_it = {
        "product_id": found[0]["product_id"],
        "lot_id": found[0]["lot_id"],
        "sites": _sorted(sites),
    }
    places = [
        PlaceOfLot.model_validate(dict(row))
        for row in await _fetch(connection, _queries.list_places_of_lot, **of_it)
    ]
    if not places and sites is not None:
        raise NoSuchLot(sku, lot)
    position, leg = after
    rows = await _fetch(
        connection,
        _queries.list_movements_of_lot,
        **of_it,
        after_position=position,
        after_leg=leg,
        limit=limit + 1,
    )
    shown, next_cursor = page_of(rows, limit, lambda row: (row["position"], row["leg"]))
    return LotTrace(
        sku=found[0]["sku"],
        lot=found[0]["lot"],
        expires_on=found[0]["expires_on"],
        on_hand=sum(place.on_hand for place in places),
        places=places,
        movements=[LotMovement.model_validate(dict(row)) for row in shown],
        next_cursor=next_cursor,
    )


def _sorted(sites: Sites) -> list[str] | None:
    return None if sites is None else sorted(sites)


async def _fetch(
    connection: DatabaseConnection, query: Query, **values: Any
) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.positional, *query.arguments(values))
    return rows
