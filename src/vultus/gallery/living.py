"""Faces that must be living ones: what becomes of those that are not taken for it.

An answer of attack detection comes with each face; the gallery asks for none itself unless
it reads the picture (`protocols.Judge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vultus.errors import InputError
from vultus.gallery.protocols import Analyzer, Choose, Judge
from vultus.gallery.values import Identification, Refused
from vultus.models.liveness.refusing import not_live, why_not_live
from vultus.types import Image, Liveness, Reading

__all__ = ["judged", "need_judge", "refused", "searchable", "told"]


def need_judge(analyzer: Analyzer) -> Judge:
    """The analyzer as one that detects attacks. Refused (InputError): one that does not."""
    if not isinstance(analyzer, Judge):
        raise InputError("expected an analyzer that detects attacks, this one has no `liveness`; use vultus.Analyzer")
    return analyzer


def judged(judge: Judge | None, image: Image, readings: Sequence[Reading]) -> tuple[Liveness, ...] | None:
    """An answer for each face of a picture; None where nobody is to judge."""
    return None if judge is None else judge.liveness(image, [reading.face for reading in readings])


def refused(
    readings: Sequence[Reading],
    answers: Sequence[Liveness],
    *,
    source: str,
    size_wh: tuple[int, int],
    policy: str | int,
    choose: Choose,
) -> Refused | None:
    """The refusal of a picture of which a face that is meant is not live; whatever else is wrong is said elsewhere.

    Refused (InputError): answers that are not one a face.
    """
    _check_count(readings, answers)
    try:
        chosen = choose(readings, size_wh, policy)
    except InputError:
        return None
    for choice in chosen:
        answer = answers[choice.index]
        refusal = not_live(answer)
        if refusal is not None:
            return Refused(source, "not_live", why_not_live(answer), (refusal,))
    return None


def searchable(readings: Sequence[Reading], answers: Sequence[Liveness]) -> tuple[Reading, ...]:
    """The readings; those of faces that are not live come without the embedding that they would be searched by.

    Refused (InputError): answers that are not one a face.
    """
    _check_count(readings, answers)
    return tuple(
        reading if answer.live else replace(reading, embedding=None)
        for reading, answer in zip(readings, answers, strict=True)
    )


def told(person: Identification, answer: Liveness) -> Identification:
    """An answer with what attack detection said of the face, and the refusal of one that was not searched for it."""
    refusal = not_live(answer)
    if refusal is None:
        return replace(person, liveness=answer)
    return replace(person, liveness=answer, operating=None, refusals=(refusal, *person.refusals))


def _check_count(readings: Sequence[Reading], answers: Sequence[Liveness]) -> None:
    if len(answers) != len(readings):
        raise InputError(f"expected an answer of attack detection a face, got {len(answers)} for {len(readings)} faces")
