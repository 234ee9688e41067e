"""Why a face is not used where a living one is asked for, as a code and in words."""

from __future__ import annotations

from vultus.types import Liveness, Refusal

__all__ = ["not_live", "why_not_live"]


def not_live(answer: Liveness) -> Refusal | None:
    """Why a face is not to be used where a live one is asked for; None where it may be.

    NOT_LIVE: taken for an attack. LIVENESS_UNKNOWN: no answer was given, which is never a yes.
    """
    if answer.live:
        return None
    return Refusal("LIVENESS_UNKNOWN" if answer.abstained else "NOT_LIVE", answer.score, answer.point.threshold)


def why_not_live(answer: Liveness) -> str:
    """The same in words for people; empty for a face that may be used."""
    if answer.live:
        return ""
    if answer.abstained:
        return f"it cannot be said whether this is a living face: {answer.abstained}"
    seen = "; ".join(signal.reason for signal in answer.signals if signal.says == "attack")
    return f"not taken for a living face: P {answer.score:.3f} < {answer.point.threshold:.3f}" + (
        f" ({seen})" if seen else ""
    )
