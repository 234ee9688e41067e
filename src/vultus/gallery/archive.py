"""Reading an export file that may come from anywhere, without believing it.

Everything is checked before a row is written: the list of members, their sizes and digests,
every line, every vector, the head of every crop. What passes goes in by one transaction.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vultus.errors import GalleryError, InputError, NotFoundError, VultusError
from vultus.gallery import contracts, faces
from vultus.gallery.exporting import FORMAT, FORMAT_VERSION, MEMBERS, npy_header
from vultus.gallery.names import normal
from vultus.gallery.passphrase import OpenedFile, is_sealed
from vultus.types import EmbeddingContract, Vector

__all__ = ["Archive", "FaceLine", "PersonLine", "opened"]

_MANIFEST_BYTES = 1 << 16
_LINE_BYTES = 1 << 16
_CROP_BYTES = 1 << 20  # a crop of the largest side is 786,432 bytes uncompressed
_MOST = 10**9  # people, faces
_CHUNK = 4096  # rows
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


@dataclass(frozen=True, slots=True)
class Archive:
    """An export file whose members are all there, of the stated size and digest."""

    file: zipfile.ZipFile
    contract: EmbeddingContract
    people_count: int
    faces_count: int
    crops_count: int

    def people(self) -> Generator[PersonLine, None, None]:
        """Everybody; a line that is not as it should be is refused (GalleryError)."""
        count = 0
        with closing(self._lines("people.jsonl")) as lines:
            for line in lines:
                count += 1
                with _about(f"people.jsonl line {count}"):
                    person = PersonLine(
                        _matching(line, "id", _HEX32),
                        _name(_of(line, "name", str)),
                        _matching(line, "created", _TIME),
                        tuple(_name(alias) for alias in _of(line, "aliases", list)),
                    )
                yield person
        _equal("people", self.people_count, count)

    def faces(self) -> Generator[FaceLine, None, None]:
        """Every face with its vector and crop; refusals as for `people`."""
        count = crops = offset = 0
        with (
            self.file.open("crops.bin") as pictures,
            closing(self._vectors()) as vectors,
            closing(self._lines("faces.jsonl")) as lines,
        ):
            for line in lines:
                count += 1
                with _about(f"faces.jsonl line {count}"):
                    png = None
                    if line["crop"] is not None:
                        png = _crop(pictures, line["crop"], offset)
                        offset += len(png)
                        crops += 1
                    vector = next(vectors, None)
                    if vector is None:
                        raise GalleryError("there is no vector for it")
                    face = _face(line, vector, png)
                yield face
            if pictures.read(1):
                raise GalleryError("crops.bin holds more than the faces name")
        _equal("faces", self.faces_count, count)
        _equal("crops", self.crops_count, crops)

    def feedback(self) -> Generator[tuple[bytes, int, str], None, None]:
        """SHA-256 of a picture, which of its faces, and the id of the person it is not."""
        with closing(self._lines("feedback.jsonl")) as lines:
            for number, line in enumerate(lines, 1):
                with _about(f"feedback.jsonl line {number}"):
                    ordinal = _of(line, "ordinal", int)
                    if not -1 <= ordinal < _MOST:
                        raise GalleryError(f"ordinal {ordinal}")
                    said = bytes.fromhex(_matching(line, "sha256", _HEX64)), ordinal, _matching(line, "person", _HEX32)
                yield said

    def _lines(self, member: str) -> Generator[dict[str, Any], None, None]:
        with self.file.open(member) as file:
            while line := file.readline(_LINE_BYTES + 1):
                with _about(member):
                    if len(line) > _LINE_BYTES:
                        raise GalleryError(f"a line of over {_LINE_BYTES} bytes")
                    value = json.loads(line)
                    if not isinstance(value, dict):
                        raise GalleryError("a line that is no object")
                yield value

    def _vectors(self) -> Generator[Vector, None, None]:
        dimension = self.contract.dimension
        with self.file.open("vectors.npy") as file:
            header = npy_header(self.faces_count, dimension)
            if file.read(len(header)) != header:
                raise GalleryError(f"vectors.npy: expected ({self.faces_count}, {dimension}) float32")
            while data := file.read(_CHUNK * dimension * 4):
                if len(data) % (dimension * 4):
                    raise GalleryError("vectors.npy ends within a vector")
                matrix = np.frombuffer(data, dtype="<f4").reshape(-1, dimension)
                with np.errstate(over="ignore", invalid="ignore"):
                    squares = np.einsum("nd,nd->n", matrix, matrix)
                if not (np.abs(squares - 1) <= 1e-3).all():
                    raise GalleryError("vectors.npy: expected unit vectors, got NaN, infinity or another length")
                yield from matrix


@contextmanager
def opened(path: Path, passphrase: str | None = None) -> Iterator[Archive]:
    """Open an export file and check its members; one under a passphrase is opened in memory.

    Refused: no file (NotFoundError), anything that is no export, of a later version, or not
    as its manifest says, a wrong or missing passphrase (GalleryError).
    """
    if not path.is_file():
        raise NotFoundError(f"expected an export file, {path} is {'a folder' if path.is_dir() else 'not there'}")
    try:
        with _text(path, passphrase) as text, zipfile.ZipFile(text) as file:
            with _about(str(path)):
                size = text.seek(0, io.SEEK_END)
                archive = _checked(file, size)
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error) as error:
        raise GalleryError(f"expected a vultus export, {path} is damaged or something else ({error})") from error
    except OSError as error:
        raise GalleryError(f"{path} cannot be read ({error.strerror or error})") from error


@contextmanager
def _text(path: Path, passphrase: str | None) -> Iterator[IO[bytes]]:
    """The ZIP file itself, wherever it lies."""
    with path.open("rb") as file:
        if not is_sealed(path):
            yield file
            return
        if passphrase is None:
            raise GalleryError(f"{path} is under a passphrase; name it to open the file")
        with _about(str(path)):
            opened = OpenedFile(file, passphrase)
        with io.BufferedReader(opened, 1 << 16) as buffered:
            yield buffered


def _checked(file: zipfile.ZipFile, size: int) -> Archive:
    listed = [member.filename for member in file.infolist()]
    if sorted(listed) != sorted((*MEMBERS, "manifest.json")):
        raise GalleryError(
            f"no vultus export: expected the members {', '.join(MEMBERS)}, got {', '.join(listed[:8])!r}"
        )
    for member in file.infolist():
        if (
            member.compress_type != zipfile.ZIP_STORED
            or member.flag_bits & 1
            or member.file_size != member.compress_size
        ):
            raise GalleryError(
                f"{member.filename} is compressed or encrypted; an export stores its members as they are"
            )
    if sum(member.file_size for member in file.infolist()) > size:
        raise GalleryError("its members overlap: together they are larger than the file")
    if file.getinfo("manifest.json").file_size > _MANIFEST_BYTES:
        raise GalleryError(f"its manifest is over {_MANIFEST_BYTES} bytes")
    manifest = json.loads(file.read("manifest.json"))
    if manifest["format"] != FORMAT:
        raise GalleryError(f"no vultus export: format {manifest['format']!r}")
    if manifest["version"] != FORMAT_VERSION:
        raise GalleryError(f"version {manifest['version']!r}, this vultus reads {FORMAT_VERSION}; update vultus")
    contract = contracts.read(json.dumps(manifest["contract"]))
    if isinstance(contract.dimension, bool) or not 0 < contract.dimension <= 1 << 16:
        raise GalleryError(f"dimension {contract.dimension!r}")
    counts = [manifest["people"], manifest["faces"], manifest["crops"]]
    if not all(type(count) is int and 0 <= count <= _MOST for count in counts):
        raise GalleryError(f"counts {counts}")
    expected = len(npy_header(counts[1], contract.dimension)) + counts[1] * contract.dimension * 4
    if file.getinfo("vectors.npy").file_size != expected:
        raise GalleryError(f"vectors.npy: expected {expected} bytes for {counts[1]} faces")
    for name in MEMBERS:
        digest = hashlib.sha256()
        with file.open(name) as member_file:
            while data := member_file.read(1 << 20):
                digest.update(data)
        if digest.hexdigest() != manifest["members"][name]["sha256"]:
            raise GalleryError(f"{name} is not what the manifest says; the file was damaged or changed")
    return Archive(file, contract, *counts)


@contextmanager
def _about(what: str) -> Iterator[None]:
    """Turn what goes wrong with a stranger's values into a refusal that names the place."""
    try:
        yield
    except VultusError as error:
        if isinstance(error, GalleryError) and not str(error).startswith(what):
            raise GalleryError(f"{what}: {error}") from error.__cause__
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise GalleryError(f"{what}: not as an export has it ({type(error).__name__}: {error})") from error


def _face(line: dict[str, Any], vector: Vector, png: bytes | None) -> FaceLine:
    ordinal = line["ordinal"]
    if ordinal is not None and not (type(ordinal) is int and 0 <= ordinal < _MOST):
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


def _crop(pictures: Any, place: list[int], offset: int) -> bytes:
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


def _equal(what: str, stated: int, found: int) -> None:
    if stated != found:
        raise GalleryError(f"the manifest states {stated} {what}, there are {found}")
