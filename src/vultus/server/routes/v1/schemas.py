"""What `/v1` answers with: the library's values in JSON, and the scores as the policy tells them.

Boxes are whole pixels [x1, y1, x2, y2], points [x, y]; a withheld score is null.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from vultus.server.points import LEAST_RATE

__all__ = [
    "LONGEST_LINE",
    "LONGEST_NAME",
    "MOST_IDS",
    "PROBLEMS",
    "Answer",
    "Asked",
    "Candidate",
    "Check",
    "Contract",
    "Double",
    "Enrolment",
    "ErrorRates",
    "Evidence",
    "Face",
    "Finding",
    "Gallery",
    "Identification",
    "Identified",
    "Ids",
    "Key",
    "Line",
    "Liveness",
    "LivenessPoint",
    "Name",
    "Note",
    "OperatingPoint",
    "Page",
    "Person",
    "ProblemBody",
    "Quality",
    "Read",
    "Reason",
    "Receipt",
    "Refusal",
    "Refused",
    "Side",
    "Signal",
    "Template",
    "Verification",
]

Item = TypeVar("Item")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected printable characters on one line")
    return text


MOST_IDS = 100
LONGEST_NAME = 255
LONGEST_LINE = 500

Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_printable)]  # as the journal takes it
Reason = Annotated[Line, Query(description="Why, for the journal.")]
Box = tuple[int, int, int, int]


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Ids = Annotated[list[Name], Field(min_length=1, max_length=MOST_IDS)]


class Asked(BaseModel):
    """Of every body here: nothing beside the fields."""

    model_config = ConfigDict(extra="forbid")


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
    liveness: NotLive | None = None


class Page(Answer, Generic[Item]):
    """Part of a list."""

    items: list[Item]
    next: str | None = Field(description="The `cursor` of the next part; null: this was the last.")
    revision: int | None = None


class NotLive(Answer):
    """Why a face was refused where a living one is asked for."""

    live: bool | None
    score: float | None
    threshold: float
    notice: str


class Refusal(Answer):
    """A measure of quality, or of liveness, below what was asked for."""

    code: str
    value: float | None = Field(description="null: it could not be measured.")
    limit: float


class Signal(Answer):
    """One observation behind an answer of attack detection, and what it says by itself."""

    name: str
    value: float | None = Field(description="In its own unit; null: it could not be taken.")
    unit: str
    says: Literal["bona fide", "attack", "nothing"]
    reason: str


class LivenessPoint(Answer):
    """A threshold of attack detection, how it was set, and the error rates it had on what data."""

    threshold: float
    criterion: str
    apcer: dict[str, float] | None = Field(description="Share of attacks taken for living faces, of the worst kind.")
    bpcer: dict[str, float] | None = Field(description="Share of living faces taken for attacks.")
    data: str
    date: str
    model: str


class Liveness(Answer):
    """Whether a face is there in person: evidence, not proof."""

    live: bool | None = Field(description="null: no answer is given, which is never a yes.")
    score: float | None = Field(description="P(bona fide); null where no answer is given.")
    abstained: str = Field(description="Why no answer is given; empty where one is.")
    words: str = Field(description="The answer in one sentence.")
    signals: list[Signal]
    point: LivenessPoint


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
    liveness: Liveness | None = Field(None, description="null: it was not asked for.")


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
    size: tuple[int, int]
    liveness: Liveness | None = Field(None, description="null: it was not asked for.")


class Evidence(Answer):
    """How much more likely a score is if it is one person than if it is two; of the score as it is told."""

    llr: float = Field(description="Natural logarithm of the likelihood ratio.")
    low: float = Field(description="Of its 95 % interval.")
    high: float
    bounded: bool = Field(description="The data cannot show more than this.")
    words: str


class Verification(Answer):
    """Whether two faces are one person's."""

    request_id: str
    model_contract: str
    status: Literal["match", "different", "no_decision"]
    score: float | None
    fmr: float | None = Field(description="Share of strangers who score as high.")
    evidence: Evidence | None = Field(description="What the score is worth; null where nobody measured it.")
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
    cover: str | None = Field(description="A face to show them by: the first that has a crop; null: there is none.")


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
    liveness: list[Liveness] = Field([], description="Of the faces that were meant, where it was asked for.")


class ErrorRates(Asked):
    """What the gallery's answers may get wrong."""

    fpir: float = Field(0.01, ge=LEAST_RATE, le=0.5, description="Share of strangers' searches that may name somebody.")
    fmr: float = Field(
        0.001, ge=LEAST_RATE, le=0.5, description="Share of pairs of different people that may pass as one."
    )


class Contract(Answer):
    """What embeddings may be compared with: their model, and how it saw the faces."""

    model: str
    weights_sha256: str
    dimension: int
    align: str
    colour: str
    normalise: str
    scale: str


class Gallery(Answer):
    """A gallery in numbers."""

    name: str
    description: str
    id: str
    people: int
    templates: int
    crops: int
    bytes: int
    revision: int
    schema_version: int = Field(description="Of its database.")
    created: str
    keep: str = Field(description="Whether face crops are kept, aligned or none.")
    sealed: bool = Field(description="Encrypted at rest.")
    require_live: bool = Field(description="Faces must be taken for living ones, by the gallery's switch or for all.")
    model: str | None
    model_contract: str | None
    contract: Contract | None
    other_contracts: int = Field(description="Sets of embeddings of other models: a migration, or an old set kept.")
    snapshot: bool = Field(description="An index lies on the disk, from which it opens faster.")
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
