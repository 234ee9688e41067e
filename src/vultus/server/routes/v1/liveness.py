"""Attack detection: is the face before the camera, or a picture of one?"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response

from vultus.server import logs
from vultus.server.auth import Caller, allow, service_of
from vultus.server.living import NOTICE, evidence
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["liveness"], route_class=Route, responses=schemas.PROBLEMS)


class JudgedFace(schemas.Answer):
    """A face, and whether it is there in person."""

    face: schemas.Face
    liveness: schemas.Liveness


class Judged(schemas.Answer):
    """The faces of one picture, the largest first. notice: what such an answer is worth."""

    request_id: str
    sha256: str
    size: tuple[int, int]
    faces: list[JudgedFace]
    notice: str


class JudgedResult(schemas.Answer):
    """What came of one of several pictures: an answer, or the problem with it."""

    index: int
    judged: Judged | None = None
    problem: schemas.ProblemBody | None = None


class JudgedResults(schemas.Answer):
    """One for each picture, in their order."""

    request_id: str
    results: list[JudgedResult]


@router.post(
    "/liveness", response_model=Judged, openapi_extra=body_schema("image"), summary="Is each face there in person"
)
async def liveness(request: Request, caller: Annotated[Caller, allow("operator", uploads=True)]) -> Response:
    """P(bona fide) of each face with its threshold and the error rates behind it; where no answer can be given, why.

    Evidence, not proof: silicone masks, make-up and injected video are not covered.
    """
    up = await uploaded(request, caller, ["image"], most=1)
    return telling.response_of(await _judged(request, caller, up.one("image")))


@router.post(
    "/batch/liveness",
    response_model=JudgedResults,
    openapi_extra=body_schema("image", many=True),
    summary="Is each face of several pictures there in person",
)
async def liveness_many(request: Request, caller: Annotated[Caller, allow("operator", uploads=True)]) -> Response:
    """Each picture on its own, as `/v1/liveness`: one that cannot be read does not spoil the others."""
    up = await uploaded(request, caller, ["image"])
    answers = await asyncio.gather(*(_judged(request, caller, one) for one in up.pictures), return_exceptions=True)
    request_id = logs.current().request_id
    results = [
        JudgedResult.model_construct(index=index, judged=answer, problem=problem)
        for index, answer, problem in telling.settled(answers, request_id)
    ]
    return telling.response_of(JudgedResults.model_construct(request_id=request_id, results=results))


async def _judged(request: Request, caller: Caller, upload: Upload) -> Judged:
    service = service_of(request)
    picture, readings = await service.read(upload.data, embed=False, live=True)
    for ordinal, answer in enumerate(picture.liveness):
        decision = {True: "live", False: "not_live", None: "unknown"}[answer.live]
        service.note_decision(
            caller.key.id,
            "liveness",
            decision=decision,
            picture=picture.sha256,
            face=ordinal,
            reason=answer.abstained,
            **evidence(answer),
        )
    faces = [
        JudgedFace.model_construct(face=telling.face_of(reading), liveness=telling.liveness_of(answer))
        for reading, answer in zip(readings, picture.liveness, strict=True)
    ]
    return Judged.model_construct(
        request_id=caller.request_id, sha256=picture.sha256, size=picture.size_wh, faces=faces, notice=NOTICE
    )
