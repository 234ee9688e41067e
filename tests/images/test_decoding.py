"""Files of every format, against Pillow and OpenCV read by themselves; broken and hostile ones."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFile, ImageOps

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError, MissingExtraError
from vultus.images import Limits, read

NOISE = np.random.default_rng(7).integers(0, 256, (44, 60, 3)).astype(np.uint8)
PIXELS = cv2.GaussianBlur(NOISE, (0, 0), 2)
PICTURE = PIL.Image.fromarray(PIXELS)


def encoded(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(values: np.ndarray, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of 16 bits a channel; colour: 0 grey, 2 RGB, 4 grey and alpha, 6 RGBA."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )


def tiff(*tags: tuple[int, int], body: bytes = b"") -> bytes:
    """A little-endian TIFF whose tags all are one LONG, strip data from byte 8 on."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


LOSSLESS = {
    "png": encoded(PICTURE, "PNG"),
    "webp": encoded(PICTURE, "WEBP", lossless=True),
    "bmp": encoded(PICTURE, "BMP"),
    "tiff": encoded(PICTURE, "TIFF"),
    "tiff lzw": encoded(PICTURE, "TIFF", compression="tiff_lzw"),
    "tiff deflate": encoded(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
}
JPEGS = {
    "baseline": encoded(PICTURE, "JPEG"),
    "full colour": encoded(PICTURE, "JPEG", subsampling=0),
    "progressive": encoded(PICTURE, "JPEG", progressive=True),
    "restarts": encoded(PICTURE, "JPEG", restart_marker_blocks=2),
    "grey": encoded(PICTURE.convert("L"), "JPEG"),
    "cmyk": encoded(PICTURE.convert("CMYK"), "JPEG"),
}


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(ImageFormatError, match="empty file"):
        read(b"")


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_give_the_pixels_back(name: str) -> None:
    image = read(LOSSLESS[name])
    assert np.array_equal(image, PIXELS)
    assert image.flags.c_contiguous
    assert image.flags.writeable


@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_against_pillow_and_opencv(name: str) -> None:
    image = read(JPEGS[name]).astype(int)
    by_pillow = np.asarray(PIL.Image.open(io.BytesIO(JPEGS[name])).convert("RGB"))
    by_opencv = cv2.imdecode(np.frombuffer(JPEGS[name], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.abs(image - by_pillow).max() <= 1
    assert np.abs(image - by_opencv).max() <= 2
    assert image.shape == PIXELS.shape


def test_jpeg_of_real_photographs_against_opencv(data: Path) -> None:
    paths = sorted((data / "lfw/images").glob("*/*.jpg"))[:20] + sorted((data / "portraits").glob("*.jpg"))[:3]
    worst = [
        np.abs(read(path).astype(int) - cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]).max() for path in paths
    ]
    assert len(worst) == 23
    assert max(worst) <= 1


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_exif_orientation_against_pillow(kind: str, options: dict[str, object], turn: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    data = encoded(PICTURE, kind, exif=exif, **options)
    expected = ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data)))
    assert np.abs(read(data).astype(int) - np.asarray(expected)).max() <= 1
    assert np.array_equal(read(PIL.Image.open(io.BytesIO(data))), np.asarray(expected))


def test_exif_orientation_of_cmyk_and_of_16_bits() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    assert read(encoded(PICTURE.convert("CMYK"), "JPEG", exif=exif)).shape == (60, 44, 3)
    deep = np.random.default_rng(1).integers(0, 65536, (4, 6, 3)).astype(np.uint16)
    upright = np.rint(np.rot90(deep, -1) / 257)
    assert np.array_equal(read(png(deep, 2, (b"eXIf", exif.tobytes()[6:]))), upright)


