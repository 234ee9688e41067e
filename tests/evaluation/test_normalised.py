from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.evaluation.calibrate import calibrate
from vultus.evaluation.growth import People, grouped
from vultus.evaluation.normalised import SIZES, TARGETS, draws, measure
from vultus.metrics.identification import fuse_max
from vultus.metrics.normalised import Normalisation, NormalisedPoint, interpolate
from vultus.operating import OperatingTable
from vultus.types import EmbeddingContract

from .conftest import crowd


@pytest.fixture(scope="module")
def known() -> People:
    return grouped(*crowd(300, 3, seed=0))


@pytest.fixture(scope="module")
def others() -> People:
    return grouped(*crowd(300, 3, seed=1, name="q"))


@pytest.fixture(scope="module")
def points(known: People) -> tuple[NormalisedPoint, ...]:
    return measure(known, 0)


def test_nobody_gives_no_points() -> None:
    assert measure(grouped(*crowd(8, 2, seed=0)), 0) == ()


def test_what_people_can_fill(points: tuple[NormalisedPoint, ...]) -> None:
    cells = {(point.method, point.templates, point.people) for point in points}
    assert {people for method, _, people in cells if method == "t"} == {size for size in SIZES["t"] if size <= 225}
    assert {people for method, _, people in cells if method == "s"} == {size for size in SIZES["s"] if size <= 150}
    assert {templates for _, templates, _ in cells} == {1, 2, 3}
    assert {(point.cohort, point.top) for point in points if point.method == "s"} == {(75, 37)}
    for point in points:
        assert point.target in TARGETS
        assert point.observed.low <= point.observed.value <= point.target <= point.observed.high
        assert point.observed.n == point.galleries * (300 - point.people - point.cohort)


def test_repeatable() -> None:
    known = grouped(*crowd(60, 1, seed=0))
    points = measure(known, 0)
    assert points
    assert measure(known, 0) == points
    assert [point.threshold for point in measure(known, 1)] != [point.threshold for point in points]


def test_few_people_have_no_cohort() -> None:
    points = measure(grouped(*crowd(70, 2, seed=0)), 0)
    assert {point.method for point in points} == {"t"}


def test_nobody_meets_himself(known: People) -> None:
    (drawn,) = draws(known, "t", 50, 2, galleries=1)
    assert len(drawn.strangers) == len(set(drawn.strangers.tolist())) == 250
    (drawn,) = draws(known, "s", 50, 1, cohort=75, galleries=1)
    assert len(drawn.strangers) == 175


@pytest.mark.parametrize("method", ["t", "s"])
@pytest.mark.parametrize(("size", "templates"), [(20, 1), (40, 2), (100, 1), (90, 3)])
def test_thresholds_hold_for_other_people(
    points: tuple[NormalisedPoint, ...], others: People, method: Normalisation, size: int, templates: int
) -> None:
    """Measured sizes and others between them, within the interval of the nearest point."""
    cohort = 75 if method == "s" else 0
    best = np.concatenate(
        [drawn.best for drawn in draws(others, method, size, templates, cohort=cohort, galleries=40, seed=9)]
    )
    tried = 0
    for target in TARGETS:
        here = [
            point for point in points if (point.method, point.templates, point.target) == (method, templates, target)
        ]
        if not here:
            continue
        tried += 1
        threshold = interpolate(points, method, target, size, templates).threshold
        near = min(here, key=lambda point: abs(np.log(point.people / size))).observed
        assert near.low <= (best >= threshold).mean() <= near.high, target
    assert tried >= 2


def test_the_table_holds_them(contract: EmbeddingContract, tmp_path: Path) -> None:
    vectors, people = crowd(120, 3, seed=0)
    table = calibrate(vectors, people, contract, data="made up", date="2026-01-01", replicates=50)
    table.save(tmp_path / "t.json")
    assert OperatingTable.load(tmp_path / "t.json") == table
    assert table.cohort_size() == (30, 15)
    point = table.identify_normalised("t", 0.1, [1] * 50)
    assert (point.fusion, point.people, point.templates, point.metric) == ("t-norm of max", 50, 1.0, "FPIR")
    assert point.measured is not None
    assert not point.extrapolated
    assert table.identify_normalised("s", 0.1, [2] * 25 + [0]).measured is None


def test_unequal_galleries_stay_below_the_promised_rate(points: tuple[NormalisedPoint, ...], others: People) -> None:
    """The mean of the templates stands for all of them: with T-norm that errs on the strict side."""
    from vultus.metrics.cohort import gallery_t_norm

    rng = np.random.default_rng(0)
    named, searched = 0, 0
    sizes = np.array([3] * 20 + [1] * 60)
    threshold = interpolate(points, "t", 0.03, len(sizes), float(sizes.mean())).threshold
    for _ in range(40):
        drawn = rng.permutation(len(others.pictures))
        gallery = np.concatenate([others.rows(who)[:m] for who, m in zip(drawn, sizes, strict=False)])
        scores = others.scores[np.ix_(others.first[drawn[len(sizes) :]], gallery)]
        best = gallery_t_norm(fuse_max(scores, np.repeat(np.arange(len(sizes)), sizes), len(sizes))).max(axis=1)
        named, searched = named + int((best >= threshold).sum()), searched + best.size
    assert named / searched < 0.035
