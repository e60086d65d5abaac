"""Images of products: decoded, written anew so that nothing else survives, kept by their content.

The bytes lie in PARSTOCK_HOME/images under their SHA-256; the database says whose they are.
"""

import asyncio
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import asyncpg
from PIL import Image as Pillow
from PIL import ImageOps

from api.catalog.errors import NotAnImage, UnknownCode
from api.catalog.kinds import parts
from api.catalog.writing import execute, fetch
from api.database import DatabaseConnection
from api.settings import CatalogSettings

Made = TypeVar("Made")
_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
# What Pillow raises, all in all, at bytes that are not what they say they are.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    struct.error,
    Pillow.DecompressionBombError,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as it is kept."""

    content: bytes
    media_type: str
    width_px: int
    height_px: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def redraw(sent: bytes, *, limit_pixels: int, side_px: int) -> Picture:
    """The first frame, upright and no larger than `side_px`, as pixels and nothing else."""
    try:
        with Pillow.open(BytesIO(sent), formats=tuple(_MEDIA_TYPES)) as image:
            kind = str(image.format)
            if image.width * image.height > limit_pixels:
                raise NotAnImage(f"An image has {limit_pixels:,} pixels at most")
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((side_px, side_px))
            has_alpha = kind != "JPEG" and upright.has_transparency_data
            drawn = upright.convert("RGBA" if has_alpha else "RGB")
    except _BROKEN as error:
        raise NotAnImage("Expected a PNG, JPEG or WebP image that is whole") from error
    # Of the pixels alone: a copy would take comments, profiles and thumbnails along.
    clean = Pillow.frombytes(drawn.mode, drawn.size, drawn.tobytes())
    written = BytesIO()
    clean.save(written, format=kind, optimize=kind == "PNG", quality=85)
    return Picture(written.getvalue(), _MEDIA_TYPES[kind], clean.width, clean.height)


async def list_images(
    connection: DatabaseConnection, sku: str, *, number: int | None = None
) -> list[asyncpg.Record]:
    """The images of a product, in order of their numbers."""
    return await fetch(connection, parts.list_images, sku=sku, number=number)


async def find_image(connection: DatabaseConnection, sku: str, number: int) -> asyncpg.Record:
    """One image of a product."""
    found = await list_images(connection, sku, number=number)
    if not found:
        raise UnknownCode("image", f"{number} of {sku}")
    return found[0]


async def put_image(
    connection: DatabaseConnection,
    sku: str,
    number: int,
    picture: Picture,
    *,
    folder: Path,
    settings: CatalogSettings,
) -> asyncpg.Record:
    """Keep an image, and then say whose it is."""
    sha256 = picture.sha256
    await execute(connection, parts.lock_image_content, sha256=sha256)
    await in_thread(settings, partial(_store, folder, sha256, picture.content))
    await execute(
        connection,
        parts.put_image,
        sku=sku,
        number=number,
        sha256=sha256,
        media_type=picture.media_type,
        width_px=picture.width_px,
        height_px=picture.height_px,
        size_bytes=len(picture.content),
    )
    return await find_image(connection, sku, number)


async def delete_image(connection: DatabaseConnection, sku: str, number: int) -> None:
    """Say that the image is nobody's; `forget_content` then deletes what nobody has."""
    await execute(connection, parts.delete_image, sku=sku, number=number)


async def forget_content(connection: DatabaseConnection, sha256: str, *, folder: Path) -> None:
    """Delete bytes that no image has any more, when the change that let go of them is kept."""
    await execute(connection, parts.lock_image_content, sha256=sha256)
    if not await fetch(connection, parts.image_is_used, sha256=sha256):
        path_of(folder, sha256).unlink(missing_ok=True)


def path_of(folder: Path, sha256: str) -> Path:
    """Where an image's bytes lie."""
    return folder / sha256[:2] / sha256


def _store(folder: Path, sha256: str, content: bytes) -> None:
    path = path_of(folder, sha256)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@lru_cache(maxsize=4)
def _decoders(at_once: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(at_once, thread_name_prefix="images")


async def in_thread(settings: CatalogSettings, work: Callable[[], Made]) -> Made:
    """Run work on images beside the requests, so many at once as the settings say."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_decoders(settings.images_at_once), work)
