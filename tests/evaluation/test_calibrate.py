from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.calibrate import calibrate, calibrate_pictures
from vultus.evaluation.growth import grouped, possible, searches
from vultus.metrics.identification import best_scores
from vultus.metrics.verification import fmr
from vultus.operating import OperatingTable, table_for
from vultus.types import EmbeddingContract

from .conftest import DIMENSION, crowd


@pytest.fixture(scope="module")
def table(contract: EmbeddingContract) -> OperatingTable:
    vectors, people = crowd(250, 5, seed=0)
    return calibrate(vectors, people, contract, data="made up", precision="fp32", date="2026-01-01", replicates=200)


def test_nobody_is_refused(contract: EmbeddingContract) -> None:
    with pytest.raises(InputError, match="at least 20 people, got 0"):
        calibrate(np.zeros((0, DIMENSION), np.float32), np.array([], dtype=str), contract, data="none")


def test_too_little_or_unfitting_data_is_refused(contract: EmbeddingContract) -> None:
    vectors, people = crowd(30, 1, seed=0)
    with pytest.raises(InputError, match="comparisons of different people, got 435"):
        calibrate(vectors, people, contract, data="made up")
    with pytest.raises(InputError, match="expected embeddings"):
        calibrate(vectors[:, :5], people, contract, data="made up")
    with pytest.raises(InputError, match="expected embeddings"):
        calibrate(vectors, people[:5], contract, data="made up")


def test_the_curve_is_that_of_the_comparisons(table: OperatingTable, contract: EmbeddingContract) -> None:
    vectors, people = crowd(250, 5, seed=0)
    scores = vectors @ vectors.T
    one, other = np.triu_indices(len(vectors), 1)
    impostors = scores[one, other][people[one] != people[other]]
    assert table.impostors == impostors.size == 250 * 249 // 2 * 25
    assert (table.people, table.pictures, table.failures, table.contract) == (250, 1250, 0, contract.id)
    for target in (1e-1, 1e-2, 1e-3, 1e-4):
        point = table.verify(target)
        assert point.measured is not None
        assert fmr(impostors, point.threshold).value == pytest.approx(target, rel=0.02)
        assert point.measured.k == pytest.approx(fmr(impostors, point.threshold).k, abs=2)  # a product of other order
        assert point.measured.low < target < point.measured.high


def test_the_promises_hold_for_other_people(table: OperatingTable) -> None:
    vectors, people = crowd(250, 5, seed=1, name="q")
    known = grouped(vectors, people)
    rng = np.random.default_rng(0)
    for size, templates in ((20, 1), (100, 1), (20, 5), (100, 3)):
        threshold = table.identify(0.05, [templates] * size).threshold
        best = np.concatenate([best_scores(scores) for scores in searches(known, size, templates, 30, rng)])
        assert (best >= threshold).mean() == pytest.approx(0.05, rel=0.35), (size, templates)
    # While one threshold for all galleries is wrong for most of them.
    threshold = table.identify(0.05, [1] * 20).threshold
    best = np.concatenate([best_scores(scores) for scores in searches(known, 100, 3, 30, rng)])
    assert (best >= threshold).mean() > 0.25


def test_the_checks_are_there(table: OperatingTable) -> None:
    assert {(check.people, check.templates) for check in table.checks} >= {(20, 1), (50, 5)}
    assert all(check.observed.n > 1000 for check in table.checks)
    assert table.growth.templates == 5
    assert table.pooling is not None
    assert table.pooling.people == 250
    assert table.track(0.01, [1] * 20).threshold >= table.identify(0.01, [1] * 20).threshold


def test_repeatable_and_blind_to_order(contract: EmbeddingContract) -> None:
    vectors, people = crowd(60, 2, seed=3)
    order = np.random.default_rng(0).permutation(len(people))
    tables = [
        calibrate(vectors[rows], people[rows], contract, data="made up", date="2026-01-01", replicates=50)
        for rows in (np.arange(len(people)), np.arange(len(people)), order)
    ]
    assert tables[0] == tables[1]
    np.testing.assert_allclose(
        [knot.score for knot in tables[2].knots], [knot.score for knot in tables[0].knots], atol=1e-6
    )
    assert tables[2].growth.overlap == pytest.approx(tables[0].growth.overlap, abs=1e-3)


def test_failures_are_counted_and_left_out(contract: EmbeddingContract) -> None:
    vectors, people = crowd(60, 2, seed=3)
    vectors[::10] = np.nan
    found = calibrate(vectors, people, contract, data="made up", replicates=50)
    assert (found.failures, found.pictures) == (12, 108)


def test_people_with_one_picture_count_templates_in_full(contract: EmbeddingContract) -> None:
    vectors, people = crowd(60, 1, seed=3)
    found = calibrate(vectors, people, contract, data="made up", replicates=50)
    assert (found.growth.overlap, found.growth.templates, found.pooling) == (0.0, 1, None)
    assert found.track(0.05, [1] * 10).extrapolated
    # Without overlap five templates of ten people are fifty people.
    assert found.identify(0.05, [5] * 10).threshold == pytest.approx(found.identify(0.05, [1] * 50).threshold)


def test_galleries_leave_strangers() -> None:
    known = grouped(*crowd(40, 3, seed=0))
    assert possible(known) == [(size, templates) for templates in (1, 2, 3) for size in (5, 10, 20)]
    (scores,) = searches(known, 20, 2, 1, np.random.default_rng(0))
    assert scores.shape == (20, 20)
    assert scores.max() < 0.6  # nobody meets himself


@pytest.mark.data
@pytest.mark.weights
def test_from_real_pictures(data: Path, analyzer: Analyzer, tmp_path: Path) -> None:
    """A folder, a person each, with a file that is no picture among them."""
    every = lfw.pictures(data / "lfw" / "images", without=lfw.names(data / "lfw" / "strangers.txt"))
    few = dict(list(every.items())[:50])
    broken = tmp_path / "broken.jpg"
    broken.write_text("not a picture")
    few["Nobody"] = (broken,)
    seen: list[tuple[int, int]] = []
    made = calibrate_pictures(few, analyzer, data="a few of LFW", replicates=50, progress=lambda *at: seen.append(at))
    assert [failure.path for failure in made.failures] == [broken]
    assert (made.table.people, made.table.failures) == (50, 1)
    assert seen[-1] == (made.table.pictures + 1, made.table.pictures + 1)
    assert made.table.verify(0.01).threshold == pytest.approx(0.29, abs=0.05)


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_the_shipped_table_can_be_made_again(data: Path, analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VULTUS_OPERATING_POINTS", raising=False)
    root = data / "lfw"
    left_out = [*lfw.names(root / "identities25.txt"), *lfw.names(root / "strangers.txt")]
    made = calibrate_pictures(
        lfw.pictures(root / "images", without=left_out), analyzer.parallel(), data="again", replicates=100
    )
    shipped, again = table_for(analyzer.contract), made.table
    assert (again.people, again.pictures, again.impostors) == (shipped.people, shipped.pictures, shipped.impostors)
    for step in (1, 2, 3, 4):
        assert again.verify(10.0**-step).threshold == pytest.approx(shipped.verify(10.0**-step).threshold, abs=0.003)
    for gallery in ([1] * 20, [5] * 20, [1] * 979):
        one, other = again.identify(0.01, gallery).threshold, shipped.identify(0.01, gallery).threshold
        assert one == pytest.approx(other, abs=0.004)
