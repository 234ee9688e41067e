"""The rows of an assessment by name: OFIQ's 28 and our own, with the unit of each raw value."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vultus.integrity.quality.scalars import MEASURES

__all__ = ["NAMES", "OWN_UNITS", "UNITS"]

# Of those that are measured here; the others' units are those of networks that are not.
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "IlluminationUniformity": "share of both cheeks' histograms",
        "LuminanceMean": "of white",
        "LuminanceVariance": "of white, squared",
        "UnderExposurePrevention": "share of the face",
        "OverExposurePrevention": "share of the face",
        "DynamicRange": "bits",
        "NaturalColour": "CIELAB from skin tones",
        "SingleFacePresent": "second face's area / first's",
        "EyesOpen": "lid gap / eyes to chin",
        "MouthClosed": "lip gap / eyes to chin",
        "InterEyeDistance": "pixels",
        "HeadSize": "eyes to chin / height",
        "LeftwardCropOfTheFaceImage": "eye distances",
        "RightwardCropOfTheFaceImage": "eye distances",
        "MarginAboveOfTheFaceImage": "eyes to chin",
        "MarginBelowOfTheFaceImage": "eyes to chin",
    }
)

OWN_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "own: yaw": "degrees to the person's left",
        "own: pitch": "degrees downwards",
        "own: roll": "degrees clockwise in the picture",
        "own: sharpness": "detail / contrast",
        "own: light from the side": "-1 all from the right, 1 all from the left",
        "own: greyscale": "share of the face without colour",
        "own: background unevenness": "levels a pixel",
        "own: eyes covered": "hint, 0 to 1",
        "own: mouth covered": "hint, 0 to 1",
        "own: neutral expression": "probability",
        "own: head width": "of the width",
        "own: horizontal position": "of the width, from the left",
        "own: vertical position": "of the height, from the top",
        "own: shape": "width / height",
    }
)

NAMES: tuple[str, ...] = (*MEASURES, *OWN_UNITS)
"""All rows in their order."""
