"""What a file is, is told from its bytes, in one sentence where it is not a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidoctor import errors
from aidoctor.imaging.formats import MAX_BYTES, Format, recognise
from tests.kit import pictures

REFUSED = {
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", errors.ImageIsPdf),
    "pdf after rubbish": (b"\n\n  junk %PDF-1.4", errors.ImageIsPdf),
    "dicom": (bytes(128) + b"DICM\x02\x00\x00\x00UL", errors.ImageIsDicom),
    "dicom without its preamble": (b"\x02\x00\x00\x00UL\x04\x00\xb0\x00", errors.ImageIsDicom),
    "dicom that is a tiff too": (b"II*\x00".ljust(128, b"\0") + b"DICM", errors.ImageIsDicom),
    "dicom that is a program too": (b"MZ".ljust(128, b"\0") + b"DICM", errors.ImageIsDicom),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg">', errors.ImageIsSvg),
    "svg with a prologue": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<SVG>',
        errors.ImageIsSvg,
    ),
    "html": (b"<!DOCTYPE html><html>", errors.ImageIsHtml),
    "html without a head": (b"\n <script>alert(1)</script>", errors.ImageIsHtml),
    "mp4": (b"\0\0\0\x20ftypisom\0\0\2\0", errors.ImageIsMedia),
    "quicktime": (b"\0\0\0\x14ftypqt  \0\0\0\0", errors.ImageIsMedia),
    "webm": (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81", errors.ImageIsMedia),
    "wav that is html too": (b"RIFF\x24\0\0\0WAVEfmt <script>", errors.ImageIsMedia),
    "mp3": (b"ID3\x04\0\0\0\0\0\0", errors.ImageIsMedia),
    "avif": (b"\0\0\0\x20ftypavif\0\0\0\0", errors.ImageUnsupported),
    "zip": (b"PK\x03\x04\x14\0\x06\0", errors.ImageUnsupported),
    "text like a bitmap": (b"BMI is 25, blood pressure 120/80", errors.ImageUnsupported),
    "nothing": (b"", errors.ImageDamaged),
    "one byte too many": (b"\x89PNG\r\n\x1a\n".ljust(MAX_BYTES + 1), errors.ImageTooLarge),
}


@pytest.mark.parametrize(("data", "error"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_picture_gets_its_own_sentence(data, error):
    """Each kind of file that people take for a picture is named, and the way out is said."""
    with pytest.raises(errors.ImageError) as caught:
        recognise(data)
    assert type(caught.value) is error
    assert caught.value.what.endswith(".")
    assert caught.value.fix.endswith(".")


def test_every_format_is_recognised_by_its_bytes():
    """PNG, JPEG, WebP, GIF, BMP, TIFF and HEIC are told apart without their names."""
    found = {name: recognise(data).name for name, data in pictures.samples().items()}
    assert found == {form.name: form.name for form in Format}


def test_the_largest_file_allowed_is_taken():
    """20 MB are allowed, and the limit is not one less."""
    assert recognise(b"\x89PNG\r\n\x1a\n".ljust(MAX_BYTES)) is Format.PNG


@given(st.binary(max_size=300))
def test_no_bytes_confuse_the_recognition(data):
    """Any bytes at all are a format or an `ImageError`, nothing else."""
    try:
        assert recognise(data) in Format
    except errors.ImageError as error:
        assert error.code.startswith("image")


def test_image_errors_have_codes_of_their_own():
    """The page can tell every refusal from the others by its code."""
    kinds = errors.ImageError.__subclasses__()
    codes = {kind.code for kind in kinds}
    assert len(codes) == len(kinds) >= 12
    assert all(errors.find(kind.code) is kind for kind in kinds)
