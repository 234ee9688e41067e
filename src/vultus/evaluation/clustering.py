"""How well unknown faces are grouped: on pictures by person, or from labels alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.gallery.cluster import cluster
from vultus.metrics.clustering import Agreement, PairAgreement, bcubed, pairwise
from vultus.operating import OperatingTable
from vultus.types import Estimate, OperatingPoint

__all__ = ["ClusterReport", "evaluate", "evaluate_labels"]

PEOPLE_ENOUGH = 10
_REPLICATES = 1000
_NONE = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """Agreement of groups with people; a face without embedding is alone."""

    faces: int
    people: int
    groups: int  # of two faces or more
    alone: int
    precision: Estimate  # BCubed
    recall: Estimate
    f: Estimate
    pairs: PairAgreement
    mixed: int  # groups with faces of several people
    divided: int  # people whose faces are not all in one group
    point: OperatingPoint | None  # where groups were cut; None: the labels came from elsewhere
    failures: tuple[Failure, ...]
    caveats: tuple[str, ...]


def evaluate(
    pictures: Mapping[str, Sequence[Path]],
    reader: Reader,
    *,
    table: OperatingTable,
    fmr: float = 1e-4,
    seed: int = 0,
    progress: Progress | None = None,
) -> ClusterReport:
    """Group pictures of known people, as `vultus cluster` does, and compare.

    pictures: by person, one face each (that nearest the centre). fmr: groups are cut where pairs
    of two people pass at this rate. Refused (InputError): no pictures.
    """
    named = [(name, path) for name, each in pictures.items() for path in each]
    if not named:
        raise InputError("expected pictures by person, got none")
    point = table.verify(fmr)
    found = embed_pictures([path for _, path in named], reader, progress)
    groups: list[int | None] = [None] * len(named)
    rows = np.flatnonzero(found.present)
    if rows.size:
        keys = [str(path) for _, path in named]
        labels = cluster(found.vectors[rows], point.threshold, keys=[keys[row] for row in rows])
        for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
            groups[row] = None if label < 0 else label
    return evaluate_labels([name for name, _ in named], groups, point=point, failures=found.failures, seed=seed)


def evaluate_labels(
    truth: Sequence[Hashable],
    predicted: Sequence[Hashable],
    *,
    point: OperatingPoint | None = None,
    failures: tuple[Failure, ...] = (),
    seed: int = 0,
) -> ClusterReport:
    """The same from labels (n,), None for a face alone.

    Intervals draw people with replacement, each with the precision and recall that their faces
    have; how groups would change without somebody is left out of account. NaN for fewer than ten
    people. Refused (InputError): no faces, lengths that differ.

    >>> report = evaluate_labels(["ada", "ada", "bob"], [0, 0, None])
    >>> report.f.value, report.groups, report.alone
    (1.0, 1, 1)
    """
    both = bcubed(truth, predicted)
    people = [object() if label is None else label for label in truth]
    named = [object() if label is None else label for label in predicted]
    cells, sizes, true = Counter(zip(people, named, strict=True)), Counter(named), Counter(people)
    precision, recall, f = _estimates(both, people, named, cells, sizes, true, seed)
    groups = {label for label, size in sizes.items() if size > 1}
    inside: dict[Hashable, int] = Counter(label for _, label in cells)
    across: dict[Hashable, int] = Counter(person for person, _ in cells)
    said = []
    if failures:
        said.append(f"{len(failures)} pictures gave no face and count as faces alone")
    if len(true) < PEOPLE_ENOUGH:
        said.append(f"{len(true)} people are too few to resample: no intervals")
    if len(true) == 1:
        said.append("one person only: precision says nothing about telling people apart")
    if max(true.values()) == 1:
        said.append("nobody has two faces: recall says nothing about bringing faces together")
    return ClusterReport(
        faces=len(people),
        people=len(true),
        groups=len(groups),
        alone=sum(size == 1 for size in sizes.values()),
        precision=precision,
        recall=recall,
        f=f,
        pairs=pairwise(truth, predicted),
        mixed=sum(inside[label] > 1 for label in groups),
        divided=sum(count > 1 for count in across.values()),
        point=point,
        failures=failures,
        caveats=tuple(said),
    )


def _estimates(
    both: Agreement,
    people: Sequence[Hashable],
    named: Sequence[Hashable],
    cells: Counter[tuple[Hashable, Hashable]],
    sizes: Counter[Hashable],
    true: Counter[Hashable],
    seed: int,
) -> tuple[Estimate, Estimate, Estimate]:
    n, values = len(people), (both.precision, both.recall, both.f)
    if len(true) < PEOPLE_ENOUGH:
        return Estimate(values[0], *_NONE, n), Estimate(values[1], *_NONE, n), Estimate(values[2], *_NONE, n)
    place = {person: at for at, person in enumerate(true)}
    codes = np.array([place[person] for person in people])
    together = np.array([cells[pair] for pair in zip(people, named, strict=True)], dtype=np.float64)
    sums: list[NDArray[np.float64]] = [
        np.bincount(codes, together / np.array([each[label] for label in labels]), len(true)).astype(np.float64)
        for each, labels in ((sizes, named), (true, people))
    ]
    draws = np.random.default_rng(seed).multinomial(len(true), np.full(len(true), 1 / len(true)), size=_REPLICATES)
    faces = draws @ np.bincount(codes)
    precision, recall = (draws @ each / faces for each in sums)
    spread = (precision, recall, 2 * precision * recall / (precision + recall))
    ends = [np.quantile(each, [0.025, 0.975]) for each in spread]
    found = [
        Estimate(value, min(float(low), value), max(float(high), value), n)
        for value, (low, high) in zip(values, ends, strict=True)
    ]
    return found[0], found[1], found[2]
