from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from vultus import images, registry
from vultus.analyzer import Analyzer, embedder
from vultus.datasets import lfw
from vultus.errors import InputError, WeightsError
from vultus.geometry import TEMPLATE, align, similarity
from vultus.models.embed.accurate import CROP_SIZE, WIDE_TEMPLATE, Accurate, chip, sface_crop, wide_crop
from vultus.models.embed.dlib_resnet import SOURCE
from vultus.runtime import EngineOptions
from vultus.types import Image, Landmarks, unit

LANDMARKS: Landmarks = np.array([(190, 110), (250, 112), (221, 148), (197, 180), (247, 181)], dtype=np.float32)


@pytest.fixture(scope="module")
def accurate() -> Accurate:
    try:
        return registry.load("accurate", "embed")  # type: ignore[no-any-return]
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")


@pytest.fixture(scope="module")
def smooth(astronaut: Image) -> Image:
    """Without detail finer than the crops' pixels, so that only the geometry can differ."""
    return np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 3), dtype=np.uint8)


def difference(first: Image, second: Image) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


def test_a_picture_without_content_gives_a_black_crop() -> None:
    crop = wide_crop(np.zeros((1, 1, 3), dtype=np.uint8), LANDMARKS)
    assert crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert not crop.any()


def test_the_wide_crop_holds_the_standard_one(smooth: Image) -> None:
    crop = wide_crop(smooth, LANDMARKS)
    assert difference(sface_crop(crop), align(smooth, LANDMARKS)) < 0.5


def test_the_chip_is_a_part_of_the_crop_at_one_and_a_half_times_the_template(smooth: Image) -> None:
    matrix = similarity(LANDMARKS, TEMPLATE * 1.5 + (8.25 - 17, 0.25 - 33))
    expected = cv2.warpAffine(smooth, matrix, (150, 150))
    cut = chip(wide_crop(smooth, LANDMARKS))
    assert cut.shape == (150, 150, 3)
    assert difference(cut, np.asarray(expected, dtype=np.uint8)) < 0.1


def test_points_land_on_the_template() -> None:
    picture = np.zeros((400, 400, 3), dtype=np.uint8)
    for x, y in LANDMARKS:
        cv2.circle(picture, (int(x), int(y)), 4, (255, 255, 255), -1)
    matrix = similarity(LANDMARKS, WIDE_TEMPLATE)
    light = wide_crop(picture, LANDMARKS)[..., 0].astype(float)
    for x, y in LANDMARKS @ matrix[:, :2].T + matrix[:, 2]:
        rows, columns = np.mgrid[int(y) - 10 : int(y) + 12, int(x) - 10 : int(x) + 12]
        weight = light[rows, columns]
        found = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()
        np.testing.assert_allclose(found, (x, y), atol=0.15)


