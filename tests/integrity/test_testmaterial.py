"""Test material is known by its words and by its pixels."""

from __future__ import annotations

import numpy as np

from vultus.integrity.pixels import decode, encode
from vultus.integrity.testmaterial import is_test_material, labelled, texts
from vultus.types import Image


def test_a_tiny_picture_is_none() -> None:
    assert not is_test_material(decode(encode(np.zeros((3, 3, 3), np.uint8))))


def test_photos_are_none(photo: Image) -> None:
    assert not is_test_material(decode(encode(photo)))


def test_either_is_enough(photo: Image) -> None:
    assert is_test_material(decode(encode(photo, texts("by hand"))))
    assert is_test_material(decode(encode(labelled(photo))))


def test_a_part_that_was_left_alone_is_enough(photo: Image) -> None:
    changed = labelled(photo)
    changed[8:] = 0
    assert is_test_material(decode(encode(changed)))
