from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import InputError, NotFoundError
from vultus.evaluation import score_files
from vultus.evaluation.score_files import evaluate_file, evaluate_large
from vultus.types import OperatingPoint

POINT = OperatingPoint("verify", "FMR", 0.1, 0.5, "contract", "single", 1, 1.0, None, False, "made up", "2026-01-01")


def written(file: Path, scores: np.ndarray, same: np.ndarray) -> Path:
    lines = (f"{score:.9g},{int(alike)}\n" for score, alike in zip(scores.tolist(), same.tolist(), strict=True))
    file.write_text("score,same\n" + "".join(lines))
    return file


def made_up(n: int, digits: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    same = rng.random(n) < 0.4
    return np.round(np.where(same, rng.normal(0.6, 0.2, n), rng.normal(0.2, 0.2, n)), digits), same


def test_nothing_and_one_kind_are_refused_either_way(tmp_path: Path) -> None:
    for function in (evaluate_file, evaluate_large):
        with pytest.raises(NotFoundError):
            function(tmp_path / "none.csv")
        for scores in (np.zeros(0), np.zeros(3)):
            file = written(tmp_path / "s.csv", scores, np.ones(scores.size, dtype=bool))
            with pytest.raises(InputError, match=r"both kinds|got none"):
                function(file)
        file = written(tmp_path / "d.csv", np.array([0.1, 0.2, 0.9, 0.8]), np.array([True, True, False, False]))
        with pytest.raises(InputError, match="--negate"):
            function(file)


@pytest.mark.parametrize("digits", [6, 1])  # the second with many ties
def test_from_the_disk_the_figures_are_those_of_memory(
    tmp_path: Path, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_files, "_ROWS", 700)
    monkeypatch.setattr(score_files, "_BUCKET", 250)
    scores, same = made_up(3000, digits)
    scores[[5, 6, 7]] = math.nan
    file = written(tmp_path / "s.csv", scores, same)
    inside, read = evaluate_file(file, point=POINT)
    assert read is not None
    outside = evaluate_large(file, point=POINT)
    changed = {"accuracy", "accuracy_std", "folds", "threshold", "caveats"}
    for name in inside.__dataclass_fields__.keys() - changed:
        assert getattr(outside, name) == getattr(inside, name), name
    assert math.isnan(outside.accuracy)


def test_the_other_direction(tmp_path: Path) -> None:
    scores, same = made_up(500)
    one = evaluate_large(written(tmp_path / "a.csv", scores, same))
    other = evaluate_large(written(tmp_path / "b.csv", -scores, same), negate=True)
    assert replace(one, accuracy=0, accuracy_std=0, threshold=0) == replace(
        other, accuracy=0, accuracy_std=0, threshold=0
    )


@pytest.mark.slow
def test_a_million_scores_in_seconds(tmp_path: Path) -> None:
    file = written(tmp_path / "s.csv", *made_up(1_000_000))
    begun = time.perf_counter()
    report, _ = evaluate_file(file)
    assert time.perf_counter() - begun < 30  # 3 s alone on two cores
    assert report.pairs == 1_000_000
