"""One picture in, all rows out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from vultus.errors import NoFaceError
from vultus.integrity.crop import mesh_of
from vultus.integrity.quality.advice import advice_for
from vultus.integrity.quality.light import background, light_of
from vultus.integrity.quality.names import NAMES, OWN_UNITS, UNITS
from vultus.integrity.quality.points import crop_of, eye_widths, lip_gap, points_of, upright
from vultus.integrity.quality.profile import Profile, profile
from vultus.integrity.quality.scalars import NEEDS_MODEL, scalar
from vultus.integrity.quality.values import (
    MAPPED,
    NOT_ASSESSED,
    OWN,
    Crop,
    DocumentQuality,
    Limit,
    Measure,
    Points,
)
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import head_pose
from vultus.types import Expression, Face, Image, Pose, Reading

__all__ = ["Finder", "assess"]

AWAY = 20.0  # distance of the camera over that of the eyes: about 1.25 m, as portraits are taken
PRESENT = 0.5  # presence of the mesh under which a find is not taken for a face
HULL = "whole face, what covers it included: OFIQ leaves that out by a network"
NOTES: Mapping[str, str] = {
    "IlluminationUniformity": "a pixel counts for both levels that its luminance lies between, where OFIQ rounds",
    "UnderExposurePrevention": HULL,
    "OverExposurePrevention": HULL,
    "EyesOpen": "mean lid gap, where OFIQ takes the largest",
    "InterEyeDistance": "yaw from the face mesh",
    "own: pitch": "coarse: the shape of a face moves it by some degrees",
    "own: background unevenness": "not segmented: beside and above an ellipse around head and hair",
    "own: neutral expression": "a research estimate of what the face shows",
}
WHY_NOT: Mapping[str, str] = {
    "EyesOpen": "an eye is under 10 pixels wide",
    "own: background unevenness": "the picture shows too little beside the head",
    "own: neutral expression": "the face is too small, turned or cut off to be read",
}
CUT = "the picture does not show enough of the face"


class Finder(Protocol):
    """What is needed of an analyzer; `vultus.Analyzer` fits."""

    def detect(self, image: Image) -> tuple[Face, ...]: ...
    def read(self, image: Image, faces: Sequence[Face], *, embed: bool = True) -> tuple[Reading, ...]: ...
    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]: ...
    def eyes(self, image: Image, meshes: Sequence[Mesh]) -> tuple[tuple[float, float], ...]: ...
    def expressions(self, image: Image, faces: Sequence[Face]) -> tuple[Expression, ...]: ...


def assess(
    image: Image,
    analyzer: Finder,
    asked: Profile | str = "icao",
) -> DocumentQuality:
    """Measure the largest face of a picture (H, W, 3) against a profile.

    Of several faces the largest is measured, and SingleFacePresent tells of the others. Rows that
    OFIQ defines by its own networks are told as not assessed. Refused: a picture without a face (NoFaceError), an
    unknown profile (NotFoundError), weights that cannot be had (WeightsError).
    """
    wanted = profile(asked) if isinstance(asked, str) else asked
    faces = analyzer.detect(image)
    if not faces:
        raise NoFaceError("expected a face, none was found; take the picture from the front, with light on the face")
    face = faces[0]
    mesh = mesh_of(image, face, analyzer)
    if mesh.presence < PRESENT:
        raise NoFaceError("expected a face, what was found does not look like one up close; show the whole face")
    size_wh = (image.shape[1], image.shape[0])
    points = points_of(mesh)
    crop = crop_of(points, size_wh)
    raw = _raw(image, analyzer, faces, mesh, points)
    rows = tuple(_row(name, raw, wanted.limits.get(name), crop, len(faces)) for name in NAMES)
    return DocumentQuality(rows, wanted.name, face, len(faces), points, crop, size_wh)


def _raw(image: Image, analyzer: Finder, faces: Sequence[Face], mesh: Mesh, points: Points) -> dict[str, float]:
    """Raw values by the rows' names."""
    height, width = image.shape[:2]
    (reading,) = analyzer.read(image, faces[:1], embed=False)
    ((right, left),) = analyzer.eyes(image, [mesh])
    (shown,) = analyzer.expressions(image, faces[:1])
    light = light_of(upright(image, points))
    pose = _pose(mesh, points)
    widths = eye_widths(mesh)
    drop, distance = max(points.drop, 1e-6), max(points.distance, 1e-6)
    eyes = points.eyes
    second = faces[1].box.area / faces[0].box.area if len(faces) > 1 and faces[0].box.area > 0 else 0.0
    gaps = (right * widths[0], left * widths[1])
    return {
        "IlluminationUniformity": light.uniformity,
        "LuminanceMean": light.mean,
        "LuminanceVariance": light.variance,
        "UnderExposurePrevention": light.under,
        "OverExposurePrevention": light.over,
        "DynamicRange": light.entropy,
        "NaturalColour": light.colour,
        "SingleFacePresent": min(second, 1.0),
        "EyesOpen": math.nan if any(map(math.isnan, gaps)) else min(gaps) / drop,
        "MouthClosed": lip_gap(mesh) / drop,
        "InterEyeDistance": distance / max(math.cos(math.radians(pose.yaw)), 0.1),
        "HeadSize": drop / height,
        "LeftwardCropOfTheFaceImage": max(points.left_eye[0], points.right_eye[0]) / distance,
        "RightwardCropOfTheFaceImage": (width - min(points.left_eye[0], points.right_eye[0])) / distance,
        "MarginAboveOfTheFaceImage": eyes[1] / drop,
        "MarginBelowOfTheFaceImage": (height - eyes[1]) / drop,
        "own: yaw": pose.yaw,
        "own: pitch": pose.pitch,
        "own: roll": pose.roll,
        "own: sharpness": light.sharpness,
        "own: light from the side": light.side,
        "own: greyscale": light.grey,
        "own: background unevenness": background(image, points),
        "own: eyes covered": reading.quality.eyes_covered,
        "own: mouth covered": reading.quality.mouth_covered,
        "own: neutral expression": shown.scores.get("neutral", math.nan),
        "own: head width": float(points.oval[:, 0].max() - points.oval[:, 0].min()) / width,
        "own: horizontal position": eyes[0] / width,
        "own: vertical position": eyes[1] / height,
        "own: shape": width / height,
    }


