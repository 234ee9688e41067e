"""The library's values as `/v1` tells them, with the scores as the policy allows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

from fastapi import Response
from pydantic import BaseModel

from vultus.errors import VultusError
from vultus.gallery import values
from vultus.server import keys
from vultus.server.living import rounded
from vultus.server.policy import ScorePolicy
from vultus.server.problems import Problem, problem_of
from vultus.server.routes.v1.schemas import (
    Candidate,
    Enrolment,
    Face,
    Identification,
    Key,
    Liveness,
    LivenessPoint,
    Note,
    OperatingPoint,
    Person,
    ProblemBody,
    Quality,
    Receipt,
    Refusal,
    Refused,
    Signal,
    Template,
)
from vultus.server.wording import worded
from vultus.types import Liveness as LibraryLiveness
from vultus.types import OperatingPoint as LibraryPoint
from vultus.types import Quality as LibraryQuality
from vultus.types import Rate, Reading
from vultus.types import Refusal as LibraryRefusal

__all__ = [
    "candidates_of",
    "enrolment_of",
    "face_of",
    "identification_of",
    "key_of",
    "liveness_of",
    "operating_of",
    "person_of",
    "problem_body",
    "quality_of",
    "receipt_of",
    "refusal_of",
    "refused_of",
    "response_of",
    "settled",
    "template_of",
]


Answered = TypeVar("Answered")


def response_of(value: BaseModel, status: int = 200) -> Response:
    """The response with a value as its body."""
    return Response(value.model_dump_json(), status, media_type="application/json")


def settled(
    answers: Iterable[Answered | BaseException], request_id: str
) -> Iterator[tuple[int, Answered | None, ProblemBody | None]]:
    """Of each of several pictures its number, and the answer or the problem with it; what nobody expected is raised."""
    for index, answer in enumerate(answers):
        if isinstance(answer, VultusError):
            yield index, None, problem_body(problem_of(answer), request_id)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            yield index, answer, None


def refusal_of(refusal: LibraryRefusal) -> Refusal:
    """A measure as JSON."""
    value = None if math.isnan(refusal.value) else _number(refusal.value)
    return Refusal(code=refusal.code, value=value, limit=refusal.limit)


def liveness_of(answer: LibraryLiveness) -> Liveness:
    """An answer of attack detection as JSON."""
    point = answer.point
    score = rounded(answer.score, point.threshold)
    return Liveness.model_construct(
        live=answer.live,
        score=None if answer.abstained else score,
        abstained=answer.abstained,
        words=_in_words(answer, score),
        signals=[
            Signal.model_construct(
                name=one.name,
                value=round(one.value, 4) if math.isfinite(one.value) else None,
                unit=one.unit,
                says=one.says,
                reason=one.reason,
            )
            for one in answer.signals
        ],
        point=LivenessPoint.model_construct(
            threshold=round(point.threshold, 6),
            criterion=point.criterion,
            apcer=_rate(point.apcer),
            bpcer=_rate(point.bpcer),
            data=point.data,
            date=point.date,
            model=point.model,
        ),
    )


def _in_words(answer: LibraryLiveness, score: float | None) -> str:
    if answer.abstained:
        return f"No answer: {answer.abstained}."
    sign, verdict = (">=", "Taken for a living face") if answer.live else ("<", "Not taken for a living face")
    return f"{verdict}: P {score:.3f} {sign} {answer.point.threshold:.3f}; evidence, not proof."


def _rate(rate: Rate | None) -> dict[str, float] | None:
    if rate is None:
        return None
    return {"value": rate.value, "low": rate.low, "high": rate.high, "k": rate.k, "n": rate.n}


def quality_of(quality: LibraryQuality) -> Quality:
    """Quality as JSON; the pose is spread out."""
    names = (
        "score",
        "confidence",
        "side",
        "sharpness",
        "brightness",
        "contrast",
        "inside",
        "eyes_covered",
        "mouth_covered",
    )
    measures = {name: _number(getattr(quality, name)) for name in names}
    pose = {name: _number(getattr(quality.pose, name)) for name in ("yaw", "pitch", "roll")}
    return Quality.model_construct(None, **measures, **pose)


def face_of(reading: Reading, refusals: Iterable[LibraryRefusal] | None = None, *, embedding: bool = False) -> Face:
    """A face as JSON. refusals: of another gate than the reading's own."""
    face = reading.face
    vector = reading.embedding if embedding else None
    return Face.model_construct(
        box=face.box.round(),
        landmarks=[(round(float(x), 1), round(float(y), 1)) for x, y in face.landmarks],
        score=_number(face.score),
        rotation=face.rotation,
        quality=quality_of(reading.quality),
        refusals=[refusal_of(one) for one in (reading.refusals if refusals is None else refusals)],
        embedding=None if vector is None else [float(value) for value in vector],
    )


