"""GET /v1/forecast-accuracy, /v1/forecast-totals, /v1/waiting-plans and /v1/backtests."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import Reader, ReadingConnection
from api.forecasts import service
from api.forecasts.schemas import Backtest, ForecastAccuracy, TotalForecastDay, WaitingPlan
from api.pagination import Page, PagingQuery
from api.text import SoughtCode

router = APIRouter(prefix="/v1", tags=["planning"])

Site = Annotated[SoughtCode | None, Query(description="only this site")]
Category = Annotated[SoughtCode | None, Query(description="only this category")]
Days = Annotated[int, Query(ge=1, le=365, description="how many days back")]


@router.get("/forecast-accuracy")
async def list_accuracy(
    connection: ReadingConnection,
    actor: Reader,
    paging: PagingQuery,
    site: Site = None,
    category: Category = None,
    days: Days = 28,
) -> Page[ForecastAccuracy]:
    """How good forecasts were as they were issued, by site and horizon."""
    rows, next_cursor = await service.list_accuracy(
        connection, paging=paging, sites=actor.sites, site=site, category=category, days=days
    )
    return Page(items=rows, next_cursor=next_cursor)


@router.get("/forecast-totals")
async def list_totals(
    connection: ReadingConnection, actor: Reader, paging: PagingQuery, site: Site = None
) -> Page[TotalForecastDay]:
    """The demand expected of whole sites and of their categories, a day an item."""
    days, next_cursor = await service.list_totals(
        connection, paging=paging, sites=actor.sites, site=site
    )
    return Page(items=days, next_cursor=next_cursor)


@router.get("/waiting-plans")
async def list_waiting_plans(connection: ReadingConnection, actor: Reader) -> Page[WaitingPlan]:
    """The sites whose plan is left as it is because of their forecast, and why."""
    waiting = await service.list_waiting_plans(connection, sites=actor.sites)
    return Page(items=waiting, next_cursor=None)


@router.get("/backtests")
async def list_backtests(
    connection: ReadingConnection, actor: Reader, paging: PagingQuery, site: Site = None
) -> Page[Backtest]:
    """What several policies would have come to over the last weeks of each site."""
    rows, next_cursor = await service.list_backtests(
        connection, paging=paging, sites=actor.sites, site=site
    )
    return Page(items=rows, next_cursor=next_cursor)
