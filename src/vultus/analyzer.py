"""From a picture to its faces with the readings that were asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2

from vultus import registry
from vultus.geometry import ALIGNED_SIZE, align
from vultus.models.detect import Detector
from vultus.models.detect.pyramid import Pyramid
from vultus.models.embed import Embedder
from vultus.models.embed.own import is_path, own_embedder
from vultus.models.expression import ExpressionReader
from vultus.models.landmark import LandmarkModel, Mesh
from vultus.models.liveness import LivenessDetector
from vultus.models.liveness.refusing import not_live, why_not_live
from vultus.models.quality import GATES, Level, assess, gate
from vultus.runtime import EngineOptions, cores
from vultus.types import STANDARD_ALIGN, EmbeddingContract, Expression, Face, Image, Liveness, Reading, Vector

if TYPE_CHECKING:
    from vultus.models.landmark.eyes import Eyes

__all__ = ["Analyzer", "detector", "embedder", "in_order", "liveness_detector", "not_live", "why_not_live"]

WEAK = 0.3  # detector score of a face that is only followed, not found anew

Item = TypeVar("Item")
Result = TypeVar("Result")


def detector(
    name: str = "yunet",
    *,
    threshold: float = 0.6,
    engine: EngineOptions | None = None,
    models: Path | None = None,
) -> Detector:
    """Load a detector by the name of its card. threshold: score under which a find is no face."""
    loaded: Detector = registry.load(name, "detect", threshold=threshold, engine=engine, models=models)
    return loaded


def embedder(name: str = "sface", *, engine: EngineOptions | None = None, models: Path | None = None) -> Embedder:
    """Load a recogniser by the name of its card, or from an own ONNX file with a card beside it."""
    if is_path(name):
        return own_embedder(Path(name), engine=engine)
    loaded: Embedder = registry.load(name, "embed", engine=engine, models=models)
    return loaded


def liveness_detector(
    name: str = "rgb", *, engine: EngineOptions | None = None, models: Path | None = None
) -> LivenessDetector:
    """Load an attack detector by the name of its card."""
    loaded: LivenessDetector = registry.load(name, "liveness", engine=engine, models=models)
    return loaded


@dataclass(frozen=True, slots=True)
class _Options:
    """What an analyzer was made with, so that another can be made like it."""

    detector: str
    embedder: str
    engine: EngineOptions
    models: Path | None
    smallest: float
    threshold: float
    rotations: bool
    level: Level
    liveness: str
    mesh: str
    again: bool
    late: bool

    def find(self) -> Pyramid:
        found = detector(self.detector, threshold=self.threshold, engine=self.engine, models=self.models)
        return Pyramid(found, self.smallest, self.rotations, self.again)

    def may_wait(self) -> bool:
        """Whether faces can be cut out before the recogniser is there: it takes the usual crops."""
        usual = (ALIGNED_SIZE, ALIGNED_SIZE)
        return self.late and not is_path(self.embedder) and registry.card(self.embedder, "embed").input_size_wh == usual


class Analyzer:
    """A detector and a recogniser, loaded once, for any number of pictures.

    One analyzer may be used from several threads. `analyze` answers one picture as fast as
    it can be answered, with all cores on it; `analyze_many` keeps every core busy with a
    picture of its own, which is half as long again for a folder. The attack detector and the
    face mesh are loaded when they are first asked for.
    """

    def __init__(
        self,
        *,
        detector: str = "yunet",
        embedder: str = "sface",
        engine: EngineOptions | None = None,
        models: Path | None = None,
        smallest: float = 16.0,
        threshold: float = 0.6,
        rotations: bool = True,
        level: Level = "low",
        liveness: str = "rgb",
        mesh: str = "face-mesh",
        again: bool = True,
        late: bool = False,
    ) -> None:
        """smallest: face side in pixels that should still be found. level: the gate of `refusals`.
        late: load the recogniser, too, only when it is first asked for.

        models: a folder with weights, looked into before `VULTUS_MODELS`. threshold: detector
        score under which a find is no face. rotations: look for faces that lie on their side
        or head too. liveness: name of the attack detector. mesh: of the landmark model behind
        the signs of life in video. again: look at faces over 224 pixels a second time, which takes
        a third to two thirds off the error of their points for about 3 ms. Refused: unknown names (NotFoundError),
        weights that cannot be had (WeightsError).
        """
        self._options = _Options(
            detector, embedder, engine or EngineOptions(), models, smallest, threshold, rotations, level,
            liveness, mesh, again, late,
        )  # fmt: skip
        registry.card(liveness, "liveness")
        registry.card(mesh, "landmark")
        self._detector = self._options.find()
        self._parallel: dict[_Options, Analyzer] = {}
        self._loading = threading.Lock()
        self._late: dict[str, Any] = {}  # models that not everybody needs, by task
        if not self._options.may_wait():
            self._loaded("embed", self._options.embedder)

    @property
    def contract(self) -> EmbeddingContract:
        """What the embeddings of this analyzer may be compared with."""
        return self._embedder.contract

    @property
    def _embedder(self) -> Embedder:
        model: Embedder = self._loaded("embed", self._options.embedder)
        return model

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Faces of a picture (H, W, 3), by area descending, then x1, then y1."""
        return tuple(self._detector(image))

    def detect_many(self, images: Sequence[Image]) -> tuple[tuple[Face, ...], ...]:
        """As `detect` for each of a few pictures, with small ones of one size searched together, which is faster."""
        return tuple(map(tuple, self._detector.many(images)))

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]:
        """Quality, aligned crop and, unless `embed` is off, embedding of faces of a picture."""
        size_wh = (image.shape[1], image.shape[0])
        crops = [align(image, face.landmarks) for face in faces]
        qualities = [assess(face, crop, size_wh) for face, crop in zip(faces, crops, strict=True)]
        if ("embed" in self._late or embed) and self.contract.align != STANDARD_ALIGN:
            crops = [self._embedder.crop(image, face.landmarks) for face in faces]
        vectors: Sequence[Vector | None] = list(self._embedder(crops)) if embed else [None] * len(crops)
        return tuple(
            Reading(face, quality, vector, crop, gate(quality, self._options.level))
            for face, quality, vector, crop in zip(faces, qualities, vectors, crops, strict=True)
        )

    def analyze(self, image: Image) -> tuple[Reading, ...]:
        """Every face of a picture with its readings."""
        return self.read(image, self.detect(image))

    def liveness(self, image: Image, faces: Sequence[Face] | None = None) -> tuple[Liveness, ...]:
        """Whether each face of a picture (H, W, 3) is there in person, with the evidence; one answer a face.

        faces: of this picture, in any order; None: those that `detect` finds, in its order. A face
        that cannot be judged (tiny, at the border, in a grey picture) is abstained from with
        its reason. Refused: weights that cannot be had (WeightsError), at the first call.
        """
        found = self.detect(image) if faces is None else faces
        if not found:
            return ()
        model: LivenessDetector = self._loaded("liveness", self._options.liveness)
        return model(image, found)

    def expressions(self, image: Image, faces: Sequence[Face] | None = None) -> tuple[Expression, ...]:
        """The expression that each face of a picture (H, W, 3) shows, never what somebody feels; one answer a face.

        faces: as for `liveness`. A face that cannot be read (tiny, turned aside, at the border) is
        abstained from with its reason. Refused: a damaged installation (WeightsError), at the first call.
        """
        found = self.detect(image) if faces is None else faces
        if not found:
            return ()
        reader: ExpressionReader = self._loaded("expression", "fer2013")
        return reader(image, found)

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]:
        """A mesh of 468 points for each face of a picture (H, W, 3).

        Refused: weights that cannot be had (WeightsError), at the first call.
        """
        if not faces:
            return ()
        model: LandmarkModel = self._loaded("landmark", self._options.mesh)
        return model(image, faces)

    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]:
        """How open the right and the left eye of each mesh of a picture are: lid distance over corner distance.

        About 0.3 to 0.4 open, 0.1 shut; NaN for eyes narrower than 10 pixels. Refused: weights
        that cannot be had (WeightsError), at the first call.
        """
        if not meshes:
            return ()
        model: Eyes = self._loaded("eye", "eye-contours")
        return model(image, meshes)

    def embed(self, aligned: Sequence[Image]) -> Vector:
        """Embeddings of the crops that `read` makes, shape (n, D), unit rows."""
        return self._embedder(aligned)

    def with_liveness(self, name: str) -> Analyzer:
        """This analyzer with another attack detector; the other models are shared.

        Refused: an unknown name (NotFoundError).
        """
        registry.card(name, "liveness")
        if name == self._options.liveness:
            return self
        other = copy(self)
        other._options = replace(self._options, liveness=name)
        other._parallel, other._loading = {}, threading.Lock()
        other._late = {task: model for task, model in self._late.items() if task == "embed"}
        return other

    def _loaded(self, task: str, name: str) -> Any:
        """A model of that name, loaded once for all threads."""
        with self._loading:
            if task not in self._late:
                options = self._options
                made = embedder if task == "embed" else partial(registry.load, task=task)
                self._late[task] = made(name, engine=options.engine, models=options.models)
            return self._late[task]

    def parallel(self) -> Analyzer:
        """This analyzer arranged for throughput: as many calls at once as there are cores."""
        return self._arranged(self._options)

    def for_video(self) -> Analyzer:
        """This analyzer arranged for following faces through many frames.

        As `parallel`, and: weak finds are given too, since a face that turns or blurs for a
        moment is still the same face (they never pass the gate); heads on their side are not
        looked for, which would cost four searches in each frame without a face; neither are
        faces under 24 pixels, which no gate lets through and which would double the cost; and
        large faces are looked at once a frame, since a track has many frames to settle on.
        """
        options = replace(
            self._options,
            threshold=min(self._options.threshold, WEAK),
            smallest=max(self._options.smallest, GATES["low"].side),
            rotations=False,
            again=False,
        )
        return self._arranged(options)

    def _arranged(self, options: _Options) -> Analyzer:
        count = options.engine.threads or cores()
        options = replace(options, engine=replace(options.engine, streams=count, threads=count))
        if options not in self._parallel:
            self._parallel[options] = Analyzer(**{item.name: getattr(options, item.name) for item in fields(options)})
        return self._parallel[options]

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
