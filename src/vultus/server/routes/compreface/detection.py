"""Faces of a picture, and two pictures compared: nothing is stored."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request

from vultus.errors import NoFaceError
from vultus.server.points import Rates
from vultus.server.routes.compreface.access import OWN, Visit, access
from vultus.server.routes.compreface.pictures import (
    DetProb,
    Limit,
    Plugins,
    Status,
    answer,
    look,
    one_face,
    shown,
    uploads,
    versions,
)
from vultus.server.routes.compreface.similarity import told
from vultus.server.routes.compreface.wire import PREFIX
from vultus.types import Reading, Vector

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["compreface"], dependencies=[OWN])


@router.post("/detection/detect")
async def detect(
    request: Request,
    visit: Annotated[Visit, access("operator", uploads=True)],
    limit: Limit = 0,
    det_prob_threshold: DetProb = None,
    face_plugins: Plugins = "",
    status: Status = False,
) -> dict[str, Any]:
    """The faces, largest first."""
    (upload,) = await uploads(request, visit, "file")
    seen = await look(visit, upload, det_prob_threshold, limit)
    return answer(visit, [shown(seen, reading, face_plugins, status) for reading in seen.faces], status)


@router.post("/verification/verify")
async def verify(
    request: Request,
    visit: Annotated[Visit, access("operator", uploads=True)],
    limit: Limit = 0,
    det_prob_threshold: DetProb = None,
    face_plugins: Plugins = "",
    status: Status = False,
) -> dict[str, Any]:
    """The only face of the source with each of the target; 0 where it is not like it."""
    first, second = await uploads(request, visit, "source_image", "target_image")
    source = await look(visit, first, det_prob_threshold)
    probe = source.readings[one_face(source)]
    target = await look(visit, second, det_prob_threshold, limit, decides="verify")
    service = visit.service
    threshold = service.operating.verify(Rates().fmr).threshold
    matches = []
    scores = []
    for reading in target.faces:
        score = float(_embedding(probe) @ _embedding(reading))
        scores.append(score)
        matches.append({**shown(target, reading, face_plugins, status), "similarity": told(service, score, threshold)})
    decision = "match" if max(scores) >= threshold else "different"
    service.metrics.count("vultus_verify_total", outcome=decision)
    await service.run(
        service.note,
        visit.caller.key.id,
        "verify",
        decision=decision,
        score=max(scores),
        threshold=threshold,
        model=service.analyzer.contract.id,
        pictures=[source.picture.sha256, target.picture.sha256],
    )
    result: dict[str, Any] = {
        "source_image_face": shown(source, probe, face_plugins, status),
        "face_matches": matches,
    }
    if status:
        result["plugins_versions"] = versions(visit)
    return {"result": [result]}


def _embedding(reading: Reading) -> Vector:
    if reading.embedding is None:
        raise NoFaceError("the face was read without an embedding")
    return reading.embedding
