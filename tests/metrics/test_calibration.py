from __future__ import annotations

import json
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.extraction import embed_pictures
from vultus.metrics.calibration import cost, cross_fit, fit
from vultus.metrics.evidence import LikelihoodRatio
from vultus.metrics.likelihood import cllr, isotonic

Comparisons = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
LABELS = {"data": "made up", "date": "2026-01-01"}


def comparisons(people: int = 60, pictures: int = 3, seed: int = 0, apart: float = 1.5) -> Comparisons:
    """Scores whose LLR is 2 * apart * score: N(apart, 1) for one person, N(-apart, 1) for two."""
    who = np.repeat(np.arange(people), pictures)
    first, second = np.array(list(combinations(who, 2))).T
    same = first == second
    scores = np.random.default_rng(seed).normal(size=same.size) + np.where(same, apart, -apart)
    return scores, same, first, second


def all_pairs(vectors: np.ndarray, people: np.ndarray) -> Comparisons:
    codes = np.unique(people, return_inverse=True)[1]
    first, second = np.triu_indices(len(vectors), 1)
    scores = (vectors @ vectors.T)[first, second]
    return scores, codes[first] == codes[second], codes[first], codes[second]


@pytest.mark.parametrize("function", [lambda *rows: fit(*rows, **LABELS), cost, cross_fit])
def test_comparisons_of_one_kind_are_refused(function) -> None:
    with pytest.raises(InputError, match="both kinds"):
        function(*[np.array([])] * 4)
    with pytest.raises(InputError, match="both kinds"):
        function(np.ones(3), np.ones(3, bool), np.arange(3), np.arange(3))
    with pytest.raises(InputError, match="two people a comparison"):
        function(np.ones(3), np.ones(2, bool), np.arange(3), np.arange(3))


