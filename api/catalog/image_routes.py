"""Images of products, under /v1. The ETag of one is the SHA-256 of its bytes."""

from typing import Annotated, Any
from urllib.parse import quote

import asyncpg
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi import Path as PathPart
from starlette.responses import FileResponse

from api.catalog import image_changes, images
from api.catalog.errors import UnknownCode
from api.catalog.etags import IfMatch, tag, tags_of
from api.catalog.paths import CodeRoute
from api.catalog.schemas import Image
from api.deps import Actor, Pool, Reader, ReadingConnection, Role, require_role
from api.settings import Settings
from api.text import SoughtCode

router = APIRouter(route_class=CodeRoute)
Editor = Annotated[Actor, Depends(require_role(Role.MANAGER, every_site=True))]
Sku = Annotated[SoughtCode, PathPart()]
Number = Annotated[int, PathPart(ge=1, le=99)]
IfNoneMatch = Annotated[str | None, Header(description="the ETag of the copy that you have")]

_BYTES: dict[str, Any] = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("image/png", "image/jpeg", "image/webp")
}
# Anyone who is signed in may see it, and no cache between; whoever has it asks whether it stands.
_CACHE = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


@router.get("/products/{sku}/images")
async def list_images(sku: Sku, connection: ReadingConnection, actor: Reader) -> list[Image]:
    """The images of a product, in order of their numbers."""
    return [_told(found) for found in await images.list_images(connection, sku)]


@router.get(
    "/products/{sku}/images/{number}",
    response_class=Response,
    responses={200: {"content": _BYTES}, 304: {"description": "Your copy stands"}},
)
async def get_image(
    sku: Sku,
    number: Number,
    request: Request,
    connection: ReadingConnection,
    actor: Reader,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The image itself."""
    found = await images.find_image(connection, sku, number)
    headers = {**_CACHE, "ETag": f'"{found["sha256"]}"'}
    if if_none_match is not None:
        held = tags_of(if_none_match)
        if held is None or found["sha256"] in held:
            return Response(status_code=304, headers=headers)
    path = images.path_of(image_changes.folder_of(_settings(request)), found["sha256"])
    if not path.is_file():
        raise UnknownCode("file of the image", f"{number} of {sku}")
    return FileResponse(path, media_type=found["media_type"], headers=headers)


@router.put(
    "/products/{sku}/images/{number}",
    responses={
        201: {"description": "It is made"},
        412: {"description": "It has changed since it was read"},
        428: {"description": "If-Match is missing"},
    },
    openapi_extra={"requestBody": {"required": True, "content": _BYTES}},
)
async def put_image(
    sku: Sku,
    number: Number,
    request: Request,
    pool: Pool,
    actor: Editor,
    response: Response,
    if_match: IfMatch = None,
) -> Image:
    """Keep an image: upright, no larger than the settings say, nothing but its pixels."""
    kept, is_new = await image_changes.keep_image(
        pool,
        sku,
        number,
        await request.body(),
        settings=_settings(request),
        actor_id=actor.actor_id,
        if_match=if_match,
    )
    response.status_code = 201 if is_new else 200
    tag(response, kept["sha256"])
    return _told(kept)


@router.delete(
    "/products/{sku}/images/{number}",
    status_code=204,
    responses={412: {"description": "It has changed since it was read"}},
)
async def delete_image(
    sku: Sku, number: Number, request: Request, pool: Pool, actor: Editor, if_match: IfMatch = None
) -> None:
    """Delete an image, if it is there; with If-Match that one only."""
    await image_changes.remove_image(
        pool,
        sku,
        number,
        settings=_settings(request),
        actor_id=actor.actor_id,
        if_match=if_match,
    )


def _told(found: asyncpg.Record) -> Image:
    sku = quote(found["sku"], safe="")
    address = f"/v1/products/{sku}/images/{found['number']}"
    return Image(**{**dict(found), "address": address})


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings
