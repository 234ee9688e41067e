"""Subjects, who are people of the gallery."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from vultus.errors import ConflictError, NotFoundError
from vultus.gallery import Gallery
from vultus.server.routes.compreface.access import OWN, Visit, access
from vultus.server.routes.compreface.wire import PREFIX, Code, Fault

__all__ = ["body_of", "known", "router"]

router = APIRouter(prefix=f"{PREFIX}/recognition", tags=["compreface"], dependencies=[OWN])


async def body_of(request: Request) -> Any:
    """The JSON of a body; anything else is refused (400, code 26)."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Fault(400, Code.VALIDATION, "the body is not JSON") from error


async def _name_in(request: Request) -> str:
    body = await body_of(request)
    name = body.get("subject") if isinstance(body, dict) else None
    if name is None or not str(name).strip():
        raise Fault(400, Code.EMPTY_FIELD, "Field subject is required and cannot be empty")
    if not isinstance(name, str):
        raise Fault(400, Code.VALIDATION, "expected the field subject as text")
    return name


def known(gallery: Gallery, subject: str) -> str:
    """Id of a subject; an unknown one is refused (404, code 42)."""
    try:
        return gallery.person(subject).id
    except NotFoundError as error:
        raise Fault(404, Code.NO_SUBJECT, f"Subject {subject} is not found") from error


@router.post("/subjects", status_code=201)
async def add(request: Request, visit: Annotated[Visit, access("enroller")]) -> dict[str, str]:
    """A subject without examples."""
    name = await _name_in(request)

    def work(gallery: Gallery) -> str:
        try:
            person = gallery.add_person(name)
        except ConflictError as error:
            raise Fault(400, Code.SUBJECT_EXISTS, f"Subject {name} already exists") from error
        visit.note("person.create", target=person.id, revision=gallery.revision)
        return person.name

    return {"subject": await visit.on(work)}


@router.get("/subjects")
@router.get("/subjects/")
async def names(visit: Annotated[Visit, access("viewer")]) -> dict[str, list[str]]:
    """All of them, by name."""

    def work(gallery: Gallery) -> list[str]:
        return [person.name for person in visit.service.people(visit.gallery, gallery)]

    return {"subjects": await visit.on(work)}


@router.put("/subjects/{subject:path}")
async def rename(request: Request, subject: str, visit: Annotated[Visit, access("enroller")]) -> dict[str, bool]:
    """Give a subject another name; somebody who bears it already gets the examples."""
    name = await _name_in(request)

    def work(gallery: Gallery) -> None:
        with visit.service.changing(visit.gallery):
            who = known(gallery, subject)
            try:
                target = gallery.person(name).id
            except NotFoundError:
                target = who
            if target == who:
                gallery.rename(who, name)
                visit.note("person.rename", target=who, revision=gallery.revision)
            else:
                gallery.merge(who, target)
                visit.note("person.merge", target=target, revision=gallery.revision)

    await visit.on(work)
    return {"updated": True}


@router.delete("/subjects")
async def remove_all(visit: Annotated[Visit, access("enroller")]) -> dict[str, int]:
    """Everybody goes."""

    def work(gallery: Gallery) -> int:
        gone = 0
        for person in visit.service.people(visit.gallery, gallery):
            with suppress(NotFoundError):  # somebody else was faster
                _remove(visit, gallery, person.id)
                gone += 1
        return gone

    return {"deleted": await _forgetting(visit, work)}


@router.delete("/subjects/{subject:path}", response_model=None)
async def remove(subject: str, visit: Annotated[Visit, access("enroller")]) -> dict[str, Any] | JSONResponse:
    """A subject goes with all examples."""
    if not subject:  # the SDKs' way of deleting all ends with a slash in some versions
        return {"deleted": (await remove_all(visit))["deleted"]}

    def work(gallery: Gallery) -> str:
        return _remove(visit, gallery, known(gallery, subject))

    return {"subject": await _forgetting(visit, work)}


def _remove(visit: Visit, gallery: Gallery, person: str) -> str:
    gone = gallery.remove(person)
    visit.note("person.remove", target=gone.id, revision=gallery.revision)
    return gone.name


async def _forgetting(visit: Visit, work: Any) -> Any:
    """Do it, and let go of the answers about the gallery that were kept."""
    done = await visit.on(work)
    await visit.service.run(visit.service.replies.forget, visit.gallery)
    return done
