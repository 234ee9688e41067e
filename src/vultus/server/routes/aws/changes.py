"""What a collection's operations change in its gallery, each in one durable transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from vultus.errors import ConflictError
from vultus.gallery import Gallery, faces, people
from vultus.gallery.faces import Offer
from vultus.gallery.records import Records
from vultus.server.batching import Picture
from vultus.server.routes.aws import stored
from vultus.server.routes.aws.stored import ANONYMOUS, Origin, StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Reading, unit

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
    digest = bytes.fromhex(picture.sha256)
    with gallery._store.write() as connection:
        contract = gallery._need_contract(connection)
        (keep,) = connection.execute("SELECT keep FROM gallery").fetchone()
        known = stored.by_picture(connection, digest)
        image = next((face.image for face in known if _same(face, external)), str(uuid4()))
        rows = []
        new = 0
        for ordinal, reading in chosen:
            same = next((face for face in known if _same(face, external) and _ordinal(face) == ordinal), None)
            if same is not None:
                rows.append(same.row)
                continue
            if reading.embedding is None:
                raise Fault("InvalidParameterException", "a face was read without an embedding")
            offer = Offer.of(
                reading,
                unit(reading.embedding, contract.dimension),
                source=Origin(external, image, picture.size_wh, ordinal).text(),
                sha256=digest,
                ordinal=ordinal,
                keep=keep == "aligned",
            )
            row = faces.insert(connection, _alone(connection), offer, faces.adopt(connection, contract))
            rows.append(row)
            new += 1
        found = stored.by_rows(connection, rows)
        return [found[row] for row in rows], new


def delete_faces(gallery: Gallery, ids: Sequence[str]) -> tuple[list[StoredFace], list[Failure]]:
    """Take out faces that no user has."""
    with gallery._store.write() as connection:
        found = {stored.face_id(face.uuid): face for face in stored.by_ids(connection, ids)}
        gone: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.user is not None:
                failures.append(Failure(one, "ASSOCIATED_TO_AN_EXISTING_USER", face.user))
            else:
                people.remove_face(connection, face.uuid)
                _leave(connection, face.holder)
                gone.append(face)
        return gone, failures


def find_user(connection: Records, user: str) -> int:
    """Row of a user by UserId; refused (ResourceNotFoundException): nobody, or a face that nobody has."""
    row = people.find(connection, user)
    if row is None or stored.anonymous(people.name_of(connection, row)):
        raise Fault("ResourceNotFoundException", f"expected a user of this collection, got {user}")
    return row


def create_user(gallery: Gallery, user: str) -> str:
    """A user without faces; the id of the person. A UserId that is taken is refused (ConflictException)."""
    with gallery._store.write() as connection:
        if people.find(connection, user) is not None:
            raise Fault("ConflictException", f"the user {user} is there already")
        return people.person(connection, people.add(connection, user)).id


def delete_user(gallery: Gallery, user: str) -> str:
    """Take a user out and keep the faces; the id of the person."""
    with gallery._store.write() as connection:
        row = find_user(connection, user)
        gone = people.person(connection, row)
        for (uuid,) in connection.execute("SELECT uuid FROM face WHERE person = ?", (row,)).fetchall():
            people.move(connection, [uuid], _alone(connection))
        people.remove(connection, row)
        return gone.id


def associate(
    gallery: Gallery, user: str, ids: Sequence[str], threshold: float
) -> tuple[list[StoredFace], list[Failure], str]:
    """Give faces to a user; the faces, those that were not given, and the id of the person.

    threshold: cosine that a face must reach with one that the user has; the first may be any.
    Refused (ServiceQuotaExceededException): more than 100 faces a user, then none is given.
    """
    with gallery._store.write() as connection:
        row = find_user(connection, user)
        found = {stored.face_id(face.uuid): face for face in stored.by_ids(connection, ids)}
        _, own = faces.vectors(connection, row)
        given: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.holder == row:
                continue
            elif face.user is not None:
                failures.append(Failure(one, "ASSOCIATED_TO_A_DIFFERENT_USER", face.user))
            else:
                vector = stored.vector(connection, face)
                score = float((own @ vector).max()) if len(own) else None
                if score is not None and score < threshold:
                    failures.append(Failure(one, "LOW_MATCH_CONFIDENCE", score=score))
                    continue
                _give(connection, face, row)
                own = np.vstack([own, vector]) if len(own) else vector[None]
                given.append(face)
        return given, failures, people.person(connection, row).id


def disassociate(gallery: Gallery, user: str, ids: Sequence[str]) -> tuple[list[StoredFace], list[Failure], str]:
    """Take faces from a user and keep them; the faces, those that were not taken, and the id of the person."""
    with gallery._store.write() as connection:
        row = find_user(connection, user)
        found = {stored.face_id(face.uuid): face for face in stored.by_ids(connection, ids)}
        freed: list[StoredFace] = []
        failures: list[Failure] = []
        for one in dict.fromkeys(ids):
            face = found.get(one)
            if face is None or face.user is None:
                failures.append(Failure(one, "FACE_NOT_FOUND"))
            elif face.holder != row:
                failures.append(Failure(one, "ASSOCIATED_TO_A_DIFFERENT_USER", face.user))
            else:
                people.move(connection, [face.uuid], _alone(connection))
                freed.append(face)
        return freed, failures, people.person(connection, row).id


def _alone(connection: Records) -> int:
    """Row of a new person for a face that no user has."""
    return people.add(connection, ANONYMOUS + uuid4().hex)


def _give(connection: Records, face: StoredFace, user: int) -> None:
    twin = "SELECT 1 FROM face WHERE person = ? AND sha256 = (SELECT sha256 FROM face WHERE id = ?) AND ordinal = ?"
    if connection.execute(twin, (user, face.row, face.ordinal)).fetchone():
        # A gallery has each face of a picture once for a person and would drop this copy, which may
        # have been stored under another ExternalImageId: it no longer says which face it is.
        connection.execute("UPDATE face SET ordinal = NULL WHERE id = ?", (face.row,))
    try:
        people.move(connection, [face.uuid], user)
    except ConflictError as error:
        raise Fault(
            "ServiceQuotaExceededException", f"expected at most {people.MOST_TEMPLATES} faces a user"
        ) from error
    _leave(connection, face.holder)


def _leave(connection: Records, holder: int) -> None:
    """Let the person of a face that was alone go with its last face."""
    if connection.execute("SELECT 1 FROM face WHERE person = ?", (holder,)).fetchone() is None:
        people.remove(connection, holder)


def _same(face: StoredFace, external: str | None) -> bool:
    """Indexed under this ExternalImageId, or enrolled another way when there is none."""
    return external == (None if face.origin is None else face.origin.external)


def _ordinal(face: StoredFace) -> int | None:
    return face.ordinal if face.origin is None else face.origin.ordinal
