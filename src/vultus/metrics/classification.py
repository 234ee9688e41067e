"""One label out of several (an expression, say): accuracy, recall and F1 class by class.

Labels are whole numbers 0 to C - 1, the place of a name in `names`; a prediction of -1 is a
picture without answer (no face found): it counts against recall and accuracy, and is no
prediction of any class. Rows of a confusion matrix are the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.caveats import scarce
from vultus.metrics.intervals import wilson
from vultus.types import Estimate, Rate

__all__ = ["ClassFigures", "Classification", "Disagreement", "classify", "mcnemar"]

Codes = Sequence[int] | NDArray[np.integer[Any]]
PEOPLE_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class."""

    name: str
    recall: Rate  # of those that are it, called it
    precision: Rate  # of those called it, are it
    f1: float  # 2 TP / (2 TP + FP + FN); NaN where nothing is it and nothing was called it


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """All figures of one test."""

    names: tuple[str, ...]
    confusion: NDArray[np.int64]  # (C, C), rows = truth
    unanswered: NDArray[np.int64]  # (C,), pictures of each class without answer
    classes: tuple[ClassFigures, ...]
    accuracy: Rate
    uar: Estimate  # unweighted average recall (balanced accuracy), over the classes that occur
    macro_f1: Estimate  # over the classes that occur or were predicted
    majority: Rate  # accuracy of always saying the commonest class: to be beaten
    interval: Literal["subjects", "samples"]  # what was resampled for UAR and macro-F1
    caveats: tuple[str, ...]

    @property
    def n(self) -> int:
        return int(self.confusion.sum() + self.unanswered.sum())


@dataclass(frozen=True, slots=True)
class Disagreement:
    """McNemar's test: where two models differ, which is right more often?"""

    first_only: int  # right by the first alone
    second_only: int
    p: float  # two-sided, exact