def test_bad_scores_are_refused() -> None:
    scores, same, first, second = comparisons()
    with pytest.raises(InputError, match="20 people and 30 comparisons"):
        fit(scores[:40], same[:40], first[:40], second[:40], **LABELS)
    with pytest.raises(InputError, match="all the same"):
        fit(np.ones(scores.size), same, first, second, **LABELS)
    with pytest.raises(InputError, match="distances with a minus sign"):
        fit(-scores, same, first, second, **LABELS)
    with pytest.raises(InputError, match="infinite"):
        fit(np.where(scores > 2, np.inf, scores), same, first, second, **LABELS)
    with pytest.raises(InputError, match="method isotonic or logistic"):
        fit(scores, same, first, second, method="magic", **LABELS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two or more folds"):
        cross_fit(scores, same, first, second, folds=1)


@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_known_ratios_are_found(method: str) -> None:
    scores, same, first, second = comparisons(150)
    model = fit(scores, same, first, second, method=method, replicates=50, **LABELS)  # type: ignore[arg-type]
    assert (model.people, model.genuine, model.impostors) == (150, 450, 100_575)
    assert -np.log(450 / 3) <= model.least < 0 < model.most <= np.log(100_575 / 3)
    asked = np.array([-0.4, 0.0, 0.4])
    found = np.array([model.llr(score) for score in asked])
    np.testing.assert_allclose(found, 3 * asked, atol=0.9 if method == "isotonic" else 0.35)
    assert LikelihoodRatio.of(json.loads(json.dumps(asdict(model)))) == model


@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_intervals_hold_the_truth(method: str) -> None:
    """At three scores in twenty draws of 40 people: 95 % of them, give or take, and they rise in every draw."""
    asked = np.array([-0.4, 0.0, 0.4])
    inside = 0
    for seed in range(20):
        model = fit(*comparisons(40, 3, seed), method=method, replicates=60, seed=seed, **LABELS)  # type: ignore[arg-type]
        inside += sum(model.evidence(score).low <= 3 * score <= model.evidence(score).high for score in asked)
    assert inside >= 50


def test_the_model_is_the_fit_within_its_bounds() -> None:
    scores, same, first, second = comparisons()
    model = fit(scores, same, first, second, replicates=5, **LABELS)
    expected = np.clip(isotonic(scores[same], scores[~same]).llr(np.array(model.scores)), model.least, model.most)
    np.testing.assert_allclose(model.llrs, expected)


def test_missing_scores_are_left_out_of_the_fit() -> None:
    scores, same, first, second = comparisons()
    gone = np.random.default_rng(1).random(scores.size) < 0.1
    model = fit(np.where(gone, np.nan, scores), same, first, second, replicates=5, **LABELS)
    assert model == fit(scores[~gone], same[~gone], first[~gone], second[~gone], replicates=5, **LABELS)


def test_people_who_meet_again_and_again_are_fewer_than_their_comparisons() -> None:
    """Ten lookalikes make most of the false matches: the comparisons are worth far fewer."""
    scores, same, first, second = comparisons(100, 2)
    alike = (first % 10 == 0) & (second % 10 == 0)
    model = fit(np.where(alike & ~same, scores + 4, scores), same, first, second, replicates=5, **LABELS)
    assert model.independent_impostors < model.impostors / 4


def test_kinds_apart_are_bounded_all_the_same() -> None:
    scores, same, first, second = comparisons(apart=20.0)
    model = fit(scores, same, first, second, replicates=5, **LABELS)
    assert (model.llr(-20), model.llr(20)) == (model.least, model.most)
    assert model.evidence(20.0).bounded
    with pytest.raises(InputError, match="method isotonic"):
        fit(scores, same, first, second, method="logistic", **LABELS)


def test_cost_is_cllr_with_an_interval() -> None:
    scores, same, first, second = comparisons()
    found = cost(3 * scores, same, first, second)
    assert found.cllr == cllr(3 * scores[same], 3 * scores[~same])
    assert found.low < found.cllr < found.high
    assert 0 < found.loss < 0.05
    assert cost(np.full(scores.size, np.nan), same, first, second).cllr == pytest.approx(1)
    with pytest.raises(InputError, match="both kinds"):
        cost(scores[same], same[same], first[same], second[same])


@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_other_people_cost_what_the_truth_costs_and_shuffled_labels_a_bit(method: str) -> None:
    rows = comparisons(150)
    truth = cost(3 * rows[0], *rows[1:]).cllr
    assert cross_fit(*rows, method=method, folds=3).cllr == pytest.approx(truth, abs=0.06)  # type: ignore[arg-type]
    control = cross_fit(*rows, method=method, folds=3, shuffled=True)  # type: ignore[arg-type]
    assert control.cllr == pytest.approx(1, abs=0.06)


@pytest.mark.slow
def test_development_people_calibrate_others(data: Path, analyzer) -> None:
    """Calibrated on 959 people of DevTest, tried on the 20 x 25 and the 300 strangers."""
    root = data / "lfw"
    apart = lfw.open_set(root)
    development = lfw.pictures(root / "images", without=[*apart.people, *apart.strangers])
    paths, names = [], []
    for part in (development, {**apart.people, **apart.strangers}):
        paths.append([path for each in part.values() for path in each])
        names.append(np.array([name for name, each in part.items() for _ in each]))
    vectors = embed_pictures(paths[0] + paths[1], analyzer.parallel()).vectors
    known, held = (all_pairs(rows, who) for rows, who in zip(np.split(vectors, [len(paths[0])]), names, strict=True))
    model = fit(*known, replicates=50, data="LFW DevTest", date="2026-01-01")
    assert (model.people, model.genuine, model.impostors) == (959, 980, 1_187_131)
    assert model.llr(0.5) > np.log(1000)
    llrs = np.interp(held[0], model.scores, model.llrs)
    found = cost(llrs, *held[1:], replicates=50)
    assert (found.genuine, found.impostors) == (6000, 313_600)
    assert found.cllr == pytest.approx(0.0145, abs=0.004)
    assert cross_fit(*known, shuffled=True).cllr == pytest.approx(1, abs=0.03)
