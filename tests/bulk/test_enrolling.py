from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vultus.bulk import FolderEnrolment, enroll_folder, enroll_pictures
from vultus.errors import InputError, NotFoundError
from vultus.gallery import Gallery
from vultus.images import write
from vultus.testing import Analyzer, Thresholds, picture


class Counting(Analyzer):
    """How many pictures were analysed."""

    seen = 0

    def detect(self, image: Any) -> Any:
        self.seen += 1
        return super().detect(image)


@pytest.fixture
def analyzer() -> Counting:
    return Counting()


@pytest.fixture
def gallery(tmp_path: Path, analyzer: Counting) -> Iterator[Gallery]:
    with Gallery.open(tmp_path / "gallery", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as opened:
        yield opened


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "people"
    for name, seed in (("Ada", 0), ("Ada", 1), ("Grace", 0)):
        write(folder / name / f"{seed}.png", picture(name, noise=8, seed=seed))
    return folder


def outcome(done: list[FolderEnrolment]) -> list[tuple[str, str, int, int, int]]:
    return [
        (Path(one.source).name, one.name, len(e.added), len(e.unchanged), len(e.refused))
        for one in done
        for e in [one.enrolment]
    ]


def test_nothing_wanted_nothing_done(gallery: Gallery, analyzer: Counting) -> None:
    assert list(enroll_pictures(gallery, analyzer, [])) == []


def test_no_folder_and_a_file_are_refused(gallery: Gallery, analyzer: Counting, people: Path) -> None:
    with pytest.raises(NotFoundError, match="no such folder"):
        list(enroll_folder(gallery, analyzer, people / "nowhere"))
    with pytest.raises(InputError, match="got the file"):
        list(enroll_folder(gallery, analyzer, people / "Ada" / "0.png"))


def test_a_second_run_analyses_nothing(gallery: Gallery, analyzer: Counting, people: Path) -> None:
    first = list(enroll_folder(gallery, analyzer, people))
    assert outcome(first) == [("0.png", "Ada", 1, 0, 0), ("1.png", "Ada", 1, 0, 0), ("0.png", "Grace", 1, 0, 0)]
    assert analyzer.seen == 3
    again = list(enroll_folder(gallery, analyzer, people))
    assert outcome(again) == [("0.png", "Ada", 0, 1, 0), ("1.png", "Ada", 0, 1, 0), ("0.png", "Grace", 0, 1, 0)]
    assert analyzer.seen == 3


def test_results_keep_the_order_of_the_pictures(gallery: Gallery, analyzer: Counting, people: Path) -> None:
    list(enroll_pictures(gallery, analyzer, [("Ada", str(people / "Ada" / "1.png"))]))
    done = list(enroll_folder(gallery, analyzer, people))
    assert outcome(done) == [("0.png", "Ada", 1, 0, 0), ("1.png", "Ada", 0, 1, 0), ("0.png", "Grace", 1, 0, 0)]


@pytest.mark.parametrize("faces", ["all", 1, "1"])
def test_a_policy_that_may_mean_another_face_looks_again(
    gallery: Gallery, analyzer: Counting, people: Path, faces: str | int
) -> None:
    wanted = [("Ada", str(people / "Ada" / "0.png"))]
    list(enroll_pictures(gallery, analyzer, wanted))
    assert analyzer.seen == 1
    done = list(enroll_pictures(gallery, analyzer, wanted, faces=faces))
    assert analyzer.seen == 2
    assert outcome(done) == [("0.png", "Ada", 0, 1, 0)]


def test_one_bad_picture_does_not_stop_the_rest(gallery: Gallery, analyzer: Counting, people: Path) -> None:
    (people / "Ada" / "0.png").write_bytes((people / "Ada" / "0.png").read_bytes()[:200])
    write(people / "loose.png", picture("Eve"))
    done = outcome(list(enroll_folder(gallery, analyzer, people)))
    assert done == [
        ("loose.png", "", 0, 0, 1),
        ("0.png", "Ada", 0, 0, 1),
        ("1.png", "Ada", 1, 0, 0),
        ("0.png", "Grace", 1, 0, 0),
    ]


def test_what_was_yielded_stays_when_the_rest_is_given_up(gallery: Gallery, analyzer: Counting, people: Path) -> None:
    work = enroll_folder(gallery, analyzer, people)
    next(work)
    work.close()
    assert [person.name for person in gallery.people()] == ["Ada"]
