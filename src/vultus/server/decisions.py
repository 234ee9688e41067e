"""Decisions on their way into the journal: written together, within a moment of the answer.

A change is in the journal before it is acknowledged. A decision changes nothing, and a disk
write for each would cost more than the search itself; so decisions gather for a few
milliseconds and are written as one. When they cannot be written no more are taken.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from vultus.errors import InputError, StorageError, VultusError
from vultus.server.journal import Journal

__all__ = ["Decisions"]

log = logging.getLogger("vultus.server")

_GATHER = 0.02  # seconds
_AGAIN = 0.5  # seconds after which a write that failed is tried again
_MOST = 10_000  # that wait
_TOGETHER = 1000


class Decisions:
    """The entries that wait, and the thread that writes them."""

    def __init__(self, journal: Journal) -> None:
        """journal: where they go."""
        self._journal = journal
        self._changed = threading.Condition()
        self._waiting: list[Mapping[str, Any]] = []
        self._writing = 0
        self._error: VultusError | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="vultus-decisions", daemon=True)
        self._thread.start()

    def add(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Take entries, with the fields that `Journal.append` takes by name.

        Refused (StorageError): those before cannot be written.
        """
        with self._changed:
            if self._error is not None or len(self._waiting) >= _MOST:
                raise StorageError(f"decisions cannot be written into the journal ({self._error or 'too many wait'})")
            self._waiting += entries
            self._changed.notify_all()

    def flush(self, seconds: float = 10.0) -> None:
        """Return when everything that was taken is on the disk. Refused (StorageError): it takes longer."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._waiting and not self._writing, seconds):
                raise StorageError(
                    f"decisions cannot be written into the journal ({self._error or 'it takes too long'})"
                )

    def close(self) -> None:
        """Write what waits, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                if not self._stopping:
                    self._changed.wait_for(lambda: self._stopping or len(self._waiting) >= _TOGETHER, _GATHER)
                batch = self._waiting[:_TOGETHER]
                del self._waiting[:_TOGETHER]
                self._writing = len(batch)
            error = self._write(batch)
            with self._changed:
                self._writing = 0
                if error is not None:
                    self._waiting[:0] = batch
                self._error = error
                self._changed.notify_all()
                if error is not None and self._stopping:
                    log.error("%d decisions are lost to the journal: %s", len(self._waiting), error)
                    return
            if error is not None:
                time.sleep(_AGAIN)

    def _write(self, batch: Sequence[Mapping[str, Any]]) -> VultusError | None:
        try:
            self._journal.append_all(batch)
        except InputError:  # one of them is no entry: the others are written without it
            for entry in batch:
                try:
                    self._journal.append_all([entry])
                except InputError as error:
                    log.error("a decision is no entry of the journal: %s", error)
        except VultusError as error:
            log.error("decisions could not be written into the journal: %s", error)
            return error
        return None
