"""Users, who are people of the gallery, and which faces are theirs."""

from __future__ import annotations

from typing import Any

from vultus.gallery import Gallery
from vultus.server.routes.aws import changes, pages, stored
from vultus.server.routes.aws.call import Call
from vultus.server.routes.aws.changes import Failure
from vultus.server.routes.aws.collections import page_size
from vultus.server.routes.aws.stored import StoredFace

__all__ = ["associate_faces", "create_user", "delete_user", "disassociate_faces", "list_users"]

PAGE = 500


async def create_user(call: Call) -> dict[str, Any]:
    """A user without faces."""

    def create(gallery: Gallery) -> None:
        person = changes.create_user(gallery, call.fields["UserId"])
        call.note("person.create", target=person, revision=gallery.revision)

    await call.on(create)
    return {}


async def delete_user(call: Call) -> dict[str, Any]:
    """The user goes, the faces stay."""

    def delete(gallery: Gallery) -> None:
        person = changes.delete_user(gallery, call.fields["UserId"])
        call.note("person.remove", target=person, revision=gallery.revision)

    await call.on(delete)
    await call.service.run(call.service.replies.forget, call.collection)
    return {}


async def list_users(call: Call) -> dict[str, Any]:
    """The users by their ids."""
    start = pages.after(call.fields.get("NextToken"), "ListUsers", call.collection)
    most = page_size(call, PAGE)

    def look(gallery: Gallery) -> list[tuple[str, int]]:
        everybody = call.service.people(call.collection, gallery)
        named = ((stored.user_id(one.name, one.id), one) for one in everybody if not stored.anonymous(one.name))
        return sorted((user, one.templates) for user, one in named if user > start)

    found = await call.on(look)
    answer: dict[str, Any] = {
        "Users": [{"UserId": user, "UserStatus": "ACTIVE" if faces else "CREATED"} for user, faces in found[:most]]
    }
    if len(found) > most:
        answer["NextToken"] = pages.token(found[most - 1][0], "ListUsers", call.collection)
    return answer


async def associate_faces(call: Call) -> dict[str, Any]:
    """Faces become the user's, if they look like those that the user has."""
    key = call.caller.key.id
    call.service.probes.check(key, call.collection)
    least = call.least("UserMatchThreshold", 75)

    def give(gallery: Gallery) -> tuple[list[StoredFace], list[Failure], float]:
        given, failures, person = changes.associate(gallery, call.fields["UserId"], call.fields["FaceIds"], least)
        refused = sum(one.score is not None for one in failures)
        call.service.probes.spend(key, call.collection, {person.id: float(refused)})  # each said how like they are not
        call.note_faces("face.move", given, target=person.id, revision=gallery.revision, least=least)
        return given, failures, call.service.operating.verify(call.service.points.of(call.collection).fmr).threshold

    given, failures, floor = await call.on(give)
    return {
        "AssociatedFaces": [{"FaceId": face.id} for face in given],
        "UnsuccessfulFaceAssociations": [_failure(call, one, floor) for one in failures],
        "UserStatus": "ACTIVE",
    }


async def disassociate_faces(call: Call) -> dict[str, Any]:
    """Faces are nobody's again."""

    def free(gallery: Gallery) -> tuple[list[StoredFace], list[Failure], int]:
        user = call.fields["UserId"]
        freed, failures, person = changes.disassociate(gallery, user, call.fields["FaceIds"])
        call.note_faces("face.free", freed, target=person.id, revision=gallery.revision)
        return freed, failures, person.templates

    freed, failures, left = await call.on(free)
    return {
        "DisassociatedFaces": [{"FaceId": face.id} for face in freed],
        "UnsuccessfulFaceDisassociations": [_failure(call, one, None) for one in failures],
        "UserStatus": "ACTIVE" if left else "CREATED",
    }


def _failure(call: Call, one: Failure, floor: float | None) -> dict[str, Any]:
    told: dict[str, Any] = {"FaceId": one.face, "Reasons": [one.reason]}
    if one.user is not None:
        told["UserId"] = one.user
    if one.score is not None and call.policy.score(one.score, floor) is not None:
        told["Confidence"] = call.similarity(one.score, -1.0)
    return told
