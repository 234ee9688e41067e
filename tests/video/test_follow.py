"""From frames to tracks, on films of coloured squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vultus.errors import VideoError
from vultus.video import Following, Frame, Glimpse, Track, frames, tracks


def facts(found: list[Track]) -> list[tuple[int, int, int, int, int]]:
    return [(one.id, one.shot, one.first, one.last, one.seen) for one in found]


def who(track: Track, colours) -> str:
    names = list(colours)
    directions = np.array([colours[name] for name in names]) - 100.0
    return names[int(np.argmax(directions @ track.template / np.linalg.norm(directions, axis=1)))]


def test_no_frames(squares):
    assert list(tracks([], squares())) == []


def test_a_film_without_faces(film, draw, squares):
    assert list(tracks(film("bare.mp4", [draw([])] * 20), squares())) == []


def test_one_frame(film, draw, squares, colours):
    (track,) = tracks(film("one.mp4", [draw([(colours["red"], 100, 80, 60)])]), squares())
    assert (track.first, track.last, track.frames, track.seen, track.start, track.end) == (0, 0, 1, 1, 0.0, 0.0)


def test_two_squares_cross_the_picture(film, draw, squares, colours):
    pictures = [
        draw([(colours["red"], 10 + 2 * index, 30, 50), (colours["blue"], 230 - 2 * index, 150, 40)])
        for index in range(80)
    ]
    found = list(tracks(film("cross.mp4", pictures), squares()))
    assert facts(found) == [(0, 0, 0, 79, 28), (1, 0, 0, 79, 28)]  # frames 0, 3, …, 78 and the last
    assert [who(track, colours) for track in found] == ["red", "blue"]
    assert found[0].end == pytest.approx(79 / 30, abs=1e-3)
    assert found[0].box(40).x1 == pytest.approx(90, abs=3)
    assert found[0].box(80) is None
    assert found[0].pooled == 10


@pytest.mark.parametrize(("stride", "searched"), [(1, 30), (3, 11), (5, 7), (7, 6), (100, 2)])
def test_only_chosen_frames_are_searched(film, draw, squares, stride, searched):
    analyzer = squares()
    list(tracks(film("chosen.mp4", [draw([])] * 30), analyzer, following=Following(stride=stride)))
    assert len(analyzer.searched) == searched


def test_a_cut_ends_all_tracks_to_the_frame(film, draw, squares, colours):
    first = [draw([(colours["red"], 100, 80, 60)], ground=60)] * 20
    second = [draw([(colours["blue"], 100, 80, 60)], ground=140)] * 25
    path = film("cut.mp4", first + second, options={"crf": "12"})
    found = list(tracks(path, squares()))
    assert [(one.shot, one.first, one.last) for one in found] == [(0, 0, 19), (1, 20, 44)]
    assert [who(track, colours) for track in found] == ["red", "blue"]


def test_negative_control_without_cuts_the_two_are_one(film, draw, squares, colours):
    first = [draw([(colours["red"], 100, 80, 60)], ground=60)] * 20
    second = [draw([(colours["blue"], 100, 80, 60)], ground=140)] * 25
    path = film("cut.mp4", first + second, options={"crf": "12"})
    (wrong,) = tracks(path, squares(), following=Following(cut=None, split=False))
    assert (wrong.first, wrong.last) == (0, 44)


def test_a_face_that_changes_without_a_cut_is_two_tracks(film, draw, squares, colours):
    pictures = [draw([(colours["red"], 100, 80, 40)])] * 90 + [draw([(colours["green"], 100, 80, 40)])] * 90
    path = film("change.mp4", pictures)
    found = sorted(tracks(path, squares()), key=lambda track: track.first)
    assert [who(track, colours) for track in found] == ["red", "green"]
    assert (found[0].first, found[1].last) == (0, 179)
    assert found[0].last < found[1].first
    assert found[1].first == pytest.approx(90, abs=15)
    assert len(list(tracks(path, squares(), following=Following(split=False)))) == 1


def test_a_square_that_goes_and_comes_back(film, draw, squares, colours):
    there, gone = draw([(colours["red"], 100, 80, 60)]), draw([])
    short = film("short.mp4", [there] * 15 + [gone] * 6 + [there] * 15)
    assert [(one.first, one.last) for one in tracks(short, squares())] == [(0, 35)]
    long = film("long.mp4", [there] * 15 + [gone] * 20 + [there] * 15)
    # The ends inside the shot are those of frames that were searched.
    assert [(one.first, one.last) for one in tracks(long, squares())] == [(0, 12), (36, 49)]


def test_tracks_come_when_they_end(film, draw, squares, colours):
    there, gone = draw([(colours["red"], 100, 80, 60)]), draw([])
    path = film("early.mp4", [there] * 15 + [gone] * 200)
    done = []
    for track in tracks(path, squares(), progress=lambda frame, total: done.append((frame, total))):
        assert track.last == 12
        assert done[-1][0] < 100
    assert done == [(frame, 215) for frame in range(1, 216)]


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_do_not_change_the_answer(film, draw, squares, colours, workers):
    random = np.random.default_rng(0)
    pictures = [
        draw([(colours["red"], 20 + index, 30 + int(random.integers(3)), 50), (colours["blue"], 200, 150 - index, 40)])
        for index in range(70)
    ]
    path = film("busy.mp4", pictures)
    reference = list(tracks(path, squares(), workers=2))
    found = list(tracks(path, squares(), workers=workers))
    assert facts(found) == facts(reference)
    assert all((one.template == other.template).all() for one, other in zip(found, reference, strict=True))


def test_refused_faces_are_followed_but_not_named(film, draw, squares, colours):
    analyzer = squares(refuse=lambda face: face.box.width < 50)
    path = film("small.mp4", [draw([(colours["red"], 20, 20, 60), (colours["blue"], 200, 100, 40)])] * 20)
    large, small = tracks(path, analyzer)
    assert who(large, colours) == "red"
    assert small.template is None
    assert small.good == 0
    assert small.best.reading.refusals


def test_weak_detections_begin_no_track(film, draw, squares, colours):
    analyzer = squares(score=lambda face: 0.55 if face.box.x1 < 150 else 0.9)
    path = film("weak.mp4", [draw([(colours["red"], 20, 20, 60), (colours["blue"], 200, 100, 40)])] * 20)
    (track,) = tracks(path, analyzer)
    assert who(track, colours) == "blue"


def test_what_was_seen_before_a_break_is_told(film, draw, squares, colours):
    noise = np.random.default_rng(0)
    pictures = []
    for index in range(90):
        picture = draw([(colours["red"], 60 + index, 80, 60)])
        picture[:20] = noise.integers(60, 120, (20, 320, 1))
        pictures.append(picture)
    path = film("broken.mp4", pictures, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found = []
    with pytest.raises(VideoError, match="the file ends early"):  # noqa: PT012
        for track in tracks(path, squares()):
            found.append(track)
    assert len(found) == 1
    assert found[0].first == 0
    assert 20 < found[0].last < 80


def test_another_size_and_a_mended_line_begin_a_shot(film, draw, squares, colours):
    picture = draw([(colours["red"], 60, 80, 60)])
    first = list(frames(film("first.mp4", [picture] * 10)))
    half = list(frames(film("second.mp4", [picture[::2, ::2]] * 10)))
    again = list(frames(film("third.mp4", [picture[::2, ::2]] * 10)))
    whole: list[Frame] = []
    for frame in first + half + again:
        whole.append(replace(frame, index=len(whole), joins=len(whole) == 20))
    found = list(tracks(whole, squares()))
    assert [(one.shot, one.first, one.last) for one in found] == [(0, 0, 9), (1, 10, 19), (2, 20, 29)]


def test_glimpses_of_a_track_that_goes_on(film, draw, squares, colours):
    seen: list[Glimpse] = []
    path = film("watched.mp4", [draw([(colours["green"], 100, 80, 60)])] * 90)
    (track,) = tracks(path, squares(), glimpse=seen.append)
    assert [one.frame for one in seen] == [6, 24, 42, 60, 78]
    assert [one.good for one in seen] == [3, 9, 15, 21, 27]
    assert {one.track for one in seen} == {track.id}
    assert all(float(one.template @ track.template) > 0.999 for one in seen)
    assert seen[0].box.x1 == pytest.approx(100, abs=2)


def test_tracks_tell_what_still_goes_on(film, draw, squares, colours):
    pictures = [
        draw([(colours["red"], 20, 20, 60)] + ([(colours["blue"], 200, 100, 40)] if 10 <= index < 30 else []))
        for index in range(80)
    ]
    blue, red = tracks(film("open.mp4", pictures), squares())
    assert (who(blue, colours), blue.open_since) == ("blue", 0)
    assert (who(red, colours), red.open_since) == ("red", None)


def test_giving_up_early_closes_the_file(film, draw, squares, colours):
    path = film("given_up.mp4", [draw([(colours["red"], 100, 80, 60)])] * 10 + [draw([])] * 300)
    stream = tracks(path, squares())
    next(stream)
    stream.close()
    path.unlink()
    assert not path.exists()
