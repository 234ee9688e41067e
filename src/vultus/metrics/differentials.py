"""How error rates differ between groups of people, and when there are too few to say.

A comparison lies within a group when both people belong to it; comparisons across groups have a
rate of their own and are easier as a rule, so that mixing them in hides what a group meets.

Published: worst over geometric mean (Grother, NISTIR 8429, 2022), worst over best
and the inequity rate made of it (Grother 2021, as given by Howard and others), the fairness
discrepancy rate (de Freitas Pereira and Marcel, IEEE T-BIOM 2022), Gini and GARBE (Howard and
others, ICPR 2022, arXiv 2203.05051). ISO/IEC 19795-10:2024 asks for rates by group with their
uncertainty; its text is not public, and no clause of it is claimed here. Our choice: the
intervals, the warnings, that a group without errors makes ratios NaN or infinite instead of
being left out, and what counts as `apart`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.intervals import SubjectBootstrap
from vultus.types import Rate

__all__ = [
    "SMALL_CHILDREN",
    "Differential",
    "fairness_discrepancy",
    "garbe",
    "gini",
    "inequity",
    "rates_by_group",
    "summarise",
]

Labels = Sequence[Any] | NDArray[Any]  # (n,)
Rates = Sequence[float] | NDArray[np.floating[Any]]  # (groups,)

# Measured by vultus.evaluation.groups on all such pictures of UTKFace; the test repeats it.
SMALL_CHILDREN = (
    "Small children look alike to this matcher: at the threshold for a false match rate of 1 in 1,000, about 2 in 3 "
    "comparisons of different children under 4 passed (293,224 of 441,330; UTKFace, 940 pictures, model sface), and "
    "about 1 in 14 between 4 and 12; a match between two small children is no evidence that they are one."
)

FEWEST_PEOPLE = 30
# Two 95 % intervals part at 2 x 1.96 = 3.92 standard errors between the extremes of all groups: the 5 % point
# of the studentised range lies there between five groups (3.86) and six (4.03).
MOST_TESTED = 5
_RULE = 30  # errors from which a rate is known to about a third of itself


@dataclass(frozen=True, slots=True)
class Differential:
    """One error rate by group, and the summaries of how unequal it is."""

    kind: str  # "FMR", "FNMR", "failure to enrol"
    rates: dict[str, Rate]
    people: dict[str, int]
    worst: str
    best: str
    worst_over_best: float  # infinite where the best has no error
    worst_over_best_low: float  # from the far and near ends of the two intervals: wider than 95 %
    worst_over_best_high: float
    worst_over_geometric_mean: float  # infinite where a group has no error
    worst_over_mean: float
    gini: float  # 0 all equal, 1 all errors in one group
    apart: tuple[str, ...]  # groups whose interval lies above the best group's altogether
    warnings: tuple[str, ...]

    def ratio(self, group: str) -> float:
        """A group's rate over the geometric mean of all; NaN where a group has no error."""
        mean = _geometric_mean([rate.value for rate in self.rates.values()])
        return self.rates[group].value / mean if mean else math.nan


