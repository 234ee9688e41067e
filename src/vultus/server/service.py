"""The core behind every API: galleries by name, pictures read in common, keys, journal, policy.

One a process. Whatever takes time runs in threads, so that the loop that talks to the
clients never waits, but for a few milliseconds with one who is alone; whatever is shared may
be used from all threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import NotFoundError, StorageError
from vultus.gallery import Gallery
from vultus.operating import table_for
from vultus.server import fetching, logs
from vultus.server.batching import Answer, Readers, Wanted, liveness
from vultus.server.chosen import Chosen
from vultus.server.erasures import CutOff
from vultus.server.galleries import GALLERY_NAME, Galleries
from vultus.server.idempotency import Replies
from vultus.server.jobs import Jobs
from vultus.server.keys import Keys, server_secret
from vultus.server.limits import Buckets, Held
from vultus.server.livechecks import LiveChecks
from vultus.server.lone import Lone
from vultus.server.points import Points
from vultus.server.problems import Problem
from vultus.server.recording import Recording
from vultus.server.settings import Settings
from vultus.types import Box, Face, OperatingPoint
from vultus.verification import Table

if TYPE_CHECKING:
    from vultus.server.batching import Analyzer

__all__ = ["GALLERY_NAME", "Operating", "Service"]

log = logging.getLogger("vultus.server")

_THREADS = 32
_QUICK = 20_000  # templates that are searched in less time than it takes to read a small picture
_EACH = 8  # threads that one gallery may occupy, so that a busy one does not hold up the others
_FETCHERS = 4  # addresses fetched at a time; their servers may be slow
_HOUSEKEEPING = 60.0  # seconds


class Operating(Table, Protocol):
    """Error rates to thresholds; `vultus.operating.OperatingTable` and `vultus.testing.Thresholds` are."""

    def identify(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint: ...

    def track(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint: ...


P = ParamSpec("P")
T = TypeVar("T")


class Service(Galleries, Recording):
    """Everything that a request may need; see the attributes.

    settings, keys, journal, metrics, policy, probes, buckets, held, replies: as named.
    analyzer: what reads pictures. operating: the thresholds of its model.
    """

    def __init__(
        self, settings: Settings, analyzer: Analyzer | None = None, operating: Operating | None = None
    ) -> None:
        """analyzer: None loads the default models when the service starts. operating: None takes the shipped table."""
        settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = server_secret(settings.key_file or settings.state / "server.key")
        self.keys = Keys(settings.state / "keys.sqlite", secret)
        Galleries.__init__(self, settings)
        Recording.__init__(self, settings)
        self.replies = Replies(settings.state / "replies.sqlite", secret)
        self.points = Points(settings.state / "points.json")
        self.live_galleries = Chosen(settings.state / "live.json")
        self.checks = LiveChecks(settings.challenges)
        self.jobs = Jobs(settings.state / "jobs.sqlite")
        self._cut_off = CutOff()
        self.buckets = Buckets()
        self.held = Held(settings.held_bytes)
        self.lone = Lone()
        self.stopping = asyncio.Event()  # streams end when it is set
        self.started = time.monotonic()
        self._analyzer = analyzer
        self._operating = operating
        self._readers: Readers | None = None
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vultus-gallery")
        self._fetchers = ThreadPoolExecutor(_FETCHERS, thread_name_prefix="vultus-fetch")
        self._keeping: asyncio.Task[None] | None = None
        self._gauges()

    @property
    def analyzer(self) -> Analyzer:
        """What reads pictures, once the service has started."""
        if self._analyzer is None:
            raise StorageError("the models are not loaded yet")
        return self._analyzer

    @cached_property
    def contract(self) -> str:
        """Id of the embedding contract of the analyzer."""
        return self.analyzer.contract.id

    @property
    def operating(self) -> Operating:
        """The thresholds of the analyzer's model; refused (OperatingPointError): nobody calibrated it."""
        if self._operating is None:
            self._operating = table_for(self.analyzer.contract)
        return self._operating

    @property
    def ready(self) -> bool:
        """Pictures can be read, and the server is not stopping."""
        return self._readers is not None and not self.stopping.is_set()

    async def start(self) -> None:
        """Load the models and begin to read pictures."""
        if self._analyzer is None:
            self._analyzer = await asyncio.to_thread(_default_analyzer)
        await asyncio.to_thread(self._clean)
        if self.settings.require_live:  # a server that cannot tell does not start
            await asyncio.to_thread(_try_liveness, self._analyzer)
        self._readers = Readers(self._analyzer, self.settings, self.metrics)
        self._readers.start()
        self.jobs.start()
        self._keeping = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Finish what was accepted and close everything."""
        self.stopping.set()
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await asyncio.to_thread(self.jobs.stop)
        if self._readers is not None:
            await asyncio.to_thread(self._readers.stop)
        await asyncio.to_thread(self._close)

    async def read(
        self,
        data: bytes,
        *,
        embed: bool = True,
        live: bool = False,
        mesh: bool = False,
        expression: bool = False,
        document: str = "",
        only: bool = False,
    ) -> Answer:
        """A picture's digest and size, and its faces, the largest first, at most `settings.faces`.

        embed, live, mesh, expression, document: see `batching.Wanted`. only: the request has no other picture;
        then a small one of a client who is alone is read at once, in the loop. Refused: no picture
        (ImageFormatError), over the limits of bytes or pixels (ImageTooLargeError), too many waiting (Problem 429).
        """
        if self._readers is not None and only and self.lone.now and not (live or mesh or document):
            wanted = Wanted(embed, expression=expression)
            read: Future[Answer] | None = self._readers.at_once(data, logs.current().key, wanted)
            if read is not None:
                return read.result()
        return await asyncio.wrap_future(
            self.submit(
                data, logs.current().key, embed=embed, live=live, mesh=mesh, expression=expression, document=document
            )
        )

    def submit(
        self,
        data: bytes,
        owner: str,
        *,
        embed: bool = True,
        live: bool = False,
        mesh: bool = False,
        expression: bool = False,
        document: str = "",
    ) -> Future[Answer]:
        """As `read`, for threads. owner: whose turn it takes."""
        if self._readers is None:
            raise StorageError("the service has not started")
        return self._readers.submit(
            data, owner, embed=embed, live=live, mesh=mesh, expression=expression, document=document
        )

    async def read_on(self, name: str, data: bytes, work: Callable[[Gallery, Answer], T]) -> T:
        """Read a picture, as `read` does, and do something quick with it and a gallery, such as a search.

        Where the gallery is small and in memory it is done by the thread that read the picture:
        to wake two more for it costs more than the search itself.
        """
        gallery = self._open.get(name)
        if self._readers is None or gallery is None or not -1 < gallery.in_memory <= _QUICK:
            answer = await self.read(data)
            return await self.on(name, work, answer)
        context = contextvars.copy_context()

        def then(answer: Answer) -> T:
            return context.run(work, gallery, answer)

        key = logs.current().key
        done: Future[T] | None = self._readers.at_once(data, key, then=then) if self.lone.now else None
        return await asyncio.wrap_future(self._readers.submit_then(data, key, then)) if done is None else done.result()

    def requires_live(self, gallery: str = "") -> bool:
        """Faces must be taken for living ones: everywhere, or in this gallery."""
        return self.settings.require_live or self.live_galleries.has(gallery)

    async def fetch(self, url: str, limit: int) -> bytes:
        """What lies at a public address. Refused (Problem 403): fetching is off, which is the default."""
        if not self.settings.fetch_urls:
            raise Problem(403, "forbidden", "this server does not fetch addresses; send the picture itself")
        call = partial(fetching.fetch, url, limit=limit)
        return await asyncio.get_running_loop().run_in_executor(self._fetchers, call)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that takes time, in a thread."""
        context = contextvars.copy_context()
        call = partial(context.run, partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def on(self, name: str, work: Callable[Concatenate[Gallery, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with a gallery, in a thread; some wait while many do so with the same one."""

        def do() -> T:
            return work(self.gallery(name), *args, **kwargs)

        try:
            async with self._turns.setdefault(name, asyncio.Semaphore(_EACH)):
                return await self.run(do)
        except NotFoundError:
            if name not in self._open:  # names that are none are not remembered
                self._turns.pop(name, None)
            raise

    def open_gallery(self, folder: Path, **options: Any) -> Gallery:
        """Open the gallery in a folder, with the service's models. options: of `Gallery.open`."""
        return Gallery.open(folder, analyzer=self.analyzer, operating=self._operating, **options)

    def delete_gallery(self, name: str) -> None:
        """As `Galleries.delete_gallery`, with everything that was kept about it."""
        super().delete_gallery(name)
        self.points.choose(name, None)
        self.live_galleries.choose(name, False)
        self.replies.forget(name)

    def forget_person(self, gallery: str, person: str) -> None:
        """Let go of what this process keeps of somebody who was erased."""
        self._people.pop(gallery, None)
        self.probes.forget(person)
        self.replies.forget(gallery)

    async def _keep_house(self) -> None:
        """What is done now and then: deleted galleries and erasures that a crash left, last uses of keys."""
        while True:
            try:
                await self.run(self._tidy)
            except (StorageError, OSError) as error:
                log.warning("housekeeping failed: %s", error)
            await asyncio.sleep(_HOUSEKEEPING)

    def _tidy(self) -> None:
        self.keys.flush()
        for path in self.settings.state.glob("deleted-*"):
            shutil.rmtree(path, ignore_errors=True)
        self._cut_off.finish(self)

    def _clean(self) -> None:
        """Remove what an earlier run of the server was given and could not finish with."""
        for folder in ("exports", "jobs"):
            shutil.rmtree(self.settings.state / folder, ignore_errors=True)

    def _close(self) -> None:
        self._fetchers.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True)
        self._close_galleries()
        self.keys.close()
        self.replies.close()
        self._close_record()

    def _gauges(self) -> None:
        metrics = self.metrics
        metrics.gauge("vultus_gallery_templates", lambda: self._sum(lambda gallery: gallery.stats().templates))
        metrics.gauge("vultus_erasures_pending", lambda: self._sum(lambda gallery: gallery.stats().pending_erasures))
        metrics.gauge("vultus_queue_depth", lambda: 0 if self._readers is None else self._readers.depth)
        metrics.gauge("vultus_held_bytes", lambda: self.held.now)
        metrics.gauge("vultus_jobs", lambda: self.jobs.depth)
        metrics.gauge("vultus_galleries", lambda: len(self.galleries()))
        metrics.gauge("vultus_up_seconds", lambda: time.monotonic() - self.started)


def _default_analyzer() -> Analyzer:
    from vultus.defaults import default_analyzer

    return default_analyzer()


def _try_liveness(analyzer: Analyzer) -> None:
    """Load attack detection. Refused: an analyzer without it (Problem 501), weights that are missing (WeightsError)."""
    image = np.full((96, 96, 3), 128, dtype=np.uint8)
    points = np.array([(40, 40), (56, 40), (48, 50), (42, 58), (54, 58)], dtype=np.float32)
    liveness(analyzer, image, [Face(Box(32, 28, 64, 68), points, 1.0)])
