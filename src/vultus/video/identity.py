"""One face template for a whole track, and one name for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InvalidVectorError, VideoError
from vultus.types import Vector, unit
from vultus.video.track import Sighting, Track

__all__ = ["Decision", "ProvisionalName", "choose", "named", "pooled", "resolve", "trimmed_mean"]

TRIM = 0.15  # share cut from each end, per dimension
STRAY = 0.30  # cosine to the pooled template under which a frame is left out


class Decision(Protocol):
    """What a gallery says of one template; any dataclass with these fields will do."""

    @property
    def status(self) -> str: ...

    @property
    def person(self) -> Any: ...

    @property
    def score(self) -> float | None: ...


Answer = TypeVar("Answer", bound=Decision)


def choose(sightings: Iterable[Sighting], count: int, apart: int) -> list[Sighting]:
    """The `count` best by quality, at least `apart` frames from each other where possible.

    Best first; the places that spacing leaves empty go to the best of the rest.
    """
    ranked = sorted(sightings, key=lambda sighting: (-sighting.reading.quality.score, sighting.frame))
    spaced: list[Sighting] = []
    crowded: list[Sighting] = []
    for sighting in ranked:
        near = any(abs(sighting.frame - other.frame) < apart for other in spaced)
        (crowded if near else spaced).append(sighting)
    return (spaced + crowded)[:count]


def trimmed_mean(rows: NDArray[np.floating[Any]], share: float = TRIM) -> NDArray[np.float64]:
    """Mean of each column without the lowest and the highest `share` of its values.

    rows: (n, D). int(share * n) values are cut at each end, as scipy.stats.trim_mean does.

    >>> trimmed_mean(np.array([[0.0], [1], [2], [3], [100]]), 0.2).tolist()
    [2.0]
    """
    cut = int(share * len(rows))
    kept = np.sort(np.asarray(rows, np.float64), axis=0)[cut : len(rows) - cut]
    return np.asarray(kept.mean(axis=0), dtype=np.float64)


def pooled(vectors: NDArray[np.floating[Any]]) -> tuple[Vector, NDArray[np.bool_]]:
    """One template from the embeddings of a track, and which of them it stands on.

    vectors: (n, D), unit rows. Those under cosine 0.30 to the 15 % trimmed mean are left
    out, and the rest averaged in the same way (the recipe of Frigate's face library).
    Refused (InvalidVectorError): no vectors, or vectors that cancel out.
    """
    rows = np.asarray(vectors, np.float32)
    if rows.ndim != 2 or not len(rows):
        raise InvalidVectorError(f"expected at least one embedding, got shape {rows.shape}")
    kept = rows @ unit(trimmed_mean(rows)) >= STRAY
    if not kept.any():
        kept[:] = True
    return unit(trimmed_mean(rows[kept])), kept


def resolve(
    tracks: Sequence[Track], answers: Sequence[Answer], settled: Sequence[tuple[Track, Any]] = ()
) -> tuple[Answer, ...]:
    """Take a name away from the weaker of two tracks that bear it at the same time.

    The stronger score keeps it (of equal ones the earlier track); the other becomes
    "conflict" without a name, and never its second choice. answers: dataclasses, one a
    track, in the same order. settled: tracks with their names that are not to be changed.
    """
    bearers: dict[Any, list[Track]] = {}
    for track, person in settled:
        bearers.setdefault(person, []).append(track)
    resolved = list(answers)
    for index in sorted(range(len(tracks)), key=lambda index: (-_strength(answers[index]), tracks[index].id)):
        person = answers[index].person
        if answers[index].status != "match" or person is None:
            continue
        if any(tracks[index].meets(other) for other in bearers.get(person, [])):
            resolved[index] = replace(answers[index], status="conflict", person=None)  # type: ignore[type-var]
        else:
            bearers.setdefault(person, []).append(tracks[index])
    return tuple(resolved)


def _strength(answer: Decision) -> float:
    return -1.0 if answer.score is None else answer.score


def named(
    tracks: Iterable[Track], identify: Callable[[Track], Answer], *, hold: int = 1000
) -> Iterator[tuple[Track, Answer]]:
    """Each track with its name, decided once, as soon as no track to come can contest it.

    identify: asked once a track; what it raises goes through. hold: tracks that may wait;
    beyond it the oldest is given out although one that still goes on might bear its name.
    If the video breaks, what waits is given out before the error.
    """
    waiting: list[tuple[Track, Answer]] = []
    settled: list[tuple[Track, Any]] = []
    broken: VideoError | None = None
    stream = iter(tracks)
    while True:
        try:
            track = next(stream, None)
        except VideoError as error:
            broken, track = error, None
        open_since = track.open_since if track is not None else None
        if track is not None:
            waiting.append((track, identify(track)))
        answers = resolve([one for one, _ in waiting], [answer for _, answer in waiting], settled)
        late: list[tuple[Track, Answer]] = []
        for index, ((one, first_answer), answer) in enumerate(zip(waiting, answers, strict=True)):
            if open_since is not None and one.last >= open_since and len(waiting) - index <= hold:
                late.append((one, first_answer))
                continue
            if answer.status == "match":
                settled.append((one, answer.person))
            yield one, answer
        waiting = late
        firsts = [one.first for one, _ in waiting] + ([open_since] if open_since is not None else [])
        settled = [(one, person) for one, person in settled if firsts and one.last >= min(firsts)]
        if track is None:
            break
    if broken is not None:
        raise broken


@dataclass(slots=True)
class ProvisionalName:
    """The name to show while a track still goes on: it appears once and may be withdrawn once.

    >>> name = ProvisionalName()
    >>> [name.update(person, good) for person, good in (("Ada", 2), ("Ada", 3), ("Eve", 4), ("Ada", 5))]
    [None, 'Ada', None, None]
    """

    least: int = 3  # good frames before a name is shown
    shown: Any = None
    withdrawn: bool = False

    def update(self, person: Any, good: int) -> Any:
        """What to show after an answer made from `good` frames; another name withdraws the first for good."""
        if self.withdrawn or good < self.least:
            return self.shown
        if self.shown is None:
            self.shown = person
        elif person != self.shown:
            self.shown, self.withdrawn = None, True
        return self.shown
