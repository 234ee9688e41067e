"""Live checks: challenges that are handed out, answered before the camera, judged, and used up.

A check is bound to the key that asked for it and good once. Its frames are looked at as they
come and let go; what is kept is numbers. The page's times are held against this server's
clock: a frame cannot come before it was taken, nor long after.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from vultus.errors import ConflictError, NotFoundError
from vultus.liveness import Challenge, Challenges, Seen, blink_signal, blinks, challenge_signal, fuse, plane_signal
from vultus.liveness.challenge import Kind
from vultus.models.landmark import Mesh
from vultus.server.limits import Buckets
from vultus.server.problems import Problem, too_many
from vultus.types import Liveness, Signal, Vector, unit

__all__ = ["FRAMES", "FRAME_BYTES", "FRAME_PIXELS", "Check", "LiveChecks", "Look", "Passed", "Verdict", "judge"]

FRAMES = 400  # of one check
FRAME_BYTES = 512 * 2**10
FRAME_PIXELS = 1_700_000
BYTES = 48 * 2**20  # of all frames of one check
LATE = 5.0  # seconds that a frame may take to get here
SLACK = 0.3  # seconds by which the page's clock may differ
AFTER = 20.0  # seconds after its end in which an answer must be complete
GOOD = 120.0  # seconds for which a check that was passed can be named
KEPT = 300.0  # seconds for which it is known how one ended
OPEN_OF_KEY = 8
OPEN_OF_ALL = 256
RUNNING = 32  # that are being answered; each holds up to 3 MB of numbers
BEST = 12  # frames whose passive scores count
SAMPLED = 0.24  # seconds between frames that are recognised and judged by themselves
MESHES = 96  # kept for the plane test
CROWD = 0.25  # share of the largest face's area from which another one is somebody in front of the camera
CROWDED = 0.05  # share of frames that may show two
FIRST = 3  # recognised frames that say who it is

Status = Literal["open", "recording", "passed", "failed", "used"]


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of a frame."""

    time: float  # seconds since the challenge was begun to be shown
    faces: int  # in front of the camera
    seen: Seen | None = None  # None: no face
    mesh: Mesh | None = None
    quality: float = 0.0
    passive: Liveness | None = None  # None: this frame was not judged by itself
    embedding: Vector | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """Who passed a check, and the evidence."""

    liveness: Liveness
    embedding: Vector


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer is worth."""

    passed: Passed | None
    reason: str  # why not; what was seen, where it was passed
    liveness: Liveness | None  # None: no frame could be judged


@dataclass(slots=True, eq=False)
class Check:
    """A challenge on its way from one key and back."""

    challenge: Challenge
    key: str
    status: Status = "open"
    reason: str = ""
    start: float = math.inf  # latest moment, on our clock, at which the page can have begun
    ended: float = math.inf
    size: int = 0  # bytes of its frames
    count: int = 0
    last: float = -math.inf
    sampled: float = -math.inf
    looks: list[Look] = field(default_factory=list)
    passed: Passed | None = None
    guidance: str = ""  # from its last frame
    head: tuple[float, float] | None = None  # yaw and pitch in it, degrees
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def over(self) -> bool:
        """No frames are taken any more."""
        return self.status not in ("open", "recording")

    def samples(self, at: float) -> bool:
        """A frame of this time is to be recognised and judged by itself."""
        if at - self.sampled < SAMPLED:
            return False
        self.sampled = at
        return True


class LiveChecks:
    """All checks of a server."""

    def __init__(self, an_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        """an_hour: that one key may ask for."""
        self._an_hour, self._clock = an_hour, clock
        self._challenges = Challenges(clock=clock)
        self._buckets = Buckets(clock)
        self._checks: dict[str, Check] = {}

    def issue(self, key: str, kind: Kind) -> Check:
        """A new check for a key. Refused (429): it has too many open, or asked for too many."""
        self._tidy()
        open_ones = [one for one in self._checks.values() if not one.over]
        if sum(one.key == key for one in open_ones) >= OPEN_OF_KEY or len(open_ones) >= OPEN_OF_ALL:
            raise too_many("rate_limited", f"expected at most {OPEN_OF_KEY} open live checks of a key", 10)
        if wait := self._buckets.take(key, rate=self._an_hour / 3600, burst=self._an_hour):
            raise too_many("rate_limited", f"expected at most {self._an_hour} live checks of a key an hour", wait)
        challenge = self._challenges.issue(kind)
        check = Check(challenge, key)
        self._checks[challenge.nonce] = check
        return check

    def left(self, check: Check) -> float:
        """Seconds in which an open check must be begun, a running one answered, a passed one named."""
        now = self._clock()
        if check.status == "open":
            return max(check.challenge.expires - now, 0.0)
        if check.status == "recording":
            return max(check.start + check.challenge.seconds + AFTER - now, 0.0)
        return max(check.ended + GOOD - now, 0.0) if check.status == "passed" else 0.0

    def running(self, key: str, name: str) -> Check:
        """The check of that name which frames come for.

        Refused: unknown, too old, or another key's, which is not told apart (NotFoundError);
        one that has ended, since none is answered twice (ConflictError).
        """
        check = self._found(key, name)
        if check.over:
            raise ConflictError(f"expected a live check that is open, this one has ended ({_how(check)}); start anew")
        if check.status == "open":
            if sum(one.status == "recording" for one in self._checks.values()) >= RUNNING:
                raise too_many("queue_full", f"{RUNNING} live checks are being done already; try again", 5)
            self._challenges.take(name)
            check.status, check.start = "recording", self._clock()
        elif not self.left(check):
            raise self.fail(check, "the answer was not complete in time")
        return check

    def arrived(self, check: Check, times: Sequence[float], sizes: Sequence[int]) -> None:
        """Hold the times and sizes of frames that just came against the clock and the bounds.

        times: seconds since the page began to show the challenge. Refused (Problem 422), and
        the check has failed: times that do not rise, that lie ahead of this clock or far behind it,
        too many frames or bytes.
        """
        now = self._clock()
        if not times or len(times) != len(sizes):
            raise self.fail(check, f"expected a time a frame, got {len(times)} for {len(sizes)}")
        rising = [check.last, *times]
        if not all(math.isfinite(one) and one >= 0 for one in times) or any(
            later <= earlier for earlier, later in itertools.pairwise(rising)
        ):
            raise self.fail(check, "the frames are out of order: their times must rise")
        if times[-1] > check.challenge.seconds + AFTER:
            raise self.fail(
                check, f"the challenge lasts {check.challenge.seconds:.1f} s, a frame is of {times[-1]:.1f} s"
            )
        check.count += len(times)
        check.size += sum(sizes)
        if check.count > FRAMES:
            raise self.fail(check, f"expected at most {FRAMES} frames, got more")
        if max(sizes) > FRAME_BYTES or check.size > BYTES:
            raise self.fail(check, f"expected frames of at most {FRAME_BYTES} bytes, and {BYTES} together")
        started = now - times[-1]
        if started < check.challenge.issued - SLACK:
            raise self.fail(check, "the frames are said to be older than the challenge: their times run ahead")
        check.start = min(check.start, started)
        if started - check.start > LATE:
            raise self.fail(
                check, f"frames came more than {LATE:g} s after they were taken; the connection is too slow"
            )
        check.last = times[-1]

    def fail(self, check: Check, reason: str) -> Problem:
        """End a check; what to raise for it."""
        self._end(check, "failed", reason)
        return Problem(422, "challenge_failed", reason)

    def judged(self, check: Check, threshold: float) -> Verdict:
        """What the answer is worth; the check has ended. threshold: cosine from which two looks are one person's."""
        verdict = judge(check.challenge, check.looks, threshold)
        check.passed = verdict.passed
        self._end(check, "failed" if verdict.passed is None else "passed", verdict.reason)
        return verdict

    def use(self, key: str, name: str) -> Passed:
        """The check that a request names, which is used up by it.

        Refused: unknown, too old, another key's (NotFoundError); not passed, or used before (ConflictError).
        """
        check = self._found(key, name)
        if check.status != "passed" or check.passed is None:
            raise ConflictError(f"expected a live check that was passed and not used yet, this one is {_how(check)}")
        if not self.left(check):
            raise NotFoundError("expected a live check of the last two minutes, this one is too old; do another")
        passed, check.passed, check.status = check.passed, None, "used"
        return passed

    def _found(self, key: str, name: str) -> Check:
        self._tidy()
        check = self._checks.get(name)
        if check is None or check.key != key:
            raise NotFoundError("expected a live check of this key, this one is unknown or too old; ask for a new one")
        return check

    def _end(self, check: Check, status: Status, reason: str) -> None:
        check.status, check.reason, check.ended = status, reason, self._clock()
        check.looks = []

    def _tidy(self) -> None:
        """Forget what is over or was never begun."""
        now = self._clock()
        for name, check in list(self._checks.items()):
            begun = check.challenge.expires if check.status == "open" else check.start + check.challenge.seconds + AFTER
            if now > (check.ended if check.over else begun) + (KEPT if check.over else 0):
                del self._checks[name]


