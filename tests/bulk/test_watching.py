"""Attack detection along the tracks of a video."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import Analyzer
from vultus.bulk import check_video, identify_video, watching
from vultus.draw import VideoWriter
from vultus.errors import InputError, VideoError
from vultus.gallery import Gallery
from vultus.images import write
from vultus.liveness import fused_score
from vultus.types import Face, Image, Liveness, LivenessPoint, Signal
from vultus.video import open_video, tracks

pytestmark = pytest.mark.weights

POINT = LivenessPoint(0.5, "criterion", None, None, "data", "2026-11-24", "marked")
Clip = Callable[..., Path]


class Marked:
    """Reads the answer off the picture's corner: red an attack, blue no answer, else live; dimmer in odd frames."""

    def __init__(self, card: Any, **options: Any) -> None:
        self.card, self.point = card, POINT

    def __call__(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        red, _, blue = image[:8, :8].reshape(-1, 3).mean(axis=0)
        if blue > red + 90:
            answer = Liveness(math.nan, POINT, (), "the corner is blue")
        else:
            score = 0.1 if red > blue + 90 else 0.9
            answer = Liveness(score, POINT, (Signal("passive", score, "P", "nothing", "the corner"),))
        return tuple(answer for _ in faces)


@pytest.fixture
def watcher(analyzer: Analyzer, monkeypatch: pytest.MonkeyPatch) -> Analyzer:
    card = replace(registry.card("rgb"), name="marked")
    monkeypatch.setitem(registry._registered, "marked", (card, Marked))
    return analyzer.with_liveness("marked").for_video()


@pytest.fixture
def clip(tmp_path: Path, astronaut: Image) -> Clip:
    """The portrait moving for three seconds, with a corner of a colour for each stretch of it."""

    def make(*corners: tuple[int, int, int], seconds: float = 3.0, portrait: Image = astronaut) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.mp4"
        count = round(12 * seconds)
        with VideoWriter(path, (400, 300), fps=12) as video:
            for step in range(count):
                x = min(step, 60)
                image = np.ascontiguousarray(portrait[:300, x : x + 400])
                image[:24, :24] = corners[step * len(corners) // count]
                video.write(image, time=step / 12)
        return path

    return make


GREY, RED, BLUE = (128, 128, 128), (230, 20, 20), (20, 20, 230)


def test_a_film_without_a_face_has_no_track(watcher: Analyzer, clip: Clip) -> None:
    film = clip(GREY, portrait=np.full((512, 512, 3), 90, np.uint8))
    assert list(check_video(watcher, film)) == []


def test_no_film_is_an_error(watcher: Analyzer, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="there is no"):
        list(check_video(watcher, tmp_path / "none.mp4"))


@pytest.mark.parametrize(("corner", "live"), [(GREY, True), (RED, False), (BLUE, None)])
def test_a_track_has_one_answer(watcher: Analyzer, clip: Clip, corner: tuple[int, int, int], live: bool | None) -> None:
    film = clip(corner)
    (found,) = check_video(watcher, film)
    assert found.liveness.live is live
    assert [signal.name for signal in found.liveness.signals] == ["passive", "plane", "blink", "pulse"]
    assert all(signal.reason for signal in found.liveness.signals)
    if live is None:
        assert "the corner is blue" in found.liveness.abstained
    # The watch follows as everybody does.
    (track,) = tracks(film, watcher)
    assert (found.track.first, found.track.last, found.track.seen) == (track.first, track.last, track.seen)
    np.testing.assert_allclose(found.track.template, track.template, atol=1e-5)  # type: ignore[arg-type]


def test_the_scores_of_its_frames_are_fused(watcher: Analyzer, clip: Clip) -> None:
    (found,) = check_video(watcher, clip(GREY, GREY, RED))
    share = found.track.seen // 3
    expected = fused_score([0.9] * (found.track.seen - share) + [0.1] * share)
    assert found.liveness.score == pytest.approx(expected, abs=0.05)


def test_the_whole_track_is_seen_by_the_signals(watcher: Analyzer, clip: Clip) -> None:
    (found,) = check_video(watcher, clip(GREY))
    passive, _, blink, pulse = found.liveness.signals
    assert f"over {found.track.seen} frames" in passive.reason
    assert "no blink in 2.9 s" in blink.reason
    assert "2.9 s of skin" in pulse.reason


def test_progress_knows_the_length(watcher: Analyzer, clip: Clip) -> None:
    seen: list[tuple[int, int | None]] = []
    list(check_video(watcher, clip(GREY), progress=lambda done, total: seen.append((done, total))))
    assert seen[-1] == (36, 36)


def test_memory_does_not_grow_with_the_film(watcher: Analyzer, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "REMEMBERED", 10)
    watch = watching.Watch(watcher)
    kept: list[int] = []
    answers = []
    for track in watch.tracks(clip(RED, GREY), progress=lambda *_: kept.append(len(watch._looks))):
        answers.append(watch.liveness(track))
        assert watch._looks == {}
    assert max(kept) == 10
    (answer,) = answers
    assert "over 10 frames" in answer.signals[0].reason
    assert answer.live  # the last ten


def test_a_track_of_somebody_else_is_refused(watcher: Analyzer, clip: Clip) -> None:
    (track,) = tracks(clip(GREY), watcher)
    with pytest.raises(InputError, match="got one of another"):
        watching.Watch(watcher).liveness(track)


def test_a_video_that_is_open_already(watcher: Analyzer, clip: Clip) -> None:
    with open_video(clip(GREY)) as film:
        (found,) = check_video(watcher, film)
    assert found.liveness.live


@pytest.fixture
def gallery(tmp_path: Path, watcher: Analyzer, astronaut: Image) -> Iterator[Gallery]:
    with Gallery.open(tmp_path / "gallery", analyzer=watcher) as opened:
        opened.enroll("Ada", write(tmp_path / "ada.png", astronaut))
        yield opened


@pytest.mark.parametrize(("corner", "name"), [(GREY, "Ada"), (RED, None), (BLUE, None)])
def test_only_live_tracks_are_named(
    gallery: Gallery, watcher: Analyzer, clip: Clip, corner: tuple[int, int, int], name: str | None
) -> None:
    film = clip(corner)
    (found,) = identify_video(gallery, watcher, film, require_live=True)
    assert found.person.person == name
    assert found.liveness is not None
    assert found.liveness.live is (True if name else None if corner == BLUE else False)
    if name is None:
        assert found.person.status == "rejected"
        assert found.person.refusals[0].code == ("LIVENESS_UNKNOWN" if corner == BLUE else "NOT_LIVE")
        assert found.person.candidates == ()
    (plain,) = identify_video(gallery, watcher, film)
    assert plain.person.person == "Ada"
    assert plain.liveness is None


def test_the_shipped_detector_gives_an_answer_on_a_real_film(analyzer: Analyzer, data: Path) -> None:
    (found,) = check_video(analyzer.for_video(), data / "video" / "single_face.mp4")
    assert found.liveness.signals[0].name == "passive"
    assert not found.liveness.abstained
