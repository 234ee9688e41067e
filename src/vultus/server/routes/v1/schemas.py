"""What `/v1` answers with: the library's values in JSON, and the scores as the policy tells them.

Boxes are whole pixels [x1, y1, x2, y2], points [x, y]; a withheld score is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vultus.gallery import values
from vultus.server import keys
from vultus.server.points import LEAST_RATE
from vultus.server.policy import ScorePolicy
from vultus.server.problems import Problem
from vultus.types import OperatingPoint as LibraryPoint
from vultus.types import Quality as LibraryQuality
from vultus.types import Reading
from vultus.types import Refusal as LibraryRefusal

__all__ = [
    "PROBLEMS",
    "Candidate",
    "Check",
    "Enrolment",
    "ErrorRates",
    "Face",
    "Gallery",
    "Identification",
    "Identified",
    "Key",
    "Line",
    "OperatingPoint",
    "Page",
    "Person",
    "ProblemBody",
    "Quality",
    "Read",
    "Reason",
    "Receipt",
    "Refusal",
    "Template",
    "Verification",
    "candidates_of",
    "enrolment_of",
    "face_of",
    "identification_of",
    "key_of",
    "operating_of",
    "person_of",
    "problem_body",
    "receipt_of",
    "template_of",
]

Item = TypeVar("Item")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected printable characters on one line")
    return text


Line = Annotated[str, Field(max_length=500), AfterValidator(_printable)]  # as the journal takes it
Reason = Annotated[Line, Query(description="Why, for the journal.")]
Box = tuple[int, int, int, int]


class Answer(BaseModel):
    """Of every model here: nothing beside the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemBody(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] | None = None
    refused: list[Refused] | None = None


class Page(Answer, Generic[Item]):
    """Part of a list."""

    items: list[Item]
    next: str | None = Field(description="The `cursor` of the next part; null: this was the last.")
    revision: int | None = None


class Refusal(Answer):
    """A measure of quality below what was asked for."""

    code: str
    value: float
    limit: float


class Quality(Answer):
    """How far a face can be trusted; see the library's Quality."""

    score: float
    confidence: float
    side: float
    sharpness: float
    brightness: float
    contrast: float
    yaw: float
    pitch: float
    roll: float
    inside: float
    eyes_covered: float
    mouth_covered: float


class Face(Answer):
    """A face that was found."""

    box: Box
    landmarks: list[tuple[float, float]]
    score: float
    rotation: int
    quality: Quality | None
    refusals: list[Refusal]
    embedding: list[float] | None = None


class Read(Answer):
    """The faces of one picture, the largest first."""

    request_id: str
    sha256: str
    size: tuple[int, int]
    model_contract: str
    faces: list[Face]


class OperatingPoint(Answer):
    """A threshold, the error rate it stands for, and on what data."""

    task: str
    metric: str
    target: float
    threshold: float
    contract: str
    fusion: str
    people: int
    templates: float
    extrapolated: bool
    data: str
    date: str
    measured: dict[str, float] | None


class Candidate(Answer):
    """A person with the similarity."""

    person: str
    id: str
    score: float


class Identification(Answer):
    """Who one face is, or that it is nobody whom the gallery knows."""

    status: Literal["match", "unknown", "ambiguous", "conflict", "rejected"]
    person: str | None
    id: str | None = Field(description="Of the person.")
    score: float | None
    candidates: list[Candidate]
    ordinal: int
    face: Face | None


class Identified(Answer):
    """Who is on a picture."""

    request_id: str
    revision: int
    model_contract: str
    sha256: str
    size: tuple[int, int]
    operating: OperatingPoint | None
    faces: list[Identification]


class Side(Answer):
    """One of two pictures that were compared."""

    faces: int
    face: Face
    note: str


class Verification(Answer):
    """Whether two faces are one person's."""

    request_id: str
    model_contract: str
    status: Literal["match", "different", "no_decision"]
    score: float | None
    fmr: float | None = Field(description="Share of strangers who score as high.")
    evidence: str | None = Field(description="What the score is worth, in words.")
    operating: OperatingPoint
    first: Side
    second: Side


