"""A gallery that is asked for living faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.errors import FaceRefusedError, InputError
from vultus.gallery import Gallery
from vultus.images import digest, write
from vultus.testing import SHOWN, Analyzer, Shown, Thresholds, picture
from vultus.types import Image


def ada(shown: Shown = "live", seed: int = 0) -> Image:
    return picture("Ada", noise=6, seed=seed, shown=shown)


class Blind:
    """An analyzer that detects no attacks."""

    def __init__(self) -> None:
        self._inner = Analyzer()
        self.contract, self.analyze, self.embed = self._inner.contract, self._inner.analyze, self._inner.embed


@pytest.fixture
def blind(tmp_path: Path) -> Any:
    analyzer = Blind()
    with Gallery.open(tmp_path / "blind", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as opened:
        yield opened


def test_nothing(gallery: Gallery) -> None:
    assert gallery.enroll("Ada", [], require_live=True).refused == ()
    assert gallery.identify(picture(), require_live=True) == ()
    assert gallery.identify_readings([], liveness=[]) == ()
    assert gallery.people() == ()


def test_only_living_faces_are_enrolled(gallery: Gallery) -> None:
    offered = [ada("print"), ada("dark", 1), picture(), ada("live", 2)]
    done = gallery.enroll("Ada", offered, require_live=True)
    assert [(one.source, one.code) for one in done.refused] == [
        ("picture 1", "not_live"), ("picture 2", "not_live"), ("picture 3", "no_face"),
    ]  # fmt: skip
    attack, unknown, _ = done.refused
    assert attack.reason == "not taken for a living face: P 0.100 < 0.500 (there is paper around it)"
    assert [(one.code, one.value, one.limit) for one in attack.refusals] == [("NOT_LIVE", 0.1, 0.5)]
    assert unknown.reason == "it cannot be said whether this is a living face: it is too dark around the face"
    assert [one.code for one in unknown.refusals] == ["LIVENESS_UNKNOWN"]
    assert [one.source for one in done.added] == ["picture 4"]


def test_nobody_is_made_of_an_attack_and_force_does_not_help(gallery: Gallery) -> None:
    done = gallery.enroll("Ada", ada("print"), require_live=True, force=True)
    assert (done.person, gallery.people(), gallery.revision) == (None, (), 0)
    with pytest.raises(FaceRefusedError, match="picture 1: not taken for a living face"):
        done.require()


@pytest.mark.parametrize("shown", SHOWN)
def test_without_being_asked_nobody_is_judged(blind: Gallery, shown: Shown) -> None:
    assert len(blind.enroll("Ada", ada(shown)).added) == 1
    (seen,) = blind.identify(ada(shown, 1))
    assert (seen.person, seen.liveness) == ("Ada", None)


def test_the_faces_that_are_meant_must_live_and_no_others(gallery: Gallery) -> None:
    both = picture("Ada", "Bob", shown=["live", "print"])
    assert [one.code for one in gallery.enroll("Ada", both, faces="all", require_live=True).refused] == ["not_live"]
    assert len(gallery.enroll("Ada", both, faces=1, require_live=True).added) == 1
    assert [one.code for one in gallery.enroll("Bob", both, faces=2, require_live=True).refused] == ["not_live"]
    assert [one.code for one in gallery.enroll("Bob", both, faces="one", require_live=True).refused] == [
        "several_faces"
    ]


def test_a_picture_that_was_enrolled_before_is_passed_over(gallery: Gallery) -> None:
    gallery.enroll("Ada", ada("print"))
    assert gallery.enroll("Ada", ada("print"), require_live=True).unchanged == ("picture 1",)


@pytest.mark.parametrize(("shown", "code"), [("print", "NOT_LIVE"), ("dark", "LIVENESS_UNKNOWN")])
def test_an_attack_is_told_and_not_searched(gallery: Gallery, shown: Shown, code: str) -> None:
    gallery.enroll("Ada", ada())
    (seen,) = gallery.identify(ada(shown, 1), require_live=True)
    assert (seen.status, seen.person, seen.score, seen.candidates, seen.operating) == ("rejected", None, None, (), None)
    assert seen.refusals[0].code == code
    assert seen.face is not None
    assert seen.liveness is not None
    assert seen.liveness.signals[0].reason
    (live,) = gallery.identify(ada("live", 1), require_live=True)
    assert (live.status, live.person, live.refusals) == ("match", "Ada", ())
    assert live.liveness is not None
    assert live.liveness.live
    assert [one.person for one in gallery.identify(ada(shown, 1))] == ["Ada"]


def test_an_attack_takes_nobodys_name_away(gallery: Gallery) -> None:
    """Ada holds a better picture of herself: by score alone it would be named, and she a conflict."""
    gallery.enroll("Ada", picture("Ada"))
    held, own = picture("Ada", shown="print"), picture("Ada", noise=15, seed=7)
    both = np.hstack([held, own])
    assert sorted(one.status for one in gallery.identify(both)) == ["conflict", "match"]
    asked = gallery.identify(both, require_live=True)
    assert [(one.ordinal, one.status, one.person) for one in asked] == [(0, "rejected", None), (1, "match", "Ada")]


def read(image: Image) -> tuple[Any, Any]:
    analyzer = Analyzer()
    return analyzer.analyze(image), analyzer.liveness(image)


def test_answers_of_faces_that_were_read_already(gallery: Gallery, tmp_path: Path) -> None:
    image = ada("print")
    readings, answers = read(image)
    sha256 = digest(write(tmp_path / "a.png", image))
    about: dict[str, Any] = {"source": "door", "sha256": sha256, "size_wh": (image.shape[1], image.shape[0])}
    assert [one.code for one in gallery.enroll_readings("Ada", readings, **about, liveness=answers).refused] == [
        "not_live"
    ]
    assert len(gallery.enroll_readings("Ada", readings, **about).added) == 1
    assert gallery.enroll_readings("Ada", readings, **about, liveness=answers).unchanged == ("door",)
    with pytest.raises(InputError, match="got 0 for 1 faces"):
        gallery.enroll_readings("Bob", readings, **about, liveness=[])
    with pytest.raises(InputError, match="got 2 for 1 faces"):
        gallery.identify_readings(readings, liveness=[*answers, *answers])


@pytest.mark.parametrize("shown", SHOWN)
def test_a_track_is_named_where_it_lives(gallery: Gallery, shown: Shown) -> None:
    gallery.enroll("Ada", ada())
    ((reading,), (answer,)) = read(ada(shown, 1))
    seen = gallery.identify_track(reading.embedding, reading=reading, liveness=answer)
    assert seen.liveness is answer
    assert seen.person == ("Ada" if shown == "live" else None)
    assert [one.code for one in seen.refusals] == {"live": [], "print": ["NOT_LIVE"], "dark": ["LIVENESS_UNKNOWN"]}[
        shown
    ]
    assert (seen.operating is None) is (shown != "live")
    assert gallery.identify_track(reading.embedding, reading=reading).person == "Ada"


def test_an_analyzer_that_detects_no_attacks_is_refused_before_anything_is_written(blind: Gallery) -> None:
    with pytest.raises(InputError, match=r"has no `liveness`; use vultus\.Analyzer"):
        blind.enroll("Ada", [], require_live=True)
    with pytest.raises(InputError, match="has no `liveness`"):
        blind.identify(b"no picture at all", require_live=True)
    assert blind.revision == 0


@pytest.mark.weights
def test_the_shipped_detector_refuses_a_print(tmp_path: Path, astronaut: Image, request: pytest.FixtureRequest) -> None:
    import vultus
    from vultus.datasets.simulated_attacks import Camera, capture, simulate
    from vultus.errors import WeightsError

    try:
        analyzer = vultus.Analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    rng = np.random.default_rng(0)
    held = simulate(astronaut, analyzer.detect(astronaut)[0], "print-halftone", rng, room=astronaut[::-1].copy())
    attack = capture(held.scene, Camera.draw(rng), rng)
    with Gallery.open(tmp_path / "gallery", analyzer=analyzer) as gallery:
        assert [one.code for one in gallery.enroll("Ada", attack, require_live=True).refused] == ["not_live"]
        gallery.enroll("Ada", astronaut, require_live=True).require()
        assert [one.person for one in gallery.identify(astronaut, require_live=True)] == ["Ada"]
        assert [one.status for one in gallery.identify(attack, require_live=True)] == ["rejected"]
        assert [one.person for one in gallery.identify(attack)] == ["Ada"]
