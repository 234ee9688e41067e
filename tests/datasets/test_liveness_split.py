from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.datasets.liveness_split import FOLDS, PARTS, SPLIT, Shot, gather, nuaa_part, part_of
from vultus.errors import InputError, NotFoundError


def draw(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 8), "grey").save(root / name)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    draw(
        tmp_path,
        *("nuaa/live/0001_00_00_01_7.jpg", "nuaa/live/0004_00_00_01_7.jpg", "nuaa/print/0009_00_00_01_8.jpg"),
        *("lfw/images/George_W_Bush/a.jpg", "lfw/images/George_W_Bush/b.jpg", "lfw/images/Grace Hopper/a.jpg"),
        *("portraits/001_03.jpg", "portraits/001_neutral.jpg"),
    )
    return tmp_path


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="NUAA"):
        gather(tmp_path, 0, SPLIT)


@pytest.mark.parametrize("lacks", ["nuaa/print", "lfw/images", "portraits"])
def test_what_is_missing_is_told(bank: Path, lacks: str) -> None:
    (bank / lacks).rename(bank / "aside")
    with pytest.raises(NotFoundError, match=lacks.rpartition("/")[2]):
        gather(bank, 0, SPLIT)


def test_every_picture_with_its_persons_part(bank: Path) -> None:
    """The parts of LFW's and the portraits' people are those of the shipped detector's training."""
    assert gather(bank, 0, SPLIT) == [
        Shot("nuaa", "0001", "test", str(bank / "nuaa/live/0001_00_00_01_7.jpg"), ""),
        Shot("nuaa", "0004", "dev", str(bank / "nuaa/live/0004_00_00_01_7.jpg"), ""),
        Shot("nuaa", "0009", "train", str(bank / "nuaa/print/0009_00_00_01_8.jpg"), "print"),
        Shot("lfw", "George_W_Bush", "test", str(bank / "lfw/images/George_W_Bush/a.jpg"), ""),
        Shot("lfw", "George_W_Bush", "test", str(bank / "lfw/images/George_W_Bush/b.jpg"), ""),
        Shot("lfw", "Grace Hopper", "dev", str(bank / "lfw/images/Grace Hopper/a.jpg"), ""),
        Shot("portraits", "001", "train", str(bank / "portraits/001_03.jpg"), ""),
        Shot("portraits", "001", "train", str(bank / "portraits/001_neutral.jpg"), ""),
    ]


def test_folds_move_nuaas_people_and_nobody_else(bank: Path) -> None:
    parts = [{shot.path: shot.part for shot in gather(bank, fold, SPLIT)} for fold in range(FOLDS)]
    moved = {path for path in parts[0] if len({found[path] for found in parts}) > 1}
    assert {Path(path).name[:4] for path in moved} == {"0001", "0004", "0009"}


def test_another_seed_is_another_split_of_all_but_nuaa(bank: Path) -> None:
    one, two = ({shot.person: shot.part for shot in gather(bank, 0, seed)} for seed in (0, 1))
    assert {person for person in one if one[person] != two[person]} == {"George_W_Bush", "Grace Hopper"}


def test_parts_have_their_shares() -> None:
    """60, 15 and 25 % of 4,000 names; three standard deviations are 2.3, 1.7 and 2.1 %."""
    found = Counter(part_of(f"person {number}", SPLIT) for number in range(4000))
    assert [found[part] / 4000 for part in PARTS] == pytest.approx([0.60, 0.15, 0.25], abs=0.023)


@given(st.text(), st.integers())
def test_the_name_and_the_seed_decide(person: str, seed: int) -> None:
    assert part_of(person, seed) in PARTS
    assert part_of(person, seed) == part_of(person, seed)


def test_each_of_nuaas_people_is_tested_once() -> None:
    people = [f"{number:04d}" for number in range(1, 10)]
    found = [[nuaa_part(person, fold) for fold in range(FOLDS)] for person in people]
    assert [parts.count("test") for parts in found] == [1] * 9
    assert [Counter(column) for column in zip(*found, strict=True)] == [Counter(test=3, dev=2, train=4)] * 3


@pytest.mark.parametrize("fold", [-1, 3])
def test_a_fold_that_is_none(fold: int) -> None:
    with pytest.raises(InputError, match="a fold of 0 to 2"):
        nuaa_part("0001", fold)


@pytest.mark.data
def test_nobody_is_in_two_parts_and_everybody_of_nuaa_is_tested_once(data: Path) -> None:
    tested: list[str] = []
    for fold in range(FOLDS):
        parts: dict[tuple[str, str], set[str]] = defaultdict(set)
        for shot in gather(data, fold, SPLIT):
            parts[shot.source, shot.person].add(shot.part)
        assert parts
        assert all(len(found) == 1 for found in parts.values())
        tested += [person for (source, person), found in parts.items() if source == "nuaa" and found == {"test"}]
    assert sorted(tested) == [f"{number:04d}" for number in range(1, 10)]