@pytest.mark.parametrize("times", [3, 8, 40])
def test_a_face_of_any_size_gives_the_same_crop(smooth: Image, times: int) -> None:
    small = smooth[60:240, 140:300]
    points = LANDMARKS - (140, 60)
    large = cv2.resize(small, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    crop = wide_crop(np.asarray(large, dtype=np.uint8), ((points + 0.5) * times - 0.5).astype(np.float32))
    inside = wide_crop(np.full_like(small, 255), points) == 255  # the edges of the two pictures differ
    assert difference(crop[inside], wide_crop(small, points)[inside]) < 0.6


def test_fine_stripes_of_a_large_face_are_averaged_not_aliased() -> None:
    stripes = np.zeros((1600, 1600, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    points = (TEMPLATE * 14).astype(np.float32)
    inside = (slice(10, 150), slice(20, 160))
    plain = cv2.warpAffine(stripes, similarity(points, WIDE_TEMPLATE), (CROP_SIZE, CROP_SIZE))
    assert np.abs(plain[inside].astype(int) - 127).max() > 60
    assert np.abs(wide_crop(stripes, points)[inside].astype(int) - 127).max() <= 16


def test_the_mean_says_where_it_comes_from() -> None:
    text = resources.files("vultus.models.embed").joinpath("accurate_means.json").read_text(encoding="utf-8")
    card = json.loads(text)
    assert card["people"] == 50
    assert card["licence"] == "CC-BY-4.0"
    assert card["weights_sha256"] == SOURCE.sha256
    assert np.asarray(card["mean"]).shape == (128,)
    assert np.isfinite(card["mean"]).all()


def test_both_files_are_fetched() -> None:
    card = registry.card("accurate")
    assert registry.sources(card) == (SOURCE, registry.card("sface").source)


@pytest.mark.weights
def test_the_contract_is_its_own(accurate: Accurate) -> None:
    assert accurate.contract.dimension == 256
    assert accurate.contract.align == "arcface5-wide-v1"
    assert accurate.contract.weights_sha256 not in (SOURCE.sha256, embedder("sface").contract.weights_sha256)
    assert accurate.contract == registry.load("accurate").contract


@pytest.mark.weights
def test_crops_of_other_recognisers_are_refused(accurate: Accurate, astronaut: Image) -> None:
    with pytest.raises(InputError, match=r"expected aligned crops \(184, 184, 3\)"):
        accurate([align(astronaut, LANDMARKS)])
    with pytest.raises(InputError, match="expected aligned crops"):
        embedder("sface")([accurate.crop(astronaut, LANDMARKS)])


@pytest.mark.weights
def test_the_score_is_four_parts_sface_and_one_part_dlib(accurate: Accurate, astronaut: Image) -> None:
    crops = [accurate.crop(astronaut, LANDMARKS + shift) for shift in (0, 6, 25)]
    vectors = accurate(crops)
    scores = [unit(vectors[:, part].astype(np.float64)) for part in (slice(0, 128), slice(128, 256))]
    sface = embedder("sface")([sface_crop(crop) for crop in crops])
    np.testing.assert_allclose(scores[0], sface, atol=1e-5)
    first, second = (part @ part.T for part in scores)
    np.testing.assert_allclose(vectors @ vectors.T, 0.8 * first + 0.2 * second, atol=1e-5)


@pytest.mark.weights
def test_low_precision_changes_little(accurate: Accurate, astronaut: Image) -> None:
    crops = [accurate.crop(astronaut, LANDMARKS)]
    exact = registry.load("accurate", engine=EngineOptions(precision="fp32"))(crops)
    assert float((accurate(crops) * exact).sum()) > 0.999


@pytest.mark.weights
@pytest.mark.data
def test_it_parts_people_better_than_sface_alone(data: Path, accurate: Accurate) -> None:
    """Development figures: these twenty people were seen when the two weights were chosen."""
    by_person = lfw.pictures(data / "lfw" / "images", lfw.names(data / "lfw" / "identities25.txt"))
    found = Analyzer(rotations=False)
    people, crops = [], []
    for person, paths in sorted(by_person.items()):
        for path in sorted(paths)[:8]:
            picture = images.read(path)
            middle = np.array(picture.shape[1::-1]) / 2
            faces = found.detect(picture)
            face = min(faces, key=lambda face: float(np.hypot(*(np.array(face.box.centre) - middle))))
            crops.append(accurate.crop(picture, face.landmarks))
            people.append(person)
    assert len(crops) == 160
    same = np.equal.outer(people, people)
    upper = np.triu(np.ones_like(same), 1)

    def parted(vectors: np.ndarray) -> float:
        scores = vectors @ vectors.T
        genuine, impostor = scores[same & upper], scores[~same & upper]
        return float((genuine.mean() - impostor.mean()) / np.sqrt((genuine.var() + impostor.var()) / 2))

    alone = parted(embedder("sface")([sface_crop(crop) for crop in crops]))
    together = parted(accurate(crops))
    assert together > alone + 0.1
