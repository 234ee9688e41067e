"""The expressions of one track over time, with the noise of single frames taken out.

A mean of probabilities with weights that fall by distance in time, exp(-|t - s| / seconds), so
that frames left out, and rates that vary, do no harm: after a gap the past counts less by itself.
Only the past counts unless a look ahead is asked for; then an answer waits for it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.types import Expression

__all__ = ["Smoother"]

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class _Held(Generic[Key]):
    """An answer that waits for what comes after it."""

    key: Key
    time: float
    seen: Expression
    total: NDArray[np.float64]  # weighted sum of what came up to it, at its time
    weight: float


class Smoother(Generic[Key]):
    """Folds over one track: takes each look in the order of time, gives it back smoothed.

    Where no answer was given none is made up, and such a look counts for nothing.

    >>> smoother = Smoother[int](1.0)
    >>> sure = Expression(("happy", "sad"), (1.0, 0.0), "made up")
    >>> other = Expression(("happy", "sad"), (0.0, 1.0), "made up")
    >>> smoother.see(0, 0.0, sure)[0][1].probabilities
    (1.0, 0.0)
    >>> [round(p, 3) for p in smoother.see(1, 1.0, other)[0][1].probabilities]  # 1/e to 1
    [0.269, 0.731]
    """

    def __init__(self, seconds: float, look_ahead: float = 0.0) -> None:
        """seconds: the time constant; 0 leaves every look as it is. look_ahead: seconds.

        Refused (InputError): negative or infinite ones.
        """
        if not (0 <= seconds < math.inf and 0 <= look_ahead < math.inf):
            raise InputError(f"expected seconds of 0 or more to smooth over, got {seconds} and {look_ahead} ahead")
        self.seconds, self.look_ahead = seconds, look_ahead if seconds else 0.0
        self._waiting: deque[_Held[Key]] = deque()
        self._total: NDArray[np.float64] = np.zeros(0)
        self._weight = 0.0
        self._time = -math.inf

    def see(self, key: Key, time: float, seen: Expression) -> list[tuple[Key, Expression]]:
        """Take in a look at `time` seconds; the looks that no later one can change any more.

        Refused (InputError): a time that is not after the last one's.
        """
        if not time > self._time:
            raise InputError(f"expected looks in the order of time, got {time} s after {self._time} s")
        passed = self._decay(time - self._time)
        self._time = time
        self._total, self._weight = self._total * passed, self._weight * passed
        if seen.probabilities:
            values = np.array(seen.probabilities, np.float64)
            self._total = values if not self._weight else self._total + values
            self._weight += 1.0
        self._waiting.append(_Held(key, time, seen, self._total, self._weight))
        if not self.look_ahead:
            return self.end()
        return self.until(time)

    def until(self, time: float) -> list[tuple[Key, Expression]]:
        """The looks that are settled once nothing before `time` can come any more."""
        settled = []
        while self._waiting and time - self._waiting[0].time > self.look_ahead:
            settled.append(self._smoothed(self._waiting.popleft()))
        return settled

    def end(self) -> list[tuple[Key, Expression]]:
        """The looks that still wait: the track has ended."""
        settled = []
        while self._waiting:
            settled.append(self._smoothed(self._waiting.popleft()))
        return settled

    def _smoothed(self, held: _Held[Key]) -> tuple[Key, Expression]:
        seen = held.seen
        if not seen.probabilities or not self.seconds:
            return held.key, seen
        total, weight = held.total, held.weight
        for later in self._waiting:
            if later.seen.probabilities and later.time - held.time <= self.look_ahead:
                share = self._decay(later.time - held.time)
                total = total + share * np.array(later.seen.probabilities)
                weight += share
        mean = total / weight
        return held.key, Expression(seen.classes, tuple((mean / mean.sum()).tolist()), seen.model)

    def _decay(self, passed: float) -> float:
        return math.exp(-passed / self.seconds) if self.seconds else 0.0
