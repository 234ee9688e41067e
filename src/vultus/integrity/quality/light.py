"""What the pixels of an upright face say: light, its spread and its side, colour, detail, and the background."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.integrity.quality.points import Upright, crown_of
from vultus.integrity.quality.values import Points
from vultus.types import Image

__all__ = ["Light", "background", "light_of", "luminance"]

DARK, BRIGHT = 25, 247  # last level that is too dark, first that is too bright
CHEEK = 0.3  # side of a cheek's square over the distance of the eyes
LEAST = 0.9  # share of the face or a cheek that the picture must show
GREY = 2  # levels between the channels of a pixel that is taken for grey


@dataclass(frozen=True, slots=True)
class Light:
    """Raw values; NaN where the picture does not show enough of the face."""

    mean: float  # luminance, 0 to 1
    variance: float
    under: float  # share of the face with luminance 0 to 25
    over: float  # share of 247 to 255
    entropy: float  # bits
    uniformity: float  # what the cheeks' histograms share, 0 to 1
    side: float  # (left - right) / (left + right) of the cheeks' mean luminance, the subject's sides
    colour: float  # how far the cheeks' colour lies from that of skin in daylight, CIELAB
    grey: float  # share of the face without colour, 0 to 1
    sharpness: float  # standard deviation of the Laplacian over that of the luma


def luminance(image: Image) -> NDArray[np.uint8]:
    """CIE Y of sRGB, (H, W) with 255 for white: floor(255 Y + 0.5).

    >>> luminance(np.array([[[255, 255, 255], [255, 0, 0], [128, 128, 128]]], np.uint8)).tolist()
    [[255, 54, 55]]
    """
    return np.asarray(np.floor(_exact(image) + 0.5), dtype=np.uint8)


def _exact(image: Image) -> NDArray[np.float64]:
    """Luminance before it is rounded, 0 to 255."""
    levels = np.arange(256) / 255
    linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
    red, green, blue = ((weight * linear)[image[..., at]] for at, weight in enumerate((0.2126, 0.7152, 0.0722)))
    return np.asarray((red + green + blue) * 255)


def light_of(face: Upright) -> Light:
    """Measure the face from brows to chin."""
    shown = face.face & face.known
    nothing = not shown.any() or shown.sum() < LEAST * face.face.sum()
    if nothing:
        return Light(*[math.nan] * 10)
    levels = luminance(face.image)
    counts = np.bincount(levels[shown], minlength=256)
    share = counts / counts.sum()
    scale = np.arange(256) / 255
    mean = float(share @ scale)
    filled = share[share > 0]
    uniformity, side, colour = _cheeks(face)
    spread = face.image.max(axis=2) - face.image.min(axis=2)
    return Light(
        mean=mean,
        variance=float(share @ (scale - mean) ** 2),
        under=float(counts[: DARK + 1].sum() / counts.sum()),
        over=float(counts[BRIGHT:].sum() / counts.sum()),
        entropy=float(-(filled * np.log2(filled)).sum()),
        uniformity=uniformity,
        side=side,
        colour=colour,
        grey=float((spread[shown] <= GREY).mean()),
        sharpness=_sharpness(face, shown),
    )


def _cheeks(face: Upright) -> tuple[float, float, float]:
    """Uniformity, side and colour of a square below each eye."""
    levels = _exact(face.image)
    distance = float(np.linalg.norm(face.left_eye - face.right_eye))
    eyes = (face.right_eye + face.left_eye) / 2
    side, below = int(CHEEK * distance), int(np.linalg.norm(face.mouth - eyes) / 2)
    columns = (round(float(face.right_eye[0])), round(float(face.left_eye[0])) - side)
    rows = tuple(round(float(eye[1])) + below for eye in (face.right_eye, face.left_eye))
    masks, means, histograms = [], [], []
    for x, y in zip(columns, rows, strict=True):
        square = np.zeros_like(face.known)
        square[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)] = True
        mask = square & face.known
        if mask.sum() < LEAST * side**2 or not mask.any():
            return math.nan, math.nan, math.nan
        masks.append(mask)
        means.append(float(levels[mask].mean()))
        histograms.append(_histogram(levels[mask]))
    right, left = means
    both = face.image[masks[0] | masks[1]].reshape(-1, 3)
    tilt = (left - right) / (left + right) if left + right > 0 else 0.0
    return float(np.minimum(*histograms).sum()), tilt, _unnatural(both.mean(axis=0))


def _histogram(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the levels 0 to 255, each value counted for the two that it lies between.

    Dark skin has few levels of luminance: rounded to them, a change by one step of the picture's
    own moves a tenth of the cheek into the next.
    """
    low = np.floor(levels).astype(np.intp)
    rest = levels - low
    counts = np.bincount(low, 1 - rest, minlength=257) + np.bincount(low + 1, rest, minlength=257)
    return np.asarray(counts / levels.size)


