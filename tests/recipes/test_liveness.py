"""The recipe's science: what is set on what. Who is split from whom: tests/datasets/test_liveness_split.py."""

from __future__ import annotations

import argparse
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vultus.errors import WeightsError  # noqa: E402


def rows(liveness_recipe: ModuleType, dev: dict[str, int]) -> dict[str, np.ndarray]:
    source = np.repeat(list(dev), list(dev.values()))
    return {"source": source, "part": np.full(len(source), "dev"), "kind": np.full(len(source), "")}


def test_the_threshold_counts_sources_alike(liveness_recipe: ModuleType) -> None:
    """1,000 easy pictures do not outvote 50: 2 % of the mean is 3 of NUAA's 50 (6 %) and none of the others."""
    found = rows(liveness_recipe, {"lfw": 1000, "portraits": 50, "nuaa": 50})
    scores = np.concatenate([np.linspace(0.9, 1, 1000), np.linspace(0.9, 1, 50), np.linspace(0.01, 0.5, 50)])
    threshold = liveness_recipe.threshold_of(found, scores)
    assert threshold == pytest.approx(0.04)  # 0.01, 0.02 and 0.03 are refused
    assert (scores < threshold).sum() == 3


def test_the_threshold_knows_nothing_of_test_people_and_attacks(liveness_recipe: ModuleType) -> None:
    found = rows(liveness_recipe, {"lfw": 100, "portraits": 100, "nuaa": 100})
    scores = np.tile(np.linspace(0, 1, 100), 3)
    before = liveness_recipe.threshold_of(found, scores)
    more = {name: np.concatenate([column, column]) for name, column in found.items()}
    more["part"][300:] = "test"
    more["kind"][300:450] = "nuaa-print"
    assert liveness_recipe.threshold_of(more, np.concatenate([scores, np.zeros(300)])) == before


def test_calibration_finds_the_slope_that_made_the_labels(liveness_recipe: ModuleType) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    live = rng.random(20_000) < 1 / (1 + np.exp(-1.7 * logits))
    slope, offset = liveness_recipe.calibration(logits, live.astype(float))
    assert slope == pytest.approx(1.7, abs=0.1)
    assert offset == pytest.approx(0.0, abs=0.1)


def test_augmentation_leaves_the_views_in_their_places(liveness_recipe: ModuleType) -> None:
    torch.manual_seed(0)
    batch = torch.zeros(64, 3, 16, 32)
    batch[..., :16] = 60
    batch[..., 16:] = 180
    out = liveness_recipe.augmented(batch)
    assert out.shape == batch.shape
    assert bool((out[..., :16].mean((1, 2, 3)) < out[..., 16:].mean((1, 2, 3))).all())
    assert float(out.min()) >= 0
    assert float(out.max()) <= 255


@pytest.mark.weights
def test_training_tells_planted_attacks_apart(liveness_recipe: ModuleType) -> None:
    """Plumbing: a loud planted mark is learned in a few steps, and the run is the same twice."""
    rng = np.random.default_rng(0)
    crops = rng.integers(90, 160, (40, 112, 224, 3), dtype=np.uint8)
    crops[20:, ::2] //= 3  # every second line of the attacks is dark
    groups = {
        "lfw": np.arange(8), "portraits": np.arange(8, 14), "nuaa": np.arange(14, 20),
        "print": np.arange(20, 30), "simulated": np.arange(30, 40),
    }  # fmt: skip
    settings = argparse.Namespace(seed=0, auxiliary=True, last=6, lr=2e-3, epochs=2, steps=6, batch=12)
    try:
        net = liveness_recipe.train(crops, groups, settings)
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    logits = liveness_recipe.logits_of(net, crops)
    assert logits[:20].mean() > logits[20:].mean()
    assert np.array_equal(logits, liveness_recipe.logits_of(liveness_recipe.train(crops, groups, settings), crops))
