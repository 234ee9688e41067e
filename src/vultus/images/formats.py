"""What a file is by its first bytes, and what its header says, without decoding a pixel.

The JPEG header is read here and not by a library, because three things are wanted before
the decoder runs: the size, against decompression bombs; the EXIF orientation; and whether
the end-of-image marker is there, since decoders differ in what they make of half a file.
Sources: ITU-T T.81 annex B (JPEG markers), EXIF 2.32 section 4.6.2 (image file directory),
RFC 9649 (WebP), ISO/IEC 14496-12 (file type box of HEIF and AVIF).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from vultus.errors import ImageFormatError

__all__ = [
    "HEAD_BYTES",
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "JpegHeader",
    "jpeg_header",
    "orientation",
    "sniff",
    "webp_size",
]

# fmt: off
IMAGE_SUFFIXES = frozenset([
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
    ".heic", ".heif", ".hif",
])
VIDEO_SUFFIXES = frozenset([
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv",
    ".3gp", ".ogv",
])
# fmt: on

HEAD_BYTES = 64  # enough for `sniff`
MAX_SCANS = 100  # progressive encoders write about ten; thousands are a bomb in time, not in size

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not a stuffed zero, a restart marker, or fill
_STANDALONE = {0x01, 0xD8}  # TEM and SOI carry no length
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF markers: C4 is DHT, C8 reserved, CC is DAC


def sniff(head: bytes) -> str | None:
    r"""The format by content: JPEG, PNG, WEBP, BMP, TIFF, GIF, HEIF, AVIF, or None.

    head: the first `HEAD_BYTES` bytes of the file, or all of it.

    >>> sniff(b"\x89PNG\r\n\x1a\n"), sniff(b"%PDF-1.7")
    ('PNG', None)
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":  # the two reserved words keep text out
        return "BMP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12]} | {head[at : at + 4] for at in range(16, end, 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What a JPEG says of itself before any pixel is decoded."""

    size_wh: tuple[int, int]  # as stored, before the orientation is applied
    components: int  # 1 grey, 3 colour, 4 CMYK or YCCK
    plain: bool  # 8 bits, Huffman coded, baseline or progressive, grey or colour
    orientation: int  # EXIF, 1 to 8
    end: int  # where the end-of-image marker begins


def jpeg_header(data: bytes) -> JpegHeader:
    """Walk the segments of the first picture in a JPEG or MPO file, to its end-of-image marker.

    Refused (ImageFormatError): a file that stops before that marker, no frame, no size, and
    more than `MAX_SCANS` scans.
    """
    size_wh, components, plain, turned = (0, 0), 0, False, 0
    scans, position = 0, 2
    while True:
        found = _MARKER.search(data, position)
        if found is None:
            raise ImageFormatError("the JPEG is truncated, its end is missing; get the whole file")
        code, body = data[found.start() + 1], found.end()
        if code == 0xD9:
            break
        if code in _STANDALONE:
            position = body
            continue
        position = body + int.from_bytes(data[body : body + 2], "big")
        if position > len(data) or position < body + 2:
            raise ImageFormatError("the JPEG is truncated or broken inside a header segment; get the whole file")
        segment = data[body + 2 : position]
        if code in _FRAMES and not components and len(segment) >= 6:
            precision, height, width, components = struct.unpack_from(">BHHB", segment)
            size_wh = (width, height)
            plain = code <= 0xC2 and precision == 8 and components in (1, 3)
        elif code == 0xE1 and not turned and segment.startswith(b"Exif\0\0"):
            turned = orientation(segment)
        elif code == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise ImageFormatError(f"the JPEG has more than {MAX_SCANS} scans; save it again with another program")
    if not scans or 0 in size_wh:
        raise ImageFormatError("the JPEG holds no picture (no frame, or one without width and height)")
    return JpegHeader(size_wh, components, plain, turned or 1, found.start())


def orientation(exif: bytes) -> int:
    r"""EXIF orientation, 1 to 8; 1 where none is stated or the block is damaged.

    >>> orientation(b"Exif\0\0" b"II*\0\x08\0\0\0" b"\x01\0" b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0")
    6
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for at in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, at)
            if tag == 0x0112:
                (value,) = struct.unpack_from(f"{order}{'I' if kind == 4 else 'H'}", tiff, at + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP's canvas; its decoder would take the memory while opening.

    Refused (ImageFormatError): a first chunk that is none of VP8, VP8L and VP8X.
    """
    chunk, head = data[12:16], data[:30].ljust(30, b"\0")
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and head[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    raise ImageFormatError("the WebP is broken, its first chunk is no picture; get the whole file")
