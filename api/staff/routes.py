"""(7) Staff act: every page, the files that pages need, and the API's documentation."""

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse

from api.alerts import service as alerts
from api.deps import ReadingConnection
from api.pagination import Paging
from api.purchasing import service as purchasing
from api.staff import (
    alert_pages,
    approval_pages,
    backtest_pages,
    book_pages,
    catalog_pages,
    docs,
    formats,
    order_pages,
    picture_pages,
    plan_pages,
    product_pages,
    provider_pages,
    record_pages,
    recorded_pages,
    sign_in,
    slack_pages,
    stock_pages,
)
from api.staff.files import mount_files
from api.staff.pages import CurrentShell, PageRoute, page

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SHOWN_AT_START = 5
_PARTS = (
    sign_in,
    provider_pages,
    stock_pages,
    product_pages,
    record_pages,
    recorded_pages,
    book_pages,
    alert_pages,
    plan_pages,
    backtest_pages,
    approval_pages,
    order_pages,
    catalog_pages,
    picture_pages,
    slack_pages,
    docs,
)


def install_staff_pages(app: FastAPI) -> None:
    """Include the pages and their files in the application."""
    app.include_router(router)
    app.include_router(docs.schema_router)
    app.include_router(book_pages.data_router)
    for part in _PARTS:
        app.include_router(part.router)
    mount_files(app)


@router.get("/")
async def start(
    request: Request, shell: CurrentShell, connection: ReadingConnection
) -> HTMLResponse:
    """The state of everything in a few numbers, and what needs someone now."""
    summary = await alerts.summarize(connection, sites=shell.sites)
    lines, _ = await purchasing.list_plan(
        connection,
        paging=Paging(_SHOWN_AT_START, None),
        sites=shell.sites,
        kinds=("purchase", "transfer"),
    )
    return page(
        request,
        "start.html",
        shell=shell,
        here="start",
        summary=summary,
        tiles=formats.tiles(summary),
        alerts=await alerts.list_live_alerts(connection, sites=shell.sites, limit=_SHOWN_AT_START),
        lines=lines,
    )
