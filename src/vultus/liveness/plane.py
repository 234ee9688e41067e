"""Does the face move like a head or like a sheet: the rigid-plane test over a track.

Two views of a flat print are related by one homography; two views of a head that turned
are not, because its nose, eyes and temples lie at different depths. So every frame's
points are brought onto the track's mean by the best homography, what a sheet bent about
any one axis could add is taken out as well, and the rest is compared with the relief that
a face is known to have: a head that turns by an angle shifts each point by its depth times
the sine. A print shows foreshortening without that shift.

A replay on a screen shows the head that was filmed, turning as it did: this test takes
that for a head. So it does a mask. It answers only the question in its name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.geometry import similarity
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import RIGID, eye_distance, mean_face, mouth_aspect
from vultus.types import Signal

__all__ = ["Relief", "plane_signal", "relief"]

FRAMES = 48  # looked at, spread over the track: more change nothing
FEWEST = 8  # frames under which nothing is said
SMALLEST = 30.0  # pixels between the eyes; below, the points' own error is as large as the relief
PRESENT = 0.5  # the mesh's own word that there is a face
BENDS = 12  # axes about which the sheet may be bent
_STEP = 0.1  # a turn small enough to be linear, large enough for rounding
TURN = 0.42  # range of the turn's sine: a head turned by 12 degrees to either side
HEAD = 3.0  # turn over tilt: heads turned aside give 3.6 to 4.6, sheets bent as a face up to 2.7
SHEET = 1.1  # turn over tilt: photographs held before a camera (NUAA) give 0.3 to 1.0, live faces 1.5 and more
TILT = 0.10  # range of log foreshortening: a sheet tilted by about 35 degrees
LIKENESS = 0.75  # correlation of what leaves the plane with a face turning: heads 0.84 and more
STILL_MOUTH = 0.12  # range of the mouth's aspect: an expression moves the points without any turning

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Relief:
    """What a track of meshes shows of depth; everything in units that do not know the picture's size."""

    frames: int  # that could be used
    residual: float  # RMS distance from the best homographies, share of the eye distance
    turn: float  # range of the sine of the turn that depth explains; a head turned by 20 degrees to both sides: 0.68
    likeness: float  # correlation of what moves out of the plane with a face's relief, 0 to 1
    tilt: float  # range of log foreshortening over the track; a sheet tilted by 40 degrees gives 0.13 to 0.17
    mouth: float  # range of the mouth's aspect over the track
    noise: float  # RMS of what neither plane nor relief explains, share of the eye distance


def relief(meshes: Sequence[Mesh]) -> Relief:
    """Measure how a track's points move, as a sheet or as a face.

    meshes: of one face, in order of time. Fewer than 8 usable ones, or eyes nearer than
    30 pixels, give NaN for every measure.
    """
    usable = [mesh for mesh in meshes if mesh.presence >= PRESENT and eye_distance(mesh) >= SMALLEST]
    if len(usable) < FEWEST:
        return Relief(len(usable), *[math.nan] * 6)
    chosen = np.unique(np.linspace(0, len(usable) - 1, FRAMES).round().astype(int))
    views = np.stack([usable[index].points[list(RIGID), :2].astype(np.float64) for index in chosen])  # (T, N, 2)
    mean, views = _normalised(views)
    residual = np.stack([view - _homography(mean, view) for view in views])  # (T, N, 2)
    shifted = mean + _STEP * np.eye(2)[:, None] * mean_face().points[list(RIGID), 2][:, None]  # (2, N, 2)
    expected = np.stack([view - _homography(mean, view) for view in shifted]) / _STEP  # of a sine of 1, across and down
    bend = _bend(mean, _columns(residual))
    spread, face = _without(_columns(residual), bend), _without(_columns(expected), bend)
    share = _shares(spread, face)  # (T, 2)
    explained = _explained(share, face)
    rest = float(((spread - explained) ** 2).sum())
    return Relief(
        frames=len(views),
        residual=float(np.sqrt((residual**2).sum(axis=2).mean())),
        turn=_extent(share),
        likeness=math.sqrt(max(1 - rest / max(float((spread**2).sum()), 1e-12), 0.0)),
        tilt=_tilt(mean, views),
        mouth=_range(np.array([mouth_aspect(usable[index]) for index in chosen])),
        noise=math.sqrt(2 * rest / spread.size),
    )


