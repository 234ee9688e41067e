"""Which of several faces is meant, when one is meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vultus.errors import InputError, NoFaceError, TooManyFacesError
from vultus.types import Reading

__all__ = ["Choice", "choose", "main_face", "parse_faces"]

NO_FACE = "expected a face, found none; use a picture where the face is larger, upright or better lit"


@dataclass(frozen=True, slots=True)
class Choice:
    """The face that is meant, and why it and not another."""

    index: int
    reason: str  # one line for people; empty when there was only one face
    margin: float  # prominence of the next face over this one's, 0 (no rival) to 1 (a tie)


def main_face(readings: Sequence[Reading], size_wh: tuple[int, int]) -> Choice:
    """The most prominent face by size, sharpness, completeness and position together.

    Prominence is the product of side / largest side, 1/2 + sharpness/2, share of the box
    inside the picture, and nearness to the centre (1 in the middle, 1/2 in a corner). No
    faces: NoFaceError.
    """
    if not readings:
        raise NoFaceError(NO_FACE)
    largest = max(reading.quality.side for reading in readings)
    prominence = [_prominence(reading, size_wh, largest) for reading in readings]
    order = sorted(range(len(readings)), key=lambda index: (-prominence[index], index))
    first = order[0]
    if len(readings) == 1:
        return Choice(first, "", 0.0)
    margin = prominence[order[1]] / prominence[first] if prominence[first] > 0 else 1.0
    quality = readings[first].quality
    reason = (
        f"face {first + 1} of {len(readings)} chosen: side {quality.side:.0f} px, sharpness {quality.sharpness:.2f}, "
        f"{quality.inside:.0%} in the frame; the next most prominent reaches {margin:.0%} of it"
    )
    return Choice(first, reason, margin)


def choose(readings: Sequence[Reading], size_wh: tuple[int, int], faces: str | int = "main") -> list[Choice]:
    """The faces that the caller's policy names.

    faces: "main" (the most prominent), "one" (refused unless there is exactly one),
    "largest", "centre", "all", or a number from 1 in the order of the readings (area
    descending). Refused: no face (NoFaceError), several under "one" (TooManyFacesError), a
    number that no face has (InputError).
    """
    policy = parse_faces(faces)
    if not readings:
        raise NoFaceError(NO_FACE)
    count = len(readings)
    if policy == "all":
        return [Choice(index, "", 0.0) for index in range(count)]
    if policy == "one":
        if count > 1:
            raise TooManyFacesError(f"expected one face, found {count}; crop the picture or name one with --faces N")
        return [Choice(0, "", 0.0)]
    if policy == "largest":
        areas = [reading.face.box.area for reading in readings]
        return [Choice(areas.index(max(areas)), f"the largest of {count}" if count > 1 else "", 0.0)]
    if policy == "centre":
        distances = [_from_centre(reading, size_wh) for reading in readings]
        return [Choice(distances.index(min(distances)), f"the most central of {count}" if count > 1 else "", 0.0)]
    if isinstance(policy, int):
        if policy > count:
            raise InputError(f"expected a face number up to {count}, got {policy}; faces are counted by size")
        return [Choice(policy - 1, f"face {policy} of {count} as asked", 0.0)]
    return [main_face(readings, size_wh)]


def parse_faces(faces: str | int) -> str | int:
    """Read a `--faces` value: a policy's name or a number from 1.

    >>> parse_faces("2"), parse_faces("all")
    (2, 'all')
    """
    policies = ("main", "one", "largest", "centre", "all")
    if isinstance(faces, str) and faces in policies:
        return faces
    try:
        number = int(faces)
    except ValueError:
        number = 0
    if number < 1:
        raise InputError(f"expected faces to be {', '.join(policies)} or a number from 1, got {faces!r}")
    return number


def _prominence(reading: Reading, size_wh: tuple[int, int], largest: float) -> float:
    quality = reading.quality
    near = 1 - 0.5 * min(_from_centre(reading, size_wh), 1.0)
    return quality.side / max(largest, 1e-6) * (0.5 + quality.sharpness / 2) * quality.inside * near


def _from_centre(reading: Reading, size_wh: tuple[int, int]) -> float:
    """Distance of the box's middle from the picture's, in half diagonals."""
    x, y = reading.face.box.centre
    width, height = size_wh
    return math.hypot(x - width / 2, y - height / 2) / (math.hypot(width, height) / 2)
