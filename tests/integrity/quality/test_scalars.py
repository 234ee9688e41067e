"""OFIQ's mappings: the whole published table, vectors between its rows, and what holds for all values."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.integrity.quality.scalars import FAILED, MEASURES, NEEDS_MODEL, scalar, scalars

# Raw to scalar where the published pictures do not reach; worked from the formulas.
VECTORS = {
    "UnderExposurePrevention": [(0.8, 90), (0.92, 40), (1, 0)],
    "OverExposurePrevention": [(0.005, 67), (0.04, 20), (1, 1)],
    "CompressionArtifacts": [(0, 3), (0.3308, 51), (0.5, 89)],
    "InterEyeDistance": [(30, 12), (70, 50), (110, 88)],
    "LeftwardCropOfTheFaceImage": [(0.7, 12), (0.9, 50), (1.0, 73)],
    "RightwardCropOfTheFaceImage": [(0.7, 12), (0.9, 50), (1.0, 73)],
    "MarginAboveOfTheFaceImage": [(1.3, 27), (1.4, 50)],
    "MarginBelowOfTheFaceImage": [(1.7, 27), (1.8, 50)],
    "Sharpness": [(-50, 0), (-20, 44), (-5, 70)],
    "HeadSize": [(0.35, 24), (0.45, 100), (0.6, 9)],
    "SingleFacePresent": [(0.25, 75)],
    "EyesOpen": [(0, 12), (0.02, 50)],
    "MouthClosed": [(0.1, 84), (0.3, 16)],
    "LuminanceVariance": [(0, 0), (1 / 60, 100), (0.2, 24)],
    "LuminanceMean": [(0.05, 5), (0.5, 100)],
    "DynamicRange": [(0.04, 1), (0.36, 5), (9, 100)],
    "BackgroundUniformity": [(50, 76), (300, 10)],
    "NaturalColour": [(10, 54)],
    "NoHeadCoverings": [(-1, 100), (0, 100), (0.02, 91), (0.1, 56), (0.3, 10), (0.95, 0), (1, 0)],
    "UnifiedQualityScore": [(20, 24), (26, 76)],
    "ExpressionNeutrality": [(0, 73)],
    "HeadPoseYaw": [(30, 75), (45, 50), (120, 0)],
    "HeadPosePitch": [(-30, 75), (45, 50), (120, 0)],
    "HeadPoseRoll": [(30, 75), (-45, 50), (120, 0)],
    "IlluminationUniformity": [(0, 0), (0.2, 62), (1, 100)],
}

# Direction of each mapping where it has one: +1 grows with the raw value, -1 falls; with the range it holds on.
MONOTONE: dict[str, tuple[int, float, float]] = {
    **dict.fromkeys(
        ("UnifiedQualityScore", "Sharpness", "ExpressionNeutrality", "InterEyeDistance", "DynamicRange"),
        (1, -1e5, 1e5),
    ),
    **dict.fromkeys(
        (
            "LeftwardCropOfTheFaceImage",
            "RightwardCropOfTheFaceImage",
            "MarginAboveOfTheFaceImage",
            "MarginBelowOfTheFaceImage",
            "CompressionArtifacts",
            "EyesOpen",
        ),
        (1, -10, 10),
    ),
    "IlluminationUniformity": (1, 0, 1),
    **dict.fromkeys(
        (
            "UnderExposurePrevention",
            "OverExposurePrevention",
            "SingleFacePresent",
            "MouthClosed",
            "EyesVisible",
            "MouthOcclusionPrevention",
            "FaceOcclusionPrevention",
            "NoHeadCoverings",
        ),
        (-1, 0, 1),
    ),
    "BackgroundUniformity": (-1, 0, 1e4),
    "NaturalColour": (-1, 0, 100),
    **dict.fromkeys(("HeadPoseYaw", "HeadPosePitch", "HeadPoseRoll"), (-1, 0, 180)),
}


def test_nothing() -> None:
    assert scalars("EyesOpen", []).shape == (0,)


def test_every_cell_of_the_published_table(data: Path) -> None:
    with (data / "ofiq_expected_results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    cells = [(name, float(row[name]), int(row[f"{name}.scalar"])) for row in rows for name in MEASURES]
    assert len(cells) == 784
    wrong = [(name, raw, wanted) for name, raw, wanted in cells if scalar(name, raw) != wanted]
    assert wrong == []


@pytest.mark.parametrize(
    ("measure", "raw", "wanted"), [(name, raw, wanted) for name, pairs in VECTORS.items() for raw, wanted in pairs]
)
def test_between_the_rows_of_the_table(measure: str, raw: float, wanted: int) -> None:
    assert scalar(measure, raw) == wanted


def test_each_measure_is_checked_beyond_a_constant() -> None:
    # Of the published table alone a constant 100 reproduces 411 cells.
    assert MEASURES.keys() - VECTORS.keys() == {"EyesVisible", "MouthOcclusionPrevention", "FaceOcclusionPrevention"}
    assert all(scalar(name, 0.25) == 75 for name in MEASURES.keys() - VECTORS.keys())
    assert len(MEASURES) == 28
    assert MEASURES.keys() > NEEDS_MODEL


@pytest.mark.parametrize("measure", MEASURES)
@given(raw=st.floats(allow_nan=True, allow_infinity=True))
def test_always_within_0_and_100_or_failed(measure: str, raw: float) -> None:
    value = scalar(measure, raw)
    assert value == FAILED or 0 <= value <= 100
    if not math.isfinite(raw):
        assert value == FAILED


@pytest.mark.parametrize("measure", MONOTONE)
@given(shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_monotone(measure: str, shares: tuple[float, float]) -> None:
    sign, low, high = MONOTONE[measure]
    first, second = sorted(low + share * (high - low) for share in shares)
    assert sign * (scalar(measure, second) - scalar(measure, first)) >= 0


@pytest.mark.parametrize(
    ("measure", "best"), [("HeadSize", 0.45), ("LuminanceMean", 0.5), ("LuminanceVariance", 1 / 60)]
)
@given(away=st.tuples(st.floats(0, 1), st.floats(0, 1)), side=st.sampled_from([-1, 1]))
def test_falls_off_on_both_sides_of_the_best(measure: str, best: float, away: tuple[float, float], side: int) -> None:
    near, far = (best + side * best * distance for distance in sorted(away))
    assert scalar(measure, best) >= scalar(measure, near) >= scalar(measure, far)


def test_all_at_once_is_one_by_one() -> None:
    raw = np.linspace(-1, 2, 61).reshape(1, -1)
    for measure in MEASURES:
        assert scalars(measure, raw).tolist() == [[scalar(measure, value) for value in raw[0].tolist()]]


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(InputError, match="EyesOpen"):
        scalar("Beauty", 1.0)
