from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.datasets import lfw
from vultus.errors import InputError, NotFoundError
from vultus.evaluation.verification import evaluate, evaluate_scores
from vultus.operating import table_for
from vultus.types import OperatingPoint

POINT = OperatingPoint("verify", "FMR", 0.1, 0.5, "contract", "single", 1, 1.0, None, False, "made up", "2026-01-01")


def made_up(pairs: int = 200) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    rng = np.random.default_rng(0)
    same = np.arange(pairs) % 2 == 0
    scores = np.where(same, rng.normal(0.65, 0.1, pairs), rng.normal(0.1, 0.1, pairs))
    people = [(f"a{at}", f"a{at}" if alike else f"b{at}") for at, alike in enumerate(same)]
    return scores, same, people


def test_pairs_of_one_kind_are_refused() -> None:
    for same in (np.zeros(0, dtype=bool), np.ones(3, dtype=bool), np.zeros(3, dtype=bool)):
        with pytest.raises(InputError, match="pairs of both kinds"):
            evaluate_scores(np.zeros(same.size), same, [("a", "a")] * same.size)
    with pytest.raises(InputError, match="two people a pair"):
        evaluate_scores(np.zeros(3), np.zeros(3, dtype=bool), [])


def test_figures_of_made_up_scores() -> None:
    scores, same, people = made_up()
    report = evaluate_scores(scores, same, people, point=POINT)
    assert (report.pairs, report.genuine, report.impostor, report.folds) == (200, 100, 100, 10)
    assert report.accuracy > 0.97
    assert report.auc > 0.99
    assert report.eer < 0.03
    assert list(report.fnmr) == [0.1, 0.01, 0.001]
    assert report.thresholds[0.001] > scores[~same].max()
    values = [rate.value for rate in report.fnmr.values()]
    assert values == sorted(values)
    assert report.at_point is not None
    assert report.at_point.fnmr.k == (scores[same] < 0.5).sum()
    assert report.at_point.fmr.k == (scores[~same] >= 0.5).sum()


def test_a_failed_side_is_called_different_and_counted() -> None:
    scores, same, people = made_up()
    failed = scores.copy()
    failed[[0, 1]] = math.nan  # a pair of each kind
    whole, holed = (evaluate_scores(values, same, people, point=POINT) for values in (scores, failed))
    assert (holed.no_decision, holed.genuine, holed.impostor) == (1 + 1, 100, 100)
    for target in (0.1, 0.01):
        assert holed.fnmr[target].k == whole.fnmr[target].k + 1
        assert holed.fnmr[target].n == 100
    assert holed.at_point is not None
    assert whole.at_point is not None
    assert holed.at_point.fnmr.k == whole.at_point.fnmr.k + 1
    assert holed.at_point.fmr.k == whole.at_point.fmr.k


def test_given_folds_are_used_and_the_seed_makes_the_others() -> None:
    scores, same, people = made_up()
    assert evaluate_scores(scores, same, people, folds=np.arange(200) // 100).folds == 2
    assert evaluate_scores(scores, same, people, seed=1) == evaluate_scores(scores, same, people, seed=1)


def test_labels_at_random_give_chance() -> None:
    scores, same, people = made_up(2000)
    shuffled = np.random.default_rng(1).permutation(same)
    report = evaluate_scores(scores, shuffled, people)
    assert report.eer == pytest.approx(0.5, abs=0.04)
    assert report.auc == pytest.approx(0.5, abs=0.04)


@pytest.mark.data
@pytest.mark.weights
def test_real_pairs(data: Path, analyzer: Analyzer) -> None:
    root = data / "lfw"
    every = lfw.pairs(root / "pairsDevTest.txt", root / "images")
    pairs = [*every[:40], *every[500:540]]
    seen: list[tuple[int, int]] = []
    report = evaluate(
        root / "images", pairs, analyzer, table=table_for(analyzer.contract), progress=lambda *at: seen.append(at)
    )
    assert (report.pairs, report.genuine, report.failures_to_enrol, report.no_decision) == (80, 40, 0, 0)
    assert seen[-1] == (report.pictures, report.pictures)
    assert report.accuracy >= 0.95
    assert report.at_point is not None
    assert report.at_point.point.target == 1e-3
    with pytest.raises(NotFoundError, match="expected every picture"):
        evaluate(root, root / "pairsDevTest.txt", analyzer)


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_lfw_devtest_loses_nothing_against_the_bare_chain(data: Path, analyzer: Analyzer) -> None:
    """A bare script with the same weights gets 993 of 1,000 right at .333, and .992 by these folds."""
    root = data / "lfw"
    report = evaluate(
        root / "images", root / "pairsDevTest.txt", analyzer.parallel(), table=table_for(analyzer.contract)
    )
    assert (report.pairs, report.failures_to_enrol) == (1000, 0)
    assert report.accuracy >= 0.990
    assert report.fnmr[0.01].k <= 8
    assert report.eer <= 0.016
    assert report.at_point is not None
    assert report.at_point.fmr.k <= 2
    assert report.at_point.accuracy >= 0.990
