"""From raw values to the 0 to 100 of ISO/IEC 29794-5, as its reference implementation OFIQ maps them.

The 28 formulas are those of OFIQ 1.0.3 (Federal Office for Information Security, Germany).
They say nothing of how a raw value came about: the same mapping over another landmark
detector gives another number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError

__all__ = ["FAILED", "MEASURES", "NEEDS_MODEL", "scalar", "scalars"]

Values = NDArray[np.float64]

FAILED = -1  # failure to assess


def _sigmoid(x: Values, middle: float, width: float) -> Values:
    # Beyond 700 the answer is 0 or 1 to the last bit, and exp would overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip((x - middle) / width, -700, 700))))


def _rising(middle: float, width: float) -> Callable[[Values], Values]:
    return lambda x: 100 * _sigmoid(x, middle, width)


def _falling(height: float, middle: float, width: float) -> Callable[[Values], Values]:
    return lambda x: height * (1 - _sigmoid(x, middle, width))


def _share(x: Values) -> Values:
    return 100 * (1 - x)


def _pose(degrees: Values) -> Values:
    return np.asarray(100 * np.maximum(0, np.cos(np.radians(degrees))) ** 2)


def _head_size(x: Values) -> Values:
    return 200 * (1 - _sigmoid(np.abs(x - 0.45), 0, 0.05))


def _luminance_mean(x: Values) -> Values:
    return 100 * _sigmoid(x, 0.2, 0.05) * (1 - _sigmoid(x, 0.8, 0.05))


def _luminance_variance(x: Values) -> Values:
    return np.asarray(100 * np.sin(np.pi * 60 * x / (60 * x + 1)))


def _no_head_coverings(x: Values) -> Values:
    none, all_ = (_sigmoid(np.float64(end), 0.02, 0.1) for end in (0, 0.95))  # type: ignore[arg-type]
    between = 100 * (all_ - _sigmoid(x, 0.02, 0.1)) / (all_ - none)
    return np.where(x <= 0, 100, np.where(x >= 0.95, 0, between))


MEASURES: Mapping[str, Callable[[Values], Values]] = MappingProxyType(
    {
        "UnifiedQualityScore": _rising(23, 2.6),
        "BackgroundUniformity": _falling(190, 10, 100),
        "IlluminationUniformity": lambda x: 100 * x**0.3,
        "LuminanceMean": _luminance_mean,
        "LuminanceVariance": _luminance_variance,
        "UnderExposurePrevention": lambda x: 120 * (0.832 - _sigmoid(x, 0.92, 0.05)),
        "OverExposurePrevention": lambda x: 1 / (x + 0.01),
        "DynamicRange": lambda x: 12.5 * x,
        "Sharpness": lambda x: -14 + 115 * _sigmoid(x, -20, 15),
        "CompressionArtifacts": lambda x: -0.0278 + 103 * _sigmoid(x, 0.3308, 0.092),
        "NaturalColour": _falling(200, 0, 10),
        "SingleFacePresent": _share,
        "EyesOpen": _rising(0.02, 0.01),
        "MouthClosed": _falling(100, 0.2, 0.06),
        "EyesVisible": _share,
        "MouthOcclusionPrevention": _share,
        "FaceOcclusionPrevention": _share,
        "InterEyeDistance": _rising(70, 20),
        "HeadSize": _head_size,
        "LeftwardCropOfTheFaceImage": _rising(0.9, 0.1),
        "RightwardCropOfTheFaceImage": _rising(0.9, 0.1),
        "MarginAboveOfTheFaceImage": _rising(1.4, 0.1),
        "MarginBelowOfTheFaceImage": _rising(1.8, 0.1),
        "HeadPoseYaw": _pose,
        "HeadPosePitch": _pose,
        "HeadPoseRoll": _pose,
        "ExpressionNeutrality": _rising(-5000, 5000),
        "NoHeadCoverings": _no_head_coverings,
    }
)
"""By OFIQ's names and in its order."""

NEEDS_MODEL = frozenset(
    {
        "UnifiedQualityScore",
        "BackgroundUniformity",
        "Sharpness",
        "CompressionArtifacts",
        "EyesVisible",
        "MouthOcclusionPrevention",
        "FaceOcclusionPrevention",
        "HeadPoseYaw",
        "HeadPosePitch",
        "HeadPoseRoll",
        "ExpressionNeutrality",
        "NoHeadCoverings",
    }
)
"""Measures whose raw value is defined by a network or forest of OFIQ."""


def scalars(measure: str, raw: ArrayLike) -> NDArray[np.int64]:
    """Whole numbers 0 to 100 for raw values of any shape; -1 for NaN and infinity, a failure to assess.

    Rounded half away from zero, then clamped. Refused (InputError): a measure that OFIQ does not have.

    >>> scalars("DynamicRange", [0.04, 0.36, 9, np.nan]).tolist()
    [1, 5, 100, -1]
    """
    if measure not in MEASURES:
        raise InputError(f"expected a measure out of {', '.join(MEASURES)}, got {measure!r}")
    x = np.asarray(raw, dtype=np.float64)
    known = np.isfinite(x)
    with np.errstate(all="ignore"):  # outside a measure's domain comes NaN, which is a failure too
        exact = MEASURES[measure](np.where(known, x, 0.0))
        known &= ~np.isnan(exact)
        rounded = np.copysign(np.floor(np.abs(exact) + 0.5), exact)
    whole = np.clip(np.where(known, rounded, 0), 0, 100).astype(np.int64)
    return np.where(known, whole, FAILED)


def scalar(measure: str, raw: float) -> int:
    """As `scalars`, of one value.

    >>> scalar("InterEyeDistance", 90), scalar("InterEyeDistance", np.nan)
    (73, -1)
    """
    return int(scalars(measure, raw))
