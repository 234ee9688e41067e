"""Faces of pictures, two pictures compared, and who is on a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from vultus import verification
from vultus.choice import choose, parse_faces
from vultus.errors import ImageFormatError, ImageTooLargeError, InputError, NoFaceError
from vultus.gallery import Gallery, Identification
from vultus.models.quality import gate as gate_of
from vultus.server import logs
from vultus.server.auth import Caller, allow, service_of
from vultus.server.batching import Answer, Picture
from vultus.server.living import Demand, refused
from vultus.server.living import evidence as evidence_of
from vultus.server.points import LEAST_RATE
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.demands import ChallengeName, RequireLive, demanded, judged, taken
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded
from vultus.server.service import Service
from vultus.server.wording import worded
from vultus.types import Liveness, Reading, Vector
from vultus.verification import Side

__all__ = ["MOST_CANDIDATES", "identify_picture", "router"]

router = APIRouter(prefix="/v1", tags=["matching"], route_class=Route, responses=schemas.PROBLEMS)

MOST_CANDIDATES = 100

Level = Literal["none", "low", "medium", "high"]
Gate = Annotated[Level, Query(description="Quality that is asked of a face.")]
FacesPolicy = Annotated[
    str,
    Query(
        pattern=r"^(main|one|largest|centre|all|[1-9][0-9]{0,2})$",
        description="Which faces are meant: main, one, largest, centre, all, or a number from 1 by size.",
    ),
]


class Result(BaseModel):
    """What came of one of several pictures: an answer, or the problem with it."""

    index: int
    read: schemas.Read | None = None
    identified: schemas.Identified | None = None
    problem: schemas.ProblemBody | None = None


class Results(BaseModel):
    """One for each picture, in their order."""

    request_id: str
    results: list[Result]


@router.post("/detect", response_model=schemas.Read, openapi_extra=body_schema("image"), summary="Faces of a picture")
async def detect(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], gate: Gate = "low"
) -> Response:
    """Every face with its place, its quality, and what the gate would refuse it for; none is an empty list."""
    up = await uploaded(request, caller, ["image"], most=1)
    return _json(request, await _read(request, up.one("image"), gate, only=True))


@router.post(
    "/embed", response_model=schemas.Read, openapi_extra=body_schema("image"), summary="Embeddings of a picture"
)
async def embed(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], gate: Gate = "low"
) -> Response:
    """As `detect`, with the embedding of each face: unit length, of the model in `model_contract`."""
    up = await uploaded(request, caller, ["image"], most=1)
    return _json(request, await _read(request, up.one("image"), gate, embedding=True, only=True))


@router.post(
    "/batch/detect",
    response_model=Results,
    openapi_extra=body_schema("image", many=True),
    summary="Faces of several pictures",
)
async def detect_many(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], gate: Gate = "low"
) -> Response:
    """Each picture on its own: one that cannot be read does not spoil the others."""
    up = await uploaded(request, caller, ["image"])
    answers = await asyncio.gather(*(_read(request, one, gate) for one in up.pictures), return_exceptions=True)
    return _json(request, _results(answers, "read"))


@router.post(
    "/batch/embed",
    response_model=Results,
    openapi_extra=body_schema("image", many=True),
    summary="Embeddings of several pictures",
)
async def embed_many(
    request: Request, caller: Annotated[Caller, allow("operator", uploads=True)], gate: Gate = "low"
) -> Response:
    """As `batch/detect`, with the embedding of each face."""
    up = await uploaded(request, caller, ["image"])
    reading = (_read(request, one, gate, embedding=True) for one in up.pictures)
    return _json(request, _results(await asyncio.gather(*reading, return_exceptions=True), "read"))


@router.post(
    "/verify",
    response_model=schemas.Verification,
    openapi_extra=body_schema("first", "second"),
    summary="Two pictures compared",
)
async def verify(
    request: Request,
    caller: Annotated[Caller, allow("operator", uploads=True)],
    fmr: Annotated[float, Query(ge=LEAST_RATE, le=0.1, description="Share of strangers who may pass.")] = 1e-3,
    faces: FacesPolicy = "main",
    gate: Gate = "low",
    require_live: RequireLive = False,
    challenge: ChallengeName = "",
) -> Response:
    """Whether two faces are one person's at a stated false match rate; `no_decision` is never "different".

    Where a living face is asked for it is that of the second picture; the first may be of a document.
    """
    service = service_of(request)
    demand = demanded(service, "", require_live, challenge)
    up = await uploaded(request, caller, ["first", "second"], most=2)
    pair = (up.one("first"), up.one("second"))
    read = await asyncio.gather(
        _named("first", service.read(pair[0].data)), _named("second", service.read(pair[1].data, live=demand.any))
    )
    live = judged(service, taken(service, caller, demand), *read[1]) if demand.any else ()
    offers = [
        _offered(one.field, picture, readings, faces, gate, answers)
        for one, (picture, readings), answers in zip(pair, read, ((), live), strict=True)
    ]
    if demand.any:
        present = [one for one in offers[1] if one[0].liveness is not None and one[0].liveness.live]
        if not present:
            worst = offers[1][0][0].liveness
            assert worst is not None
            pictures = [picture.sha256 for picture, _ in read]
            service.note_not_live(caller.key.id, "verify", worst, pictures=pictures)
            raise refused(worst, "second")
        offers[1] = present
    answer = verification.compare(offers[0], offers[1], service.operating, fmr)
    service.metrics.count("vultus_verify_total", outcome=answer.status)
    threshold = answer.operating.threshold
    score = service.policy.score(answer.score, threshold)
    service.note_decision(
        caller.key.id,
        "verify",
        decision=answer.status,
        score=answer.score,
        threshold=threshold,
        model=service.contract,
        pictures=[picture.sha256 for picture, _ in read],
        **({} if answer.sides[1].liveness is None else evidence_of(answer.sides[1].liveness)),
    )
    told = schemas.Verification.model_construct(
        request_id=caller.request_id,
        model_contract=service.contract,
        status=answer.status,
        score=score,
        # Both of the score as it is told: of the score as it was they would give its other decimals away.
        fmr=None if score is None else service.operating.fmr_at(score),
        evidence=_evidence(service, answer, score),
        operating=telling.operating_of(answer.operating),
        first=_side(answer.sides[0]),
        second=_side(answer.sides[1]),
    )
    return _json(request, told)


@router.post(
    "/galleries/{gallery}/identify",
    response_model=schemas.Identified,
    openapi_extra=body_schema("image"),
    summary="Who is on a picture",
)
async def identify(
    request: Request,
    gallery: str,
    caller: Annotated[Caller, allow("operator", uploads=True)],
    fpir: Annotated[
        float | None, Query(ge=LEAST_RATE, le=0.5, description="Stricter than the gallery's; see there.")
    ] = None,
    candidates: Annotated[int, Query(ge=1, le=MOST_CANDIDATES)] = 5,
    faces: FacesPolicy = "all",
    gate: Gate = "low",
    allow_repeat: bool = False,
    margin: Annotated[float, Query(ge=0, le=1)] = 0.0,
    require_live: RequireLive = False,
    challenge: ChallengeName = "",
) -> Response:
    """Of each face who it is, or that it is nobody whom the gallery knows. Looser rates are for administrators.

    Where living faces are asked for, one that is not taken for it is `rejected` with that refusal and not searched;
    the others of the picture are.
    """
    up = await uploaded(request, caller, ["image"], most=1)
    options: dict[str, Any] = {
        "fpir": rate_for(service_of(request), caller, gallery, fpir),
        "candidates": candidates,
        "faces": faces,
        "gate": gate,
        "allow_repeat": allow_repeat,
        "margin": margin,
    }
    demand = demanded(service_of(request), gallery, require_live, challenge)
    found = await identify_picture(service_of(request), caller, gallery, up.one("image"), options, demand)
    return _json(request, found)


@router.post(
    "/galleries/{gallery}/batch/identify",
    response_model=Results,
    openapi_extra=body_schema("image", many=True),
    summary="Who is on several pictures",
)
async def identify_many(
    request: Request,
    gallery: str,
    caller: Annotated[Caller, allow("operator", uploads=True)],
    fpir: Annotated[float | None, Query(ge=LEAST_RATE, le=0.5)] = None,
    candidates: Annotated[int, Query(ge=1, le=MOST_CANDIDATES)] = 5,
    gate: Gate = "low",
    require_live: RequireLive = False,
) -> Response:
    """Each picture on its own, in their order."""
    service = service_of(request)
    demand = demanded(service, gallery, require_live)
    up = await uploaded(request, caller, ["image"])
    options: dict[str, Any] = {
        "fpir": rate_for(service, caller, gallery, fpir),
        "candidates": candidates,
        "gate": gate,
    }
    work = (identify_picture(service, caller, gallery, one, options, demand) for one in up.pictures)
    return _json(request, _results(await asyncio.gather(*work, return_exceptions=True), "identified"))


async def identify_picture(
    service: Service, caller: Caller, name: str, upload: Upload, options: dict[str, Any], demand: Demand
) -> schemas.Identified:
    """Read a picture, search its faces, note the decisions. options: of `Gallery.identify_readings`."""
    service.probes.check(caller.key.id, name)

    def search(
        gallery: Gallery, answer: Answer, live: tuple[Liveness, ...] = ()
    ) -> tuple[Answer, tuple[Identification, ...], int]:
        picture, readings = answer
        with service.metrics.stage("search"):
            found = gallery.identify_readings(
                readings, sha256=picture.sha256, size_wh=picture.size_wh, liveness=live or None, **options
            )
        revision = found[0].revision if found else gallery.revision
        service.told(caller.key.id, name, found)
        service.note_decisions(caller.key.id, name, picture.sha256, found, live)
        return answer, found, revision

    live: tuple[Liveness, ...] = ()
    if demand.any:
        looked = await service.read(upload.data, live=True)
        live = judged(service, taken(service, caller, demand), *looked)
        (picture, readings), found, revision = await service.on(name, search, looked, live)
    else:
        (picture, readings), found, revision = await service.read_on(name, upload.data, search)
    points = [one.operating for one in found if one.operating is not None]
    return schemas.Identified.model_construct(
        request_id=caller.request_id,
        revision=revision,
        model_contract=service.contract,
        sha256=picture.sha256,
        size=picture.size_wh,
        operating=telling.operating_of(points[0]) if points else None,
        faces=[
            telling.identification_of(one, readings[one.ordinal], service.policy, live[one.ordinal] if live else None)
            for one in found
        ],
    )


def rate_for(service: Service, caller: Caller, gallery: str, wanted: float | None) -> float:
    """The rate to search at; a looser one than the gallery's is refused (Problem 403): it would lower the floor."""
    chosen = service.points.of(gallery).fpir
    if wanted is None:
        return chosen
    if wanted > chosen and not caller.may("admin"):
        raise Problem(
            403, "forbidden", f"expected an FPIR of at most {chosen:g}, which an administrator chose, got {wanted:g}"
        )
    return wanted


