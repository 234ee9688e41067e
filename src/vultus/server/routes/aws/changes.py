"""What a collection's operations change in its gallery, each in one durable transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from vultus.errors import ConflictError
from vultus.gallery import Change, Gallery, Person, View
from vultus.gallery.people import MOST_TEMPLATES
from vultus.server.batching import Picture
from vultus.server.routes.aws import stored
from vultus.server.routes.aws.stored import Origin, StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Reading

__all__ = ["Failure", "associate", "create_user", "delete_faces", "delete_user", "disassociate", "find_user", "index"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A face with which nothing was done, and why."""

    face: str  # FaceId
    reason: str
    user: str | None = None  # who has it
    score: float | None = None  # similarity to the user


def index(
    gallery: Gallery, picture: Picture, chosen: Sequence[tuple[int, Reading]], external: str | None
) -> tuple[list[StoredFace], int]:
    """Store faces of a picture, each on its own; one that was stored with the same name is found again.

    chosen: which face of the picture, and the face. The faces in that order, and how many of them are new.
    """
    with gallery.change() as change:
        known = [face for face in stored.shown(change.faces(sha256=picture.sha256)) if face.external == external]
        image = known[0].image if known else str(uuid4())
        by_ordinal = {face.ordinal: face for face in reversed(known)}
        found: list[StoredFace] = []
        new = 0
        for ordinal, reading in chosen:
            if ordinal in by_ordinal:
                found.append(by_ordinal[ordinal])
                continue
            origin = Origin(external, image, picture.size_wh, ordinal)
            template = change.add_face(
                stored.alone(change), reading, source=origin.text(), sha256=picture.sha256, ordinal=ordinal
            )
            found.append(StoredFace(template, origin))
            new += 1
        return found, new


def delete_faces(gallery: Gallery, ids: Sequence[str]) -> tuple[list[StoredFace], list[Failure]]:
    """Take out faces that no user has."""
    with gallery.change() as change:
        found = stored.by_ids(change, ids)
        gone: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.user is not None:
                failures.append(Failure(one, "ASSOCIATED_TO_AN_EXISTING_USER", face.user))
            else:
                _leave(change, change.remove_face(face.template.id))
                gone.append(face)
        return gone, failures


def find_user(view: View, user: str) -> Person:
    """A user by UserId; refused (ResourceNotFoundException): nobody, or a face that nobody has."""
    person = view.find(user)
    if person is None or stored.anonymous(person.name):
        raise Fault("ResourceNotFoundException", f"expected a user of this collection, got {user}")
    return person


def create_user(gallery: Gallery, user: str) -> str:
    """A user without faces; the id of the person. A UserId that is taken is refused (ConflictException)."""
    try:
        return gallery.add_person(user).id
    except ConflictError as error:
        raise Fault("ConflictException", f"the user {user} is there already") from error


def delete_user(gallery: Gallery, user: str) -> str:
    """Take a user out and keep the faces; the id of the person."""
    with gallery.change() as change:
        person = find_user(change, user)
        for face in change.faces(person=person.id):
            change.move_faces([face.id], stored.alone(change))
        return change.remove(person.id).id


def associate(
    gallery: Gallery, user: str, ids: Sequence[str], threshold: float
) -> tuple[list[StoredFace], list[Failure], Person]:
    """Give faces to a user; the faces, those that were not given, and the person as they are then.

    threshold: cosine that a face must reach with one that the user has; the first may be any.
    Refused (ServiceQuotaExceededException): more than 100 faces a user, then none is given.
    """
    with gallery.change() as change:
        person = find_user(change, user)
        found = stored.by_ids(change, ids)
        own = change.embeddings(person.id)
        given: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.template.person_id == person.id:
                continue
            elif face.user is not None:
                failures.append(Failure(one, "ASSOCIATED_TO_A_DIFFERENT_USER", face.user))
            else:
                vector = change.embedding(face.template.id)
                score = float((own @ vector).max()) if len(own) else None
                if score is not None and score < threshold:
                    failures.append(Failure(one, "LOW_MATCH_CONFIDENCE", score=score))
                    continue
                _give(change, face, person)
                own = np.vstack([own, vector]) if len(own) else vector[None]
                given.append(face)
        return given, failures, change.person(person.id)


def disassociate(gallery: Gallery, user: str, ids: Sequence[str]) -> tuple[list[StoredFace], list[Failure], Person]:
    """Take faces from a user and keep them; the faces, those that were not taken, and the person as they are then."""
    with gallery.change() as change:
        person = find_user(change, user)
        found = stored.by_ids(change, ids)
        freed: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None or face.user is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.template.person_id != person.id:
                failures.append(Failure(one, "ASSOCIATED_TO_A_DIFFERENT_USER", face.user))
            else:
                change.move_faces([face.template.id], stored.alone(change))
                freed.append(face)
        return freed, failures, change.person(person.id)


def _give(change: Change, face: StoredFace, user: Person) -> None:
    try:
        # Another copy of the same picture may have been stored under another ExternalImageId: both stay.
        change.move_faces([face.template.id], user.id, keep_twins=True)
    except ConflictError as error:
        raise Fault("ServiceQuotaExceededException", f"expected at most {MOST_TEMPLATES} faces a user") from error
    _leave(change, change.person(face.template.person_id))


def _leave(change: Change, holder: Person) -> None:
    """Let the person of a face that was alone go with its last face."""
    if not holder.templates:
        change.remove(holder.id)
