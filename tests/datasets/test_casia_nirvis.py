from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest

from vultus.datasets.casia_nirvis import FOLDS, missing, read
from vultus.errors import InputError, NotFoundError


def lists(root: Path, fold: object) -> None:
    for name, lines in (
        ("vis_gallery", [r"s1\VIS\00001\001.jpg", r"s2\VIS\00002\001.jpg"]),
        ("nir_probe", [r"s1\NIR\00001\001.jpg", "s2/NIR/00002/001.jpg", "s2/NIR/00002/002.jpg"]),
        ("vis_train", [r"s3\VIS\00003\001.jpg"]),
        ("nir_train", [r"s3\NIR\00003\001.jpg"]),
    ):
        (root / "protocols" / f"{name}_{fold}.txt").write_text("\r\n".join(lines) + "\r\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three people; the infra-red pictures are BMP where the lists say jpg, as published."""
    for name in ("s1/VIS/00001/001.jpg", "s2/VIS/00002/001.jpg", "s3/VIS/00003/001.jpg"):
        for path in (tmp_path / name, (tmp_path / name.replace("VIS", "NIR")).with_suffix(".bmp")):
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.new("L", (8, 8), 99).save(path)
    PIL.Image.new("L", (8, 8), 99).save(tmp_path / "s2" / "NIR" / "00002" / "002.bmp")
    (tmp_path / "protocols").mkdir()
    lists(tmp_path, 1)
    return tmp_path


def test_an_empty_folder_lacks_everything(tmp_path: Path) -> None:
    assert len(missing(tmp_path)) == 11 * 4 + 2
    with pytest.raises(NotFoundError, match=r"6 parts are missing: protocols/vis_gallery_1\.txt"):
        read(tmp_path)


def test_a_fold(root: Path) -> None:
    found = read(root, 1)
    assert [(p.subject, p.split, p.modality, p.source.suffix) for p in found.gallery] == [
        ("00001", "gallery", "VIS", ".jpg"),
        ("00002", "gallery", "VIS", ".jpg"),
    ]
    assert [(p.subject, p.modality, p.source.suffix) for p in found.probes] == [
        ("00001", "NIR", ".bmp"),
        ("00002", "NIR", ".bmp"),
        ("00002", "NIR", ".bmp"),
    ]
    assert [(p.subject, p.modality) for p in found.train] == [("00003", "VIS"), ("00003", "NIR")]
    assert missing(root, (1,)) == ()
    assert len(missing(root)) == 10 * 4
    for fold in FOLDS:
        lists(root, fold)
    assert missing(root) == ()
    assert read(root, "dev").fold == "dev"
    with pytest.raises(InputError, match="expected the fold dev or 1 to 10, got 11"):
        read(root, 11)


def test_missing_pictures_are_counted(root: Path) -> None:
    (root / "s2" / "NIR" / "00002" / "002.bmp").unlink()
    (lack,) = missing(root, (1,))
    assert (lack.expected, lack.found, lack.needed) == ("pictures of protocols/nir_probe_1.txt", 2, 3)
    with pytest.raises(NotFoundError, match=r"first missing s2/NIR/00002/002\.jpg"):
        read(root)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (r"s1\VIS\00001", "row 1, column picture: expected session, light, person and picture"),
        ("s1/../00001/001.jpg", "row 1, column picture: expected session"),
        (r"s1\NIR\00001\001.jpg", "row 1, column picture: expected one of VIS"),
        (r"s3\VIS\00003\001.jpg", "1 in both, first 00003"),
        ("", "expected a picture a line"),
    ],
)
def test_lists_that_are_none_are_refused(root: Path, line: str, message: str) -> None:
    (root / "protocols" / "vis_gallery_1.txt").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        read(root)
