"""Each track's expressions over time in bounded memory, for a plot.

A plot of a few hundred pixels shows no more than a few hundred points. Where a track has more,
neighbours are averaged two and two, again and again, so that a film of hours costs no more
than one of minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vultus.expression.film import Look

__all__ = ["POINTS", "Curve", "Curves"]

POINTS = 600  # of a track at most; even


@dataclass(slots=True)
class Curve:
    """One track: times, and the mean probabilities of the looks behind each point."""

    source: str
    track: int
    classes: tuple[str, ...]
    start: float = 0.0  # seconds
    end: float = 0.0
    looks: int = 0
    abstained: int = 0  # looks without an answer
    reason: str = ""  # of the last of them
    times: list[float] = field(default_factory=list)
    values: list[tuple[float, ...] | None] = field(default_factory=list)  # None: no answer
    _each: int = 1  # looks behind a point
    _open: list[tuple[float, tuple[float, ...] | None]] = field(default_factory=list)

    def add(self, look: Look) -> None:
        """Take in the next look of the track."""
        if not self.looks:
            self.start = look.time
        self.end = look.time
        self.looks += 1
        answer = look.smoothed.probabilities or None
        if answer is None:
            self.abstained += 1
            self.reason = look.smoothed.abstained
        self._open.append((look.time, answer))
        if len(self._open) == self._each:
            self._close()
            if len(self.times) == POINTS:
                self._halve()

    def points(self) -> tuple[list[float], list[tuple[float, ...] | None]]:
        """Times and probabilities, those that are not yet averaged included."""
        if not self._open:
            return self.times, self.values
        time, value = _mean(self._open)
        return [*self.times, time], [*self.values, value]

    @property
    def means(self) -> dict[str, float]:
        """Mean probability by class over the points of the track; empty where no look has an answer."""
        kept = [value for value in self.points()[1] if value is not None]
        if not kept:
            return {}
        return dict(zip(self.classes, np.mean(np.array(kept), axis=0).tolist(), strict=True))

    @property
    def most(self) -> tuple[str, float] | None:
        """The class with the highest mean, and that mean; None where no look has an answer."""
        return max(self.means.items(), key=lambda item: item[1], default=None)

    def _close(self) -> None:
        time, value = _mean(self._open)
        self.times.append(time)
        self.values.append(value)
        self._open.clear()

    def _halve(self) -> None:
        pairs = list(zip(self.times, self.values, strict=True))
        joined = [_mean(pairs[at : at + 2]) for at in range(0, len(pairs), 2)]
        self.times = [time for time, _ in joined]
        self.values = [value for _, value in joined]
        self._each *= 2


class Curves:
    """The curves of all tracks of some videos."""

    def __init__(self) -> None:
        self._curves: dict[tuple[str, int], Curve] = {}

    def add(self, source: str, look: Look) -> None:
        """Take in a look of a video."""
        key = (source, look.track)
        if key not in self._curves:
            self._curves[key] = Curve(source, look.track, look.seen.classes)
        self._curves[key].add(look)

    def all(self) -> tuple[Curve, ...]:
        """In the order of their beginning."""
        return tuple(self._curves.values())


def _mean(
    points: list[tuple[float, tuple[float, ...] | None]],
) -> tuple[float, tuple[float, ...] | None]:
    time = sum(time for time, _ in points) / len(points)
    answers = [answer for _, answer in points if answer is not None]
    if not answers:
        return time, None
    return time, tuple(float(value) for value in np.mean(np.array(answers), axis=0))
