"""Live checks before a camera: a challenge is asked for, answered with frames, and named by what it is for."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from vultus.errors import ImageFormatError, ImageTooLargeError, VultusError
from vultus.liveness import Challenge as Asked
from vultus.liveness import observe
from vultus.server.auth import Caller, allow, service_of
from vultus.server.batching import Answer
from vultus.server.livechecks import CROWD, FRAME_BYTES, FRAME_PIXELS, FRAMES, Check, Look
from vultus.server.living import NOTICE, evidence
from vultus.server.points import Rates
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.route import Route
from vultus.server.routes.v1.uploads import Upload, body_schema, uploaded
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1/challenges", tags=["liveness"], route_class=Route, responses=schemas.PROBLEMS)

_TOGETHER = 16  # frames that are read at a time
_PATIENCE = 5.0  # seconds that a frame waits for its turn while others' pictures fill the queue
_NEAR = 90.0  # pixels: shorter side of a face that is near enough
_DARK, _BRIGHT = 0.2, 0.85  # of the mean grey of a face

WORDS = {
    "turn left": "Turn your head to your left",
    "turn right": "Turn your head to your right",
    "look up": "Look up",
    "blink": "Blink twice",
    "open mouth": "Open your mouth wide",
}


class NewChallenge(schemas.Asked):
    """What is to be asked of the person."""

    kind: Literal["actions", "dot"] = Field(
        "actions", description="Three actions out of five, or a dot to follow with the nose."
    )


class StepAsked(schemas.Answer):
    """Something to do, and when: seconds since the challenge is begun to be shown."""

    action: str
    words: str
    start: float
    end: float


class DotPlace(schemas.Answer):
    """Where the dot is: -1 to 1, left to right and top to bottom as the person sees the screen; it moves straight."""

    time: float
    x: float
    y: float


class Challenge(schemas.Answer):
    """A challenge for one person, once. It begins when the first frame is taken, whose time is 0."""

    request_id: str
    id: str
    kind: Literal["actions", "dot"]
    steps: list[StepAsked]
    dot: list[DotPlace]
    seconds: float = Field(description="How long it lasts.")
    begin_within: float = Field(description="Seconds until it is too old to be begun.")
    frames_a_second: float = Field(description="That are needed at least; 10 and more for blinks.")
    most_frames: int
    frame_bytes: int
    notice: str


class Head(schemas.Answer):
    """Where the head points in the last frame, degrees: positive is to the person's left, and down."""

    yaw: float
    pitch: float


class ChallengeState(schemas.Answer):
    """How far the answer to a challenge is. guidance: what the person can do better, from the last frame."""

    request_id: str
    id: str
    status: Literal["recording", "passed", "failed"]
    reason: str = Field(description="Why it failed, or what was seen where it was passed.")
    guidance: str
    head: Head | None
    frames: int
    usable_for: float = Field(description="Seconds in which it must be gone on with, or named where it was passed.")
    liveness: schemas.Liveness | None = Field(description="null: not judged yet, or no frame could be.")
    notice: str


@router.post("", response_model=Challenge, status_code=201, summary="Ask for a live check")
async def ask(request: Request, body: NewChallenge, caller: Annotated[Caller, allow("operator")]) -> Response:
    """Drawn by the server, good once, for a minute and for this key. Show the steps, and send frames as they are taken.

    Refused (429): too many that are open, or in an hour, since guesses must be few.
    """
    service = service_of(request)
    check = service.checks.issue(caller.key.id, body.kind)
    return telling.response_of(_told_challenge(service, caller, check), 201)


@router.post(
    "/{challenge}/frames",
    response_model=ChallengeState,
    openapi_extra=body_schema("frame", many=True, fields=["times"]),
    summary="Frames of the answer",
)
async def frames(
    request: Request,
    challenge: str,
    caller: Annotated[Caller, allow("operator", uploads=True)],
    last: Annotated[bool, Query(description="These were the last: judge the answer.")] = False,
) -> Response:
    """Some frames at a time as they are taken, or all at once with `last`. times: a JSON list, one number a frame.

    Times are seconds since the challenge was begun to be shown; frames must not be mirrored. Frames that come as
    they are taken are held against this server's clock. Refused, and the check has failed (422, challenge_failed):
    times that do not rise or run ahead, frames that come too late, too many or too large ones, what is no picture.
    """
    service = service_of(request)
    check = service.checks.running(caller.key.id, challenge)
    try:
        up = await uploaded(request, caller, ["frame"], texts=["times"], most=FRAMES)
        times = _times(up.fields.get("times"))
    except VultusError as error:
        if check.over or (isinstance(error, Problem) and error.status in (408, 413, 429)):
            raise
        problem = service.checks.fail(check, str(error))
        _note(service, caller, check)
        raise problem from error
    if check.lock.locked():
        problem = service.checks.fail(check, "the frames are out of order: some came before the last ones were read")
        _note(service, caller, check)
        raise problem
    async with check.lock:
        state = None
        try:
            service.checks.arrived(check, times, [len(one.data) for one in up.pictures])
            await _look_at(service, caller, check, up.pictures, times)
            if last:
                threshold = service.operating.verify(Rates().fmr).threshold
                verdict = await service.run(service.checks.judged, check, threshold)
                state = None if verdict.liveness is None else telling.liveness_of(verdict.liveness)
                told = {} if verdict.liveness is None else evidence(verdict.liveness)
                _note(service, caller, check, **told)
        except VultusError as error:
            if check.status == "failed":
                _note(service, caller, check)
            raise error
    return telling.response_of(_told_state(service, caller, check, state))