@pytest.mark.parametrize("turn", range(1, 9))
def test_16_bit_tiff_is_turned_and_keeps_its_precision(turn: int) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (4, 6, 3)).astype("<u2")
    body = struct.pack("<HHHH", 16, 16, 16, 0) + deep.tobytes()
    tags = [(256, 6), (257, 4), (258, 8), (259, 1), (262, 2), (273, 16), (274, turn), (277, 3), (278, 4), (279, 144)]
    data = bytearray(tiff(*tags, body=body))
    at = 8 + len(body) + 2 + 12 * 2  # the bits of three samples do not fit into the tag: type SHORT, count 3
    data[at : at + 8] = struct.pack("<HHI", 258, 3, 3)
    picture = PIL.Image.fromarray(np.rint(deep / 257).astype(np.uint8))
    picture.getexif()[0x0112] = turn
    assert np.array_equal(read(bytes(data)), np.asarray(ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize(
    ("inks", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 0, 0), (255, 0, 255)),
        ((0, 0, 255, 0), (255, 255, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((51, 0, 0, 51), (163, 204, 204)),  # (255 - 51)(255 - 51) / 255 = 163.2
    ],
)
def test_cmyk_by_hand(inks: tuple[int, ...], colour: tuple[int, ...]) -> None:
    plain = PIL.Image.new("CMYK", (16, 16), inks)
    assert read(encoded(plain, "TIFF"))[8, 8].tolist() == list(colour)
    assert np.abs(read(encoded(plain, "JPEG", quality=100))[8, 8].astype(int) - colour).max() <= 2


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_scaled_exactly(colour: int, channels: int) -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    eight = np.rint(deep / 257)
    alpha = eight[..., -1:] / 255 if colour in (4, 6) else 1.0
    shown = eight[..., :3] if channels >= 3 else eight[..., :1].repeat(3, axis=2)
    tolerance = 1 if colour in (4, 6) else 0  # the blend rounds a second time
    assert np.abs(read(png(deep, colour)) - (shown * alpha + 255 * (1 - alpha))).max() <= tolerance


def test_16_bit_png_with_a_transparent_colour_is_read() -> None:
    deep = np.full((2, 2, 3), 0x1234, np.uint16)
    assert read(png(deep, 2, (b"tRNS", struct.pack(">HHH", 1, 2, 3)))).shape == (2, 2, 3)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_files_of_opencv_are_scaled_exactly(suffix: str) -> None:
    deep = np.random.default_rng(3).integers(0, 65536, (33, 20, 3)).astype(np.uint16)
    assert np.array_equal(read(cv2.imencode(suffix, deep[..., ::-1])[1].tobytes()), np.rint(deep / 257))
    grey = deep[..., 0]
    expected = np.rint(grey / 257)[..., None].repeat(3, axis=2)
    assert np.array_equal(read(cv2.imencode(suffix, grey)[1].tobytes()), expected)


def test_12_bit_tiff_uses_its_whole_range() -> None:
    packed = bytes([0x00, 0x08, 0x00, 0xFF, 0xF0, 0x00])  # 0, 2048, 4095, 0
    tags = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    assert read(tiff(*tags, body=packed))[0, :, 0].tolist() == [0, 128, 255, 0]


def test_integers_and_floats_without_a_range_are_refused() -> None:
    with pytest.raises(ImageFormatError, match="32-bit integers"):
        read(encoded(PIL.Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"))
    with pytest.raises(ImageFormatError, match="0 to 1"):
        read(encoded(PIL.Image.fromarray(np.full((4, 4), 70000, np.float32)), "TIFF"))
    halves = read(encoded(PIL.Image.fromarray(np.full((4, 4), 0.5, np.float32)), "TIFF"))
    assert halves[0, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palettes(mode: str) -> None:
    picture = PICTURE.convert(mode)
    assert np.array_equal(read(encoded(picture, "PNG")), np.asarray(picture.convert("RGB")))
    assert np.array_equal(read(picture), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize(
    ("picture", "kind", "options"),
    [
        (PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 51)), "PNG", {}),
        (PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 51)), "TIFF", {}),
        (PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 51)), "WEBP", {"lossless": True, "exact": True}),
        (PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 51)).quantize(2), "PNG", {}),
    ],
)
def test_alpha_is_laid_on_white(picture: PIL.Image.Image, kind: str, options: dict[str, object]) -> None:
    data = encoded(picture, kind, **options)
    assert np.abs(read(data)[2, 2].astype(int) - (255, 204, 204)).max() <= 1  # 255 - 0.2 * 255
    assert np.abs(read(picture)[2, 2].astype(int) - (255, 204, 204)).max() <= 1


def test_transparency_of_grey_palette_and_key_colour() -> None:
    assert read(encoded(PIL.Image.new("LA", (3, 3), (0, 51)), "PNG"))[1, 1].tolist() == [204, 204, 204]
    assert read(encoded(PIL.Image.new("RGB", (3, 3), (9, 8, 7)), "PNG", transparency=(9, 8, 7))).min() == 255
    assert read(encoded(PIL.Image.new("L", (3, 3), 9), "PNG", transparency=9)).min() == 255
    assert read(encoded(PIL.Image.new("P", (3, 3), 1), "GIF", transparency=1)).min() == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_first_frame_of_what_moves(kind: str) -> None:
    first, second = PIL.Image.new("RGB", (24, 16), (200, 30, 30)), PIL.Image.new("RGB", (24, 16), (30, 30, 200))
    options = {"lossless": True} if kind == "WEBP" else {}
    image = read(encoded(first, kind, save_all=True, append_images=[second], **options))
    assert image.shape == (16, 24, 3)
    assert np.abs(image.astype(int) - (200, 30, 30)).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_one_pixel(kind: str) -> None:
    assert np.abs(read(encoded(PIL.Image.new("RGB", (1, 1), "white"), kind)).astype(int) - 255).max() <= 1


