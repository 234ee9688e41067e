"""What is seen of one face: where it is, how good it is, whether it is there in person."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vultus.server.routes.v1.schemas.base import Answer

__all__ = ["Box", "Face", "Liveness", "LivenessPoint", "NotLive", "Quality", "Read", "Refusal", "Signal"]

Box = tuple[int, int, int, int]


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


class NotLive(Answer):
    """Why a face was refused where a living one is asked for."""

    live: bool | None
    score: float | None
    threshold: float
    notice: str


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
