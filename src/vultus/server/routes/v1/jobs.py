"""Films searched and unknown faces sorted, in the background, with what is found as it is found."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from vultus.bulk import identify_video
from vultus.bulk.identifying import TrackFound
from vultus.errors import InputError, VideoError
from vultus.gallery.cluster import cluster
from vultus.models.quality import gate as gate_of
from vultus.server import films
from vultus.server.auth import Caller, allow, service_of
from vultus.server.batching import Answer, needed
from vultus.server.jobs import Job, Kind, Status
from vultus.server.points import LEAST_RATE
from vultus.server.problems import Problem, problem_of
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.demands import RequireLive, demanded
from vultus.server.routes.v1.matching import Gate, Level, rate_for
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.transferring import receive_file
from vultus.server.routes.v1.uploads import Upload, body_schema, media_type, uploaded
from vultus.server.service import Service
from vultus.types import Reading

__all__ = ["JobState", "accepted", "router"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=Route, responses=schemas.PROBLEMS)

_AHEAD = 16  # pictures of a job that are read at a time
_FILM = {"schema": {"type": "string", "format": "binary"}}
_EVENTS = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}


class JobState(schemas.Answer):
    """How far a job is. rows: tracks of a film, faces with their cluster, or what a migration did.

    interrupted: the server was stopped or killed before the job ended; `problem` says what is left of it and how to
    go on. Such a job is told also after the next start, its rows are not.
    """

    id: str
    kind: Kind
    gallery: str | None
    status: Status
    created: str
    ended: str | None
    done: int
    total: int | None
    count: int = Field(description="Of rows.")
    rows: list[dict[str, Any]]
    problem: schemas.ProblemBody | None


@router.post(
    "/video",
    response_model=JobState,
    status_code=202,
    openapi_extra={"requestBody": {"required": True, "content": {"video/*": _FILM, "application/octet-stream": _FILM}}},
    summary="Who is in a film",
)
async def video(
    request: Request,
    caller: Annotated[Caller, allow("operator", uploads="video")],
    gallery: Annotated[str, Query(max_length=255)],
    fpir: Annotated[float | None, Query(ge=LEAST_RATE, le=0.5)] = None,
    candidates: Annotated[int, Query(ge=1, le=100)] = 5,
    require_live: RequireLive = False,
) -> Response:
    """A row a track: a face from its first to its last frame, with one name or none. The film is the body."""
    service = service_of(request)
    caller.needs(gallery)
    await service.run(service.gallery, gallery)
    rate = rate_for(service, caller, gallery, fpir)
    asked = demanded(service, gallery, require_live).live
    if asked:
        needed(service.analyzer, "liveness")
        needed(service.analyzer, "meshes")
    service.probes.check(caller.key.id, gallery)
    if not media_type(request).startswith(("video/", "application/octet-stream")):
        raise Problem(415, "unsupported_media", f"expected a film as the body, got {media_type(request)[:80]!r}")
    path = await receive_file(request, service.settings.state / "jobs", ".film")
    try:
        await service.run(films.check, path, service.settings.pixels)
        job = Job("video", caller.key.id, gallery, service.settings.job_seconds)
        work = _film_work(service, path, rate, candidates, asked)
        service.jobs.submit(job, work, lambda: path.unlink(missing_ok=True))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return accepted(job, caller)


@router.post(
    "/cluster",
    response_model=JobState,
    status_code=202,
    openapi_extra=body_schema("image", many=True),
    summary="Sort unknown faces into people",
)
async def cluster_(
    request: Request,
    caller: Annotated[Caller, allow("operator", uploads=True)],
    fmr: Annotated[float, Query(ge=LEAST_RATE, le=0.1, description="Of the threshold at which groups are cut.")] = 1e-4,
    gate: Gate = "low",
) -> Response:
    """A row a face: which picture, where, and its cluster; null is a face alone. The pictures' order plays no part."""
    service = service_of(request)
    up = await uploaded(request, caller, ["image"], most=service.settings.cluster_pictures)
    threshold = service.operating.verify(fmr).threshold
    job = Job("cluster", caller.key.id, "", service.settings.job_seconds)
    service.jobs.submit(job, _cluster_work(service, up.pictures, threshold, gate))
    return accepted(job, caller)


@router.get("", response_model=list[JobState], summary="The jobs")
async def jobs(request: Request, caller: Annotated[Caller, allow("operator")]) -> list[JobState]:
    """Of the key that asks, or all for an administrator; without their rows."""
    return [_state(job, rows=False) for job in service_of(request).jobs.list(_owner(caller)) if _seen(caller, job)]


@router.get("/{job}", response_model=JobState, summary="One job")
async def show(request: Request, job: str, caller: Annotated[Caller, allow("operator")]) -> JobState:
    """With the rows so far."""
    return _state(_found(request, job, caller))


