"""The normalised portrait: upright, the head where a format wants it, cut to the format's size.

One function says where a format lies around a head (`cut`); what issuing cuts and what the quality of a
photo advises to cut are both its answer. A passport photo goes by the head: from chin to crown 75 % of the
height, the middle of the 70 to 80 % that ICAO Doc 9303 asks for, with the eyes 45 % below the top. The
token image goes by the eyes, which lie a quarter of the width apart in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NoFaceError, NotFoundError, TooManyFacesError
from vultus.models.landmark import Mesh
from vultus.models.landmark.eyes import CORNERS
from vultus.types import Box, Face, Image

__all__ = [
    "CHIN",
    "DEFAULT_FORMAT",
    "EYES_TO_HEAD",
    "FORMATS",
    "MOUTH",
    "NOSE",
    "Cut",
    "Detector",
    "Format",
    "Head",
    "Portrait",
    "cut",
    "format_of",
    "head",
    "mesh_of",
    "one_face",
    "portrait",
]

LARGEST_ENLARGEMENT = 2.0
EYES_TO_HEAD = 0.49
"""Eyes to chin over crown to chin in adults of both sexes (Farkas 1994); the crown hides under the hair."""
CHIN, NOSE, MOUTH = 152, 4, (61, 291)  # points of the mesh; the mouth's are its corners, the right one first
_PRESENT = 0.5  # the mesh's own word that there is a face
_EYES_TO_CHIN = 1.66  # over eyes to mouth, in the mean face of the mesh

Head = NDArray[np.float64]  # (3, 2): middle of the right eye, of the left eye, tip of the chin


class Detector(Protocol):
    """Pictures to faces and meshes; `vultus.Analyzer` is one."""

    def detect(self, image: Image) -> tuple[Face, ...]: ...

    def meshes(self, image: Image, faces: Sequence[Face]) -> tuple[Mesh, ...]: ...


@dataclass(frozen=True, slots=True)
class Format:
    """Size of a portrait and where the head lies in it; sides are multiples of 8, so that blocks cover it whole."""

    name: str
    size_wh: tuple[int, int]  # pixels
    eyes_down: float  # from the top, share of the height
    by: Literal["head", "eyes"]  # what has its size in it
    share: float  # of the height from chin to crown, or of the width between the eyes
    what: str


FORMATS = (
    Format("passport", (448, 576), 0.45, "head", 0.75, "35 x 45 mm, the head 75 % of the height"),
    Format("passport-large", (672, 864), 0.45, "head", 0.75, "35 x 45 mm, the head 75 % of the height"),
    Format("token", (240, 320), 0.45, "eyes", 0.25, "3 : 4, the eyes 60 px apart, for matchers"),
    Format("square", (600, 600), 0.40, "head", 0.60, "51 x 51 mm, the head 60 % of the height"),
)
DEFAULT_FORMAT = "passport"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a format lies in a picture: turn the picture about the middle of the eyes, then cut it."""

    format: Format
    middle: tuple[float, float]  # of the eyes, in pixels of the picture
    turned: float  # degrees clockwise by which the picture is turned
    scale: float  # pixels of the format for one of the picture

    @property
    def matrix(self) -> NDArray[np.float64]:
        """From pixels of the picture to those of the format, (2, 3)."""
        (width, height), angle = self.format.size_wh, math.radians(self.turned)
        turn = self.scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        goal = np.array([(width - 1) / 2, self.format.eyes_down * height - 0.5])  # centres of pixels
        return np.hstack([turn, (goal - turn @ self.middle)[:, None]])

    @property
    def box(self) -> Box:
        """What is cut, in pixels of the picture after the turn; it may reach beyond it."""
        width, height = (side / self.scale for side in self.format.size_wh)
        left, top = self.middle[0] + 0.5 - width / 2, self.middle[1] + 0.5 - self.format.eyes_down * height
        return Box(left, top, left + width, top + height)

    def missing(self, size_wh: tuple[int, int]) -> dict[str, int]:
        """By side, how many pixels a picture of that size ends before the format does; a pixel is no matter."""
        width, height = self.format.size_wh
        matrix = self.matrix
        corners = np.array([(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)], np.float64)
        source = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        beyond = {
            "left": -source[:, 0].min(),
            "top": -source[:, 1].min(),
            "right": source[:, 0].max() - (size_wh[0] - 1),
            "bottom": source[:, 1].max() - (size_wh[1] - 1),
        }
        return {side: math.ceil(value) for side, value in beyond.items() if value > 1}


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


