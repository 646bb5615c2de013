"""Pictures to attach: one real file of each format, and the parts to make odd ones from."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from aidoctor.domain import CleanImage

CANARY = "CANARY"
"""Planted in every text field that a format has."""

HEIC = (Path(__file__).parent / "data" / "sideways.heic").read_bytes()
"""64 x 96 upright, red above blue; kept lying with the mark to turn it; with all three canaries."""

RED, BLUE = (220, 30, 30), (20, 40, 220)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of a file in this format."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The picture in a file, read to its end."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def copies(clean: CleanImage) -> tuple[Image.Image, Image.Image]:
    """Both copies, to see and for the model."""
    return decoded(clean.view), decoded(clean.model)


def scene(width: int = 64, height: int = 96) -> Image.Image:
    """Red above blue, so that top and bottom can be told apart."""
    picture = Image.new("RGB", (width, height), BLUE)
    picture.paste(RED, (0, 0, width, height // 2))
    return picture


def texture(width: int, height: int) -> Image.Image:
    """Noise, so that a decoder has something to do and files are not small."""
    return Image.effect_noise((width, height), 64).convert("RGB")


def samples() -> dict[str, bytes]:
    """A small file of each format that is read."""
    picture = scene()
    forms = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    return {form: encoded(picture, form) for form in forms} | {"HEIC": HEIC}


def exif(orientation: int = 1) -> Image.Exif:
    """What a camera writes: how it was held, and where, with canaries."""
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010E] = f"{CANARY}-DESCRIPTION"
    place = notes.get_ifd(0x8825)
    place[1], place[2], place[29] = "N", (48.0, 51.0, 24.0), f"{CANARY}-GPS"
    return notes


def talkative() -> dict[str, bytes]:
    """A file of each format with a canary in every place for words that the format has."""
    picture, notes, xmp = scene(), exif(), f"<x:xmpmeta>{CANARY}-XMP</x:xmpmeta>".encode()
    profile, comment = profile_named(f"{CANARY}-PROFILE"), f"{CANARY}-COMMENT"
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", f"{CANARY}-TEXT")
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[700] = f"{CANARY}-DESCRIPTION", xmp
    common: dict[str, Any] = {"exif": notes, "icc_profile": profile}
    return {
        "PNG": encoded(picture, "PNG", pnginfo=text, **common),
        "JPEG": encoded(picture, "JPEG", comment=comment, xmp=xmp, **common),
        "WEBP": encoded(picture, "WEBP", xmp=xmp, **common),
        "GIF": encoded(picture, "GIF", comment=comment),
        "TIFF": encoded(picture, "TIFF", tiffinfo=tags, icc_profile=profile),
        "HEIC": HEIC,
    }


def profile_named(name: str) -> bytes:
    """An sRGB profile whose descriptive text is `name`."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    old, new = "sRGB built-in".encode("utf-16-be"), name[:13].ljust(13).encode("utf-16-be")
    assert old in plain
    return plain.replace(old, new)


def swapped_profile() -> bytes:
    """A profile in which red and blue have changed places, so that its use cannot be missed."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(plain[128:132], "big")
    table = plain[132 : 132 + 12 * count]
    names = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}
    rows = [table[at : at + 12] for at in range(0, len(table), 12)]
    turned = b"".join(names.get(row[:4], row[:4]) + row[4:] for row in rows)
    return plain[:132] + turned + plain[132 + len(table) :]


def png(width: int, height: int, *, colour: int, bits: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write; each row starts with a zero byte."""
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def huge_png() -> bytes:
    """100 million pixels in about 100 kB."""
    return png(10_000, 10_000, colour=0, bits=1, rows=bytes(1_251 * 10_000))


def heavy_png() -> bytes:
    """Just below 40 million pixels with transparency: slow to read, and 160 MB when it has been."""
    return png(8_000, 4_999, colour=6, bits=8, rows=(b"\0" + bytes(range(250)) * 128) * 4_999)


def _chunk(kind: bytes, data: bytes) -> bytes:
    size, check = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
    return size + kind + data + check
