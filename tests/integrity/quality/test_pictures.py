"""Many pictures: in their order, past what cannot be read, with what their files hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from vultus import testing
from vultus.errors import ImageFormatError, ImageTooLargeError, NoFaceError, NotFoundError
from vultus.images import write
from vultus.integrity.quality import assess_pictures


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    return write(tmp_path / "ada.png", testing.picture("Ada"))


def test_no_pictures() -> None:
    assert list(assess_pictures([], testing.Analyzer())) == []


def test_an_unknown_profile_is_refused_before_the_first(drawn: Path) -> None:
    with pytest.raises(NotFoundError):
        assess_pictures([str(drawn)], testing.Analyzer(), "moon")


def test_what_cannot_be_assessed_says_why_and_the_rest_goes_on(drawn: Path, tmp_path: Path) -> None:
    broken, empty, bomb = tmp_path / "broken.png", tmp_path / "empty.png", tmp_path / "bomb.png"
    broken.write_bytes(drawn.read_bytes()[:-200])
    write(empty, np.full((60, 60, 3), 128, np.uint8))
    Pictures.new("1", (30_000, 30_000)).save(bomb)
    names = [str(path) for path in (broken, empty, bomb, tmp_path / "nowhere.png", drawn)]
    found = list(assess_pictures(names, testing.Analyzer()))
    assert [each.name for each in found] == names
    kinds = [ImageFormatError, NoFaceError, ImageTooLargeError, NotFoundError, type(None)]
    assert [type(each.error) for each in found] == kinds
    assert all(str(each.error).startswith(each.name) for each in found[:-1])
    assert [each.quality is None for each in found] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("mode", "note"), [("RGBA", "transparency was laid on white"), ("CMYK", "CMYK"), ("I;16", "16 bits"), ("RGB", "")]
)
def test_what_a_file_holds_is_noted(tmp_path: Path, mode: str, note: str) -> None:
    path = tmp_path / "picture.tif"
    image = testing.picture("Ada")
    if mode == "I;16":
        Pictures.fromarray(image[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Pictures.fromarray(image).convert(mode).save(path)
    (found,) = assess_pictures([str(path)], testing.Analyzer())
    assert bool(found.notes) == bool(note)
    assert note in "; ".join(found.notes)
