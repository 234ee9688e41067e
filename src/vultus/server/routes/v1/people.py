"""People: taken in, looked at, put right, removed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from vultus.errors import InputError
from vultus.gallery import Gallery
from vultus.server.auth import Caller, allow, service_of
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.changes import change_person, enroll_pictures, tell_person
from vultus.server.routes.v1.conditions import respond
from vultus.server.routes.v1.demands import ChallengeName, RequireLive, demanded
from vultus.server.routes.v1.matching import FacesPolicy, Gate
from vultus.server.routes.v1.paging import Cursor, Limit, part
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import body_schema, uploaded

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries/{gallery}", tags=["people"], route_class=Route, responses=schemas.PROBLEMS)


class NewName(schemas.Asked):
    """Another name."""

    name: schemas.Name


class Others(schemas.Asked):
    """People who are the same one, by name or id."""

    others: schemas.Ids


class Split(schemas.Asked):
    """Faces that are somebody else's."""

    faces: schemas.Ids
    name: schemas.Name


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
        with opened.view() as view:
            shown = view.covers(found)
        return schemas.Page[schemas.Person].model_construct(
            items=[telling.person_of(one, shown.get(one.id)) for one in found], next=following, revision=revision
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
    require_live: RequireLive = False,
    challenge: ChallengeName = "",
) -> Response:
    """Pictures of a person, who is made with the first that can be used; somebody of that name gets them added."""
    up = await uploaded(request, caller, ["image"], texts=["name"])
    name = up.fields.get("name")
    if name is None:
        raise InputError("expected the person's name in the field 'name', got none")
    options = {"faces": faces, "gate": gate, "force": force}
    demand = demanded(service_of(request), gallery, require_live, challenge)
    return await enroll_pictures(request, caller, gallery, name, up.pictures, options, demand)


@router.get("/persons/{person}", response_model=schemas.Person, summary="One person")
async def show(request: Request, gallery: str, person: str, _caller: Annotated[Caller, allow("viewer")]) -> Response:
    """By id, by name, or by a former name after a merge."""
    found = await service_of(request).on(gallery, lambda opened: tell_person(opened, opened.person(person)))
    return respond(request, found)


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
    return await change_person(
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
    await change_person(
        request, caller, gallery, person, "person.remove", lambda opened, who: opened.remove(who), reason
    )
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
    return await change_person(
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
    return await change_person(
        request,
        caller,
        gallery,
        person,
        "person.split",
        lambda opened, who: opened.split(who, body.faces, body.name),
        reason,
        status=201,
    )
