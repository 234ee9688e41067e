"""Whole assessments: each measure answers to its own degradation, sides are the person's, and nothing is made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation  # type: ignore[import-untyped]

from vultus import testing
from vultus.analyzer import Analyzer
from vultus.errors import NoFaceError, NotFoundError
from vultus.images import read
from vultus.integrity.quality import DocumentQuality, Limit, Profile, assess
from vultus.integrity.quality.names import NAMES
from vultus.integrity.quality.points import points_of
from vultus.integrity.quality.scalars import NEEDS_MODEL, scalar
from vultus.integrity.quality.values import MAPPED, NOT_ASSESSED, OWN
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import mean_face
from vultus.types import Image

pytestmark = pytest.mark.weights

Degrade = Callable[[Image, float], Image]


def blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image, np.uint8)


def lit(image: Image, factor: float) -> Image:
    return np.clip(np.rint(image * np.float32(factor)), 0, 255).astype(np.uint8)


def turned(image: Image, degrees: float) -> Image:
    """Clockwise about the middle; the edge goes on, so that no black corner comes in."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def farther(image: Image, scale: float) -> Image:
    """The same frame with everything smaller in it."""
    height, width = image.shape[:2]
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    up, left = height - small.shape[0], width - small.shape[1]
    edges = (up // 2, up - up // 2, left // 2, left - left // 2)
    return np.asarray(cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE), np.uint8)


def yellowed(image: Image, share: float) -> Image:
    """As under light that lacks blue."""
    return np.rint(image * np.array([1, 1 - 0.2 * share, 1 - share], np.float32)).astype(np.uint8)


def shaded(image: Image, share: float) -> Image:
    """Darker towards the picture's right, the person's left."""
    ramp = np.linspace(1, 1 - share, image.shape[1], dtype=np.float32)[None, :, None]
    return np.rint(image * ramp).astype(np.uint8)


def cut(side: str) -> Degrade:
    """The picture without a share of one side."""

    def cutting(image: Image, share: float) -> Image:
        height, width = image.shape[:2]
        x, y = round(share * width), round(share * height)
        parts = {
            "left": image[:, x:],
            "right": image[:, : width - x],
            "top": image[y:],
            "bottom": image[: height - y],
        }
        return np.ascontiguousarray(parts[side])

    return cutting


# What is done, how strongly, and the raw values that must move: +1 up with every step, -1 down.
DEGRADATIONS: dict[str, tuple[Degrade, Sequence[float], dict[str, int]]] = {
    "blur": (blurred, (0, 1.5, 3, 6), {"own: sharpness": -1}),
    "dark": (lit, (1, 0.6, 0.35, 0.2), {"LuminanceMean": -1, "UnderExposurePrevention": 1, "DynamicRange": -1}),
    "bright": (lit, (1, 1.3, 1.7, 2.2), {"LuminanceMean": 1, "OverExposurePrevention": 1}),
    "roll": (turned, (0, 6, 12, 20), {"own: roll": 1}),
    "distance": (farther, (1, 0.7, 0.5, 0.35), {"InterEyeDistance": -1, "HeadSize": -1, "own: head width": -1}),
    "yellow light": (yellowed, (0, 0.4, 0.6, 0.8), {"NaturalColour": 1}),
    "light from one side": (shaded, (0, 0.3, 0.6, 0.9), {"own: light from the side": -1}),
    "cut left": (cut("left"), (0, 0.08, 0.16), {"LeftwardCropOfTheFaceImage": -1, "own: horizontal position": -1}),
    "cut right": (cut("right"), (0, 0.08, 0.16), {"RightwardCropOfTheFaceImage": -1, "own: horizontal position": 1}),
    "cut above": (cut("top"), (0, 0.05, 0.1), {"MarginAboveOfTheFaceImage": -1, "own: vertical position": -1}),
    "cut below": (cut("bottom"), (0, 0.05, 0.1), {"MarginBelowOfTheFaceImage": -1, "HeadSize": 1}),
}


