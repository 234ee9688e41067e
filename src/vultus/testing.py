"""A deterministic analyzer without weights, for tests of your own code. Never for real decisions.

It "detects" squares with a magenta frame and "recognises" the pattern of 8 x 8 coloured
blocks inside, so that a test can draw whom it wants and know what must come out. Everything
behind it is the real thing: alignment, quality, gallery, thresholds, JSON. Whom it takes for a
living face the test draws as well: on grey somebody is there in person, a sheet of white
around the square is a print, and in the dark nothing can be said.

>>> analyzer = Analyzer()
>>> ada, bob = analyzer.analyze(picture("Ada", "Bob"))
>>> (again,) = analyzer.analyze(picture("Ada", noise=20))
>>> float(ada.embedding @ again.embedding) > 0.9 > 0.5 > float(ada.embedding @ bob.embedding)
True
>>> [answer.live for shown in SHOWN for answer in analyzer.liveness(picture("Ada", shown=shown))]
[True, False, None]
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from statistics import NormalDist
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, OperatingPointError
from vultus.geometry import ALIGNED_SIZE, TEMPLATE, align
from vultus.metrics.evidence import LikelihoodRatio
from vultus.models.expression import CLASSES
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import LEFT_EYE, RIGHT_EYE, mean_face
from vultus.models.quality import Level, assess, gate
from vultus.types import (
    Box,
    EmbeddingContract,
    Expression,
    Face,
    Image,
    Liveness,
    LivenessPoint,
    OperatingPoint,
    Reading,
    Signal,
    Vector,
    unit,
)

__all__ = ["SHOWN", "Analyzer", "Shown", "Thresholds", "picture"]

Shown = Literal["live", "print", "dark"]
SHOWN: tuple[Shown, ...] = get_args(Shown)

_BLOCKS = 8  # a side
_VALUES = 3 * _BLOCKS**2
_FRAME = (255, 0, 255)
_LINE = 3  # pixels
_GAP = 16
_SMALLEST = 16
_AROUND: dict[Shown, int] = {"live": 128, "print": 240, "dark": 16}  # grey of a face's surroundings
_POINT = LivenessPoint(
    0.5, "what is drawn around a face", None, None, "drawings of vultus.testing", "2026-11-24", "testing"
)
_EYES_OPEN = 0.3  # lid distance over corner distance


def picture(
    *people: str, noise: float = 0.0, seed: int = 0, side: int = 112, shown: Shown | Sequence[Shown] = "live"
) -> Image:
    """Draw people side by side on grey, (H, W, 3); each name has its own pattern.

    noise: standard deviation in grey levels that is added to each block, other for each
    `seed`: 0 is the same picture again, 60 about the strength of the pattern itself.
    side: of the square within the frame, pixels. shown: how `Analyzer.liveness` is to take
    them, one word for all or one each: "live", "print" (an attack), "dark" (no answer).
    Refused (InputError): other words, another number of them.
    """
    words = [shown] * len(people) if isinstance(shown, str) else list(shown)
    if len(words) != len(people) or not set(words) <= set(SHOWN):
        raise InputError(f"expected a word out of {', '.join(SHOWN)} for each of {len(people)} people, got {words}")
    step = side + 2 * _LINE + _GAP
    image = np.full((side + 2 * (_LINE + _GAP), max(len(people), 1) * step + _GAP, 3), 128, dtype=np.uint8)
    for number, person in enumerate(people):
        top, left = _GAP, _GAP + number * step
        edge = _GAP // 2
        ground = image[top - edge : top + step - _GAP + edge, left - edge : left + step - _GAP + edge]
        ground[:] = _AROUND[words[number]]
        image[top : top + side + 2 * _LINE, left : left + side + 2 * _LINE] = _FRAME
        blocks = _random(person).uniform(10, 190, (_BLOCKS, _BLOCKS, 3))
        blocks = blocks + _random(f"{person} {seed} {number}").normal(0, noise, blocks.shape)
        place = np.arange(side) * _BLOCKS // side
        inside = np.clip(blocks, 0, 195).astype(np.uint8)[place][:, place]
        image[top + _LINE : top + _LINE + side, left + _LINE : left + _LINE + side] = inside
    return image


class Analyzer:
    """The Protocol of `vultus.Analyzer` over pictures that `picture` draws.

    model: another name is another model, whose embeddings cannot be compared. dimension: at
    most 192. level: the gate behind `Reading.refusals`.
    """

    def __init__(self, model: str = "testing", *, dimension: int = 128, level: Level = "low") -> None:
        if not 1 <= dimension <= _VALUES:
            raise InputError(f"expected a dimension of 1 to {_VALUES}, got {dimension}")
        self._level: Level = level
        digest = hashlib.sha256(f"vultus.testing {model}".encode()).hexdigest()
        self.contract = EmbeddingContract(model, digest, dimension)
        self._projection = _rotation(model)[:, :dimension]

    def detect(self, image: Image) -> tuple[Face, ...]:
        """The framed squares, by area descending, then x1, then y1."""
        found = cv2.connectedComponentsWithStats(_framed(image).astype(np.uint8), connectivity=8)[2][1:]
        boxes = [
            (int(x + _LINE), int(y + _LINE), int(x + width - _LINE), int(y + height - _LINE))
            for x, y, width, height, _ in found.tolist()
            if min(width, height) >= _SMALLEST and abs(width - height) <= max(width, height) // 8
        ]
        boxes.sort(key=lambda box: (-(box[2] - box[0]) * (box[3] - box[1]), box[0], box[1]))
        return tuple(_face(box) for box in boxes)

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        """Quality, crop and, unless `embed` is off, embedding of faces of a picture."""
        size_wh = (image.shape[1], image.shape[0])
        crops = [align(image, face.landmarks) for face in faces]
        qualities = [assess(face, crop, size_wh) for face, crop in zip(faces, crops, strict=True)]
        vectors: Sequence[Vector | None] = list(self.embed(crops)) if embed else [None] * len(crops)
        return tuple(
            Reading(face, quality, vector, crop, gate(quality, self._level))
            for face, quality, vector, crop in zip(faces, qualities, vectors, crops, strict=True)
        )

    def liveness(self, image: Image, faces: Sequence[Face] | None = None) -> tuple[Liveness, ...]:
        """One answer a face, by what surrounds its frame: white a print, black no answer, else live."""
        return tuple(_judged(image, face) for face in (self.detect(image) if faces is None else faces))

    def expressions(self, image: Image, faces: Sequence[Face] | None = None) -> tuple[Expression, ...]:
        """One answer a face, by its pattern: who is drawn has always the same expression; in the dark there is none."""
        return tuple(_shows(image, face) for face in (self.detect(image) if faces is None else faces))

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        """The mean face in each square, looking straight ahead and keeping still."""
        return tuple(_mesh(face) for face in faces)

    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        """Both eyes of each mesh open, always."""
        return tuple((_EYES_OPEN, _EYES_OPEN) for _ in meshes)

    def parallel(self) -> Analyzer:
        """This analyzer: it has nothing to arrange."""
        return self

    def for_video(self) -> Analyzer:
        """This analyzer."""
        return self

    def analyze(self, image: Image) -> tuple[Reading, ...]:
        """Every framed square of a picture with its readings."""
        return self.read(image, self.detect(image))

    def embed(self, aligned: Sequence[Image]) -> Vector:
        """Block means of crops (112, 112, 3), turned by the model: unit rows, (n, D)."""
        if not len(aligned):
            return np.zeros((0, self.contract.dimension), dtype=np.float32)
        cells = ALIGNED_SIZE // _BLOCKS
        crops = np.stack(aligned).reshape(-1, _BLOCKS, cells, _BLOCKS, cells, 3).mean(axis=(2, 4))
        values = crops.reshape(len(aligned), _VALUES)
        values = values - values.mean(axis=1, keepdims=True)
        values[~values.any(axis=1)] = 1.0  # a plain square points somewhere, too
        return unit(values @ self._projection, self.contract.dimension)


class Thresholds:
    """Thresholds for `Analyzer`, from theory: the cosine of two random directions.

    In D dimensions it is close to normal with standard deviation 1 / sqrt(D). They follow the
    gallery as real ones do: FMR = 1 - (1 - FPIR) ** (1 / templates).
    """

    likelihood: LikelihoodRatio | None = None  # theory tells no likelihoods

    def __init__(self, contract: EmbeddingContract) -> None:
        self._contract = contract
        self._impostors = NormalDist(0, contract.dimension**-0.5)

    @property
    def contract(self) -> str:
        """Id of the contract that they are for."""
        return self._contract.id

    def verify(self, fmr: float) -> OperatingPoint:
        """The threshold that one stranger in 1 / fmr reaches."""
        return self._point("verify", "FMR", fmr, fmr, np.ones(1, dtype=np.int64))

    def identify(self, fpir: float, templates: Sequence[int] | NDArray[np.integer[Any]]) -> OperatingPoint:
        """The threshold for a gallery of people with so many templates each."""
        counts = np.asarray(templates)
        if not counts.size:
            raise OperatingPointError("expected at least one person with a template")
        fmr = 1 - (1 - fpir) ** (1 / int(counts.sum()))
        return self._point("identify", "FPIR", fpir, fmr, counts)

    def track(self, fpir: float, templates: Sequence[int] | NDArray[np.integer[Any]]) -> OperatingPoint:
        """The same: a mean of random directions is a random direction."""
        return replace(self.identify(fpir, templates), task="track")

    def fmr_at(self, score: float) -> float:
        """Share of strangers who reach the score."""
        return self._impostors.cdf(-score)

    def _point(self, task: Any, metric: Any, target: float, fmr: float, counts: NDArray[Any]) -> OperatingPoint:
        return OperatingPoint(
            task=task,
            metric=metric,
            target=target,
            threshold=min(-self._impostors.inv_cdf(fmr), 1.0),
            contract=self._contract.id,
            fusion="single" if task == "verify" else "max",
            people=len(counts),
            templates=float(np.mean(counts)),
            measured=None,
            extrapolated=False,
            data="theory: random directions",
            date="",
        )


@cache
def _rotation(model: str) -> NDArray[np.float64]:
    """Orthonormal columns: directions that are random before are random afterwards."""
    return np.linalg.qr(_random(model).normal(size=(_VALUES, _VALUES)))[0]


def _face(box: tuple[int, int, int, int]) -> Face:
    x1, y1, x2, y2 = box
    scale = np.array([(x2 - x1) / ALIGNED_SIZE, (y2 - y1) / ALIGNED_SIZE])
    landmarks = (TEMPLATE * scale + np.array([x1, y1])).astype(np.float32)
    return Face(Box(float(x1), float(y1), float(x2), float(y2)), landmarks, 0.99)


def _framed(image: Image) -> NDArray[np.bool_]:
    """Where a picture is magenta, (H, W)."""
    red, green, blue = (image[..., channel].astype(int) for channel in range(3))
    return np.asarray((red > 200) & (green < 90) & (blue > 200))


def _judged(image: Image, face: Face) -> Liveness:
    """The answer for a face by the median grey of a ring around its frame."""
    height, width = image.shape[:2]
    outer, inner = _LINE + 5, _LINE + 1  # from the square, pixels
    x1, y1, x2, y2 = face.box.round()
    ring = np.zeros((height, width), dtype=bool)
    ring[max(y1 - outer, 0) : max(y2 + outer, 0), max(x1 - outer, 0) : max(x2 + outer, 0)] = True
    ring[max(y1 - inner, 0) : max(y2 + inner, 0), max(x1 - inner, 0) : max(x2 + inner, 0)] = False
    ring &= ~_framed(image)
    if not ring.any():
        return _unknown("nothing around the face can be seen")
    grey = float(np.median(image[ring]))
    if grey < (_AROUND["dark"] + _AROUND["live"]) / 2:
        return _unknown("it is too dark around the face")
    if grey > (_AROUND["print"] + _AROUND["live"]) / 2:
        return Liveness(0.1, _POINT, (Signal("passive", 0.1, "P(bona fide)", "attack", "there is paper around it"),))
    return Liveness(0.9, _POINT, (Signal("passive", 0.9, "P(bona fide)", "bona fide", "there is a room around it"),))


def _shows(image: Image, face: Face) -> Expression:
    """The brightest of the first blocks of a square names the class."""
    classes = CLASSES[:7]
    if _judged(image, face).live is None:
        return Expression(classes, (), "testing", "it is too dark around the face")
    crop = align(image, face.landmarks).astype(np.float64)
    cells = ALIGNED_SIZE // _BLOCKS
    blocks = crop.reshape(_BLOCKS, cells, _BLOCKS, cells, 3).mean(axis=(1, 3, 4)).ravel()[_BLOCKS + 1 :][: len(classes)]
    weights = np.exp((blocks - blocks.max()) / 10)
    return Expression(classes, tuple((weights / weights.sum()).tolist()), "testing")


def _unknown(why: str) -> Liveness:
    return Liveness(math.nan, _POINT, (Signal("passive", math.nan, "P(bona fide)", "nothing", why),), why)


def _mesh(face: Face) -> Mesh:
    """The mean face, its eyes in the middle of where those of a face are."""
    points = mean_face().points
    right, left = face.landmarks[:2].astype(np.float64)
    placed = (points - points[[*RIGHT_EYE, *LEFT_EYE]].mean(axis=0)) * np.linalg.norm(left - right)
    placed[:, :2] += (right + left) / 2
    return Mesh(placed.astype(np.float32), 1.0)


def _random(text: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))
