"""Decoding and normalising, pure: bytes in, two clean encodings out.

Only the worker imports this module, since decoders are where hostile files do their harm. Both
copies are made from pixels alone: upright, first frame, RGB or grey, no metadata, no profile.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import cast

from PIL import Image, ImageCms, TiffImagePlugin, WebPImagePlugin

from aidoctor.domain import CleanImage
from aidoctor.errors import ImageDamaged, ImageError, ImageMemory, ImageTooManyPixels
from aidoctor.imaging.formats import MAX_PIXELS, Format, recognise

VIEW_SIDE = 2048
"""Long side of the copy that people see, in pixels."""

MODEL_SIDE = 896
"""Long side of the copy for the model: what MedGemma's vision encoder takes."""

_LOSSY = {Format.JPEG, Format.HEIC}
_DEEP = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_ORIENTATION = 0x0112
_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SRGB = ImageCms.createProfile("sRGB")

# Pillow checks this wherever it learns a size, also of frames and tiles within a file.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def clean(data: bytes) -> CleanImage:
    """Read the first picture in `data` and encode it anew, or raise an `ImageError`."""
    form = recognise(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _clean(data, form)
    except ImageError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageTooManyPixels from error
    except MemoryError as error:
        raise ImageMemory from error
    except Exception as error:  # decoders raise whatever they like over a hostile file
        raise ImageDamaged(type(error).__name__) from error


def _clean(data: bytes, form: Format) -> CleanImage:
    picture = _open(data, form)
    turn = _TURNS.get(_orientation(picture))
    notice = _notice(picture, form)
    view = _in_srgb(_fit(_eight_bits(picture), VIEW_SIDE), picture)
    if turn is not None:
        view = view.transpose(turn)
    view.info.clear()  # encoders write profiles and comments from here
    model = _fit(view, MODEL_SIDE)
    return CleanImage(_view(view), _model(model, form), view.width, view.height, notice)


def _open(data: bytes, form: Format) -> Image.Image:
    if form is Format.HEIC:
        import pi_heif

        pi_heif.register_heif_opener(decode_threads=2, thumbnails=False, depth_images=False)
    picture = Image.open(io.BytesIO(data), formats=(form.value,))
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageTooManyPixels
    picture.draft(None, (VIEW_SIDE, VIEW_SIDE))  # lets JPEG skip detail that is not kept
    picture.load()
    return picture


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a broken note on how the camera was held is no reason to refuse
        return 1


def _notice(picture: Image.Image, form: Format) -> str:
    said = []
    if form is not Format.JPEG and getattr(picture, "is_animated", False):
        part = {Format.TIFF: "page", Format.HEIC: "picture"}.get(form, "frame")
        said.append(f"Only the first {part} of this file is used.")
    if picture.mode in _DEEP:
        said.append("Its shades of grey were scaled to 256, from the darkest to the brightest.")
    return " ".join(said)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """The picture in L, RGB or CMYK."""
    if picture.mode in _DEEP:
        return _scaled(picture)
    if picture.has_transparency_data:
        return _on_white(picture)
    if picture.mode == "1":
        return picture.convert("L")
    return picture if picture.mode in {"L", "RGB", "CMYK"} else picture.convert("RGB")


def _scaled(picture: Image.Image) -> Image.Image:
    """Spread the shades that occur over 0..255; `convert("L")` would clip what is above 255."""
    deep = picture.convert("F")
    low, high = cast("tuple[float, float]", deep.getextrema())
    if not math.isfinite(high - low):
        raise ImageDamaged("not finite")
    scale = 255 / (high - low) if high > low else 0.0
    if _white_is_zero(picture):
        low, scale = high, -scale
    return deep.point(lambda value: value * scale + (0.5 - low * scale)).convert("L")


def _white_is_zero(picture: Image.Image) -> bool:
    """Whether this is a negative; Pillow turns those of 8 bits itself, deeper ones it does not."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return False
    return bool(picture.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _on_white(picture: Image.Image) -> Image.Image:
    layer = picture.convert("RGBA")
    sheet = Image.new("RGB", picture.size, "white")
    sheet.paste(layer, mask=layer.getchannel("A"))
    return sheet


def _in_srgb(small: Image.Image, picture: Image.Image) -> Image.Image:
    """Colours as they were meant, where the file carries a profile; grey stays as it is."""
    profile = picture.info.get("icc_profile")
    if profile and small.mode in {"RGB", "CMYK"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(small, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            turned = None
        if turned is not None:
            return turned
    return small if small.mode in {"L", "RGB"} else small.convert("RGB")


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """A copy whose long side is at most `side` pixels; never larger than it was."""
    ratio = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    if size == picture.size:
        return picture.copy()
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _view(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, WebPImagePlugin.WebPImageFile.format, quality=88, method=2)
    return out.getvalue()


def _model(picture: Image.Image, form: Format) -> bytes:
    """PNG keeps every level; what has been through a lossy encoder already stays JPEG.

    A photograph is four times smaller so, and it goes to the engine with each turn again.
    """
    out = io.BytesIO()
    if form in _LOSSY:
        picture.save(out, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(out, "PNG", compress_level=6)
    return out.getvalue()
