"""Films that show a picture of somebody, where living faces are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import Analyzer
from vultus.bulk import check_video, identify_video
from vultus.datasets.simulated_attacks import Camera, capture, simulate
from vultus.draw import VideoWriter
from vultus.errors import WeightsError
from vultus.gallery import Gallery
from vultus.models.landmark import Mesh
from vultus.runtime import cores
from vultus.testing import Analyzer as Drawn
from vultus.testing import Shown, Thresholds, picture
from vultus.types import Image

FPS = 12
Film = Callable[[list[Image]], Path]


@pytest.fixture
def film(tmp_path: Path) -> Film:
    def make(frames: list[Image]) -> Path:
        path = tmp_path / "film.mp4"
        height, width = frames[0].shape[:2]
        with VideoWriter(path, (width, height), fps=FPS) as video:
            for number, frame in enumerate(frames):
                video.write(frame, time=number / FPS)
        return path

    return make


def drawn(shown: Shown, seconds: float = 2.0) -> list[Image]:
    """Ada in twice her size, which outlasts the compression."""
    large = cv2.resize(picture("Ada", shown=shown), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    return [large] * round(seconds * FPS)


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    analyzer = Drawn()
    with Gallery.open(tmp_path / "gallery", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as opened:
        opened.enroll("Ada", picture("Ada"))
        yield opened


def test_a_film_of_nobody(film: Film, gallery: Gallery) -> None:
    analyzer: Any = Drawn()
    assert list(identify_video(gallery, analyzer, film([picture(side=280)] * 12), require_live=True)) == []


@pytest.mark.parametrize(
    ("shown", "live", "codes"),
    [("live", True, []), ("print", False, ["NOT_LIVE"]), ("dark", None, ["LIVENESS_UNKNOWN"])],
)
def test_only_the_living_are_named(
    film: Film, gallery: Gallery, shown: Shown, live: bool | None, codes: list[str]
) -> None:
    analyzer: Any = Drawn()
    path = film(drawn(shown))
    (found,) = identify_video(gallery, analyzer, path, require_live=True)
    assert found.liveness is not None
    assert found.liveness.live is live
    assert found.person.liveness is found.liveness
    assert (found.person.person, found.person.status) == (("Ada", "match") if live else (None, "rejected"))
    assert [one.code for one in found.person.refusals] == codes
    (plain,) = identify_video(gallery, analyzer, path)
    assert (plain.person.person, plain.liveness) == ("Ada", None)


def blink_of(analyzer: Any, path: Path) -> Any:
    (found,) = check_video(analyzer, path)
    return next(signal for signal in found.liveness.signals if signal.name == "blink")


class Winking(Drawn):
    """Its faces shut their eyes from the first second on for a quarter of one; what it sees is written in a pixel."""

    def eyes(self, image: Image, meshes: Any) -> tuple[tuple[float, float], ...]:
        wide = 0.1 if image[0, :8].mean() > 200 else 0.3
        return tuple((wide, wide) for _ in meshes)


def test_the_analyzers_own_eyes_are_watched(film: Film) -> None:
    frames = [frame.copy() for frame in drawn("live", 3.0)]
    for frame in frames[12:15]:
        frame[:8, :16] = 255
    signal = blink_of(Winking(), film(frames))
    assert (signal.value, signal.says) == (1.0, "bona fide")
    assert "(at 1." in signal.reason
    assert blink_of(Drawn(), film(frames)).value == 0.0


def test_eyes_too_small_to_see_lids_are_told(film: Film) -> None:
    class Far(Drawn):
        def eyes(self, image: Image, meshes: Any) -> tuple[tuple[float, float], ...]:
            return tuple((math.nan, math.nan) for _ in meshes)

    signal = blink_of(Far(), film(drawn("live")))
    assert (signal.says, signal.reason) == ("nothing", "the eyes are too small to see lids; come closer")


def eyeless() -> Any:
    class Eyeless(Drawn):
        eyes = None  # type: ignore[assignment]

    return Eyeless()


def test_where_the_eye_network_cannot_be_had_the_film_is_judged_without(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with an index that cannot be reached, which is not asked anew for each frame."""
    asked = []

    class Absent:
        def __init__(self, card: Any, **options: Any) -> None:
            asked.append(card.name)
            raise WeightsError("no index was reached")

    monkeypatch.setitem(registry._registered, "eye-contours", (registry.card("eye-contours"), Absent))
    (found,) = check_video(eyeless(), film(drawn("print")))
    assert found.liveness.live is False
    blink = next(signal for signal in found.liveness.signals if signal.name == "blink")
    assert (blink.says, math.isnan(blink.value)) == ("nothing", True)
    assert blink.reason == "the network that watches the lids cannot be had: no index was reached"
    assert 1 <= len(asked) <= cores()  # the frames that were being read when it failed


