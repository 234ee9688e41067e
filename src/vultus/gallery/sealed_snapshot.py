"""The index of a sealed gallery on disk, sealed under a key of its own that lies in the key file.

Reading it is some times quicker than opening every person's vectors one by one. As with a
snapshot in the clear it is a copy and never the truth; unlike that one it is read into memory
whole, since what is mapped would have to lie in the clear. Each snapshot has a new key, and the
old key is destroyed with the old file: an erased person's vectors cannot be read from a copy of
it without a copy of the key file.

    magic 8 | version u32 | length u32 | header, JSON, sealed | for each block: each column, sealed

A column is bound to the gallery, the snapshot, the block's number and its own name, so that none
can be left out, doubled or moved. The header says how many rows there are; a file that ends
early, or does not end there, is not used.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vultus.errors import StorageError
from vultus.gallery import rows
from vultus.gallery.exact import ExactIndex
from vultus.gallery.folder import sync_folder
from vultus.gallery.rows import Block
from vultus.gallery.sealing import OVERHEAD, Unsealable, close, open_
from vultus.gallery.snapshot import Snapshot, Unusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["open_sealed", "write_sealed"]

_MAGIC = b"VULTUSSX"
_VERSION = 1
_FIXED = struct.Struct("<8sII")
_LONGEST_HEADER = 1 << 16
_NAMES = ("ids", "people", "truth", "codes", "scales", "rests")  # the order of `Block.columns`


def write_sealed(
    path: Path, index: ExactIndex, cipher: AESGCM, *, contract_id: str, gallery_id: str, revision: int
) -> int:
    """Write an index to a file, all or nothing; the bytes written. Refused (StorageError): the disk is full."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as file, index.blocks() as blocks:
            header = {
                "contract": contract_id,
                "revision": revision,
                "dimension": index.dimension,
                "precision": index.precision,
                "blocks": [block.count for block in blocks],
            }
            sealed = close(cipher, json.dumps(header).encode(), _bound(gallery_id, "header"))
            file.write(_FIXED.pack(_MAGIC, _VERSION, len(sealed)) + sealed)
            for number, block in enumerate(blocks):
                for name, column in zip(_NAMES, block.columns, strict=False):
                    used = np.ascontiguousarray(column[: block.count])
                    file.write(close(cipher, used.tobytes(), _bound(gallery_id, name, number)))
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"could not write the snapshot {path}: {error}; free some space there") from None
    finally:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
    return size


def open_sealed(path: Path, cipher: AESGCM, *, contract_id: str, gallery_id: str) -> Snapshot | Unusable:
    """Open an index from a file, or say why not."""
    try:
        with path.open("rb") as file:
            return _open(path.name, file, cipher, contract_id, gallery_id)
    except FileNotFoundError:
        return Unusable(f"there is no {path.name}")
    except OSError as error:
        return Unusable(f"{path.name} cannot be read: {error}")
    except Unsealable:
        return Unusable(f"{path.name} was changed, cut, or is another snapshot")


def _open(name: str, file: BinaryIO, cipher: AESGCM, contract_id: str, gallery_id: str) -> Snapshot | Unusable:
    start = file.read(_FIXED.size)
    if len(start) < _FIXED.size or start[:8] != _MAGIC:
        return Unusable(f"{name} is not a sealed snapshot of an index")
    _, version, length = _FIXED.unpack(start)
    if version != _VERSION or length > _LONGEST_HEADER:
        return Unusable(f"{name} has format version {version}, this program reads {_VERSION}")
    header = json.loads(open_(cipher, file.read(length), _bound(gallery_id, "header")))
    if header["contract"] != contract_id:
        return Unusable(f"{name} is of contract {header['contract']}, wanted {contract_id}")
    index = ExactIndex(header["dimension"], header["precision"])
    if index.precision != header["precision"]:
        return Unusable(f"{name} was written where fast byte products are installed")
    index.adopt(list(_blocks(file, cipher, gallery_id, header)))
    if file.read(1):
        return Unusable(f"{name} is longer than it says")
    return Snapshot(index, header["revision"])


def _blocks(file: BinaryIO, cipher: AESGCM, gallery_id: str, header: dict[str, Any]) -> Iterator[Block]:
    coded = header["precision"] == "int8"
    for number, count in enumerate(header["blocks"]):
        if not 0 < count <= rows.BLOCK:
            raise Unsealable(f"a block of {count} rows")
        block = Block.empty(count, header["dimension"], coded=coded)
        for name, column in zip(_NAMES, block.columns, strict=False):
            _fill(column, open_(cipher, file.read(column.nbytes + OVERHEAD), _bound(gallery_id, name, number)))
        block.count = count
        yield block


def _fill(column: NDArray[Any], data: bytes) -> None:
    if len(data) != column.nbytes:
        raise Unsealable("a column of another length")
    column[...] = np.frombuffer(data, dtype=column.dtype).reshape(column.shape)


def _bound(gallery_id: str, name: str, block: int = -1) -> str:
    return f"vultus-snapshot-v1/{gallery_id}/{block}/{name}"
