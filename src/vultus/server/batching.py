"""Pictures of many requests on few cores: gathered for a moment, analysed together, fairly in turn.

A core each has a thread. A thread that is free takes the pictures that have come in within
the window, its share of them and at most eight, finds the faces of each, and has all faces
together recognised in one run of the network. A picture that comes alone is not kept
waiting and gets all cores. Keys take turns, so that the many pictures of one wait behind each
other and not before those of the next.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

import cv2

from vultus import images
from vultus.errors import VultusError
from vultus.images import Limits
from vultus.runtime import cores
from vultus.server.metrics import Metrics
from vultus.server.problems import too_many
from vultus.server.settings import Settings
from vultus.types import EmbeddingContract, Face, Image, Reading, Vector

__all__ = ["Analyzer", "Answer", "Picture", "Readers"]

GROUP = 8  # pictures analysed together; recognisers run eight crops for the price of five
_TOGETHER = 8 * 2**20  # bytes of their files, so that few large pictures are decoded at a time


class Analyzer(Protocol):
    """Pictures to faces with quality and embedding; `vultus.Analyzer` and `vultus.testing.Analyzer` are."""

    @property
    def contract(self) -> EmbeddingContract: ...

    def detect(self, image: Image) -> tuple[Face, ...]: ...

    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]: ...

    def analyze(self, image: Image) -> tuple[Reading, ...]: ...

    def embed(self, aligned: Sequence[Image]) -> Vector: ...

    def parallel(self) -> Analyzer:
        """Arranged for throughput: as many calls at once as there are cores."""
        ...

    def for_video(self) -> Analyzer:
        """Arranged for following faces through many frames."""
        ...


@dataclass(frozen=True, slots=True)
class Picture:
    """What stays of a picture once its faces are read; the pixels are let go."""

    sha256: str  # of its bytes, hex
    size_wh: tuple[int, int]  # pixels, upright


Answer = tuple[Picture, tuple[Reading, ...]]


@dataclass(slots=True, eq=False)
class _Job:
    data: bytes
    owner: str
    embed: bool
    at: float = field(default_factory=time.monotonic)
    done: Future[Answer] = field(default_factory=Future)


class Readers:
    """The threads that read pictures, and the queue before them."""

    def __init__(self, analyzer: Analyzer, settings: Settings, metrics: Metrics, *, threads: int | None = None) -> None:
        """threads: how many, by default one a core."""
        self._alone = analyzer
        self._shared = analyzer.parallel()
        self._settings = settings
        self._metrics = metrics
        self._limits = Limits(bytes=settings.upload_bytes, pixels=settings.pixels)
        self._count = threads or cores()
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, deque[_Job]] = OrderedDict()  # by owner; the first is next
        self._depth = 0
        self._inside = 0  # submitted and not answered
        self._seconds = 0.05  # a picture, as measured of late
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._opencv = 0

    @property
    def depth(self) -> int:
        """Pictures that wait."""
        return self._depth

    def start(self) -> None:
        """Begin to read."""
        self._opencv = cv2.getNumThreads()
        cv2.setNumThreads(1)  # OpenCV's own threads would fight with ours for the same cores
        for number in range(self._count):
            thread = threading.Thread(target=self._work, name=f"vultus-reader-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what was accepted and end; nothing is accepted any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if self._threads:
            cv2.setNumThreads(self._opencv)
        self._threads.clear()

    def submit(self, data: bytes, owner: str = "", *, embed: bool = True) -> Future[Answer]:
        """Queue a picture's bytes; the future is the picture with its faces, the largest first.

        owner: whose turn it takes. embed: with embeddings. Refused (429): too many wait, of
        the owner or of all together.
        """
        job = _Job(data, owner, embed)
        with self._changed:
            own = self._waiting.get(owner)
            bound = self._settings.queue
            if self._stopping:
                raise too_many("queue_full", "the server is stopping; ask it again when it is back", 5)
            if (own is not None and len(own) >= bound) or self._depth >= 4 * bound:
                wait = self._depth * self._seconds / self._count
                raise too_many("queue_full", f"{self._depth} pictures wait already; try again later", wait)
            self._waiting.setdefault(owner, deque()).append(job)
            self._depth += 1
            self._inside += 1
            self._changed.notify()
        return job.done

    def _work(self) -> None:
        while group := self._take():
            alone = len(group) == 1 and self._inside == 1
            start = time.perf_counter()
            self._analyze(group, self._alone if alone else self._shared)
            took = (time.perf_counter() - start) / len(group)
            with self._changed:
                self._seconds += 0.1 * (took - self._seconds)

    def _take(self) -> list[_Job]:
        """The next pictures for one thread; none when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._depth or self._stopping)
            if not self._depth:
                return []
            self._gather()
            share = min(GROUP, math.ceil(self._depth / self._count))
            group: list[_Job] = []
            size = 0
            while self._depth and len(group) < share:
                job = self._next(size)
                if job is None:
                    break
                size += len(job.data)
                if job.done.set_running_or_notify_cancel():
                    group.append(job)
                else:
                    self._inside -= 1
            if self._depth:
                self._changed.notify()
        return group or self._take()

    def _gather(self) -> None:
        """Wait within the window for what comes together, if anybody else is in the house."""
        end = min(jobs[0].at for jobs in self._waiting.values()) + self._settings.window_ms / 1000
        while self._inside > self._depth or self._depth > 1:
            left = end - time.monotonic()
            if left <= 0 or self._depth >= GROUP or self._stopping:
                return
            self._changed.wait(left)
            if not self._depth:
                self._changed.wait_for(lambda: self._depth or self._stopping)
                return

    def _next(self, size: int) -> _Job | None:
        """The first picture of the owner whose turn it is; None: it would be too much together with the others."""
        owner, jobs = next(iter(self._waiting.items()))
        if size and size + len(jobs[0].data) > _TOGETHER:
            return None
        job = jobs.popleft()
        self._depth -= 1
        if jobs:
            self._waiting.move_to_end(owner)
        else:
            del self._waiting[owner]
        return job

    def _analyze(self, group: Sequence[_Job], analyzer: Analyzer) -> None:
        self._metrics.count("vultus_groups_total")
        found: list[tuple[_Job, Picture, tuple[Reading, ...]]] = []
        for job in group:
            try:
                found.append((job, *self._read(job.data, analyzer)))
            except VultusError as error:
                self._metrics.count("vultus_pictures_total", outcome="refused")
                self._answer(job, error)
            except Exception as error:  # noqa: BLE001 - one picture's failure is not the others'
                self._metrics.count("vultus_pictures_total", outcome="failed")
                self._answer(job, error)
        asked = [readings for job, _, readings in found if job.embed]
        crops = [one.aligned for readings in asked for one in readings if one.aligned is not None]
        try:
            with self._metrics.stage("embed"):
                vectors = iter(analyzer.embed(crops) if crops else ())
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for job, _, _ in found:
                self._answer(job, error)
            return
        for job, picture, readings in found:
            whole = tuple(replace(one, embedding=next(vectors)) for one in readings) if job.embed else readings
            self._metrics.count("vultus_pictures_total", outcome="read")
            self._metrics.count("vultus_faces_total", by=len(whole))
            self._answer(job, (picture, whole))

    def _read(self, data: bytes, analyzer: Analyzer) -> Answer:
        with self._metrics.stage("decode"):
            loaded = images.load(data, limits=self._limits, allow_url=False)
        with self._metrics.stage("detect"):
            faces = analyzer.detect(loaded.image)[: self._settings.faces]
        with self._metrics.stage("align"):
            readings = analyzer.read(loaded.image, faces, embed=False)
        return Picture(loaded.sha256, (loaded.image.shape[1], loaded.image.shape[0])), readings

    def _answer(self, job: _Job, outcome: Answer | Exception) -> None:
        with self._changed:
            self._inside -= 1
        with suppress(RuntimeError):  # the loop that waited is closed
            if isinstance(outcome, Exception):
                job.done.set_exception(outcome)
            else:
                job.done.set_result(outcome)
