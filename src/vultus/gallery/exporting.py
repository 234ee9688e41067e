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
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np

from vultus.errors import ConflictError, GalleryError, InputError, StorageError
from vultus.gallery import contracts, stored
from vultus.gallery import people as persons
from vultus.gallery.details import details_of
from vultus.gallery.passphrase import SealedFile
from vultus.gallery.records import Owner, Records
from vultus.gallery.schema import now
from vultus.gallery.sealing import OVERHEAD
from vultus.gallery.values import Export

__all__ = ["FORMAT", "FORMAT_VERSION", "MEMBERS", "Progress", "export", "npy_header"]

FORMAT = "vultus-gallery"
FORMAT_VERSION = 1
MEMBERS = ("people.jsonl", "faces.jsonl", "vectors.npy", "crops.bin", "feedback.jsonl")

Progress = Callable[[int, int], None]  # done, of

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same gallery makes the same members


def export(
    connection: Records,
    path: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    passphrase: str | None = None,
    clear: bool = False,
) -> Export:
    """Write the gallery, as this read transaction sees it, to a new file.

    The file appears whole or not at all, readable by its owner only. It holds biometric data:
    under a passphrase (see `passphrase`), else in the clear, which for a sealed gallery must be
    asked for. Refused: a sealed gallery with neither (InputError), a file that is there
    (ConflictError), a gallery in which nothing was ever enrolled (GalleryError), a disk that is
    full (StorageError).
    """
    if connection.seal is not None and passphrase is None and not clear:
        raise InputError(
            "the gallery is sealed and an export would not be; give a passphrase, or ask for the clear with --clear"
        )
    if passphrase is not None and clear:
        raise InputError("expected a passphrase or an export in the clear, got both")
    used = contracts.in_use(connection)
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
        "crops": connection.execute(f"SELECT count(*) FROM crop {_EXPORTED}", (row,)).fetchone()[0],
    }
    makers: dict[str, Iterable[bytes]] = {
        "people.jsonl": _lines(_people(connection)),
        "faces.jsonl": _lines(_faces(connection, row)),
        "vectors.npy": _vectors(connection, row, manifest["faces"], contract.dimension, progress),
        "crops.bin": _crops(connection, row),
        "feedback.jsonl": _lines(_feedback(connection)),
    }
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(handle, "wb") as file:
            with _outer(file, passphrase) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
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
    size = path.stat().st_size
    return Export(str(path), manifest["people"], manifest["faces"], manifest["crops"], size, passphrase is not None)


@contextmanager
def _outer(file: BinaryIO, passphrase: str | None) -> Iterator[IO[bytes]]:
    """The file itself, or what seals all that is written into it."""
    if passphrase is None:
        yield file
        return
    sealed = SealedFile(file, passphrase)
    yield cast("IO[bytes]", sealed)
    sealed.close()  # not after an error: the file is dropped then


# Crops of the faces that have a vector in the set that is exported.
_EXPORTED = "WHERE EXISTS (SELECT 1 FROM template WHERE template.face = crop.face AND template.contract = ?)"


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


def _people(connection: Records) -> Iterator[dict[str, Any]]:
    rows = connection.execute("SELECT id, uuid, key, name, sealed, created FROM person ORDER BY id").fetchall()
    if connection.seal is not None:
        connection.seal.preload(key for _, _, key, *_ in rows)
    with_alias = {row for (row,) in connection.execute("SELECT person FROM alias")}
    for row, uuid, key, name, sealed, created in rows:
        aliases = persons.aliases(connection, row) if row in with_alias else ()
        plain = connection.name(Owner(uuid, key), name, sealed)
        yield {"id": uuid, "name": plain, "created": created, "aliases": list(aliases)}


def _faces(connection: Records, contract: int) -> Iterator[dict[str, Any]]:
    offset = 0
    rows = connection.execute(
        """SELECT face.uuid, person.uuid, person.key, sha256, source, reading, face.sealed, ordinal, forced,
           face.created, length(png)
           FROM template JOIN face ON face.id = template.face JOIN person ON person.id = face.person
           LEFT JOIN crop ON crop.face = face.id WHERE contract = ? ORDER BY template.face""",
        (contract,),
    )
    while part := rows.fetchmany(4096):
        if connection.seal is not None:
            connection.seal.preload(key for _, _, key, *_ in part)
        for uuid, person, key, sha256, source, reading, sealed, ordinal, forced, created, size in part:
            columns = (sha256, source, reading, sealed)
            details = details_of(connection, Owner(person, key), uuid, columns)
            if size is not None and connection.seal is not None:
                size -= OVERHEAD
            yield {
                "id": uuid,
                "person": person,
                "sha256": None if details.sha256 is None else details.sha256.hex(),
                "ordinal": ordinal,
                "source": details.source,
                "reading": None if details.reading is None else json.loads(details.reading),
                "forced": bool(forced),
                "created": created,
                "crop": None if size is None else [offset, size],
            }
            offset += size or 0


def _crops(connection: Records, contract: int) -> Iterator[bytes]:
    for part in stored.crops(connection, f"{_EXPORTED} ORDER BY crop.face", (contract,)):
        for _, _, png in part:
            yield png


def _vectors(
    connection: Records, contract: int, count: int, dimension: int, progress: Progress | None
) -> Iterator[bytes]:
    yield npy_header(count, dimension)
    done = 0
    for part in stored.vectors(connection, contract):
        yield b"".join(blob for _, _, blob in part)
        done += len(part)
        if progress is not None:
            progress(done, count)


def npy_header(count: int, dimension: int) -> bytes:
    """The first bytes of a NumPy file of (count, dimension) float32, as NumPy itself writes them."""
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimension)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _feedback(connection: Records) -> Iterator[dict[str, Any]]:
    rows = connection.execute(
        """SELECT sha256, ordinal, uuid, key, feedback.sealed FROM feedback
           JOIN person ON person.id = feedback.person ORDER BY sha256, ordinal, person"""
    ).fetchall()
    for picture, ordinal, uuid, key, sealed in rows:
        sha256 = picture if sealed is None else connection.opened(Owner(uuid, key), sealed, "feedback", uuid)
        yield {"sha256": sha256.hex(), "ordinal": ordinal, "person": uuid}