async def _look_at(
    service: Service, caller: Caller, check: Check, uploads: Sequence[Upload], times: Sequence[float]
) -> None:
    """Read frames, some at a time, and keep what they show."""
    for start in range(0, len(uploads), _TOGETHER):
        group = list(zip(uploads[start : start + _TOGETHER], times[start : start + _TOGETHER], strict=True))
        work = []
        for upload, at in group:
            sampled = check.samples(at)
            work.append(_read(service, upload.data, sampled))
        answers = await asyncio.gather(*work, return_exceptions=True)
        for number, ((_, at), answer) in enumerate(zip(group, answers, strict=True), start + 1):
            if isinstance(answer, ImageFormatError | ImageTooLargeError):
                raise service.checks.fail(check, f"frame {number}: {answer}")
            if isinstance(answer, BaseException):
                raise answer
            width, height = answer[0].size_wh
            if width * height > FRAME_PIXELS:
                why = f"frame {number}: expected at most {FRAME_PIXELS} pixels, got {width} x {height}"
                raise service.checks.fail(check, why)
            check.looks.append(_look(at, answer))
            check.guidance, check.head = _guidance(answer)


async def _read(service: Service, data: bytes, sampled: bool) -> Answer:
    """A frame; others' pictures may fill the queue for a while."""
    end = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            return await service.read(data, embed=sampled, live=sampled, mesh=True)
        except Problem as error:
            if error.code != "queue_full" or asyncio.get_running_loop().time() > end:
                raise
        await asyncio.sleep(0.1)


def _look(at: float, answer: Answer) -> Look:
    picture, readings = answer
    if not readings:
        return Look(at, 0)
    first = readings[0]
    near = sum(one.face.box.area >= CROWD * first.face.box.area for one in readings)
    return Look(
        at,
        near,
        observe(picture.meshes[0], picture.eyes[0], at, picture.size_wh),
        picture.meshes[0],
        first.quality.score,
        picture.liveness[0] if picture.liveness else None,
        first.embedding,
    )


def _guidance(answer: Answer) -> tuple[str, tuple[float, float] | None]:
    """What the person can do better, and where the head points."""
    picture, readings = answer
    if not readings:
        return "No face is seen; look into the camera.", None
    first, look = readings[0], _look(0.0, answer)
    assert look.seen is not None
    head = (look.seen.pose.yaw, look.seen.pose.pitch)
    if look.faces > 1:
        return "More than one face is seen; be alone before the camera.", head
    if first.quality.side < _NEAR:
        return "Come closer.", head
    if first.quality.inside < 1:
        return "Move into the middle.", head
    if first.quality.brightness < _DARK:
        return "It is too dark; turn to the light.", head
    if first.quality.brightness > _BRIGHT:
        return "It is too bright; turn away from the light.", head
    if picture.liveness and picture.liveness[0].abstained:
        reason = picture.liveness[0].abstained
        return reason[:1].upper() + reason[1:] + ".", head
    return "", head


def _times(text: str | None) -> list[float]:
    try:
        found = json.loads(text or "")
        times = [float(one) for one in found if not isinstance(one, bool | str)]
        if not isinstance(found, list) or len(times) != len(found) or not all(map(math.isfinite, times)):
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Problem(
            422, "challenge_failed", "expected the field times as a JSON list of seconds, one a frame"
        ) from None
    return times


def _note(service: Service, caller: Caller, check: Check, **told: Any) -> None:
    service.metrics.count("vultus_challenges_total", outcome=check.status)
    reason = "" if check.status == "passed" else check.reason
    about = {"decision": check.status, "kind": check.challenge.kind, "frames": check.count, **told}
    service.note_decision(caller.key.id, "challenge", reason=reason, **about)


def _told_challenge(service: Service, caller: Caller, check: Check) -> Challenge:
    asked: Asked = check.challenge
    return Challenge.model_construct(
        request_id=caller.request_id,
        id=asked.nonce,
        kind=asked.kind,
        steps=[
            StepAsked.model_construct(action=one.action, words=WORDS[one.action], start=one.start, end=one.end)
            for one in asked.steps
        ],
        dot=[DotPlace.model_construct(time=one.time, x=one.x, y=one.y) for one in asked.dot],
        seconds=asked.seconds,
        begin_within=round(service.checks.left(check), 1),
        frames_a_second=8.0,
        most_frames=FRAMES,
        frame_bytes=FRAME_BYTES,
        notice=NOTICE,
    )


def _told_state(service: Service, caller: Caller, check: Check, state: schemas.Liveness | None) -> ChallengeState:
    head = None
    if check.head is not None:
        head = Head.model_construct(yaw=round(check.head[0], 1), pitch=round(check.head[1], 1))
    return ChallengeState.model_construct(
        request_id=caller.request_id,
        id=check.challenge.nonce,
        status=check.status,
        reason=check.reason,
        guidance=check.guidance,
        head=head,
        frames=check.count,
        usable_for=round(service.checks.left(check), 1),
        liveness=state,
        notice=NOTICE,
    )
