"""Face regions in XMP, as digiKam, Lightroom, Picasa, PhotoPrism and Windows write them.

Two schemas are read, in JPEG files (APP1, extended parts too) and in sidecar files
(`photo.jpg.xmp`, or `photo.xmp` beside `photo.jpg`), which go before what is in the picture:

- MWG regions (`mwg-rs`, Metadata Working Group, Guidelines for Handling Image Metadata 2.0,
  section 5.9): centre, width and height, or a diameter, as shares of the picture or in pixels;
- Microsoft people tags (`MPRI`, `MPReg`): left, top, width, height as shares of the picture.

Regions count from the corner of the picture as it is stored, before its EXIF orientation is
applied; here they are turned upright. Some writers count from the upright picture's corner
instead. Where the dimensions that MWG regions state tell which it was, they are believed;
where not, both readings are kept and the one on which a face lies is taken. An orientation that
stands in a sidecar alone is not applied: the picture is not turned by it either.
"""

from __future__ import annotations

import logging
import math
import os
import xml.etree.ElementTree as Tree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vultus import images
from vultus.errors import ImageFormatError, NotFoundError
from vultus.images.formats import jpeg_header
from vultus.imports.marked import Marked
from vultus.types import Box

__all__ = ["Region", "packets", "read", "regions", "upright"]

log = logging.getLogger("vultus.imports")

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
_DIM = "{http://ns.adobe.com/xap/1.0/sType/Dimensions#}"
_MPRI = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}"
_MPREG = "{http://ns.microsoft.com/photo/1.2/t/Region#}"

_MAIN = b"http://ns.adobe.com/xap/1.0/\0"
_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_MOST = 4 * 2**20  # bytes of one packet; real ones have some thousand
_MOST_REGIONS = 1000
_PICTURE = 64 * 2**20  # bytes of a file that is looked into


@dataclass(frozen=True, slots=True)
class Region:
    """A named face as its writer put it: shares of the picture's sides, not yet turned upright."""

    name: str
    box: Box  # may reach a little beyond 0..1
    dimensions: tuple[float, float] | None = None  # width and height that the writer had in mind


def read(source: Path) -> Iterator[Marked]:
    """Every named face of a folder of pictures, or of one picture.

    Pictures without regions, and regions without a name, are passed over. Refused: no such
    folder (NotFoundError).
    """
    if not source.exists():
        raise NotFoundError(f"{source}: there is no such folder; check the path")
    for path in images.walk([source]):
        try:
            yield from _of_picture(path)
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error.strerror)


def _of_picture(path: Path) -> Iterator[Marked]:
    with path.open("rb") as file:
        data = file.read(_PICTURE)
    found = _in_sidecar(path) or next((seen for packet in packets(data) if (seen := regions(packet))), [])
    if not found:
        return
    turn, size_wh = _frame(data)
    for region in found:
        first, second = upright(region, turn, size_wh)
        yield Marked(region.name, os.fspath(path), os.fspath(path), first, second)


def _in_sidecar(path: Path) -> list[Region]:
    for sidecar in (Path(f"{path}.xmp"), path.with_suffix(".xmp"), Path(f"{path}.XMP"), path.with_suffix(".XMP")):
        if sidecar.is_file():
            with sidecar.open("rb") as file:
                found = regions(file.read(_MOST + 1))
            if found:
                return found
    return []


def _frame(data: bytes) -> tuple[int, tuple[int, int] | None]:
    """EXIF orientation, and width and height as stored; 1 and None where the file is no sound JPEG."""
    if not data.startswith(b"\xff\xd8\xff"):
        return 1, None
    try:
        header = jpeg_header(data)
    except ImageFormatError:
        return 1, None  # reading the picture will tell
    return header.orientation, header.size_wh


def packets(jpeg: bytes) -> Iterator[bytes]:
    """The XMP packets of a JPEG: the main one, then what its extended parts make together (XMP part 3, 1.1.3)."""
    parts: dict[bytes, dict[int, bytes]] = {}
    sizes: dict[bytes, int] = {}
    for segment in _application_segments(jpeg):
        if segment.startswith(_MAIN):
            yield segment[len(_MAIN) :]
        elif segment.startswith(_MORE):
            rest = segment[len(_MORE) :]
            guid, size, offset = rest[:32], int.from_bytes(rest[32:36], "big"), int.from_bytes(rest[36:40], "big")
            if size <= _MOST:
                sizes[guid] = size
                parts.setdefault(guid, {})[offset] = rest[40:]
    for guid, pieces in parts.items():
        whole = b"".join(pieces[offset] for offset in sorted(pieces))
        if len(whole) == sizes[guid]:
            yield whole


