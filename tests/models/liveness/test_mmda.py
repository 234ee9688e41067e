from __future__ import annotations

import hashlib
import math
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from vultus.datasets.synthetic_pad import Simulation, domain
from vultus.errors import InputError
from vultus.metrics.verification import auc
from vultus.models.liveness import mmda
from vultus.runtime import EngineOptions, Feed, Session, engine_precision, session

DRAWN = domain("C", Simulation(samples=80, people=20, source_tint=0.5, amplitude=0.0, seed=31))  # seen by no training
FIRST = {name: DRAWN.planes[0, place] for place, name in enumerate(mmda.MODALITIES)}


def test_nothing_given() -> None:
    with pytest.raises(InputError, match="expected RGB, depth or infrared, got none"):
        mmda.score()
    with pytest.raises(InputError, match=r"expected depth as \(H, W\)"):
        mmda.score(depth=np.zeros((0, 0), np.uint8))


def test_the_weights_are_those_of_the_card_and_small() -> None:
    data = (files("vultus.models.liveness") / "weights" / "mmda-small.onnx").read_bytes()
    card = mmda.facts()
    assert hashlib.sha256(data).hexdigest() == card["sha256"]
    assert len(data) == card["bytes"] < 6e6
    assert card["label"] == mmda.LABEL == "demonstration, not for access control"
    assert mmda.LABEL in mmda.CARD.summary
    assert "simulated" in card["data"]
    assert mmda.point().apcer is not None
    assert mmda.point().apcer.n == card["validation"]["samples"] // 2


def test_simulated_people_it_has_not_seen() -> None:
    """Depth and infrared hold the cue, RGB does not: the figures of the card, on another seed."""
    scores = np.array([mmda.score(*each).score for each in DRAWN.planes])
    assert auc(scores[DRAWN.live], scores[~DRAWN.live]) > 0.75
    alone = np.array([mmda.score(each[0]).score for each in DRAWN.planes])
    assert abs(auc(alone[DRAWN.live], alone[~DRAWN.live]) - 0.5) < 0.2


def test_the_answer_says_what_it_is_and_what_was_missing() -> None:
    whole = mmda.score(**FIRST)
    assert 0 <= whole.score <= 1
    assert whole.live is (whole.score >= whole.point.threshold)
    assert [each.name for each in whole.signals] == ["multimodal"]
    assert mmda.LABEL in whole.signals[0].reason
    assert mmda.LABEL in whole.point.model
    assert "simulated" in whole.point.data
    less = mmda.score(FIRST["rgb"], ir=FIRST["ir"])
    assert [(each.name, each.says) for each in less.signals[1:]] == [("depth", "nothing")]
    assert math.isnan(less.signals[1].value)
    assert "depth missing, and the threshold was set with all three" in less.signals[0].reason
    assert less.score != whole.score


def test_any_subset_is_answered_alike_by_both_engines() -> None:
    subsets = [{name: FIRST[name] for name in names} for names in (
        ("rgb",), ("depth",), ("ir",), ("rgb", "depth"), ("rgb", "ir"), ("depth", "ir"), ("rgb", "depth", "ir"),
    )]  # fmt: skip
    openvino = [mmda.score(**each, engine=EngineOptions(precision="fp32")).score for each in subsets]
    onnx = [mmda.score(**each, engine=EngineOptions(engine="onnxruntime")).score for each in subsets]
    assert openvino == pytest.approx(onnx, abs=1e-4)
    assert len(set(onnx)) == 7


