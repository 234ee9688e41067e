from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.errors import InputError, NotFoundError
from vultus.evaluation.groups import AGE_BANDS, GroupReport, age_band, evaluate, evaluate_labels
from vultus.metrics.differentials import SMALL_CHILDREN
from vultus.operating import table_for
from vultus.types import OperatingPoint

from .conftest import DIMENSION, crowd

POINT = OperatingPoint("verify", "FMR", 1e-3, 0.4, "made-up", "single", 1, 1.0, None, False, "made up", "2026-01-01")


def made_up() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """40 people whose faces are all directions, 40 who share half of theirs; two pictures each."""
    vectors, people = crowd(80, 2, seed=1)
    alike = np.arange(160) >= 80
    shared = np.random.default_rng(2).normal(size=DIMENSION)
    vectors[alike] += (shared / np.linalg.norm(shared)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, people, np.where(alike, "alike", "apart")


def test_nobody_and_one_group_are_refused() -> None:
    with pytest.raises(InputError, match="two groups or more"):
        evaluate_labels(np.empty((0, 4)), np.array([]), np.array([]), POINT)
    vectors, people, _ = made_up()
    with pytest.raises(InputError, match="two groups or more under sex, got 1"):
        evaluate_labels(vectors, people, np.full(160, "x"), POINT, label="sex")
    with pytest.raises(InputError, match="n people and n labels"):
        evaluate_labels(vectors, people[:3], people, POINT)
    with pytest.raises(InputError, match="one label a person"):
        evaluate_labels(vectors, people, np.arange(160) % 2, POINT)


def test_groups_that_look_alike_match_more_often() -> None:
    vectors, people, labels = made_up()
    vectors[:3] = np.nan
    found = evaluate_labels(vectors, people, labels, POINT, order=("apart", "alike"))
    assert found.fmr is not None
    assert found.fnmr is not None
    assert list(found.fmr.rates) == ["apart", "alike"]
    assert (found.fmr.worst, found.fmr.apart) == ("alike", ("alike",))
    assert found.fmr.people == {"apart": 39, "alike": 40}
    assert found.fmr.rates["alike"].n == 80 * 79 // 2 - 40
    assert found.fnmr.rates["apart"].n == 38  # two of the three lost pictures are of one person
    assert [found.failures[group].k for group in ("apart", "alike")] == [3, 0]
    assert list(found.across) == [("apart", "alike")]
    assert found.across["apart", "alike"].n == 77 * 80
    alike = vectors[80:]
    scores = (alike @ alike.T)[np.triu_indices(80, 1)]
    same = (people[80:, None] == people[None, 80:])[np.triu_indices(80, 1)]
    assert found.fmr.rates["alike"].k == int((scores[~same] >= np.float32(0.4)).sum())


def test_samples_are_drawn_by_the_seed() -> None:
    vectors, people, labels = made_up()
    small = evaluate_labels(vectors, people, labels, POINT, most=20, across=10, seed=3)
    assert small.fmr is not None
    assert small.fmr.rates["alike"].n <= 190
    assert small.across["alike", "apart"].n == 100
    assert evaluate_labels(vectors, people, labels, POINT, most=20, across=10, seed=3) == small


def test_one_picture_a_person_has_no_misses() -> None:
    vectors, people, labels = made_up()
    assert evaluate_labels(vectors[::2], people[::2], labels[::2], POINT).fnmr is None


@pytest.mark.parametrize("age", [-1, float("nan")])
def test_no_such_age(age: float) -> None:
    with pytest.raises(InputError, match="age of 0 or more"):
        age_band(age)


def test_bands_meet() -> None:
    assert [age_band(age) for age in (0, 3, 4, 12, 13, 19, 20, 39, 40, 59, 60, 116)] == [
        band for band in AGE_BANDS for _ in range(2)
    ]


def test_no_pictures_are_refused(tmp_path: Path, analyzer: Analyzer) -> None:
    with pytest.raises(NotFoundError):
        evaluate(tmp_path / "nowhere", analyzer, table=table_for(analyzer.contract))


@pytest.fixture(scope="module")
def report(data: Path, analyzer: Analyzer) -> GroupReport:
    seen: list[tuple[int, int]] = []
    found = evaluate(
        data / "utkface",
        analyzer.parallel(),
        table=table_for(analyzer.contract),
        progress=lambda at, of: seen.append((at, of)),
    )
    assert seen[-1] == (5331, 5331)
    return found


@pytest.mark.slow
def test_development_figures_by_age(report: GroupReport) -> None:
    """The rates of the specification, within a third: they move with the sample."""
    by_age = report.tables[0]
    assert by_age.fmr is not None
    expected = {"0-3": 0.66, "4-12": 0.067, "13-19": 0.0042, "20-39": 0.0011, "40-59": 0.0006, "60+": 0.0022}
    assert by_age.fmr.rates.keys() == expected.keys()
    np.testing.assert_allclose([rate.value for rate in by_age.fmr.rates.values()], list(expected.values()), rtol=1 / 3)
    assert (by_age.fmr.worst, by_age.fmr.best, by_age.fnmr) == ("0-3", "40-59", None)
    counts = re.search(r"\(([\d,]+) of ([\d,]+);", SMALL_CHILDREN)
    assert counts is not None
    k, n = (int(text.replace(",", "")) for text in counts.groups())
    assert n == by_age.fmr.rates["0-3"].n
    assert k == pytest.approx(by_age.fmr.rates["0-3"].k, rel=0.01)


@pytest.mark.slow
def test_development_figures_of_adults(report: GroupReport) -> None:
    _, by_sex, by_group = report.tables
    assert by_sex.fmr is not None
    assert by_group.fmr is not None
    assert by_sex.fmr.rates["male"].value == pytest.approx(0.0006, rel=1 / 3)
    assert by_sex.fmr.rates["female"].value == pytest.approx(0.0018, rel=1 / 3)
    expected = {"white": 0.0005, "black": 0.0027, "Asian": 0.0058, "Indian": 0.0043}
    found = {group: by_group.fmr.rates[group].value for group in expected}
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=0.4)
    assert by_group.fmr.apart == ("black", "Asian", "Indian")
    assert any("other" in warning for warning in by_group.fmr.warnings)
