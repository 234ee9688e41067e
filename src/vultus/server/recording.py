"""What a service tells its journal and counts: changes, decisions, enrolments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vultus.analyzer import why_not_live
from vultus.server import logs
from vultus.server.decisions import Decisions
from vultus.server.journal import Journal
from vultus.server.living import evidence as evidence_of
from vultus.server.metrics import Metrics
from vultus.server.policy import Probes, ScorePolicy
from vultus.server.settings import Settings

if TYPE_CHECKING:
    from vultus.gallery.values import Enrolment, Identification
    from vultus.types import Liveness

__all__ = ["Recording"]


class Recording(ABC):
    """The journal of a service, its figures, and what was told about whom; see `Service`."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal in the settings' folder."""
        self.journal = Journal(settings.state / "journal.sqlite")
        self.decisions = Decisions(self.journal)
        self.metrics = Metrics()
        self.policy = ScorePolicy(settings.score_floor, settings.score_decimals, settings.probes_per_person)
        self.probes = Probes(self.policy)

    @property
    @abstractmethod
    def contract(self) -> str:
        """Id of the embedding contract in use."""

    def _close_record(self) -> None:
        """Write what waits, and let go of the journal."""
        self.decisions.close()
        self.journal.close()

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
        self.decisions.append(_entry(key, action, gallery, target, revision, evidence, reason))

    def note_decision(
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
        """As `note` for what changes nothing: on the disk within a moment, see `vultus.server.decisions`."""
        self.decisions.add([_entry(key, action, gallery, target, revision, evidence, reason)])

    def note_not_live(self, key: str, action: str, answer: Liveness, *, gallery: str = "", **about: Any) -> None:
        """Write into the journal that a face was refused since it is not taken for a living one, and why."""
        self.metrics.count("vultus_not_live_total", action=action)
        told = {"decision": "not_live", **evidence_of(answer), **about}
        self.note_decision(key, action, gallery=gallery, reason=why_not_live(answer), **told)

    def note_decisions(
        self,
        key: str,
        gallery: str,
        sha256: str,
        found: Iterable[Identification],
        live: Sequence[Liveness] = (),
    ) -> None:
        """Write the answers about one picture into the journal: what was decided, on which evidence.

        live: of all of its faces, where that was asked for.
        """
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
            reason = ""
            if live:
                evidence |= evidence_of(live[one.ordinal])
                reason = why_not_live(live[one.ordinal])
            if reason:
                self.metrics.count("vultus_not_live_total", action="identify")
            target = one.candidates[0].id if one.status == "match" else ""
            entries.append(_entry(key, "identify", gallery, target, one.revision, evidence, reason))
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

    def told(self, caller_key: str, gallery: str, found: tuple[Identification, ...]) -> None:
        """Count a search that is about to be answered: outcomes, and what it tells about whom."""
        self.probes.spend(caller_key, gallery, self.policy.costs(found))
        for one in found:
            self.metrics.count("vultus_identify_total", outcome=one.status)


def _entry(
    key: str,
    action: str,
    gallery: str,
    target: str,
    revision: int | None,
    evidence: dict[str, Any],
    reason: str = "",
) -> dict[str, Any]:
    """An entry of the journal, with the time at which it happened."""
    return {
        "actor": f"key:{key}",
        "action": action,
        "gallery": gallery,
        "target": target,
        "reason": reason,
        "revision": revision,
        "request": logs.current().request_id,
        "evidence": evidence,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