def rates_by_group(
    errors: NDArray[np.bool_],
    first: Labels,
    second: Labels,
    first_group: Labels,
    second_group: Labels,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[tuple[str, str], Rate]:
    """Rate of errors for each pair of groups that was compared, with intervals by resampling people.

    errors: (n,). first, second: the person on each side; first_group, second_group: their groups.
    The order of the sides does not matter: keys are sorted, (g, g) within a group. Refused
    (InputError): lengths that do not fit, somebody with two groups.

    >>> found = rates_by_group(np.array([True, False]), ["a", "a"], ["b", "c"], ["x", "x"], ["x", "y"])
    >>> [(pair, rate.k, rate.n) for pair, rate in found.items()]
    [(('x', 'x'), 1, 1), (('x', 'y'), 0, 1)]
    """
    wrong, left, right = np.asarray(errors, dtype=bool), np.asarray(first), np.asarray(second)
    one, other = np.asarray(first_group).astype(str), np.asarray(second_group).astype(str)
    if wrong.ndim != 1 or len({wrong.shape, left.shape, right.shape, one.shape, other.shape}) != 1:
        raise InputError(f"expected two people and two groups for each of {wrong.size} comparisons")
    if not wrong.size:
        return {}
    whose = np.unique(np.concatenate([left, right]), return_inverse=True)[1]
    names, groups = np.unique(np.concatenate([one, other]), return_inverse=True)
    belongs = np.unique(np.stack([whose, groups]), axis=1)
    if belongs.shape[1] != np.unique(whose).size:
        raise InputError("expected one group a person, somebody has two")
    low, high = np.sort(groups.reshape(2, -1), axis=0)
    found = {}
    for cell in np.unique(low * names.size + high):
        chosen = low * names.size + high == cell
        draws = SubjectBootstrap(left[chosen], right[chosen], replicates=replicates, seed=seed)
        found[str(names[cell // names.size]), str(names[cell % names.size])] = draws.rate(wrong[chosen])
    return found


def summarise(rates: Mapping[str, Rate], people: Mapping[str, int], *, kind: str) -> Differential:
    """Summaries of rates by group, and warnings where they rest on too little.

    rates: within each group. people: in each group. Groups without a comparison are named in a
    warning and left out. Refused (InputError): fewer than two groups with comparisons, a group
    without its number of people.
    """
    if missing := sorted(set(rates) - set(people)):
        raise InputError(f"expected the number of people of each group, none for {', '.join(missing)}")
    counted = {group: rate for group, rate in rates.items() if rate.n}
    if len(counted) < 2:
        raise InputError(f"expected two or more groups with comparisons, got {len(counted)}")
    warnings = [f"{group}: no comparison" for group in rates if group not in counted]
    for group, rate in counted.items():
        if people[group] < FEWEST_PEOPLE:
            warnings.append(f"{group}: {people[group]} people, too few to speak for a group ({FEWEST_PEOPLE} at least)")
        if rate.k == 0:
            warnings.append(f"{group}: no error in {rate.n:,}; the rate may be anything up to {rate.high:.2g}")
        elif rate.k < _RULE:
            warnings.append(f"{group}: {rate.k} errors, under the {_RULE} that a rate should rest on")
    if len(counted) > MOST_TESTED:
        warnings.append(
            f"{len(counted)} groups are compared at once: with more than {MOST_TESTED}, some intervals lie apart by "
            "chance in over one of twenty tables of equal groups"
        )
    values = {group: rate.value for group, rate in counted.items()}
    worst, best = max(values, key=lambda group: values[group]), min(values, key=lambda group: values[group])
    least, most = counted[best], counted[worst]
    mean, geometric = float(np.mean(list(values.values()))), _geometric_mean(list(values.values()))
    return Differential(
        kind=kind,
        rates=dict(rates),
        people={group: people[group] for group in rates},
        worst=worst,
        best=best,
        worst_over_best=_over(values[worst], values[best]),
        worst_over_best_low=max(_over(most.low, least.high), 1.0),
        worst_over_best_high=_over(most.high, least.low),
        worst_over_geometric_mean=_over(values[worst], geometric),
        worst_over_mean=_over(values[worst], mean),
        gini=gini(list(values.values())),
        apart=tuple(group for group, rate in counted.items() if rate.low > least.high),
        warnings=tuple(warnings),
    )


def gini(rates: Rates) -> float:
    """Gini coefficient of rates, with the factor n / (n - 1) that lets it reach 1; 0 where all are 0.

    Refused (InputError): fewer than two rates, or one outside 0 to 1. Source: Howard and others 2022.

    >>> gini([0.1, 0.1]), gini([0.0, 0.2])
    (0.0, 1.0)
    """
    values = _rates(rates)
    if not values.any():
        return 0.0
    values, n = values / values.max(), values.size  # the largest as 1, so that the mean of tiny rates is not lost
    spread = np.abs(values[:, None] - values[None, :]).sum() / (2 * n * n * values.mean())
    return float(n / (n - 1) * spread)


def garbe(fmr: Rates, fnmr: Rates, alpha: float = 0.5) -> float:
    """Gini aggregation rate for biometric equitability: alpha * Gini(FMR) + (1 - alpha) * Gini(FNMR).

    0 is equal. Refused (InputError): as `gini`, an alpha outside 0 to 1. Source: Howard and others 2022.
    """
    _share(alpha)
    return alpha * gini(fmr) + (1 - alpha) * gini(fnmr)


def inequity(fmr: Rates, fnmr: Rates, alpha: float = 0.5) -> float:
    """Inequity rate: (max / min FMR) ** alpha * (max / min FNMR) ** (1 - alpha).

    1 is equal, infinite where a group has no error and another has, 1 where none has. Refused
    (InputError): as `garbe`. Source: Grother 2021, as given by Howard and others 2022.
    """
    _share(alpha)
    false_matches, misses = _rates(fmr), _rates(fnmr)
    spread = _spread(false_matches) ** alpha if alpha else 1.0
    return spread * (_spread(misses) ** (1 - alpha) if alpha < 1 else 1.0)


def fairness_discrepancy(fmr: Rates, fnmr: Rates, alpha: float = 0.5) -> float:
    """Fairness discrepancy rate: 1 - (alpha * largest difference of FMR + (1 - alpha) * that of FNMR).

    1 is equal. It hardly moves at small rates, where factors matter more than differences. Refused
    (InputError): as `garbe`. Source: de Freitas Pereira and Marcel 2022.
    """
    _share(alpha)
    return float(1 - (alpha * np.ptp(_rates(fmr)) + (1 - alpha) * np.ptp(_rates(fnmr))))


def _geometric_mean(values: Sequence[float]) -> float:
    seen = np.array([value for value in values if not math.isnan(value)])
    return float(np.exp(np.log(seen).mean())) if (seen > 0).all() else 0.0


def _over(top: float, bottom: float) -> float:
    if bottom:
        return top / bottom
    return math.inf if top else math.nan


def _spread(values: NDArray[np.float64]) -> float:
    return 1.0 if not values.any() else _over(float(values.max()), float(values.min()))


def _rates(rates: Rates) -> NDArray[np.float64]:
    values = np.asarray(rates, dtype=np.float64)
    if values.ndim != 1 or values.size < 2 or not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"expected two or more rates between 0 and 1, got {values.tolist()}")
    return values


def _share(alpha: float) -> None:
    if not 0 <= alpha <= 1:
        raise InputError(f"expected an alpha between 0 and 1, got {alpha}")
