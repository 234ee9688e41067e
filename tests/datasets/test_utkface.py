from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vultus.datasets.utkface import GROUPS, SEXES, labels_of, read
from vultus.errors import InputError, NotFoundError


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture at all"):
        read(tmp_path)
    with pytest.raises(NotFoundError, match="folder of UTKFace pictures"):
        read(tmp_path / "nowhere")
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"1 others, first holiday\.jpg"):
        read(tmp_path)


def test_pictures_and_those_without_labels(tmp_path: Path) -> None:
    (tmp_path / "part2").mkdir()
    for name in ("1_0_4_20170109.jpg", "part2/61_1_20170109.jpg", "part2/40_1_2_2017.JPG.chip.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = read(tmp_path)
    assert [(item.path.name, item.age, item.sex, item.group) for item in found.pictures] == [
        ("1_0_4_20170109.jpg", 1, "male", "other"),
        ("40_1_2_2017.JPG.chip.jpg", 40, "female", "Asian"),
    ]
    assert [path.name for path in found.unlabelled] == ["61_1_20170109.jpg"]


@pytest.mark.parametrize(
    "name", ["1_0_20170109.jpg", "x_0_0_2017.jpg", "-1_0_0_2017.jpg", "200_0_0_2017.jpg", "1_2_0_1.jpg", "1_0_5_1.jpg"]
)
def test_names_without_labels_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected"):
        labels_of(Path(name))


def test_the_development_part(data: Path) -> None:
    found = read(data / "utkface")
    assert (len(found.pictures), len(found.unlabelled)) == (12_000, 0)
    assert Counter(item.sex for item in found.pictures).keys() == set(SEXES)
    assert Counter(item.group for item in found.pictures).keys() == set(GROUPS)
    assert sum(item.age < 4 for item in found.pictures) == 942
