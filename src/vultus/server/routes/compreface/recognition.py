"""Who is on a picture, and whether it is the subject of an example."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from vultus.errors import NotFoundError
from vultus.gallery import Gallery, Identification
from vultus.gallery.identification import decide
from vultus.server.routes.compreface.access import OWN, Visit, access
from vultus.server.routes.compreface.examples import face_id
from vultus.server.routes.compreface.pictures import DetProb, Limit, Plugins, Seen, Status, answer, look, shown, uploads
from vultus.server.routes.compreface.similarity import form_of, told
from vultus.server.routes.compreface.wire import PREFIX, Code, Fault
from vultus.types import Vector

__all__ = ["CLOSEST", "Count", "example_vector", "router", "verified"]

CLOSEST = "VULTUS_COMPREFACE_CLOSEST"  # "1": the closest subject of every face, however unlike, as the original does
_MOST = 1000  # predictions

router = APIRouter(prefix=f"{PREFIX}/recognition", tags=["compreface"], dependencies=[OWN])

Count = Annotated[int, Query(ge=1)]


@router.post("/recognize")
async def recognize(
    request: Request,
    visit: Annotated[Visit, access("operator", uploads=True)],
    limit: Limit = 0,
    prediction_count: Count = 1,
    det_prob_threshold: DetProb = None,
    face_plugins: Plugins = "",
    status: Status = False,
    detect_faces: bool = True,
) -> dict[str, Any]:
    """The subjects of each face; none for a face that is nobody's whom the gallery knows."""
    if not detect_faces:
        raise Fault(400, Code.ARGUMENT, "expected detect_faces=true: faces are aligned here by points that are found")
    visit.service.probes.check(visit.caller.key.id, visit.gallery)
    (upload,) = await uploads(request, visit, "file")
    seen = await look(visit, upload, det_prob_threshold, limit, decides="identify")
    result = [shown(seen, reading, face_plugins, status) for reading in seen.faces]
    found = await visit.on(_identified, visit, seen, min(prediction_count, _MOST))
    for told_face, one in zip(result, found, strict=True):
        told_face["subjects"] = _subjects(visit, one, min(prediction_count, _MOST))
    return answer(visit, result, status)


@router.post("/faces/{image_id}/verify")
async def verify(
    request: Request,
    image_id: str,
    visit: Annotated[Visit, access("operator", uploads=True)],
    limit: Limit = 0,
    det_prob_threshold: DetProb = None,
    face_plugins: Plugins = "",
    status: Status = False,
) -> dict[str, Any]:
    """How like each face is to an example; 0 where it is not like it."""
    visit.service.probes.check(visit.caller.key.id, visit.gallery)
    (upload,) = await uploads(request, visit, "file")
    seen = await look(visit, upload, det_prob_threshold, limit, decides="verify")
    result = [shown(seen, reading, face_plugins, status) for reading in seen.faces]
    vectors = [reading.embedding for reading in seen.faces if reading.embedding is not None]
    scores = await verified(visit, image_id, vectors, seen.picture.sha256)
    for told_face, similarity in zip(result, scores, strict=True):
        told_face["similarity"] = similarity
    return answer(visit, result, status)


async def verified(visit: Visit, image_id: str, probes: list[Vector], picture: str = "") -> list[float]:
    """The similarity of each probe to an example as it may be told, counted and noted. picture: its SHA-256."""
    service, key = visit.service, visit.caller.key.id
    threshold = service.operating.verify(service.points.of(visit.gallery).fmr).threshold

    def work(gallery: Gallery) -> list[float]:
        example, person = example_vector(gallery, image_id)
        scores = [float(example @ probe) for probe in probes]
        for score in scores:
            service.probes.spend(key, visit.gallery, {person: service.policy.cost(score, threshold)})
        best = max(scores, default=-1.0)
        decision = "match" if best >= threshold else "different"
        service.metrics.count("vultus_verify_total", outcome=decision)
        visit.note(
            "verify",
            target=person,
            decision=decision,
            score=best,
            threshold=threshold,
            model=service.analyzer.contract.id,
            **({"pictures": [picture]} if picture else {}),
        )
        return [told(service, score, threshold) for score in scores]

    return await visit.on(work)


def example_vector(gallery: Gallery, image_id: str) -> tuple[Vector, str]:
    """The embedding of an example, (D,), and the id of the person; an unknown one is refused (404, code 44)."""
    face = face_id(image_id)
    try:
        with gallery.view() as view:
            return view.embedding(face), view.face(face).person_id
    except NotFoundError as error:
        raise Fault(404, Code.NO_IMAGE, f"Image {image_id} not found") from error


def _identified(gallery: Gallery, visit: Visit, seen: Seen, count: int) -> list[Identification]:
    """Who the faces are that are asked for; each name is given to one of them."""
    service, name = visit.service, visit.gallery
    fpir = service.points.of(name).fpir
    with service.metrics.stage("search"):
        everyone = gallery.identify_readings(
            seen.readings, fpir=fpir, candidates=count, allow_repeat=True, sha256=seen.picture.sha256
        )
    found = [everyone[index] for index in seen.chosen]
    searched = [number for number, one in enumerate(found) if one.operating is not None]
    if searched:
        point = found[searched[0]].operating
        threshold = 1.0 if point is None else point.threshold
        statuses = decide([found[number].candidates for number in searched], threshold)
        for number, status in zip(searched, statuses, strict=True):
            person = found[number].person if status == "match" else None
            found[number] = replace(found[number], status=status, person=person)
    service.told(visit.caller.key.id, name, tuple(found))
    if _closest():  # what is told of unlike people is told in full
        best = {one.candidates[0].id: 1.0 for one in found if one.candidates}
        service.probes.spend(visit.caller.key.id, name, best)
    service.note_decisions(visit.caller.key.id, name, seen.picture.sha256, found)
    return found


def _subjects(visit: Visit, one: Identification, count: int) -> list[dict[str, Any]]:
    if _closest():
        form = form_of(visit.service)
        return [
            {
                "subject": candidate.person,
                "similarity": form.similarity(round(candidate.score, visit.service.policy.decimals)),
            }
            for candidate in one.candidates[:count]
        ]
    if one.status != "match" or one.operating is None:
        return []
    threshold = one.operating.threshold
    return [
        {"subject": candidate.person, "similarity": told(visit.service, candidate.score, threshold)}
        for candidate in one.candidates[:count]
        if candidate.score >= threshold
    ]


def _closest() -> bool:
    return os.environ.get(CLOSEST) == "1"
