"""Document photos: is a picture fit for a passport, and what to do where it is not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from vultus.errors import NoFaceError
from vultus.integrity.quality import Crop, Limit, Measure, Points, profile
from vultus.integrity.quality.points import crown_of
from vultus.integrity.quality.values import NOTICE
from vultus.server import logs
from vultus.server.auth import Caller, allow, service_of
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.schemas import documents
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["document"], route_class=Route, responses=schemas.PROBLEMS)

ProfileName = Annotated[
    Literal["icao", "capture"],
    Query(description="What is asked: a finished passport photo (icao), or a picture before the cut (capture)."),
]


@router.post(
    "/document/quality",
    response_model=documents.DocumentQuality,
    openapi_extra=body_schema("image"),
    summary="Is a picture fit for a passport",
)
async def quality(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], profile: ProfileName = "icao"
) -> Response:
    """The measures of ISO/IEC 29794-5 by OFIQ's names and own ones beside them, with limits, advice and the cut.

    Of several faces the largest is measured, and SingleFacePresent fails; without a face the answer is `no_face`.
    A research estimate that helps to take a better picture: whether a photo is accepted, the issuing authority
    decides. The picture is not kept.
    """
    up = await uploaded(request, caller, ["image"], most=1)
    return telling.response_of(await _judged(service_of(request), up.one("image"), profile))


@router.post(
    "/batch/document/quality",
    response_model=documents.DocumentQualityResults,
    openapi_extra=body_schema("image", many=True),
    summary="Are several pictures fit for a passport",
)
async def quality_many(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], profile: ProfileName = "icao"
) -> Response:
    """Each picture on its own, as `/v1/document/quality`: one that cannot be read does not spoil the others."""
    up = await uploaded(request, caller, ["image"])
    service = service_of(request)
    answers = await asyncio.gather(*(_judged(service, one, profile) for one in up.pictures), return_exceptions=True)
    request_id = logs.current().request_id
    results = [
        documents.DocumentQualityResult.model_construct(index=index, quality=answer, problem=problem)
        for index, answer, problem in telling.settled(answers, request_id)
    ]
    return telling.response_of(documents.DocumentQualityResults.model_construct(request_id=request_id, results=results))


async def _judged(service: Service, upload: Upload, asked: str) -> documents.DocumentQuality:
    """The answer about one picture; no decision about a person, so the journal has none of it."""
    picture, readings = await service.read(upload.data, embed=False, document=asked)
    found = picture.document
    if found is None or not readings:  # the reader has refused it already
        raise NoFaceError("expected a face, none was found")
    return documents.DocumentQuality.model_construct(
        request_id=logs.current().request_id,
        sha256=picture.sha256,
        passed=found.passed,
        profile=found.profile,
        title=profile(asked).title,
        faces=found.faces,
        box=found.face.box.round(),
        size=found.size_wh,
        advice=list(found.advice),
        crop=_crop(found.crop),
        measures=[_measure(row) for row in found.measures],
        face=telling.face_of(readings[0]),
        points=_points(found.points),
        notice=NOTICE,
    )


def _measure(row: Measure) -> documents.DocumentMeasure:
    return documents.DocumentMeasure.model_construct(
        name=row.name,
        raw=_number(row.raw),
        unit=row.unit,
        scalar=row.scalar,
        passed=row.passed,
        origin=row.origin,
        advice=row.advice,
        limit=None if row.limit is None else _limit(row.limit),
        note=row.note,
    )


def _limit(limit: Limit) -> documents.DocumentLimit:
    return documents.DocumentLimit.model_construct(
        measure=limit.measure,
        of=limit.of,
        low=_number(limit.low),
        high=_number(limit.high),
        basis=limit.basis,
        why=limit.why,
    )


def _crop(crop: Crop) -> documents.DocumentCrop:
    return documents.DocumentCrop.model_construct(
        box=crop.box.round(),
        inside=crop.inside,
        turned=round(crop.turned, 4),
        about=_point(np.array(crop.about)),
        corners=_path(crop.corners),
    )


def _points(points: Points) -> documents.DocumentPoints:
    names = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth", "mouth", "chin")
    return documents.DocumentPoints.model_construct(
        None,
        **{name: _point(getattr(points, name)) for name in names},
        crown=_point(crown_of(points)),
        oval=_path(points.oval),
        hull=_path(points.hull),
    )


def _path(points: NDArray[np.float64]) -> list[documents.Point]:
    return [_point(one) for one in points]


def _point(point: Iterable[float]) -> documents.Point:
    x, y = (round(float(value), 2) for value in point)
    return x, y


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None
