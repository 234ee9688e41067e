"""Faces as rows: what is stored of an enrolled face, and how its crop and vector are kept.

Every function runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, InvalidVectorError, NotFoundError
from vultus.gallery.schema import now
from vultus.gallery.values import Template
from vultus.types import Box, EmbeddingContract, Image, Reading, Vector

__all__ = [
    "Offer",
    "adopt",
    "contract_in_use",
    "crop",
    "from_png",
    "insert",
    "read_contract",
    "templates",
    "to_png",
    "vectors",
]

_LITTLE = np.dtype("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A face that asks to be enrolled."""

    vector: Vector
    source: str | None = None
    sha256: bytes | None = None  # of the picture
    ordinal: int | None = None
    reading: str | None = None  # JSON
    png: bytes | None = None

    @classmethod
    def of(cls, reading: Reading, vector: Vector, *, source: str, sha256: bytes, ordinal: int, keep: bool) -> Offer:
        """A reading as an offer; the crop comes along when crops are kept."""
        png = to_png(reading.aligned) if keep and reading.aligned is not None else None
        return cls(vector, source, sha256, ordinal, _to_json(reading), png)


def insert(
    connection: sqlite3.Connection,
    person: int,
    offer: Offer,
    contract: int,
    *,
    forced: bool = False,
    uuid: str | None = None,
    created: str | None = None,
) -> int:
    """Store a face of a person with its vector and crop; the row of the face."""
    # A path that is no UTF-8 has surrogates in it, which no database takes.
    source = None if offer.source is None else offer.source.encode("utf-8", "backslashreplace").decode()
    done = connection.execute(
        "INSERT INTO face (uuid, person, sha256, ordinal, source, reading, forced, created) VALUES (?,?,?,?,?,?,?,?)",
        (
            uuid or uuid4().hex,
            person,
            offer.sha256,
            offer.ordinal,
            source,
            offer.reading,
            int(forced),
            created or now(),
        ),
    )
    face = int(done.lastrowid or 0)
    connection.execute(
        "INSERT INTO template (face, contract, vector) VALUES (?, ?, ?)", (face, contract, to_blob(offer.vector))
    )
    if offer.png is not None:
        connection.execute("INSERT INTO crop (face, png) VALUES (?, ?)", (face, offer.png))
    return face


_TEMPLATE = """SELECT face.uuid, person.name, source, sha256, ordinal, reading, face.created,
    crop.face IS NOT NULL, forced
    FROM face JOIN person ON person.id = face.person LEFT JOIN crop ON crop.face = face.id """


def templates(
    connection: sqlite3.Connection, *, person: int | None = None, face: int | None = None
) -> tuple[Template, ...]:
    """Faces of a person, or one face by its row, in the order of enrolment."""
    where, value = ("face.person = ?", person) if face is None else ("face.id = ?", face)
    rows = connection.execute(_TEMPLATE + f"WHERE {where} ORDER BY face.id", (value,))
    return tuple(_template(row) for row in rows)


def vectors(connection: sqlite3.Connection, person: int) -> tuple[list[int], Vector]:
    """Rows of a person's faces and their vectors in the set in use, (n, D); (0, 0) for none."""
    rows = connection.execute(
        """SELECT face.id, vector FROM face JOIN template ON template.face = face.id
           WHERE person = ? AND contract = (SELECT contract FROM gallery) ORDER BY face.id""",
        (person,),
    ).fetchall()
    sizes = {len(blob) for _, blob in rows}
    if len(sizes) > 1:
        raise GalleryError("a stored embedding has the wrong size; run `vultus gallery check`")
    matrix = np.frombuffer(b"".join(blob for _, blob in rows), dtype=_LITTLE)
    return [row for row, _ in rows], np.asarray(matrix.reshape(len(rows), -1 if rows else 0), dtype=np.float32)


def crop(connection: sqlite3.Connection, uuid: str) -> Image | None:
    """The kept aligned crop (112, 112, 3) of a face, None if none was kept."""
    row = connection.execute(
        "SELECT png FROM face LEFT JOIN crop ON crop.face = face.id WHERE uuid = ?", (uuid,)
    ).fetchone()
    if row is None:
        raise NotFoundError(
            f"expected the id of a face of this gallery, got {uuid!r}; list a person's faces to see them"
        )
    return None if row[0] is None else from_png(row[0])


def contract_in_use(connection: sqlite3.Connection) -> tuple[int, EmbeddingContract] | None:
    """Row and fields of the contract that the gallery searches with, None before the first enrolment."""
    row = connection.execute(
        "SELECT contract.id, body FROM gallery JOIN contract ON contract.id = gallery.contract"
    ).fetchone()
    return None if row is None else (int(row[0]), read_contract(row[1]))


def adopt(connection: sqlite3.Connection, contract: EmbeddingContract) -> int:
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
def read_contract(body: str) -> EmbeddingContract:
    """A contract from its stored fields; fields of a later vultus are refused (GalleryError)."""
    try:
        return EmbeddingContract(**json.loads(body))
    except (TypeError, ValueError) as error:
        raise GalleryError(f"the embedding contract cannot be read ({error}); update vultus") from error


def to_blob(vector: NDArray[np.floating[Any]]) -> bytes:
    """A unit vector as it is stored."""
    return np.ascontiguousarray(vector, dtype=_LITTLE).tobytes()


def to_png(aligned: Image) -> bytes:
    """An aligned crop, losslessly."""
    import cv2

    done, data = cv2.imencode(".png", cv2.cvtColor(aligned, cv2.COLOR_RGB2BGR))
    if not done:
        raise GalleryError(f"an aligned crop of shape {aligned.shape} could not be encoded")
    return bytes(data.tobytes())


def from_png(data: bytes) -> Image:
    """The crop as it was; damaged bytes are refused (GalleryError)."""
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise GalleryError("a kept crop is damaged; run `vultus gallery check`") from error
    if image is None:
        raise GalleryError("a kept crop is damaged; run `vultus gallery check`")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _to_json(reading: Reading) -> str:
    face = reading.face
    fields = {
        "box": [round(float(value), 3) for value in (face.box.x1, face.box.y1, face.box.x2, face.box.y2)],
        "landmarks": np.asarray(face.landmarks, dtype=float).round(3).tolist(),
        "score": round(float(face.score), 6),
        "rotation": face.rotation,
        "quality": asdict(reading.quality),
    }
    try:
        return json.dumps(fields, separators=(",", ":"), allow_nan=False, default=float)
    except ValueError as error:
        raise InvalidVectorError(
            "expected finite numbers, the box or the quality of a face holds NaN or infinity"
        ) from error


def _template(row: tuple[Any, ...]) -> Template:
    uuid, person, source, sha256, ordinal, reading, created, has_crop, forced = row
    fields = json.loads(reading) if reading else None
    return Template(
        id=uuid,
        person=person,
        source=source,
        sha256=None if sha256 is None else sha256.hex(),
        ordinal=ordinal,
        box=None if fields is None else Box(*fields["box"]),
        quality=None if fields is None else fields["quality"]["score"],
        created=created,
        crop=bool(has_crop),
        forced=bool(forced),
    )
