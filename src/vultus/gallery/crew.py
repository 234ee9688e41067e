"""Several threads on one list of stretches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from vultus.runtime import cores

__all__ = ["Crew", "usable_cores"]

T = TypeVar("T")


class Crew:
    """The calling thread and up to `size - 1` others, which begin when they are first needed."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._owner = 0  # process that made the pool: its threads do not survive a fork

    def each(self, look: Callable[[T], None], stretches: Iterable[T]) -> None:
        """Call `look` once for every item; whoever is free takes the next."""
        items = list(stretches)
        todo = iter(items)

        def work() -> None:
            for item in todo:
                look(item)

        others = [self._others().submit(work) for _ in range(min(self.size, len(items)) - 1)]
        try:
            work()
        finally:
            for other in others:
                if not other.cancel():  # one that has not begun by now has nothing to do
                    other.result()

    def _others(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._owner != os.getpid():
                self._pool = ThreadPoolExecutor(max(1, self.size - 1), thread_name_prefix="vultus-search")
                self._owner = os.getpid()
            return self._pool


def usable_cores() -> int:
    """Cores that this process may use, at most 8: beyond that a search waits for memory."""
    return min(8, cores())
