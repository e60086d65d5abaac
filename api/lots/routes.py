"""Lots under /v1/lots: which lie where, and what each went through."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.catalog.paths import CodeRoute
from api.deps import Reader, ReadingConnection
from api.lots import service
from api.lots.schemas import LotAtPlace, LotQuestion, LotTrace, TraceQuestion
from api.pagination import Page, Paging, page_of
from api.text import SoughtCode

router = APIRouter(prefix="/v1/lots", tags=["lots"], route_class=CodeRoute)


@router.get("")
async def list_lots(
    connection: ReadingConnection, actor: Reader, asked: Annotated[LotQuestion, Query()]
) -> Page[LotAtPlace]:
    """Each lot at each place that has it or once had it: from a place back to its lots."""
    after = Paging(asked.limit, asked.cursor).after(str, str, str)
    found = await service.list_lots(
        connection,
        asked,
        after=(after[0], after[1], after[2]) if after is not None else None,
        sites=actor.sites,
    )
    items, next_cursor = page_of(found, asked.limit, lambda lot: (lot.sku, lot.lot, lot.location))
    return Page(items=items, next_cursor=next_cursor)


@router.get("/{sku}/{lot}/trace")
async def trace_lot(
    sku: SoughtCode,
    lot: SoughtCode,
    connection: ReadingConnection,
    actor: Reader,
    asked: Annotated[TraceQuestion, Query()],
) -> LotTrace:
    """From a lot to every place, sale and transfer that it went through."""
    position, leg = Paging(asked.limit, asked.cursor).after(int, int) or (0, -1)
    return await service.trace_lot(
        connection, sku, lot, after=(position, leg), limit=asked.limit, sites=actor.sites
    )
