"""The pictures of a product: added, replaced and removed from a phone."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, RedirectResponse

from api.catalog import image_changes, images, service
from api.catalog.errors import NotAnImage
from api.catalog.kinds import PRODUCTS
from api.catalog.product_routes import Editor, Sku
from api.deps import Pool, ReadingConnection
from api.settings import Settings
from api.staff import catalog_fields
from api.staff.catalog_fields import address_of
from api.staff.catalog_shown import CodePageRoute
from api.staff.pages import CurrentShell, page, see_other

router = APIRouter(prefix="/catalog", route_class=CodePageRoute, include_in_schema=False)

_MOST = 99
Number = Annotated[int, Form(ge=1, le=_MOST)]
Tag = Annotated[str, Form(max_length=64, pattern="^[0-9a-f]*$")]


@router.get("/products/{sku}/pictures")
async def show_pictures(
    request: Request,
    sku: Sku,
    shell: CurrentShell,
    connection: ReadingConnection,
    actor: Editor,
) -> HTMLResponse:
    product = await service.get(connection, PRODUCTS, (sku,))
    kept = await images.list_images(connection, sku)
    taken = {picture["number"] for picture in kept}
    settings: Settings = request.app.state.settings
    return page(
        request,
        "pictures.html",
        shell=shell,
        here="catalog",
        product=product,
        pictures=kept,
        free=next((number for number in range(1, _MOST + 1) if number not in taken), None),
        megabytes=settings.catalog.image_limit_bytes // 1_000_000,
        back=_product(sku),
    )


# A refusal becomes a page inside the route: there is no typing here that it could lose.
@router.post("/products/{sku}/pictures")
async def keep_picture(
    request: Request, sku: Sku, pool: Pool, actor: Editor, number: Number, tag: Tag = ""
) -> RedirectResponse:
    """Add a picture, or replace the one that was shown."""
    picture = (await request.form()).get("picture")
    if not isinstance(picture, UploadFile) or not picture.size:
        raise NotAnImage("Choose a file with a picture first")
    await image_changes.keep_image(
        pool,
        sku,
        number,
        await picture.read(),
        settings=request.app.state.settings,
        actor_id=actor.actor_id,
        if_match=f'"{tag}"' if tag else None,
    )
    return see_other(f"{_product(sku)}/pictures")


@router.post("/products/{sku}/pictures/remove")
async def remove_picture(
    request: Request, sku: Sku, pool: Pool, actor: Editor, number: Number, tag: Tag
) -> RedirectResponse:
    """Remove the picture that was shown."""
    await image_changes.remove_image(
        pool,
        sku,
        number,
        settings=request.app.state.settings,
        actor_id=actor.actor_id,
        if_match=f'"{tag}"',
    )
    return see_other(f"{_product(sku)}/pictures")


def _product(sku: str) -> str:
    return address_of(catalog_fields.PRODUCTS, (sku,))