def mesh_of(image: Image, face: Face, detector: Detector) -> Mesh:
    """The mesh of a face, looked for again from its own points: the mean of the second look and the third.

    A mesh depends a little on the five points that it is looked for by, which jump when a picture changes by
    a level here and there. Each look forgets more of them, and some faces go to and fro between two answers.
    """
    looks = list(detector.meshes(image, [face]))
    for _ in range(2):
        at = looks[-1].points[:, :2]
        five = [*(at[list(corners)].mean(axis=0) for corners in CORNERS), at[NOSE], *at[list(MOUTH)]]
        looks += detector.meshes(image, [replace(face, landmarks=np.stack(five).astype(np.float32))])
    _, second, third = looks
    return Mesh(np.asarray((second.points + third.points) / 2, np.float32), third.presence)


def head(image: Image, face: Face, detector: Detector) -> Head:
    """The middles of the right and the left eye of a face, between the corners of the mesh, and the chin, (3, 2).

    The five points of a detector are good enough to recognise by; on large faces they may be a tenth of the
    distance of the eyes off. Where the mesh is not sure of a face, they are taken all the same, and the chin
    is where it is in the mean face.
    """
    mesh = mesh_of(image, face, detector)
    if mesh.presence < _PRESENT:
        right, left, _, *mouth = face.landmarks.astype(np.float64)
        middle = (right + left) / 2
        return np.stack([right, left, middle + _EYES_TO_CHIN * (np.mean(mouth, axis=0) - middle)])
    seen = [mesh.points[list(corners), :2].mean(axis=0) for corners in CORNERS]
    return np.stack([*seen, mesh.points[CHIN, :2]]).astype(np.float64)


def cut(head: Head, format: Format) -> Cut:
    """Where a format lies around a head, (3, 2) as `head` gives it."""
    right, left, chin = np.asarray(head, np.float64)
    across, middle = left - right, (right + left) / 2
    width, height = format.size_wh
    if format.by == "head":
        scale = format.share * EYES_TO_HEAD * height / max(float(np.hypot(*(chin - middle))), 1e-6)
    else:
        scale = format.share * width / max(float(np.hypot(*across)), 1e-6)
    x, y = middle.tolist()
    return Cut(format, (x, y), -math.degrees(math.atan2(across[1], across[0])), scale)


def portrait(image: Image, head: Head, format: Format) -> Portrait:
    """A picture (H, W, 3) cut to a format around a head, (3, 2).

    Refused (InputError): a picture that ends before the format does, since nothing is made up beyond its
    edge, and a face so small that it would have to be enlarged more than twice.
    """
    asked = cut(head, format)
    if asked.scale > LARGEST_ENLARGEMENT:
        apart = float(np.hypot(*(head[1] - head[0])))
        raise InputError(
            f"expected eyes at least {apart * asked.scale / LARGEST_ENLARGEMENT:.0f} pixels apart for the format "
            f"{format.name}, got {apart:.0f}; use a larger picture or a smaller format"
        )
    if missing := asked.missing((image.shape[1], image.shape[0])):
        sides = ", ".join(f"{count} px at the {side}" for side, count in missing.items())
        raise InputError(
            f"the picture ends before the format {format.name} does: {sides} missing; take it with more room around "
            "the head, or keep its own frame with --format none"
        )
    matrix, scale = asked.matrix, asked.scale
    if scale < 1:  # shrunk by means over areas first, so that nothing aliases
        small_wh = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        factors = np.array(small_wh) / (image.shape[1], image.shape[0])
        image = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
        turn = matrix[:, :2] / factors
        # Pixel centres: x_small + 1/2 = factor · (x + 1/2).
        matrix = np.hstack([turn, (matrix[:, 2] - matrix[:, :2] @ (0.5 - 0.5 / factors))[:, None]])
    flags = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    crop: Image = cv2.warpAffine(image, matrix, format.size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Portrait(crop, format, scale, asked.turned)
