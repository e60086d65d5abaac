"""Book with or without a network: a page that keeps itself, and what it keeps of the catalog."""

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse

from api.deps import ReadingConnection, StaffMember
from api.staff import service
from api.staff.pages import STATIC, PageRoute, page

router = APIRouter(route_class=PageRoute, include_in_schema=False)
# Not a page: a script is told in JSON that it has to sign in.
data_router = APIRouter(include_in_schema=False)

_KINDS = [
    ("sold", "Sold"),
    ("transferred", "Moved or refilled"),
    ("received", "Received"),
    ("counted", "Counted"),
    ("returned", "Returned"),
    ("damaged", "Damaged"),
]


@router.get("/book")
async def show_book(request: Request, actor: StaffMember) -> HTMLResponse:
    """The same for everybody, so that a phone can keep it; who it is comes with the data."""
    return page(request, "book.html", shell=None, kinds=_KINDS)


@data_router.get("/book/data.json")
async def get_data(connection: ReadingConnection, actor: StaffMember) -> JSONResponse:
    """Products with their codes, places and levels of the sites of whoever is signed in."""
    told = await service.read_offline_data(connection, sites=actor.sites)
    return JSONResponse({"user": actor.name, **told}, headers={"Cache-Control": "no-store"})


@router.get("/sw.js")
async def get_worker() -> FileResponse:
    """At the root, since a worker serves no page above its own address."""
    return FileResponse(
        STATIC / "sw.js", media_type="text/javascript", headers={"Cache-Control": "no-cache"}
    )
