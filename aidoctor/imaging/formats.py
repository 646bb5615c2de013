"""What a file is, told from its first bytes alone, and the sentence for what is not a picture.

The name of a file and the type that a browser gives it are not believed.
"""

from __future__ import annotations

import re
from enum import StrEnum

from aidoctor.errors import (
    ImageDamaged,
    ImageError,
    ImageIsDicom,
    ImageIsHtml,
    ImageIsMedia,
    ImageIsPdf,
    ImageIsSvg,
    ImageTooLarge,
    ImageUnsupported,
)

MAX_BYTES = 20_000_000
"""The largest file that is taken."""

MAX_PIXELS = 40_000_000
"""The largest picture that is decoded, as its header tells."""

_HEAD = 1024
"""Bytes that are looked at; readers of PDF look this far for its mark, too."""


class Format(StrEnum):
    """The formats that are read, by the names that Pillow has for them."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WEBP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    HEIC = "HEIF"


_PICTURES: tuple[tuple[Format, re.Pattern[bytes]], ...] = (
    (Format.PNG, re.compile(rb"\x89PNG\r\n\x1a\n")),
    (Format.JPEG, re.compile(rb"\xff\xd8\xff")),
    (Format.WEBP, re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    (Format.GIF, re.compile(rb"GIF8[79]a")),
    # After the two letters, which any text may begin with: the size of the header that follows.
    (Format.BMP, re.compile(rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL)),
    (Format.TIFF, re.compile(rb"II[\x2a\x2b]\x00|MM\x00[\x2a\x2b]")),
    (Format.HEIC, re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)),
)

_OTHERS: tuple[tuple[type[ImageError], re.Pattern[bytes]], ...] = (
    (ImageIsPdf, re.compile(rb".*%PDF-", re.DOTALL)),
    (ImageIsDicom, re.compile(rb"\x02\x00\x00\x00UL\x04\x00")),
    (ImageIsSvg, re.compile(rb"\s*<.*<svg|\s*<svg", re.DOTALL | re.IGNORECASE)),
    (ImageIsHtml, re.compile(rb"\s*<(!--|!doctype|html|head|body|script|meta)", re.IGNORECASE)),
    # Still pictures of the AV1 family share the box `ftyp` with films, so they are told apart.
    (ImageUnsupported, re.compile(rb".{4}ftypavi[fs]", re.DOTALL)),
    (ImageIsMedia, re.compile(rb".{4}ftyp|RIFF.{4}(AVI |WAVE)|\x1a\x45\xdf\xa3|OggS", re.DOTALL)),
    (ImageIsMedia, re.compile(rb"FLV\x01|\x00\x00\x01[\xb3\xba]|ID3|fLaC")),
)


def recognise(data: bytes | bytearray) -> Format:
    """Return the format of `data`, or raise the `ImageError` that says what it is instead."""
    if len(data) > MAX_BYTES:
        raise ImageTooLarge
    if not data:
        raise ImageDamaged(what="This file is empty.")
    head = bytes(data[:_HEAD])
    if head[128:132] == b"DICM":  # the 128 bytes before it may look like any other format
        raise ImageIsDicom
    for form, mark in _PICTURES:
        if mark.match(head):
            return form
    text = head.removeprefix(b"\xef\xbb\xbf")
    raise next((kind for kind, mark in _OTHERS if mark.match(text)), ImageUnsupported)
