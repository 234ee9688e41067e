from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from vultus import images
from vultus.liveness.plane import plane_signal, relief
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import mean_face
from vultus.types import Image

Meshes = Callable[[Iterable[Image]], list[Mesh]]
FRAMES = 24
PHASES = np.linspace(0, 2 * math.pi, FRAMES, endpoint=False)


def turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    return np.asarray(Rotation.from_euler("xyz", [pitch, -yaw, roll], degrees=True).as_matrix())


def track(
    yaw: float, pitch: float, *, flat: bool, seed: int = 0, noise: float = 0.008, away: float = 7.0, bend: float = 0.0
) -> list[Mesh]:
    """A head, or a sheet with the same face on it, that swings by yaw and pitch; noise in eye distances."""
    rng = np.random.default_rng(seed)
    shape = mean_face().points.copy() * (1, 1, 0 if flat else 1)
    if bend:  # rolled about the upright axis, arc lengths kept
        shape[:, 0], shape[:, 2] = np.sin(shape[:, 0] * bend) / bend, (1 - np.cos(shape[:, 0] * bend)) / bend
    person = rng.normal(0, 0.02, shape.shape) * (1, 1, 0 if flat else 1)
    meshes = []
    for phase in PHASES:
        rotation = turn(yaw * math.sin(phase), pitch * math.sin(phase) + 2 * math.cos(phase), 4 * math.cos(phase))
        points = (shape + person) @ rotation.T + (0.4 * math.cos(phase), 0.2 * math.sin(phase), away)
        seen = points[:, :2] / points[:, 2:] * away * 70 + (320, 240) + rng.normal(0, noise * 70, (len(points), 2))
        meshes.append(Mesh(np.column_stack([seen, points[:, 2] * 70]).astype(np.float32), 1.0))
    return meshes


def test_nothing_is_said_of_no_frames_few_frames_and_small_faces() -> None:
    assert plane_signal([]).says == "nothing"
    few = plane_signal(track(20, 0, flat=False)[:7])
    assert few.says == "nothing"
    assert math.isnan(few.value)
    assert "7 frames" in few.reason
    small = [Mesh(mesh.points * np.float32(0.3), 1.0) for mesh in track(20, 0, flat=False)]
    assert "at least 30 px" in plane_signal(small).reason
    absent = [Mesh(mesh.points, 0.2) for mesh in track(20, 0, flat=False)]
    assert plane_signal(absent).says == "nothing"


def test_the_turn_of_a_head_is_measured() -> None:
    for angle in (10.0, 20.0):
        seen = relief(track(angle, 0, flat=False, noise=0.003))
        assert seen.turn == pytest.approx(2 * math.sin(math.radians(angle)), rel=0.2)
        assert seen.likeness > 0.9


def test_a_flat_sheet_leaves_only_noise() -> None:
    seen = relief(track(40, 10, flat=True, noise=0.002))
    assert seen.residual < 0.004
    assert seen.turn < 0.05
    assert seen.tilt > 0.15


def test_heads_and_sheets_over_many_seeds() -> None:
    """Synthetic points: no head is called a sheet and no sheet, flat or bent, a head."""
    heads = Counter(
        plane_signal(track(angle, 3, flat=False, seed=seed)).says for angle in (4, 10, 16, 24) for seed in range(10)
    )
    sheets = Counter(
        plane_signal(track(yaw, pitch, flat=True, seed=seed, bend=bend, away=away)).says
        for yaw, pitch, bend, away in ((2, 2, 0, 7), (40, 5, 0, 7), (5, 40, 0, 7), (35, 30, 0, 3), (35, 5, 0.6, 7))
        for seed in range(10)
    )
    assert heads["attack"] == 0
    assert heads["bona fide"] >= 20
    assert sheets["bona fide"] == 0
    assert sheets["attack"] >= 20


def test_too_little_turning_says_nothing_of_either() -> None:
    for flat in (True, False):
        signal = plane_signal(track(4, 2, flat=flat))
        assert signal.says == "nothing"
        assert "too little" in signal.reason


def test_size_place_and_roll_of_the_picture_do_not_matter() -> None:
    meshes = track(20, 3, flat=False)
    matrix = cv2.getRotationMatrix2D((100, 50), 70, 2.5)
    moved = []
    for mesh in meshes:
        points = mesh.points.copy()
        points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        moved.append(Mesh(points.astype(np.float32), 1.0))
    first, second = relief(meshes), relief(moved)
    np.testing.assert_allclose((first.turn, first.tilt), (second.turn, second.tilt), rtol=0.05)


def test_an_expression_is_no_tilted_sheet() -> None:
    """A jaw that drops shifts points as foreshortening would; then the test keeps silent."""
    meshes = track(40, 5, flat=True)
    assert plane_signal(meshes).says == "attack"
    talking = []
    for mesh, phase in zip(meshes, PHASES, strict=True):
        points = mesh.points.copy()
        points[[87, 14, 317], 1] += 8 * (1 + math.sin(3 * phase))
        talking.append(Mesh(points, 1.0))
    signal = plane_signal(talking)
    assert signal.says == "nothing"
    assert "expression" in signal.reason


def held(image: Image, yaw: float, pitch: float, *, away: float = 2.5) -> Iterator[Image]:
    """A printed picture that is turned before the camera, (480, 640, 3), with the camera's noise."""
    rng = np.random.default_rng(5)
    height, width = image.shape[:2]
    corners = np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)], dtype=np.float64)
    source = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], dtype=np.float32)
    for phase in PHASES[::2]:
        rotation = turn(yaw * math.sin(phase), pitch * math.sin(phase), 3 * math.cos(phase))
        points = corners @ rotation.T + (0.05 * math.cos(phase), 0, away)
        target = (points[:, :2] / points[:, 2:] * away * 190 + (320, 240)).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(source, target)
        seen = cv2.warpPerspective(image, matrix, (640, 480), borderValue=(120, 120, 120))
        yield np.clip(seen + rng.normal(0, 3, seen.shape), 0, 255).astype(np.uint8)


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize(("yaw", "pitch", "away"), [(50, 5, 2.5), (5, 40, 2.5), (1, 1, 2.5), (30, 25, 1.8)])
def test_a_printed_portrait_is_never_bona_fide(
    portraits: list[Image], meshes: Meshes, yaw: float, pitch: float, away: float
) -> None:
    """Through the real mesh, which sees a little depth in a print that is turned."""
    said = Counter(plane_signal(meshes(held(image, yaw, pitch, away=away))).says for image in portraits)
    assert said.total() == len(portraits) > 0
    assert said["bona fide"] == 0
    if max(yaw, pitch) >= 40:
        assert said["attack"] >= len(portraits) - 1


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.slow
def test_people_and_their_photographs_before_a_camera(data: Path, meshes: Meshes) -> None:
    """NUAA, all frames of a person as one track: nine people live, their prints moved and bent by hand."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    shares: dict[str, list[float]] = defaultdict(list)
    for kind in ("live", "print"):
        files = defaultdict(list)
        for file in sorted((data / "nuaa" / kind).glob("*.jpg")):
            files[file.name[:4]].append(file)
        for of_person in files.values():
            track = meshes(images.read(file) for file in of_person)
            seen = relief(track)
            said[kind][plane_signal(track).says] += 1
            shares[kind].append(seen.turn / seen.tilt)
    assert said["live"].total() == said["print"].total() == 9
    assert said["live"]["attack"] == 0
    assert said["print"]["bona fide"] == 0
    assert said["print"]["attack"] >= 2
    assert min(shares["live"]) > max(shares["print"])
