"""The normalised portrait: upright, the eyes where a format wants them, cut to the format's size.

The eyes lie a quarter of the width apart and midway between the sides, as in the token image of
ISO/IEC 19794-5, and 0.45 of the height below the top, inside the 0.3 to 0.5 of its full frontal image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NoFaceError, NotFoundError, TooManyFacesError
from vultus.models.landmark import Mesh
from vultus.models.landmark.eyes import CORNERS
from vultus.types import Face, Image

__all__ = [
    "DEFAULT_FORMAT",
    "FORMATS",
    "Detector",
    "Eyes",
    "Format",
    "Portrait",
    "eyes",
    "format_of",
    "one_face",
    "portrait",
]

LARGEST_ENLARGEMENT = 2.0
_PRESENT = 0.5  # the mesh's own word that there is a face

Eyes = NDArray[np.float64]  # (2, 2): middle of the right eye, of the left eye


class Detector(Protocol):
    """Pictures to faces and meshes; `vultus.Analyzer` is one."""

    def detect(self, image: Image) -> tuple[Face, ...]: ...

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """Size of a portrait and where the eyes lie in it; sides are multiples of 8, so that blocks cover it whole."""

    name: str
    size_wh: tuple[int, int]  # pixels
    eyes_apart: float  # share of the width
    eyes_down: float  # from the top, share of the height
    what: str


FORMATS = (
    Format("passport", (448, 576), 0.25, 0.45, "35 x 45 mm, the eyes 112 px apart"),
    Format("passport-large", (672, 864), 0.25, 0.45, "35 x 45 mm, the eyes 168 px apart"),
    Format("token", (240, 320), 0.25, 0.45, "3 : 4, the smallest size of ISO/IEC 19794-5, the eyes 60 px apart"),
    Format("square", (600, 600), 0.16, 0.40, "51 x 51 mm, the eyes 96 px apart"),
)
DEFAULT_FORMAT = "passport"


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture that was cut to a format."""

    image: Image  # (H, W, 3)
    format: Format
    enlarged: float  # pixels of the crop for one of the source along a line; above 1 detail was made up
    turned: float  # degrees clockwise by which the head was turned upright


def format_of(name: str) -> Format:
    """The format of that name; an unknown one is refused (NotFoundError).

    >>> format_of("passport").size_wh
    (448, 576)
    """
    for found in FORMATS:
        if found.name == name:
            return found
    raise NotFoundError(f"expected a format out of {', '.join(each.name for each in FORMATS)}, got {name!r:.40}")


def one_face(image: Image, detector: Detector) -> Face:
    """The only face of a picture. Refused: none (NoFaceError), several (TooManyFacesError)."""
    faces = detector.detect(image)
    if not faces:
        raise NoFaceError("expected a face for a document photo, found none")
    if len(faces) > 1:
        raise TooManyFacesError(f"expected one face for a document photo, found {len(faces)}; cut the others off first")
    return faces[0]


def eyes(image: Image, face: Face, detector: Detector) -> Eyes:
    """The middles of the right and of the left eye of a face, (2, 2), between the corners of the mesh.

    The five points of a detector are good enough to recognise by; on large faces they may be a tenth of the
    distance of the eyes off. Where the mesh is not sure of a face, they are taken all the same.
    """
    (mesh,) = detector.meshes(image, [face])
    if mesh.presence < _PRESENT:
        return face.landmarks[:2].astype(np.float64)
    return np.stack([mesh.points[list(corners), :2].mean(axis=0) for corners in CORNERS]).astype(np.float64)


def portrait(image: Image, eyes: Eyes, format: Format) -> Portrait:
    """A picture (H, W, 3) cut to a format by the middles of the right and the left eye, (2, 2).

    Refused (InputError): a picture that ends before the format does, since nothing is made up beyond its
    edge, and a face so small that it would have to be enlarged more than twice.
    """
    right, left = np.asarray(eyes, np.float64)
    across = left - right
    apart = float(np.hypot(*across))
    width, height = format.size_wh
    scale = format.eyes_apart * width / max(apart, 1e-6)
    if scale > LARGEST_ENLARGEMENT:
        wanted = format.eyes_apart * width / LARGEST_ENLARGEMENT
        raise InputError(
            f"expected eyes at least {wanted:.0f} pixels apart for the format {format.name}, got {apart:.0f}; "
            "use a larger picture or a smaller format"
        )
    roll = math.atan2(across[1], across[0])
    turn = scale * np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    middle = np.array([(width - 1) / 2, format.eyes_down * height])
    matrix = np.hstack([turn, (middle - turn @ ((right + left) / 2))[:, None]])
    _need_inside(matrix, image, format)
    if scale < 1:  # shrunk by means over areas first, so that nothing aliases
        small_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        factors = np.array(small_wh) / (image.shape[1], image.shape[0])
        image = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
        turn = matrix[:, :2] / factors
        # Pixel centres: x_small + 1/2 = factor · (x + 1/2).
        matrix = np.hstack([turn, (matrix[:, 2] - matrix[:, :2] @ (0.5 - 0.5 / factors))[:, None]])
    flags = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    crop: Image = cv2.warpAffine(image, matrix, format.size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Portrait(crop, format, scale, -math.degrees(roll))


def _need_inside(matrix: NDArray[np.float64], image: Image, format: Format) -> None:
    width, height = format.size_wh
    corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)], np.float64)
    source = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limits = np.array((image.shape[1] - 1, image.shape[0] - 1))
    sides = {
        "left": -source[:, 0].min(),
        "top": -source[:, 1].min(),
        "right": (source[:, 0] - limits[0]).max(),
        "bottom": (source[:, 1] - limits[1]).max(),
    }
    missing = ", ".join(f"{math.ceil(value)} px at the {side}" for side, value in sides.items() if value > 1)
    if missing:
        raise InputError(
            f"the picture ends before the format {format.name} does: {missing} missing; take it with more room around "
            "the head, or keep its own frame with --format none"
        )
