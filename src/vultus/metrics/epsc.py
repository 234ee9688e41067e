"""Expected performance: what thresholds from development data cost elsewhere (EPC, EPSC, AUE).

A curve over the weight that a user gives to errors: of impostors against those of genuine
users (EPC), or of attacks among what must be kept out (EPSC). Thresholds come from
development scores, rates from evaluation scores. Scores are similarities, accepted when score
>= threshold; NaN is taken out. Sources: Bengio, Mariéthoz and Keller, ICML workshop 2005
(EPC); Chingovska, Anjos and Marcel, IEEE TIFS 9 (2014) (EPSC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.caveats import ascending
from vultus.metrics.sweep import weighted_threshold
from vultus.metrics.verification import Scores
from vultus.metrics.vulnerability import Comparisons

__all__ = ["ExpectedPerformance", "Spoofability", "epc", "epsc"]

Criterion = Literal["eer", "wer", "min-hter"]

_STEPS = 100
_CLOSE = 1e-10
_ROUNDS = 32  # fifty times closer each: beyond doubles; where the threshold is 0 nothing is relatively close


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedPerformance:
    """EPC: error rates where alpha · FMR + (1 - alpha) · FNMR was least on development data."""

    alpha: NDArray[np.float64]  # (k,), 0 to 1
    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]

    @property
    def hter(self) -> NDArray[np.float64]:
        """Half total error rate, (k,)."""
        return (self.fmr + self.fnmr) / 2

    @property
    def area(self) -> float:
        """Under HTER, by trapezoids: the expected HTER where every alpha is as likely."""
        return float(np.trapezoid(self.hter, self.alpha))


@dataclass(frozen=True, slots=True, eq=False)
class Spoofability:
    """EPSC: error rates as attacks make up a share omega of what must be kept out."""

    omega: NDArray[np.float64]  # (k,), 0 to 1
    beta: float  # weight of FAR_omega against FRR
    criterion: Criterion
    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    frr: NDArray[np.float64]
    iapmr: NDArray[np.float64]

    @property
    def far(self) -> NDArray[np.float64]:
        """FAR_omega = (1 - omega) · FMR + omega · IAPMR."""
        return (1 - self.omega) * self.fmr + self.omega * self.iapmr

    @property
    def wer(self) -> NDArray[np.float64]:
        """(1 - beta) · FRR + beta · FAR_omega."""
        return (1 - self.beta) * self.frr + self.beta * self.far

    @property
    def aue(self) -> float:
        """Area under WER, by trapezoids."""
        return float(np.trapezoid(self.wer, self.omega))


def epc(
    dev_genuine: Scores, dev_impostor: Scores, genuine: Scores, impostor: Scores, points: int = 101
) -> ExpectedPerformance:
    """Expected performance curve at `points` weights from 0 to 1.

    Refused (InputError): scores of one kind only, infinity, fewer than two points.
    """
    if points < 2:
        raise InputError(f"expected two points or more, got {points}")
    mates, others = _some(dev_genuine, "development genuine"), _some(dev_impostor, "development impostor")
    right, wrong = _some(genuine, "genuine"), _some(impostor, "impostor")
    last = points - 1
    thresholds = np.array([weighted_threshold(mates, others, at, last - at) for at in range(points)])
    return ExpectedPerformance(
        np.arange(points) / last, thresholds, _accepted(wrong, thresholds), _refused(right, thresholds)
    )


def epsc(
    dev: Comparisons,
    test: Comparisons,
    *,
    beta: float = 0.5,
    criterion: Criterion = "eer",
    points: int = 101,
    species: str | None = None,
) -> Spoofability:
    """Expected performance and spoofability curve at `points` shares of attacks from 0 to 1.

    species: that one alone; None pools them. criterion on development data: "eer" where (1 -
    beta) · FRR and beta · FAR_omega are closest, "wer" where the weighted error is least,
    "min-hter" where (FRR + FAR_omega) / 2 is. The threshold is searched on 101 even points,
    then between the neighbours of the middle one of the best, until they are 1e-10 apart.
    Refused (InputError): no scores of a kind, infinity, a species that is in neither split,
    beta outside 0 to 1, fewer than two points.
    """
    if points < 2 or not 0 <= beta <= 1 or criterion not in ("eer", "wer", "min-hter"):
        raise InputError(
            f"expected two points or more, beta in 0..1 and eer, wer or min-hter, got {points}, {beta}, {criterion!r}"
        )
    known = _three(dev, species, "development")
    genuine, zei, attacks = _three(test, species, "evaluation")
    omega = np.arange(points) / (points - 1)
    thresholds = np.array([_search(*known, share, beta, criterion) for share in omega.tolist()])
    return Spoofability(
        omega,
        beta,
        criterion,
        thresholds,
        _accepted(zei, thresholds),
        _refused(genuine, thresholds),
        _accepted(attacks, thresholds),
    )


def _search(
    genuine: NDArray[np.float64],
    zei: NDArray[np.float64],
    attacks: NDArray[np.float64],
    omega: float,
    beta: float,
    criterion: Criterion,
) -> float:
    low, high = min(zei[0], attacks[0]), genuine[-1]
    for _ in range(_ROUNDS):
        at = np.linspace(low, high, _STEPS + 1)
        far = (1 - omega) * _accepted(zei, at) + omega * _accepted(attacks, at)
        frr = _refused(genuine, at)
        if criterion == "eer":
            cost = np.abs(frr - far) if beta == 0.5 else np.abs((1 - beta) * frr - beta * far)
        else:
            cost = (1 - beta) * frr + beta * far if criterion == "wer" else (far + frr) / 2
        best = at[cost == cost.min()]
        found = float(best[best.size // 2])
        if high and abs((high - low) / high) < _CLOSE:
            break
        step = (high - low) / _STEPS
        low, high = found - step, found + step
    return found


def _three(
    split: Comparisons, species: str | None, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    if species is not None and species not in split.attacks:
        raise InputError(f"expected one of {sorted(split.attacks)} in the {name} data, got species {species!r}")
    chosen = split.attacks if species is None else {species: split.attacks[species]}
    pooled = [np.asarray(scores, dtype=np.float64) for scores in chosen.values()] or [np.zeros(0)]
    return (
        _some(split.genuine, f"{name} genuine"),
        _some(split.zei, f"{name} zero-effort impostor"),
        _some(np.concatenate(pooled), f"{name} attack"),
    )


def _some(scores: Scores, what: str) -> NDArray[np.float64]:
    values, lost = ascending(scores, what)
    if not values.size:
        raise InputError(f"expected {what} scores, got none and {lost} without score (NaN)")
    return values


def _accepted(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((scores.size - np.searchsorted(scores, thresholds, side="left")) / scores.size)


def _refused(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.searchsorted(scores, thresholds, side="left") / scores.size)
