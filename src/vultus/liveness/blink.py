"""Blinks from how open the eyes are over time.

The measure differs from face to face and drifts with the head, so each moment is compared
with the eyes' own opening around it, and a dip counts only if it stands clear of the
track's noise, both eyes take part, and the lids come back as fast as lids do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Signal

__all__ = ["Blinks", "blink_signal", "blinks"]

SLOWEST = 10.0  # frames a second; a blink lasts 0.1 to 0.4 s and must be met by a frame
SHORTEST = 1.0  # seconds of video
AROUND = 1.5  # seconds to either side that say how open the eyes are otherwise
OPEN = 0.6  # of the track's own wide-open eyes: lids that are down already, as of one who reads, cannot blink
DEPTH = 0.2  # share of the opening that is lost
CLEAR = 5.0  # noise deviations that a dip must have
LONGEST = 0.5  # seconds; longer is a look downwards, or sleep
APART = 0.1  # seconds between two blinks

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Blinks:
    """The blinks of a track, or why none can be looked for."""

    times: tuple[float, ...]  # seconds, of the lowest point of each
    seconds: float  # watched
    rate: float  # frames a second, median
    openness: float  # the eyes' usual aspect; NaN where nothing could be measured
    nothing: str = ""  # why the track cannot show blinks; empty where it can

    @property
    def count(self) -> int:
        return len(self.times)


def blinks(times: Sequence[float], aspects: Sequence[tuple[float, float]]) -> Blinks:
    """Find blinks.

    times: seconds, rising. aspects: right and left eye's, one pair a time (models.landmark.eyes);
    NaN where the face was not seen. Under 10 frames a second or one second nothing is said.
    Refused (InputError): times that fall, or another number of aspects.

    >>> import numpy as np
    >>> times = np.arange(60) / 20
    >>> lids = np.where(abs(times - 1.5) < 0.08, 0.1, 0.3)
    >>> blinks(times, np.stack([lids, lids], axis=1)).count
    1
    """
    at = np.asarray(times, dtype=np.float64)
    eyes = np.asarray(aspects, dtype=np.float64).reshape(-1, 2)
    if len(at) != len(eyes):
        raise InputError(f"expected one pair of aspects a time, got {len(eyes)} for {len(at)} times")
    if len(at) > 1 and not (np.diff(at) > 0).all():
        raise InputError("expected times that rise, some stand still or fall; sort the frames by time")
    seen = np.isfinite(eyes).all(axis=1)
    at, eyes = at[seen], eyes[seen]
    seconds = float(at[-1] - at[0]) if len(at) else 0.0
    rate = 1 / float(np.median(np.diff(at))) if len(at) > 1 else 0.0
    if seconds < SHORTEST or rate < SLOWEST * 0.98:
        why = f"{seconds:.1f} s at {rate:.0f} frames a second; {SHORTEST:g} s at {SLOWEST:g} are needed"
        return Blinks((), seconds, rate, math.nan, why)
    usual = _usual(at, eyes)
    share = eyes / usual  # 1 = as open as usual
    both = share.mean(axis=1)
    lids_up = usual.mean(axis=1) >= OPEN * float(np.percentile(eyes.mean(axis=1), 90))
    noise = 1.4826 * float(np.median(np.abs(np.diff(both)))) / math.sqrt(2)
    depth = max(DEPTH, CLEAR * noise)
    openness = float(np.median(eyes))
    if depth > 0.6:
        return Blinks((), seconds, rate, openness, "the eyes' outlines shake too much: the face is small or blurred")
    return Blinks(_dips(at, share, np.where(lids_up, both, 1.0), depth), seconds, rate, openness)


def blink_signal(found: Blinks) -> Signal:
    """What blinks say: "bona fide" where there are any, never "attack".

    A person may go half a minute without one, and a filmed face blinks as well.
    """
    if found.nothing:
        return Signal("blink", math.nan, "blinks", "nothing", found.nothing)
    if not found.count:
        reason = f"no blink in {found.seconds:.1f} s, which also happens to living people"
        return Signal("blink", 0.0, "blinks", "nothing", reason)
    when = ", ".join(f"{time:.1f}" for time in found.times[:5]) + (" …" if found.count > 5 else "")
    reason = f"{found.count} blink{'s' * (found.count > 1)} in {found.seconds:.1f} s (at {when} s); a film blinks too"
    return Signal("blink", float(found.count), "blinks", "bona fide", reason)


def _usual(at: Array, eyes: Array) -> Array:
    """How open each eye is around each moment: the 75th percentile, which a blink does not lower, (T, 2)."""
    first = np.searchsorted(at, at - AROUND)
    last = np.searchsorted(at, at + AROUND, side="right")
    rows = [np.percentile(eyes[low:high], 75, axis=0) for low, high in zip(first, last, strict=True)]
    return np.maximum(np.array(rows), 1e-6)


def _dips(at: Array, share: Array, both: Array, depth: float) -> tuple[float, ...]:
    """Times of the dips that have a blink's depth, length and return."""
    below = both < 1 - depth
    edges = np.flatnonzero(np.diff(np.concatenate([[False], below, [False]]).astype(int)))
    found: list[float] = []
    for low, high in edges.reshape(-1, 2):  # frames low .. high-1 are below
        if low == 0 or high == len(at):
            continue  # it began or ends outside the track: no blink was seen whole
        if at[high] - at[low - 1] > LONGEST + 2 / SLOWEST or at[high - 1] - at[low] > LONGEST:
            continue
        before = both[(at >= at[low] - 0.3) & (at < at[low])].max(initial=0)
        behind = both[(at > at[high - 1]) & (at <= at[high - 1] + 0.4)].max(initial=0)
        lowest = low + int(both[low:high].argmin())
        if min(before, behind) < 1 - depth / 2 or share[lowest].max() > 1 - depth / 2:
            continue
        if found and at[lowest] - found[-1] < APART:
            continue
        found.append(float(at[lowest]))
    return tuple(found)