async def _read(
    request: Request, upload: Upload, level: Level, *, embedding: bool = False, only: bool = False
) -> schemas.Read:
    service = service_of(request)
    picture, readings = await service.read(upload.data, embed=embedding, only=only)
    return schemas.Read.model_construct(
        request_id=logs.current().request_id,
        sha256=picture.sha256,
        size=picture.size_wh,
        model_contract=service.contract,
        faces=[telling.face_of(one, gate_of(one.quality, level), embedding=embedding) for one in readings],
    )


def _offered(
    name: str,
    picture: Picture,
    readings: Sequence[Reading],
    policy: str,
    level: Level,
    live: Sequence[Liveness] = (),
) -> list[tuple[Side, Vector]]:
    """The faces that are meant, for `vultus.verification.compare`. live: of all faces, where that was asked for."""
    try:
        choices = choose(readings, picture.size_wh, parse_faces(policy))
    except InputError as error:
        raise type(error)(f"{name}: {error}") from None
    offered: list[tuple[Side, Vector]] = []
    for choice in choices:
        reading = readings[choice.index]
        if reading.embedding is None:
            raise NoFaceError(f"{name}: the face was read without an embedding")
        refusals = gate_of(reading.quality, level)
        answer = live[choice.index] if live else None
        side = Side(name, reading, len(readings), choice.reason, refusals, picture.size_wh, answer)
        offered.append((side, reading.embedding))
    return offered


