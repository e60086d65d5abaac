"""The API's documentation: Swagger UI from our own address, for whoever is signed in."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse

from api.deps import CurrentActor
from api.staff.pages import CONTENT_SECURITY_POLICY, PageRoute, page

router = APIRouter(route_class=PageRoute, include_in_schema=False)
schema_router = APIRouter(include_in_schema=False)

# Swagger UI draws its arrows from data: addresses. The styles that it writes into markup are not
# let in; it looks right without them.
_POLICY = CONTENT_SECURITY_POLICY.replace("img-src 'self'", "img-src 'self' data:")


@router.get("/docs")
async def show_documentation(request: Request, actor: CurrentActor) -> HTMLResponse:
    shown = page(request, "docs.html", shell=None)
    shown.headers["Content-Security-Policy"] = _POLICY
    return shown


@schema_router.get("/openapi.json")
async def get_schema(request: Request, actor: CurrentActor) -> JSONResponse:
    """The API in OpenAPI 3.1, for generators and for the page above."""
    return JSONResponse(request.app.openapi())
