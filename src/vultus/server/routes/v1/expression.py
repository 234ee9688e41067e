"""Expressions: what each face of a picture shows, never what somebody feels."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vultus.server import logs
from vultus.server.auth import Caller, allow, service_of
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded
from vultus.server.service import Service
from vultus.types import Expression as LibraryExpression

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["expression"], route_class=Route, responses=schemas.PROBLEMS)

NOTICE = (
    "The expression that a face shows, not what the person feels. A research estimate that is often wrong: "
    "no diagnosis, and no ground for a decision about a person."
)


class Expression(schemas.Answer):
    """What a face shows. label: the most probable class; null where no answer is given."""

    label: str | None
    probability: float | None
    scores: dict[str, float] = Field(description="Probability by class, sum 1; empty where no answer is given.")
    abstained: str = Field(description="Why no answer is given; empty where one is.")
    model: str


class ReadFace(schemas.Answer):
    """A face, and what it shows."""

    face: schemas.Face
    expression: Expression


class Expressions(schemas.Answer):
    """The faces of one picture, the largest first. notice: what such an answer is worth."""

    request_id: str
    sha256: str
    size: tuple[int, int]
    faces: list[ReadFace]
    notice: str


class ExpressionsResult(schemas.Answer):
    """What came of one of several pictures: an answer, or the problem with it."""

    index: int
    expressions: Expressions | None = None
    problem: schemas.ProblemBody | None = None


class ExpressionsResults(schemas.Answer):
    """One for each picture, in their order."""

    request_id: str
    results: list[ExpressionsResult]


@router.post(
    "/expression", response_model=Expressions, openapi_extra=body_schema("image"), summary="What each face shows"
)
async def expression(request: Request, caller: Annotated[Caller, allow("operator", uploads=True)]) -> Response:
    """Calibrated probabilities of seven expressions; a face that is too small or turned aside is abstained from.

    Expression shown, never emotion felt: a research estimate and no ground for a decision about a person.
    A server may have been told not to read any.
    """
    _check_allowed(service_of(request))
    up = await uploaded(request, caller, ["image"], most=1)
    return telling.response_of(await _shown(request, caller, up.one("image"), only=True))


@router.post(
    "/batch/expression",
    response_model=ExpressionsResults,
    openapi_extra=body_schema("image", many=True),
    summary="What each face of several pictures shows",
)
async def expression_many(request: Request, caller: Annotated[Caller, allow("operator", uploads=True)]) -> Response:
    """Each picture on its own, as `/v1/expression`: one that cannot be read does not spoil the others."""
    _check_allowed(service_of(request))
    up = await uploaded(request, caller, ["image"])
    answers = await asyncio.gather(*(_shown(request, caller, one) for one in up.pictures), return_exceptions=True)
    request_id = logs.current().request_id
    results = [
        ExpressionsResult.model_construct(index=index, expressions=answer, problem=problem)
        for index, answer, problem in telling.settled(answers, request_id)
    ]
    return telling.response_of(ExpressionsResults.model_construct(request_id=request_id, results=results))


def _check_allowed(service: Service) -> None:
    if not service.settings.expressions:
        raise Problem(403, "forbidden", "this server reads no expressions; whoever runs it decided so")


async def _shown(request: Request, caller: Caller, upload: Upload, *, only: bool = False) -> Expressions:
    """The answer about one picture; that it was asked for is noted, and not what a face showed."""
    service = service_of(request)
    picture, readings = await service.read(upload.data, embed=False, expression=True, only=only)
    read = sum(1 for one in picture.expressions if not one.abstained)
    service.note_decision(caller.key.id, "expression", picture=picture.sha256, faces=len(readings), read=read)
    faces = [
        ReadFace.model_construct(face=telling.face_of(reading), expression=_told(answer))
        for reading, answer in zip(readings, picture.expressions, strict=True)
    ]
    return Expressions.model_construct(
        request_id=caller.request_id, sha256=picture.sha256, size=picture.size_wh, faces=faces, notice=NOTICE
    )


def _told(answer: LibraryExpression) -> Expression:
    scores = {name: round(value, 4) for name, value in answer.scores.items()}
    return Expression.model_construct(
        label=answer.label,
        probability=scores[answer.label] if answer.label else None,
        scores=scores,
        abstained=answer.abstained,
        model=answer.model,
    )
