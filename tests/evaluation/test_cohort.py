from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.datasets import lfw
from vultus.errors import InputError
from vultus.evaluation.cohort import METHODS, compare, drawn_trials, fixed_trials
from vultus.evaluation.extraction import embed_pictures

from .conftest import DIMENSION, crowd


def noisy(people: int, pictures: int, seed: int, name: str = "p") -> tuple[np.ndarray, np.ndarray]:
    """People of whom some pictures lie near a common direction, as blurred ones do, and match everybody."""
    vectors, names = crowd(people, pictures, seed, name)
    rng = np.random.default_rng(seed + 1)
    common = np.ones(DIMENSION, dtype=np.float32) / np.sqrt(DIMENSION)
    vectors += rng.choice([0.0, 2.0], size=(len(vectors), 1), p=[0.7, 0.3]).astype(np.float32) * common
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), names


def test_no_trials_and_small_cohorts_are_refused() -> None:
    with pytest.raises(InputError, match="expected trials, got none"):
        compare([])
    vectors, people = crowd(10, 3, 0)
    with pytest.raises(InputError, match="cohort of 100 pictures, got 50"):
        compare(fixed_trials(vectors, people, vectors, crowd(50, 1, 1)[0]))
    with pytest.raises(InputError, match="more than 3 pictures"):
        next(fixed_trials(vectors, people, vectors, vectors, templates=3))
    with pytest.raises(InputError, match="40 others, got 10 and 2"):
        next(drawn_trials(vectors, people, 8))


def test_trials_share_nobody() -> None:
    vectors, people = crowd(100, 3, 0)
    lost = vectors.copy()
    lost[5] = np.nan
    trials = list(drawn_trials(lost, people, 20, templates=2, splits=3))
    assert len(trials) == 3
    row = {vector.tobytes(): name for vector, name in zip(vectors, people, strict=True)}
    for trial in trials:
        gallery, strangers, cohort = (
            {row[vector.tobytes()] for vector in part} for part in (trial.gallery, trial.strangers, trial.cohort)
        )
        assert (len(gallery), len(strangers), len(cohort)) == (20, 40, 40)
        assert not gallery & strangers
        assert not (gallery | strangers) & cohort
        owners = [row[vector.tobytes()] for vector in trial.gallery]
        by_owner = dict(zip(trial.owners.tolist(), owners, strict=True))
        assert [by_owner[mate] for mate in trial.mates] == trial.subjects.tolist()
        assert not {vector.tobytes() for vector in trial.gallery} & {vector.tobytes() for vector in trial.probes}


def test_a_cohort_helps_where_some_pictures_match_everybody() -> None:
    vectors, people = noisy(30, 6, 0)
    strangers, cohort = noisy(400, 1, 10, "s")[0], noisy(400, 1, 20, "c")[0]
    found = compare(fixed_trials(vectors, people, strangers, cohort, splits=5))
    by_name = {method.name: method for method in found.methods}
    assert tuple(by_name) == METHODS
    assert (found.people, found.templates, found.trials, found.searches) == (30, 1.0, 5, 750)
    plain = by_name["none"]
    assert (plain.gain, plain.gain_low, plain.gain_high, plain.milliseconds, plain.helps) == (0, 0, 0, 0, False)
    assert by_name["s-norm"].helps
    assert by_name["s-norm"].fnir.k < 0.7 * plain.fnir.k
    assert by_name["s-norm"].gain == pytest.approx(by_name["s-norm"].fnir.value - plain.fnir.value)


def test_a_cohort_does_nothing_where_nobody_matches_everybody() -> None:
    vectors, people = crowd(120, 4, 0)
    found = compare(drawn_trials(vectors, people, 40, splits=5), top=60)
    assert found.trials == 5
    assert [method.name for method in found.methods if method.helps] == []
    for method in found.methods:
        assert method.gain_low <= method.gain <= method.gain_high


@pytest.mark.slow
def test_development_figures(data: Path, analyzer: Analyzer) -> None:
    """On LFW no normalisation helps against 200 people of DevTest, and that of the gallery itself costs at 20."""
    root = data / "lfw"
    apart = lfw.open_set(root)
    parts = [lfw.pictures(root / "images", without=[*apart.people, *apart.strangers]), apart.people, apart.strangers]
    names = [np.array([name for name, each in part.items() for _ in each]) for part in parts]
    paths = [path for part in parts for each in part.values() for path in each]
    vectors = embed_pictures(paths, analyzer.parallel()).vectors
    known, people, strangers = np.split(vectors, np.cumsum([len(each) for each in names])[:-1])
    fixed = compare(fixed_trials(people, names[1], strangers, known))
    assert fixed.methods[0].fnir.value < 0.01
    gallery = fixed.methods[-1]
    assert (gallery.name, gallery.gain_low > 0) == ("gallery t-norm", True)
    drawn = compare(drawn_trials(known, names[0], 200, splits=20))
    assert 0.02 < drawn.methods[0].fnir.value < 0.045
    assert [method.name for method in drawn.methods if method.helps] == []