@router.get("/{job}/events", response_class=StreamingResponse, responses={200: _EVENTS}, summary="A job as it goes on")
async def events(request: Request, job: str, caller: Annotated[Caller, allow("operator")]) -> StreamingResponse:
    """Server-sent events: `row`, `progress` and `end`. `Last-Event-ID` goes on after a row."""
    service = service_of(request)
    found = _found(request, job, caller)
    last = request.headers.get("last-event-id", "0")
    if not (last.isascii() and last.isdigit() and len(last) < 10 and int(last) <= len(found.rows)):
        raise InputError(f"expected Last-Event-ID to be the number of a row, got {last[:40]!r}")

    async def lines() -> AsyncIterator[str]:
        async for kind, number, data in service.jobs.events(found, int(last), service.stopping):
            if not kind:
                yield ": \n\n"
                continue
            yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

    headers = {"X-Accel-Buffering": "no"}  # a proxy that gathers pieces would hold the news back
    return StreamingResponse(lines(), media_type="text/event-stream", headers=headers)


@router.delete("/{job}", status_code=204, summary="Cancel a job")
async def cancel(request: Request, job: str, caller: Annotated[Caller, allow("operator")]) -> Response:
    """One that has ended is forgotten."""
    _found(request, job, caller)
    service_of(request).jobs.cancel(job, _owner(caller))
    return Response(status_code=204)


def _film_work(service: Service, path: Path, fpir: float, candidates: int, require_live: bool) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        gallery = service.gallery(job.gallery)
        found = identify_video(
            gallery,
            service.analyzer.for_video(),  # type: ignore[arg-type]
            path,
            fpir=fpir,
            candidates=candidates,
            progress=job.advance,
            require_live=require_live,
        )
        try:
            for track in found:
                service.told(job.owner, job.gallery, (track.person,))
                live = () if track.liveness is None else (track.liveness,)
                service.note_decisions(job.owner, job.gallery, "", (replace(track.person, ordinal=0),), live)
                job.add(_track_row(track, service))
        except VideoError as error:
            raise VideoError(str(error).replace(str(path), "the film")) from error

    return work


def _track_row(found: TrackFound, service: Service) -> dict[str, Any]:
    track = found.track
    told = telling.identification_of(found.person, track.best.reading, service.policy, found.liveness)
    point = found.person.operating
    return {
        "track": track.id,
        "start": round(track.start, 3),
        "end": round(track.end, 3),
        "frames": track.frames,
        "best_frame": track.best.frame,
        "threshold": None if point is None else round(point.threshold, 6),
        "fpir": None if point is None else point.target,
        **told.model_dump(),
    }


def _cluster_work(service: Service, pictures: Sequence[Upload], threshold: float, gate: Level) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        faces: list[tuple[int, int, Reading]] = []
        photos: list[str] = []
        for index, (picture, readings) in enumerate(_read_all(service, job, pictures)):
            for ordinal, reading in enumerate(readings):
                if reading.embedding is not None and not gate_of(reading.quality, gate):
                    faces.append((index, ordinal, reading))
                    photos.append(picture)
        vectors = np.array([reading.embedding for _, _, reading in faces], dtype=np.float32)
        keys = [f"{photo} {ordinal}" for photo, (_, ordinal, _) in zip(photos, faces, strict=True)]
        labels = cluster(
            vectors.reshape(len(faces), service.analyzer.contract.dimension), threshold, photo=photos, keys=keys
        )
        for (index, ordinal, reading), label in zip(faces, labels.tolist(), strict=True):
            face = telling.face_of(reading).model_dump()
            name = pictures[index].name
            own = None if label < 0 else label + 1
            job.add({"picture": index, "source": name, "ordinal": ordinal, "cluster": own, "face": face})

    return work


def _read_all(service: Service, job: Job, pictures: Sequence[Upload]) -> Any:
    """Digest and faces of each picture, in their order; one that cannot be read becomes a row with its problem."""
    waiting: deque[tuple[int, Future[Answer]]] = deque()
    following = iter(enumerate(pictures))
    for done in range(len(pictures)):
        while len(waiting) < _AHEAD and (one := next(following, None)) is not None:
            waiting.append((one[0], service.submit(one[1].data, f"job {job.id}")))
        index, future = waiting.popleft()
        job.advance(done, len(pictures))
        try:
            picture, readings = future.result()
        except InputError as error:
            job.add({"picture": index, "problem": problem_of(error).body("")})
            yield "", ()
        else:
            yield picture.sha256, readings
    job.advance(len(pictures), len(pictures))


def _state(job: Job, *, rows: bool = True) -> JobState:
    return JobState.model_construct(
        id=job.id,
        kind=job.kind,
        gallery=job.gallery or None,
        status=job.status,
        created=job.created,
        ended=job.ended,
        done=job.done,
        total=job.total,
        count=len(job.rows) or job.lost,
        rows=list(job.rows) if rows else [],
        problem=None if job.problem is None else telling.problem_body(job.problem, ""),
    )


def accepted(job: Job, caller: Caller) -> Response:
    """202, with the job and where it is."""
    headers = {"Location": f"/v1/jobs/{job.id}", "X-Request-Id": caller.request_id}
    return Response(_state(job).model_dump_json(), 202, headers, media_type="application/json")


def _owner(caller: Caller) -> str | None:
    return None if caller.may("admin") else caller.key.id


def _seen(caller: Caller, job: Job) -> bool:
    return job.owner == caller.key.id or not job.gallery or caller.key.may(job.gallery)


def _found(request: Request, identity: str, caller: Caller) -> Job:
    job = service_of(request).jobs.get(identity, _owner(caller))
    if not _seen(caller, job):
        return service_of(request).jobs.get(identity, caller.key.id)
    return job
