"""One liveness answer for a track: the passive scores of its frames, and what else was seen.

Frames of a track show one face, one camera and one light. They are not independent looks:
a hundred frames of a print that fools the detector once will mostly fool it again. So the
frames' scores are averaged, which takes out their noise, and never multiplied, which would
turn repetition into certainty.

The other signals only ever take away. A print that blinks through cut eyes or a filmed
face with a pulse would otherwise be lifted over the threshold by evidence that does not
concern it. Where a signal sees an attack and the passive score does not, no answer is
given, which is never a yes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.types import Liveness, LivenessPoint, Signal

__all__ = ["FEWEST", "fuse", "fused_score"]

FEWEST = 3  # frames with a passive score under which a track gets no answer
TRIM = 0.2  # share of the frames left out at either end: blur, and a hand before the lens
FURTHEST = 1e-4  # scores are held within this of 0 and 1, or a single one would decide


def fused_score(scores: Sequence[float]) -> float:
    """The trimmed mean of the frames' logits as a probability; NaN scores are left out.

    No frames give NaN. Leaving a fifth out at either end keeps blurred frames from deciding.

    >>> round(fused_score([0.9, 0.9, 0.9, 0.9, 0.01]), 3)
    0.9
    """
    kept = np.asarray(scores, dtype=np.float64)
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return math.nan
    held = np.clip(kept, FURTHEST, 1 - FURTHEST)
    logits = np.sort(np.log(held / (1 - held)))
    out = int(TRIM * len(logits))
    return float(1 / (1 + np.exp(-logits[out : len(logits) - out].mean())))


def fuse(frames: Sequence[Liveness], point: LivenessPoint, signals: Sequence[Signal] = ()) -> Liveness:
    """One answer for a track.

    frames: the passive answers of its frames in order of time. point: the threshold that the
    fused score meets; one set on single frames stays meaningful, since averaging only
    narrows the spread. signals: plane, blink, pulse, challenge. No answer is given with fewer than
    3 scored frames, or where a signal and the passive score contradict each other.
    """
    scores = np.array([frame.score for frame in frames if not frame.abstained], dtype=np.float64)
    scores = scores[np.isfinite(scores)]
    if len(scores) < FEWEST:
        why = f"{len(scores)} frames of the track have a passive score, {FEWEST} are needed"
        passive = Signal("passive", math.nan, "P(bona fide)", "nothing", why)
        return Liveness(math.nan, point, (passive, *signals), why)
    score = fused_score(scores.tolist())
    says = "bona fide" if score >= point.threshold else "attack"
    reason = (
        f"trimmed mean over {len(scores)} frames, most of them {np.percentile(scores, 10):.2f} to "
        f"{np.percentile(scores, 90):.2f}; worth about {_looks(scores):.0f} independent looks, for frames of a track "
        "resemble each other"
    )
    seen = (Signal("passive", score, "P(bona fide)", says, reason), *signals)  # type: ignore[arg-type]
    against = [signal.name for signal in signals if signal.says == "attack"]
    if against and says == "bona fide":
        why = f"{' and '.join(against)} saw an attack where the passive score did not: no answer"
        return Liveness(score, point, seen, why)
    return Liveness(score, point, seen)


def _looks(scores: NDArray[np.float64]) -> float:
    """Frames corrected for how alike neighbours are: n (1 - r) / (1 + r), r the lag-one correlation.

    It corrects for the noise only; what the frames have in common, no count of them shows.
    """
    centred = scores - scores.mean()
    power = float(centred @ centred)
    if power < 1e-12:
        return 1.0
    likeness = max(float(centred[1:] @ centred[:-1]) / power, 0.0)
    return max(len(scores) * (1 - likeness) / (1 + likeness), 1.0)
