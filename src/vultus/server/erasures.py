"""Erasures that were cut off, by a kill or by another process's readers: taken up without being asked.

A gallery remembers who is deleted and whose traces are still to go. A server looks for that when
it starts, beside its other work, and now and then afterwards.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vultus.errors import GalleryBusyError, NotFoundError, VultusError

if TYPE_CHECKING:
    from vultus.gallery.values import Receipt
    from vultus.server.service import Service

__all__ = ["CutOff", "note_erasure"]

log = logging.getLogger("vultus.server")

REASON = "had been cut off; the server took it up by itself"


def note_erasure(service: Service, key: str, gallery: str, receipt: Receipt, reason: str = "") -> None:
    """Let go of what this process keeps of somebody who was erased, and write into the journal that it was done.

    The journal has the id and the outcome, as for every change: not who it was, nor what was erased.
    """
    service.forget_person(gallery, receipt.person)
    service.note(
        key,
        "person.erase",
        gallery=gallery,
        target=receipt.person,
        reason=reason,
        revision=receipt.revision_after,
        status=receipt.status,
    )


class CutOff:
    """What is left of erasures in the galleries of a service, round by round; used by one thread at a time."""

    def __init__(self) -> None:
        """Nothing was looked at yet."""
        self._before: dict[str, frozenset[str]] = {}  # ids that waited at the last look, by gallery
        self._given_up: set[tuple[str, str]] = set()  # traces were found: somebody has to look

    def finish(self, service: Service) -> None:
        """Finish what can be finished.

        Galleries that are seen for the first time are looked at, also those that nobody asked for
        yet; from then on those that are open. In a later look only what waited a look before is
        taken up: until then another process may be at work on it. Readers of other processes are
        waited for the first time only, since the gallery stands still meanwhile.
        """
        for name in service.galleries():
            if service.stopping.is_set():
                return
            first = name not in self._before
            try:
                waiting = frozenset(service.unfinished_erasures(name, closed=first))
                before = self._before.get(name, waiting)
                open_ones = {person for person in waiting & before if (name, person) not in self._given_up}
                if open_ones:
                    self._finish(service, name, wait=first)
                self._before[name] = waiting
            except NotFoundError:  # deleted meanwhile
                self._before.pop(name, None)
            except GalleryBusyError as error:  # the next look is soon enough
                log.warning("erasures in %s could not be finished: %s", name, error)
            except VultusError as error:  # one that cannot be opened: whoever opens it hears of it
                log.warning("erasures in %s could not be finished: %s", name, error)
                self._before.setdefault(name, frozenset())

    def _finish(self, service: Service, name: str, *, wait: bool) -> None:
        for receipt in service.gallery(name).finish_erasures(wait=wait):
            if receipt.status == "pending":
                log.info("an erasure in %s waits for the readers of another process", name)
                continue
            if (name, receipt.person) in self._given_up and receipt.status == "traces":
                continue
            note_erasure(service, "server", name, receipt, REASON)
            log.info("an erasure in %s that had been cut off was taken up: %s", name, receipt.status)
            if receipt.status == "traces":
                self._given_up.add((name, receipt.person))
