from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.liveness.blink import blink_signal, blinks


def trace(
    at: list[float], *, fps: float, seconds: float = 12.0, openness: float = 0.29, noise: float = 0.006, seed: int = 0,
    length: float = 0.12, shut: float = 0.5, drift: float = 0.0,
) -> tuple[list[float], NDArray[np.float64]]:  # fmt: skip
    """Aspects of two eyes with blinks at known times; length is half a blink's duration."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, seconds, 1 / fps)
    lids = openness * (1 + drift * np.sin(2 * math.pi * times / 7))
    for centre in at:
        lids = lids * (1 - shut * np.clip(1.4 - np.abs(times - centre) / length, 0, 1))
    return times.tolist(), lids[:, None] + rng.normal(0, noise, (len(times), 2))


def test_no_frames_few_frames_and_slow_frames_say_why() -> None:
    assert "0.0 s" in blinks([], []).nothing
    assert blinks([0.0], [(0.3, 0.3)]).nothing
    times, aspects = trace([3.0], fps=5)
    found = blinks(times, aspects.tolist())
    assert "5 frames a second" in found.nothing
    assert blink_signal(found).says == "nothing"
    assert math.isnan(blink_signal(found).value)


@pytest.mark.parametrize("fps", [10, 15, 24, 30, 60])
def test_blinks_are_counted_at_their_times(fps: float) -> None:
    at = [1.5, 4.2, 4.9, 9.0]
    for seed in range(8):
        found = blinks(*trace(at, fps=fps, seed=seed, drift=0.1))  # type: ignore[arg-type]
        assert found.count == len(at)
        np.testing.assert_allclose(found.times, at, atol=max(0.07, 1 / fps))
    assert blink_signal(found).says == "bona fide"
    assert blink_signal(found).value == 4


@pytest.mark.parametrize("openness", [0.18, 0.25, 0.4])
def test_narrow_and_wide_eyes_blink_alike(openness: float) -> None:
    assert blinks(*trace([2, 6], fps=25, openness=openness, noise=0.004)).count == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("noise", [0.004, 0.012, 0.03])
def test_noise_alone_gives_no_blinks(noise: float) -> None:
    """At most one seed in twenty sees one; measured 0, 0 and 3 of 200."""
    counts = Counter(
        blink_signal(blinks(*trace([], fps=20, noise=noise, seed=seed))).says  # type: ignore[arg-type]
        for seed in range(200)
    )
    assert counts["bona fide"] <= 10
    assert counts["attack"] == 0


def test_a_look_downwards_is_no_blink() -> None:
    assert blinks(*trace([5.0], fps=25, length=0.8)).count == 0  # type: ignore[arg-type]


def test_one_eye_is_no_blink_and_eyes_that_stay_shut_neither() -> None:
    times, aspects = trace([4.0], fps=25)
    aspects[:, 1] = 0.29
    assert blinks(times, aspects.tolist()).count == 0
    times, aspects = trace([], fps=25)
    aspects[100:] *= 0.4
    assert blinks(times, aspects.tolist()).count == 0


def test_frames_without_a_face_are_passed_over() -> None:
    times, aspects = trace([3.0, 8.0], fps=25)
    aspects[130:150] = np.nan
    assert blinks(times, aspects.tolist()).count == 2


def test_times_that_fall_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="rise"):
        blinks([0.0, 0.2, 0.1], [(0.3, 0.3)] * 3)
    with pytest.raises(InputError, match="one pair"):
        blinks([0.0, 0.1], [(0.3, 0.3)] * 3)
