"""Attack detection and matcher together: which attacks pass both, and at what cost to the right people.

Source: ISO/IEC 30107-3:2023 (IAPAR, RIAPAR).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics import caveats
from vultus.metrics.intervals import wilson
from vultus.metrics.verification import Scores
from vultus.metrics.vulnerability import FEW_ATTACKS
from vultus.types import Rate

__all__ = ["FullSystem", "full_system"]

NIST_IAPAR = 0.07  # NIST SP 800-63-4 asks for less


@dataclass(frozen=True, slots=True)
class FullSystem:
    """Attack detection and matcher together."""

    iapar: dict[str, Rate]  # by species, worst first: attacks that pass both
    iapar_pooled: Rate
    frr: Rate  # genuine attempts that fail at either
    riapar: float  # worst IAPAR + FRR
    caveats: tuple[str, ...]


def full_system(
    genuine: Scores,
    genuine_live: NDArray[np.bool_],
    attacks: Mapping[str, Scores],
    attacks_live: Mapping[str, NDArray[np.bool_]],
    threshold: float,
) -> FullSystem:
    """IAPAR and RIAPAR: match scores beside what attack detection decided on the same attempts.

    live: taken for bona fide, (n,) booleans; NaN is an attempt that gave no match score and
    passes nowhere, but stays in the denominator here. Intervals are Wilson's. Refused
    (InputError): decisions that do not fit the scores or are not booleans, no attempt of a kind.

    >>> live = np.array([True, True])
    >>> print(full_system(np.array([0.9, 0.2]), live, {"print": np.array([0.8, 0.1])}, {"print": live}, 0.5).riapar)
    1.0
    """
    if np.isnan(threshold):
        raise InputError("expected a threshold, got NaN")
    if not attacks or set(attacks) != set(attacks_live):
        raise InputError(f"expected decisions for each species, got {sorted(attacks)} and {sorted(attacks_live)}")
    passed = {name: _passed(attacks[name], attacks_live[name], threshold, name) for name in attacks}
    accepted = _passed(genuine, genuine_live, threshold, "genuine")
    found = {name: wilson(int(each.sum()), each.size) for name, each in passed.items()}
    ordered = dict(sorted(found.items(), key=lambda each: (-each[1].value, each[0])))
    worst = next(iter(ordered.values()))
    frr = wilson(int((~accepted).sum()), accepted.size)
    said = [
        f"{name}: IAPAR below {NIST_IAPAR:g}, as NIST SP 800-63-4 asks, is not shown (upper end {rate.high:.3g})"
        for name, rate in ordered.items()
        if rate.high >= NIST_IAPAR
    ]
    said += [each for name, rate in ordered.items() for each in caveats.scarce(rate.n, name, FEW_ATTACKS)]
    return FullSystem(
        ordered,
        wilson(sum(rate.k for rate in found.values()), sum(rate.n for rate in found.values())),
        frr,
        worst.value + frr.value,
        tuple(said),
    )


def _passed(scores: Scores, live: NDArray[np.bool_], threshold: float, what: str) -> NDArray[np.bool_]:
    values, decided = np.asarray(scores, dtype=np.float64), np.asarray(live)
    if values.ndim != 1 or not values.size or decided.shape != values.shape or decided.dtype != bool:
        raise InputError(
            f"expected match scores (n,) of {what} attempts and as many booleans of attack detection, "
            f"got {values.shape} and {decided.dtype} {decided.shape}"
        )
    return np.asarray((values >= threshold) & decided)
