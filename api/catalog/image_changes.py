"""An image of a product kept, replaced or deleted, each in transactions of its own."""

from functools import partial
from pathlib import Path

import asyncpg

from api.catalog import images, service
from api.catalog.errors import StaleVersion, UnknownCode, VersionRequired
from api.catalog.etags import tags_of
from api.catalog.kinds import PRODUCTS
from api.database import DatabaseConnection, DatabasePool, say_who_acts
from api.problems import ContentTooLarge
from api.settings import Settings


async def keep_image(
    pool: DatabasePool,
    sku: str,
    number: int,
    sent: bytes,
    *,
    settings: Settings,
    actor_id: int,
    if_match: str | None,
) -> tuple[asyncpg.Record, bool]:
    """Keep an image; True where there was none. Another one in its place needs its tag."""
    limits = settings.catalog
    if len(sent) > limits.image_limit_bytes:
        raise ContentTooLarge(f"An image has {limits.image_limit_bytes:,} bytes at most.")
    redraw = partial(
        images.redraw, sent, limit_pixels=limits.image_limit_pixels, side_px=limits.image_side_px
    )
    picture = await images.in_thread(limits, redraw)
    async with pool.acquire() as connection, connection.transaction():
        await say_who_acts(connection, actor_id)
        before = await _locked(connection, sku, number)
        if before is not None and before["sha256"] != picture.sha256:
            _require_tag(before, if_match)
        kept = await images.put_image(
            connection, sku, number, picture, folder=folder_of(settings), settings=limits
        )
    await _forget(pool, before, settings)
    return kept, before is None


async def remove_image(
    pool: DatabasePool,
    sku: str,
    number: int,
    *,
    settings: Settings,
    actor_id: int,
    if_match: str | None,
) -> None:
    """Delete an image, if it is there."""
    async with pool.acquire() as connection, connection.transaction():
        await say_who_acts(connection, actor_id)
        before = await _locked(connection, sku, number)
        if before is not None and if_match is not None:
            _require_tag(before, if_match)
        await images.delete_image(connection, sku, number)
    await _forget(pool, before, settings)


def folder_of(settings: Settings) -> Path:
    """Where the bytes of images lie."""
    return settings.home.expanduser() / "images"


async def _locked(connection: DatabaseConnection, sku: str, number: int) -> asyncpg.Record | None:
    if not await service.lock_and_find(connection, PRODUCTS, [(sku,)]):
        raise UnknownCode("product", sku)
    found = await images.list_images(connection, sku, number=number)
    return found[0] if found else None


async def _forget(pool: DatabasePool, before: asyncpg.Record | None, settings: Settings) -> None:
    if before is not None:
        async with pool.acquire() as connection, connection.transaction():
            await images.forget_content(connection, before["sha256"], folder=folder_of(settings))


def _require_tag(before: asyncpg.Record, if_match: str | None) -> None:
    if if_match is None:
        raise VersionRequired()
    tags = tags_of(if_match)
    if tags is not None and before["sha256"] not in tags:
        raise StaleVersion("image", f"{before['number']} of {before['sku']}", before["version"])
