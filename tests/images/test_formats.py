"""The header parsers against Pillow, which reads the same headers."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import ImageFormatError
from vultus.images.formats import HEAD_BYTES, JpegHeader, jpeg_header, orientation, sniff, webp_size


def encoded(kind: str, size_wh: tuple[int, int] = (37, 23), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    PIL.Image.new(mode, size_wh, 90).save(file, kind, **options)
    return file.getvalue()


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(compatible)) + b"ftyp" + major + b"\0\0\0\0" + b"".join(compatible)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", None),
        (b"\xff\xd8", None),
        (b"BM was a firm, this is text", None),
        (b"%PDF-1.7", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (ftyp(b"isom", b"mp42"), None),
        (ftyp(b"heic", b"mif1"), "HEIF"),
        (ftyp(b"mif1", b"heic"), "HEIF"),
        (ftyp(b"mif1", b"avif"), "AVIF"),
    ],
)
def test_sniff_by_first_bytes(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_sniff_what_pillow_writes(kind: str) -> None:
    assert sniff(encoded(kind)[:HEAD_BYTES]) == kind


@pytest.mark.parametrize(
    ("mode", "options", "components", "plain"),
    [
        ("L", {}, 1, True),
        ("RGB", {}, 3, True),
        ("RGB", {"progressive": True}, 3, True),
        ("RGB", {"restart_marker_blocks": 1}, 3, True),
        ("CMYK", {}, 4, False),
    ],
)
def test_jpeg_header(mode: str, options: dict[str, object], components: int, plain: bool) -> None:
    data = encoded("JPEG", (37, 23), mode, **options)
    assert jpeg_header(data) == JpegHeader((37, 23), components, plain, 1, len(data) - 2)


def test_jpeg_header_is_that_of_the_picture_not_of_its_thumbnail() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 8
    block = exif.tobytes() + encoded("JPEG", (16, 12))  # a whole JPEG, end marker and all, inside the EXIF block
    data = encoded("JPEG", (37, 23), exif=block)
    header = jpeg_header(data)
    assert (header.size_wh, header.orientation, header.end) == ((37, 23), 8, len(data) - 2)
    with pytest.raises(ImageFormatError, match="truncated"):
        jpeg_header(data[:-2])


def test_jpeg_header_passes_over_what_follows_the_picture() -> None:
    data = encoded("JPEG")
    assert jpeg_header(data + b"trailer" + encoded("JPEG", (5, 5))) == jpeg_header(data)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\x00\x01\xff\xd9", encoded("JPEG")[:40]])
def test_jpeg_header_refuses_what_holds_no_picture(data: bytes) -> None:
    with pytest.raises(ImageFormatError):
        jpeg_header(data)


def test_jpeg_header_refuses_a_picture_of_endless_scans() -> None:
    data = encoded("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert jpeg_header(data[:-2] + data[last:-2] * 50 + data[-2:]).plain
    with pytest.raises(ImageFormatError, match="100 scans"):
        jpeg_header(data[:-2] + data[last:-2] * 100 + data[-2:])


@given(st.binary(max_size=200))
def test_parsers_survive_any_bytes(data: bytes) -> None:
    assert 1 <= orientation(b"Exif\0\0II*\0" + data) <= 8
    assert sniff(data) is None or len(data) >= 3
    with pytest.raises(ImageFormatError):
        jpeg_header(b"\xff\xd8" + data.replace(b"\xff", b""))


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])  # SHORT as the standard has it, LONG as some cameras write
def test_orientation(value: int, order: str, kind: int) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(f"{order}HHII", 0x010F, 2, 3, 0x41424300)
    number = struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value)
    entries += struct.pack(f"{order}HHI", 0x0112, kind, 1) + number
    block = mark + struct.pack(f"{order}IH", 8, 2) + entries
    assert orientation(b"Exif\0\0" + block) == orientation(block) == value


def test_orientation_of_a_value_that_the_standard_has_not() -> None:
    assert orientation(b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 9, 0)) == 1


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["lossy", "lossless", "animated", "alpha"]))
def test_webp_size(width: int, height: int, what: str) -> None:
    mode = "RGBA" if what == "alpha" else "RGB"
    more = [PIL.Image.fromarray(np.zeros((height, width, 3), np.uint8))]
    options = {"lossless": {"lossless": True}, "animated": {"save_all": True, "append_images": more}}.get(what, {})
    assert webp_size(encoded("WEBP", (width, height), mode, method=0, **options)) == (width, height)


@pytest.mark.parametrize("data", [b"", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8 " + bytes(40)])
def test_webp_size_refuses_a_chunk_without_one(data: bytes) -> None:
    with pytest.raises(ImageFormatError):
        webp_size(data)
