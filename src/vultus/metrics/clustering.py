"""How well groups of faces are people: BCubed, and pairwise precision and recall.

Labels are any hashable things, one a face; None is a face alone, in a group of its own.
Results do not depend on the order of the faces nor on what groups are called.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from vultus.errors import InputError

__all__ = ["Agreement", "PairAgreement", "bcubed", "pairwise"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision falls when groups mix people, recall when people are split."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Harmonic mean; NaN where either is undefined."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else both


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """The same over pairs of faces, with the counts behind it."""

    tp: int  # pairs together in both
    fp: int  # together only in the prediction
    fn: int  # together only in truth

    @property
    def precision(self) -> float:
        """NaN when no pair was put together."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else math.nan

    @property
    def recall(self) -> float:
        """NaN when no pair belongs together."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    @property
    def f(self) -> float:
        """2 TP / (2 TP + FP + FN); NaN when there is nothing to find and nothing was claimed."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else math.nan


def bcubed(truth: Sequence[Hashable], predicted: Sequence[Hashable]) -> Agreement:
    """BCubed precision and recall: averages over faces, so that big groups do not rule.

    Refused (InputError): no faces, lists of different length. Source: Bagga and Baldwin,
    COLING-ACL 1998; Amigó et al., Information Retrieval 12 (2009).

    >>> bcubed([0, 0, 1, 1], [0, 0, 0, 1])
    Agreement(precision=0.6666666666666666, recall=0.75)
    """
    cells, true, groups, n = _cells(truth, predicted)
    return Agreement(
        math.fsum(count * count / groups[group] for (_, group), count in cells.items()) / n,
        math.fsum(count * count / true[person] for (person, _), count in cells.items()) / n,
    )


def pairwise(truth: Sequence[Hashable], predicted: Sequence[Hashable]) -> PairAgreement:
    """Pairs of faces put together rightly, wrongly, and left apart wrongly.

    Refused (InputError): as `bcubed`.

    >>> pairwise([0, 0, 1, 1], [0, 0, 0, 1])
    PairAgreement(tp=1, fp=2, fn=1)
    """
    cells, true, groups, _ = _cells(truth, predicted)
    together = _pairs(cells.values())
    return PairAgreement(together, _pairs(groups.values()) - together, _pairs(true.values()) - together)


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


class _Alone:
    """A label that equals no other."""


def _cells(
    truth: Sequence[Hashable], predicted: Sequence[Hashable]
) -> tuple[Counter[tuple[Hashable, Hashable]], Counter[Hashable], Counter[Hashable], int]:
    """Counts by (person, group), by person and by group, and of all faces."""
    people = [_Alone() if label is None else label for label in truth]
    groups = [_Alone() if label is None else label for label in predicted]
    if not people or len(people) != len(groups):
        raise InputError(f"expected a person and a group for each face, got {len(people)} and {len(groups)} labels")
    return Counter(zip(people, groups, strict=True)), Counter(people), Counter(groups), len(people)