def classify(
    truth: Codes,
    predicted: Codes,
    names: Sequence[str],
    *,
    people: Sequence[Any] | NDArray[Any] | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> Classification:
    """Confusion matrix and all figures, with 95 % intervals.

    truth (n,): 0 to C - 1; predicted (n,): -1 to C - 1. people (n,): whose picture it is; with
    ten or more, UAR and macro-F1 resample people, else pictures. Accuracy and the figures of a
    class carry Wilson's interval. Refused (InputError): no pictures, lengths that differ,
    codes without a name, names that come twice.

    >>> found = classify([0, 0, 1, 1], [0, 1, 1, 1], ["calm", "happy"])
    >>> found.accuracy.value, found.uar.value, round(found.macro_f1.value, 4)
    (0.75, 0.75, 0.7333)
    """
    right, said = _codes(truth, len(names), 0, "truth"), _codes(predicted, len(names), -1, "prediction")
    if len(set(names)) != len(names) or not names:
        raise InputError(f"expected names of classes, each once, got {list(names)}")
    if not right.size or right.shape != said.shape:
        raise InputError(f"expected a truth and a prediction for each picture, got {right.size} and {said.size}")
    size = len(names)
    cells = right * (size + 1) + said + 1  # column 0: no answer
    table = np.bincount(cells, minlength=size * (size + 1)).reshape(size, size + 1)
    uar, macro_f1 = _averages(table[None])
    draws, unit = _resampled(cells, table, people, replicates, seed)
    averages = _averages(draws)
    answered = table[:, 1:]
    classes = tuple(_figures(name, at, table) for at, name in enumerate(names))
    recalls = [_bounds(each.recall) for each in classes if each.recall.n]
    f1s = [_f1_bounds(each) for each in classes if not math.isnan(each.f1)]
    return Classification(
        names=tuple(names),
        confusion=answered,
        unanswered=table[:, 0],
        classes=classes,
        accuracy=wilson(int(np.trace(answered)), right.size),
        uar=_estimate(uar[0], averages[0], recalls, right.size),
        macro_f1=_estimate(macro_f1[0], averages[1], f1s, right.size),
        majority=wilson(int(table.sum(axis=1).max()), right.size),
        interval="subjects" if unit == "subjects" else "samples",
        caveats=_caveats(table, names, said, people is not None, unit),
    )


def mcnemar(truth: Codes, first: Codes, second: Codes) -> Disagreement:
    """Exact two-sided McNemar test of two models on the same pictures.

    Refused (InputError): lengths that differ. Source: McNemar, Psychometrika 12 (1947).

    >>> mcnemar([0] * 10, [0] * 10, [1] * 8 + [0] * 2)
    Disagreement(first_only=8, second_only=0, p=0.0078125)
    """
    right, one, other = (np.asarray(each) for each in (truth, first, second))
    if not right.shape == one.shape == other.shape or right.ndim != 1:
        raise InputError(f"expected three lists of one length, got {right.shape}, {one.shape}, {other.shape}")
    a = int(((one == right) & (other != right)).sum())
    b = int(((one != right) & (other == right)).sum())
    n = a + b
    tail = sum(math.comb(n, k) for k in range(min(a, b) + 1))
    return Disagreement(a, b, min(1.0, 2 * tail / 2**n))


def _codes(values: Codes, size: int, lowest: int, what: str) -> NDArray[np.int64]:
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise InputError(f"expected {what} as whole numbers (n,), got {given.dtype} {given.shape}")
    codes = given.astype(np.int64)
    if codes.size and not lowest <= codes.min() <= codes.max() < size:
        raise InputError(f"expected {what} in {lowest}..{size - 1}, got {codes.min()}..{codes.max()}")
    return codes


def _averages(tables: NDArray[np.integer[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """UAR and macro-F1 of tables (R, C, C + 1), column 0 = no answer; (R,) each."""
    hits = np.diagonal(tables, offset=1, axis1=1, axis2=2).astype(np.float64)
    support = tables.sum(axis=2).astype(np.float64)
    called = tables[:, :, 1:].sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, hits / support, 0).sum(axis=1) / (support > 0).sum(axis=1)
        known = support + called > 0
        f1 = np.where(known, 2 * hits / (support + called), 0).sum(axis=1) / known.sum(axis=1)
    return recall, f1


def _resampled(
    cells: NDArray[np.int64],
    table: NDArray[np.int64],
    people: Sequence[Any] | NDArray[Any] | None,
    replicates: int,
    seed: int,
) -> tuple[NDArray[np.int64], str]:
    """Tables of other samples, (R, C, C + 1), and what was drawn."""
    rng = np.random.default_rng(seed)
    if people is None:
        return rng.multinomial(cells.size, table.ravel() / cells.size, size=replicates).reshape(
            -1, *table.shape
        ), "samples"
    labels = np.asarray(people)
    if labels.shape != cells.shape:
        raise InputError(f"expected a person for each of {cells.size} pictures, got {labels.shape}")
    everybody, whose = np.unique(labels, return_inverse=True)
    if everybody.size < PEOPLE_ENOUGH:
        return _resampled(cells, table, None, replicates, seed)[0], "few"
    each = np.zeros((everybody.size, table.size), dtype=np.int64)
    np.add.at(each, (whose, cells), 1)
    draws = rng.multinomial(everybody.size, np.full(everybody.size, 1 / everybody.size), size=replicates)
    return (draws @ each).reshape(-1, *table.shape), "subjects"


def _estimate(
    value: float, draws: NDArray[np.float64], parts: Sequence[tuple[float, float, float]], n: int
) -> Estimate:
    """Interval of the resamples, widened to what the classes' own intervals give together.

    Where few or no errors were there to be resampled, resampling alone claims certainty.
    """
    low, high = np.quantile(draws[~np.isnan(draws)], [0.025, 0.975])
    below = math.sqrt(sum((each - end) ** 2 for end, each, _ in parts)) / len(parts)
    above = math.sqrt(sum((end - each) ** 2 for _, each, end in parts)) / len(parts)
    return Estimate(
        float(value), max(min(float(low), value - below), 0.0), min(max(float(high), value + above), 1.0), n
    )


def _bounds(rate: Rate) -> tuple[float, float, float]:
    return rate.low, rate.value, rate.high


def _f1_bounds(figures: ClassFigures) -> tuple[float, float, float]:
    """F1 where recall and precision are both at their low ends, as it is, and at their high ends."""
    ends = [
        2 * recall * precision / (recall + precision) if recall + precision else 0.0
        for recall, precision in (
            (figures.recall.low, figures.precision.low),
            (figures.recall.high, figures.precision.high),
        )
    ]
    return min(ends[0], figures.f1), figures.f1, max(ends[1], figures.f1)


def _figures(name: str, at: int, table: NDArray[np.int64]) -> ClassFigures:
    hits, support, called = int(table[at, at + 1]), int(table[at].sum()), int(table[:, at + 1].sum())
    f1 = 2 * hits / (support + called) if support + called else math.nan
    return ClassFigures(name, wilson(hits, support), wilson(hits, called), f1)


def _caveats(
    table: NDArray[np.int64], names: Sequence[str], said: NDArray[np.int64], people_given: bool, unit: str
) -> tuple[str, ...]:
    support = table.sum(axis=1)
    found: list[str] = []
    if (table[:, 0]).any():
        found.append(f"{int(table[:, 0].sum()):,} of {int(table.sum()):,} pictures gave no answer and count as wrong")
    if absent := [name for name, n in zip(names, support, strict=True) if not n]:
        found.append(f"no picture of {', '.join(absent)}: left out of UAR, and no claim about it")
    if (support > 0).sum() == 1:
        found.append("the truth is one class only: accuracy says nothing about telling classes apart")
    if np.unique(said).size == 1:
        found.append(f"every prediction is {'no answer' if said[0] < 0 else names[said[0]]}")
    found += [each for name, n in zip(names, support, strict=True) if n for each in scarce(int(n), name)]
    if unit == "few":
        found.append("fewer than ten people: intervals take pictures for independent")
    elif not people_given:
        found.append("the people are not known: intervals take pictures for independent")
    return tuple(found)
