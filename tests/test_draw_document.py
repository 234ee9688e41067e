"""Guides on a document photo: where the points are, inside the picture, over a strip that can be read."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from vultus import testing
from vultus.draw import annotate_document
from vultus.draw.frames import INK
from vultus.errors import InputError
from vultus.integrity.quality import Crop, DocumentQuality, Profile, assess
from vultus.types import Box, Image


@pytest.fixture(scope="module")
def picture() -> Image:
    return np.ascontiguousarray(cv2.resize(testing.picture("Ada", side=300), (700, 700)))


@pytest.fixture(scope="module")
def quality(picture: Image) -> DocumentQuality:
    return assess(np.ascontiguousarray(picture), Looking())


class Looking(testing.Analyzer):
    """Finds the face in an enlarged drawing, whose frame is no longer three pixels wide."""

    def detect(self, image):  # type: ignore[no-untyped-def]
        small = testing.picture("Ada", side=300)
        (face,) = super().detect(small)
        scale = image.shape[1] / small.shape[1]
        box = Box(*(value * scale for value in (face.box.x1, face.box.y1, face.box.x2, face.box.y2)))
        return (replace(face, box=box, landmarks=(face.landmarks * np.float32(scale)).astype(np.float32)),)


def near(image: Image, at: tuple[float, float], colour: tuple[int, int, int]) -> bool:
    """Whether the colour is there, within two pixels."""
    x, y = round(at[0]), round(at[1])
    part = image[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].reshape(-1, 3)
    return bool((np.abs(part.astype(int) - colour).max(axis=1) < 12).any())


def test_a_picture_of_another_kind_is_refused(quality: DocumentQuality) -> None:
    with pytest.raises(InputError, match="RGB uint8"):
        annotate_document(np.zeros((40, 40), np.uint8), quality)


def test_the_picture_is_left_as_it_was_and_drawn_above_a_strip(picture: Image, quality: DocumentQuality) -> None:
    before = picture.copy()
    drawn = annotate_document(picture, quality)
    assert (picture == before).all()
    assert drawn.shape[1:] == picture.shape[1:]
    assert drawn.shape[0] > picture.shape[0] + 20
    assert (drawn[picture.shape[0] :] > 200).any()  # letters


def test_guides_lie_on_what_was_measured(picture: Image, quality: DocumentQuality) -> None:
    drawn = annotate_document(picture, quality)
    points = quality.points
    for eye in (points.right_eye, points.left_eye):
        assert near(drawn, (eye[0], eye[1]), INK["match"])
    assert near(drawn, (points.chin[0] + 0.7 * points.distance, points.chin[1]), INK["unknown"])
    assert all(near(drawn, (x, y), INK["face"]) for x, y in points.oval[5:13].tolist())


def test_the_cut_is_drawn_only_where_there_is_room(picture: Image, quality: DocumentQuality) -> None:
    box = Box(50, 60, 600, 650)
    with_room, without = (annotate_document(picture, cropped(quality, Crop(box, inside))) for inside in (True, False))
    corners = [(box.x1, box.y1), (box.x2 - 1, box.y1)]
    assert all(near(with_room, corner, INK["live"]) for corner in corners[:1])
    assert not any(near(without, corner, INK["live"]) for corner in corners)


def test_narrow_pictures_are_enlarged(picture: Image) -> None:
    small = np.ascontiguousarray(cv2.resize(picture, (240, 240), interpolation=cv2.INTER_AREA))
    drawn = annotate_document(small, assess(small, Looking()))
    assert drawn.shape[1] == 480


def test_what_passes_says_so_on_one_line(picture: Image, quality: DocumentQuality) -> None:
    passed = assess(picture, Looking(), Profile("none", "asks nothing", {}))
    assert passed.passed
    assert annotate_document(picture, passed).shape[0] < annotate_document(picture, quality).shape[0]


def cropped(quality: DocumentQuality, crop: Crop) -> DocumentQuality:
    return DocumentQuality(
        quality.measures, quality.profile, quality.face, quality.faces, quality.points, crop, quality.size_wh
    )
