"""Changes of people that several routes make: enrolment of pictures, and a change that may depend on what was seen."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request, Response

from vultus.errors import InputError
from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, service_of
from vultus.server.problems import problem_of
from vultus.server.routes.v1 import telling
from vultus.server.routes.v1.conditions import check_match, respond
from vultus.server.routes.v1.uploads import Upload

__all__ = ["change_person", "enroll_pictures"]


async def change_person(
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
            check_match(request, telling.person_of(known))
            changed: values.Person = change(opened, known.id)
            service.note(
                caller.key.id, action, gallery=gallery, target=known.id, reason=reason, revision=opened.revision
            )
        return changed

    return respond(request, telling.person_of(await service.on(gallery, work)), status=status)


async def enroll_pictures(
    request: Request,
    caller: Caller,
    gallery: str,
    name: str,
    pictures: tuple[Upload, ...],
    options: dict[str, Any],
) -> Response:
    """Read pictures and enrol their faces for a person. options: of `Gallery.enroll_readings`.

    Refused: when no picture could be used, with the first one's reason and a list of all.
    """
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
    told = telling.enrolment_of(whole, revision, service.policy)
    try:
        whole.require()
    except InputError as error:
        problem = problem_of(error)
        problem.detail = service.policy.text(problem.detail)
        problem.more["refused"] = [one.model_dump() for one in told.refused]
        raise problem from error
    return respond(request, told, status=201 if whole.added else 200)