def _application_segments(jpeg: bytes) -> Iterator[bytes]:
    """The bodies of a JPEG's APP1 segments."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and jpeg[at : at + 1] == b"\xff" and at + 4 <= len(jpeg):
        marker, size = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker in (0xDA, 0xD9) or size < 2:
            return
        if marker == 0xE1:
            yield jpeg[at + 4 : at + 2 + size]
        at += 2 + size


def regions(packet: bytes) -> list[Region]:
    """The named faces of an XMP packet: MWG regions, or where there are none, Microsoft's.

    () for anything that is not XML, or that defines entities (XMP has none; they are how small
    files become large).
    """
    text = packet.strip(b"\0 \t\r\n")
    declared = b"<!" in text.replace(b"<!--", b"").replace(b"<![CDATA[", b"")
    if len(text) > _MOST or declared or b"\0" in text:  # a packet in a picture is UTF-8, without zeros
        return []
    try:
        root = Tree.fromstring(text)
    except (Tree.ParseError, ValueError, LookupError):
        return []
    found = [*_mwg(root)] or [*_microsoft(root)]
    return found[:_MOST_REGIONS]


def _mwg(root: Tree.Element) -> Iterator[Region]:
    for whole in root.iter(f"{_MWG}Regions"):
        size = next((part for part in whole.iter(f"{_MWG}AppliedToDimensions")), None)
        width, height = (None, None) if size is None else (_number(size, f"{_DIM}w"), _number(size, f"{_DIM}h"))
        dimensions = (width, height) if width and height else None
        for item in whole.iter(f"{_RDF}li"):
            name, kind = _value(item, f"{_MWG}Name"), _value(item, f"{_MWG}Type")
            area = next((part for part in item.iter(f"{_MWG}Area")), None)
            if name and area is not None and kind in (None, "Face"):
                box = _area(area, dimensions)
                if box is not None:
                    yield Region(name, box, dimensions)


def _area(area: Tree.Element, dimensions: tuple[float, float] | None) -> Box | None:
    """Centre and size, or a circle, as corners in shares."""
    x, y = _number(area, f"{_AREA}x"), _number(area, f"{_AREA}y")
    width, height = _number(area, f"{_AREA}w"), _number(area, f"{_AREA}h")
    across = _number(area, f"{_AREA}d")
    scale_x = scale_y = 1.0
    if _value(area, f"{_AREA}unit") == "pixel":
        if dimensions is None:
            return None
        scale_x, scale_y = dimensions
    if width is None and height is None and across is not None:
        # A circle's diameter is a share of the shorter side.
        wide, high = dimensions or (1.0, 1.0)
        width, height = (
            (across, across) if scale_x > 1 else (across * min(wide, high) / wide, across * min(wide, high) / high)
        )
    if x is None or y is None or not width or not height:
        return None
    return _sound(
        (x - width / 2) / scale_x, (y - height / 2) / scale_y, (x + width / 2) / scale_x, (y + height / 2) / scale_y
    )


def _microsoft(root: Tree.Element) -> Iterator[Region]:
    for whole in root.iter(f"{_MPRI}Regions"):
        for item in whole.iter(f"{_RDF}li"):
            name, written = _value(item, f"{_MPREG}PersonDisplayName"), _value(item, f"{_MPREG}Rectangle")
            if not name or not written:
                continue
            try:
                x, y, width, height = (float(part) for part in written.split(","))
            except ValueError:
                continue
            box = _sound(x, y, x + width, y + height)
            if box is not None:
                yield Region(name, box)


def _sound(x1: float, y1: float, x2: float, y2: float) -> Box | None:
    """A box of finite shares with some extent, near the picture."""
    near = all(math.isfinite(value) and -1 <= value <= 2 for value in (x1, y1, x2, y2))
    return Box(x1, y1, x2, y2) if near and x2 > x1 and y2 > y1 else None


def _value(node: Tree.Element, tag: str) -> str | None:
    """A property, as an attribute or an element, of a node or of the rdf:Description inside it."""
    for place in (node, *node.findall(f"{_RDF}Description")):
        if (found := place.get(tag)) is not None:
            return found.strip()
        child = place.find(tag)
        if child is not None:
            return next((text.strip() for text in child.itertext() if text.strip()), "")
    return None


def _number(node: Tree.Element, tag: str) -> float | None:
    value = _value(node, tag)
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def upright(region: Region, turn: int, size_wh: tuple[int, int] | None) -> tuple[Box, Box | None]:
    """The region in the picture as it is seen, and how it would lie if its writer counted from there already.

    turn: EXIF orientation. size_wh: of the picture as stored.
    """
    if turn == 1:
        return region.box, None
    turned = _turned(region.box, turn)
    if turn >= 5 and region.dimensions is not None and size_wh is not None and size_wh[0] != size_wh[1]:
        lying = (region.dimensions[0] > region.dimensions[1]) == (size_wh[0] > size_wh[1])
        return (turned, None) if lying else (region.box, None)
    return turned, region.box


def _turned(box: Box, turn: int) -> Box:
    """A box of shares in the stored picture, in the picture that EXIF orientation makes of it."""
    x1, y1, x2, y2 = box.x1, box.y1, box.x2, box.y2
    corners = {
        2: (1 - x2, y1, 1 - x1, y2),  # mirrored
        3: (1 - x2, 1 - y2, 1 - x1, 1 - y1),  # upside down
        4: (x1, 1 - y2, x2, 1 - y1),
        5: (y1, x1, y2, x2),  # transposed
        6: (1 - y2, x1, 1 - y1, x2),  # to be turned clockwise
        7: (1 - y2, 1 - x2, 1 - y1, 1 - x1),
        8: (y1, 1 - x2, y2, 1 - x1),
    }.get(turn, (x1, y1, x2, y2))
    return Box(*corners)
