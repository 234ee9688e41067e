"""Jobs of a server: work that outlasts a request, watched from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vultus.client.http import Http, part
from vultus.client.problems import error_of
from vultus.client.values import only
from vultus.errors import VultusError

__all__ = ["JobInfo", "RemoteJob"]


@dataclass(frozen=True, slots=True)
class JobInfo:
    """How far a job is. error: what it ended with, if not well; of one that was interrupted, how to go on."""

    id: str
    kind: str  # "video", "cluster", "migrate"
    gallery: str | None
    status: str  # "queued", "running", "done", "failed", "cancelled", "interrupted"
    created: str
    ended: str | None
    done: int  # frames, pictures or faces
    total: int | None
    count: int  # of rows
    error: VultusError | None

    @classmethod
    def of(cls, told: dict[str, Any]) -> JobInfo:
        """From the server's JSON."""
        rest = only(cls, told)
        problem = told["problem"]
        return cls(**rest, error=None if problem is None else error_of(problem, None))


class RemoteJob:
    """One job, by its id."""

    def __init__(self, http: Http, identity: str) -> None:
        """See `Client.job`."""
        self._http = http
        self.id = identity

    def info(self) -> JobInfo:
        """How far it is now."""
        return JobInfo.of(self._http.json("GET", f"/v1/jobs/{part(self.id)}"))

    def rows(self, progress: Callable[[int, int | None], None] | None = None) -> Iterator[dict[str, Any]]:
        """Its rows as they come, from the first, until it ends; a stream that breaks is taken up where it was.

        progress: called with how many frames, pictures or faces are done, and of how many. Raises what it ended with.
        """
        return self._http.rows(self.id, progress)

    def cancel(self) -> None:
        """Let it end; one that has ended is forgotten."""
        self._http.json("DELETE", f"/v1/jobs/{part(self.id)}")
