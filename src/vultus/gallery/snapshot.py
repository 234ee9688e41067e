"""An index on disk, so that a gallery of a million opens in well under a second.

The file is a copy of what the database holds, never the truth: when it is missing, damaged, of
another gallery, contract or version, `open_snapshot` says why and the caller reads the database.

Layout, little-endian, every section on a multiple of 64 bytes and the truth on one of 4096:

    magic 8 | version u32 | length u32 | SHA-256 of the header 32 | header, JSON | zeros
    ids n i64 | people n i64 | codes n x D i8 | scales n f32 | rests n f32 | truth n x D f32

The header holds gallery, contract, revision, n, D, precision and the SHA-256 of each section;
where the sections lie follows from n, D and precision. At opening all is read and checked but the
truth: of that the length alone, the rest when it is asked for. The truth stays mapped, and what a
search rescores is read then. The digests find damage, not forgery: who can write to the gallery's
folder can write a whole snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, StorageError
from vultus.gallery.exact import ExactIndex, Precision
from vultus.gallery.folder import sync_folder
from vultus.gallery.quantise import Codes
from vultus.gallery.rows import BLOCK, Block

__all__ = ["Snapshot", "Unusable", "discard_snapshot", "open_snapshot", "write_snapshot"]

_MAGIC = b"VULTUSIX"
_VERSION = 1
_FIXED = struct.Struct("<8sII32s")
_HEADER = 4096  # the header's share of the file, and where pages begin
_STALE = 3600.0  # seconds after which an unfinished file beside the snapshot is somebody's who died


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An index as it was at a revision of the gallery."""

    index: ExactIndex
    revision: int


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a snapshot is not used."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    dtype: str
    width: int  # values a row
    offset: int
    nbytes: int


def write_snapshot(
    path: str | os.PathLike[str], index: ExactIndex, *, contract_id: str, gallery_id: str, revision: int
) -> int:
    """Write an index to a file, all or nothing; the bytes written.

    The file that was there stays until the new one is complete and on the disk. Searches go on
    meanwhile, changes to the index wait. Readable by the owner alone. On Windows a snapshot that
    some process has open cannot be replaced: write to a new name there.
    Refused (StorageError): the disk is full or cannot be written.
    """
    path = Path(path)
    try:
        _sweep(path, older_than=_STALE)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb", buffering=0) as file, index.blocks() as blocks:
                size = _write(file, blocks, index, contract_id, gallery_id, revision)
                os.fsync(handle)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"could not write the snapshot {path}: {error}; free some space there") from None
    return size


def open_snapshot(
    path: str | os.PathLike[str], *, contract_id: str, gallery_id: str, check_truth: bool = False
) -> Snapshot | Unusable:
    """Open an index from a file, or say why not.

    The index may be changed; the file is not. check_truth: also read and check the float32 rows
    (half a gigabyte for a million of 128 dimensions).
    """
    path = Path(path)
    try:
        with path.open("rb", buffering=0) as file:
            return _open(path.name, file, contract_id, gallery_id, check_truth)
    except FileNotFoundError:
        return Unusable(f"there is no {path.name}")
    except OSError as error:
        return Unusable(f"{path.name} cannot be read: {error}")


def discard_snapshot(path: str | os.PathLike[str]) -> None:
    """Delete a snapshot, and unfinished ones beside it, as an erasure must."""
    path = Path(path)
    try:
        path.unlink(missing_ok=True)
        _sweep(path, older_than=-1.0)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"could not delete the snapshot {path}: {error}") from None