@pytest.mark.parametrize("at_least", [1, 80, 81, 160, 161, 320, 10_000])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_at_least_takes_the_smallest_scale_that_is_enough(at_least: int, options: dict[str, object]) -> None:
    data = encoded(PICTURE.resize((640, 427)), "JPEG", **options)
    by = max(by for by in (1, 2, 4, 8) if by == 1 or 640 // by >= at_least)
    small, whole = read(data, at_least=at_least), read(data)
    assert small.shape == (-(-427 // by), 640 // by, 3)
    expected = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2


def test_at_least_is_turned_and_other_formats_come_out_whole() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    assert read(encoded(PICTURE, "JPEG", exif=exif), at_least=30).shape == (30, 22, 3)
    assert read(LOSSLESS["png"], at_least=10).shape == (44, 60, 3)
    with pytest.raises(InputError, match="at_least"):
        read(LOSSLESS["png"], at_least=0)


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_cut_anywhere_is_refused(name: str) -> None:
    data = JPEGS[name]
    accepted = []
    for end in range(len(data)):
        try:
            read(data[:end])
        except ImageFormatError:
            continue
        accepted.append(end)
    assert accepted == []


@given(st.data())
def test_a_real_jpeg_cut_anywhere_is_refused(data: Path, draw: st.DataObject) -> None:
    whole = (data / "portraits/001_neutral.jpg").read_bytes()
    end = draw.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ImageFormatError, match=r"truncated|empty|expected"):
        read(whole[:end])
    with pytest.raises(ImageFormatError):  # as a download leaves it that took the room beforehand
        read(whole[:end] + bytes(len(whole) - end))


@pytest.mark.parametrize("name", ["baseline", "full colour", "restarts", "grey"])
def test_half_a_jpeg_closed_by_a_fresh_end_marker_is_refused(name: str) -> None:
    data = JPEGS[name]
    scan = data.index(b"\xff\xda") + 14
    reasons = set()
    for end in range(scan + 8, len(data) - 100):
        with pytest.raises(ImageFormatError) as caught:
            read(data[:end] + b"\xff\xd9")
        reasons.add(str(caught.value))
    assert reasons == {"<bytes>: the JPEG is truncated, its lower part is missing; get the whole file"}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize("rows", [0, 20, 32])
def test_a_jpeg_that_is_mid_grey_below_is_read(
    options: dict[str, object], rows: int, capfd: pytest.CaptureFixture[str]
) -> None:
    pixels = PIXELS.copy()
    pixels[rows:] = 128
    image = read(encoded(PIL.Image.fromarray(pixels), "JPEG", **options))
    assert np.abs(image[-1].astype(int) - 128).max() <= 12
    assert capfd.readouterr().err == ""  # the second look at such a picture must not make a decoder talk


CUTTABLE = {
    **LOSSLESS,
    "webp lossy": encoded(PICTURE, "WEBP"),
    "webp moving": encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(9)]),
    "gif": encoded(PICTURE, "GIF"),
    "png palette": encoded(PICTURE.quantize(16), "PNG"),
    "png 16": png(PIXELS.astype(np.uint16) * 257, 2),
    "png interlaced": cv2.imencode(".png", PIXELS)[1].tobytes(),
    "tiff jpeg": encoded(PICTURE, "TIFF", compression="jpeg"),
    "tiff 16": cv2.imencode(".tiff", PIXELS.astype(np.uint16) * 257)[1].tobytes(),
}


