"""Work that outlasts a request: queued, done one at a time, told as it goes on.

Jobs live as long as the process. One that runs when the server is stopped ends as
"cancelled"; what it was given is deleted with it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from vultus.errors import ConflictError, NotFoundError
from vultus.server.problems import Problem, problem_of, too_many

__all__ = ["Job", "Jobs", "Stopped"]

log = logging.getLogger("vultus.server")

Status = Literal["queued", "running", "done", "failed", "cancelled"]
_KEPT = 100  # finished jobs
_WAITING = 16  # jobs of all keys
_OWN = 4  # of one key
_ROWS = 100_000
_ENDED = ("done", "failed", "cancelled")


class Stopped(Exception):
    """No error but an end that was asked for: the job was cancelled, or had its time."""


@dataclass(slots=True, eq=False)
class Job:
    """One piece of work, its progress and its rows so far."""

    kind: Literal["video", "cluster"]
    owner: str  # id of the key
    gallery: str
    seconds: float  # that it may take
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    status: Status = "queued"
    created: str = field(default_factory=lambda: _now())
    ended: str | None = None
    done: int = 0  # frames or pictures
    total: int | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    problem: Problem | None = None
    cancelled: bool = False
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
        if len(self.rows) >= _ROWS:
            raise Stopped
        self.rows.append(row)
        self._changed()


class Jobs:
    """The queue, and the thread that works it off."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._queue: deque[tuple[Job, Callable[[Job], None], Callable[[], None]]] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

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
        """Cancel what waits and what runs, and end."""
        with self._lock:
            self._stopping = True
            for job in self._jobs.values():
                job.cancelled = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()

    def submit(self, job: Job, work: Callable[[Job], None], clean: Callable[[], None] = lambda: None) -> Job:
        """Queue a job. clean: called in any case when it is over. Refused (429): too many wait."""
        with self._lock:
            waiting = [one for one in self._jobs.values() if not one.over]
            if self._stopping or len(waiting) >= _WAITING or sum(one.owner == job.owner for one in waiting) >= _OWN:
                raise too_many("queue_full", f"{len(waiting)} jobs wait or run already; try again later", 10)
            for old in [one for one in self._jobs.values() if one.over][: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[old.id]
            job._changed = self._changed
            self._jobs[job.id] = job
            self._queue.append((job, work, clean))
            self._lock.notify_all()
        return job

    def get(self, identity: str, owner: str | None) -> Job:
        """A job by its id. owner: whose; None: anybody's. Refused (NotFoundError): there is none."""
        with self._lock:
            job = self._jobs.get(identity)
        if job is None or owner not in (None, job.owner):
            raise NotFoundError(f"expected the id of a job, got {identity!r}; jobs end with the server")
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
                self._jobs.pop(job.id, None)
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
                self._changed()

    def _do(self, job: Job, work: Callable[[Job], None]) -> None:
        if job.cancelled:
            job.status = "cancelled"
            return
        job.status = "running"
        job._deadline = time.monotonic() + job.seconds
        self._changed()
        try:
            work(job)
        except Stopped:
            job.status = "cancelled"
            if not job.cancelled:
                job.problem = Problem(422, "too_large", "the job took longer, or gave more rows, than a job may")
        except Exception as error:  # the job fails, the server goes on
            job.problem = problem_of(error)
            job.status = "failed"
            if job.problem.status >= 500:
                log.exception("a job failed")
        else:
            job.status = "done"


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
