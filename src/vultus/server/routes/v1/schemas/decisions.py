"""What is decided about faces: who it is, whether two are one, and at which threshold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vultus.server.routes.v1.schemas.base import Answer
from vultus.server.routes.v1.schemas.readings import Face, Liveness

__all__ = ["Candidate", "Evidence", "Identification", "Identified", "OperatingPoint", "Side", "Verification"]


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
