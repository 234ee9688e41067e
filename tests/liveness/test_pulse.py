from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from vultus.liveness.pulse import Skin, chrom, pos, pulse, pulse_signal, skin
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import RIGHT_CHEEK, mean_face

SKIN = np.array([(190, 140, 120), (180, 130, 112), (182, 132, 114)], dtype=np.float64)
BLOOD = np.array([0.33, 0.77, 0.53])  # how a pulse divides over R, G, B (de Haan and Jeanne)


def face(
    bpm: float, *, seconds: float = 12.0, fps: float = 25.0, strength: float = 0.004, noise: float = 0.15,
    seed: int = 0, light: float = 1.0, coloured: float = 0.0, sway: float = 0.02,
) -> list[Skin]:  # fmt: skip
    """Skin whose colour carries a pulse; noise in grey levels of a region's mean; light drifts."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * fps)) / fps + rng.uniform(-0.2, 0.2, round(seconds * fps)) / fps
    phase = 2 * math.pi * bpm / 60 * times + rng.uniform(0, 6)
    wave = np.sin(phase) + 0.3 * np.sin(2 * phase)
    wander = np.cumsum(rng.normal(0, 1, len(times))) / math.sqrt(len(times))
    gain = 1 + light * (0.02 * np.sin(2 * math.pi * 0.2 * times) + 0.03 * wander)
    colour = SKIN * gain[:, None, None] * (1 + strength * wave[:, None, None] * BLOOD)
    colour = colour + rng.normal(0, noise, colour.shape)
    colour = colour + np.cumsum(rng.normal(0, coloured, colour.shape), axis=0)
    places = np.column_stack([10 + sway * np.sin(0.9 * times), 8 + sway * np.cos(1.3 * times)])
    return [Skin(float(t), c, (float(x), float(y))) for t, c, (x, y) in zip(times, colour, places, strict=True)]


def test_no_short_and_slow_tracks_say_why() -> None:
    assert "0.0 s" in pulse([]).nothing
    assert "6 s at 10 are needed" in pulse(face(70, seconds=5)).nothing
    assert "frames a second" in pulse(face(70, fps=7)).nothing
    signal = pulse_signal(pulse([]))
    assert signal.says == "nothing"
    assert math.isnan(signal.value)


@pytest.mark.parametrize("fps", [12, 25, 30, 50])
def test_a_planted_pulse_is_found_within_two_beats(fps: float) -> None:
    rates = [48, 61, 74, 87, 103, 126, 155]
    found = [pulse(face(bpm, fps=fps, seed=seed)) for seed, bpm in enumerate(rates)]
    assert [reading.nothing for reading in found] == [""] * len(rates)
    np.testing.assert_allclose([reading.bpm for reading in found], rates, atol=2)
    assert pulse_signal(found[0]).says == "bona fide"


def test_six_seconds_are_enough_for_most() -> None:
    rates = [float(rate) for rate in range(50, 150, 5)]
    found = [pulse(face(bpm, seconds=6.2, fps=15, seed=int(bpm))) for bpm in rates]
    errors = [abs(reading.bpm - bpm) for reading, bpm in zip(found, rates, strict=True) if not reading.nothing]
    assert len(errors) >= 0.8 * len(rates)
    assert float(np.percentile(errors, 90)) < 2


@pytest.mark.parametrize(("seconds", "fps"), [(6.2, 10.2), (8, 30), (12, 25)])
@pytest.mark.parametrize("coloured", [0.0, 0.08])
def test_without_a_pulse_nothing_is_said(seconds: float, fps: float, coloured: float) -> None:
    """Camera noise, drifting light and colours that wander: at most 5 seeds in 100 see a pulse."""
    seen = sum(
        not pulse(face(70, strength=0, seconds=seconds, fps=fps, coloured=coloured, noise=0.2, seed=seed)).nothing
        for seed in range(100)
    )
    assert seen <= 5


def test_a_head_that_moves_or_goes_away_says_nothing() -> None:
    assert "the head moves" in pulse(face(70, sway=1.0)).nothing
    track = face(70)
    assert "away" in pulse(track[:100] + track[130:]).nothing


def test_a_head_that_sways_at_the_same_rate_says_nothing() -> None:
    track = face(72, strength=0.006)
    swaying = [
        Skin(s.time, s.colour, (s.place[0] + 0.05 * math.sin(2 * math.pi * 1.2 * s.time), s.place[1])) for s in track
    ]
    assert not pulse(track).nothing
    assert "sways" in pulse(swaying).nothing


def test_a_grey_picture_and_a_dark_one_say_nothing() -> None:
    grey = [Skin(s.time, np.repeat(s.colour[:, :1], 3, axis=1), s.place) for s in face(70)]
    assert pulse(grey).nothing
    dark = [Skin(s.time, s.colour * 0.001, s.place) for s in face(70)]
    assert "too dark" in pulse(dark).nothing
    beyond = [Skin(s.time, np.full((3, 3), np.nan), s.place) for s in face(70)]
    assert pulse(beyond).nothing


def test_light_that_flickers_alike_in_all_channels_is_cancelled() -> None:
    times = np.arange(250) / 25
    flicker = SKIN.mean(axis=0) * (1 + 0.02 * np.sin(2 * math.pi * 1.5 * times))[:, None]
    for method in (pos, chrom):
        assert float(np.abs(method(flicker, 25)).max()) < 1e-3


def test_skin_is_the_mean_of_its_regions() -> None:
    points = mean_face().points * 60 + (200, 150, 0)
    mesh = Mesh(points.astype(np.float32), 1.0)
    picture = np.full((480, 400, 3), (200, 150, 120), dtype=np.uint8)
    cheek = cv2.convexHull(np.round(mesh.points[list(RIGHT_CHEEK), :2]).astype(np.int32))
    cv2.fillConvexPoly(picture, cheek, (90, 60, 30))
    seen = skin(picture, mesh, 1.5)
    np.testing.assert_allclose(seen.colour, [(200, 150, 120), (90, 60, 30), (200, 150, 120)])
    outside = skin(picture[:100, :100], mesh, 0.0)
    assert np.isnan(outside.colour[1]).all()
