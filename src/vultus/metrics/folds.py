"""Accuracy of same-or-different decisions, each at a threshold that other people set.

NaN stands for a pair without a score (no face found, say): it is called different.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.verification import Scores

__all__ = ["FoldAccuracy", "accuracy_threshold", "fold_accuracy", "person_folds"]


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy on each fold at the threshold that was best on all the others."""

    mean: float
    std: float  # over folds, n - 1 in the denominator
    threshold: float  # median over the folds
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]


def accuracy_threshold(scores: Scores, same: NDArray[np.bool_]) -> float:
    """The threshold that calls most pairs right, half way between two scores.

    Where several do equally well the middle one is taken. scores, same: (n,). Refused
    (InputError): nothing to choose from.
    """
    values, truth = _pairs(scores, same)
    levels = np.unique(values[values > -np.inf])
    if not levels.size:
        raise InputError("expected scores to set a threshold on, got none")
    mates, others = np.sort(values[truth]), np.sort(values[~truth])
    edges = np.append(levels, np.nextafter(levels[-1], np.inf))
    right = mates.size - np.searchsorted(mates, edges, side="left") + np.searchsorted(others, edges, side="left")
    best = np.flatnonzero(right == right.max())
    at = int(best[len(best) // 2])
    if at in (0, len(levels)):
        return float(edges[at])
    return float((levels[at - 1] + levels[at]) / 2)


def fold_accuracy(scores: Scores, same: NDArray[np.bool_], folds: NDArray[np.integer[Any]]) -> FoldAccuracy:
    """Accuracy as LFW defines it: each fold at the threshold that is best on the others.

    scores, same, folds: (n,). A pair without score (NaN) is called different, and so is
    wrong when it is genuine. Refused (InputError): fewer than two folds.
    """
    values, truth = _pairs(scores, same)
    numbers = np.asarray(folds)
    if numbers.shape != values.shape:
        raise InputError(f"expected a fold for each of {values.size} pairs, got shape {numbers.shape}")
    names = np.unique(numbers)
    if names.size < 2:
        raise InputError(f"expected at least two folds, got {names.size}; the threshold must come from other pairs")
    thresholds, accuracies = [], []
    for name in names:
        here = numbers == name
        thresholds.append(accuracy_threshold(values[~here], truth[~here]))
        accuracies.append(float(np.mean((values[here] >= thresholds[-1]) == truth[here])))
    return FoldAccuracy(
        float(np.mean(accuracies)),
        float(np.std(accuracies, ddof=1)),
        float(np.median(thresholds)),
        tuple(accuracies),
        tuple(thresholds),
    )


def person_folds(first: Sequence[str], second: Sequence[str], folds: int = 10, *, seed: int = 0) -> NDArray[np.int64]:
    """Folds for pairs that come without, so that nobody is in two of them.

    first, second: the person on each side of each pair. People linked by pairs stay
    together; such groups go, the largest first, to the fold with the fewest pairs. Where
    one group holds more than a fifth of the pairs that cannot be balanced: then people are
    dealt out and a pair goes with its first, so that only impostor pairs share a person
    across folds. Refused (InputError): sides of different length, fewer than two folds.

    >>> person_folds(["a", "b", "c"], ["b", "a", "d"], 2).tolist()
    [0, 0, 1]
    """
    if folds < 2 or len(first) != len(second):
        raise InputError(f"expected two or more folds and two people a pair, got {folds}, {len(first)}, {len(second)}")
    rng = np.random.default_rng(seed)
    people = sorted({*first, *second})
    leader = {name: name for name in people}

    def head(name: str) -> str:
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    for one, other in zip(first, second, strict=True):
        leader[head(one)] = head(other)
    sizes = Counter(head(name) for name in first)
    if sizes and max(sizes.values()) > len(first) / 5:
        dealt = dict(zip(people, (rng.permutation(len(people)) % folds).tolist(), strict=True))
        return np.array([dealt[name] for name in first], dtype=np.int64)
    order = [sorted(sizes)[at] for at in rng.permutation(len(sizes))]
    pairs = [0] * folds
    place = {}
    for group in sorted(order, key=lambda name: -sizes[name]):
        place[group] = pairs.index(min(pairs))
        pairs[place[group]] += sizes[group]
    return np.array([place[head(name)] for name in first], dtype=np.int64)


def _pairs(scores: Scores, same: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, truth = np.array(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    if values.ndim != 1 or values.shape != truth.shape:
        raise InputError(f"expected a score and a truth for each pair, got shapes {values.shape} and {truth.shape}")
    values[np.isnan(values)] = -np.inf
    return values, truth
