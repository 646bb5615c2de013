"""A clean copy shows what the picture showed: colours, shades, the right way up."""

import random
import struct

import pytest
from PIL import Image, ImageChops, ImageStat

from aidoctor.errors import ImageDamaged, ImageTooManyPixels
from aidoctor.imaging.clean import MODEL_SIDE, VIEW_SIDE, clean
from aidoctor.imaging.formats import MAX_PIXELS
from tests.kit import pictures
from tests.kit.pictures import BLUE, CANARY, RED, copies, encoded, scene


def like(seen, wanted, tolerance=8):
    seen = seen if isinstance(seen, tuple) else (seen,) * 3
    return all(abs(a - b) <= tolerance for a, b in zip(seen, wanted, strict=True))


def assert_scene(clean_image, size=(64, 96)):
    for copy in copies(clean_image):
        assert copy.size == size
        assert like(copy.getpixel((size[0] // 2, 4)), RED)
        assert like(copy.getpixel((size[0] // 2, size[1] - 4)), BLUE)


@pytest.mark.parametrize("form", pictures.samples())
def test_every_format_keeps_its_picture(form):
    """Both copies show the scene, whatever it came as; HEIC is turned upright as its file says."""
    assert_scene(clean(pictures.samples()[form]))


def test_the_copies_are_webp_to_see_and_png_or_jpeg_for_the_model():
    """The page gets WebP; the model PNG, or JPEG where the file was lossy itself."""
    made = {form: copies(clean(data)) for form, data in pictures.samples().items()}
    assert {view.format for view, _ in made.values()} == {"WEBP"}
    jpegs = {form for form, (_, model) in made.items() if model.format == "JPEG"}
    assert jpegs == {"JPEG", "HEIC"}
    assert {model.format for _, model in made.values()} == {"JPEG", "PNG"}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_pictures_stand_upright_however_the_camera_was_held(form, orientation, stored):
    """All EXIF orientations are applied, once."""
    picture = scene()
    picture.paste((255, 255, 255), (0, 0, 20, 20))  # top left, to tell mirrored from turned
    notes = Image.Exif()
    notes[0x0112] = orientation
    made = clean(encoded(picture.transpose(stored), form, exif=notes))
    assert_scene(made)
    assert all(like(copy.getpixel((6, 6)), (255, 255, 255)) for copy in copies(made))


def test_transparency_is_flattened_on_white():
    """What is transparent is white for the eye and for the model, never black."""
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    clear.paste((*RED, 255), (20, 0, 40, 40))
    grey = Image.new("LA", (40, 40), (0, 0))
    for picture, forms in ((clear, ("PNG", "WEBP", "TIFF", "GIF")), (grey, ("PNG",))):
        for form in forms:
            for copy in copies(clean(encoded(picture, form))):
                assert like(copy.getpixel((5, 5)), (255, 255, 255)), form


def test_a_transparent_colour_of_a_palette_is_white():
    """GIF and palette PNG mark one colour as transparent; that one turns white."""
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([200, 0, 0, 0, 0, 0])
    for copy in copies(clean(encoded(picture, "PNG", transparency=1))):
        assert like(copy.getpixel((5, 5)), (255, 255, 255))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_print_colours_are_converted(form):
    """CMYK, inverted as Adobe writes it into JPEG or plain, becomes the red that it is."""
    made = clean(encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), form))
    assert all(like(copy.getpixel((9, 9)), (255, 0, 0)) for copy in copies(made))


def test_black_and_white_stays_black_and_white():
    """A fax of one bit a pixel is read with both its colours."""
    picture = Image.new("1", (40, 40), 0)
    picture.paste(1, (20, 0, 40, 40))
    for copy in copies(clean(encoded(picture, "TIFF", compression="group4"))):
        assert like(copy.getpixel((5, 20)), (0, 0, 0))
        assert like(copy.getpixel((35, 20)), (255, 255, 255))


def ramp(low, high):
    """A square of 256 x 256 shades, evenly from `low` to `high`."""
    return [low + round(at * (high - low) / 65_535) for at in range(65_536)]


def deep(values, mode, code):
    return Image.frombytes(mode, (256, 256), struct.pack(f"<65536{code}", *values))


DEEP = {
    "PNG of 16 bits": (encoded(deep(ramp(0, 65_535), "I;16", "H"), "PNG")),
    "PNG of 12 bits in 16": (encoded(deep(ramp(0, 4_095), "I;16", "H"), "PNG")),
    "TIFF of 16 bits": (encoded(deep(ramp(0, 65_535), "I;16", "H"), "TIFF")),
    "big-endian TIFF": (encoded(deep(ramp(0, 65_535), "I;16", "H").convert("I;16B"), "TIFF")),
    "TIFF of 32 bits, Hounsfield": (encoded(deep(ramp(-1_024, 3_071), "I", "i"), "TIFF")),
    "TIFF of floats": (encoded(deep([v / 65_535 for v in ramp(0, 65_535)], "F", "f"), "TIFF")),
}


@pytest.mark.parametrize("data", DEEP.values(), ids=DEEP)
def test_an_x_ray_keeps_its_256_shades(data):
    """Deep greys are scaled from the darkest to the brightest, in order, never clipped."""
    made = clean(data)
    shades = list(copies(made)[1].get_flattened_data())
    assert len(set(shades)) == 256
    assert shades == sorted(shades)
    assert (shades[0], shades[-1]) == (0, 255)
    assert "scaled" in made.notice


def test_a_negative_x_ray_is_turned():
    """A TIFF in which zero means white is shown as it was meant."""
    data = encoded(deep(ramp(0, 65_535), "I;16", "H"), "TIFF", tiffinfo={262: 0})
    shades = list(copies(clean(data))[1].get_flattened_data())
    assert (shades[0], shades[-1], len(set(shades))) == (255, 0, 256)


def test_a_deep_grey_of_one_shade_does_not_divide_by_zero():
    """A blank picture is black, whatever its one value."""
    made = clean(encoded(Image.new("I;16", (8, 8), 777), "PNG"))
    assert copies(made)[1].getextrema() == (0, 0)


def test_values_that_are_no_numbers_are_damage():
    """Infinite values cannot be scaled and are refused, not guessed."""
    with pytest.raises(ImageDamaged):
        clean(encoded(Image.new("F", (8, 8), float("inf")), "TIFF"))


def test_16_bit_colour_is_scaled():
    """Colours of 16 bits keep their upper half."""
    row = b"\0" + struct.pack(">6H", 0, 32_768, 65_535, 65_535, 256, 0)
    made = clean(pictures.png(2, 1, colour=2, bits=16, rows=row))
    assert list(copies(made)[1].get_flattened_data()) == [(0, 128, 255), (255, 1, 0)]


def test_colours_follow_the_profile_of_the_file():
    """A profile is applied, so that colours are as they were meant."""
    data = encoded(
        Image.new("RGB", (40, 40), (255, 0, 0)), "PNG", icc_profile=pictures.swapped_profile()
    )
    assert all(like(copy.getpixel((9, 9)), (0, 0, 255)) for copy in copies(clean(data)))


def test_a_broken_profile_is_no_reason_to_refuse():
    """With an unreadable profile the picture is taken as sRGB."""
    data = encoded(scene(), "PNG", icc_profile=b"no profile at all")
    assert_scene(clean(data))


@pytest.mark.parametrize(
    ("form", "word"), [("GIF", "frame"), ("WEBP", "frame"), ("PNG", "frame"), ("TIFF", "page")]
)
def test_the_first_of_several_is_used_and_said(form, word):
    """Of animations and documents the first picture is read, and the person is told."""
    more = [Image.new("RGB", (64, 96), shade) for shade in ("lime", "black")]
    made = clean(encoded(scene(), form, save_all=True, append_images=more))
    assert_scene(made)
    assert made.notice == f"Only the first {word} of this file is used."


@pytest.mark.parametrize("form", pictures.samples())
def test_a_single_picture_needs_no_notice(form):
    """Nothing is said where nothing was left out."""
    assert clean(pictures.samples()[form]).notice == ""


def test_large_pictures_are_fitted_and_small_ones_left():
    """The long side is at most 2,048 to see and 896 for the model; nothing is enlarged."""
    made = clean(encoded(scene(3_000, 1_500), "JPEG"))
    assert [copy.size for copy in copies(made)] == [(2_048, 1_024), (896, 448)]
    assert (made.width, made.height) == (2_048, 1_024)
    assert (VIEW_SIDE, MODEL_SIDE) == (2_048, 896)
    assert [copy.size for copy in copies(clean(encoded(scene(30, 20), "PNG")))] == [(30, 20)] * 2


def test_a_line_as_long_as_allowed_stays_a_line():
    """The thinnest picture there can be keeps a pixel of height."""
    made = clean(pictures.png(MAX_PIXELS, 1, colour=0, bits=1, rows=bytes(MAX_PIXELS // 8 + 1)))
    assert [copy.size for copy in copies(made)] == [(2_048, 1), (896, 1)]


def test_more_than_40_million_pixels_are_refused():
    """One row too many is too many, and the file's size does not matter."""
    with pytest.raises(ImageTooManyPixels):
        clean(pictures.png(8_000, 5_001, colour=0, bits=1, rows=b""))
    with pytest.raises(ImageTooManyPixels):
        clean(pictures.huge_png())


@pytest.mark.parametrize("form", pictures.talkative())
def test_metadata_is_gone_from_both_copies(form):
    """Place, time, names, comments and profiles of the file are in neither copy."""
    data = pictures.talkative()[form]
    assert CANARY.encode() in data
    made = clean(data)
    for copy in (made.view, made.model):
        words = (
            CANARY.encode(),
            CANARY.encode("utf-16-be"),
            b"Exif",
            b"ICC",
            b"iCC",
            b"XMP",
            b"tEXt",
        )
        assert not [word for word in words if word in copy]
        picture = pictures.decoded(copy)
        assert not picture.getexif()
        assert not {"icc_profile", "comment", "xmp", "exif"} & set(picture.info)


def test_nothing_of_a_polyglot_is_left():
    """A picture that is a web page or a script as well comes out as a picture alone."""
    tail = b"<script>fetch('//evil')</script>"
    gif = encoded(Image.new("P", (64, 96)), "GIF", comment=b"*/=1;alert(1)/*")
    for data in (*(data + tail for data in pictures.samples().values()), gif + tail):
        made = clean(data)
        assert not [word for word in (b"script", b"alert") if word in made.view + made.model]


CUTS = [(form, part) for form in pictures.samples() for part in (0.2, 0.5, 0.8, 0.95)]


@pytest.mark.parametrize(("form", "part"), CUTS)
def test_a_cut_file_is_damaged(form, part):
    """A file that ends too early is refused, since engines would guess the rest."""
    data = encoded(pictures.texture(64, 96), form) if form != "HEIC" else pictures.HEIC
    with pytest.raises(ImageDamaged):
        clean(data[: int(len(data) * part)])


def test_a_jpeg_without_its_last_bytes_is_damaged():
    """Even two missing bytes of a JPEG are noticed."""
    data = pictures.samples()["JPEG"]
    with pytest.raises(ImageDamaged):
        clean(data[:-2])


def test_broken_notes_of_the_camera_are_no_reason_to_refuse():
    """EXIF that cannot be read leaves the picture as it is stored."""
    data = encoded(
        scene(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + random.Random(1).randbytes(40)
    )
    assert_scene(clean(data))


def test_the_model_sees_what_people_see():
    """Both copies are the same picture, but for size and a little loss."""
    view, model = copies(clean(encoded(scene(800, 400), "PNG")))
    rest = ImageChops.difference(view.convert("RGB"), model.convert("RGB"))
    assert max(ImageStat.Stat(rest).mean) < 2
