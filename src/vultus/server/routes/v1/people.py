"""People and their faces: taking in, looking at, putting right, letting go."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from vultus.errors import InputError
from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, allow, service_of
from vultus.server.problems import Problem, problem_of
from vultus.server.routes.v1 import schemas
from vultus.server.routes.v1.conditions import check_match, respond
from vultus.server.routes.v1.matching import FacesPolicy, Gate
from vultus.server.routes.v1.paging import Cursor, Limit, part
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries/{gallery}", tags=["people"], route_class=Route, responses=schemas.PROBLEMS)

_PNG = {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
_Name = Annotated[str, Field(min_length=1, max_length=255)]
_Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=255)]], Field(min_length=1, max_length=100)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewName(_Body):
    """Another name."""

    name: _Name


class Others(_Body):
    """People who are the same one, by name or id."""

    others: _Ids


class Split(_Body):
    """Faces that are somebody else's."""

    faces: _Ids
    name: _Name


class Faces(_Body):
    """Faces by their ids."""

    faces: _Ids


class Feedback(_Body):
    """A face is not that person; `undo` takes it back."""

    face: str = Field(min_length=1, max_length=64, description="SHA-256 of a picture, or the id of an enrolled face.")
    person: _Name
    ordinal: int | None = Field(None, ge=0, description="Which face of the picture; null: all.")
    undo: bool = False


class Erasure(_Body):
    """Whom to erase, and why."""

    person: _Name
    reason: schemas.Line = ""


@router.get("/persons", response_model=schemas.Page[schemas.Person], summary="Everybody")
async def persons(
    request: Request,
    gallery: str,
    _caller: Annotated[Caller, allow("viewer")],
    limit: Limit = 100,
    cursor: Cursor = None,
    search: Annotated[str, Query(max_length=255, description="Part of a name.")] = "",
) -> Response:
    """By name."""
    service = service_of(request)

    def work(opened: Gallery) -> schemas.Page[schemas.Person]:
        revision = opened.revision
        everybody = service.people(gallery, opened)
        if search:
            wanted = search.casefold()
            everybody = tuple(one for one in everybody if wanted in one.name.casefold())
        found, following = part(everybody, lambda one: one.name, limit, cursor)
        return schemas.Page[schemas.Person].model_construct(
            items=[schemas.person_of(one) for one in found], next=following, revision=revision
        )

    return respond(request, await service.on(gallery, work))


@router.post(
    "/persons",
    response_model=schemas.Enrolment,
    status_code=201,
    openapi_extra=body_schema("image", many=True, fields=["name"]),
    summary="Enrol a person",
)
async def enroll(
    request: Request,
    gallery: str,
    caller: Annotated[Caller, allow("enroller", uploads=True)],
    faces: FacesPolicy = "main",
    gate: Gate = "medium",
    force: bool = False,
) -> Response:
    """Pictures of a person, who is made with the first that can be used; somebody of that name gets them added."""
    up = await uploaded(request, caller, ["image"])
    name = up.fields.get("name")
    if name is None:
        raise InputError("expected the person's name in the field 'name', got none")
    return await _enroll(request, caller, gallery, name, up.pictures, {"faces": faces, "gate": gate, "force": force})


@router.get("/persons/{person}", response_model=schemas.Person, summary="One person")
async def show(request: Request, gallery: str, person: str, _caller: Annotated[Caller, allow("viewer")]) -> Response:
    """By id, by name, or by a former name after a merge."""
    found = await service_of(request).on(gallery, lambda opened: opened.person(person))
    return respond(request, schemas.person_of(found))


@router.patch("/persons/{person}", response_model=schemas.Person, summary="Rename a person")
async def rename(
    request: Request,
    gallery: str,
    person: str,
    body: NewName,
    caller: Annotated[Caller, allow("enroller")],
    reason: schemas.Reason = "",
) -> Response:
    """A name that is taken is refused."""
    return await _change(
        request, caller, gallery, person, "person.rename", lambda opened, who: opened.rename(who, body.name), reason
    )


@router.delete("/persons/{person}", status_code=204, summary="Remove a person")
async def remove(
    request: Request,
    gallery: str,
    person: str,
    caller: Annotated[Caller, allow("enroller")],
    reason: schemas.Reason = "",
) -> Response:
    """No search finds them from now on; `erase` shows that no trace is left."""
    await _change(request, caller, gallery, person, "person.remove", lambda opened, who: opened.remove(who), reason)
    service = service_of(request)
    await service.run(service.replies.forget, gallery)
    return Response(status_code=204)


