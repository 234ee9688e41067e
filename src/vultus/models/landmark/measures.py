"""What a mesh says about a face: named regions, open eyes and mouth, where the head points."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.models.landmark import Mesh
from vultus.types import Pose

__all__ = [
    "FACE_OVAL",
    "FOREHEAD",
    "INNER_LIPS",
    "LEFT_CHEEK",
    "LEFT_EYE",
    "OUTER_LIPS",
    "RIGHT_CHEEK",
    "RIGHT_EYE",
    "RIGID",
    "MeanFace",
    "eye_aspect",
    "eye_distance",
    "head_pose",
    "mean_face",
    "mouth_aspect",
]

# Closed outlines, as numbers of mesh points; sides are the subject's. From the outer corner below round.
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)

# Skin without hair, eyes, mouth or outline.
FOREHEAD = (69, 108, 151, 337, 299, 296, 336, 9, 107, 66)
RIGHT_CHEEK = (117, 118, 101, 36, 205, 50)
LEFT_CHEEK = (346, 347, 330, 266, 425, 280)

# Points that stay where they are on the skull while the face speaks and smiles, none on the outline.
RIGID = (
    *(10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1),
    *(33, 133, 108, 69, 104, 68, 116, 117, 118, 101, 126, 115, 45, 51, 98, 143, 35, 193, 122, 48),
    *(263, 362, 337, 299, 333, 298, 345, 346, 347, 330, 355, 344, 275, 281, 327, 372, 265, 417, 351, 278),
)

CORNERS = {"right": (33, 133), "left": (263, 362)}  # outer, inner
LIDS = {"right": ((160, 144), (159, 145), (158, 153)), "left": ((387, 373), (386, 374), (385, 380))}  # upper, lower
LIPS = ((82, 87), (13, 14), (312, 317))  # upper, lower, inner side
MOUTH_CORNERS = (78, 308)


@dataclass(frozen=True, slots=True, eq=False)
class MeanFace:
    """The mean of 50 neutral faces, symmetric; where it comes from stands in mean_face.json."""

    points: NDArray[np.float64]  # (468, 3): unit = eye distance, x to the subject's left, y down, z from the camera
    mirror: NDArray[np.int64]  # (468,): the number of each point's counterpart on the other side


@cache
def mean_face() -> MeanFace:
    """The mean face, read once."""
    held = json.loads((resources.files("vultus.models.landmark") / "mean_face.json").read_text())
    points, mirror = np.array(held["points"], dtype=np.float64), np.array(held["mirror"], dtype=np.int64)
    points.flags.writeable = mirror.flags.writeable = False
    return MeanFace(points, mirror)


def eye_distance(mesh: Mesh) -> float:
    """Distance of the eye centres in pixels of the picture; it shrinks when the head turns aside."""
    right, left = (mesh.points[list(CORNERS[side]), :2].mean(axis=0) for side in ("right", "left"))
    return float(np.linalg.norm(left - right))


def eye_aspect(mesh: Mesh) -> tuple[float, float]:
    """How wide the right and the left eye are cut: mean lid distance over corner distance.

    About 0.2 to 0.35. The mesh hardly follows a lid that shuts (a real blink lowers this by a
    tenth): to see blinks use `eyes.Eyes`. Distances are taken in three dimensions, so that a
    head turned aside does not seem to open its eyes.
    Soukupová and Čech, CVWW 2016.
    """
    return _aspect(mesh.points, LIDS["right"], CORNERS["right"]), _aspect(mesh.points, LIDS["left"], CORNERS["left"])


def mouth_aspect(mesh: Mesh) -> float:
    """How open the mouth is: mean distance of the inner lips over that of the mouth's corners; 0 = shut."""
    return _aspect(mesh.points, LIPS, MOUTH_CORNERS)


def _aspect(points: NDArray[np.float32], pairs: tuple[tuple[int, int], ...], ends: tuple[int, int]) -> float:
    upper, lower = np.array(pairs).T
    across = float(np.linalg.norm(points[ends[0]] - points[ends[1]]))
    return float(np.linalg.norm(points[upper] - points[lower], axis=1).mean()) / max(across, 1e-6)


def head_pose(mesh: Mesh, size_wh: tuple[int, int]) -> Pose:
    """Where the head points, from the mesh's points in the picture and the mean face.

    size_wh: of the whole picture. Its longer side is taken as the focal length (a view of
    53 degrees, as webcams have); another lens changes yaw and pitch by a degree or two. The
    head's rotation is read as pitch, then yaw, then roll about the camera's axis.
    """
    canonical = mean_face().points[list(RIGID)]
    seen = mesh.points[list(RIGID), :2].astype(np.float64)
    focal = float(max(size_wh))
    camera = np.array([[focal, 0, (size_wh[0] - 1) / 2], [0, focal, (size_wh[1] - 1) / 2], [0, 0, 1]])
    _, turn, shift = cv2.solvePnP(canonical, seen, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    turn, _ = cv2.solvePnPRefineLM(canonical, seen, camera, None, turn, shift)
    return _angles(cv2.Rodrigues(turn)[0])


def _angles(rotation: NDArray[Any]) -> Pose:
    """R = Rz(roll) Ry(-yaw) Rx(pitch), axes right, down, forward."""
    yaw = math.asin(float(np.clip(rotation[2, 0], -1, 1)))
    pitch = math.atan2(float(rotation[2, 1]), float(rotation[2, 2]))
    roll = math.atan2(float(rotation[1, 0]), float(rotation[0, 0]))
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))
