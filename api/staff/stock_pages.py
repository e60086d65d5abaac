"""Stock: search, and what a place holds."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, Response

from api.catalog.errors import UnknownCode
from api.deps import ReadingConnection
from api.pagination import Paging, encode_cursor
from api.staff import service
from api.staff.pages import CurrentShell, PageRoute, address, page, quoted, see_other

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_PAGE = 50
Search = Annotated[str, Query(max_length=200)]
Show = Annotated[str, Query(pattern="^(all|low|out)$")]
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/stock")
async def show_stock(
    request: Request,
    shell: CurrentShell,
    connection: ReadingConnection,
    search: Search = "",
    show: Show = "all",
    cursor: Cursor = None,
) -> Response:
    """Products and places that match; a code that is scanned or typed whole goes straight there."""
    search = search.strip()
    if search and cursor is None and show == "all" and "\x00" not in search:
        if await service.read_product(connection, search, sites=shell.sites):
            return see_other(address(f"/products/{quoted(search)}"))
        if await service.read_place(connection, search, sites=shell.sites):
            return see_other(address(f"/places/{quoted(search)}"))
    found = await service.search_products(
        connection,
        sites=shell.sites,
        search=search,
        show=show,
        after_sku=_after(cursor),
        limit=_A_PAGE + 1,
    )
    places = []
    if cursor is None and show == "all":
        places = await service.find_places(connection, sites=shell.sites, search=search)
    return page(
        request,
        "stock.html",
        shell=shell,
        here="stock",
        search=search,
        show=show,
        places=places,
        products=found[:_A_PAGE],
        next_address=_next(found, "/stock", search=search, show=show),
    )


@router.get("/places/{code:path}")
async def show_place(
    request: Request,
    code: str,
    shell: CurrentShell,
    connection: ReadingConnection,
    cursor: Cursor = None,
) -> HTMLResponse:
    """What a place holds."""
    place = await service.read_place(connection, code, sites=shell.sites)
    if place is None:
        raise UnknownCode("location", code)
    levels = await service.list_levels_of_place(
        connection, place["location_id"], after_sku=_after(cursor), limit=_A_PAGE + 1
    )
    return page(
        request,
        "place.html",
        shell=shell,
        here="stock",
        place=place,
        levels=levels[:_A_PAGE],
        next_address=_next(levels, f"/places/{quoted(code)}"),
    )


def _after(cursor: str | None) -> str:
    """The SKU that the page goes on from."""
    (sku,) = Paging(_A_PAGE, cursor).after(str) or ("",)
    return str(sku)


def _next(rows: Sequence[Mapping[str, Any]], path: str, **query: str) -> str | None:
    """The address of the next page, where one row more than a page was found."""
    if len(rows) <= _A_PAGE:
        return None
    return address(path, **query, cursor=encode_cursor(rows[_A_PAGE - 1]["sku"]))