def judge(challenge: Challenge, looks: Sequence[Look], threshold: float) -> Verdict:
    """What an answer to a challenge is worth: done as asked, by one person throughout, who looks present.

    looks: its frames in order of time. threshold: cosine from which two are one person's.
    """
    shown = [look for look in looks if look.seen is not None]
    seen = [look.seen for look in shown if look.seen is not None]
    asked = challenge_signal(challenge, seen)
    crowded = sum(look.faces > 1 for look in looks)
    vectors = [look.embedding for look in shown if look.embedding is not None]
    meshes = [look.mesh for look in shown if look.mesh is not None]
    signals = (
        asked,
        _one_person(vectors, threshold),
        plane_signal(meshes[:: -(-len(meshes) // MESHES) or 1]),
        blink_signal(blinks([one.time for one in seen], [one.eyes for one in seen])),
    )
    judged = [look for look in shown if look.passive is not None]
    best = sorted(sorted(judged, key=lambda look: -look.quality)[:BEST], key=lambda look: look.time)
    passive = [look.passive for look in best if look.passive is not None]
    answer = fuse(passive, passive[0].point, signals) if passive else None
    why = ""
    if crowded > max(2, CROWDED * len(looks)):
        why = f"{crowded} of {len(looks)} frames show more than one face; be alone before the camera"
    elif signals[1].says == "attack":
        why = signals[1].reason
    elif asked.says != "bona fide":
        why = f"the challenge was not done as asked: {asked.reason}"
    elif signals[1].says != "bona fide":
        why = signals[1].reason
    elif answer is None:
        why = "no frame could be judged"
    elif not answer.live:
        why = answer.abstained or f"not taken for a living face: P {answer.score:.3f} < {answer.point.threshold:.3f}"
    if why or answer is None:
        return Verdict(None, why, answer)
    who = unit(np.mean(np.stack(vectors), axis=0))
    return Verdict(Passed(answer, who), asked.reason, answer)


def _one_person(vectors: Sequence[Vector], threshold: float) -> Signal:
    """Whether all looks are of the one person of the first; two in a row that are not are another's."""
    name, unit_ = "person", "share of looks like the first"
    if len(vectors) < 2 * FIRST:
        why = f"{len(vectors)} looks could be recognised, {2 * FIRST} are needed"
        return Signal(name, math.nan, unit_, "nothing", why)
    rows = np.stack(vectors)
    like = rows @ unit(rows[:FIRST].mean(axis=0)) >= threshold
    share = float(like.mean())
    if (~like[1:] & ~like[:-1]).any() or not like[-1]:
        return Signal(
            name, share, unit_, "attack", "the face changes half way: somebody else is seen than at the beginning"
        )
    return Signal(name, share, unit_, "bona fide", f"one person throughout, by {len(vectors)} looks")


def _how(check: Check) -> str:
    how = {"open": "not begun", "recording": "not finished", "used": "used already", "passed": "passed already"}
    return how.get(check.status, f"failed: {check.reason}")
