"""Reading an export file that may come from anywhere, without believing it.

Everything is checked before a row is written: the list of members, their sizes and digests,
every line, every vector, the head of every crop. What passes goes in by one transaction.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from vultus.errors import GalleryError, NotFoundError
from vultus.gallery import contracts
from vultus.gallery.archive_lines import MOST, FaceLine, PersonLine, about, crop_of, face_of, feedback_of, person_of
from vultus.gallery.exporting import FORMAT, FORMAT_VERSION, MEMBERS, npy_header
from vultus.gallery.passphrase import OpenedFile, is_sealed
from vultus.types import EmbeddingContract, Vector

__all__ = ["Archive", "FaceLine", "PersonLine", "opened"]

_MANIFEST_BYTES = 1 << 16
_LINE_BYTES = 1 << 16
_CHUNK = 4096  # rows


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
                with about(f"people.jsonl line {count}"):
                    person = person_of(line)
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
                with about(f"faces.jsonl line {count}"):
                    png = None
                    if line["crop"] is not None:
                        png = crop_of(pictures, line["crop"], offset)
                        offset += len(png)
                        crops += 1
                    vector = next(vectors, None)
                    if vector is None:
                        raise GalleryError("there is no vector for it")
                    face = face_of(line, vector, png)
                yield face
            if pictures.read(1):
                raise GalleryError("crops.bin holds more than the faces name")
        _equal("faces", self.faces_count, count)
        _equal("crops", self.crops_count, crops)

    def feedback(self) -> Generator[tuple[bytes, int, str], None, None]:
        """SHA-256 of a picture, which of its faces, and the id of the person it is not."""
        with closing(self._lines("feedback.jsonl")) as lines:
            for number, line in enumerate(lines, 1):
                with about(f"feedback.jsonl line {number}"):
                    said = feedback_of(line)
                yield said

    def _lines(self, member: str) -> Generator[dict[str, Any], None, None]:
        with self.file.open(member) as file:
            while line := file.readline(_LINE_BYTES + 1):
                with about(member):
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
            with about(str(path)):
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
        with about(str(path)):
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
    if not all(type(count) is int and 0 <= count <= MOST for count in counts):
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


def _equal(what: str, stated: int, found: int) -> None:
    if stated != found:
        raise GalleryError(f"the manifest states {stated} {what}, there are {found}")
