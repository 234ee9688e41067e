from __future__ import annotations

from collections import Counter
from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.layout import BONA_FIDE
from vultus.datasets.nuaa import PRINT, missing, read
from vultus.errors import InputError, NotFoundError


def draw(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 8), "grey").save(root / name)
    return root


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The original layout, in the folder raw/."""
    raw = tmp_path / "raw"
    for who, folder in (("client", "ClientRaw"), ("imposter", "ImposterRaw")):
        draw(raw, f"{folder}/0001/0001_00_00_01_7.jpg", f"{folder}/0002/0002_01_05_03_8.jpg")
        (raw / f"{who}_train_raw.txt").write_text("0001\\0001_00_00_01_7.jpg\r\n")
        (raw / f"{who}_test_raw.txt").write_text(f"/somewhere/{folder}/0002/0002_01_05_03_8.jpg\n")
    return tmp_path


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert len(missing(tmp_path)) == 2
    with pytest.raises(NotFoundError, match=r"expected NUAA in .*2 parts are missing: live/"):
        read(tmp_path)


def test_names_say_who_and_when(tmp_path: Path) -> None:
    draw(tmp_path, "live/0001_00_02_01_130.jpg", "print/0013_01_00_02_5.jpg")
    assert missing(tmp_path) == ()
    live, attack = read(tmp_path)
    assert (live.label, live.subject, live.glasses, live.place, live.sitting, live.frame) == (
        BONA_FIDE,
        "0001",
        "00",
        "02",
        "01",
        130,
    )
    assert (attack.label, attack.subject, attack.split, attack.modality) == (PRINT, "0013", None, "VIS")


@pytest.mark.parametrize("name", ["live/me.jpg", "print/001_00_02_01_130.jpg", "print/0001_00_02_01_130.txt"])
def test_another_name_is_refused(tmp_path: Path, name: str) -> None:
    draw(tmp_path, "live/0001_00_02_01_130.jpg", "print/0001_00_00_02_5.jpg")
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="expected a name of subject_glasses_place_sitting_frame"):
        read(tmp_path)


@pytest.mark.parametrize("inside", [".", "raw"])
def test_the_original_layout(raw: Path, inside: str) -> None:
    assert missing(raw / inside) == ()
    assert [(f.label, f.split, f.source.name, f.sitting) for f in read(raw / inside)] == [
        (BONA_FIDE, "train", "0001_00_00_01_7.jpg", "01"),
        (BONA_FIDE, "test", "0002_01_05_03_8.jpg", "03"),
        (PRINT, "train", "0001_00_00_01_7.jpg", "01"),
        (PRINT, "test", "0002_01_05_03_8.jpg", "03"),
    ]


def test_missing_lists_and_pictures_are_told(raw: Path) -> None:
    (raw / "raw" / "ClientRaw" / "0002" / "0002_01_05_03_8.jpg").unlink()
    (lack,) = missing(raw)
    assert (lack.expected, lack.found, lack.needed) == ("pictures of client_test_raw.txt", 0, 1)
    (raw / "raw" / "imposter_test_raw.txt").unlink()
    assert [lack.expected for lack in missing(raw)] == ["imposter_test_raw.txt"]


@pytest.mark.parametrize(
    "line", ["0001_00_00_01_7.jpg", "0002/0001_00_00_01_7.jpg", "0001/me.jpg", "../0001_00_00_01_7.jpg"]
)
def test_lines_that_are_none_are_refused(raw: Path, line: str) -> None:
    (raw / "raw" / "client_train_raw.txt").write_text(f"0001/0001_00_00_01_7.jpg\n{line}\n")
    with pytest.raises(InputError, match=r"client_train_raw\.txt, row 2, column picture"):
        read(raw)


@pytest.mark.data
def test_the_development_part(data: Path) -> None:
    """250 live and 250 printed frames of the same nine people, of the two sittings for training."""
    found = read(data / "nuaa")
    assert Counter(frame.label for frame in found) == {BONA_FIDE: 250, PRINT: 250}
    people = {label: {frame.subject for frame in found if frame.label == label} for label in (BONA_FIDE, PRINT)}
    assert people[BONA_FIDE] == people[PRINT] == {f"{number:04}" for number in range(1, 10)}
    assert {frame.sitting for frame in found} == {"01", "02"}