@router.post("/persons/{person}/merge", response_model=schemas.Person, summary="Several people are one")
async def merge(
    request: Request,
    gallery: str,
    person: str,
    body: Others,
    caller: Annotated[Caller, allow("enroller")],
    reason: schemas.Reason = "",
) -> Response:
    """The person keeps the name and gets the faces of the others, whose names stay as aliases."""
    return await _change(
        request, caller, gallery, person, "person.merge", lambda opened, who: opened.merge(body.others, who), reason
    )


@router.post("/persons/{person}/split", response_model=schemas.Person, status_code=201, summary="One person is two")
async def split(
    request: Request,
    gallery: str,
    person: str,
    body: Split,
    caller: Annotated[Caller, allow("enroller")],
    reason: schemas.Reason = "",
) -> Response:
    """The faces become a new person's."""
    return await _change(
        request,
        caller,
        gallery,
        person,
        "person.split",
        lambda opened, who: opened.split(who, body.faces, body.name),
        reason,
        status=201,
    )


@router.get("/persons/{person}/faces", response_model=schemas.Page[schemas.Template], summary="Faces of a person")
async def faces_of(
    request: Request, gallery: str, person: str, _caller: Annotated[Caller, allow("viewer")]
) -> Response:
    """In the order of their enrolment; a person has at most 100."""

    def work(opened: Gallery) -> schemas.Page[schemas.Template]:
        revision = opened.revision
        items = [schemas.template_of(one) for one in opened.faces(person)]
        return schemas.Page[schemas.Template].model_construct(items=items, next=None, revision=revision)

    return respond(request, await service_of(request).on(gallery, work))


@router.post(
    "/persons/{person}/faces",
    response_model=schemas.Enrolment,
    status_code=201,
    openapi_extra=body_schema("image", many=True),
    summary="Add pictures of a person",
)
async def add_faces(
    request: Request,
    gallery: str,
    person: str,
    caller: Annotated[Caller, allow("enroller", uploads=True)],
    faces: FacesPolicy = "main",
    gate: Gate = "medium",
    force: bool = False,
) -> Response:
    """The person must be there."""
    known = await service_of(request).on(gallery, lambda opened: opened.person(person))
    up = await uploaded(request, caller, ["image"])
    options = {"faces": faces, "gate": gate, "force": force}
    return await _enroll(request, caller, gallery, known.name, up.pictures, options)


@router.post("/persons/{person}/faces/move", response_model=schemas.Person, summary="Faces are this person's")
async def move(
    request: Request,
    gallery: str,
    person: str,
    body: Faces,
    caller: Annotated[Caller, allow("enroller")],
    reason: schemas.Reason = "",
) -> Response:
    """All of them, or none."""
    return await _change(
        request, caller, gallery, person, "face.move", lambda opened, who: opened.move_faces(body.faces, who), reason
    )


@router.delete("/faces/{face}", response_model=schemas.Person, summary="Remove a face")
async def remove_face(
    request: Request, gallery: str, face: str, caller: Annotated[Caller, allow("enroller")], reason: schemas.Reason = ""
) -> Response:
    """Its person stays, even without faces."""
    service = service_of(request)

    def work(opened: Gallery) -> values.Person:
        person = opened.remove_face(face)
        service.note(
            caller.key.id,
            "face.remove",
            gallery=gallery,
            target=person.id,
            reason=reason,
            revision=opened.revision,
            face=face,
        )
        return person

    return respond(request, schemas.person_of(await service.on(gallery, work)))


@router.get("/faces/{face}/image", response_class=Response, responses={200: _PNG}, summary="The kept crop of a face")
async def image(request: Request, gallery: str, face: str, _caller: Annotated[Caller, allow("viewer")]) -> Response:
    """112 x 112 pixels, PNG; 404 when none was kept."""

    def work(opened: Gallery) -> bytes | None:
        from vultus.gallery.faces import to_png

        crop = opened.crop(face)
        return None if crop is None else to_png(crop)

    data = await service_of(request).on(gallery, work)
    if data is None:
        raise Problem(404, "not_found", "no crop was kept of this face")
    # Crops never change; a private cache spares asking again while the page is open.
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@router.post("/feedback", status_code=204, summary="This is not that person")
async def feedback(
    request: Request, gallery: str, body: Feedback, caller: Annotated[Caller, allow("enroller")]
) -> Response:
    """Remembered, over restarts and other models: the person is left out before that face is ranked."""
    service = service_of(request)

    def work(opened: Gallery) -> None:
        opened.reject(body.face, body.person, ordinal=body.ordinal, undo=body.undo)
        who = opened.person(body.person)
        action = "feedback.undo" if body.undo else "feedback.reject"
        service.note(caller.key.id, action, gallery=gallery, target=who.id, revision=opened.revision, face=body.face)

    await service.on(gallery, work)
    return Response(status_code=204)


