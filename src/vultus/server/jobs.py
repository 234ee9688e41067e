"""Work that outlasts a request: queued, done one at a time, told as it goes on.

The rows of a job live as long as the process, and so does what it was given. That it was accepted and
how far it came is written down (`vultus.server.job_record`): a job that waited or ran when the server was
stopped, or was killed, is "interrupted", and says so also after the next start, with what to do about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from vultus.errors import ConflictError, NotFoundError, StorageError
from vultus.server.job_record import JobRecord, Kept
from vultus.server.problems import Problem, problem_of, too_many

__all__ = ["MOST", "OWN", "ROWS", "Job", "Jobs", "Kind", "Status", "Stopped"]

log = logging.getLogger("vultus.server")

Kind = Literal["video", "cluster", "migrate"]
Status = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
MOST = 16  # jobs of all keys that may wait or run
OWN = 4  # of one key
ROWS = 100_000  # of one job
_KEPT = 100  # finished jobs
_ENDED = ("done", "failed", "cancelled", "interrupted")
_WRITTEN = 1.0  # seconds between two notes of how far a job is

_INTERRUPTED: dict[Kind, str] = {
    "video": "the server ended when {at} frames were searched; the rows until then are not kept, the decisions stand "
    "in the journal: send the film again",
    "cluster": "the server ended when {at} pictures were read; nothing of it is kept: send the pictures again",
    "migrate": "the server ended when {at} faces were embedded anew; those are kept, and unless it had switched "
    "already the gallery still has its old model: POST /v1/galleries/{gallery}/migrations goes on from there",
}


class Stopped(Exception):
    """No error but an end that was asked for: the job was cancelled, or had its time."""


@dataclass(slots=True, eq=False)
class Job:
    """One piece of work, its progress and its rows so far."""

    kind: Kind
    owner: str  # id of the key
    gallery: str
    seconds: float  # that it may take
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    status: Status = "queued"
    created: str = field(default_factory=lambda: _now())
    ended: str | None = None
    done: int = 0  # frames, pictures or faces
    total: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0  # rows that an earlier process had
    problem: Problem | None = None
    cancelled: bool = False
    stopping: bool = False  # the server is
    _deadline: float = float("inf")
    _changed: Callable[[], None] = lambda: None

    @property
    def over(self) -> bool:
        """Nothing more will come."""
        return self.status in _ENDED

    def advance(self, done: int, total: int | None) -> None:
        """Tell how far it is; raises Stopped when it should end."""
        if self.cancelled or time.monotonic() > self._deadline:
            raise Stopped
        self.done, self.total = done, total
        self._changed()

    def add(self, row: dict[str, Any]) -> None:
        """Give a row of the answer."""
        if len(self.rows) >= ROWS:
            raise Stopped
        self.rows.append(row)
        self._changed()

    def interrupt(self, at: str | None = None) -> None:
        """The server ended, or ends, before the job did. at: when it was last seen, now if None."""
        self.status = "interrupted"
        self.ended = at or _now()
        reached = str(self.done) if self.total is None else f"{self.done} of {self.total}"
        detail = _INTERRUPTED[self.kind].format(at=reached, gallery=self.gallery)
        self.problem = Problem(503, "interrupted", detail)

    def kept(self) -> Kept:
        """As it is written down."""
        rows = len(self.rows) or self.lost
        return Kept(
            self.id,
            self.kind,
            self.owner,
            self.gallery,
            self.created,
            self.ended or _now(),
            self.status,
            self.done,
            self.total,
            rows,
        )


class Jobs:
    """The queue, and the thread that works it off."""

    def __init__(self, path: Path | None = None) -> None:
        """path: of the file that says after a restart what became of jobs; None: nothing does."""
        self._record = None if path is None else JobRecord(path)
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[tuple[Job, Callable[[Job], None], Callable[[], None]]] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._noted = 0.0  # when progress was last written down
        for kept in () if self._record is None else self._record.unfinished():
            job = Job(
                cast("Kind", kept.kind),
                kept.owner,
                kept.gallery,
                0.0,
                id=kept.id,
                created=kept.created,
                done=kept.done,
                total=kept.total,
                lost=kept.rows,
            )
            job.interrupt(kept.seen)
            self._jobs[job.id] = job
            self._note(job)

    @property
    def depth(self) -> int:
        """Jobs that wait or run."""
        with self._lock:
            return sum(not job.over for job in self._jobs.values())

    def start(self) -> None:
        """Begin to work; called from the loop that serves."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="vultus-jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Interrupt what waits and what runs, and end."""
        with self._lock:
            self._stopping = True
            for job in self._jobs.values():
                job.stopping = not job.cancelled
                job.cancelled = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._record is not None:
            self._record.close()

    def submit(self, job: Job, work: Callable[[Job], None], clean: Callable[[], None] = lambda: None) -> Job:
        """Queue a job. clean: called in any case when it is over. Refused (429): too many wait."""
        with self._lock:
            waiting = [one for one in self._jobs.values() if not one.over]
            if self._stopping or len(waiting) >= MOST or sum(one.owner == job.owner for one in waiting) >= OWN:
                raise too_many("queue_full", f"{len(waiting)} jobs wait or run already; try again later", 10)
            for old in [one for one in self._jobs.values() if one.over][: max(0, len(self._jobs) - _KEPT)]:
                self._forget(old)
            if self._record is not None:
                self._record.write(job.kept())  # before it is accepted: a disk that is full refuses it
            job._changed = lambda: self._progressed(job)
            self._jobs[job.id] = job
            self._queue.append((job, work, clean))
            self._lock.notify_all()
        return job

    def get(self, identity: str, owner: str | None) -> Job:
        """A job by its id. owner: whose; None: anybody's. Refused (NotFoundError): there is none."""
        with self._lock:
            job = self._jobs.get(identity)
        if job is None or owner not in (None, job.owner):
            raise NotFoundError(
                f"expected the id of a job, got {identity!r}; one that had ended is forgotten at the next start"
            )
        return job

    def list(self, owner: str | None) -> tuple[Job, ...]:
        """Jobs of a key, or of all, in the order of their coming."""
        with self._lock:
            return tuple(job for job in self._jobs.values() if owner in (None, job.owner))

    def cancel(self, identity: str, owner: str | None) -> Job:
        """Let a job end, or forget it when it has ended. Refused: an unknown one (NotFoundError)."""
        job = self.get(identity, owner)
        with self._lock:
            if job.over:
                self._forget(job)
            job.cancelled = True
        return job

    async def events(self, job: Job, after: int, stopping: asyncio.Event) -> AsyncIterator[tuple[str, int, Any]]:
        """What happens with a job: (kind, number, data), kinds "row", "progress", "end" and "" for nothing new.

        after: number of rows that are known already. Ends with the job, or with the server.
        """
        told = after
        progress: tuple[str, int, int | None] | None = None
        if after > len(job.rows):
            raise ConflictError(f"expected to go on after row {len(job.rows)} at most, got {after}")
        while True:
            news = self._news
            over = job.over  # looked at before the rows: the last of them come before the end
            while told < len(job.rows):
                row = job.rows[told]
                told += 1
                yield "row", told, row
            now = (job.status, job.done, job.total)
            if now != progress:
                progress = now
                yield "progress", told, {"status": job.status, "done": job.done, "total": job.total}
            if over or stopping.is_set():
                yield "end", told, {"status": job.status if over else "stopping"}
                return
            try:
                async with asyncio.timeout(_QUIET):
                    await _first(news, stopping)
            except TimeoutError:
                yield "", told, None

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        if self._record is not None:
            with self._told():
                self._record.forget(job.id)

    def _note(self, job: Job) -> None:
        """Write down how a job stands; the work does not fail for it."""
        self._noted = time.monotonic()
        if self._record is not None:
            with self._told():
                self._record.write(job.kept())

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except StorageError as error:
            log.error("%s", error)

    def _progressed(self, job: Job) -> None:
        if time.monotonic() - self._noted > _WRITTEN:
            self._note(job)
        self._changed()

    def _changed(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._queue or self._stopping)
                if not self._queue:
                    return
                job, work, clean = self._queue.popleft()
            try:
                self._do(job, work)
            finally:
                clean()
                job.ended = _now()
                self._note(job)
                self._changed()

    def _do(self, job: Job, work: Callable[[Job], None]) -> None:
        if job.cancelled:
            self._end(job)
            return
        job.status = "running"
        job._deadline = time.monotonic() + job.seconds
        self._note(job)
        self._changed()
        try:
            work(job)
        except Stopped:
            self._end(job)
        except Exception as error:  # the job fails, the server goes on
            job.problem = problem_of(error)
            job.status = "failed"
            if job.problem.status >= 500:
                log.exception("a job failed")
        else:
            job.status = "done"

    def _end(self, job: Job) -> None:
        """Before it was done: the server stops, somebody cancelled it, or it had its time."""
        if job.stopping:
            job.interrupt()
            return
        job.status = "cancelled"
        if not job.cancelled:
            job.problem = Problem(422, "too_large", "the job took longer, or gave more rows, than a job may")


_QUIET = 10.0  # seconds after which a stream says that it is alive


async def _first(*events: asyncio.Event) -> None:
    """Wait for one of them."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
