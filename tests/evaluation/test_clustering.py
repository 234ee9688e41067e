from __future__ import annotations

import math

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.evaluation.clustering import evaluate, evaluate_labels
from vultus.metrics.clustering import bcubed
from vultus.testing import Analyzer


def test_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="a person and a group"):
        evaluate_labels([], [])
    with pytest.raises(InputError, match="got none"):
        evaluate({}, Analyzer(), table=None)  # type: ignore[arg-type]


def test_by_hand() -> None:
    report = evaluate_labels(["a", "a", "b", "b"], [0, 0, 0, None])
    assert (report.precision.value, report.recall.value) == (2 / 3, 3 / 4)
    assert math.isnan(report.precision.low)
    assert (report.groups, report.alone, report.mixed, report.divided) == (1, 1, 1, 1)
    assert any("too few to resample" in caveat for caveat in report.caveats)


def test_intervals_hold_the_value_and_do_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 30, 200).tolist()
    said = [person if rng.random() < 0.8 else int(rng.integers(0, 40)) for person in truth]
    report = evaluate_labels(truth, said)
    both = bcubed(truth, said)
    for found, value in ((report.precision, both.precision), (report.recall, both.recall), (report.f, both.f)):
        assert found.value == value
        assert found.low < value < found.high
    order = rng.permutation(200)
    again = evaluate_labels([truth[at] for at in order], [said[at] for at in order])
    assert again.f.value == pytest.approx(report.f.value)
    assert (again.groups, again.mixed, again.divided) == (report.groups, report.mixed, report.divided)


def test_what_labels_cannot_show_is_said() -> None:
    assert any("one person only" in caveat for caveat in evaluate_labels(["a", "a"], [0, 0]).caveats)
    assert any("nobody has two faces" in caveat for caveat in evaluate_labels(["a", "b"], [0, 0]).caveats)
