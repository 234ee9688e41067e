"""A deterministic analyzer without weights, for tests of your own code. Never for real decisions.

It "detects" squares with a magenta frame and "recognises" the pattern of 8 x 8 coloured
blocks inside, so that a test can draw whom it wants and know what must come out. Everything
behind it is the real thing: alignment, quality, gallery, thresholds, JSON.

>>> analyzer = Analyzer()
>>> ada, bob = analyzer.analyze(picture("Ada", "Bob"))
>>> (again,) = analyzer.analyze(picture("Ada", noise=20))
>>> float(ada.embedding @ again.embedding) > 0.9 > 0.5 > float(ada.embedding @ bob.embedding)
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, OperatingPointError
from vultus.geometry import ALIGNED_SIZE, TEMPLATE, align
from vultus.metrics.evidence import LikelihoodRatio
from vultus.models.quality import Level, assess, gate
from vultus.types import Box, EmbeddingContract, Face, Image, OperatingPoint, Reading, Vector, unit

__all__ = ["Analyzer", "Thresholds", "picture"]

_BLOCKS = 8  # a side
_VALUES = 3 * _BLOCKS**2
_FRAME = (255, 0, 255)
_LINE = 3  # pixels
_GAP = 16
_SMALLEST = 16


def picture(*people: str, noise: float = 0.0, seed: int = 0, side: int = 112) -> Image:
    """Draw people side by side on grey, (H, W, 3); each name has its own pattern.

    noise: standard deviation in grey levels that is added to each block, other for each
    `seed`: 0 is the same picture again, 60 about the strength of the pattern itself.
    side: of the square within the frame, pixels.
    """
    step = side + 2 * _LINE + _GAP
    image = np.full((side + 2 * (_LINE + _GAP), max(len(people), 1) * step + _GAP, 3), 128, dtype=np.uint8)
    for number, person in enumerate(people):
        top, left = _GAP, _GAP + number * step
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
        red, green, blue = (image[..., channel].astype(int) for channel in range(3))
        framed = ((red > 200) & (green < 90) & (blue > 200)).astype(np.uint8)
        found = cv2.connectedComponentsWithStats(framed, connectivity=8)[2][1:]
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


def _random(text: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))
