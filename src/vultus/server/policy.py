"""What may be told outside: which scores, how exactly, and how often about one person.

Similarities that are returned for faces which did not match let a stranger climb towards a
match. By default none below the operating threshold is given, the others are rounded, and
each key may ask only so often about one person: each answer costs what it tells. An answer
near the threshold is a full probe, a clear match little, a clear "unknown" whose score is
withheld nothing. When the probes of one person are used up, the key's searches of that
gallery wait, whoever they are about: a refusal that depended on the face would tell as
much as an answer.

What goes with a score, such as its error rate, is of the score as it is told. The scores as they
were stand in the journal, with threshold and model, since a decision that cannot be checked
afterwards is none. The journal is read by auditors, who can compare nothing, and administrators,
who set the policy; no other role reaches it, and no other route repeats it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vultus.gallery.values import Candidate, Identification
from vultus.server.problems import too_many

__all__ = ["Probes", "ScorePolicy"]

BAND = 0.05  # of cosine around the threshold within which an answer tells most
CLEAR = 0.01  # what a clear match costs: its score still tells the second decimal
HOUR = 3600.0
_SCORES = re.compile(r" \((?:best )?-?\d\.\d+ [<>]=? -?\d\.\d+\)")
_PEOPLE = 100_000  # key and person pairs that are remembered


@dataclass(frozen=True, slots=True)
class ScorePolicy:
    """Which scores are told.

    >>> policy = ScorePolicy()
    >>> policy.score(0.7129, threshold=0.36), policy.score(0.3512, threshold=0.36)
    (0.71, None)
    """

    floor: bool = True  # withhold similarities below the operating threshold
    decimals: int = 2
    probes_per_person: int = 100  # of one key, an hour; 0: no bound

    def score(self, score: float | None, threshold: float | None) -> float | None:
        """The score as it may be told, None when it may not; rounding never takes it across the threshold."""
        if score is None or (self.floor and (threshold is None or not score >= threshold)):
            return None
        told = round(score, self.decimals)
        step = 10.0**-self.decimals
        if threshold is not None and score >= threshold > told:
            told = round(told + step, self.decimals)
        elif threshold is not None and score < threshold <= told:
            told = round(told - step, self.decimals)
        return told

    def candidates(self, found: Iterable[Candidate], threshold: float | None) -> tuple[Candidate, ...]:
        """The candidates that may be told, with their scores as they may be told."""
        told = ((candidate, self.score(candidate.score, threshold)) for candidate in found)
        return tuple(Candidate(one.person, one.id, score) for one, score in told if score is not None)

    def text(self, text: str) -> str:
        """A sentence of the library without the similarities in it, where scores are not told as they are.

        >>> ScorePolicy().text("looks like Ada (0.712 >= 0.414); use force if the two are not one person")
        'looks like Ada; use force if the two are not one person'
        """
        return _SCORES.sub("", text)

    def cost(self, score: float | None, threshold: float | None) -> float:
        """How much an answer tells about the person it was closest to, in probes."""
        if score is None or threshold is None:
            return 0.0
        if score < threshold - BAND:
            return 0.0 if self.floor else 1.0
        return 1.0 if score < threshold + BAND else CLEAR

    def costs(self, found: Iterable[Identification]) -> dict[str, float]:
        """Cost of the answers to one picture, by the id of the person each was closest to."""
        costs: dict[str, float] = {}
        for one in found:
            if one.candidates and one.operating is not None:
                best = one.candidates[0]
                costs[best.id] = costs.get(best.id, 0.0) + self.cost(best.score, one.operating.threshold)
        return costs


@dataclass(slots=True)
class _Budget:
    left: float
    at: float


@dataclass(slots=True)
class Probes:
    """Probes that each key has left for each person; used up, they come back over an hour."""

    policy: ScorePolicy
    clock: Callable[[], float] = time.monotonic
    _left: dict[tuple[str, str, str], _Budget] = field(default_factory=dict)
    _dry: dict[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, key: str, gallery: str) -> None:
        """Refuse (429) searches of a key that used up its probes of somebody in this gallery."""
        with self._lock:
            dry = self._dry.get((key, gallery))
            if dry is None:
                return
            left = self._refilled(dry).left
            if left >= 1:
                del self._dry[key, gallery]
                return
        seconds = (1 - left) * HOUR / self.policy.probes_per_person
        raise too_many(
            "probe_limit",
            f"expected at most {self.policy.probes_per_person} close calls about one person an hour, this key had "
            "more; wait, or ask an administrator to raise the bound",
            seconds,
        )

    def spend(self, key: str, gallery: str, costs: dict[str, float]) -> None:
        """Count what the answers told; the search that was just done is always answered."""
        if not self.policy.probes_per_person:
            return
        with self._lock:
            for person, cost in costs.items():
                if not cost:
                    continue
                place = (key, gallery, person)
                budget = self._refilled(place)
                budget.left -= cost
                if budget.left < 1:
                    self._dry[key, gallery] = place
            if len(self._left) > _PEOPLE:
                self._forget()

    def forget(self, person: str) -> None:
        """Nothing is remembered of somebody who was erased."""
        with self._lock:
            self._left = {place: budget for place, budget in self._left.items() if place[2] != person}
            self._dry = {place: dry for place, dry in self._dry.items() if dry[2] != person}

    def _refilled(self, place: tuple[str, str, str]) -> _Budget:
        now = self.clock()
        most = float(self.policy.probes_per_person)
        budget = self._left.setdefault(place, _Budget(most, now))
        budget.left = min(most, budget.left + (now - budget.at) * most / HOUR)
        budget.at = now
        return budget

    def _forget(self) -> None:
        """Drop those that are full again, and if need be the fullest."""
        for place in list(self._left):
            if self._refilled(place).left >= self.policy.probes_per_person:
                del self._left[place]
        if len(self._left) > _PEOPLE:
            fullest = sorted(self._left, key=lambda place: -self._left[place].left)
            for place in fullest[: _PEOPLE // 2]:
                del self._left[place]
