from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.calibrate import calibrate
from vultus.evaluation.openset import evaluate, evaluate_vectors
from vultus.operating import OperatingTable, table_for
from vultus.types import EmbeddingContract

from .conftest import crowd


@pytest.fixture(scope="module")
def table(contract: EmbeddingContract) -> OperatingTable:
    vectors, people = crowd(300, 3, seed=9, name="dev")
    return calibrate(vectors, people, contract, data="made up", replicates=50)


def test_nobody_is_refused() -> None:
    vectors, people = crowd(5, 3, seed=0)
    nobody, nameless = vectors[:0], people[:0]
    with pytest.raises(InputError, match="got 0 and 15"):
        evaluate_vectors(nobody, nameless, vectors, people)
    with pytest.raises(InputError, match="got 15 and 0"):
        evaluate_vectors(vectors, people, nobody, nameless)


def test_what_does_not_fit_is_refused() -> None:
    vectors, people = crowd(5, 3, seed=0)
    strangers, others = crowd(10, 1, seed=1, name="s")
    with pytest.raises(InputError, match="'p0000' is enrolled"):
        evaluate_vectors(vectors, people, strangers, np.array(["p0000", *others[1:]]))
    with pytest.raises(InputError, match="more than 3 pictures"):
        evaluate_vectors(vectors, people, strangers, others, templates=(3,))
    with pytest.raises(InputError, match="one split"):
        evaluate_vectors(vectors, people, strangers, others, splits=0)
    vectors[:2] = np.nan
    with pytest.raises(InputError, match="more than 2 pictures of each person, one has 1"):
        evaluate_vectors(vectors, people, strangers, others, templates=(2,))


def test_people_are_found_and_strangers_are_not(table: OperatingTable) -> None:
    vectors, people = crowd(20, 10, seed=0)
    strangers, others = crowd(300, 1, seed=1, name="s")
    one, five = evaluate_vectors(vectors, people, strangers, others, table=table, splits=5)
    assert (one.templates, one.people, one.probes, one.strangers, one.splits) == (1, 20, 180, 300, 5)
    assert (five.templates, five.probes) == (5, 100)
    for result in (one, five):
        assert result.rank_one.value > 0.95
        assert len(set(result.thresholds)) > 1
        assert result.fnir.n == 5 * result.probes
        assert result.realised is not None
        assert result.realised.fpir.low <= 0.01 <= result.realised.fpir.high
        assert result.realised.point.people == 20
        shuffled, random = result.controls
        assert shuffled.fnir.value > 0.9
        assert random.fnir.value > 0.97
    assert five.fnir.value < one.fnir.value
    # Five templates reach higher, also by chance: their threshold must be higher.
    assert five.realised is not None
    assert one.realised is not None
    assert five.realised.point.threshold > one.realised.point.threshold


def test_failures_are_misses_and_unknown_strangers(table: OperatingTable) -> None:
    vectors, people = crowd(20, 10, seed=0)
    strangers, others = crowd(100, 1, seed=1, name="s")
    holed, fewer = vectors.copy(), strangers.copy()
    holed[::10] = np.nan
    fewer[:50] = np.nan
    (result,) = evaluate_vectors(holed, people, fewer, others, table=table, templates=(1,), splits=3)
    assert (result.probes, result.strangers) == (180, 100)
    assert result.fnir.value >= 20 / 180
    assert result.rank_one.value <= 160 / 180


def test_an_interval_is_no_shorter_than_one_split_allows() -> None:
    vectors, people = crowd(20, 6, seed=0)
    strangers, others = crowd(100, 1, seed=1, name="s")
    (result,) = evaluate_vectors(vectors, people, strangers, others, templates=(5,), splits=50)
    assert result.realised is None
    assert (result.fnir.k, result.fnir.n) == (0, 1000)
    assert result.fnir.high > 0.15  # nothing in 20 searches, not nothing in 1,000
    (again,) = evaluate_vectors(vectors, people, strangers, others, templates=(5,), splits=50)
    assert again == result


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_twenty_people_against_three_hundred_strangers(data: Path, analyzer: Analyzer) -> None:
    """On people that the shipped table has never seen."""
    report = evaluate(lfw.open_set(data / "lfw"), analyzer.parallel(), table=table_for(analyzer.contract))
    assert (report.pictures, report.failures) == (800, ())
    one, five = report.results
    assert (one.probes, five.probes, one.strangers) == (480, 400, 300)
    assert one.fnir.value < 0.01
    assert five.fnir.value < 0.002
    for result in report.results:
        assert result.rank_one.value > 0.998
        assert result.realised is not None
        assert result.realised.fpir.low <= 0.01 <= result.realised.fpir.high
        assert result.realised.fpir.value < 0.02
        assert result.realised.fnir.value < 0.01
        assert min(control.fnir.value for control in result.controls) > 0.9
