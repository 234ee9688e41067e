"""Examples of subjects, which are enrolled faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from vultus.errors import NotFoundError
from vultus.gallery import Enrolment, Gallery, faces
from vultus.server.routes.compreface.access import OWN, Visit, access, identified
from vultus.server.routes.compreface.pictures import DetProb, look, one_face, uploads
from vultus.server.routes.compreface.subjects import body_of, known
from vultus.server.routes.compreface.wire import PREFIX, Code, Fault

__all__ = ["face_id", "router"]

router = APIRouter(prefix=PREFIX, tags=["compreface"], dependencies=[OWN])

Example = dict[str, str]
Subject = Annotated[str | None, Query(max_length=255)]


def face_id(image_id: str) -> str:
    """Id of a face in the gallery; a text that is no UUID is refused like one that nobody has (404, code 44)."""
    try:
        return UUID(image_id).hex
    except ValueError:
        raise _no_image(image_id) from None


@router.post("/recognition/faces", status_code=201)
async def add(
    request: Request,
    visit: Annotated[Visit, access("enroller", uploads=True)],
    subject: Subject = None,
    det_prob_threshold: DetProb = None,
) -> Example:
    """Enrol the only face of a picture; the subject is made if need be. The same picture again changes nothing."""
    if subject is None:
        raise Fault(400, Code.NO_PARAMETER, "Missing request parameter: subject")
    if not subject.strip():
        raise Fault(400, Code.EMPTY_FIELD, "Field subject is required and cannot be empty")
    (upload,) = await uploads(request, visit, "file")
    seen = await look(visit, upload, det_prob_threshold, decides="person.refuse")
    index = one_face(seen)

    def work(gallery: Gallery) -> Example:
        done = gallery.enroll_readings(
            subject,
            seen.readings,
            source=upload.name or "upload",
            sha256=seen.picture.sha256,
            size_wh=seen.picture.size_wh,
            faces=index + 1,
        )
        visit.service.note_enrolment(visit.caller.key.id, visit.gallery, done, gallery.revision)
        return {"image_id": _shown(_enrolled(gallery, visit, done, subject, seen.picture.sha256)), "subject": subject}

    return await visit.on(work)


@router.get("/recognition/faces")
async def examples(
    visit: Annotated[Visit, access("viewer")],
    page: Annotated[int, Query(ge=0)] = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 20,
    subject: Subject = None,
) -> dict[str, object]:
    """A page of examples, by subject and in the order of their enrolment."""

    def work(gallery: Gallery) -> dict[str, object]:
        with gallery.view() as view:  # nobody goes between the list of people and that of their faces
            everybody = visit.service.people(visit.gallery, gallery)
            if subject:
                who = known(gallery, subject)
                everybody = tuple(person for person in everybody if person.id == who)
            total = sum(person.templates for person in everybody)
            first = page * size
            found: list[Example] = []
            for person in everybody:
                if first < person.templates and len(found) < size:
                    some = view.faces(person=person.id)[max(first, 0) : max(first, 0) + size - len(found)]
                    found += [{"image_id": _shown(one.id), "subject": person.name} for one in some]
                first -= person.templates
        return {
            "faces": found,
            "page_number": page,
            "page_size": size,
            "total_pages": -(-total // size),
            "total_elements": total,
        }

    return await visit.on(work)


@router.delete("/recognition/faces")
async def remove_all(visit: Annotated[Visit, access("enroller")], subject: Subject = None) -> dict[str, int]:
    """All examples of a subject, or of everybody; the subjects stay."""

    def work(gallery: Gallery) -> int:
        with gallery.view() as view:
            found = view.faces(person=known(gallery, subject) if subject else None)
        return len(_removed(gallery, visit, [face.id for face in found]))

    return {"deleted": await visit.on(work)}


@router.post("/recognition/faces/delete")
async def remove_some(request: Request, visit: Annotated[Visit, access("enroller")]) -> list[Example]:
    """Examples by their ids; those that nobody has are passed over."""
    ids = await body_of(request)
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Fault(400, Code.VALIDATION, "expected a list of image ids")

    def work(gallery: Gallery) -> list[Example]:
        wanted = []
        for one in dict.fromkeys(ids):
            try:
                wanted.append(face_id(one))
            except Fault:
                continue
        return _removed(gallery, visit, wanted)

    return await visit.on(work)


@router.delete("/recognition/faces/{image_id}")
async def remove(image_id: str, visit: Annotated[Visit, access("enroller")]) -> Example:
    """One example; its subject stays."""
    face = face_id(image_id)
    gone = await visit.on(lambda gallery: _removed(gallery, visit, [face]))
    if not gone:
        raise _no_image(image_id)
    return gone[0]


@router.get("/recognition/faces/{image_id}/img")
async def image(image_id: str, visit: Annotated[Visit, access("viewer")]) -> Response:
    """The crop that was kept of a face, PNG; nothing where none was. Whole pictures are not kept."""
    return await _image(visit, image_id)


@router.get("/static/{key}/images/{image_id}")
async def static_image(request: Request, key: str, image_id: str) -> Response:
    """The same for web pages, the key in the address."""
    from vultus.server.auth import admit

    visit = identified(request, key, "viewer")
    admit(request, visit.caller.key)
    return await _image(visit, image_id)


async def _image(visit: Visit, image_id: str) -> Response:
    def work(gallery: Gallery) -> bytes:
        try:
            crop = gallery.crop(face_id(image_id))
        except (NotFoundError, Fault):
            return b""
        return b"" if crop is None else faces.to_png(crop)

    return Response(await visit.on(work), media_type="image/png")


def _enrolled(gallery: Gallery, visit: Visit, done: Enrolment, subject: str, sha256: str) -> str:
    """Id of the face that was enrolled, now or before."""
    if done.added:
        return done.added[0].id
    if done.refused:
        refused = done.refused[0]
        raise Fault(400, Code.ARGUMENT, visit.service.policy.text(refused.reason))
    found = [one.id for one in gallery.faces(subject) if one.sha256 == sha256]
    if not found:  # taken out between the two looks
        raise Fault(404, Code.NO_IMAGE, "the example was removed meanwhile")
    return found[0]


def _removed(gallery: Gallery, visit: Visit, ids: Sequence[str]) -> list[Example]:
    gone: list[Example] = []
    for face in ids:
        try:
            person = gallery.remove_face(face)
        except NotFoundError:
            continue
        visit.note("face.remove", target=person.id, revision=gallery.revision, face=face)
        gone.append({"image_id": _shown(face), "subject": person.name})
    return gone


def _shown(face: str) -> str:
    return str(UUID(face))


def _no_image(image_id: str) -> Fault:
    return Fault(404, Code.NO_IMAGE, f"Image {image_id} not found")
