"""Files behind folders: order, loops, what is passed over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vultus.errors import InputError
from vultus.images import IMAGE_SUFFIXES, VIDEO_SUFFIXES, walk

PNG = b"\x89PNG\r\n\x1a\n"


def grow(root: Path, *names: str, content: bytes = b"") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names(root: Path, *sources: Path, **options: object) -> list[str]:
    return [path.relative_to(root).as_posix() for path in walk(sources or [root], **options)]


def test_nothing_and_an_empty_folder(tmp_path: Path) -> None:
    assert list(walk([])) == []
    assert list(walk([tmp_path])) == []


def test_files_by_name_then_folders_by_name_each_to_its_depth(tmp_path: Path) -> None:
    grow(tmp_path, "z.jpg", "a.png", "B.JPG", "b/2.jpg", "b/1.jpg", "b/deep/0.jpg", "a/9.jpg", "c/deep/er/8.webp")
    assert names(tmp_path) == [
        "B.JPG", "a.png", "z.jpg", "a/9.jpg", "b/1.jpg", "b/2.jpg", "b/deep/0.jpg", "c/deep/er/8.webp",
    ]  # fmt: skip


def test_content_counts_where_the_suffix_does_not(tmp_path: Path) -> None:
    grow(tmp_path, "named.jpg", "notes.txt", "clip.mp4", content=b"text")
    grow(tmp_path, "scan", "IMG.dat", content=PNG)
    assert names(tmp_path) == ["IMG.dat", "named.jpg", "scan"]
    assert names(tmp_path, suffixes=IMAGE_SUFFIXES | VIDEO_SUFFIXES) == ["IMG.dat", "clip.mp4", "named.jpg", "scan"]
    assert names(tmp_path, suffixes=()) == ["IMG.dat", "scan"]


def test_hidden_files_and_folders_are_passed_over_unless_named(tmp_path: Path) -> None:
    grow(tmp_path, ".a.jpg", ".thumbs/b.jpg", "c.jpg")
    assert names(tmp_path) == ["c.jpg"]
    assert names(tmp_path, tmp_path / ".a.jpg", tmp_path / ".thumbs") == [".a.jpg", ".thumbs/b.jpg"]


def test_named_files_are_yielded_whatever_they_are(tmp_path: Path) -> None:
    grow(tmp_path, "notes.txt", content=b"text")
    assert names(tmp_path, tmp_path / "gone.jpg", tmp_path / "notes.txt") == ["gone.jpg", "notes.txt"]
    assert list(walk([str(tmp_path / "notes.txt")])) == [tmp_path / "notes.txt"]


def test_one_source_by_itself_is_a_source_and_not_its_letters(tmp_path: Path) -> None:
    grow(tmp_path, "a.jpg")
    assert list(walk(str(tmp_path))) == list(walk(tmp_path)) == [tmp_path / "a.jpg"]


def test_a_loop_of_links_ends_and_each_real_folder_is_visited_once(tmp_path: Path) -> None:
    grow(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b/to_a").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "itself").symlink_to(tmp_path / "itself", target_is_directory=True)
    errors: list[Path] = []
    found = names(tmp_path, on_error=lambda path, error: errors.append(path))
    assert found == ["a/1.jpg", "b/2.jpg"]
    assert errors == [tmp_path / "itself"]
    assert names(tmp_path, tmp_path / "a", tmp_path / "b", on_error=lambda path, error: None) == [
        "a/1.jpg", "a/up/b/2.jpg",
    ]  # fmt: skip


def test_links_to_files_are_followed_and_broken_ones_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    grow(tmp_path, "real/a.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real/a.jpg")
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone")
    assert names(tmp_path) == ["link.jpg", "real/a.jpg"]
    assert "nowhere.jpg" in caplog.text


def test_a_folder_that_vanishes_on_the_way_is_reported(tmp_path: Path) -> None:
    grow(tmp_path, "a.jpg", "b/1.jpg", "c/2.jpg")
    errors: list[tuple[Path, type]] = []
    walking = walk([tmp_path], on_error=lambda path, error: errors.append((path, type(error))))
    assert next(walking) == tmp_path / "a.jpg"
    (tmp_path / "b/1.jpg").unlink()
    (tmp_path / "b").rmdir()
    assert list(walking) == [tmp_path / "c/2.jpg"]
    assert errors == [(tmp_path / "b", FileNotFoundError)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    grow(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a").chmod(0)
    errors: list[Path] = []
    try:
        assert names(tmp_path, on_error=lambda path, error: errors.append(path)) == ["b/2.jpg"]
    finally:
        (tmp_path / "a").chmod(0o700)
    assert errors == [tmp_path / "a"]


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    grow(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["a.jpg"]


def test_four_hundred_folders_inside_each_other(tmp_path: Path) -> None:
    deepest = tmp_path.joinpath(*["d"] * 400)
    deepest.mkdir(parents=True)
    (deepest / "a.jpg").touch()
    assert list(walk([tmp_path])) == [deepest / "a.jpg"]


def test_addresses_are_refused() -> None:
    with pytest.raises(InputError, match="got the address"):
        list(walk(["https://example.org/a.jpg"]))
