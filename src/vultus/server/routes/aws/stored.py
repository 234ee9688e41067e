"""Single faces of a gallery, as a collection shows them.

A face that no user has belongs to a person of its own, whose name begins with `ANONYMOUS`; no
UserId can look like it. What IndexFaces says of a face beyond what a gallery keeps stands in the
template's `source`, and goes with it.

The gallery has no verbs yet that look at single faces, so its rows are read here, through its own
functions and inside its transactions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vultus.gallery import faces
from vultus.gallery.records import Owner, Records
from vultus.types import Box, Vector

__all__ = [
    "ANONYMOUS",
    "Origin",
    "StoredFace",
    "anonymous",
    "by_ids",
    "by_picture",
    "face_id",
    "page",
    "user_id",
    "vector",
]

ANONYMOUS = "unassociated face "
_USER = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}")
_ORIGIN = re.compile(
    r"rekognition:(?P<external>[a-zA-Z0-9_.\-:]*) image=(?P<image>[0-9a-f-]{36}) "
    r"size=(?P<width>\d+)x(?P<height>\d+) face=(?P<ordinal>\d+)"
)
_SELECT = """SELECT face.id, face.uuid, face.sha256, face.source, face.reading, face.sealed, face.ordinal,
    person.id, person.uuid, person.key, person.name, person.sealed
    FROM face JOIN person ON person.id = face.person WHERE """


@dataclass(frozen=True, slots=True)
class Origin:
    """The call that indexed a face.

    >>> origin = Origin("alice.jpg", "6b135f5b-a365-4522-b1f1-4c9ac2dd0728", (640, 480), 0)
    >>> origin.text()
    'rekognition:alice.jpg image=6b135f5b-a365-4522-b1f1-4c9ac2dd0728 size=640x480 face=0'
    >>> Origin.of(origin.text()) == origin, Origin.of("people/ada/1.jpg")
    (True, None)
    """

    external: str | None  # ExternalImageId
    image: str  # ImageId
    size_wh: tuple[int, int]  # pixels
    ordinal: int  # which face of the picture

    @classmethod
    def of(cls, source: str | None) -> Origin | None:
        """What `text` wrote; None for faces that were enrolled another way."""
        found = _ORIGIN.fullmatch(source or "")
        if found is None:
            return None
        size_wh = (int(found["width"]), int(found["height"]))
        return cls(found["external"] or None, found["image"], size_wh, int(found["ordinal"]))

    def text(self) -> str:
        """As it stands in the template's `source`."""
        width, height = self.size_wh
        return f"rekognition:{self.external or ''} image={self.image} size={width}x{height} face={self.ordinal}"


@dataclass(frozen=True, slots=True)
class StoredFace:
    """An enrolled face and whose it is."""

    row: int
    uuid: str
    ordinal: int | None
    sha256: bytes | None  # of the picture
    origin: Origin | None
    box: Box | None
    score: float | None  # the detector's, 0 to 1
    holder: int  # row of the person
    person: str  # id of the person
    name: str

    @property
    def user(self) -> str | None:
        """UserId of who has the face, None when nobody has."""
        return None if anonymous(self.name) else user_id(self.name, self.person)

    @property
    def image(self) -> str:
        """ImageId: the same for all faces of one picture."""
        if self.origin is not None:
            return self.origin.image
        return str(UUID(bytes=self.sha256[:16])) if self.sha256 is not None else face_id(self.uuid)


def anonymous(name: str) -> bool:
    """A person of that name stands for a face that no user has."""
    return name.startswith(ANONYMOUS)


def user_id(name: str, person: str) -> str:
    """UserId of a person: the name where it can be one, else the person's id.

    >>> user_id("ada", "0" * 32), user_id("Ada Lovelace", "0" * 32)
    ('ada', '00000000000000000000000000000000')
    """
    return name if _USER.fullmatch(name) else person


def face_id(uuid: str) -> str:
    """FaceId of a face: its id with dashes."""
    return str(UUID(uuid))


def by_ids(connection: Records, ids: Sequence[str]) -> list[StoredFace]:
    """Faces by their FaceIds; unknown ones are left out."""
    wanted = json.dumps([one.replace("-", "") for one in ids])
    return _load(connection, "face.uuid IN (SELECT value FROM json_each(?)) ORDER BY face.id", (wanted,))


def by_rows(connection: Records, rows: Sequence[int]) -> dict[int, StoredFace]:
    """Faces by their rows."""
    wanted = json.dumps(list(rows))
    found = _load(connection, "face.id IN (SELECT value FROM json_each(?))", (wanted,))
    return {face.row: face for face in found}


def by_picture(connection: Records, sha256: bytes) -> list[StoredFace]:
    """All faces of a picture."""
    return _load(connection, "face.sha256 = ? ORDER BY face.id", (connection.picture_tag(sha256),))


def page(
    connection: Records, after: int, most: int, *, holder: int | None = None, ids: Sequence[str] = ()
) -> list[StoredFace]:
    """The next faces in the order of their enrolment. after: row of the last one; 0 begins.

    holder: only those of the person in that row. ids: only those of these FaceIds.
    """
    wanted = json.dumps([one.replace("-", "") for one in ids]) if ids else None
    return _load(
        connection,
        """face.id > ?1 AND (?2 IS NULL OR face.person = ?2)
           AND (?3 IS NULL OR face.uuid IN (SELECT value FROM json_each(?3))) ORDER BY face.id LIMIT ?4""",
        (after, holder, wanted, most),
    )


def vector(connection: Records, face: StoredFace) -> Vector:
    """The embedding of a face, (D,)."""
    rows, matrix = faces.vectors(connection, face.holder)
    found: Vector = matrix[rows.index(face.row)]
    return found


def _load(connection: Records, where: str, values: tuple[object, ...]) -> list[StoredFace]:
    found = connection.execute(_SELECT + where, values).fetchall()
    if connection.seal is not None:
        connection.seal.preload(row[9] for row in found)
    loaded = []
    for row, uuid, sha256, source, reading, sealed, ordinal, holder, person, key, name, named in found:
        who = Owner(person, key)
        details = faces.details_of(connection, who, uuid, (sha256, source, reading, sealed))
        read = json.loads(details.reading) if details.reading else None
        loaded.append(
            StoredFace(
                row=row,
                uuid=uuid,
                ordinal=ordinal,
                sha256=details.sha256,
                origin=Origin.of(details.source),
                box=None if read is None else Box(*read["box"]),
                score=None if read is None else read["score"],
                holder=holder,
                person=person,
                name=connection.name(who, name, named),
            )
        )
    return loaded
