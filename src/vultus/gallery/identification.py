"""From scores to names: the open-set rule, and one name for one face of a picture.

No face good enough: "rejected". Best score below the threshold: "unknown". Two people above
it closer than the margin: "ambiguous". Several faces of one picture: the best score first; a
face whose best person was taken by a better face is a "conflict", unnamed, and never gets
the name of its second choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from vultus.gallery.values import Candidate, Status

__all__ = ["decide"]


def decide(
    faces: Sequence[Sequence[Candidate]], threshold: float, *, margin: float = 0.0, allow_repeat: bool = False
) -> list[Status]:
    """The status of each face of one picture.

    faces: candidates of each face, best first. threshold: a person is accepted when
    score >= threshold. margin: 0 is off. allow_repeat: mirrors, collages, contact sheets.

    >>> p = lambda score: [Candidate("P", "p", score)]
    >>> decide([p(0.72), p(0.70), p(0.20)], 0.36)
    ['match', 'conflict', 'unknown']
    """
    statuses = [_alone(candidates, threshold, margin) for candidates in faces]
    if allow_repeat:
        return statuses
    named = [number for number, status in enumerate(statuses) if status == "match"]
    taken: set[str] = set()
    for number in sorted(named, key=lambda number: (-faces[number][0].score, number)):
        person = faces[number][0].id
        if person in taken:
            statuses[number] = "conflict"
        taken.add(person)
    return statuses


def _alone(candidates: Sequence[Candidate], threshold: float, margin: float) -> Status:
    if not candidates or not candidates[0].score >= threshold:
        return "unknown"
    if len(candidates) > 1 and candidates[1].score >= threshold and candidates[0].score - candidates[1].score < margin:
        return "ambiguous"
    return "match"