def check(analyzer: Analyzer, image: Image, name: str) -> None:
    degrade, strengths, wanted = DEGRADATIONS[name]
    found = [assess(degrade(image, strength), analyzer) for strength in strengths]
    for measure, sign in wanted.items():
        raw = [sign * each[measure].raw for each in found]
        assert all(first <= second for first, second in pairwise(raw)), (measure, raw)
        assert raw[-1] > raw[0], (measure, raw)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_each_measure_follows_its_degradation(analyzer: Analyzer, large: Image, name: str) -> None:
    check(analyzer, large, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_each_measure_follows_its_degradation_on_portraits(
    analyzer: Analyzer, portraits: tuple[Image, ...], name: str
) -> None:
    for image in portraits:
        check(analyzer, image, name)


@pytest.fixture(scope="module")
def quality(analyzer: Analyzer, large: Image) -> DocumentQuality:
    return assess(large, analyzer)


def test_no_face_is_refused(analyzer: Analyzer) -> None:
    for size in ((1, 1), (8, 600), (200, 150)):
        with pytest.raises(NoFaceError, match="none was found"):
            assess(np.full((*size, 3), 120, np.uint8), analyzer)


def test_an_unknown_profile_is_refused(analyzer: Analyzer, large: Image) -> None:
    with pytest.raises(NotFoundError, match="capture"):
        assess(large, analyzer, "moon")


def test_every_row_says_what_it_is(quality: DocumentQuality) -> None:
    assert tuple(row.name for row in quality.measures) == NAMES
    for row in quality.measures:
        if row.name in NEEDS_MODEL:
            assert (row.origin, row.scalar, row.passed) == (NOT_ASSESSED, None, None)
            assert math.isnan(row.raw)
        elif row.name.startswith("own: "):
            assert (row.origin, row.scalar) == (OWN, None)
        else:
            assert (row.origin, row.scalar) == (MAPPED, scalar(row.name, row.raw))
        assert bool(row.advice) == (row.passed is False)
    assert quality["own: yaw"].unit == "degrees to the person's left"
    with pytest.raises(NotFoundError):
        quality["Beauty"]


def test_all_passes_only_where_every_row_does(quality: DocumentQuality, analyzer: Analyzer, large: Image) -> None:
    assert not quality.passed
    nothing = assess(large, analyzer, Profile("none", "asks nothing", {}))
    assert nothing.passed
    assert nothing.advice == ()
    one = {"own: yaw": Limit("own: yaw", "raw", 40, 50, "choice", "")}
    assert assess(large, analyzer, Profile("aside", "turned", one)).advice[0].startswith("turn your head")


def test_advice_is_told_once(quality: DocumentQuality) -> None:
    assert len(set(quality.advice)) == len(quality.advice)
    assert "close your mouth" in quality.advice
    assert sum("cut the picture" in advice for advice in quality.advice) <= 1


def test_the_cut_that_is_advised_passes_where_it_was_asked(analyzer: Analyzer, portraits: tuple[Image, ...]) -> None:
    framing = ("HeadSize", "own: head width", "own: horizontal position", "own: vertical position", "own: shape")
    for image in portraits:
        first = assess(image, analyzer)
        assert first.crop.inside
        x1, y1, x2, y2 = first.crop.box.round()
        second = assess(np.ascontiguousarray(image[y1:y2, x1:x2]), analyzer)
        assert [name for name in framing if not second[name].passed] == []
        assert not any("cut" in advice for advice in second.advice)


def test_the_mirror_swaps_the_sides(analyzer: Analyzer, large: Image, quality: DocumentQuality) -> None:
    mirrored = assess(np.ascontiguousarray(large[:, ::-1]), analyzer)
    for name, tolerance in (("own: yaw", 4), ("own: roll", 1), ("own: light from the side", 0.05)):
        assert mirrored[name].raw == pytest.approx(-quality[name].raw, abs=tolerance)
    assert mirrored["LeftwardCropOfTheFaceImage"].raw == pytest.approx(
        quality["RightwardCropOfTheFaceImage"].raw, rel=0.03
    )
    side = quality["own: light from the side"]
    assert side.raw < -0.25  # the sun of this portrait stands at her right
    assert "from your left is weaker" in side.advice
    assert "from your right is weaker" in mirrored["own: light from the side"].advice


def test_tilt_is_told_in_degrees_and_from_the_persons_side(analyzer: Analyzer, large: Image) -> None:
    still = assess(large, analyzer)["own: roll"].raw
    for degrees, side in ((15, "right"), (-20, "left")):
        row = assess(turned(large, degrees), analyzer)["own: roll"]
        assert row.raw == pytest.approx(still + degrees, abs=1.5)
        # Clockwise in the picture the head lies towards the person's left shoulder.
        assert row.advice == f"tilt your head {round(abs(row.raw))} degrees to your {side}"


def test_where_the_face_stands_does_not_turn_it(analyzer: Analyzer, astronaut: Image) -> None:
    # In the whole picture the face stands far above the middle, in the part it fills it.
    whole, part = assess(astronaut, analyzer), assess(np.ascontiguousarray(astronaut[:220, 120:330]), analyzer)
    for name in ("own: yaw", "own: pitch", "own: roll"):
        assert part[name].raw == pytest.approx(whole[name].raw, abs=2)
    assert abs(whole["own: pitch"].raw) < 8


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (6, 0), (-12, 4), (3, -10), (20, 15)])
def test_a_known_turn_is_told_in_degrees(yaw: float, pitch: float) -> None:
    class Turned(testing.Analyzer):
        def meshes(self, image, faces):  # type: ignore[no-untyped-def]
            turn = Rotation.from_euler("xyz", [pitch, -yaw, 0], degrees=True).as_matrix()
            points = mean_face().points @ turn.T + (0, 0, 20)
            seen = points[:, :2] / points[:, 2:] * (20 * 60) + 80  # 60 pixels between the eyes
            return (Mesh(np.column_stack([seen, points[:, 2]]).astype(np.float32), 1.0),)

    found = assess(testing.picture("Ada"), Turned())
    assert found["own: yaw"].raw == pytest.approx(yaw, abs=1)
    assert found["own: pitch"].raw == pytest.approx(pitch, abs=1)
    side = {True: "left", False: "right"}[yaw < 0]
    assert found["own: yaw"].advice == ("" if abs(yaw) <= 5 else f"turn your head {abs(yaw)} degrees to your {side}")
    # The eyes of a head turned aside seem nearer together; the measure takes that back.
    assert found["InterEyeDistance"].raw == pytest.approx(60, rel=0.02)


