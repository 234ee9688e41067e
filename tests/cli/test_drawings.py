"""What commands write beside each other, and under which names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vultus.bulk import Seen
from vultus.cli.drawings import Drawings, Names, file_name
from vultus.images import Picture


def test_no_source_no_name() -> None:
    assert file_name("") == "picture"
    assert Names().free("") == "picture"


@given(st.lists(st.text(st.sampled_from("aA-2/.ä"), max_size=6), max_size=12))
def test_no_name_is_given_twice_even_where_case_does_not_count(sources: list[str]) -> None:
    names = Names()
    found = [names.free(source, ".jpg").casefold() for source in sources]
    assert len(set(found)) == len(found)
    assert all(name.endswith(".jpg") for name in found)
    assert all("/" not in name for name in found)


def test_films_and_pictures_of_one_name_stand_beside_each_other(tmp_path: Path) -> None:
    drawings = Drawings(tmp_path, None)
    image = np.zeros((20, 20, 3), np.uint8)
    for source in ("a/x/y/door.png", "b/x/y/door.png"):
        drawings.faces(Seen(source, Picture(image, "", source)))
    assert [drawings.film(source) for source in ("a/x/y/door.mp4", "b/x/y/door.mp4")] == [
        tmp_path / "x_y_door.mp4",
        tmp_path / "x_y_door-2.mp4",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x_y_door-2.jpg", "x_y_door.jpg"]
    assert Drawings(None, tmp_path).film("door.mp4") is None
