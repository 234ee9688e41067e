from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import (
    ConflictError,
    InputError,
    InvalidVectorError,
    NoFaceError,
    NotFoundError,
    OperatingPointError,
    TooManyFacesError,
)
from vultus.gallery import Candidate, Gallery
from vultus.gallery.identification import decide
from vultus.images import digest
from vultus.testing import Analyzer, Thresholds, picture


def ranked(*scores: tuple[str, float]) -> list[Candidate]:
    return [Candidate(name, name, score) for name, score in sorted(scores, key=lambda pair: -pair[1])]


def test_no_face() -> None:
    assert decide([], 0.3) == []


def test_co_occurrence() -> None:
    """Faces x people ((.72, .40), (.70, .10), (.20, .15)) at T .36: P, conflict, unknown."""
    faces = [ranked(("P", 0.72), ("Q", 0.40)), ranked(("P", 0.70), ("Q", 0.10)), ranked(("P", 0.20), ("Q", 0.15))]
    assert decide(faces, 0.36) == ["match", "conflict", "unknown"]
    assert decide(faces[::-1], 0.36) == ["unknown", "conflict", "match"]
    assert decide(faces, 0.36, allow_repeat=True) == ["match", "match", "unknown"]


def test_the_threshold_itself_is_accepted() -> None:
    assert decide([ranked(("P", 0.5))], 0.5) == ["match"]
    assert decide([ranked(("P", 0.5))], np.nextafter(0.5, 1)) == ["unknown"]
    assert decide([ranked(("P", float("nan")))], 0.5) == ["unknown"]
    assert decide([[]], -1) == ["unknown"]


def test_ambiguous() -> None:
    face = ranked(("P", 0.60), ("Q", 0.57))
    assert decide([face], 0.5) == ["match"]
    assert decide([face], 0.5, margin=0.05) == ["ambiguous"]
    assert decide([face], 0.58, margin=0.05) == ["match"]  # the second is no match
    assert decide([face, ranked(("P", 0.55))], 0.5, margin=0.04) == ["ambiguous", "match"]


scores = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3)


@given(st.lists(scores, max_size=6), st.floats(-1, 1))
def test_one_name_for_one_face(table: list[list[float]], threshold: float) -> None:
    faces = [ranked(*zip("PQR", row, strict=True)) for row in table]
    statuses = decide(faces, threshold)
    named = [face[0].id for face, status in zip(faces, statuses, strict=True) if status == "match"]
    assert len(named) == len(set(named))
    for face, status in zip(faces, statuses, strict=True):
        assert (face[0].score >= threshold) == (status != "unknown")
        if status == "conflict":
            best = max(other[0].score for other in faces if other[0].id == face[0].id)
            assert best >= face[0].score


def test_an_empty_gallery(gallery: Gallery) -> None:
    (seen,) = gallery.identify(picture("Ada"))
    assert (seen.status, seen.person, seen.score, seen.candidates) == ("unknown", None, None, ())
    assert seen.operating is not None
    assert gallery.identify(np.full((60, 60, 3), 128, np.uint8)) == ()
    assert gallery.search(np.ones(128)) == ((),)
    assert gallery.search(np.zeros((0, 128))) == ()


def test_known_and_unknown(gallery: Gallery) -> None:
    for name in ("Ada", "Bob", "Eve"):
        gallery.enroll(name, picture(name))
    seen = gallery.identify(picture("Bob", "nobody", "Ada", noise=25, seed=3))
    assert [(s.status, s.person) for s in seen] == [("match", "Bob"), ("unknown", None), ("match", "Ada")]
    assert [s.ordinal for s in seen] == [0, 1, 2]
    bob, nobody, _ = seen
    assert bob.candidates[0].person == "Bob"
    assert len(bob.candidates) == 3
    assert len(bob.leads) == 2
    assert nobody.leads == nobody.candidates
    assert bob.operating is not None
    assert bob.score is not None
    assert bob.score >= bob.operating.threshold > nobody.candidates[0].score
    assert (bob.operating.metric, bob.operating.target, bob.operating.people) == ("FPIR", 0.01, 3)
    assert bob.revision == gallery.revision
    assert bob.candidates[0].id == gallery.person("Bob").id
    assert gallery.person(bob.candidates[0].id) == gallery.person("Bob")