def test_eyes_of_the_analyzer_whose_weights_cannot_be_had(film: Film) -> None:
    class Late(Drawn):
        def eyes(self, image: Image, meshes: Any) -> tuple[tuple[float, float], ...]:
            raise WeightsError("no index was reached")

    signal = blink_of(Late(), film(drawn("live")))
    assert signal.reason == "the network that watches the lids cannot be had: no index was reached"


def test_an_analyzer_without_eyes_has_the_shipped_network(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    card, real = registry._registered["eye-contours"]
    seen: list[int] = []

    class Counting:
        def __init__(self, card: Any, **options: Any) -> None:
            try:
                self._real = real(card, **options)
            except WeightsError as error:
                pytest.skip(f"weights are not to be had: {error}")

        def __call__(self, image: Image, meshes: list[Mesh]) -> Any:
            seen.append(len(meshes))
            return self._real(image, meshes)

    monkeypatch.setitem(registry._registered, "eye-contours", (card, Counting))
    blink_of(eyeless(), film(drawn("live")))
    assert seen == [1] * 24


def printed(portrait: Image, analyzer: Analyzer, seconds: float = 2.0) -> list[Image]:
    """A halftone print of a portrait, held before a camera by a hand that is not still."""
    rng = np.random.default_rng(0)
    held = simulate(portrait, analyzer.detect(portrait)[0], "print-halftone", rng, room=portrait[::-1].copy())
    height, width = held.scene.shape[:2]
    camera, frames = Camera.draw(rng), []
    for step in range(round(seconds * FPS)):
        sway = np.array([[1, 0, 4 * math.sin(step / 3)], [0, 1, 3 * math.cos(step / 4)]])
        moved = cv2.warpAffine(held.scene, sway, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        seen = capture(moved, camera, rng)
        frames.append(np.ascontiguousarray(seen[: seen.shape[0] // 2 * 2, : seen.shape[1] // 2 * 2]))
    return frames


@pytest.mark.weights
def test_a_print_of_somebody_who_is_known_is_refused(
    tmp_path: Path, film: Film, analyzer: Analyzer, astronaut: Image
) -> None:
    watcher, path = analyzer.for_video(), film(printed(astronaut, analyzer))
    with Gallery.open(tmp_path / "known", analyzer=analyzer) as known:
        known.enroll("Ada", astronaut, require_live=True).require()
        (plain,) = identify_video(known, watcher, path)
        assert plain.person.person == "Ada"  # the print is a good one
        (found,) = identify_video(known, watcher, path, require_live=True)
    assert found.liveness is not None
    assert found.liveness.live is False
    assert (found.person.person, found.person.status, found.person.candidates) == (None, "rejected", ())
    assert found.person.refusals[0].code == "NOT_LIVE"
    signals = {signal.name: signal for signal in found.liveness.signals}
    assert signals["passive"].says == "attack"
    assert signals["blink"].value == 0.0


@pytest.mark.weights
def test_blinks_of_a_living_person_are_seen(analyzer: Analyzer, data: Path) -> None:
    """Five blinks that somebody who looks at the frames sees too; from the lids of the face mesh none is found."""
    signal = blink_of(analyzer.for_video(), data / "video" / "WolfgangLanger_Pexels.mp4")
    assert signal.says == "bona fide"
    assert "6.4, 8.4, 10.3, 12.0, 16.1 s" in signal.reason