class Person(Answer):
    """Somebody whom the gallery knows."""

    id: str
    name: str
    templates: int
    created: str
    aliases: list[str]


class Template(Answer):
    """One enrolled face."""

    id: str
    person: str
    source: str | None
    sha256: str | None
    ordinal: int | None
    box: Box | None
    quality: float | None
    created: str
    crop: bool
    forced: bool


class Refused(Answer):
    """A picture that was not enrolled."""

    source: str
    code: str
    reason: str
    refusals: list[Refusal]
    person: str | None
    score: float | None


class Note(Answer):
    """Something to look at."""

    source: str
    text: str


class Enrolment(Answer):
    """What became of the pictures."""

    person: Person | None
    added: list[Template]
    unchanged: list[str]
    refused: list[Refused]
    notes: list[Note]
    revision: int


class ErrorRates(BaseModel):
    """What the gallery's answers may get wrong."""

    model_config = ConfigDict(extra="forbid")

    fpir: float = Field(0.01, ge=LEAST_RATE, le=0.5, description="Share of strangers' searches that may name somebody.")
    fmr: float = Field(
        0.001, ge=LEAST_RATE, le=0.5, description="Share of pairs of different people that may pass as one."
    )


class Gallery(Answer):
    """A gallery in numbers."""

    name: str
    id: str
    people: int
    templates: int
    crops: int
    bytes: int
    revision: int
    created: str
    keep: str
    sealed: bool = Field(description="Encrypted at rest.")
    model: str | None
    model_contract: str | None
    pending_erasures: int
    rates: ErrorRates
    operating: OperatingPoint | None


class Finding(Answer):
    """One thing that is wrong, or that could not be settled."""

    code: str
    detail: str
    broken: bool


class Double(Answer):
    """Two people who may be one."""

    first: str
    second: str
    score: float
    threshold: float


class Check(Answer):
    """What a look at the whole gallery found."""

    ok: bool
    revision: int
    people: int
    templates: int
    crops: int
    findings: list[Finding]
    doubles: list[Double]


class Receipt(Answer):
    """Proof that a person was erased."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    person: str
    templates: int
    crops: int
    revision_before: int
    revision_after: int
    at: str


class Key(Answer):
    """What is known of a key."""

    id: str
    role: str
    galleries: list[str]
    kind: str
    label: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None
    rate: float | None
    upload_bytes: int | None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
}


def refusal_of(refusal: LibraryRefusal) -> Refusal:
    """A measure as JSON."""
    return Refusal(code=refusal.code, value=_number(refusal.value), limit=refusal.limit)


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


def identification_of(one: values.Identification, reading: Reading | None, policy: ScorePolicy) -> Identification:
    """Who a face is, as it may be told."""
    threshold = None if one.operating is None else one.operating.threshold
    return Identification.model_construct(
        status=one.status,
        person=one.person,
        id=one.candidates[0].id if one.status == "match" else None,
        score=policy.score(one.score, threshold),
        candidates=candidates_of(one.candidates, threshold, policy),
        ordinal=one.ordinal,
        face=None if reading is None else face_of(reading, one.refusals),
    )


def person_of(person: values.Person) -> Person:
    """A person as JSON."""
    return Person.model_construct(
        id=person.id,
        name=person.name,
        templates=person.templates,
        created=person.created,
        aliases=list(person.aliases),
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
        reason=policy.text(refused.reason),
        refusals=[refusal_of(one) for one in refused.refusals],
        person=refused.person,
        score=None if refused.score is None else policy.score(refused.score, refused.score),
    )


def enrolment_of(enrolment: values.Enrolment, revision: int, policy: ScorePolicy) -> Enrolment:
    """What became of pictures, as it may be told."""
    return Enrolment.model_construct(
        person=None if enrolment.person is None else person_of(enrolment.person),
        added=[template_of(one) for one in enrolment.added],
        unchanged=list(enrolment.unchanged),
        refused=[refused_of(one, policy) for one in enrolment.refused],
        notes=[Note.model_construct(source=one.source, text=policy.text(one.text)) for one in enrolment.notes],
        revision=revision,
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
    return ProblemBody.model_construct(**problem.body(request_id))


def _number(value: float) -> float:
    return round(float(value), 6)
