from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.bulk import is_video, pictures, read_pictures
from vultus.images import write


def test_no_sources_no_pictures(tmp_path: Path) -> None:
    assert list(pictures([])) == []
    assert list(pictures([tmp_path])) == []


def test_folders_are_walked_and_addresses_passed_on(tmp_path: Path) -> None:
    write(tmp_path / "b.png", np.zeros((4, 4, 3), dtype=np.uint8))
    write(tmp_path / "deep" / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    (tmp_path / "film.mp4").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no picture")
    found = [Path(name).name for name in pictures([tmp_path])]
    assert found == ["b.png", "a.png"]
    assert "film.mp4" in [Path(name).name for name in pictures([tmp_path], videos=True)]
    assert list(pictures(["https://example.invalid/a.jpg", "rtsp://example.invalid/door"])) == [
        "https://example.invalid/a.jpg",
        "rtsp://example.invalid/door",
    ]


@pytest.mark.parametrize(
    ("name", "video"),
    [("a.MP4", True), ("a.jpg", False), ("rtsp://h/x", True), ("https://h/a.mp4?t=1", True), ("https://h/a", False)],
)
def test_what_counts_as_video(name: str, video: bool) -> None:
    assert is_video(name) is video


@pytest.mark.weights
def test_one_bad_picture_does_not_stop_the_rest(analyzer: Analyzer, portrait_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(portrait_file.read_bytes()[:2000])
    names = [str(portrait_file), str(broken), str(tmp_path / "nowhere.jpg"), str(portrait_file)]
    seen = list(read_pictures(names, analyzer.parallel()))
    assert [item.name for item in seen] == names
    assert [len(item.readings) for item in seen] == [1, 0, 0, 1]
    assert [item.error is None for item in seen] == [True, False, False, True]
    assert seen[0].size_wh == (512, 512)
    assert seen[1].size_wh == (0, 0)


@pytest.mark.weights
def test_sixty_faces_in_one_picture(analyzer: Analyzer, astronaut: np.ndarray, tmp_path: Path) -> None:
    face = astronaut[30:230, 120:320]
    crowd = np.tile(face, (6, 10, 1))
    path = write(tmp_path / "crowd.png", crowd)
    (seen,) = read_pictures([str(path)], analyzer.parallel())
    assert len(seen.readings) == 60
    places = {(round(r.face.box.centre[0] / 200), round(r.face.box.centre[1] / 200)) for r in seen.readings}
    assert len(places) == 60
