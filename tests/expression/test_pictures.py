"""Folders of pictures: in order, past what cannot be read, and what was done to a picture is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus import testing
from vultus.errors import NotFoundError
from vultus.expression import expression_reader, read_pictures
from vultus.expression.pictures import CLEAR, GREY
from vultus.images import write

FINDER = testing.Analyzer()


def test_nothing(corner: Any) -> None:
    assert list(read_pictures([], FINDER, corner)) == []


def test_in_order_past_what_cannot_be_read(corner: Any, tmp_path: Path) -> None:
    names = []
    for number in range(9):
        path = tmp_path / f"{number}.png"
        if number == 4:
            path.write_text("this is text")
        else:
            write(path, testing.picture(*(["Ada", "Bob"][: number % 3])))
        names.append(str(path))
    found = list(read_pictures(names, FINDER, corner))
    assert [shown.name for shown in found] == names
    assert [len(shown.faces) for shown in found] == [0, 1, 2, 0, 0, 2, 0, 1, 2]
    assert [shown.error is not None for shown in found] == [number == 4 for number in range(9)]
    assert all(len(shown.expressions) == len(shown.faces) for shown in found)


def test_a_grey_picture_is_said_to_be_one(corner: Any, tmp_path: Path) -> None:
    write(tmp_path / "grey.png", np.full((60, 80, 3), 90, np.uint8))
    write(tmp_path / "red.png", np.full((60, 80, 3), (90, 80, 80), np.uint8))
    names = [str(tmp_path / "grey.png"), str(tmp_path / "red.png")]
    assert [shown.note for shown in read_pictures(names, FINDER, corner)] == [GREY, ""]


def test_an_unknown_reader_lists_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="fer2013"):
        expression_reader("oracle")


def test_transparency_is_said_to_have_been_laid_on_white(corner: Any, tmp_path: Path) -> None:
    from PIL import Image as Pictures

    Pictures.fromarray(testing.picture("Ada")).convert("RGBA").save(tmp_path / "clear.png")
    (shown,) = read_pictures([str(tmp_path / "clear.png")], FINDER, corner)
    assert shown.note == CLEAR
    assert len(shown.expressions) == 1
