"""Pictures of many requests on few cores: gathered for a moment, analysed together, fairly in turn.

A core each has a thread. A thread that is free takes the pictures that have come in within
the window, its share of them and at most eight, has small ones searched together, and all their
faces together recognised, each of which costs a quarter less than by itself. A picture
that comes alone is not kept waiting and gets all cores. Keys take turns, so that the many pictures
of one wait behind each other and not before those of the next.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import cv2

from vultus import images, registry
from vultus.errors import VultusError
from vultus.images import Limits
from vultus.runtime import cores
from vultus.server.metrics import Metrics
from vultus.server.photos import Known, assessed
from vultus.server.problems import too_many
from vultus.server.reading import Analyzer, Answer, Picture, Wanted, liveness, needed
from vultus.server.settings import Settings
from vultus.types import Face, Reading

__all__ = ["Analyzer", "Answer", "Picture", "Readers", "Wanted", "liveness", "needed"]

GROUP = 8  # pictures analysed together; recognisers run four crops for the price of three
_TOGETHER = 8 * 2**20  # bytes of their files
_PIXELS = 4_000_000  # of pictures that are decoded at a time, or one

_AT_ONCE = 0.02  # seconds that a picture may have taken of late for the next to be read at once
_AT_ONCE_BYTES = 65_536
_AT_ONCE_PIXELS = 90_000  # read in 2 to 6 ms on two cores

EVERYTHING = Wanted()
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    data: bytes
    owner: str
    wanted: Wanted
    then: Callable[[Answer], Any] | None = None
    at: float = field(default_factory=time.monotonic)
    done: Future[Any] = field(default_factory=Future)


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
        self._owners: Counter[str] = Counter()  # of those
        self._seconds = 0.05  # a picture, as measured of late
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._opencv = 0
        self._loading = threading.Lock()
        self._eye_model: Any = None

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

    def submit(
        self,
        data: bytes,
        owner: str = "",
        *,
        embed: bool = True,
        live: bool = False,
        mesh: bool = False,
        expression: bool = False,
        document: str = "",
    ) -> Future[Answer]:
        """Queue a picture's bytes; the future is the picture with its faces, the largest first.

        owner: whose turn it takes. embed, live, mesh, expression, document: see `Wanted`. Refused (429): too
        many wait, of the owner or of all together.
        """
        return self._queued(_Job(data, owner, Wanted(embed, live, mesh, expression, document)))

    def submit_then(self, data: bytes, owner: str, then: Callable[[Answer], T]) -> Future[T]:
        """As `submit`, and what is made of the answer in the thread that read the picture, while it is at it.

        then: takes less time than reading did; what it raises is the future's.
        """
        return self._queued(_Job(data, owner, Wanted(), then))

    def at_once(
        self, data: bytes, owner: str, wanted: Wanted = EVERYTHING, then: Callable[[Answer], T] | None = None
    ) -> Future[Any] | None:
        """As `submit` and `submit_then`, in the calling thread; None, and nothing done: it would have to wait,
        or it could take long, as every picture but a small JPEG can, and every one with slow models.

        For a client that is alone: to wake a thread for a small picture, and the caller when it
        is read, takes a tenth of the time that it takes to read it.
        """
        if self._seconds > _AT_ONCE or not _small(data):
            return None
        job = _Job(data, owner, wanted, then)
        with self._changed:
            if self._inside or self._stopping:
                return None
            self._enter(job)
            job.done.set_running_or_notify_cancel()
        self._timed([job], self._alone)
        return job.done

    def _queued(self, job: _Job) -> Future[Any]:
        owner = job.owner
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
            self._enter(job)
            self._changed.notify()
        return job.done

    def _work(self) -> None:
        while group := self._take():
            alone = len(group) == 1 and self._inside == 1
            self._timed(group, self._alone if alone else self._shared)

    def _timed(self, group: Sequence[_Job], analyzer: Analyzer) -> None:
        """Analyse, and note how long a picture takes."""
        start = time.perf_counter()
        self._analyze(group, analyzer)
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
                    self._leave(job)
            if self._depth:
                self._changed.notify()
        return group or self._take()

    def _enter(self, job: _Job) -> None:
        self._inside += 1
        self._owners[job.owner] += 1

    def _leave(self, job: _Job) -> None:
        self._inside -= 1
        self._owners[job.owner] -= 1
        if not self._owners[job.owner]:
            del self._owners[job.owner]

    def _gather(self) -> None:
        """Wait within the window for what comes together, if there are several in the house.

        The pictures of one alone came together, if they did; more of his do not come the sooner for waiting.
        """
        end = min(jobs[0].at for jobs in self._waiting.values()) + self._settings.window_ms / 1000
        while len(self._owners) > 1 and (self._inside > self._depth or self._depth > 1):
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
        for opened in self._opened(group):
            found += self._read(opened, analyzer)
        asked = [readings for job, _, readings in found if job.wanted.embed]
        crops = [one.aligned for readings in asked for one in readings if one.aligned is not None]
        start = time.perf_counter()
        try:
            vectors = iter(analyzer.embed(crops) if crops else ())
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            for job, _, _ in found:
                self._answer(job, error)
            return
        if crops:
            self._observe("embed", start, len(asked))
        if found:
            self._metrics.count("vultus_pictures_total", by=len(found), outcome="read")
            self._metrics.count("vultus_faces_total", by=sum(len(readings) for _, _, readings in found))
        for job, picture, readings in found:
            whole = tuple(replace(one, embedding=next(vectors)) for one in readings) if job.wanted.embed else readings
            self._answer(job, (picture, whole))

    def _opened(self, group: Sequence[_Job]) -> Iterator[list[tuple[_Job, images.Picture]]]:
        """The group's pictures, decoded, a few large ones or many small ones at a time."""
        opened: list[tuple[_Job, images.Picture]] = []
        pixels = 0
        for job in group:
            start = time.perf_counter()
            try:
                loaded = images.load(job.data, limits=self._limits, allow_url=False)
            except Exception as error:  # noqa: BLE001 - one picture's failure is not the others'
                self._failed(job, error)
                continue
            self._observe("decode", start)
            size = loaded.image.shape[0] * loaded.image.shape[1]
            if opened and pixels + size > _PIXELS:
                yield opened
                opened, pixels = [], 0
            opened.append((job, loaded))
            pixels += size
        if opened:
            yield opened

    def _read(
        self, opened: Sequence[tuple[_Job, images.Picture]], analyzer: Analyzer
    ) -> Iterator[tuple[_Job, Picture, tuple[Reading, ...]]]:
        """The faces of each picture, but for those that fail."""
        many = getattr(analyzer, "detect_many", None)
        together: Sequence[tuple[Face, ...]] | None = None
        if many is not None and len(opened) > 1:
            start = time.perf_counter()
            with suppress(Exception):  # whose picture it is shows when each is searched by itself
                together = many([loaded.image for _, loaded in opened])
                self._observe("detect", start, len(opened))
        for number, (job, loaded) in enumerate(opened):
            image = loaded.image
            try:
                if together is None:
                    start = time.perf_counter()
                    faces = analyzer.detect(image)
                    self._observe("detect", start)
                else:
                    faces = together[number]
                faces = faces[: self._settings.faces]
                start = time.perf_counter()
                readings = analyzer.read(image, faces, embed=False)
                self._observe("align", start)
                picture = self._looked_at(loaded, faces, analyzer, job.wanted)
            except Exception as error:  # noqa: BLE001 - one picture's failure is not the others'
                self._failed(job, error)
                continue
            yield job, picture, readings

    def _looked_at(self, loaded: images.Picture, faces: Sequence[Face], analyzer: Analyzer, wanted: Wanted) -> Picture:
        """What stays of a picture, with what was asked for beside its faces."""
        image = loaded.image
        picture = Picture(loaded.sha256, (image.shape[1], image.shape[0]))
        if wanted.live:
            with self._metrics.stage("liveness"):
                picture = replace(picture, liveness=liveness(analyzer, image, faces))
        if wanted.mesh:
            with self._metrics.stage("mesh"):
                meshes = needed(analyzer, "meshes")(image, faces)
                picture = replace(picture, meshes=meshes, eyes=self._eyes(analyzer)(image, meshes))
        if wanted.expression:
            with self._metrics.stage("expression"):
                picture = replace(picture, expressions=needed(analyzer, "expressions")(image, faces))
        if wanted.document:
            known = Known(analyzer, faces, self._eyes(analyzer), self._settings.expressions)
            with self._metrics.stage("document"):
                picture = replace(picture, document=assessed(image, known, wanted.document))
        return picture

    def _eyes(self, analyzer: Analyzer) -> Any:
        """What measures how open eyes are; the shipped model unless the analyzer has its own."""
        own = getattr(analyzer, "eyes", None)
        if own is not None:
            return own
        with self._loading:
            if self._eye_model is None:
                self._eye_model = registry.load("eye-contours", "eye")
            return self._eye_model

    def _observe(self, stage: str, start: float, pictures: int = 1) -> None:
        """Note what a stage took since `start`, which pictures shared."""
        took = (time.perf_counter() - start) / max(pictures, 1)
        self._metrics.observe("vultus_stage_seconds", took, times=pictures, stage=stage)

    def _failed(self, job: _Job, error: Exception) -> None:
        outcome = "refused" if isinstance(error, VultusError) else "failed"
        self._metrics.count("vultus_pictures_total", outcome=outcome)
        self._answer(job, error)

    def _answer(self, job: _Job, outcome: Answer | Exception) -> None:
        result: Any = outcome
        if job.then is not None and not isinstance(outcome, Exception):
            try:
                result = job.then(outcome)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                result = error
        with self._changed:
            self._leave(job)
        with suppress(RuntimeError):  # the loop that waited is closed
            if isinstance(result, Exception):
                job.done.set_exception(result)
            else:
                job.done.set_result(result)


def _small(data: bytes) -> bool:
    """A JPEG so small that reading it holds nobody up."""
    if len(data) > _AT_ONCE_BYTES or images.sniff(data[: images.HEAD_BYTES]) != "JPEG":
        return False
    with suppress(VultusError):
        width, height = images.jpeg_header(data).size_wh
        return width * height <= _AT_ONCE_PIXELS
    return False
