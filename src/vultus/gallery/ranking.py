"""Ranking faces or people by likeness, as far down as somebody reads on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from vultus.gallery.exact import ExactIndex
from vultus.types import Vector

__all__ = ["Hit", "ranked"]

Hit = tuple[int, int, float]  # rows of a face and of its person, score

_STEP = 4  # so many times more are looked at when those found were not enough


def ranked(
    index: ExactIndex, probes: Vector, *, by_person: bool, ahead: int, barred: Collection[int] = ()
) -> Iterator[list[Hit]]:
    """Faces, or people by their best face, by their best score with any of the probes (n, D): exact, best first.

    They come in lists of about `ahead` and then more, each face or person once. barred: rows of
    the people who are left out.
    """
    told: set[int] = set()
    number = ahead
    while len(probes):
        hits = index.search_people(probes, number) if by_person else index.search(probes, number)
        complete = hits.scores.shape[1] < number
        # What was not looked at scores at most this with every probe.
        sure = -math.inf if complete else float(hits.scores[:, -1].max())
        best: dict[int, Hit] = {}
        columns = (part.ravel().tolist() for part in (hits.ids, hits.people, hits.scores))
        for face, person, score in zip(*columns, strict=True):
            one = person if by_person else face
            if score >= sure and one not in told and person not in barred and (one not in best or score > best[one][2]):
                best[one] = (face, person, score)
        told.update(best)
        yield sorted(best.values(), key=lambda hit: (-hit[2], hit[0]))
        if complete:
            return
        number *= _STEP
