"""Faces as rows: what is stored of an enrolled face, and how its crop and vector are kept.

Every function runs inside a transaction of the caller and takes its connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, InvalidVectorError
from vultus.gallery.details import Details, details_of
from vultus.gallery.names import no_such_face
from vultus.gallery.records import Owner, Records, owner
from vultus.gallery.schema import now
from vultus.gallery.values import Template
from vultus.types import Box, Image, Reading, Vector

SMALLEST_CROP, LARGEST_CROP = 64, 512  # pixels a side

__all__ = [
    "Offer",
    "crop",
    "from_png",
    "insert",
    "is_crop",
    "template",
    "templates",
    "to_png",
    "vector",
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


def templates(
    connection: Records,
    *,
    person: int | None = None,
    rows: Sequence[int] | None = None,
    ids: Sequence[str] | None = None,
    sha256: bytes | None = None,
    after: int = 0,
    most: int | None = None,
) -> tuple[Template, ...]:
    """Faces in the order of enrolment: all, or those that are all of what is said.

    person: row of whose they are. rows, ids: which; those that are not there are left out.
    sha256: of their picture. after: those beyond that place (`Template.place`). most: how many.
    """
    found = connection.execute(
        """SELECT face.id, face.uuid, face.sha256, face.source, face.reading, face.sealed, face.ordinal, face.created,
               EXISTS (SELECT 1 FROM crop WHERE crop.face = face.id), face.forced,
               person.uuid, person.key, person.name, person.sealed
           FROM face JOIN person ON person.id = face.person WHERE """
        + " AND ".join(_conditions(person, rows, ids, sha256, after))
        + " ORDER BY face.id LIMIT :most",
        {
            "person": person,
            "rows": None if rows is None else json.dumps(list(rows)),
            "ids": None if ids is None else json.dumps(list(ids)),
            "sha256": connection.picture_tag(sha256),
            "after": after,
            "most": -1 if most is None else most,
        },
    ).fetchall()
    if connection.seal is not None:
        connection.seal.preload(row[11] for row in found)
    names: dict[str, str] = {}
    told = []
    for place, uuid, picture, source, reading, sealed, ordinal, created, crop, forced, who, key, name, named in found:
        if who not in names:
            names[who] = connection.name(Owner(who, key), name, named)
        details = details_of(connection, Owner(who, key), uuid, (picture, source, reading, sealed))
        fields = json.loads(details.reading) if details.reading else None
        told.append(
            Template(
                id=uuid,
                person=names[who],
                source=details.source,
                sha256=None if details.sha256 is None else details.sha256.hex(),
                ordinal=ordinal,
                box=None if fields is None else Box(*fields["box"]),
                quality=None if fields is None else fields["quality"]["score"],
                created=created,
                crop=bool(crop),
                forced=bool(forced),
                person_id=who,
                place=place,
                score=None if fields is None else fields["score"],
            )
        )
    return tuple(told)


def _conditions(
    person: int | None, rows: Sequence[int] | None, ids: Sequence[str] | None, sha256: bytes | None, after: int
) -> Iterator[str]:
    # Only what is asked for stands in the question: so the database takes the index that fits.
    yield "face.id > :after" if after else "1"
    if person is not None:
        yield "face.person = :person"
    if rows is not None:
        yield "face.id IN (SELECT value FROM json_each(:rows))"
    if ids is not None:
        yield "face.uuid IN (SELECT value FROM json_each(:ids))"
    if sha256 is not None:
        yield "face.sha256 = :sha256"


def template(connection: Records, uuid: str) -> Template:
    """One face by its id; an unknown one is refused (NotFoundError)."""
    found = templates(connection, ids=[uuid])
    if not found:
        raise no_such_face(uuid)
    return found[0]


def vector(connection: Records, uuid: str) -> Vector:
    """The vector of a face in the set in use, (D,); an unknown face is refused (NotFoundError)."""
    row = connection.execute(
        """SELECT vector, contract.key, person.uuid, person.key FROM face JOIN person ON person.id = face.person
           LEFT JOIN template ON template.face = face.id AND template.contract = (SELECT contract FROM gallery)
           LEFT JOIN contract ON contract.id = template.contract WHERE face.uuid = ?""",
        (uuid,),
    ).fetchone()
    if row is None:
        raise no_such_face(uuid)
    blob, contract, person, key = row
    if blob is None:
        raise GalleryError(f"the embedding of the face {uuid} is missing; run `vultus gallery check`")
    opened = connection.opened(Owner(person, key), blob, "vector", person, uuid, contract)
    return np.array(np.frombuffer(opened, dtype=_LITTLE), dtype=np.float32)


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
    return [row for row, *_ in rows], np.array(matrix.reshape(len(rows), -1 if rows else 0), dtype=np.float32)


def crop(connection: Records, uuid: str) -> Image | None:
    """The kept aligned crop (112, 112, 3) of a face, None if none was kept."""
    row = connection.execute(
        """SELECT png, person.uuid, person.key FROM face JOIN person ON person.id = face.person
           LEFT JOIN crop ON crop.face = face.id WHERE face.uuid = ?""",
        (uuid,),
    ).fetchone()
    if row is None:
        raise no_such_face(uuid)
    png, person, key = row
    return None if png is None else from_png(connection.opened(Owner(person, key), png, "crop", person, uuid))


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
