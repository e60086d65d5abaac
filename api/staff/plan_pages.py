"""The plan: what to buy, move, carry and part with, and why; the same as a file."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, StreamingResponse

from api.database import DatabasePool
from api.deps import Pool, Reader, ReadingConnection, Sites
from api.forecasts import service as forecasts
from api.pagination import MAXIMUM_LIMIT, Paging
from api.purchasing import approving, minimums, service
from api.purchasing.schemas import Kind
from api.spreadsheet import UTF_8_MARK, csv_line
from api.staff import service as staff
from api.staff.pages import CurrentShell, PageRoute, address, page
from api.text import SoughtCode

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE = 30
_COLUMNS = (
    "kind", "priority", "sku", "product", "site", "supplier", "from_site", "from_location",
    "location", "quantity", "inventory_position", "reorder_point", "order_up_to_level",
    "days_until_stockout", "reason", "suggestion_id", "version",
)  # fmt: skip
Site = Annotated[SoughtCode | None, Query()]
Show = Annotated[Literal["orders", "walk", "excess"], Query()]
Cursor = Annotated[str | None, Query(max_length=500)]
_KINDS: dict[str, tuple[Kind, ...]] = {
    "orders": ("purchase", "transfer"),
    "walk": ("refill",),
    "excess": ("overstock", "dead_stock", "slow_seller", "lower_minimum"),
}


@router.get("/plan")
async def show_plan(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    site: Site = None,
    show: Show = "orders",
    cursor: Cursor = None,
) -> HTMLResponse:
    lines, next_cursor = await service.list_plan(
        connection,
        paging=Paging(_A_PAGE, cursor),
        sites=shell.sites,
        site=site,
        kinds=_KINDS[show],
    )
    freshness = await staff.read_freshness(connection)
    return page(
        request,
        "plan.html",
        shell=shell,
        here="plan",
        site=site,
        show=show,
        sites=await staff.list_sites(connection, sites=shell.sites),
        lines=lines,
        waiting=await forecasts.list_waiting_plans(connection, sites=shell.sites, site=site),
        purchases=await approving.count_purchases(connection, site=site, sites=shell.sites),
        short_orders=(
            await minimums.list_short_orders(connection, sites=shell.sites, site=site)
            if shell.manages
            else []
        ),
        refreshed_at=freshness["refreshed_at"],
        next_address=(
            address("/plan", site=site, show=show, cursor=next_cursor) if next_cursor else None
        ),
    )


@router.get("/plan.csv")
async def download_plan(actor: Reader, pool: Pool, site: Site = None) -> StreamingResponse:
    """Every open line."""
    return StreamingResponse(
        _rows(pool, actor.sites, site),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="restock-plan.csv"'},
    )


async def _rows(pool: DatabasePool, sites: Sites, site: str | None) -> AsyncIterator[str]:
    yield UTF_8_MARK + csv_line(_COLUMNS)
    cursor: str | None = None
    while True:
        async with pool.acquire() as connection:
            lines, cursor = await service.list_plan(
                connection, paging=Paging(MAXIMUM_LIMIT, cursor), sites=sites, site=site
            )
        for line in lines:
            yield csv_line(getattr(line, column) for column in _COLUMNS)
        if cursor is None:
            return
