"""What an assessment of a document photo comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import NotFoundError
from vultus.types import Box, Face

__all__ = ["MAPPED", "NOTICE", "NOT_ASSESSED", "OWN", "Crop", "DocumentQuality", "Limit", "Measure", "Origin", "Points"]

Origin = Literal[
    "OFIQ mapping over own raw measure",
    "own measure",
    "not assessed: needs an OFIQ model",
]
MAPPED: Origin = "OFIQ mapping over own raw measure"
OWN: Origin = "own measure"
NOT_ASSESSED: Origin = "not assessed: needs an OFIQ model"

NOTICE = (
    "0-100: OFIQ's mapping over own raw measures, no OFIQ conformance; own: what OFIQ does not have or has "
    "another way. A research estimate; whether a photo is accepted, the issuing authority decides."
)


@dataclass(frozen=True, slots=True)
class Limit:
    """What a profile asks of one measure, and where that comes from.

    >>> Limit("own: yaw", "raw", -5, 5, "secondary", "ISO/IEC 19794-5").holds(6.0)
    False
    """

    measure: str
    of: Literal["raw", "scalar"]
    low: float  # -inf: no lower limit
    high: float  # inf: no upper limit
    basis: Literal["published", "secondary", "choice"]  # secondary: reported by another text than the standard
    why: str

    def holds(self, value: float) -> bool:
        """Whether a value is within; one that could not be measured never is."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        scalar = "scalar " if self.of == "scalar" else ""
        if math.isinf(self.high):
            return f"{scalar}at least {self.low:g}"
        if math.isinf(self.low):
            return f"{scalar}at most {self.high:g}"
        return f"{scalar}{self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: what was measured, and whether it passes."""

    name: str  # OFIQ's name, or "own: …" for what OFIQ does not have or has another way
    raw: float  # NaN: could not be measured, or needs an OFIQ model
    unit: str
    scalar: int | None  # 0 to 100, -1 failure to assess; None: own measures have none, nor has what is not assessed
    passed: bool | None  # None: the profile sets no limit, or the row is not assessed
    origin: Origin
    advice: str = ""  # what the person or the photographer should do; sides are the person's
    limit: Limit | None = None
    note: str = ""  # in what the raw value differs from OFIQ's, or why there is none


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points that the measures stand on, in pixels of the picture; sides are the subject's."""

    right_eye: NDArray[np.float64]  # (2,), middle of the eye's corners
    left_eye: NDArray[np.float64]
    nose: NDArray[np.float64]  # tip
    right_mouth: NDArray[np.float64]  # corners
    left_mouth: NDArray[np.float64]
    mouth: NDArray[np.float64]  # middle of the inner lips
    chin: NDArray[np.float64]
    oval: NDArray[np.float64]  # (36, 2), outline of the face
    hull: NDArray[np.float64]  # (n, 2), brows and jaw: the face without its forehead

    @property
    def eyes(self) -> NDArray[np.float64]:
        """Middle between the eyes."""
        return (self.right_eye + self.left_eye) / 2

    @property
    def distance(self) -> float:
        """Between the eye centres, as seen."""
        return float(np.linalg.norm(self.left_eye - self.right_eye))

    @property
    def drop(self) -> float:
        """OFIQ's t: from the middle of the eyes to the chin."""
        return float(np.linalg.norm(self.chin - self.eyes))


@dataclass(frozen=True, slots=True)
class Crop:
    """The cut that brings head and eyes where a passport photo wants them, as issuing one makes it.

    The picture is turned about the middle of the eyes first, so that these are level.
    """

    box: Box  # in the picture after the turn; may reach beyond it
    inside: bool  # the picture is large enough for it
    turned: float = 0.0  # degrees clockwise
    about: tuple[float, float] = (0.0, 0.0)  # middle of the eyes

    @property
    def corners(self) -> NDArray[np.float64]:
        """Corners of the cut in the picture as it is, (4, 2), clockwise from the top left."""
        box, angle = self.box, math.radians(-self.turned)
        back = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        level = np.array([(box.x1, box.y1), (box.x2, box.y1), (box.x2, box.y2), (box.x1, box.y2)])
        # A point is the centre of its pixel, a box the edges of its own.
        centre = np.array(self.about) + 0.5
        return np.asarray((level - centre) @ back.T + centre)


@dataclass(frozen=True, slots=True, eq=False)
class DocumentQuality:
    """Whether one picture is fit for a document, row by row."""

    measures: tuple[Measure, ...]  # OFIQ's 28 in its order, then the own ones
    profile: str
    face: Face  # the largest
    faces: int  # how many were found
    points: Points
    crop: Crop
    size_wh: tuple[int, int]  # of the picture

    @property
    def passed(self) -> bool:
        """Every row with a limit passes. Rows that need an OFIQ model have no say."""
        return all(measure.passed is not False for measure in self.measures)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do, from the rows that fail, each thing once."""
        return tuple(dict.fromkeys(row.advice for row in self.measures if row.passed is False and row.advice))

    def __getitem__(self, name: str) -> Measure:
        """One row by its name; NotFoundError for others."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise NotFoundError(f"expected a measure out of {', '.join(row.name for row in self.measures)}, got {name!r}")
