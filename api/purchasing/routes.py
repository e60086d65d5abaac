"""GET /v1/forecasts and GET /v1/restock-plan."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Reader, ReadingConnection
from api.pagination import Page, PagingQuery
from api.purchasing import service
from api.purchasing.schemas import ForecastDay, Kind, PlanLine
from api.text import SoughtCode

router = APIRouter(prefix="/v1", tags=["planning"])

Sku = Annotated[SoughtCode | None, Query(description="only this product")]
Site = Annotated[SoughtCode | None, Query(description="only this site")]


@router.get("/forecasts")
async def list_forecasts(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    sku: Sku = None,
    site: Site = None,
) -> Page[ForecastDay]:
    """The demand expected a day, as a distribution, from the forecast that stands."""
    days, next_cursor = await service.list_forecasts(
        connection, paging=paging, sites=actor.sites, sku=sku, site=site
    )
    return Page(items=days, next_cursor=next_cursor)


@router.get("/restock-plan")
async def list_restock_plan(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    site: Site = None,
    kind: Annotated[list[Kind] | None, Query(description="only lines of these kinds")] = None,
) -> Page[PlanLine]:
    """What to buy, move, refill or part with, and why: the most pressing first, refills last,
    in the order of their places.
    """
    lines, next_cursor = await service.list_plan(
        connection, paging=paging, sites=actor.sites, site=site, kinds=kind
    )
    return Page(items=[line.for_machines() for line in lines], next_cursor=next_cursor)
