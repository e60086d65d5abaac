"""What the plan's policy would have come to lately, beside others: a table and a plot."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from api.deps import ReadingConnection
from api.forecasts import service
from api.pagination import MAXIMUM_LIMIT, Paging
from api.staff.chart import costs_so_far
from api.staff.pages import CurrentShell, PageRoute, page
from api.text import SoughtCode

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Site = Annotated[SoughtCode | None, Query()]


@router.get("/plan/backtest")
async def show_backtest(
    request: Request, shell: CurrentShell, connection: ReadingConnection, site: Site = None
) -> HTMLResponse:
    """One site at a time, the first one without being asked for another."""
    sites = await service.list_replayed_sites(connection, sites=shell.sites)
    shown = site or (sites[0]["code"] if sites else None)
    found, _ = await service.list_backtests(
        connection, paging=Paging(MAXIMUM_LIMIT, None), sites=shell.sites, site=shown
    )
    return page(
        request,
        "backtest.html",
        shell=shell,
        here="plan",
        site=shown,
        sites=sites,
        charts=costs_so_far(found),
    )