def _unnatural(mean: NDArray[np.float64]) -> float:
    """Distance of a mean RGB colour from a* 5 to 25, b* 5 to 35 in CIELAB D50; 100 where one is negative.

    A colour without any chroma gives 0: OFIQ's rule, by which a grey picture passes.
    """
    if float(mean.max() - mean.min()) < 1e-9:
        return 0.0
    part = mean / 255
    linear = np.where(part > 0.04045, ((part + 0.055) / 1.055) ** 2.4, part / 12.92)
    to_xyz = np.array([(0.43605, 0.38508, 0.14309), (0.22249, 0.71689, 0.06062), (0.01393, 0.09710, 0.71419)])
    xyz = to_xyz @ linear / (0.964221, 1.0, 0.825211)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    a, b = 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
    if a < 0 or b < 0:
        return 100.0
    return math.hypot(max(5 - a, a - 25, 0.0), max(5 - b, b - 35, 0.0))


def _sharpness(face: Upright, shown: NDArray[np.bool_]) -> float:
    """Fine detail over all contrast, so that a darker picture is not a softer one.

    Twice the scale of the square's pixels, so that noise counts for less.
    """
    height, width = (side // 2 * 2 for side in shown.shape)
    luma = cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY)[:height, :width]
    if not luma.size:
        return math.nan
    half = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = cv2.Laplacian(half, cv2.CV_32F)
    # The outermost pixels of the face would see hair, and the picture's edge.
    inside = cv2.erode(shown[:height:2, :width:2].astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    if not inside.any():
        return math.nan
    contrast = float(half[inside].std())
    return float(detail[inside].std()) / contrast if contrast > 0 else 0.0


def background(image: Image, points: Points) -> float:
    """How uneven the surroundings of the head are: mean luminance gradient beside and above it, levels a pixel.

    At a scale of 60 pixels between the eyes. Nothing is segmented: an ellipse around head and hair
    is left out, and all below the chin. NaN where less than a fiftieth of the picture is left.
    """
    scale = 60 / max(points.distance, 1e-6)
    size = tuple(max(round(side * scale), 1) for side in (image.shape[1], image.shape[0]))
    if min(size) < 8 or max(size) > 20_000:
        return math.nan
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    smooth = cv2.GaussianBlur(luminance(np.asarray(small, np.uint8)), (3, 3), 0).astype(np.float32)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    gradient = np.hypot(across, down)
    free = np.ones(gradient.shape, np.uint8)
    crown = crown_of(points)
    middle, up = (crown + points.chin) / 2 * scale, (crown - points.chin) * scale
    long = float(np.linalg.norm(up))
    turn = math.degrees(math.atan2(up[1], up[0]))
    cv2.ellipse(free, (middle.tolist(), (1.3 * long, 1.3 * long), turn), 0, -1)
    free[max(int((points.chin[1] - 0.2 * points.drop) * scale), 0) :] = 0
    ours = free.astype(bool)
    return float(gradient[ours].mean()) if ours.sum() >= 0.02 * ours.size else math.nan
