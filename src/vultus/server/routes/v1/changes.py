"""Changes of people that several routes make: enrolment of pictures, and a change that may depend on what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response

from vultus.analyzer import not_live, why_not_live
from vultus.choice import choose, parse_faces
from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, service_of
from vultus.server.batching import Picture
from vultus.server.living import Demand, refused
from vultus.server.problems import problem_of
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.conditions import check_match, respond
from vultus.server.routes.v1.demands import judged, taken
from vultus.server.routes.v1.uploads import Upload
from vultus.server.service import Service
from vultus.server.wording import worded
from vultus.types import Liveness, Reading

__all__ = ["change_person", "cover_of", "enroll_pictures", "tell_person"]


def tell_person(opened: Gallery, person: values.Person) -> schemas.Person:
    """A person as JSON, with the face to show them by."""
    return telling.person_of(person, cover_of(opened, person))


def cover_of(opened: Gallery, person: values.Person) -> str | None:
    """Id of a face to show a person by, None when no crop of them was kept."""
    with opened.view() as view:
        return view.covers([person]).get(person.id)


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

    def work(opened: Gallery) -> schemas.Person:
        with service.changing(gallery):
            known = opened.person(person)
            check_match(request, tell_person(opened, known))
            changed: values.Person = change(opened, known.id)
            service.note(
                caller.key.id, action, gallery=gallery, target=known.id, reason=reason, revision=opened.revision
            )
        return tell_person(opened, changed)

    return respond(request, await service.on(gallery, work), status=status)


async def enroll_pictures(
    request: Request,
    caller: Caller,
    gallery: str,
    name: str,
    pictures: tuple[Upload, ...],
    options: dict[str, Any],
    demand: Demand,
) -> Response:
    """Read pictures and enrol their faces for a person. options: of `Gallery.enroll_readings`.

    Refused: when no picture could be used, with the first one's reason and a list of all.
    """
    service = service_of(request)
    reading = (service.read(one.data, live=demand.any) for one in pictures)
    read = await asyncio.gather(*reading, return_exceptions=True)
    passed = taken(service, caller, demand)
    meant: list[Liveness] = []
    absent: list[Liveness] = []

    def work(opened: Gallery) -> tuple[list[values.Enrolment], str | None, int]:
        parts: list[values.Enrolment] = []
        for number, (picture, found) in enumerate(zip(pictures, read, strict=True), 1):
            source = picture.name or f"picture {number}"
            if isinstance(found, ImageFormatError | ImageTooLargeError):
                code: Any = "too_large" if isinstance(found, ImageTooLargeError) else "unreadable"
                parts.append(values.Enrolment(None, refused=(values.Refused(source, code, worded(str(found))),)))
                continue
            if isinstance(found, BaseException):
                raise found
            seen, readings = found
            if demand.any:
                answers = _of_chosen(judged(service, passed, seen, readings), seen, readings, options["faces"])
                meant.extend(answers)
                unfit = next((answer for answer in answers if not answer.live), None)
                if unfit is not None:
                    absent.append(unfit)
                    parts.append(values.Enrolment(None, refused=(_not_live(source, unfit),)))
                    _note_not_live(service, caller, gallery, opened, name, seen, unfit)
                    continue
            done = opened.enroll_readings(
                name, readings, source=source, sha256=seen.sha256, size_wh=seen.size_wh, **options
            )
            service.note_enrolment(caller.key.id, gallery, done, opened.revision)
            parts.append(done)
        latest = next((one.person for one in reversed(parts) if one.person is not None), None)
        cover = None if latest is None else cover_of(opened, latest)
        return parts, cover, opened.revision

    parts, cover, revision = await service.on(gallery, work)
    whole = values.Enrolment(
        person=next((one.person for one in reversed(parts) if one.person is not None), None),
        added=tuple(one for each in parts for one in each.added),
        unchanged=tuple(one for each in parts for one in each.unchanged),
        refused=tuple(one for each in parts for one in each.refused),
        notes=tuple(one for each in parts for one in each.notes),
    )
    told = telling.enrolment_of(whole, cover, revision, service.policy, meant)
    try:
        whole.require()
    except InputError as error:
        live_first = bool(absent) and whole.refused[0].code == "not_live"
        problem = refused(absent[0], whole.refused[0].source) if live_first else problem_of(error)
        problem.detail = service.policy.text(problem.detail)
        problem.more["refused"] = [one.model_dump() for one in told.refused]
        raise problem from error
    return respond(request, told, status=201 if whole.added else 200)


def _of_chosen(answers: Sequence[Liveness], seen: Picture, readings: Sequence[Reading], policy: str) -> list[Liveness]:
    """The answers about the faces that are meant; none where nobody is, which the gallery says in its own words."""
    try:
        return [answers[choice.index] for choice in choose(readings, seen.size_wh, parse_faces(policy))]
    except InputError:
        return []


def _not_live(source: str, answer: Liveness) -> values.Refused:
    refusal = not_live(answer)
    return values.Refused(source, "not_live", why_not_live(answer), () if refusal is None else (refusal,))


def _note_not_live(
    service: Service, caller: Caller, gallery: str, opened: Gallery, name: str, seen: Picture, answer: Liveness
) -> None:
    """Into the journal: with the id of the person, where there is one of that name already."""
    service.metrics.count("vultus_enrolment_refused_total", reason="not_live")
    try:
        target = opened.person(name).id
    except InputError:
        target = ""
    service.note_not_live(caller.key.id, "person.refuse", answer, gallery=gallery, target=target, picture=seen.sha256)
