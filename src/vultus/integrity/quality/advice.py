"""What to do about a measure that fails, in plain words and with the person's own sides."""

from __future__ import annotations

from vultus.integrity.quality.values import Crop

__all__ = ["advice_for"]

FRAMING = frozenset(
    {
        "HeadSize",
        "own: head width",
        "own: horizontal position",
        "own: vertical position",
        "own: shape",
    }
)

LEVEL = 0.5  # degrees that nobody sees

# By measure: what to do when the value is too low, and when it is too high.
PLAIN: dict[str, tuple[str, str]] = {
    "LuminanceMean": ("put more light on the face, or expose longer", "put less light on the face, or expose shorter"),
    "LuminanceVariance": ("the face shows hardly any contrast: expose anew, without fog or filter", "use softer light"),
    "UnderExposurePrevention": ("much of the face is black: put more light on it from the front",) * 2,
    "OverExposurePrevention": ("parts of the face are burnt out: use less or softer light, no flash close by",) * 2,
    "DynamicRange": ("the face has few tones: use more light and no filter",) * 2,
    "NaturalColour": ("the skin's colour is not natural: set the white balance to the light, use no filter",) * 2,
    "EyesOpen": ("open your eyes wide",) * 2,
    "MouthClosed": ("close your mouth",) * 2,
    "HeadSize": ("move closer", "move back"),
    # Cut at the picture's left is the person's right.
    "LeftwardCropOfTheFaceImage": ("move to your left: your right side is at the picture's edge",) * 2,
    "RightwardCropOfTheFaceImage": ("move to your right: your left side is at the picture's edge",) * 2,
    "MarginAboveOfTheFaceImage": ("point the camera higher: leave more room above the head",) * 2,
    "MarginBelowOfTheFaceImage": ("point the camera lower: leave more room below the chin",) * 2,
    "own: sharpness": ("hold still and focus on the eyes: the picture is blurred or too small",) * 2,
    "own: greyscale": ("the picture is greyscale: take it in colour",) * 2,
    "own: background unevenness": ("stand before a plain, evenly lit wall",) * 2,
    "own: eyes covered": ("show your eyes: no dark glasses, no hair over them",) * 2,
    "own: mouth covered": ("show your mouth and chin",) * 2,
    "own: neutral expression": ("look neutral, without a smile",) * 2,
    "own: head width": ("move closer", "move back"),
    "own: horizontal position": ("move to your left", "move to your right"),
    "own: vertical position": ("point the camera higher", "point the camera lower"),
    "own: shape": ("take a wider picture, 35 to 45", "take a higher picture, 35 to 45"),
}


def advice_for(name: str, raw: float, *, low: bool, side: float, faces: int, asked: float, crop: Crop) -> str:
    """What to do about one failed measure.

    low: the value lies below its limit, not above. side: where the light comes from, as in `Light`.
    faces: how many there are. asked: the limit itself. crop: what could be cut.
    """
    degrees = max(round(abs(raw)), 1) if raw == raw else 0
    if name == "own: yaw":
        return f"turn your head {_degrees(degrees)} to your {'left' if raw < 0 else 'right'}"
    if name == "own: pitch":
        return f"{'raise' if raw > 0 else 'lower'} your chin by {_degrees(degrees)}"
    if name == "own: roll":  # clockwise in the picture brings the head to the person's left shoulder
        return f"tilt your head {_degrees(degrees)} to your {'left' if raw < 0 else 'right'}"
    if name in ("IlluminationUniformity", "own: light from the side"):
        weak = "left" if side < 0 else "right"
        return f"the light from your {weak} is weaker: add light there, or turn to where it comes from"
    if name == "SingleFacePresent":
        return f"be alone in the picture: {faces} faces were found"
    if name == "InterEyeDistance":
        return f"move closer or use more pixels: {raw:.0f} between the eyes, {asked:g} are asked for"
    if name in FRAMING and crop.inside:
        return _cut(crop)
    return PLAIN[name][0 if low else 1] if name in PLAIN else ""


def _cut(crop: Crop) -> str:
    """What `vultus document issue` would do."""
    x1, y1, x2, y2 = crop.box.round()
    size = f"{x2 - x1} x {y2 - y1} pixels from ({x1}, {y1})"
    if abs(crop.turned) < LEVEL:
        return f"cut the picture to {size}"
    x, y = map(round, crop.about)
    way = "clockwise" if crop.turned > 0 else "anticlockwise"
    return f"turn the picture {abs(crop.turned):.1f} degrees {way} about ({x}, {y}), then cut it to {size}"


def _degrees(count: int) -> str:
    return f"{count} degree{'' if count == 1 else 's'}"
