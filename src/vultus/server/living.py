"""Faces that must be living ones: what becomes of those that are not taken for it.

Every API asks here, so that a face which one of them refuses no other lets in. An answer is
evidence and not proof: see `NOTICE`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vultus.analyzer import why_not_live
from vultus.server.livechecks import Passed
from vultus.server.problems import Problem
from vultus.types import Liveness, Reading

__all__ = ["NOTICE", "Demand", "evidence", "refused", "rounded", "vouched"]

NOTICE = (
    "Evidence, not proof: prints, screens and paper masks of the kinds that the model was trained and measured on are "
    "told from living faces at the stated error rates. Silicone masks, make-up, and video that is injected in the "
    "camera's place are not covered."
)
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request asks of its faces. challenge: id of a live check that was passed; empty: none is named."""

    live: bool = False
    challenge: str = ""

    @property
    def any(self) -> bool:
        """Faces must be taken for living ones."""
        return self.live or bool(self.challenge)


def rounded(score: float, threshold: float) -> float | None:
    """P(bona fide) as it is told, never across its threshold; None where no answer is given.

    >>> rounded(0.49996, 0.5), rounded(0.8127, 0.5), rounded(float("nan"), 0.5)
    (0.499, 0.813, None)
    """
    if not math.isfinite(score):
        return None
    told = round(score, DECIMALS)
    step = 10.0**-DECIMALS
    if score < threshold <= told:
        told = round(told - step, DECIMALS)
    elif score >= threshold > told:
        told = round(told + step, DECIMALS)
    return told


def evidence(answer: Liveness) -> dict[str, Any]:
    """An answer for the journal."""
    return {
        "live": answer.live,
        "liveness": rounded(answer.score, answer.point.threshold),
        "liveness_threshold": answer.point.threshold,
        "liveness_model": answer.point.model,
    }


def refused(answer: Liveness, where: str = "") -> Problem:
    """The refusal of a face that is not taken for a living one, with its reason and score."""
    reason = why_not_live(answer)
    more = {
        "live": answer.live,
        "score": rounded(answer.score, answer.point.threshold),
        "threshold": answer.point.threshold,
        "notice": NOTICE,
    }
    return Problem(422, "not_live", f"{where}: {reason}" if where else reason, more={"liveness": more})


def vouched(
    passed: Passed, readings: Sequence[Reading], passive: Sequence[Liveness], threshold: float
) -> tuple[Liveness, ...]:
    """The answers about a picture for which somebody did a live check.

    The check stands for the one face that is most like its person and reaches the threshold of
    a comparison; a picture of that face which looks like an attack by itself stays one. Of the
    other faces nothing is known.
    """
    scores = [
        -1.0 if reading.embedding is None else float(reading.embedding @ passed.embedding) for reading in readings
    ]
    best = max(range(len(scores)), key=scores.__getitem__, default=-1)
    answers = []
    for number, (score, own) in enumerate(zip(scores, passive, strict=True)):
        if number != best or score < threshold:
            why = "the live check was done by somebody else than this face shows"
            answers.append(replace(own, score=math.nan, abstained=why))
        else:
            answers.append(own if own.live is False else passed.liveness)
    return tuple(answers)
