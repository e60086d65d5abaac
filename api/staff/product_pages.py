"""One product: where it is, what will be asked for, what happened, and what to buy."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.alerts import service as alerts
from api.catalog.errors import UnknownCode
from api.deps import ReadingConnection
from api.pagination import MAXIMUM_LIMIT, Paging
from api.purchasing import service as purchasing
from api.staff import chart, service, wording
from api.staff.pages import CurrentShell, PageRoute, page

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_SHOWN_LINES = 50
_SHOWN_ALERTS = 3


@router.get("/products/{sku:path}")
async def show_product(
    request: Request, sku: str, shell: CurrentShell, connection: ReadingConnection
) -> HTMLResponse:
    """Where it is, what is coming, what happened, and why it should be bought."""
    sites = shell.sites
    product = await service.read_product(connection, sku, sites=sites)
    if product is None:
        raise UnknownCode("product", sku)
    days, _ = await purchasing.list_forecasts(
        connection, paging=Paging(MAXIMUM_LIMIT, None), sites=sites, sku=sku, site=None
    )
    lines, _ = await purchasing.list_plan(
        connection, paging=Paging(_SHOWN_LINES, None), sites=sites, sku=sku
    )
    events = await service.list_events_of_product(connection, product["product_id"], sites=sites)
    return page(
        request,
        "product.html",
        shell=shell,
        here="stock",
        product=product,
        levels=await service.list_levels_of_product(connection, product["product_id"], sites=sites),
        events=[
            {**event, "title": wording.title(event), "where": wording.where(event)}
            for event in events
        ],
        alerts=await alerts.list_live_alerts(connection, sites=sites, limit=_SHOWN_ALERTS, sku=sku),
        fans=chart.fans(days),
        lines=lines,
    )