def plane_signal(meshes: Sequence[Mesh]) -> Signal:
    """What the rigid-plane test says of a track: "bona fide", "attack" (a sheet) or "nothing"."""
    seen = relief(meshes)
    unit = "range of the sine of the turn that depth explains"
    if math.isnan(seen.turn):
        return Signal(
            "plane", math.nan, unit, "nothing",
            f"{seen.frames} frames with a mesh and eyes at least {SMALLEST:.0f} px apart, {FEWEST} are needed",
        )  # fmt: skip
    share = seen.turn / max(seen.tilt, 1e-6)
    turned = math.degrees(math.asin(min(seen.turn / 2, 1.0)))
    if seen.turn >= TURN and share >= HEAD and seen.likeness >= LIKENESS:
        reason = (
            f"the points move as those of a head that turned by about {turned:.0f} degrees to either side: no plane "
            f"fits (residual {seen.residual:.3f} of the eye distance); a filmed head would move so too"
        )
        return Signal("plane", seen.turn, unit, "bona fide", reason)
    if seen.tilt >= TILT and share <= SHEET and seen.mouth <= STILL_MOUTH:
        reason = (
            f"the face is foreshortened by {1 - math.exp(-seen.tilt):.0%} in the course of the track, yet stays flat: "
            f"nose and temples hardly shift against each other ({share:.1f} times the foreshortening, a head {HEAD:g})"
        )
        return Signal("plane", seen.turn, unit, "attack", reason)
    reason = f"too little turning aside to tell a head from a sheet (about {turned:.0f} degrees to either side)"
    if seen.tilt >= TILT and share <= SHEET:
        reason = "the face changes its expression, which shifts the points as a tilted sheet would"
    elif seen.turn >= TURN or seen.tilt >= TILT:
        reason = (
            f"depth moves {share:.1f} times as much as the foreshortening: more than a flat sheet ({SHEET:g}) shows, "
            f"less than a head turned aside ({HEAD:g}); a bent sheet or a nod"
        )
    return Signal("plane", seen.turn, unit, "nothing", reason)


def _normalised(views: Array) -> tuple[Array, Array]:
    """The track's mean shape and all views brought onto it by rotation, scale and shift; unit = eye distance."""
    mean = views[len(views) // 2]
    for _ in range(3):
        placed = [_apply(similarity(view, mean), view) for view in views]
        mean = np.mean(placed, axis=0)
    corners = [RIGID.index(number) for number in (33, 133, 263, 362)]
    eyes = mean[corners].reshape(2, 2, 2).mean(axis=1)
    scale = 1 / float(np.linalg.norm(eyes[1] - eyes[0]))
    middle = mean.mean(axis=0)
    return (mean - middle) * scale, (np.stack(placed) - middle) * scale


def _apply(matrix: Array, points: Array) -> Array:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def _columns(moves: Array) -> Array:
    """Moves (T, N, 2) as a column for each frame and direction, (N, 2T)."""
    return moves.transpose(1, 0, 2).reshape(moves.shape[1], -1)


def _shares(spread: Array, face: Array) -> Array:
    """How far each frame moves as a face turned across and down would: sines, (T, 2)."""
    frames = spread.shape[1] // 2
    patterns = np.column_stack([face[:, :2].ravel(), face[:, 2:].ravel()])  # (2N, 2)
    moves = spread.reshape(len(spread), frames, 2).transpose(1, 0, 2).reshape(frames, -1)  # (T, 2N)
    return np.asarray(np.linalg.lstsq(patterns, moves.T, rcond=None)[0].T, dtype=np.float64)


def _explained(share: Array, face: Array) -> Array:
    """The moves that the turns in `share` would make, (N, 2T)."""
    moves = share[:, 0, None, None] * face[:, :2] + share[:, 1, None, None] * face[:, 2:]  # (T, N, 2)
    return _columns(moves)


def _homography(source: Array, target: Array) -> Array:
    """Where the least-squares homography from source to target brings the source."""
    matrix, _ = cv2.findHomography(source, target, 0)
    if matrix is None:
        return source
    return np.asarray(cv2.perspectiveTransform(source[None], matrix)[0], dtype=np.float64)


def _plane(points: Array) -> Array:
    """What an affine picture of a plane can do to its points, one column each: (N, 3)."""
    return np.column_stack([points, np.ones(len(points))])


def _without(values: Array, columns: Array) -> Array:
    """The part of each column of `values` that `columns` do not explain."""
    return np.asarray(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0], dtype=np.float64)


def _bend(points: Array, spread: Array) -> Array:
    """A sheet bent about the axis that explains most of what moves: plane, square and cube across the axis."""
    best, least = _plane(points), math.inf
    for angle in np.arange(BENDS) * (math.pi / BENDS):
        across = points @ np.array([math.cos(angle), math.sin(angle)])
        columns = np.column_stack([_plane(points), across**2, across**3])
        left = float((_without(spread, columns) ** 2).sum())
        if left < least:
            best, least = columns, left
    return best


def _extent(share: Array) -> float:
    """Length of the track's path of turning, from its 5th to its 95th percentile, along its main direction."""
    centred = share - share.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    return _range(along)


def _tilt(mean: Array, views: Array) -> float:
    """How much the foreshortening changes over the track, from its 5th to its 95th percentile, as a logarithm."""
    ratios = []
    for view in views:
        linear = np.linalg.lstsq(_plane(mean), view, rcond=None)[0][:2]
        stretch = np.linalg.svd(linear, compute_uv=False)
        ratios.append(linear.T @ linear / float(stretch[0] * stretch[1]))
    shapes = np.stack(ratios)[:, [0, 0], [0, 1]]  # (T, 2): how views are stretched, without size and rotation
    centred = shapes - shapes.mean(axis=0)
    along = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    return _range(along)


def _range(values: Array) -> float:
    """From the 5th to the 95th percentile: one bad frame changes little."""
    low, high = np.percentile(values, [5, 95])
    return float(high - low)
