"""Faces as rows: what is stored of an enrolled face, and how its crop and vector are kept.

Every function runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, InvalidVectorError, NotFoundError
from vultus.gallery import people
from vultus.gallery.records import Owner, Records, owner
from vultus.gallery.schema import now
from vultus.gallery.values import Template
from vultus.types import Box, EmbeddingContract, Image, Reading, Vector

SMALLEST_CROP, LARGEST_CROP = 64, 512  # pixels a side

__all__ = [
    "Details",
    "Offer",
    "adopt",
    "contract_in_use",
    "crop",
    "details_of",
    "from_png",
    "insert",
    "is_crop",
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


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a face besides its embedding, sealed as one in a sealed gallery."""

    sha256: bytes | None = None  # of the picture
    source: str | None = None
    reading: str | None = None  # JSON

    def to_json(self) -> bytes:
        """As it is sealed."""
        sha256 = None if self.sha256 is None else self.sha256.hex()
        return json.dumps([sha256, self.source, self.reading], ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Details:
        """What `to_json` wrote."""
        sha256, source, reading = json.loads(data)
        return cls(None if sha256 is None else bytes.fromhex(sha256), source, reading)


def insert(
    connection: Records,
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
    details = Details(offer.sha256, source, offer.reading)
    face_id = uuid or uuid4().hex
    who = owner(connection, person)
    sealed = connection.beside(who, details.to_json(), "face", who.person, face_id)
    shown = details if sealed is None else Details()
    done = connection.execute(
        """INSERT INTO face (uuid, person, sha256, ordinal, source, reading, forced, created, sealed)
           VALUES (?,?,?,?,?,?,?,?,?)""",
        (
            face_id,
            person,
            connection.picture_tag(offer.sha256),
            offer.ordinal,
            shown.source,
            shown.reading,
            int(forced),
            created or now(),
            sealed,
        ),
    )
    face = int(done.lastrowid or 0)
    (key,) = connection.execute("SELECT key FROM contract WHERE id = ?", (contract,)).fetchone()
    vector = connection.closed(who, to_blob(offer.vector), "vector", who.person, face_id, key)
    connection.execute("INSERT INTO template (face, contract, vector) VALUES (?, ?, ?)", (face, contract, vector))
    if offer.png is not None:
        png = connection.closed(who, offer.png, "crop", who.person, face_id)
        connection.execute("INSERT INTO crop (face, png) VALUES (?, ?)", (face, png))
    return face


def details_of(
    connection: Records,
    who: Owner,
    uuid: str,
    columns: tuple[bytes | None, str | None, str | None, bytes | None],
) -> Details:
    """What is known of a face's picture, from its columns sha256, source, reading and sealed."""
    sha256, source, reading, sealed = columns
    if connection.seal is None:
        return Details(sha256, source, reading)
    return Details.from_json(connection.seal.open_(who.key, sealed, "face", who.person, uuid))


def templates(connection: Records, *, person: int | None = None, face: int | None = None) -> tuple[Template, ...]:
    """Faces of a person, or one face by its row, in the order of enrolment."""
    if person is None:
        row = connection.execute("SELECT person FROM face WHERE id = ?", (face,)).fetchone()
        if row is None:
            return ()
        (person,) = row
    who, name = owner(connection, person), people.name_of(connection, person)
    rows = connection.execute(
        """SELECT face.uuid, sha256, source, reading, sealed, ordinal, created, crop.face IS NOT NULL, forced
           FROM face LEFT JOIN crop ON crop.face = face.id
           WHERE face.person = ?1 AND (?2 IS NULL OR face.id = ?2) ORDER BY face.id""",
        (person, face),
    ).fetchall()
    return tuple(
        _template(uuid, name, details_of(connection, who, uuid, (sha256, source, reading, sealed)), *rest)
        for uuid, sha256, source, reading, sealed, *rest in rows
    )


def vectors(connection: Records, person: int) -> tuple[list[int], Vector]:
    """Rows of a person's faces and their vectors in the set in use, (n, D); (0, 0) for none."""
    who = owner(connection, person)
    rows = connection.execute(
        """SELECT face.id, face.uuid, contract.key, vector FROM face JOIN template ON template.face = face.id
           JOIN contract ON contract.id = template.contract
           WHERE person = ? AND contract = (SELECT contract FROM gallery) ORDER BY face.id""",
        (person,),
    ).fetchall()
    blobs = [connection.opened(who, blob, "vector", who.person, uuid, key) for _, uuid, key, blob in rows]
    if len({len(blob) for blob in blobs}) > 1:
        raise GalleryError("a stored embedding has the wrong size; run `vultus gallery check`")
    matrix = np.frombuffer(b"".join(blobs), dtype=_LITTLE)
    return [row for row, *_ in rows], np.asarray(matrix.reshape(len(rows), -1 if rows else 0), dtype=np.float32)


def crop(connection: Records, uuid: str) -> Image | None:
    """The kept aligned crop (112, 112, 3) of a face, None if none was kept."""
    row = connection.execute(
        """SELECT png, person.uuid, person.key FROM face JOIN person ON person.id = face.person
           LEFT JOIN crop ON crop.face = face.id WHERE face.uuid = ?""",
        (uuid,),
    ).fetchone()
    if row is None:
        raise NotFoundError(
            f"expected the id of a face of this gallery, got {uuid!r}; list a person's faces to see them"
        )
    png, person, key = row
    return None if png is None else from_png(connection.opened(Owner(person, key), png, "crop", person, uuid))


def contract_in_use(connection: Records) -> tuple[int, EmbeddingContract] | None:
    """Row and fields of the contract that the gallery searches with, None before the first enrolment."""
    row = connection.execute(
        "SELECT contract.id, body FROM gallery JOIN contract ON contract.id = gallery.contract"
    ).fetchone()
    return None if row is None else (int(row[0]), read_contract(row[1]))


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


def is_crop(shape: tuple[int, ...]) -> bool:
    """Whether a picture can be an aligned crop: square RGB, of the size that some recogniser looks at.

    >>> is_crop((112, 112, 3)), is_crop((184, 184, 3)), is_crop((112, 80, 3))
    (True, True, False)
    """
    return len(shape) == 3 and shape[0] == shape[1] and SMALLEST_CROP <= shape[0] <= LARGEST_CROP and shape[2] == 3


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


def _template(
    uuid: str, person: str, details: Details, ordinal: int | None, created: str, has_crop: int, forced: int
) -> Template:
    fields = json.loads(details.reading) if details.reading else None
    return Template(
        id=uuid,
        person=person,
        source=details.source,
        sha256=None if details.sha256 is None else details.sha256.hex(),
        ordinal=ordinal,
        box=None if fields is None else Box(*fields["box"]),
        quality=None if fields is None else fields["quality"]["score"],
        created=created,
        crop=bool(has_crop),
        forced=bool(forced),
    )
