"""Embedding contracts as rows: which recognition model a gallery's vectors are of.

Every function but `read` runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache

from vultus.errors import GalleryError
from vultus.gallery.records import Records
from vultus.types import EmbeddingContract

__all__ = ["adopt", "in_use", "read"]


def in_use(connection: Records) -> tuple[int, EmbeddingContract] | None:
    """Row and fields of the contract that the gallery searches with, None before the first enrolment."""
    row = connection.execute(
        "SELECT contract.id, body FROM gallery JOIN contract ON contract.id = gallery.contract"
    ).fetchone()
    return None if row is None else (int(row[0]), read(row[1]))


def adopt(connection: Records, contract: EmbeddingContract) -> int:
    """Row of a contract, stored when it is new; the first one becomes the gallery's."""
    body = json.dumps(asdict(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    connection.execute(
        "INSERT OR IGNORE INTO contract (key, body, dimension) VALUES (?, ?, ?)",
        (contract.id, body, contract.dimension),
    )
    row = int(connection.execute("SELECT id FROM contract WHERE key = ?", (contract.id,)).fetchone()[0])
    connection.execute("UPDATE gallery SET contract = ? WHERE contract IS NULL", (row,))
    return row


@lru_cache(maxsize=16)
def read(body: str) -> EmbeddingContract:
    """A contract from its stored fields; fields of a later vultus are refused (GalleryError)."""
    try:
        return EmbeddingContract(**json.loads(body))
    except (TypeError, ValueError) as error:
        raise GalleryError(f"the embedding contract cannot be read ({error}); update vultus") from error