def operating_of(point: LibraryPoint) -> OperatingPoint:
    """A threshold as JSON."""
    measured = point.measured
    return OperatingPoint.model_construct(
        task=point.task,
        metric=point.metric,
        target=point.target,
        threshold=round(point.threshold, 6),
        contract=point.contract,
        fusion=point.fusion,
        people=point.people,
        templates=point.templates,
        extrapolated=point.extrapolated,
        data=point.data,
        date=point.date,
        measured=None
        if measured is None
        else {"value": measured.value, "low": measured.low, "high": measured.high, "k": measured.k, "n": measured.n},
    )


def candidates_of(found: Iterable[values.Candidate], threshold: float | None, policy: ScorePolicy) -> list[Candidate]:
    """The candidates that may be told."""
    return [
        Candidate.model_construct(person=one.person, id=one.id, score=one.score)
        for one in policy.candidates(found, threshold)
    ]


def identification_of(
    one: values.Identification,
    reading: Reading | None,
    policy: ScorePolicy,
    live: LibraryLiveness | None = None,
) -> Identification:
    """Who a face is, as it may be told. live: where that was asked for."""
    threshold = None if one.operating is None else one.operating.threshold
    return Identification.model_construct(
        status=one.status,
        person=one.person,
        id=one.candidates[0].id if one.status == "match" else None,
        score=policy.score(one.score, threshold),
        candidates=candidates_of(one.candidates, threshold, policy),
        ordinal=one.ordinal,
        face=None if reading is None else face_of(reading, one.refusals),
        liveness=None if live is None else liveness_of(live),
    )


def person_of(person: values.Person, cover: str | None) -> Person:
    """A person as JSON. cover: id of a face to show them by."""
    return Person.model_construct(
        id=person.id,
        name=person.name,
        templates=person.templates,
        created=person.created,
        aliases=list(person.aliases),
        cover=cover,
    )


def template_of(template: values.Template) -> Template:
    """An enrolled face as JSON."""
    return Template.model_construct(
        id=template.id,
        person=template.person,
        source=template.source,
        sha256=template.sha256,
        ordinal=template.ordinal,
        box=None if template.box is None else template.box.round(),
        quality=None if template.quality is None else _number(template.quality),
        created=template.created,
        crop=template.crop,
        forced=template.forced,
    )


def refused_of(refused: values.Refused, policy: ScorePolicy) -> Refused:
    """A picture that was not enrolled, as it may be told: a conflict's score lies above its threshold."""
    return Refused.model_construct(
        source=refused.source,
        code=refused.code,
        reason=worded(policy.text(refused.reason)),
        refusals=[refusal_of(one) for one in refused.refusals],
        person=refused.person,
        score=None if refused.score is None else policy.score(refused.score, refused.score),
    )


def enrolment_of(
    enrolment: values.Enrolment,
    cover: str | None,
    revision: int,
    policy: ScorePolicy,
    live: Sequence[LibraryLiveness] = (),
) -> Enrolment:
    """What became of pictures, as it may be told. cover: of the person. live: of the faces that were meant."""
    return Enrolment.model_construct(
        person=None if enrolment.person is None else person_of(enrolment.person, cover),
        added=[template_of(one) for one in enrolment.added],
        unchanged=list(enrolment.unchanged),
        refused=[refused_of(one, policy) for one in enrolment.refused],
        notes=[Note.model_construct(source=one.source, text=worded(policy.text(one.text))) for one in enrolment.notes],
        revision=revision,
        liveness=[liveness_of(one) for one in live],
    )


def receipt_of(receipt: values.Receipt) -> Receipt:
    """An erasure's receipt: all of its fields."""
    return Receipt.model_validate(asdict(receipt))


def key_of(key: keys.Key) -> Key:
    """A key as JSON, without its secret."""
    return Key.model_construct(
        id=key.id,
        role=key.role,
        galleries=list(key.galleries),
        kind=key.kind,
        label=key.label,
        created=key.created,
        expires=key.expires,
        last_used=key.last_used,
        revoked=key.revoked,
        rate=key.rate,
        upload_bytes=key.upload_bytes,
    )


def problem_body(problem: Problem, request_id: str) -> ProblemBody:
    """A problem in a list of answers."""
    body = problem.body(request_id)
    return ProblemBody.model_construct(**{**body, "detail": worded(body["detail"])})


def _number(value: float) -> float:
    return round(float(value), 6)
