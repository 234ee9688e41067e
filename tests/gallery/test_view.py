"""One state of a gallery, looked at in several ways."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vultus.errors import ConflictError, InputError, InvalidVectorError, NotFoundError, VultusError
from vultus.gallery import Gallery, MasterKey
from vultus.gallery.exact import ExactIndex
from vultus.gallery.ranking import ranked
from vultus.images import digest
from vultus.testing import picture
from vultus.types import unit

Directions = Callable[..., NDArray[np.float32]]


def test_nobody(gallery: Gallery, directions: Directions) -> None:
    with gallery.view() as view:
        assert view.revision == gallery.revision == 0
        assert view.find("Ada") is None
        assert view.faces() == ()
        assert view.operating(0.01) is None
        assert list(view.rank_faces(directions(1))) == []
        assert list(view.rank_people(directions(1))) == []
        with pytest.raises(NotFoundError, match="the gallery is empty"):
            view.person("Ada")
        with pytest.raises(NotFoundError, match="expected the id of a face"):
            view.face("0" * 32)
        with pytest.raises(NotFoundError, match="expected the id of a face"):
            view.embedding("0" * 32)
    with pytest.raises(NotFoundError):
        gallery.face("0" * 32)


def test_faces_by_id_person_and_picture(gallery: Gallery) -> None:
    image = picture("Ada", "Bob", side=112)
    ada = gallery.enroll("Ada", image, faces=1).added[0]
    bob = gallery.enroll("Bob", image, faces=2).added[0]
    other = gallery.enroll("Ada", picture("Ada", noise=8, seed=3)).added[0]
    with gallery.view() as view:
        assert view.faces() == (ada, bob, other)
        assert view.faces(ids=[other.id, "f" * 32, ada.id]) == (ada, other)
        assert view.faces(ids=[]) == ()
        assert view.faces(person="Ada") == gallery.faces("Ada") == (ada, other)
        assert view.faces(person=bob.person_id) == (bob,)
        assert view.faces(sha256=digest(image)) == (ada, bob)
        assert view.faces(sha256=digest(image), person="Bob", ids=[ada.id]) == ()
        assert view.face(bob.id) == bob == gallery.face(bob.id)
        assert view.person(bob.person_id).name == "Bob"
        with pytest.raises(NotFoundError):
            view.faces(person="Eve")
        with pytest.raises(InputError, match="SHA-256"):
            view.faces(sha256="abc")
    assert ada.person_id == gallery.person("Ada").id
    assert ada.score == 0.99
    assert ada.place < bob.place < other.place


def test_pages_are_not_moved_by_what_goes_and_comes(gallery: Gallery, directions: Directions) -> None:
    gallery.enroll_vectors("Ada", directions(5))
    gallery.enroll_vectors("Bob", directions(2, seed=1))
    ids = [face.id for face in (*gallery.faces("Ada"), *gallery.faces("Bob"))]
    with gallery.view() as view:
        first = view.faces(most=3)
    assert [face.id for face in first] == ids[:3]
    gallery.remove_face(first[-1].id)
    gallery.remove_face(ids[0])
    gallery.enroll_vectors("Eve", directions(1, seed=2))
    with gallery.view() as view:
        rest = view.faces(after=first[-1].place)
        assert view.faces(after=rest[-1].place) == ()
        assert [face.person for face in view.faces(after=first[-1].place, person="Bob", most=1)] == ["Bob"]
        assert view.faces(most=0) == ()
        with pytest.raises(InputError, match="expected a page"):
            view.faces(after=-1)
        with pytest.raises(InputError, match="expected a page"):
            view.faces(most=-1)
    assert [face.id for face in rest] == [*ids[3:], *(face.id for face in gallery.faces("Eve"))]
    gallery.remove("Eve")  # the last place is free, and stays so
    (again,) = gallery.enroll_vectors("Eve", directions(1, seed=2)).added
    assert again.place == rest[-1].place + 1


def test_embeddings(gallery: Gallery, directions: Directions) -> None:
    vectors = directions(3)
    added = gallery.enroll_vectors("Ada", vectors).added
    with gallery.view() as view:
        np.testing.assert_array_equal(view.embeddings("Ada"), vectors)
        np.testing.assert_array_equal(view.embedding(added[1].id), vectors[1])
    found = gallery.embedding(added[2].id)
    np.testing.assert_array_equal(found, vectors[2])
    found[0] = 7  # a copy: what is stored stays
    np.testing.assert_array_equal(gallery.embedding(added[2].id), vectors[2])
    gallery.add_person("Bob")
    with gallery.view() as view:
        assert view.embeddings("Bob").shape == (0, 0)


def test_a_face_to_show_each_by(gallery: Gallery, directions: Directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    gallery.enroll("Ada", [picture("Ada", noise=8), picture("Ada", noise=8, seed=1)], force=True)
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    ada = gallery.faces("Ada")
    with gallery.view() as view:
        assert view.covers([]) == {}
        assert view.covers(gallery.people()) == {ada[0].person_id: ada[1].id}


def test_crops_from_now_on(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    gallery.keep_crops("none")
    gallery.enroll("Bob", picture("Bob"))
    before = gallery.revision
    gallery.keep_crops("none")
    assert gallery.revision == before  # nothing changed
    assert [gallery.faces(name)[0].crop for name in ("Ada", "Bob")] == [True, False]
    assert gallery.stats().keep == "none"
    with pytest.raises(InputError, match="aligned or none"):
        gallery.keep_crops("whole")  # type: ignore[arg-type]


def test_a_view_ends_with_its_with(gallery: Gallery, directions: Directions) -> None:
    gallery.enroll_vectors("Ada", directions(40))
    with gallery.view() as view:
        going = view.rank_faces(directions(1), ahead=2)
        next(going)
    with pytest.raises(VultusError, match="has ended"):
        view.faces()
    with pytest.raises(VultusError, match="has ended"):
        list(going)


def test_a_view_is_of_one_state(gallery: Gallery, opened, directions: Directions) -> None:
    """What another process, or here another session, commits meanwhile is not seen."""
    gallery.enroll_vectors("Ada", directions(1))
    other = opened()
    with gallery.view() as view:
        before = view.revision
        writer = threading.Thread(target=other.enroll_vectors, args=("Bob", directions(1, seed=1)))
        writer.start()
        writer.join()
        assert other.person("Bob").templates == 1
        assert (view.revision, view.find("Bob"), len(view.faces())) == (before, None, 1)
        assert [one.person for one in view.rank_people(directions(1, seed=1))] == ["Ada"]
        assert gallery.people() == (view.person("Ada"),)  # the gallery's own verbs look at the same state here
    assert gallery.person("Bob").templates == 1


def test_the_most_alike_faces_and_people(gallery: Gallery, directions: Directions) -> None:
    probe, away = directions(2)
    shares = (0.9, 0.5, 0.7)
    rows = [unit(share * probe + np.sqrt(1 - share**2) * away) for share in shares]
    gallery.enroll_vectors("Ada", np.stack(rows[:2]), force=True)
    gallery.enroll_vectors("Bob", rows[2], force=True)
    cosines = [float(row @ probe) for row in rows]
    with gallery.view() as view:
        found = list(view.rank_faces(probe))
        assert [face.person for face, _ in found] == ["Ada", "Bob", "Ada"]
        assert [score for _, score in found] == pytest.approx([cosines[0], cosines[2], cosines[1]], abs=1e-6)
        people = list(view.rank_people(probe))
        assert [one.person for one in people] == ["Ada", "Bob"]
        assert people == list(gallery.search(probe)[0])
        two = list(view.rank_faces(np.stack([away, probe])))  # the best with any of them
        assert [score for _, score in two] == sorted((score for _, score in two), reverse=True)
        assert two[0][1] == pytest.approx(cosines[0], abs=1e-6)
        assert list(view.rank_faces(np.empty((0, 128)))) == []
        point = view.operating(0.01)
        assert point is not None
        assert point == gallery.stats().operating
        with pytest.raises(InvalidVectorError):
            next(view.rank_faces(np.zeros(128)))
        with pytest.raises(InvalidVectorError):
            next(view.rank_people(probe[:5]))
        with pytest.raises(InputError, match="1 or more"):
            next(view.rank_people(probe, ahead=0))


def test_whom_a_face_is_said_not_to_be_is_left_out(gallery: Gallery) -> None:
    image = picture("Ada", noise=8)
    gallery.enroll("Ada", [image, picture("Ada", noise=8, seed=1)])
    gallery.enroll("Bob", picture("Bob", noise=8))
    probe, probed = gallery.embedding(gallery.faces("Ada")[1].id), "ab" * 32
    gallery.reject(probed, "Ada", ordinal=1)
    with gallery.view() as view:
        assert [one.person for one in view.rank_people(probe, sha256=probed, ordinal=1)] == ["Bob"]
        assert [face.person for face, _ in view.rank_faces(probe, sha256=probed, ordinal=1)] == ["Bob"]
        assert [one.person for one in view.rank_people(probe, sha256=probed, ordinal=0)] == ["Ada", "Bob"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    probes=st.integers(1, 3),
    ahead=st.integers(1, 40),
    by_person=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_is_that_of_all_scores(sizes: list[int], probes: int, ahead: int, by_person: bool, seed: int) -> None:
    """Against the sorted product of everything with everything, however few are looked at first."""
    draw = np.random.default_rng(seed)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    vectors = unit(draw.normal(size=(len(owners), 8)))
    asked = unit(draw.normal(size=(probes, 8)))
    index = ExactIndex(8)
    index.add(np.arange(len(owners)), owners, vectors)
    barred = {0} if len(sizes) > 3 else set()
    found = [hit for part in ranked(index, asked, by_person=by_person, ahead=ahead, barred=barred) for hit in part]
    best = (vectors @ asked.T).max(axis=1)
    if by_person:
        wanted = {person: float(best[owners == person].max()) for person in range(len(sizes)) if person not in barred}
    else:
        wanted = {face: float(best[face]) for face in range(len(owners)) if owners[face] not in barred}
    told = {(person if by_person else face): score for face, person, score in found}
    assert len(told) == len(found) == len(wanted)
    assert told.keys() == wanted.keys()
    np.testing.assert_allclose([told[one] for one in wanted], list(wanted.values()), atol=1e-5)
    scores = [score for *_, score in found]
    assert all(scores[i] >= scores[i + 1] - 1e-6 for i in range(len(scores) - 1))


def test_no_more_is_looked_at_than_is_read(gallery: Gallery, directions: Directions) -> None:
    for number in range(6):
        gallery.enroll_vectors(f"p{number}", directions(50, seed=number), force=True)
    asked: list[str] = []
    with gallery.view() as view:
        gallery._store.connection.set_trace_callback(asked.append)
        found = list(islice(view.rank_faces(directions(1), ahead=3), 3))
        gallery._store.connection.set_trace_callback(None)
    assert len(found) == 3
    assert sum("FROM face JOIN person" in one for one in asked) == 1


@pytest.mark.parametrize("question", ["person", "ids", "sha256", "rows"])
def test_an_index_answers(gallery: Gallery, question: str) -> None:
    """No question reads all faces to find some."""
    gallery.enroll("Ada", picture("Ada"))
    (face,) = gallery.faces("Ada")
    options = {
        "person": {"person": "Ada"},
        "ids": {"ids": [face.id]},
        "sha256": {"sha256": face.sha256},
    }
    asked: list[str] = []
    with gallery.view() as view:
        gallery._store.connection.set_trace_callback(asked.append)
        if question == "rows":
            next(view.rank_faces(view.embedding(face.id)))
        else:
            view.faces(**options[question])
        gallery._store.connection.set_trace_callback(None)
        (statement,) = [one for one in asked if "FROM face JOIN person" in one and "LIMIT" in one]
        plan = gallery._store.connection.execute("EXPLAIN QUERY PLAN " + statement).fetchall()
    steps = [row[3] for row in plan]
    assert any(step.startswith("SEARCH face USING") for step in steps), steps
    assert not any(step.startswith("SCAN face") for step in steps), steps


def test_a_sealed_gallery_tells_the_same(
    opened, tmp_path, directions: Directions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VULTUS_MASTER_KEY", raising=False)
    key = MasterKey(bytes(range(32)))
    told = []
    for name, options in (("clear", {}), ("sealed", {"master_key": key})):
        gallery = opened(tmp_path / name, **options)
        assert gallery.sealed == (name == "sealed")
        gallery.enroll("Ada", picture("Ada"))
        gallery.enroll_vectors("Bob", directions(2), sources=["b/1", "b/2"])
        with gallery.view() as view:
            faces = view.faces()
            told.append(
                (
                    [(one.person, one.source, one.sha256, one.box, one.score, one.place) for one in faces],
                    view.embedding(faces[2].id).tolist(),
                    view.faces(sha256=faces[0].sha256)[0].person,
                    [(one.person, round(score, 5)) for one, score in view.rank_faces(directions(1))],
                )
            )
    assert told[0] == told[1]
    with pytest.raises(ConflictError):
        gallery.add_person("Bob")