@pytest.mark.parametrize("name", CUTTABLE)
def test_a_cut_file_is_refused_or_was_whole_already(name: str) -> None:
    data = CUTTABLE[name]
    whole = read(data)
    different, refused = [], 0
    for end in {*range(0, len(data), max(1, len(data) // 300)), *range(len(data) - 40, len(data))}:
        try:
            image = read(data[:end])
        except ImageFormatError:
            refused += 1
            continue
        if not np.array_equal(image, whole):
            different.append(end)
    assert different == []
    assert refused > 250


@given(st.sampled_from([*CUTTABLE.values(), *JPEGS.values()]), st.data())
def test_damage_ends_in_pixels_or_in_a_reason(whole: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(whole) - 1))] = draw.draw(st.integers(0, 255))
    try:
        image = read(bytes(damaged))
    except InputError as error:
        reason = str(error)
    else:
        reason = "<bytes>: read"
        assert image.shape[2] == 3
    assert reason.startswith("<bytes>: ")
    assert "\n" not in reason


def header_only_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + b"\0\0\1\0IDAT"


def bomb_png(side: int) -> bytes:
    """A valid PNG of side x side black pixels in 1 bit."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pack = zlib.compressobj(6)
    row = bytes(1 + -(-side // 8))
    body = b"".join(pack.compress(row * 500) for _ in range(side // 500)) + pack.flush()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    )


def test_a_decompression_bomb_is_refused_without_a_warning() -> None:
    bomb = bomb_png(30_000)
    assert len(bomb) < 200_000
    guard = PIL.Image.MAX_IMAGE_PIXELS
    with pytest.raises(ImageTooLargeError, match="30000 x 30000"):
        read(bomb)
    assert guard == PIL.Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    "bomb",
    [
        header_only_png(30_000, 30_000),
        header_only_png(11_000, 11_000),  # where Pillow itself would warn and go on
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + bytes(9) + b"\xff\xda\0\x02\xff\xd9",
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2,
        b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, 9, 9, 0)
        + b"\x08",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        tiff((256, 60_000), (257, 60_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 60_000), (279, 1)),
        tiff(
            (256, 9), (257, 9), (258, 8), (259, 8), (262, 1), (277, 1), (322, 32768), (323, 32768), (324, 8), (325, 1)
        ),
    ],
    ids=["png", "png within Pillow's guard", "jpeg", "webp", "gif", "bmp", "tiff", "tiff of one vast tile"],
)
def test_the_size_is_checked_on_the_header_before_anything_is_decoded(bomb: bytes) -> None:
    with pytest.raises(ImageTooLargeError, match="megapixels"):
        read(bomb)


def test_a_raised_limit_holds_without_a_warning_and_without_touching_pillow() -> None:
    image = read(bomb_png(9_500), limits=Limits(pixels=100_000_000))  # 90.25 megapixels; Pillow warns from 89.5 on
    assert image.shape == (9_500, 9_500, 3)
    with pytest.raises(ImageTooLargeError, match="MAX_IMAGE_PIXELS"):
        read(
            tiff((256, 9_500), (257, 9_500), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 9_500), (279, 1)),
            limits=Limits(pixels=100_000_000),
        )


def test_a_compressed_text_bomb_inside_a_small_png_is_refused() -> None:
    text = zlib.compress(bytes(100_000_000), 9)
    with pytest.raises(ImageFormatError, match=r"PNG is broken|MAX_TEXT"):
        read(png(np.zeros((2, 2, 3), np.uint16), 2, (b"zTXt", b"key\0\0" + text)))


def test_zero_size_is_refused() -> None:
    with pytest.raises(ImageFormatError):
        read(header_only_png(0, 5))
    with pytest.raises(ImageFormatError, match="without width and height"):
        read(b"\xff\xd8\xff\xc0\0\x11\x08\0\0\0\x05\x03" + bytes(9) + b"\xff\xda\0\x02\xff\xd9")


@pytest.mark.parametrize(
    "content",
    [b"just text", b"<!DOCTYPE html><html>", b"%PDF-1.7", b"\x7fELF", b"\0" * 100, b"\xff\xd8 near", b"PK\3\4"],
)
def test_what_is_no_picture_is_refused_with_what_it_is(content: bytes) -> None:
    with pytest.raises(ImageFormatError, match="expected a JPEG, PNG, WebP") as caught:
        read(content)
    assert repr(content[:4])[2:-1] in str(caught.value)


def test_postscript_and_other_plugins_of_pillow_never_run() -> None:
    for kind in ("EPS", "ICO", "PPM", "TGA", "JPEG2000"):
        with pytest.raises(ImageFormatError, match="expected a JPEG"):
            read(encoded(PICTURE, kind))


def test_truncated_files_are_refused_whatever_another_thread_does_to_pillow() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    with ThreadPoolExecutor(4) as pool:
        sizes = list(pool.map(lambda name: read(CUTTABLE[name]).shape, [*CUTTABLE] * 4))
    assert set(sizes) == {(44, 60, 3)}
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


HEIC_HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def test_heif_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vultus\[heif\]'"):
        read(HEIC_HEAD)


def test_avif_is_named_in_the_refusal() -> None:
    with pytest.raises(ImageFormatError, match="got AVIF"):
        read(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(40))


@pytest.mark.parametrize("turn", range(1, 9))
def test_heif_against_its_library(turn: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'vultus[heif]'")
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    pillow_heif.from_pillow(PICTURE).save(file, quality=95, exif=exif.tobytes())
    image = read(file.getvalue()).astype(int)
    errors = {}
    for number in range(1, 9):
        turned = PICTURE.copy()
        turned.getexif()[0x0112] = number
        upright = np.asarray(ImageOps.exif_transpose(turned))
        if upright.shape == image.shape:
            errors[number] = np.abs(image - upright).mean()
    assert min(errors, key=errors.__getitem__) == turn
    assert errors[turn] < 8  # lossy, and colour at half the resolution
    whole = file.getvalue()
    with pytest.raises(ImageFormatError):
        read(whole[: len(whole) // 2])
    with pytest.raises(ImageTooLargeError):
        read(whole, limits=Limits(pixels=1000))