def test_one_person_twice_in_a_picture(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    image = picture("Ada", "Ada", noise=30)
    assert sorted(seen.status for seen in gallery.identify(image)) == ["conflict", "match"]
    assert [seen.person for seen in gallery.identify(image) if seen.status == "conflict"] == [None]
    assert [seen.status for seen in gallery.identify(image, allow_repeat=True)] == ["match", "match"]


def test_rejected_by_the_gate(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    (seen,) = gallery.identify(picture("Ada", side=20))
    assert (seen.status, seen.person, seen.score, seen.operating) == ("rejected", None, None, None)
    assert [failure.code for failure in seen.refusals] == ["SMALL_BOUNDING_BOX"]
    (seen,) = gallery.identify(picture("Ada", side=20), gate="none")
    assert seen.status == "match"


def test_a_track(gallery: Gallery, directions) -> None:
    assert gallery.identify_track(directions(1)[0]).status == "unknown"
    gallery.enroll("Ada", picture("Ada"))
    gallery.enroll("Bob", picture("Bob"))
    readings = [Analyzer().analyze(picture("Ada", noise=40, seed=seed))[0] for seed in range(5)]
    template = np.mean([reading.embedding for reading in readings], axis=0)
    seen = gallery.identify_track(template, reading=readings[0], candidates=1)
    assert (seen.status, seen.person, len(seen.candidates)) == ("match", "Ada", 1)
    assert seen.score > max(gallery.search(reading.embedding)[0][0].score for reading in readings)
    assert (seen.operating.task, seen.operating.people) == ("track", 2)
    assert (seen.face, seen.quality) == (readings[0].face, readings[0].quality)
    assert gallery.identify_track(directions(1)[0]).status == "unknown"
    nothing = gallery.identify_track(None)
    assert (nothing.status, nothing.score, nothing.operating, nothing.candidates) == ("rejected", None, None, ())
    with pytest.raises(InvalidVectorError):
        gallery.identify_track(np.ones(3))
    with pytest.raises(InputError, match="margin"):
        gallery.identify_track(None, margin=-1)


def test_which_face(gallery: Gallery) -> None:
    gallery.enroll("Bob", picture("Bob"))
    image = picture("Ada", "Bob")
    assert [s.person for s in gallery.identify(image, faces=2)] == ["Bob"]
    assert [s.ordinal for s in gallery.identify(image, faces=2)] == [1]
    assert len(gallery.identify(image, faces="main")) == 1
    with pytest.raises(TooManyFacesError):
        gallery.identify(image, faces="one")
    with pytest.raises(NoFaceError):
        gallery.identify(np.full((60, 60, 3), 128, np.uint8), faces="one")
    with pytest.raises(InputError, match="size of the picture"):
        gallery.identify_readings(Analyzer().analyze(image), faces="main")


@pytest.mark.parametrize("option", [{"candidates": 0}, {"margin": -0.1}, {"margin": float("nan")}, {"faces": "any"}])
def test_a_wrong_option(gallery: Gallery, option) -> None:
    with pytest.raises(InputError, match="expected"):
        gallery.identify(picture("Ada"), **option)


def test_the_threshold_follows_the_gallery(gallery: Gallery, directions) -> None:
    thresholds = []
    for count in (1, 9, 90):
        gallery.enroll_vectors(f"p{count}", directions(1, seed=count))
        if count > 1:
            for number in range(count - 1):
                gallery.enroll_vectors(f"p{count}-{number}", directions(1, seed=1000 * count + number))
        (seen,) = gallery.identify(picture("nobody"))
        assert seen.operating == Thresholds(gallery.contract).identify(0.01, [1] * len(gallery.people()))
        thresholds.append(seen.operating.threshold)
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]
    (seen,) = gallery.identify(picture("nobody"), fpir=0.1)
    assert seen.operating.threshold < thresholds[-1]


def test_strangers_stay_unknown_at_the_stated_rate(gallery: Gallery, directions) -> None:
    """2,000 strangers against 50 people at FPIR 5 %: about 100 are named, and not many more."""
    for number in range(50):
        gallery.enroll_vectors(f"p{number}", directions(1, seed=number), force=True)
    threshold = gallery._point(gallery.contract, 0.05).threshold if gallery.search(directions(1)) else 0
    found = gallery.search(directions(2000, seed=12345), candidates=1)
    named = sum(candidates[0].score >= threshold for candidates in found)
    assert 60 <= named <= 145  # 100 expected, +- 4.6 standard deviations


def test_ties_go_to_who_was_there_first(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Zoe", directions(1))
    gallery.enroll_vectors("Ada", directions(1), force=True)
    assert [candidate.person for candidate in gallery.search(directions(1))[0]] == ["Zoe", "Ada"]


def test_a_person_is_the_best_of_their_templates(gallery: Gallery, directions) -> None:
    vectors = directions(3)
    gallery.enroll_vectors("Ada", vectors)
    for vector in vectors:
        ((only,),) = gallery.search(vector)
        assert only.score == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("vectors", [np.full(128, np.nan), np.zeros(128), np.ones(64), [[1, 2], [3, 4]]])
def test_vectors_that_are_refused(gallery: Gallery, directions, vectors) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    with pytest.raises(InvalidVectorError, match="expected"):
        gallery.search(vectors)


def test_a_wrong_rate(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    with pytest.raises(InputError, match="1 candidate or more"):
        gallery.search(directions(1), candidates=0)


class TestFeedback:
    def test_remembered(self, opened) -> None:
        """Obeyed before ranking, also by the next process, and until it is taken back."""
        gallery = opened()
        gallery.enroll("Ada", picture("Ada"))
        gallery.enroll("Bob", picture("Bob"))
        image = picture("Ada", noise=20, seed=5)
        gallery.reject(digest(image), "Ada")
        again = opened()
        (seen,) = again.identify(image)
        assert (seen.status, [candidate.person for candidate in seen.candidates]) == ("unknown", ["Bob"])
        (other,) = again.identify(picture("Ada", noise=20, seed=6))
        assert other.person == "Ada"
        again.reject(digest(image), "Ada", undo=True)
        assert gallery.identify(image)[0].person == "Ada"
        with pytest.raises(NotFoundError, match="never said"):
            gallery.reject(digest(image), "Ada", undo=True)

    def test_one_face_of_a_picture(self, gallery: Gallery) -> None:
        gallery.enroll("Ada", picture("Ada"))
        image = picture("Ada", "Ada", noise=25)
        gallery.reject(digest(image), "Ada", ordinal=0)
        assert [seen.status for seen in gallery.identify(image)] == ["unknown", "match"]

    def test_such_a_face_is_not_enrolled(self, gallery: Gallery) -> None:
        gallery.enroll("Ada", picture("Ada"))
        image = picture("Ada", noise=20, seed=5)
        gallery.reject(digest(image), "Ada")
        assert [refused.code for refused in gallery.enroll("Ada", image).refused] == ["rejected"]
        assert len(gallery.enroll("Ada", image, force=True).added) == 1

    def test_whom_a_face_is_not_is_no_conflict(self, gallery: Gallery) -> None:
        gallery.enroll("Ada", picture("Ada"))
        image = picture("Ada", noise=20, seed=5)
        assert [refused.code for refused in gallery.enroll("Twin", image).refused] == ["conflict"]
        gallery.reject(digest(image), "Ada")
        assert len(gallery.enroll("Twin", image).added) == 1

    def test_an_enrolled_face(self, gallery: Gallery) -> None:
        gallery.enroll("Bob", picture("Bob"))
        (face,) = gallery.enroll("Ada", picture("Ada")).added
        with pytest.raises(ConflictError, match="move or remove it first"):
            gallery.reject(face.id, "Ada")
        gallery.reject(face.id, "Bob")
        gallery.enroll_vectors("Eve", np.ones(128))
        with pytest.raises(InputError, match="bare vector"):
            gallery.reject(gallery.faces("Eve")[0].id, "Bob")

    def test_wrong_words(self, gallery: Gallery, directions) -> None:
        gallery.enroll_vectors("Ada", directions(1))
        with pytest.raises(InputError, match="64 hex digits"):
            gallery.reject("face.jpg", "Ada")
        with pytest.raises(InputError, match="0 or more"):
            gallery.reject("0" * 64, "Ada", ordinal=-2)
        with pytest.raises(OperatingPointError):
            Thresholds(Analyzer().contract).identify(0.01, [])
