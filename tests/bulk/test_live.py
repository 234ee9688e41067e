"""Folders and videos where a living face is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vultus.bulk import enroll_pictures, identify_pictures, read_pictures
from vultus.gallery import Gallery
from vultus.images import write
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import Face, Image, Liveness, LivenessPoint, Signal

POINT = LivenessPoint(0.5, "criterion", None, None, "data", "2026-11-24", "testing")


class Judging(Analyzer):
    """Calls a face an attack where the picture's first pixel is black, and abstains where it is white."""

    def liveness(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
        grey = int(image[0, 0].mean())
        score, why = (math.nan, "it is told to") if grey == 255 else (0.1 if grey == 0 else 0.9, "")
        signal = Signal("passive", score, "P", "nothing", "a pixel")
        return tuple(Liveness(score, POINT, (signal,), why) for _ in faces)


@pytest.fixture
def analyzer() -> Any:
    return Judging()


@pytest.fixture
def gallery(tmp_path: Path, analyzer: Any) -> Iterator[Gallery]:
    with Gallery.open(tmp_path / "gallery", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Ada live, as an attack, and where that cannot be said; somebody beside her; nobody."""
    found = {}
    for name, people, grey in (
        ("live", ["Ada"], 128), ("attack", ["Ada"], 0), ("unknown", ["Ada"], 255), ("two", ["Ada", "Bob"], 0),
        ("empty", [], 128),
    ):  # fmt: skip
        image = picture(*people, noise=6, seed=len(found))
        image[0, 0] = grey
        found[name] = str(write(tmp_path / f"{name}.png", image))
    return found


def test_no_pictures_give_nothing(gallery: Gallery, analyzer: Any) -> None:
    assert list(read_pictures([], analyzer, live=True)) == []
    assert list(identify_pictures(gallery, analyzer, [], require_live=True)) == []


def test_an_answer_comes_with_each_face_where_it_is_asked_for(analyzer: Any, files: dict[str, str]) -> None:
    (asked,) = read_pictures([files["two"]], analyzer, live=True)
    assert [answer.live for answer in asked.liveness] == [False, False]
    (plain,) = read_pictures([files["two"]], analyzer)
    assert plain.liveness == ()
    (empty,) = read_pictures([files["empty"]], analyzer, live=True)
    assert empty.liveness == ()


def test_only_live_faces_are_enrolled(gallery: Gallery, analyzer: Any, files: dict[str, str]) -> None:
    wanted = [("Ada", files[name]) for name in ("attack", "unknown", "empty", "live")]
    done = list(enroll_pictures(gallery, analyzer, wanted, require_live=True))
    codes = [[refused.code for refused in one.enrolment.refused] for one in done]
    assert codes == [["not_live"], ["not_live"], ["no_face"], []]
    (attack,), (unknown,) = (one.enrolment.refused for one in done[:2])
    assert attack.refusals[0].code == "NOT_LIVE"
    assert "0.100 < 0.500" in attack.reason
    assert unknown.refusals[0].code == "LIVENESS_UNKNOWN"
    assert "it is told to" in unknown.reason
    assert [person.templates for person in gallery.people()] == [1]


def test_without_being_asked_nothing_is_refused(gallery: Gallery, analyzer: Any, files: dict[str, str]) -> None:
    done = list(enroll_pictures(gallery, analyzer, [("Ada", files["attack"])]))
    assert done[0].enrolment.refused == ()


def test_an_enrolment_that_only_failed_for_that_says_so(gallery: Gallery, analyzer: Any, files: dict[str, str]) -> None:
    from vultus.errors import FaceRefusedError

    (done,) = enroll_pictures(gallery, analyzer, [("Ada", files["attack"])], require_live=True)
    with pytest.raises(FaceRefusedError, match="not taken for a living face"):
        done.enrolment.require()


def test_an_attack_is_listed_without_a_name(gallery: Gallery, analyzer: Any, files: dict[str, str]) -> None:
    list(enroll_pictures(gallery, analyzer, [("Ada", files["live"])]))
    names = [files[name] for name in ("live", "attack", "unknown", "two", "empty")]
    found = list(identify_pictures(gallery, analyzer, names, require_live=True))
    assert [[person.person for person in one.people] for one in found] == [["Ada"], [None], [None], [None, None], []]
    assert [person.status for one in found[1:4] for person in one.people] == ["rejected"] * 4
    attack = found[1].people[0]
    assert attack.refusals[0].code == "NOT_LIVE"
    assert attack.candidates == ()
    assert attack.score is None
    assert attack.operating is None
    assert attack.face is not None
    assert found[2].people[0].refusals[0].code == "LIVENESS_UNKNOWN"
    assert [person.ordinal for person in found[3].people] == [0, 1]
    plain = list(identify_pictures(gallery, analyzer, names))
    assert [[person.person for person in one.people] for one in plain][:4] == [["Ada"], ["Ada"], ["Ada"], ["Ada", None]]


def test_an_attack_takes_nobodys_name_away(gallery: Gallery, tmp_path: Path) -> None:
    """Ada holds a better picture of herself: by score alone the picture would be named and she a conflict."""

    class Half(Judging):
        def liveness(self, image: Image, faces: Sequence[Face]) -> tuple[Liveness, ...]:
            left = [face.box.x1 < image.shape[1] / 2 for face in faces]
            return tuple(Liveness(0.1 if one else 0.9, POINT, ()) for one in left)

    held, ada = picture("Ada"), picture("Ada", noise=15, seed=7)
    both = str(write(tmp_path / "both.png", np.hstack([held, ada])))
    analyzer: Any = Half()
    list(enroll_pictures(gallery, analyzer, [("Ada", str(write(tmp_path / "a.png", held)))]))
    (plain,) = identify_pictures(gallery, analyzer, [both])
    assert sorted(person.status for person in plain.people) == ["conflict", "match"]
    (asked,) = identify_pictures(gallery, analyzer, [both], require_live=True)
    assert [(person.status, person.person) for person in asked.people] == [("rejected", None), ("match", "Ada")]
