from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.liveness.track import fuse, fused_score
from vultus.types import Liveness, LivenessPoint, Signal

POINT = LivenessPoint(0.5, "by hand", None, None, "none", "2026-01-01", "test")
PLANE = Signal("plane", 0.1, "", "attack", "flat")
BLINK = Signal("blink", 2.0, "blinks", "bona fide", "blinked")


def frames(*scores: float) -> list[Liveness]:
    return [Liveness(score, POINT, (), "no face" if math.isnan(score) else "") for score in scores]


def test_no_frames_and_too_few_give_no_answer() -> None:
    assert math.isnan(fused_score([]))
    for few in ((), (0.9, 0.9), (0.9, 0.9, math.nan, math.nan)):
        answer = fuse(frames(*few), POINT, [BLINK])
        assert answer.live is None
        assert "3 are needed" in answer.abstained
        assert [signal.name for signal in answer.signals] == ["passive", "blink"]


def test_a_track_is_the_mean_of_its_frames_and_not_their_product() -> None:
    assert fused_score([0.8] * 3) == pytest.approx(fused_score([0.8] * 300)) == pytest.approx(0.8)
    assert fused_score([0.2, 0.8, 0.5]) == pytest.approx(0.5)


def test_a_blurred_frame_in_ten_decides_nothing() -> None:
    assert fuse(frames(*[0.95] * 9, 0.0), POINT).live is True
    assert fuse(frames(*[0.05] * 9, 1.0), POINT).live is False


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_fused_score_lies_among_the_scores_and_knows_no_order(scores: list[float]) -> None:
    fused = fused_score(scores)
    assert min(np.clip(scores, 1e-4, 1 - 1e-4)) - 1e-9 <= fused <= max(np.clip(scores, 1e-4, 1 - 1e-4)) + 1e-9
    assert fused == pytest.approx(fused_score(scores[::-1]))


def test_signals_only_take_away() -> None:
    low = fuse(frames(0.2, 0.2, 0.2, 0.2), POINT, [BLINK, BLINK])
    assert low.live is False
    assert low.score == pytest.approx(0.2)
    torn = fuse(frames(0.9, 0.9, 0.9, 0.9), POINT, [BLINK, PLANE])
    assert torn.live is None
    assert "plane saw an attack" in torn.abstained
    agreed = fuse(frames(0.1, 0.1, 0.1), POINT, [PLANE])
    assert agreed.live is False


def test_frames_that_resemble_each_other_count_little() -> None:
    rng = np.random.default_rng(0)
    slow = 0.6 + 0.3 * np.sin(np.linspace(0, 3, 60))
    free = np.clip(0.6 + rng.normal(0, 0.1, 60), 0, 1)
    looks = [
        int(fuse(frames(*scores.tolist()), POINT).signals[0].reason.split("about ")[1].split()[0])
        for scores in (slow, free)
    ]
    assert looks[0] <= 4
    assert looks[1] >= 35