async def _named(field: str, reading: Awaitable[Answer]) -> Answer:
    """A picture that was read; what is wrong with it names the field in which it came."""
    try:
        return await reading
    except (ImageFormatError, ImageTooLargeError) as error:
        raise type(error)(f"{field}: {worded(str(error))}") from error


def _evidence(service: Service, answer: verification.Verification, told: float | None) -> schemas.Evidence | None:
    """What a score is worth, as it is told."""
    model = service.operating.likelihood
    if told is None or answer.evidence is None or model is None:
        return None
    found = model.evidence(told)
    return schemas.Evidence.model_construct(
        llr=found.llr, low=found.low, high=found.high, bounded=found.bounded, words=str(found)
    )


def _side(side: Side) -> schemas.Side:
    assert side.reading is not None
    face = telling.face_of(side.reading, side.refusals)
    live = None if side.liveness is None else telling.liveness_of(side.liveness)
    return schemas.Side.model_construct(faces=side.faces, face=face, note=side.note, size=side.size_wh, liveness=live)


def _results(answers: Sequence[BaseModel | BaseException], field: Literal["read", "identified"]) -> Results:
    request_id = logs.current().request_id
    results = [
        Result.model_construct(index=index, problem=problem)
        if problem is not None
        else Result.model_construct(None, index=index, **{field: answer})
        for index, answer, problem in telling.settled(answers, request_id)
    ]
    return Results.model_construct(request_id=request_id, results=results)


def _json(request: Request, value: BaseModel) -> Response:
    """The answer, with what it rests on in the headers too."""
    headers = {"X-Model-Contract": service_of(request).contract}
    revision = getattr(value, "revision", None)
    if revision is not None:
        headers["X-Revision"] = str(revision)
    return Response(value.model_dump_json(), headers=headers, media_type="application/json")
