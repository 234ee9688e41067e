"""Error rates by group at the product's own thresholds: by any label, or on UTKFace by age, sex and group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets import utkface
from vultus.errors import InputError
from vultus.evaluation.extraction import Failure, Progress, Reader, embed_pictures
from vultus.metrics.differentials import Differential, summarise
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.operating import OperatingTable
from vultus.types import OperatingPoint, Rate

__all__ = ["ADULT", "AGE_BANDS", "GroupReport", "GroupTable", "age_band", "evaluate", "evaluate_labels"]

ADULT = 20  # years from which sex and group are compared, so that children do not drown the rest
AGE_BANDS = ("0-3", "4-12", "13-19", "20-39", "40-59", "60+")
PERHAPS_SAME = 0.8  # cosine from which two pictures that count as two people are worth a look

_OLDEST = (3, 12, 19, 39, 59)  # of each band but the last


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One label's groups at one operating point."""

    label: str  # "age", "sex", or the column's name
    point: OperatingPoint
    fmr: Differential | None  # within groups; None: fewer than two groups have two people
    fnmr: Differential | None  # None: fewer than two groups have a person with two pictures
    across: dict[tuple[str, str], Rate]  # FMR of people of two groups
    failures: dict[str, Rate]  # pictures without an embedding, by group
    perhaps_same: int  # comparisons within groups that look like one person under two names; left in


@dataclass(frozen=True, slots=True)
class GroupReport:
    """Tables by label and operating point, and the pictures that could not serve."""

    tables: tuple[GroupTable, ...]
    pictures: int  # that were read
    unlabelled: int  # files whose name lacks a label
    failures: tuple[Failure, ...]


def age_band(age: float) -> str:
    """The band of `AGE_BANDS` that an age in years falls into. Refused (InputError): below 0, NaN.

    >>> age_band(3), age_band(3.9), age_band(4), age_band(95)
    ('0-3', '0-3', '4-12', '60+')
    """
    if not age >= 0:
        raise InputError(f"expected an age of 0 or more, got {age}")
    return AGE_BANDS[sum(int(age) > oldest for oldest in _OLDEST)]


def evaluate(
    folder: Path,
    reader: Reader,
    *,
    table: OperatingTable,
    fmr: Sequence[float] = (1e-3,),
    most: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> GroupReport:
    """False matches on UTKFace by age, and among adults by sex and by group, at the table's thresholds.

    most: pictures of each age band, drawn at random. One picture counts as one person; a few
    people are there twice, so that the rates are slightly too high (`perhaps_same`). Misses cannot
    be measured here. Refused: a folder without such pictures (NotFoundError, InputError).
    """
    listing = utkface.read(folder)
    rng = np.random.default_rng(seed)
    bands = np.array([age_band(picture.age) for picture in listing.pictures])
    rows = np.sort(np.concatenate([rng.permutation(np.flatnonzero(bands == band))[:most] for band in AGE_BANDS]))
    pictures = [listing.pictures[row] for row in rows]
    found = embed_pictures([picture.path for picture in pictures], reader, progress)
    adult = np.array([picture.age >= ADULT for picture in pictures])
    everybody = np.ones(len(pictures), dtype=bool)
    labelled = (
        ("age", AGE_BANDS, everybody, bands[rows]),
        ("sex", utkface.SEXES, adult, np.array([picture.sex for picture in pictures])),
        ("group", utkface.GROUPS, adult, np.array([picture.group for picture in pictures])),
    )
    names = np.arange(len(pictures))
    tables = [
        evaluate_labels(
            found.vectors[who],
            names[who],
            labels[who],
            table.verify(rate),
            label=label if who is everybody else f"{label}, adults",
            order=order,
            most=most,
            seed=seed,
        )
        for rate in fmr
        for label, order, who, labels in labelled
    ]
    return GroupReport(tuple(tables), len(pictures), len(listing.unlabelled), found.failures)


def evaluate_labels(
    vectors: NDArray[np.float32],
    people: NDArray[Any],
    labels: NDArray[Any],
    point: OperatingPoint,
    *,
    label: str = "label",
    order: Sequence[str] | None = None,
    most: int = 1000,
    across: int = 300,
    seed: int = 0,
) -> GroupTable:
    """Error rates by any label of people, with intervals by resampling people.

    vectors: (n, D) unit rows, NaN for a picture without a face: counted by group, and left out of
    the other rates. people, labels: (n,). order: of the groups; by name if None. most: pictures of
    a group compared with each other, across: with another group's; more are drawn from at random.
    Refused (InputError): shapes that do not fit, fewer than two groups, somebody with two labels.
    """
    rows, whose, named = np.asarray(vectors, dtype=np.float32), np.asarray(people), np.asarray(labels).astype(str)
    if rows.ndim != 2 or whose.shape != rows.shape[:1] or named.shape != rows.shape[:1]:
        raise InputError(
            f"expected vectors (n, D), n people and n labels, got {rows.shape}, {whose.shape}, {named.shape}"
        )
    groups = [group for group in (order or np.unique(named).tolist()) if (named == group).any()]
    if len(groups) < 2:
        raise InputError(f"expected people of two groups or more under {label}, got {len(groups)}")
    pairs = np.unique(
        np.stack([np.unique(whose, return_inverse=True)[1], np.unique(named, return_inverse=True)[1]]), axis=1
    )
    if pairs.shape[1] != np.unique(whose).size:
        raise InputError(f"expected one {label} a person, somebody has two")
    present = np.asarray(np.isfinite(rows).all(axis=1))
    rng = np.random.default_rng(seed)
    drawn = {group: rng.permutation(np.flatnonzero((named == group) & present)) for group in groups}
    matches: dict[str, Rate] = {}
    misses: dict[str, Rate] = {}
    alike = 0
    for group in groups:
        chosen = drawn[group][:most]
        one, other = np.triu_indices(chosen.size, 1)
        scores = (rows[chosen] @ rows[chosen].T)[one, other]
        left, right = whose[chosen][one], whose[chosen][other]
        same = left == right
        accepted = scores >= np.float32(point.threshold)
        alike += int((scores[~same] >= PERHAPS_SAME).sum())
        matches[group] = SubjectBootstrap(left[~same], right[~same], seed=seed).rate(accepted[~same])
        misses[group] = SubjectBootstrap(left[same], right[same], seed=seed).rate(~accepted[same])
    members = {group: int(np.unique(whose[drawn[group][:most]]).size) for group in groups}
    return GroupTable(
        label=label,
        point=point,
        fmr=_summary(matches, members, "FMR"),
        fnmr=_summary(misses, members, "FNMR"),
        across={
            (one, other): _across(rows, whose, drawn[one][:across], drawn[other][:across], point.threshold, seed)
            for one, other in combinations(groups, 2)
        },
        failures={
            group: clopper_pearson(int((~present[named == group]).sum()), int((named == group).sum()))
            for group in groups
        },
        perhaps_same=alike,
    )


def _summary(rates: dict[str, Rate], people: dict[str, int], kind: str) -> Differential | None:
    return summarise(rates, people, kind=kind) if sum(rate.n > 0 for rate in rates.values()) > 1 else None


def _across(
    rows: NDArray[np.float32],
    whose: NDArray[Any],
    one: NDArray[np.intp],
    other: NDArray[np.intp],
    threshold: float,
    seed: int,
) -> Rate:
    """FMR of the people of one group with those of another."""
    accepted = rows[one] @ rows[other].T >= np.float32(threshold)
    left, right = np.repeat(whose[one], other.size), np.tile(whose[other], one.size)
    return SubjectBootstrap(left, right, seed=seed).rate(accepted.ravel())
