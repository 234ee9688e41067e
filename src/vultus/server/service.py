"""The core behind every API: galleries by name, pictures read in common, keys, journal, policy.

One a process. Whatever takes time runs in threads, so that the loop that talks to the
clients never waits; whatever is shared may be used from all of them.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ConflictError, InputError, NotFoundError, StorageError
from vultus.gallery import Gallery
from vultus.gallery.masterkey import read_master_key
from vultus.gallery.store import DATABASE
from vultus.operating import table_for
from vultus.server import fetching, logs
from vultus.server.auth import GALLERY_NOT_FOUND
from vultus.server.batching import Answer, Readers
from vultus.server.decisions import Decisions
from vultus.server.idempotency import Replies
from vultus.server.jobs import Jobs
from vultus.server.journal import Journal
from vultus.server.keys import Keys, server_secret
from vultus.server.limits import Buckets, Held
from vultus.server.metrics import Metrics
from vultus.server.points import Points
from vultus.server.policy import Probes, ScorePolicy
from vultus.server.problems import Problem
from vultus.server.settings import Settings
from vultus.types import OperatingPoint
from vultus.verification import Table

if TYPE_CHECKING:
    from vultus.gallery.values import Enrolment, Identification, Person
    from vultus.server.batching import Analyzer

__all__ = ["GALLERY_NAME", "Operating", "Service"]

log = logging.getLogger("vultus.server")

GALLERY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_THREADS = 32
_EACH = 8  # threads that one gallery may occupy, so that a busy one does not hold up the others
_FETCHERS = 4  # addresses fetched at a time; their servers may be slow
_HOUSEKEEPING = 60.0  # seconds


class Operating(Table, Protocol):
    """Error rates to thresholds; `vultus.operating.OperatingTable` and `vultus.testing.Thresholds` are."""

    def identify(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint: ...

    def track(self, fpir: float, templates: NDArray[np.int64]) -> OperatingPoint: ...


P = ParamSpec("P")
T = TypeVar("T")


class Service:
    """Everything that a request may need; see the attributes.

    settings, keys, journal, metrics, policy, probes, buckets, held, replies: as named.
    analyzer: what reads pictures. operating: the thresholds of its model.
    """

    def __init__(
        self, settings: Settings, analyzer: Analyzer | None = None, operating: Operating | None = None
    ) -> None:
        """analyzer: None loads the default models when the service starts. operating: None takes the shipped table."""
        self.settings = settings
        settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = server_secret(settings.key_file or settings.state / "server.key")
        self.keys = Keys(settings.state / "keys.sqlite", secret)
        self.journal = Journal(settings.state / "journal.sqlite")
        self.decisions = Decisions(self.journal)
        self.replies = Replies(settings.state / "replies.sqlite", secret)
        self.points = Points(settings.state / "points.sqlite")
        self.metrics = Metrics()
        self.jobs = Jobs()
        self.policy = ScorePolicy(settings.score_floor, settings.score_decimals, settings.probes_per_person)
        self.probes = Probes(self.policy)
        self.buckets = Buckets()
        self.held = Held(settings.held_bytes)
        self.stopping = asyncio.Event()  # streams end when it is set
        self.started = time.monotonic()
        self._master_key = None if settings.master_key is None else read_master_key(settings.master_key)
        self._analyzer = analyzer
        self._operating = operating
        self._readers: Readers | None = None
        self._lock = threading.RLock()
        self._open: dict[str, Gallery] = {}
        self._people: dict[str, tuple[int, tuple[Person, ...]]] = {}
        self._changing: dict[str, threading.RLock] = {}
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

    @property
    def single(self) -> bool:
        """The root is itself a gallery, the only one."""
        return (self.settings.root / DATABASE).exists()

    async def start(self) -> None:
        """Load the models and begin to read pictures."""
        if self._analyzer is None:
            self._analyzer = await asyncio.to_thread(_default_analyzer)
        await asyncio.to_thread(self._clean)
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

    async def read(self, data: bytes, *, embed: bool = True) -> Answer:
        """A picture's digest and size, and its faces, the largest first, at most `settings.faces`.

        embed: with embeddings. Refused: no picture (ImageFormatError), over the limits of bytes or pixels
        (ImageTooLargeError), too many waiting (Problem 429).
        """
        return await asyncio.wrap_future(self.submit(data, logs.current().key, embed=embed))

    def submit(self, data: bytes, owner: str, *, embed: bool = True) -> Future[Answer]:
        """As `read`, for threads. owner: whose turn it takes."""
        if self._readers is None:
            raise StorageError("the service has not started")
        return self._readers.submit(data, owner, embed=embed)

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

        async with self._turns.setdefault(name, asyncio.Semaphore(_EACH)):
            return await self.run(do)

    def galleries(self) -> tuple[str, ...]:
        """Names of all galleries."""
        if self.single:
            return (self._single_name,)
        try:
            found = [path.parent.name for path in self.settings.root.glob(f"*/{DATABASE}")]
        except OSError as error:
            raise StorageError(f"{self.settings.root} cannot be read ({error.strerror})") from error
        return tuple(sorted(name for name in found if GALLERY_NAME.fullmatch(name)))

    def gallery(self, name: str) -> Gallery:
        """A gallery by its name, opened once and kept; one that is not there is refused (NotFoundError)."""
        with self._lock:
            if name not in self._open:
                folder = self._folder(name)
                if folder is None or not (folder / DATABASE).exists():
                    raise NotFoundError(GALLERY_NOT_FOUND.format(name=name))
                self._open[name] = self._opened(folder, create=False)
            return self._open[name]

    def create_gallery(self, name: str, **options: Any) -> Gallery:
        """A new gallery. options: of `Gallery.open`, such as keep="none".

        Refused: a name that is taken (ConflictError), or that cannot be a folder's (InputError).
        """
        if not GALLERY_NAME.fullmatch(name):
            raise InputError(
                "expected a gallery's name of 1 to 200 letters, digits, dots, dashes and underscores, beginning "
                f"with a letter, a digit or an underscore, got {name[:210]!r}"
            )
        if self.single:
            raise ConflictError("one gallery alone is served here; serve a folder of galleries to have several")
        with self._lock:
            # On file systems that do not tell "Staff" from "staff" they would be one.
            if name.casefold() in {known.casefold() for known in self.galleries()}:
                raise ConflictError(f"expected a name that is free, the gallery {name!r} is there already")
            self._open[name] = self._opened(self.settings.root / name, create=True, **options)
            return self._open[name]

    def delete_gallery(self, name: str) -> None:
        """Close a gallery and delete its folder; it is gone at once, also after a crash half-way."""
        if self.single:
            raise ConflictError("one gallery alone is served here, it cannot be deleted")
        with self._lock:
            self.gallery(name).close()
            del self._open[name]
            self._people.pop(name, None)
            gone = self.settings.state / f"deleted-{uuid4().hex}"
            try:
                (self.settings.root / name).rename(gone)
                shutil.rmtree(gone)
            except OSError as error:
                raise StorageError(f"the gallery {name} cannot be deleted ({error.strerror})") from error
        self.points.choose(name, None)
        self.replies.forget(name)

    def told(self, caller_key: str, gallery: str, found: tuple[Identification, ...]) -> None:
        """Count a search that is about to be answered: outcomes, and what it tells about whom."""
        self.probes.spend(caller_key, gallery, self.policy.costs(found))
        for one in found:
            self.metrics.count("vultus_identify_total", outcome=one.status)

    def people(self, name: str, gallery: Gallery) -> tuple[Person, ...]:
        """Everybody of a gallery by name; the list is made anew when the gallery has changed."""
        revision = gallery.revision
        known = self._people.get(name)
        if known is None or known[0] != revision:
            known = (revision, tuple(sorted(gallery.people(), key=lambda person: person.name)))
            self._people[name] = known
        return known[1]

    def changing(self, name: str) -> threading.RLock:
        """A lock for changes that depend on what was seen, so that nobody else's comes in between."""
        return self._changing.setdefault(name, threading.RLock())

    def note(
        self,
        key: str,
        action: str,
        *,
        gallery: str = "",
        target: str = "",
        reason: str = "",
        revision: int | None = None,
        **evidence: Any,
    ) -> None:
        """Write into the journal who did what to whom and why; blocks until it is on the disk.

        key: id of the caller's. target: id of a person or a key, never a name. evidence: of a
        decision or a change, without names, vectors and pictures.
        """
        self.journal.append(
            actor=f"key:{key}",
            action=action,
            gallery=gallery,
            target=target,
            reason=reason,
            revision=revision,
            request=logs.current().request_id,
            evidence=evidence,
        )

    def note_decision(
        self,
        key: str,
        action: str,
        *,
        gallery: str = "",
        target: str = "",
        revision: int | None = None,
        **evidence: Any,
    ) -> None:
        """As `note` for what changes nothing: on the disk within a moment, see `vultus.server.decisions`."""
        self.decisions.add([_entry(key, action, gallery, target, revision, evidence)])

    def note_decisions(self, key: str, gallery: str, sha256: str, found: Iterable[Identification]) -> None:
        """Write the answers about one picture into the journal: what was decided, on which evidence."""
        entries = []
        for one in found:
            operating = one.operating
            evidence = {
                "decision": one.status,
                "score": one.score,
                "threshold": None if operating is None else operating.threshold,
                "fpir": None if operating is None else operating.target,
                "model": self.contract,
                "picture": sha256,
                "face": one.ordinal,
            }
            target = one.candidates[0].id if one.status == "match" else ""
            entries.append(_entry(key, "identify", gallery, target, one.revision, evidence))
        self.decisions.add(entries)

    def note_enrolment(self, key: str, gallery: str, done: Enrolment, revision: int) -> None:
        """Write an enrolment into the journal, and count a conflict as what it is, a probe of somebody."""
        if done.added and done.person is not None:
            faces = [one.id for one in done.added]
            self.note(key, "person.enroll", gallery=gallery, target=done.person.id, revision=revision, faces=faces)
        for refused in done.refused:
            self.metrics.count("vultus_enrolment_refused_total", reason=refused.code)
            if refused.person is not None:
                self.probes.spend(key, gallery, {f"name:{refused.person}": 1.0})

    def forget_person(self, gallery: str, person: str) -> None:
        """Let go of what this process keeps of somebody who was erased."""
        self._people.pop(gallery, None)
        self.probes.forget(person)
        self.replies.forget(gallery)

    @property
    def _single_name(self) -> str:
        name = self.settings.root.resolve().name
        return name if GALLERY_NAME.fullmatch(name) else "gallery"

    def _folder(self, name: str) -> Path | None:
        if self.single:
            return self.settings.root if name == self._single_name else None
        return self.settings.root / name if GALLERY_NAME.fullmatch(name) else None

    def _opened(self, folder: Path, **options: Any) -> Gallery:
        return Gallery.open(
            folder, analyzer=self.analyzer, operating=self._operating, master_key=self._master_key, **options
        )

    async def _keep_house(self) -> None:
        """What is done now and then: deleted galleries that a crash left, last uses of keys."""
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

    def _clean(self) -> None:
        """Remove what an earlier run of the server was given and could not finish with."""
        for folder in ("exports", "jobs"):
            shutil.rmtree(self.settings.state / folder, ignore_errors=True)

    def _close(self) -> None:
        self._fetchers.shutdown(wait=True, cancel_futures=True)
        self._pool.shutdown(wait=True)
        with self._lock:
            for gallery in self._open.values():
                gallery.close()
            self._open.clear()
        self.keys.close()
        self.replies.close()
        self.decisions.close()
        self.journal.close()

    def _sum(self, read: Callable[[Gallery], int]) -> int:
        with self._lock:
            opened = list(self._open.values())
        return sum(read(gallery) for gallery in opened)

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


def _entry(
    key: str, action: str, gallery: str, target: str, revision: int | None, evidence: dict[str, Any]
) -> dict[str, Any]:
    """An entry of the journal, with the time of the decision."""
    return {
        "actor": f"key:{key}",
        "action": action,
        "gallery": gallery,
        "target": target,
        "revision": revision,
        "request": logs.current().request_id,
        "evidence": evidence,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
