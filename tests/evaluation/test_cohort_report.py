from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.evaluation.calibrate import calibrate
from vultus.evaluation.cohort import fixed_trials
from vultus.evaluation.cohort_report import at_points, evaluate_vectors
from vultus.operating import OperatingTable
from vultus.types import EmbeddingContract

from .conftest import crowd


@pytest.fixture(scope="module")
def table(contract: EmbeddingContract) -> OperatingTable:
    vectors, people = crowd(300, 2, seed=0)
    return calibrate(vectors, people, contract, data="made up", date="2026-01-01", replicates=50)


def test_nobody_and_people_on_both_sides_are_refused() -> None:
    people, strangers, others = crowd(20, 3, 1), crowd(100, 1, 2, "s")[0], crowd(120, 2, 3, "o")
    none = (np.zeros((0, 64), np.float32), np.zeros(0, dtype=str))
    for empty in ((none, strangers, others), (people, strangers[:0], others), (people, strangers, none)):
        with pytest.raises(InputError, match="expected people, strangers and others"):
            evaluate_vectors(*empty)
    with pytest.raises(InputError, match="cohort of other people, but 20 are enrolled"):
        evaluate_vectors(people, strangers, people)
    with pytest.raises(InputError, match="expected trials"):
        at_points([], strangers, None)  # type: ignore[arg-type]


def test_parts(table: OperatingTable) -> None:
    people, strangers, others = crowd(20, 4, 1), crowd(300, 1, 2, "s")[0], crowd(160, 2, 3, "o")
    parts = evaluate_vectors(people, strangers, others, table=table, templates=(1, 2), drawn=(40,), splits=3, fpir=0.03)
    assert [(part.name, part.result.people, part.result.trials) for part in parts] == [
        ("listed people", 20, 3),
        ("listed people", 20, 3),
        ("drawn people", 40, 6),
    ]
    for part in parts[:2]:
        none, gallery, cohort = part.product
        assert [at.name for at in part.product] == ["none", "gallery t-norm", "adaptive s-norm"]
        assert [at.point.fusion for at in part.product] == ["max", "t-norm of max", "max of adaptive s-norm"]
        assert (none.gain, none.gain_low, none.gain_high) == (0, 0, 0)
        for at in (gallery, cohort):
            assert at.fpir.n == 900
            assert at.fpir.low <= 0.03 <= at.fpir.high
            assert at.gain == pytest.approx(at.fnir.value - none.fnir.value)
            assert at.gain_low <= at.gain <= at.gain_high
    assert parts[2].product == ()


def test_what_has_no_threshold_is_left_out(table: OperatingTable) -> None:
    people, strangers, others = crowd(5, 4, 1), crowd(100, 1, 2, "s")[0], crowd(30, 1, 3, "o")[0]
    trials = list(fixed_trials(*people, strangers, others, splits=2))
    assert [at.name for at in at_points(trials, others, table)] == ["none"]  # 5 people, 30 in the cohort
    bare = evaluate_vectors(people, strangers, crowd(120, 1, 3, "o"), templates=(1,), splits=2)
    assert bare[0].product == ()
