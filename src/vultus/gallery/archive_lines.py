"""The lines of an export file, each checked by itself: nothing in them is believed."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vultus.errors import GalleryError, InputError, VultusError
from vultus.gallery import faces
from vultus.gallery.names import normal
from vultus.types import Vector

__all__ = ["MOST", "FaceLine", "PersonLine", "about", "crop_of", "face_of", "feedback_of", "person_of"]

_CROP_BYTES = 1 << 20  # a crop of the largest side is 786,432 bytes uncompressed
MOST = 10**9  # people, faces
_HEX32 = re.compile(r"[0-9a-f]{32}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_PNG = re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR(.{4})(.{4})\x08\x02", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A line of people.jsonl, checked."""

    id: str
    name: str
    created: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FaceLine:
    """A line of faces.jsonl, checked, with its vector and crop."""

    id: str
    person: str
    sha256: bytes | None
    ordinal: int | None
    source: str | None
    reading: str | None
    forced: bool
    created: str
    vector: Vector
    png: bytes | None


def person_of(line: dict[str, Any]) -> PersonLine:
    """A line of people.jsonl. Refused, here and below (GalleryError, KeyError …, see `about`): anything else."""
    return PersonLine(
        _matching(line, "id", _HEX32),
        _name(_of(line, "name", str)),
        _matching(line, "created", _TIME),
        tuple(_name(alias) for alias in _of(line, "aliases", list)),
    )


def feedback_of(line: dict[str, Any]) -> tuple[bytes, int, str]:
    """A line of feedback.jsonl: SHA-256 of a picture, which of its faces, and the id of the person it is not."""
    ordinal = _of(line, "ordinal", int)
    if not -1 <= ordinal < MOST:
        raise GalleryError(f"ordinal {ordinal}")
    return bytes.fromhex(_matching(line, "sha256", _HEX64)), ordinal, _matching(line, "person", _HEX32)


@contextmanager
def about(what: str) -> Iterator[None]:
    """Turn what goes wrong with a stranger's values into a refusal that names the place."""
    try:
        yield
    except VultusError as error:
        if isinstance(error, GalleryError) and not str(error).startswith(what):
            raise GalleryError(f"{what}: {error}") from error.__cause__
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise GalleryError(f"{what}: not as an export has it ({type(error).__name__}: {error})") from error


def face_of(line: dict[str, Any], vector: Vector, png: bytes | None) -> FaceLine:
    """A line of faces.jsonl with its vector and crop, which were checked before."""
    ordinal = line["ordinal"]
    if ordinal is not None and not (type(ordinal) is int and 0 <= ordinal < MOST):
        raise GalleryError(f"ordinal {ordinal!r}")
    source = line["source"]
    if source is not None and not isinstance(source, str):
        raise GalleryError(f"source {source!r}")
    sha256 = None if line["sha256"] is None else bytes.fromhex(_matching(line, "sha256", _HEX64))
    return FaceLine(
        _matching(line, "id", _HEX32),
        _matching(line, "person", _HEX32),
        sha256,
        ordinal,
        source,
        None if line["reading"] is None else _reading(line["reading"]),
        _of(line, "forced", bool),
        _matching(line, "created", _TIME),
        vector,
        png,
    )


def _reading(fields: dict[str, Any]) -> str:
    box, quality = fields["box"], fields["quality"]
    if len(box) != 4 or not all(math.isfinite(value) for value in box) or not math.isfinite(quality["score"]):
        raise GalleryError("a box or a quality that is not made of numbers")
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def crop_of(pictures: Any, place: list[int], offset: int) -> bytes:
    """The crop that a line names, which must be the next: a PNG of a recogniser's size."""
    start, size = place
    if start != offset or type(size) is not int or not 0 < size <= _CROP_BYTES:
        raise GalleryError(f"crop at {start!r} of {size!r} bytes, expected it at {offset}")
    data: bytes = pictures.read(size)
    header = _PNG.match(data)
    sides = () if header is None else struct.unpack(">II", header[1] + header[2])
    if len(data) != size or not sides or not faces.is_crop((sides[1], sides[0], 3)):
        raise GalleryError("a crop that is no square PNG picture of RGB pixels, of a recogniser's size")
    return data


def _of(line: dict[str, Any], key: str, kind: type) -> Any:
    if type(line[key]) is not kind:
        raise GalleryError(f"{key}: expected {kind.__name__}, got {line[key]!r}")
    return line[key]


def _matching(line: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value: str = _of(line, key, str)
    if not pattern.fullmatch(value):
        raise GalleryError(f"{key}: {value!r}")
    return value


def _name(value: str) -> str:
    try:
        spelt = normal(value)
    except InputError as error:
        raise GalleryError(str(error)) from error
    if spelt != value:
        raise GalleryError(f"a name that is not in its one spelling: {value!r}")
    return spelt