def _sections(n: int, dimension: int, precision: Precision) -> list[_Section]:
    """Where everything lies."""
    columns = [("ids", "<i8", 1), ("people", "<i8", 1)]
    if precision == "int8":
        columns += [("codes", "|i1", dimension), ("scales", "<f4", 1), ("rests", "<f4", 1)]
    columns.append(("truth", "<f4", dimension))
    sections, offset = [], _HEADER
    for name, dtype, width in columns:
        offset = -(-offset // (4096 if name == "truth" else 64)) * (4096 if name == "truth" else 64)
        nbytes = n * width * np.dtype(dtype).itemsize
        sections.append(_Section(name, dtype, width, offset, nbytes))
        offset += nbytes
    return sections


def _columns(block: Block) -> dict[str, NDArray[Any]]:
    named: dict[str, NDArray[Any]] = {"ids": block.ids, "people": block.people, "truth": block.truth}
    if block.coded is not None:
        named |= {"codes": block.coded.codes, "scales": block.coded.scales, "rests": block.coded.rests}
    return named


def _write(
    file: FileIO, blocks: list[Block], index: ExactIndex, contract_id: str, gallery_id: str, revision: int
) -> int:
    n = sum(block.count for block in blocks)
    sections = _sections(n, index.dimension, index.precision)
    digests = {}
    for section in sections:
        file.seek(section.offset)
        digest = hashlib.sha256()
        for block in blocks:
            part = np.ascontiguousarray(_columns(block)[section.name][: block.count], dtype=section.dtype)
            view = part.data.cast("B")
            digest.update(view)
            _write_all(file, view)
        digests[section.name] = digest.hexdigest()
    size = sections[-1].offset + sections[-1].nbytes
    header = json.dumps(
        {
            "gallery": gallery_id,
            "contract": contract_id,
            "revision": revision,
            "rows": n,
            "dimension": index.dimension,
            "precision": index.precision,
            "size": size,
            "sha256": digests,
        },
        sort_keys=True,
    ).encode()
    if len(header) > _HEADER - _FIXED.size:
        raise InputError(f"expected gallery and contract ids of some hundred bytes, the header has {len(header)} bytes")
    file.truncate(size)  # an empty index has a header and no rows
    file.seek(0)
    _write_all(file, memoryview(_FIXED.pack(_MAGIC, _VERSION, len(header), hashlib.sha256(header).digest()) + header))
    return size


def _write_all(file: FileIO, view: memoryview) -> None:
    done = 0
    while done < len(view):
        done += file.write(view[done:])


def _open(name: str, file: FileIO, contract_id: str, gallery_id: str, check_truth: bool) -> Snapshot | Unusable:
    start = file.read(_HEADER)
    if len(start) < _HEADER or start[:8] != _MAGIC:
        return Unusable(f"{name} is not a snapshot of an index")
    _, version, length, digest = _FIXED.unpack_from(start)
    if version != _VERSION:
        return Unusable(f"{name} has format version {version}, this program reads {_VERSION}")
    text = start[_FIXED.size : _FIXED.size + length]
    if hashlib.sha256(text).digest() != digest:
        return Unusable(f"{name} is damaged: its header does not match its checksum")
    header = json.loads(text)
    for what, wanted in (("gallery", gallery_id), ("contract", contract_id)):
        if header[what] != wanted:
            return Unusable(f"{name} is of {what} {header[what]}, wanted {wanted}")
    size = os.fstat(file.fileno()).st_size
    if size != header["size"]:
        return Unusable(f"{name} is damaged: expected {header['size']} bytes, it has {size}")
    n, dimension, precision = header["rows"], header["dimension"], header["precision"]
    sections = {section.name: section for section in _sections(n, dimension, precision)}
    index = ExactIndex(dimension, precision)
    blocks = list(_blocks(file, n, dimension, sections["truth"], coded=index.precision == "int8"))
    for column, section in sections.items():
        wrong = _fill(file, section, blocks, header["sha256"][column], check_truth)
        if wrong:
            return Unusable(f"{name} is damaged: {wrong}")
    index.adopt(blocks)
    return Snapshot(index, header["revision"])


def _fill(file: FileIO, section: _Section, blocks: list[Block], wanted: str, check_truth: bool) -> str | None:
    """Read one section into the blocks; what is wrong with it."""
    found = hashlib.sha256()
    file.seek(section.offset)
    for block in blocks:
        column = _columns(block).get(section.name)
        if column is None or (section.name == "truth" and not check_truth):
            return None  # bytes are not read where no fast byte products are installed
        if section.name != "truth" and not _read_into(file, column):
            return "it ends early"
        found.update(column.data.cast("B"))
    return None if found.hexdigest() == wanted else f"{section.name} do not match their checksum"


def _blocks(file: FileIO, n: int, dimension: int, truth: _Section, *, coded: bool) -> Iterator[Block]:
    """Blocks with the truth mapped and room for the rest, to be read."""
    if not n:
        return
    # copy on write: rows may be moved in memory, the file stays as it is
    mapped = np.memmap(file, dtype=truth.dtype, mode="c", offset=truth.offset, shape=(n, dimension)).view(np.ndarray)
    for start in range(0, n, BLOCK):
        count = min(BLOCK, n - start)
        codes = Codes(np.empty((count, dimension), "|i1"), np.empty(count, "<f4"), np.empty(count, "<f4"))
        yield Block(
            count,
            np.empty(count, "<i8"),
            np.empty(count, "<i8"),
            mapped[start : start + count],
            codes if coded else None,
            mapped=True,
        )


def _read_into(file: FileIO, column: NDArray[Any]) -> bool:
    """Fill an array from the file; False when the file ends before."""
    view = column.data.cast("B")
    done = 0
    while done < len(view):
        got = file.readinto(view[done:])
        if not got:
            return False
        done += got
    return True


def _sweep(path: Path, *, older_than: float) -> None:
    """Delete unfinished files of writers that were killed."""
    for left in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > older_than:
                left.unlink()
