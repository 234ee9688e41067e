"""Faces of people: looked at, added, moved, removed; and what was said about a picture."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vultus.gallery import Gallery
from vultus.server.auth import Caller, allow, service_of
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.changes import change_person, enroll_pictures, tell_person
from vultus.server.routes.v1.conditions import respond
from vultus.server.routes.v1.demands import ChallengeName, RequireLive, demanded
from vultus.server.routes.v1.matching import FacesPolicy, Gate
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import body_schema, uploaded

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries/{gallery}", tags=["people"], route_class=Route, responses=schemas.PROBLEMS)

_PNG = {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}


class Faces(schemas.Asked):
    """Faces by their ids."""

    faces: schemas.Ids


class Feedback(schemas.Asked):
    """A face is not that person; `undo` takes it back."""

    face: str = Field(min_length=1, max_length=64, description="SHA-256 of a picture, or the id of an enrolled face.")
    person: schemas.Name
    ordinal: int | None = Field(None, ge=0, description="Which face of the picture; null: all.")
    undo: bool = False


@router.get("/persons/{person}/faces", response_model=schemas.Page[schemas.Template], summary="Faces of a person")
async def faces_of(
    request: Request, gallery: str, person: str, _caller: Annotated[Caller, allow("viewer")]
) -> Response:
    """In the order of their enrolment; a person has at most 100."""

    def work(opened: Gallery) -> schemas.Page[schemas.Template]:
        revision = opened.revision
        items = [telling.template_of(one) for one in opened.faces(person)]
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
    require_live: RequireLive = False,
    challenge: ChallengeName = "",
) -> Response:
    """The person must be there."""
    known = await service_of(request).on(gallery, lambda opened: opened.person(person))
    up = await uploaded(request, caller, ["image"])
    options = {"faces": faces, "gate": gate, "force": force}
    demand = demanded(service_of(request), gallery, require_live, challenge)
    return await enroll_pictures(request, caller, gallery, known.name, up.pictures, options, demand)


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
    return await change_person(
        request, caller, gallery, person, "face.move", lambda opened, who: opened.move_faces(body.faces, who), reason
    )


@router.delete("/faces/{face}", response_model=schemas.Person, summary="Remove a face")
async def remove_face(
    request: Request, gallery: str, face: str, caller: Annotated[Caller, allow("enroller")], reason: schemas.Reason = ""
) -> Response:
    """Its person stays, even without faces."""
    service = service_of(request)

    def work(opened: Gallery) -> schemas.Person:
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
        return tell_person(opened, person)

    return respond(request, await service.on(gallery, work))


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
