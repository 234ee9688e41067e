"""Decisions on their way into the journal: written together, within a moment of the answer.

A change is in the journal before it is acknowledged, after all decisions that were answered
before. A decision changes nothing, and a disk write for each would cost more than the search
itself; so decisions gather for some milliseconds and are written as one. When they cannot be
written no more are taken.
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

_GATHER = 0.05  # seconds; at 0.02 a search costs 0.1 ms more
_AGAIN = 0.5  # seconds after which a write that failed is tried again
_MOST = 10_000  # that wait
_TOGETHER = 1000


class Decisions:
    """The entries that wait, and the thread that writes them."""

    def __init__(self, journal: Journal) -> None:
        """journal: where they go."""
        self._journal = journal
        self._changed = threading.Condition()
        self._order = threading.Lock()  # held from taking entries until they are written
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
            begins = not self._waiting
            self._waiting += entries
            if begins or len(self._waiting) >= _TOGETHER:  # else the thread has been told, and sleeps on purpose
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

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write an entry now, after all that wait, so that the journal has what was done in its order.

        Returns when it is on the disk. Refused (StorageError): it cannot be written.
        """
        with self._order:
            error = self._write(self._taken(_MOST), entry)
        if error is not None:
            raise error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if not self._waiting:
                    return
                if not self._stopping:
                    self._changed.wait_for(lambda: self._stopping or len(self._waiting) >= _TOGETHER, _GATHER)
            with self._order:
                error = self._write(self._taken(_TOGETHER))
            if error is None:
                continue
            log.error("decisions could not be written into the journal: %s", error)
            if self._stopping:
                log.error("%d decisions are lost to the journal", len(self._waiting))
                return
            time.sleep(_AGAIN)

    def _taken(self, most: int) -> list[Mapping[str, Any]]:
        with self._changed:
            batch = self._waiting[:most]
            del self._waiting[:most]
            self._writing = len(batch)
        return batch

    def _write(self, batch: list[Mapping[str, Any]], last: Mapping[str, Any] | None = None) -> VultusError | None:
        """Write what was taken, and `last` after it; what could not be written waits again."""
        error = self._written(batch, last)
        with self._changed:
            self._writing = 0
            if error is not None:
                self._waiting[:0] = batch
            self._error = error
            self._changed.notify_all()
        return error

    def _written(self, batch: list[Mapping[str, Any]], last: Mapping[str, Any] | None) -> VultusError | None:
        whole = batch if last is None else [*batch, last]
        try:
            self._journal.append_all(whole)
        except InputError:  # one of them is no entry: the others are written without it
            try:
                self._one_by_one(batch)
                if last is not None:
                    self._journal.append_all([last])
            except VultusError as error:
                return error
        except VultusError as error:
            return error
        return None

    def _one_by_one(self, batch: list[Mapping[str, Any]]) -> None:
        while batch:
            try:
                self._journal.append_all(batch[:1])
            except InputError as error:
                log.error("a decision is no entry of the journal: %s", error)
            del batch[0]