def _pose(mesh: Mesh, points: Points) -> Pose:
    """Yaw and pitch by the whole mesh, roll by the line through the eyes.

    As seen along the line from the camera to the eyes, at `AWAY` eye distances: a head that looks
    into the camera is frontal wherever it stands in the picture, and a cut changes nothing.
    """
    side = max(round(AWAY * points.distance), 2)
    placed = mesh.points.copy()
    placed[:, :2] += (side - 1) / 2 - points.eyes
    pose = head_pose(Mesh(placed, mesh.presence), (side, side))
    across = points.left_eye - points.right_eye
    return Pose(pose.yaw, pose.pitch, math.degrees(math.atan2(across[1], across[0])))


def _row(name: str, raw: Mapping[str, float], limit: Limit | None, crop: Crop, faces: int) -> Measure:
    if name in NEEDS_MODEL:
        return Measure(name, math.nan, "", None, None, NOT_ASSESSED)
    value = float(raw.get(name, math.nan))
    note = WHY_NOT.get(name, CUT) if math.isnan(value) else NOTES.get(name, "")
    mapped = None if name in OWN_UNITS else scalar(name, value)
    unit = OWN_UNITS[name] if mapped is None else UNITS[name]
    origin = OWN if mapped is None else MAPPED
    judged = value if limit is None or limit.of == "raw" or mapped is None or math.isnan(value) else float(mapped)
    passed = None if limit is None else limit.holds(judged)
    advice = ""
    if limit is not None and not passed:
        low = judged < limit.low
        asked = limit.low if low else limit.high
        side = raw["own: light from the side"]
        told = advice_for(name, value, low=low, side=side, faces=faces, asked=asked, crop=crop)
        advice = f"could not be measured: {note}" if math.isnan(value) else told
    return Measure(name, value, unit, mapped, passed, origin, advice, limit, note)
