from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from vultus.errors import InputError
from vultus.geometry import TEMPLATE
from vultus.models.quality import GATES, assess, gate
from vultus.types import Box, Face

FACE = Face(Box(10, 10, 100, 110), TEMPLATE, 0.9)
SIZE = (120, 120)


def crop(seed: int = 0, blur: float = 1.0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), blur)


def test_a_black_crop_fails_for_its_darkness_and_does_not_crash() -> None:
    quality = assess(FACE, np.zeros((112, 112, 3), dtype=np.uint8), SIZE)
    codes = {refusal.code for refusal in gate(quality, "low")}
    assert {"LOW_BRIGHTNESS", "LOW_SHARPNESS"} <= codes


def test_blur_lowers_sharpness_and_nothing_else() -> None:
    measures = [assess(FACE, crop(blur=blur), SIZE) for blur in (0.5, 1, 2, 4, 8)]
    assert [m.sharpness for m in measures] == sorted((m.sharpness for m in measures), reverse=True)
    assert measures[-1].sharpness < 0.5 < measures[0].sharpness
    assert max(abs(m.brightness - measures[0].brightness) for m in measures) < 0.02


def test_the_formula_is_the_published_one() -> None:
    aligned = crop()
    quality = assess(FACE, aligned, SIZE)
    grey = cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    sharp = 1 - np.exp(-cv2.Laplacian(grey, cv2.CV_64F).var() / 100)
    light = 1 - abs(grey.mean() / 255 - 0.5) / 0.5
    expected = 0.35 * 0.9 + 0.25 * sharp + 0.15 * light + 0.15 * 1.0 + 0.10 * (1 - quality.pose.largest / 90)
    assert quality.score == pytest.approx(expected, abs=1e-4)


def test_a_face_beyond_the_frame_is_counted_by_what_is_visible() -> None:
    half = replace(FACE, box=Box(-50, 0, 50, 100))
    quality = assess(half, crop(), SIZE)
    assert quality.inside == pytest.approx(0.5)
    assert "CUT_BY_FRAME" in {refusal.code for refusal in gate(quality, "medium")}
    assert "CUT_BY_FRAME" not in {refusal.code for refusal in gate(quality, "low")}


@pytest.mark.parametrize(("level", "weaker"), [("high", "medium"), ("medium", "low")])
def test_a_stricter_level_refuses_at_least_as_much(level: str, weaker: str) -> None:
    faces = [
        replace(FACE, score=0.3 + index / 40, box=Box(0, 0, 10 + 6 * index, 10 + 6 * index)) for index in range(24)
    ]
    measures = [assess(face, crop(blur=0.5 + index / 20), SIZE) for index, face in enumerate(faces)]
    strict = [bool(gate(quality, level)) for quality in measures]  # type: ignore[arg-type]
    loose = [bool(gate(quality, weaker)) for quality in measures]  # type: ignore[arg-type]
    assert any(strict)
    assert not all(loose)
    assert all(not refused or also for refused, also in zip(loose, strict, strict=True))


def test_no_gate_and_an_unknown_gate() -> None:
    quality = assess(FACE, np.zeros((112, 112, 3), dtype=np.uint8), SIZE)
    assert gate(quality, "none") == ()
    with pytest.raises(InputError, match=f"none, {', '.join(GATES)}"):
        gate(quality, "strict")  # type: ignore[arg-type]


def test_a_reason_reads_as_a_sentence() -> None:
    quality = assess(FACE, np.zeros((112, 112, 3), dtype=np.uint8), SIZE)
    texts = [str(refusal) for refusal in gate(quality, "medium")]
    assert "LOW_SHARPNESS 0 (limit 0.08)" in texts
