"""Faces as Rekognition shows them.

Boxes and points are fractions of the upright picture and may leave 0 to 1; "left" is the left of
the picture, as in the original's published answers. Yaw and roll have the original's sign too;
of pitch that is not known: here a head that looks down is positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vultus.server.routes.aws.stored import StoredFace
from vultus.types import Box, EmbeddingContract, Face, Reading, Refusal

__all__ = ["bounding_box", "confidence", "face_detail", "face_of", "model_version", "reasons_of"]

Size = tuple[int, int]  # width, height, pixels

_LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")  # the order of `types.Landmarks`
_REASONS = {  # those of the gate that the model does not know
    "HIGH_BRIGHTNESS": "LOW_BRIGHTNESS",
    "CUT_BY_FRAME": "LOW_FACE_QUALITY",
}


def model_version(contract: EmbeddingContract) -> str:
    """One number for each recognition model, digits and dots.

    >>> model_version(EmbeddingContract("sface", "0" * 64, 128))
    '1.1718553618'
    """
    return f"1.{int(contract.id.rpartition(':')[2][:8], 16)}"


def bounding_box(box: Box, size_wh: Size) -> dict[str, float]:
    """A box as fractions of the picture."""
    width, height = size_wh
    shares = (box.width / width, box.height / height, box.x1 / width, box.y1 / height)
    return {name: round(share, 6) for name, share in zip(("Width", "Height", "Left", "Top"), shares, strict=True)}


def confidence(score: float) -> float:
    """The detector's score as a percentage."""
    return round(min(max(float(score), 0.0), 1.0) * 100, 4)


def face_detail(reading: Reading, size_wh: Size) -> dict[str, Any]:
    """A FaceDetail, or a ComparedFace, with the default attributes: the only ones that are read here."""
    quality = reading.quality
    pose = {"Roll": quality.pose.roll, "Yaw": quality.pose.yaw, "Pitch": quality.pose.pitch}
    return {
        "BoundingBox": bounding_box(reading.face.box, size_wh),
        "Landmarks": _landmarks(reading.face, size_wh),
        "Pose": {name: round(min(max(float(angle), -180.0), 180.0), 4) for name, angle in pose.items()},
        "Quality": {
            "Brightness": round(quality.brightness * 100, 4),
            "Sharpness": round(quality.sharpness * 100, 4),
        },
        "Confidence": confidence(reading.face.score),
    }


def face_of(face: StoredFace, version: str) -> dict[str, Any]:
    """A Face; the box is left out where the size of the picture is not known."""
    template = face.template
    told: dict[str, Any] = {
        "FaceId": face.id,
        "ImageId": face.image,
        "IndexFacesModelVersion": version,
    }
    if template.box is not None and face.origin is not None:
        told["BoundingBox"] = bounding_box(template.box, face.origin.size_wh)
    if template.score is not None:
        told["Confidence"] = confidence(template.score)
    if face.external is not None:
        told["ExternalImageId"] = face.external
    if face.user is not None:
        told["UserId"] = face.user
    return told


def reasons_of(refusals: Iterable[Refusal]) -> list[str]:
    """Why the gate refused a face, in the model's words."""
    return list(dict.fromkeys(_REASONS.get(one.code, one.code) for one in refusals))


def _landmarks(face: Face, size_wh: Size) -> list[dict[str, Any]]:
    width, height = size_wh
    return [
        {"Type": name, "X": round(float(x) / width, 6), "Y": round(float(y) / height, 6)}
        for name, (x, y) in zip(_LANDMARKS, face.landmarks, strict=True)
    ]
