"""From a picture to its faces with the readings that were asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import cv2

from vultus import registry
from vultus.geometry import align
from vultus.models.detect import Detector
from vultus.models.detect.pyramid import Pyramid
from vultus.models.embed import Embedder
from vultus.models.embed.own import is_path, own_embedder
from vultus.models.quality import Level, assess, gate
from vultus.runtime import EngineOptions, cores
from vultus.types import STANDARD_ALIGN, EmbeddingContract, Face, Image, Reading, Vector

__all__ = ["Analyzer", "detector", "embedder", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def detector(name: str = "yunet", *, engine: EngineOptions | None = None, models: Path | None = None) -> Detector:
    """Load a detector by the name of its card."""
    loaded: Detector = registry.load(name, "detect", engine=engine, models=models)
    return loaded


def embedder(name: str = "sface", *, engine: EngineOptions | None = None, models: Path | None = None) -> Embedder:
    """Load a recogniser by the name of its card, or from an own ONNX file with a card beside it."""
    if is_path(name):
        return own_embedder(Path(name), engine=engine)
    loaded: Embedder = registry.load(name, "embed", engine=engine, models=models)
    return loaded


class Analyzer:
    """A detector and a recogniser, loaded once, for any number of pictures.

    One analyzer may be used from several threads. `analyze` answers one picture as fast as
    it can be answered, with all cores on it; `analyze_many` keeps every core busy with a
    picture of its own, which is half as long again for a folder.
    """

    def __init__(
        self,
        *,
        detector: str = "yunet",
        embedder: str = "sface",
        engine: EngineOptions | None = None,
        models: Path | None = None,
        smallest: float = 16.0,
        rotations: bool = True,
        level: Level = "low",
    ) -> None:
        """smallest: face side in pixels that should still be found. level: the gate of `refusals`.

        models: a folder with weights, looked into before `VULTUS_MODELS`. Refused: unknown
        names (NotFoundError), weights that cannot be had (WeightsError).
        """
        self._names = (detector, embedder)
        self._engine = engine or EngineOptions()
        self._models = models
        self._smallest = smallest
        self._rotations = rotations
        self._level: Level = level
        self._detector, self._embedder = self._load(self._engine)
        self._parallel: Analyzer | None = None

    def _load(self, engine: EngineOptions) -> tuple[Pyramid, Embedder]:
        detect, embed = self._names
        found = detector(detect, engine=engine, models=self._models)
        return Pyramid(found, self._smallest, self._rotations), embedder(embed, engine=engine, models=self._models)

    @property
    def contract(self) -> EmbeddingContract:
        """What the embeddings of this analyzer may be compared with."""
        return self._embedder.contract

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Faces of a picture (H, W, 3), by area descending, then x1, then y1."""
        return tuple(self._detector(image))

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        """Quality, aligned crop and, unless `embed` is off, embedding of faces of a picture."""
        size_wh = (image.shape[1], image.shape[0])
        crops = [align(image, face.landmarks) for face in faces]
        qualities = [assess(face, crop, size_wh) for face, crop in zip(faces, crops, strict=True)]
        if self.contract.align != STANDARD_ALIGN:
            crops = [self._embedder.crop(image, face.landmarks) for face in faces]
        vectors: Sequence[Vector | None] = list(self._embedder(crops)) if embed else [None] * len(crops)
        return tuple(
            Reading(face, quality, vector, crop, gate(quality, self._level))
            for face, quality, vector, crop in zip(faces, qualities, vectors, crops, strict=True)
        )

    def analyze(self, image: Image) -> tuple[Reading, ...]:
        """Every face of a picture with its readings."""
        return self.read(image, self.detect(image))

    def embed(self, aligned: Sequence[Image]) -> Vector:
        """Embeddings of the crops that `read` makes, shape (n, D), unit rows."""
        return self._embedder(aligned)

    def parallel(self) -> Analyzer:
        """This analyzer arranged for throughput: as many calls at once as there are cores."""
        if self._parallel is None:
            count = self._engine.threads or cores()
            detect, embed = self._names
            self._parallel = Analyzer(
                detector=detect,
                embedder=embed,
                engine=replace(self._engine, streams=count, threads=count),
                models=self._models,
                smallest=self._smallest,
                rotations=self._rotations,
                level=self._level,
            )
        return self._parallel

    def analyze_many(self, images: Iterable[Image]) -> Iterator[tuple[Reading, ...]]:
        """The readings of many pictures, in their order, one picture a core."""
        return in_order(self.parallel().analyze, images)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], ahead: int = 2) -> Iterator[Result]:
    """Results of `work` in the order of the items, one thread a core.

    Takes at most `ahead` items a core in advance, so that memory does not grow with the
    number of items; an exception appears at its item's place.

    >>> list(in_order(lambda x: x * x, range(5)))
    [0, 1, 4, 9, 16]
    """
    count = cores()
    # OpenCV's own threads would fight with ours for the same cores.
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(count)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        cv2.setNumThreads(before)