def test_two_faces_and_the_larger_is_measured(analyzer: Analyzer, large: Image) -> None:
    raw = []
    for scale in (0.25, 0.5):
        small = cv2.resize(large, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        both = np.full((large.shape[0], large.shape[1] + small.shape[1], 3), 160, np.uint8)
        both[:, : large.shape[1]] = large
        both[: small.shape[0], large.shape[1] :] = small
        found = assess(both, analyzer)
        assert found.faces == 2
        row = found["SingleFacePresent"]
        assert (row.passed, row.advice) == (False, "be alone in the picture: 2 faces were found")
        assert found["InterEyeDistance"].raw == pytest.approx(assess(large, analyzer)["InterEyeDistance"].raw, rel=0.03)
        raw.append(row.raw)
    assert raw == pytest.approx([0.25**2, 0.5**2], rel=0.2)


def test_grey_passes_natural_colour_by_ofiqs_rule_and_fails_ours(analyzer: Analyzer, large: Image) -> None:
    grey = np.repeat(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    found = assess(grey, analyzer)
    assert found["NaturalColour"].scalar == 100
    row = found["own: greyscale"]
    assert (row.raw, row.passed, row.advice) == (1, False, "the picture is greyscale: take it in colour")


def test_a_face_cut_by_the_edge_is_not_guessed_at(analyzer: Analyzer, large: Image) -> None:
    half = np.ascontiguousarray(large[:, 240:])
    found = assess(half, analyzer)
    row = found["LuminanceMean"]
    assert (row.scalar, row.passed) == (-1, False)
    assert math.isnan(row.raw)
    assert row.advice == "could not be measured: the picture does not show enough of the face"
    assert not found.passed


def test_the_same_picture_gives_the_same_answer(analyzer: Analyzer, large: Image, quality: DocumentQuality) -> None:
    before = large.copy()
    again = assess(large, analyzer)
    assert (large == before).all()
    np.testing.assert_array_equal([row.raw for row in again.measures], [row.raw for row in quality.measures])
    assert again.advice == quality.advice


def test_drawn_faces_of_the_testing_analyzer_will_do() -> None:
    found = assess(testing.picture("Ada", "Bob"), testing.Analyzer())
    assert found.faces == 2
    assert not found.passed
    assert found["own: roll"].raw == pytest.approx(0, abs=2)


def test_a_find_that_is_no_face_is_refused(analyzer: Analyzer) -> None:
    class Doubtful(testing.Analyzer):
        def meshes(self, image, faces):  # type: ignore[no-untyped-def]
            return tuple(replace(mesh, presence=0.2) for mesh in super().meshes(image, faces))

    with pytest.raises(NoFaceError, match="up close"):
        assess(testing.picture("Ada"), Doubtful())


@pytest.mark.slow
def test_eye_centres_lie_beside_the_pupils(analyzer: Analyzer, data: Path) -> None:
    # The portraits carry no landmarks by hand. What pixels alone tell: a pupil is the darkest blob near an eye's
    # centre. Lashes and the shadow of lids draw it aside, so the bounds are those of the middle of many.
    aside, ratio = [], []
    for path in sorted((data / "portraits").glob("*_neutral.jpg")):
        image = read(path)
        (mesh,) = analyzer.meshes(image, analyzer.detect(image)[:1])
        points = points_of(mesh)
        smooth = cv2.GaussianBlur(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), points.distance / 20
        )
        pupils = [darkest(smooth, eye, points.distance) for eye in (points.right_eye, points.left_eye)]
        aside += [
            np.abs(pupil - eye) / points.distance
            for pupil, eye in zip(pupils, (points.right_eye, points.left_eye), strict=True)
        ]
        ratio.append(float(np.linalg.norm(pupils[1] - pupils[0])) / points.distance)
    assert len(ratio) == 50
    assert (np.median(aside, axis=0) < (0.04, 0.06)).all()  # measured 0.026 and 0.044 of the eyes' distance
    assert 0.97 < np.median(ratio) < 1.07  # measured 1.05


def darkest(smooth: NDArray[np.float32], eye: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """The darkest place within 0.18 across and 0.12 up and down of an eye."""
    x, y = np.rint(eye).astype(int).tolist()
    across, down = int(0.18 * distance), int(0.12 * distance)
    part = smooth[y - down : y + down + 1, x - across : x + across + 1]
    row, column = np.unravel_index(part.argmin(), part.shape)
    return np.array([x - across + column, y - down + row], np.float64)


def test_eye_centres_move_with_the_picture(analyzer: Analyzer, large: Image) -> None:
    def eyes(image: Image) -> NDArray[np.float64]:
        (mesh,) = analyzer.meshes(image, analyzer.detect(image)[:1])
        points = points_of(mesh)
        return np.stack([points.right_eye, points.left_eye])

    here = eyes(large)
    distance = float(np.linalg.norm(here[1] - here[0]))
    mirrored = eyes(np.ascontiguousarray(large[:, ::-1]))[::-1]
    mirrored[:, 0] = large.shape[1] - 1 - mirrored[:, 0]
    half = eyes(np.ascontiguousarray(cv2.resize(large, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))) * 2 + 0.5
    for other in (mirrored, half):
        assert np.linalg.norm(other - here, axis=1).max() / distance < 0.03
