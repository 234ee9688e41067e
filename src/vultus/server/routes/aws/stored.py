"""Single faces of a gallery, as a collection shows them.

A face that no user has belongs to a person of its own, whose name begins with `ANONYMOUS`; no
UserId can look like it. What IndexFaces says of a face beyond what a gallery keeps stands in the
template's `source`, and goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from vultus.gallery import Change, Template, View

__all__ = ["ANONYMOUS", "Origin", "StoredFace", "alone", "anonymous", "by_ids", "face_id", "page", "shown", "user_id"]

ANONYMOUS = "unassociated face "
_USER = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}")
_ORIGIN = re.compile(
    r"rekognition:(?P<external>[a-zA-Z0-9_.\-:]*) image=(?P<image>[0-9a-f-]{36}) "
    r"size=(?P<width>\d+)x(?P<height>\d+) face=(?P<ordinal>\d+)"
)


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
    """An enrolled face, and the call that indexed it where one did."""

    template: Template
    origin: Origin | None

    @property
    def id(self) -> str:
        """FaceId."""
        return face_id(self.template.id)

    @property
    def user(self) -> str | None:
        """UserId of who has the face, None when nobody has."""
        name = self.template.person
        return None if anonymous(name) else user_id(name, self.template.person_id)

    @property
    def external(self) -> str | None:
        """ExternalImageId."""
        return None if self.origin is None else self.origin.external

    @property
    def ordinal(self) -> int | None:
        """Which face of the picture."""
        return self.template.ordinal if self.origin is None else self.origin.ordinal

    @property
    def image(self) -> str:
        """ImageId: the same for all faces of one picture."""
        if self.origin is not None:
            return self.origin.image
        return self.id if self.template.sha256 is None else str(UUID(self.template.sha256[:32]))


def anonymous(name: str) -> bool:
    """A person of that name stands for a face that no user has."""
    return name.startswith(ANONYMOUS)


def alone(change: Change) -> str:
    """Id of a new person for a face that no user has."""
    return change.add_person(ANONYMOUS + uuid4().hex).id


def user_id(name: str, person: str) -> str:
    """UserId of a person: the name where it can be one, else the person's id.

    >>> user_id("ada", "0" * 32), user_id("Ada Lovelace", "0" * 32)
    ('ada', '00000000000000000000000000000000')
    """
    return name if _USER.fullmatch(name) else person


def face_id(face: str) -> str:
    """FaceId of a face: its id with dashes."""
    return str(UUID(face))


def shown(templates: Iterable[Template]) -> list[StoredFace]:
    """Faces of the gallery as the collection's."""
    return [StoredFace(one, Origin.of(one.source)) for one in templates]


def by_ids(view: View, ids: Sequence[str]) -> dict[str, StoredFace]:
    """Faces by their FaceIds; unknown ones are left out."""
    return {face.id: face for face in shown(view.faces(ids=_plain(ids)))}


def page(view: View, after: int, most: int, *, person: str | None = None, ids: Sequence[str] = ()) -> list[StoredFace]:
    """The next faces in the order of their enrolment. after: place of the last one; 0 begins.

    person: only those of the person with that id. ids: only those of these FaceIds.
    """
    return shown(view.faces(person=person, ids=_plain(ids) if ids else None, after=after, most=most))


def _plain(ids: Sequence[str]) -> list[str]:
    return [one.replace("-", "") for one in ids]
