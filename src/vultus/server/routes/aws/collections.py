"""Collections, which are galleries, and the faces in them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from vultus.errors import ConflictError
from vultus.gallery import Gallery
from vultus.server.routes.aws import changes, pages, stored
from vultus.server.routes.aws.call import MOST_FACES, Call
from vultus.server.routes.aws.changes import Failure, find_user
from vultus.server.routes.aws.details import face_detail, face_of
from vultus.server.routes.aws.stored import StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Reading

__all__ = [
    "create_collection",
    "delete_collection",
    "delete_faces",
    "describe_collection",
    "index_faces",
    "list_collections",
    "list_faces",
    "page_size",
]

PAGE = 1000
ACCOUNT = "000000000000"


def page_size(call: Call, default: int) -> int:
    """MaxResults; 0 asks for the default."""
    return int(call.fields.get("MaxResults", 0)) or default


async def create_collection(call: Call) -> dict[str, Any]:
    """A new gallery. Tags are checked and let go: no operation here reads them."""

    def make() -> None:
        try:
            gallery = call.service.create_gallery(call.collection)
        except ConflictError as error:
            raise Fault("ResourceAlreadyExistsException", str(error)) from error
        call.note("gallery.create", revision=gallery.revision)

    if not call.caller.key.may(call.collection):
        raise Fault("AccessDeniedException", "this key is for other collections")
    await call.service.run(make)
    return {"StatusCode": 200, "CollectionArn": _arn(call), "FaceModelVersion": call.version}


async def delete_collection(call: Call) -> dict[str, Any]:
    """The gallery goes with everybody in it."""

    def delete() -> None:
        try:
            call.service.delete_gallery(call.collection)
        except ConflictError as error:
            raise Fault("AccessDeniedException", str(error)) from error
        call.note("gallery.delete")

    await call.service.run(delete)
    return {"StatusCode": 200}


async def list_collections(call: Call) -> dict[str, Any]:
    """The galleries that the key is for, by name."""
    start = pages.after(call.fields.get("NextToken"), "ListCollections")
    most = page_size(call, PAGE)
    names = await call.service.run(call.service.galleries)
    open_ = [name for name in names if call.caller.key.may(name) and name > start]
    answer: dict[str, Any] = {
        "CollectionIds": open_[:most],
        "FaceModelVersions": [call.version] * len(open_[:most]),
    }
    if len(open_) > most:
        answer["NextToken"] = pages.token(open_[most - 1], "ListCollections")
    return answer


async def describe_collection(call: Call) -> dict[str, Any]:
    """A gallery in numbers."""

    def look(gallery: Gallery) -> dict[str, Any]:
        stats = gallery.stats()
        users = [one for one in call.service.people(call.collection, gallery) if not stored.anonymous(one.name)]
        created = datetime.fromisoformat(stats.created).astimezone(UTC)
        return {
            "FaceCount": stats.templates,
            "UserCount": len(users),
            "FaceModelVersion": call.version,
            "CollectionARN": _arn(call),
            "CreationTimestamp": created.timestamp(),  # seconds: the SDKs crash on milliseconds
        }

    return await call.on(look)


async def index_faces(call: Call) -> dict[str, Any]:
    """Store the faces of a picture that are good enough, the largest first."""
    found = await call.faces("Image", "AUTO")
    most = min(call.fields.get("MaxFaces", MOST_FACES), MOST_FACES)
    chosen, beyond = found.good[:most], found.good[most:]

    def store(gallery: Gallery) -> list[StoredFace]:
        faces, new = changes.index(gallery, found.picture, chosen, call.fields.get("ExternalImageId"))
        if new:
            call.note_faces("face.index", faces, revision=gallery.revision, picture=found.picture.sha256)
        return faces

    faces = await call.on(store)
    size_wh = found.picture.size_wh
    left: list[tuple[Reading, list[str]]] = [*found.bad, *((one, ["EXCEEDS_MAX_FACES"]) for _, one in beyond)]
    return {
        "FaceRecords": [
            {"Face": face_of(face, call.version), "FaceDetail": face_detail(one, size_wh)}
            for face, (_, one) in zip(faces, chosen, strict=True)
        ],
        "UnindexedFaces": [{"Reasons": why, "FaceDetail": face_detail(one, size_wh)} for one, why in left],
        "FaceModelVersion": call.version,
    }


async def list_faces(call: Call) -> dict[str, Any]:
    """The faces in the order in which they were stored."""
    user: str | None = call.fields.get("UserId")
    ids: list[str] = call.fields.get("FaceIds", [])
    this = ("ListFaces", call.collection, user or "", *sorted(ids))
    place = pages.after(call.fields.get("NextToken"), *this)
    if place and re.fullmatch(r"[0-9]{1,18}", place) is None:
        raise Fault("InvalidPaginationTokenException", "expected a NextToken that this list gave")
    most = page_size(call, PAGE)

    def look(gallery: Gallery) -> list[StoredFace]:
        with gallery.view() as view:
            person = None if user is None else find_user(view, user).id
            return stored.page(view, int(place or 0), most + 1, person=person, ids=ids)

    faces = await call.on(look)
    answer: dict[str, Any] = {
        "Faces": [face_of(face, call.version) for face in faces[:most]],
        "FaceModelVersion": call.version,
    }
    if len(faces) > most:
        answer["NextToken"] = pages.token(str(faces[most - 1].template.place), *this)
    return answer


async def delete_faces(call: Call) -> dict[str, Any]:
    """Faces that no user has are deleted."""

    def delete(gallery: Gallery) -> tuple[list[StoredFace], list[Failure]]:
        gone, failures = changes.delete_faces(gallery, call.fields["FaceIds"])
        call.note_faces("face.remove", gone, revision=gallery.revision)
        return gone, failures

    gone, failures = await call.on(delete)
    if gone:
        await call.service.run(call.service.replies.forget, call.collection)
    return {
        "DeletedFaces": [face.id for face in gone],
        "UnsuccessfulFaceDeletions": [
            {"FaceId": one.face, "Reasons": [one.reason]} | ({} if one.user is None else {"UserId": one.user})
            for one in failures
        ],
    }


def _arn(call: Call) -> str:
    return f"aws:rekognition:{call.region}:{ACCOUNT}:collection/{call.collection}"