@router.post("/erase", response_model=schemas.Receipt, summary="Erase a person, with proof")
async def erase(
    request: Request, gallery: str, body: Erasure, caller: Annotated[Caller, allow("admin")]
) -> schemas.Receipt:
    """Gone from every search, from the files, and from the kept answers; the receipt says what was looked at."""
    service = service_of(request)

    def work(opened: Gallery) -> values.Receipt:
        receipt = opened.erase(body.person)
        service.forget_person(gallery, receipt.person)
        service.note(
            caller.key.id,
            "person.erase",
            gallery=gallery,
            target=receipt.person,
            reason=body.reason,
            revision=receipt.revision_after,
            status=receipt.status,
        )
        return receipt

    return schemas.receipt_of(await service.on(gallery, work))


@router.post("/erase/finish", response_model=list[schemas.Receipt], summary="Finish erasures that were held up")
async def finish_erasures(
    request: Request, gallery: str, caller: Annotated[Caller, allow("admin")]
) -> list[schemas.Receipt]:
    """Those that wait for a reader of another process, or that a crash interrupted."""
    service = service_of(request)

    def work(opened: Gallery) -> tuple[values.Receipt, ...]:
        receipts = opened.finish_erasures()
        for receipt in receipts:
            service.note(
                caller.key.id,
                "person.erase",
                gallery=gallery,
                target=receipt.person,
                revision=receipt.revision_after,
                status=receipt.status,
            )
        return receipts

    return [schemas.receipt_of(one) for one in await service.on(gallery, work)]


async def _enroll(
    request: Request,
    caller: Caller,
    gallery: str,
    name: str,
    pictures: tuple[Upload, ...],
    options: dict[str, Any],
) -> Response:
    service = service_of(request)
    read = await asyncio.gather(*(service.read(one.data) for one in pictures), return_exceptions=True)

    def work(opened: Gallery) -> tuple[list[values.Enrolment], list[values.Refused], int]:
        parts: list[values.Enrolment] = []
        failed: list[values.Refused] = []
        for number, (picture, found) in enumerate(zip(pictures, read, strict=True), 1):
            source = picture.name or f"upload {number}"
            if isinstance(found, InputError) and len(pictures) > 1:
                code: Any = "too_large" if problem_of(found).code == "too_large" else "unreadable"
                failed.append(values.Refused(source, code, str(found)))
                continue
            if isinstance(found, BaseException):
                raise found
            seen, readings = found
            done = opened.enroll_readings(
                name, readings, source=source, sha256=seen.sha256, size_wh=seen.size_wh, **options
            )
            service.note_enrolment(caller.key.id, gallery, done, opened.revision)
            parts.append(done)
        return parts, failed, opened.revision

    parts, failed, revision = await service.on(gallery, work)
    whole = values.Enrolment(
        person=next((one.person for one in reversed(parts) if one.person is not None), None),
        added=tuple(one for each in parts for one in each.added),
        unchanged=tuple(one for each in parts for one in each.unchanged),
        refused=(*(one for each in parts for one in each.refused), *failed),
        notes=tuple(one for each in parts for one in each.notes),
    )
    told = schemas.enrolment_of(whole, revision, service.policy)
    try:
        whole.require()
    except InputError as error:
        problem = problem_of(error)
        problem.detail = service.policy.text(problem.detail)
        problem.more["refused"] = [one.model_dump() for one in told.refused]
        raise problem from error
    return respond(request, told, status=201 if whole.added else 200)


async def _change(
    request: Request,
    caller: Caller,
    gallery: str,
    person: str,
    action: str,
    change: Any,
    reason: str,
    *,
    status: int = 200,
) -> Response:
    """Change a person, if `If-Match` allows, and write it into the journal."""
    service = service_of(request)

    def work(opened: Gallery) -> values.Person:
        with service.changing(gallery):
            known = opened.person(person)
            check_match(request, schemas.person_of(known))
            changed: values.Person = change(opened, known.id)
            service.note(
                caller.key.id, action, gallery=gallery, target=known.id, reason=reason, revision=opened.revision
            )
        return changed

    return respond(request, schemas.person_of(await service.on(gallery, work)), status=status)
