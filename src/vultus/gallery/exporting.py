"""A whole gallery in one file, and back.

The file is a ZIP whose members are stored, not compressed: it cannot be larger than it
looks. Every member is listed in `manifest.json` with its SHA-256. Nothing of it is ever
unpacked to disk, and nothing is written to a gallery before all of it was checked.

    manifest.json    format, version, contract, counts, SHA-256 and size of each member
    people.jsonl     a line a person: id, name, created, aliases
    faces.jsonl      a line a face: id, person, sha256, ordinal, source, reading, forced, created, crop
    vectors.npy      (n, D) float32, in the order of the faces
    crops.bin        PNG pictures one after another; `crop` is their [offset, size]
    feedback.jsonl   a line a word: sha256, ordinal, person
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from vultus.errors import ConflictError, GalleryError, StorageError
from vultus.gallery import faces
from vultus.gallery.schema import now
from vultus.gallery.values import Export

__all__ = ["FORMAT", "FORMAT_VERSION", "MEMBERS", "Progress", "export", "npy_header"]

FORMAT = "vultus-gallery"
FORMAT_VERSION = 1
MEMBERS = ("people.jsonl", "faces.jsonl", "vectors.npy", "crops.bin", "feedback.jsonl")

Progress = Callable[[int, int], None]  # done, of

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same gallery makes the same members


def export(
    connection: sqlite3.Connection, path: Path, *, overwrite: bool = False, progress: Progress | None = None
) -> Export:
    """Write the gallery, as this read transaction sees it, to a new file.

    The file appears whole or not at all. It holds biometric data in the clear and is
    readable by its owner only. Refused: a file that is there (ConflictError), a gallery in
    which nothing was ever enrolled (GalleryError), a disk that is full (StorageError).
    """
    used = faces.contract_in_use(connection)
    if used is None:
        raise GalleryError("expected a gallery with somebody in it, nothing was ever enrolled in this one")
    if path.exists() and not overwrite:
        raise ConflictError(f"expected a new file, {path} is there; choose another name or overwrite it")
    row, contract = used
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "created": now(),
        "contract": asdict(contract),
        "people": connection.execute("SELECT count(*) FROM person").fetchone()[0],
        "faces": connection.execute("SELECT count(*) FROM template WHERE contract = ?", (row,)).fetchone()[0],
        "crops": connection.execute(f"SELECT count(*) FROM ({_CROPS})", (row,)).fetchone()[0],
    }
    makers: dict[str, Iterable[bytes]] = {
        "people.jsonl": _lines(_people(connection)),
        "faces.jsonl": _lines(_faces(connection, row)),
        "vectors.npy": _vectors(connection, row, manifest["faces"], contract.dimension, progress),
        "crops.bin": (png for (png,) in connection.execute(_CROPS, (row,))),
        "feedback.jsonl": _lines(_feedback(connection)),
    }
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                manifest["members"] = {name: _member(archive, name, parts) for name, parts in makers.items()}
                _member(archive, "manifest.json", [json.dumps(manifest, indent=1, ensure_ascii=False).encode()])
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written ({error.strerror}); free some space or choose another place"
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return Export(str(path), manifest["people"], manifest["faces"], manifest["crops"], path.stat().st_size)


_CROPS = """SELECT png FROM template JOIN crop ON crop.face = template.face WHERE contract = ? ORDER BY template.face"""


def _member(archive: zipfile.ZipFile, name: str, parts: Iterable[bytes]) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    with archive.open(zipfile.ZipInfo(name, _EPOCH), "w", force_zip64=True) as member:
        for part in parts:
            digest.update(part)
            size += len(part)
            member.write(part)
    return {"sha256": digest.hexdigest(), "size": size}


def _lines(values: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for value in values:
        yield json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _people(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    aliases: dict[int, list[str]] = {}
    for person, name in connection.execute("SELECT person, name FROM alias ORDER BY name"):
        aliases.setdefault(person, []).append(name)
    for row, uuid, name, created in connection.execute("SELECT id, uuid, name, created FROM person ORDER BY id"):
        yield {"id": uuid, "name": name, "created": created, "aliases": aliases.get(row, [])}


def _faces(connection: sqlite3.Connection, contract: int) -> Iterator[dict[str, Any]]:
    offset = 0
    for uuid, person, sha256, ordinal, source, reading, forced, created, size in connection.execute(
        """SELECT face.uuid, person.uuid, sha256, ordinal, source, reading, forced, face.created, length(png)
           FROM template JOIN face ON face.id = template.face JOIN person ON person.id = face.person
           LEFT JOIN crop ON crop.face = face.id WHERE contract = ? ORDER BY template.face""",
        (contract,),
    ):
        yield {
            "id": uuid,
            "person": person,
            "sha256": None if sha256 is None else sha256.hex(),
            "ordinal": ordinal,
            "source": source,
            "reading": None if reading is None else json.loads(reading),
            "forced": bool(forced),
            "created": created,
            "crop": None if size is None else [offset, size],
        }
        offset += size or 0


def _vectors(
    connection: sqlite3.Connection, contract: int, count: int, dimension: int, progress: Progress | None
) -> Iterator[bytes]:
    yield npy_header(count, dimension)
    done = 0
    rows = connection.execute("SELECT vector FROM template WHERE contract = ? ORDER BY face", (contract,))
    while part := rows.fetchmany(4096):
        yield b"".join(blob for (blob,) in part)
        done += len(part)
        if progress is not None:
            progress(done, count)


def npy_header(count: int, dimension: int) -> bytes:
    """The first bytes of a NumPy file of (count, dimension) float32, as NumPy itself writes them."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimension)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _feedback(connection: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for sha256, ordinal, uuid in connection.execute(
        """SELECT sha256, ordinal, uuid FROM feedback JOIN person ON person.id = feedback.person
           ORDER BY sha256, ordinal, person"""
    ):
        yield {"sha256": sha256.hex(), "ordinal": ordinal, "person": uuid}
