"""How far a picture is fit for a document, row by row, named as `vultus document quality --json` does."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vultus.integrity.quality.values import Origin
from vultus.server.routes.v1.schemas.base import Answer
from vultus.server.routes.v1.schemas.people import ProblemBody
from vultus.server.routes.v1.schemas.readings import Box, Face

__all__ = [
    "DocumentCrop",
    "DocumentLimit",
    "DocumentMeasure",
    "DocumentPoints",
    "DocumentQuality",
    "DocumentQualityResult",
    "DocumentQualityResults",
    "Point",
]

Point = tuple[float, float]


class DocumentLimit(Answer):
    """What the profile asks of one measure, and where that comes from."""

    measure: str
    of: Literal["raw", "scalar"]
    low: float | None = Field(description="null: no lower limit.")
    high: float | None = Field(description="null: no upper limit.")
    basis: Literal["published", "secondary", "choice"]
    why: str


class DocumentMeasure(Answer):
    """One row: what was measured, and whether it passes."""

    name: str = Field(description="OFIQ's name, or `own: …` for what OFIQ does not have or has another way.")
    raw: float | None = Field(description="null: it could not be measured, or needs an OFIQ model.")
    unit: str
    scalar: int | None = Field(description="0 to 100, -1 failure to assess; null: own measures have none.")
    passed: bool | None = Field(description="null: nothing is asked, or the row is not assessed.")
    origin: Origin
    advice: str = Field(description="What to do; sides are the person's own. Empty where nothing is to be done.")
    limit: DocumentLimit | None
    note: str


class DocumentCrop(Answer):
    """The cut that brings head and eyes where a passport photo wants them."""

    box: Box = Field(description="In the picture after the turn; it may reach beyond it.")
    inside: bool = Field(description="The picture is large enough for it.")
    turned: float = Field(description="Degrees clockwise by which the picture is turned first.")
    about: Point = Field(description="What it is turned about: the middle of the eyes.")
    corners: list[Point] = Field(description="Of the cut in the picture as it is, clockwise from the top left.")


class DocumentPoints(Answer):
    """The points that the measures stand on, pixels of the picture; sides are the person's own."""

    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point
    mouth: Point
    chin: Point
    crown: Point = Field(description="Where the top of the skull should be; hair is not looked at.")
    oval: list[Point] = Field(description="Outline of the face.")
    hull: list[Point] = Field(description="Brows and jaw: the face without its forehead.")


class DocumentQuality(Answer):
    """Whether one picture is fit for a document. notice: what such an answer is worth."""

    request_id: str
    sha256: str
    passed: bool
    profile: str
    title: str = Field(description="What the profile asks for.")
    faces: int = Field(description="How many were found; the largest is measured.")
    box: Box
    size: tuple[int, int]
    advice: list[str] = Field(description="From the rows that fail, each thing once.")
    crop: DocumentCrop
    measures: list[DocumentMeasure]
    face: Face
    points: DocumentPoints
    notice: str


class DocumentQualityResult(Answer):
    """What came of one of several pictures: an answer, or the problem with it."""

    index: int
    quality: DocumentQuality | None = None
    problem: ProblemBody | None = None


class DocumentQualityResults(Answer):
    """One for each picture, in their order."""

    request_id: str
    results: list[DocumentQualityResult]
