"""What is left of an image that someone sends."""

import contextlib
import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from api.catalog.errors import NotAnImage
from api.catalog.images import Picture, redraw


def redrawn(sent: bytes, limit_pixels: int = 1_000_000, side_px: int = 500) -> Picture:
    return redraw(sent, limit_pixels=limit_pixels, side_px=side_px)


def drawn(image: Image.Image, kind: str, **saved: object) -> bytes:
    file = BytesIO()
    image.save(file, format=kind, **saved)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_nothing_survives_but_pixels(kind: str) -> None:
    payload = b"<script>alert(1)</script>"
    exif = Image.Exif()
    exif[0x010E] = payload.decode()
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", payload.decode())
    extra = {"pnginfo": text} if kind == "PNG" else {}
    sent = drawn(Image.new("RGB", (30, 20)), kind, exif=exif, icc_profile=payload, **extra)
    kept = redrawn(sent + payload)
    assert payload in sent
    assert payload not in kept.content
    assert kept.media_type == f"image/{kind.lower()}"
    assert (kept.width_px, kept.height_px) == (30, 20)


def test_a_photo_is_turned_upright_and_made_to_fit() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    kept = redrawn(drawn(Image.new("RGB", (1000, 500)), "JPEG", exif=exif))
    assert (kept.width_px, kept.height_px) == (250, 500)


def test_what_is_transparent_stays_so() -> None:
    kept = redrawn(drawn(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"))
    assert Image.open(BytesIO(kept.content)).mode == "RGBA"


def test_a_small_file_with_huge_pixels_is_not_decoded() -> None:
    sent = drawn(Image.new("1", (2000, 2000)), "PNG")
    assert len(sent) < 10_000
    with pytest.raises(NotAnImage, match="1,000,000 pixels"):
        redrawn(sent)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(NotAnImage):
        redrawn(drawn(Image.new("RGB", (16, 16)), kind))


_WHOLE = {
    kind: drawn(Image.effect_noise((24, 24), 50).convert("RGB"), kind)
    for kind in ("PNG", "JPEG", "WEBP")
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_WHOLE)), st.integers(0, 2**32))
def test_broken_bytes_are_an_image_or_refused_by_name(kind: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    sent = bytearray(_WHOLE[kind])
    for _ in range(chance.randint(1, 12)):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    del sent[chance.randrange(len(sent) // 2, len(sent) + 1) :]
    with contextlib.suppress(NotAnImage):
        assert redrawn(bytes(sent)).content
