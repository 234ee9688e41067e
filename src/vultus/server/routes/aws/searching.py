"""SearchFaces, SearchUsers and their likes by picture: who is most alike, as far as it may be told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from vultus.gallery import Gallery
from vultus.server.routes.aws import searches
from vultus.server.routes.aws.call import Call
from vultus.server.routes.aws.details import bounding_box, confidence, face_detail, face_of
from vultus.server.routes.aws.pictures import largest
from vultus.server.routes.aws.searches import Asked, Found, Item, Probe, User
from vultus.server.routes.aws.stored import StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Reading

__all__ = ["search_faces", "search_faces_by_image", "search_users", "search_users_by_image"]

MOST = 10  # where MaxFaces or MaxUsers is absent


async def search_faces(call: Call) -> dict[str, Any]:
    """Faces like one of the collection's, which is left out."""
    asked = partial(searches.of_face, face=call.fields["FaceId"])
    matches = await _faces(call, asked, {})
    return {"SearchedFaceId": call.fields["FaceId"], "FaceMatches": matches, "FaceModelVersion": call.version}


async def search_faces_by_image(call: Call) -> dict[str, Any]:
    """Faces like the largest of a picture."""
    call.service.probes.check(call.caller.key.id, call.collection)
    found = await call.faces("Image", "NONE")
    index, reading = largest(found)
    about = {"picture": found.picture.sha256, "face": index}
    matches = await _faces(call, _probe(reading, found.picture.sha256, index), about)
    return {
        "SearchedFaceBoundingBox": bounding_box(reading.face.box, found.picture.size_wh),
        "SearchedFaceConfidence": confidence(reading.face.score),
        "FaceMatches": matches,
        "FaceModelVersion": call.version,
    }


async def search_users(call: Call) -> dict[str, Any]:
    """Users like another user, who is left out, or like one of the collection's faces."""
    user, face = call.fields.get("UserId"), call.fields.get("FaceId")
    if (user is None) == (face is None):
        raise Fault("InvalidParameterException", "expected either UserId or FaceId")
    answer: dict[str, Any] = {"FaceModelVersion": call.version}
    if user is not None:
        answer["SearchedUser"] = {"UserId": user}
        answer["UserMatches"] = await _users(call, partial(searches.of_user, user=user), {})
    else:
        answer["SearchedFace"] = {"FaceId": face}
        answer["UserMatches"] = await _users(call, partial(searches.of_face, face=str(face)), {})
    return answer


async def search_users_by_image(call: Call) -> dict[str, Any]:
    """Users like the largest face of a picture."""
    call.service.probes.check(call.caller.key.id, call.collection)
    found = await call.faces("Image", "NONE")
    size_wh = found.picture.size_wh
    others = [(one, ["FACE_NOT_LARGEST"]) for _, one in found.good[1:]]
    answer: dict[str, Any] = {
        "UserMatches": [],
        "FaceModelVersion": call.version,
        "UnsearchedFaces": [
            {"FaceDetails": face_detail(one, size_wh), "Reasons": reasons} for one, reasons in [*others, *found.bad]
        ],
    }
    if found.good:
        index, reading = found.good[0]
        answer["SearchedFace"] = {"FaceDetail": face_detail(reading, size_wh)}
        about = {"picture": found.picture.sha256, "face": index}
        answer["UserMatches"] = await _users(call, _probe(reading, found.picture.sha256, index), about)
    else:
        await call.on(lambda gallery: gallery.revision)  # an unknown collection is refused all the same
    return answer


async def _faces(call: Call, asked: Asked, about: dict[str, Any]) -> list[dict[str, Any]]:
    least = call.least("FaceMatchThreshold", 80)
    most = call.fields.get("MaxFaces", MOST)
    found: Found[StoredFace] = await _searched(call, searches.search_faces, asked, least, most, about)
    bound = _bound(call, found, least)
    return [
        {"Similarity": call.similarity(score, bound), "Face": face_of(face, call.version)} for face, score in found.hits
    ]


async def _users(call: Call, asked: Asked, about: dict[str, Any]) -> list[dict[str, Any]]:
    least = call.least("UserMatchThreshold", 80)
    most = call.fields.get("MaxUsers", MOST)
    found: Found[User] = await _searched(call, searches.search_users, asked, least, most, about)
    bound = _bound(call, found, least)
    return [
        {"Similarity": call.similarity(score, bound), "User": {"UserId": one.user, "UserStatus": "ACTIVE"}}
        for one, score in found.hits
    ]


async def _searched(
    call: Call, search: Callable[..., Found[Item]], asked: Asked, least: float, most: int, about: dict[str, Any]
) -> Found[Item]:
    """Search, count what the answer tells about whom, and note it. about: of the picture, if it was one."""
    service, key = call.service, call.caller.key.id
    service.probes.check(key, call.collection)
    fpir = service.points.of(call.collection).fpir

    def work(gallery: Gallery) -> Found[Item]:
        with service.metrics.stage("search"):
            found = search(gallery, asked, fpir=fpir, least=least, most=most, floor=call.policy.floor)
        status = "match" if found.hits else "unknown"
        person, score = found.best or ("", None)
        if score is not None:
            service.probes.spend(key, call.collection, {person: call.policy.cost(score, found.threshold)})
        service.metrics.count("vultus_identify_total", outcome=status)
        call.note(
            "identify",
            target=person if found.hits else "",
            revision=found.revision,
            decision=status,
            score=score,
            threshold=found.threshold,
            asked=least,
            fpir=fpir,
            model=service.analyzer.contract.id,
            **about,
        )
        return found

    return await call.on(work)


def _probe(reading: Reading, sha256: str, ordinal: int) -> Probe:
    if reading.embedding is None:
        raise Fault("InvalidParameterException", "a face was read without an embedding")
    return Probe(reading.embedding[None], sha256=sha256, ordinal=ordinal)


def _bound(call: Call, found: Found[Item], least: float) -> float:
    return max(least, found.threshold or -1.0) if call.policy.floor else least
