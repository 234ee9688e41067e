"""Faces followed through a film: rows in order, nothing told that a later frame could change, little memory."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus import expression_reader, testing
from vultus.analyzer import Analyzer
from vultus.draw import VideoWriter
from vultus.errors import InputError, VideoError
from vultus.expression import Curves, Look, read_video
from vultus.types import Image
from vultus.video import Frame, open_video

Film = Callable[..., Iterator[Frame]]
FINDER = testing.Analyzer()


def told(look: Look) -> tuple[Any, ...]:
    return look.track, look.shot, look.frame, look.time, look.box, look.seen, look.smoothed


def test_nothing(corner: Any) -> None:
    assert list(read_video(iter(()), FINDER, corner)) == []


def test_no_face_gives_no_look(corner: Any, film: Film) -> None:
    assert list(read_video(film([0.5] * 5, ()), FINDER, corner)) == []


def test_a_row_a_face_and_look_in_the_order_of_frames(corner: Any, film: Film) -> None:
    looks = list(read_video(film([0.2, 0.4, 0.6], ("Ada", "Bob")), FINDER, corner, every=1, smooth=0))
    assert [(look.frame, look.track) for look in looks] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert [look.time for look in looks[::2]] == [0, 0.1, 0.2]
    assert [round(look.seen.probabilities[0], 2) for look in looks[::2]] == [0.2, 0.4, 0.6]
    assert [look.smoothed for look in looks] == [look.seen for look in looks]
    assert looks[0].box.x1 != looks[1].box.x1


@pytest.mark.parametrize(("every", "frames"), [(1, range(7)), (2, (0, 2, 4, 6)), (5, (0, 5)), (100, (0,))])
def test_every_so_manieth_frame(corner: Any, film: Film, every: int, frames: Any) -> None:
    assert [look.frame for look in read_video(film([0.5] * 7), FINDER, corner, every=every)] == list(frames)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"smooth": -1.0}, {"look_ahead": -0.1}])
def test_what_cannot_be_is_refused(corner: Any, film: Film, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        list(read_video(film([0.5]), FINDER, corner, **wrong))


def test_smoothing_is_of_each_track_by_itself(corner: Any, film: Film) -> None:
    looks = list(read_video(film([1.0, 1.0, 0.0, 0.0], ("Ada", "Bob")), FINDER, corner, every=1, smooth=0.2))
    for track in (0, 1):
        shares = [look.smoothed.probabilities[0] for look in looks if look.track == track]
        assert shares[:2] == pytest.approx([1, 1], abs=0.01)
        assert 0.1 < shares[3] < shares[2] < 0.6


def test_a_cut_ends_a_track_and_forgets_what_it_showed(corner: Any, film: Film) -> None:
    people = lambda number: ("Ada", "Bob", "Eve") if number < 3 else ("Ada",)  # noqa: E731
    looks = list(read_video(film([1.0] * 3 + [0.0] * 3, people), FINDER, corner, every=1))
    assert {look.track for look in looks if look.shot == 0} == {0, 1, 2}
    assert {look.track for look in looks if look.shot == 1} == {3}
    first = next(look for look in looks if look.shot == 1)
    assert first.smoothed == first.seen


def test_moments_without_an_answer_keep_their_reason(corner: Any, film: Film) -> None:
    looks = list(read_video(film([1.0, None, 1.0]), FINDER, corner, every=1))
    assert [look.smoothed.abstained for look in looks] == ["", "it is blue", ""]
    assert len({look.track for look in looks}) == 1


@pytest.mark.parametrize("end", range(1, 24))
def test_what_was_said_does_not_change_by_what_comes_later(corner: Any, film: Film, end: int) -> None:
    """Causality: the film cut off after any frame gives the very rows that the whole film begins with."""
    rng = np.random.default_rng(3)
    reds: list[float | None] = rng.random(24).tolist()
    reds[7] = reds[8] = None

    def people(number: int) -> tuple[str, ...]:
        return ("Ada", "Bob") if number < 12 else ("Cleo",) if number < 18 else ()

    whole = [told(look) for look in read_video(film(reds, people), FINDER, corner, every=2)]
    part = [told(look) for look in read_video(film(reds[:end], people), FINDER, corner, every=2)]
    assert part == whole[: len(part)]
    assert len(part) == sum(row[2] < end for row in whole)


def test_with_a_look_ahead_only_the_last_moments_may_change(corner: Any, film: Film) -> None:
    reds = np.random.default_rng(1).random(20).tolist()
    whole = [told(look) for look in read_video(film(reds), FINDER, corner, every=1, look_ahead=0.4)]
    part = [told(look) for look in read_video(film(reds[:12]), FINDER, corner, every=1, look_ahead=0.4)]
    settled = [row for row in part if row[3] < 1.1 - 0.4 - 1e-6]
    assert len(settled) == 7
    assert settled == whole[:7]
    assert part[-1] != whole[len(part) - 1]
    assert [row[2] for row in whole] == list(range(20))


def test_two_faces_keep_their_order_with_a_look_ahead(corner: Any, film: Film) -> None:
    people = lambda number: ("Ada", "Bob") if number % 4 else ("Ada",)  # noqa: E731
    looks = list(read_video(film([0.5] * 16, people), FINDER, corner, every=1, look_ahead=0.3))
    places = [(look.frame, look.track) for look in looks]
    assert places == sorted(places)
    assert len(places) == 16 + 12


def test_a_film_that_breaks_gives_what_it_had(corner: Any, film: Film) -> None:
    def broken() -> Iterator[Frame]:
        yield from itertools.islice(film([0.5] * 9), 4)
        raise VideoError("the line broke")

    looks = read_video(broken(), FINDER, corner, every=1)
    assert [look.frame for look in itertools.islice(looks, 4)] == [0, 1, 2, 3]
    with pytest.raises(VideoError, match="the line broke"):
        next(looks)


def test_a_file_that_is_no_film_is_refused(corner: Any, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="there is no"):
        list(read_video(tmp_path / "nowhere.mp4", FINDER, corner))


def test_progress_counts_every_frame(corner: Any, film: Film) -> None:
    seen: list[tuple[int, int | None]] = []
    list(read_video(film([0.5] * 6), FINDER, corner, every=3, progress=lambda done, total: seen.append((done, total))))
    assert seen == [(number, None) for number in range(1, 7)]


def test_memory_does_not_grow_with_length(corner: Any, film: Film) -> None:
    still = next(film([0.5], ("Ada", "Bob")))

    def long(count: int) -> Iterator[Frame]:
        for number in range(count):
            yield Frame(number, number / 10, still.size_wh, still.picture)

    curves, held = Curves(), []
    tracemalloc.start()
    try:
        for look in read_video(long(1500), FINDER, corner, every=1, look_ahead=0.5):
            curves.add("film", look)
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # The least of a stretch, since frames on their way come and go. A curve has its points after 600 looks.
    early, late = min(held[1300:1600]), min(held[2700:])
    assert len(held) == 3000
    assert late < early + 150_000  # 1,400 rows, boxes and answers of 100 bytes each would be as much


@pytest.mark.weights
def test_a_real_film_from_file_to_answer(analyzer: Analyzer, astronaut: Image, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", (400, 300), fps=12) as video:
        for step in range(24):
            video.write(np.ascontiguousarray(astronaut[:300, step : step + 400]), time=step / 12)
    looks = list(read_video(tmp_path / "clip.mp4", analyzer.for_video(), expression_reader(), every=4))
    assert [look.frame for look in looks] == [0, 4, 8, 12, 16, 20]
    assert {look.track for look in looks} == {0}
    assert {look.smoothed.label for look in looks} == {"happy"}
    with open_video(tmp_path / "clip.mp4") as opened:
        again = list(read_video(opened, analyzer.for_video(), expression_reader(), every=4))
    assert [told(look) for look in again] == [told(look) for look in looks]
