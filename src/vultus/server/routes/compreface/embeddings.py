"""The same with embeddings that the client got from the calculator plugin."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request

from vultus.errors import InvalidVectorError
from vultus.gallery import Gallery
from vultus.server.points import Rates
from vultus.server.routes.compreface.access import OWN, Visit, access
from vultus.server.routes.compreface.recognition import Count, verified
from vultus.server.routes.compreface.similarity import told
from vultus.server.routes.compreface.subjects import body_of
from vultus.server.routes.compreface.wire import PREFIX, Code, Fault
from vultus.types import Vector, unit

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["compreface"], dependencies=[OWN])

_MOST = 100  # embeddings in one request, as faces in one picture


@router.post("/recognition/embeddings/recognize")
async def recognize(
    request: Request, visit: Annotated[Visit, access("operator")], prediction_count: Count = 1
) -> dict[str, Any]:
    """The subjects of each embedding that are like it."""
    service, key = visit.service, visit.caller.key.id
    service.probes.check(key, visit.gallery)
    vectors = _vectors(visit, await _field(request, "embeddings"), "embeddings")
    fpir = service.points.of(visit.gallery).fpir

    def work(gallery: Gallery) -> list[list[dict[str, Any]]]:
        sizes = [one.templates for one in service.people(visit.gallery, gallery) if one.templates]
        if not sizes:
            return [[] for _ in vectors]
        threshold = service.operating.identify(fpir, np.array(sizes, dtype=np.int64)).threshold
        with service.metrics.stage("search"):
            found = gallery.search(vectors, candidates=min(prediction_count, 1000))
        for one in found:
            best = one[0]
            service.probes.spend(key, visit.gallery, {best.id: service.policy.cost(best.score, threshold)})
            decision = "match" if best.score >= threshold else "unknown"
            service.metrics.count("vultus_identify_total", outcome=decision)
            visit.note(
                "identify",
                target=best.id if decision == "match" else "",
                revision=gallery.revision,
                decision=decision,
                score=best.score,
                threshold=threshold,
                fpir=fpir,
                model=service.analyzer.contract.id,
            )
        return [
            [
                {"subject": candidate.person, "similarity": told(service, candidate.score, threshold)}
                for candidate in one
                if candidate.score >= threshold
            ]
            for one in found
        ]

    similar = await visit.on(work)
    result = [
        {"embedding": vector.tolist(), "similarities": subjects}
        for vector, subjects in zip(vectors, similar, strict=True)
    ]
    return {"result": result}


@router.post("/recognition/embeddings/faces/{image_id}/verify")
async def verify_example(
    request: Request, image_id: str, visit: Annotated[Visit, access("operator")]
) -> dict[str, Any]:
    """How like each embedding is to an example."""
    visit.service.probes.check(visit.caller.key.id, visit.gallery)
    vectors = _vectors(visit, await _field(request, "embeddings"), "embeddings")
    return _result(vectors, await verified(visit, image_id, list(vectors)))


@router.post("/verification/embeddings/verify")
async def verify(request: Request, visit: Annotated[Visit, access("operator")]) -> dict[str, Any]:
    """How like each of some embeddings is to one."""
    source = _vectors(visit, [await _field(request, "source")], "source")
    targets = _vectors(visit, await _field(request, "targets"), "targets")
    threshold = visit.service.operating.verify(Rates().fmr).threshold
    scores = (targets @ source[0]).tolist()
    return _result(targets, [told(visit.service, score, threshold) for score in scores])


async def _field(request: Request, name: str) -> Any:
    body = await body_of(request)
    value = body.get(name) if isinstance(body, dict) else None
    if not value:
        raise Fault(400, Code.EMPTY_FIELD, f"Field {name} is required and cannot be empty")
    return value


def _vectors(visit: Visit, given: Any, name: str) -> Vector:
    """Unit rows, (n, D). Refused: another length (400, code 37), no numbers (400, code 26), NaN or zeros (code 36)."""
    if visit.service.requires_live(visit.gallery):
        raise Fault(400, Code.ARGUMENT, "living faces are asked for here, and an embedding shows none; send a picture")
    dimension = visit.service.analyzer.contract.dimension
    if not isinstance(given, list) or not all(isinstance(row, list) for row in given):
        raise Fault(400, Code.VALIDATION, f"expected lists of numbers in the field {name}")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for row in given for one in row):
        raise Fault(400, Code.VALIDATION, f"expected numbers in the field {name}")
    if len(given) > _MOST or any(len(row) != dimension for row in given):
        raise Fault(
            400, Code.EMBEDDINGS, f"expected 1 to {_MOST} embeddings of {dimension} numbers in the field {name}"
        )
    try:
        with np.errstate(over="ignore"):
            return unit(np.array(given, dtype=np.float32), dimension)
    except (InvalidVectorError, OverflowError) as error:
        raise Fault(400, Code.ARGUMENT, f"{name}: {error}") from error


def _result(vectors: Vector, similarities: list[float]) -> dict[str, Any]:
    return {
        "result": [
            {"embedding": vector.tolist(), "similarity": similarity}
            for vector, similarity in zip(vectors, similarities, strict=True)
        ]
    }