def test_the_answer_does_not_depend_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the other networks, "auto" is fp32; bf16, where the CPU has it, is for whoever names it."""
    opened: list[EngineOptions] = []

    def spying(path: Path, feed: Feed, options: EngineOptions) -> Session:
        opened.append(options)
        return session(path, feed, options)

    monkeypatch.setattr(mmda, "session", spying)
    monkeypatch.setattr(mmda, "_sessions", {})
    exact = mmda.score(**FIRST, engine=EngineOptions(precision="fp32")).score
    assert mmda.score(**FIRST).score == exact
    assert mmda.score(**FIRST, engine=EngineOptions()).score == exact
    assert [options.precision for options in opened] == ["fp32"]
    if engine_precision(EngineOptions()) == "bf16":
        assert mmda.score(**FIRST, engine=EngineOptions(precision="bf16")).score == pytest.approx(exact, abs=0.05)
        assert [options.precision for options in opened] == ["fp32", "bf16"]


def test_one_channel_is_three_equal_ones_and_the_input_is_left_alone() -> None:
    depth, ir = FIRST["depth"], FIRST["ir"]
    kept = depth.copy()
    whole = mmda.score(depth=depth, ir=ir).score
    assert mmda.score(depth=depth[..., 0], ir=ir[..., :1]).score == whole
    np.testing.assert_array_equal(depth, kept)
    larger = np.repeat(np.repeat(depth, 2, axis=0), 2, axis=1)
    assert mmda.score(depth=larger, ir=np.repeat(np.repeat(ir, 2, axis=0), 2, axis=1)).score == pytest.approx(whole)


def test_a_black_picture_is_not_a_missing_one() -> None:
    black = np.zeros_like(FIRST["ir"])
    assert mmda.planes(None, None, black)[2].min() == 1
    assert mmda.score(FIRST["rgb"], ir=black).score != mmda.score(FIRST["rgb"]).score


def test_distances_become_levels_by_the_cards_scale() -> None:
    """600 mm in the middle is 127.5; 40 mm nearer is 40.8 levels brighter of 255 over 250 mm; 0 is unseen."""
    distance = np.full((96, 96), 600, np.uint16)
    distance[:10] = 560
    distance[-10:] = 0
    found = mmda.planes(None, distance, None)[1, ..., 0]
    assert (found[0, 0], found[24, 24], found[-1, -1]) == (168, 128, 0)
    metres = np.where(distance > 0, distance / 1000, 0).astype(np.float32)
    np.testing.assert_array_equal(mmda.planes(None, metres, None, depth_scale=1.0)[1, ..., 0], found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"rgb": FIRST["rgb"], "depth": FIRST["depth"][:40, :40]}, "within 1 %, got rgb 48 x 48, depth 40 x 40"),
        ({"depth": np.stack([FIRST["depth"][..., 0], FIRST["depth"][..., 0], FIRST["rgb"][..., 0]], -1)}, "three that"),
        ({"depth": np.full((48, 48), 7, np.uint8)}, "depth that varies, every pixel is 7"),
        ({"depth": np.full((48, 48), np.nan, np.float32)}, "finite depth, got NaN"),
        ({"depth": np.eye(48, dtype=np.float32), "depth_scale": 0.0}, "metres of one unit as depth_scale, got 0.0"),
        ({"rgb": FIRST["rgb"].astype(np.float32)}, "expected RGB as"),
        ({"rgb": FIRST["rgb"][..., 0]}, "expected RGB as"),
        ({"ir": FIRST["ir"][..., 0].astype(np.int32)}, "infrared as uint8 or uint16"),
    ],
)  # fmt: skip
def test_bad_input(given: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        mmda.score(**given)


def test_distances_without_a_scale_in_the_card_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: value for name, value in mmda.facts().items() if name != "depth_scale"}
    monkeypatch.setattr(mmda, "facts", lambda: without)
    with pytest.raises(InputError, match="depth is uint16: expected the metres of one unit"):
        mmda.planes(None, np.arange(2304, dtype=np.uint16).reshape(48, 48), None)


def test_pytorch_is_not_needed() -> None:
    import subprocess

    script = "import sys; from vultus.models.liveness import mmda; import numpy as np; "
    script += "mmda.score(np.zeros((48, 48, 3), np.uint8)); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
