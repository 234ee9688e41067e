"""Several changes as one: all of them durable, or none."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vultus.errors import ConflictError, GalleryBusyError, GalleryError, InputError, NotFoundError, VultusError
from vultus.gallery import Change, Gallery
from vultus.testing import Analyzer, picture
from vultus.types import Reading

Directions = Callable[..., NDArray[np.float32]]


@pytest.fixture
def reading(analyzer: Analyzer) -> Reading:
    (found,) = analyzer.analyze(picture("Ada"))
    return found


def add(change: Change, person: str, reading: Reading, ordinal: int = 0, sha256: str = "ab" * 32) -> str:
    return change.add_face(person, reading, source="ada.jpg", sha256=sha256, ordinal=ordinal).id


def test_nothing(gallery: Gallery) -> None:
    with gallery.change():
        pass
    assert gallery.revision == 0


def test_all_is_one_revision(gallery: Gallery, reading: Reading) -> None:
    with gallery.change() as change:
        ada = change.add_person(" Ada ")
        assert (ada.name, ada.templates) == ("Ada", 0)
        face = add(change, "Ada", reading)
        bob = change.add_person("Bob")
        assert change.move_faces([face], bob.id).templates == 1
        assert change.find("Ada") == change.person(ada.id)  # what was changed is seen
        assert [one.person for one in change.faces()] == ["Bob"]
        change.remove("Ada")
    assert gallery.revision == 1
    assert [(one.name, one.templates) for one in gallery.people()] == [("Bob", 1)]
    assert gallery.search(reading.embedding)[0][0].person == "Bob"
    assert gallery.check().ok


def test_an_error_takes_all_of_it_back(gallery: Gallery, reading: Reading) -> None:
    gallery.add_person("Ada")
    before = gallery.revision

    def work() -> None:
        with gallery.change() as change:
            add(change, "Ada", reading)
            change.add_person("Bob")
            change.rename("Ada", "Eve")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert [(one.name, one.templates) for one in gallery.people()] == [("Ada", 0)]
    assert gallery.revision == before
    assert gallery.search(reading.embedding) == ((),)


def test_a_refused_verb_changes_nothing(gallery: Gallery, directions: Directions, reading: Reading) -> None:
    """Moving tells of the hundred only when faces were moved already; who goes on after the refusal has none of it."""
    gallery.enroll_vectors("Ada", directions(99), force=True)
    gallery.enroll_vectors("Bob", directions(2, seed=1), force=True)
    bobs = [face.id for face in gallery.faces("Bob")]
    with gallery.change() as change:
        with pytest.raises(ConflictError, match="at most 100"):
            change.move_faces(bobs, "Ada")
        with pytest.raises(NotFoundError):
            change.move_faces([bobs[0], "0" * 32], "Ada")
        assert change.person("Bob").templates == 2
        change.move_faces(bobs[:1], "Ada")
        with pytest.raises(ConflictError, match="there are 100"):
            add(change, "Ada", reading)
    assert (gallery.person("Ada").templates, gallery.person("Bob").templates) == (100, 1)
    assert gallery.check().ok


def test_split_keeps_the_alias_when_it_is_refused(gallery: Gallery, directions: Directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    gallery.enroll_vectors("A. L.", directions(1, seed=1))
    gallery.merge("A. L.", "Ada")
    with gallery.change() as change:
        with pytest.raises(NotFoundError):
            change.split("Ada", ["0" * 32], "A. L.")
        assert change.person("Ada").aliases == ("A. L.",)
    assert gallery.person("A. L.").name == "Ada"


def test_people_without_faces(gallery: Gallery, directions: Directions) -> None:
    ada = gallery.add_person("Ada")
    assert ada == gallery.person("Ada")
    assert gallery.stats().people == 1
    for taken in ("Ada", " Ada ", ada.id):
        with pytest.raises(ConflictError, match="is taken"):
            gallery.add_person(taken)
    with pytest.raises(InputError):
        gallery.add_person("  ")
    assert gallery.enroll_vectors("Ada", directions(1)).person == replace(ada, templates=1)
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    gallery.merge("Bob", "Ada")
    with pytest.raises(ConflictError, match="is taken"):
        gallery.add_person("Bob")


def test_an_id_names_one_person(gallery: Gallery) -> None:
    """Nobody takes another's id as a name: who asks by the id would get the wrong person."""
    ada, bob = gallery.add_person("Ada"), gallery.add_person("Bob")
    with pytest.raises(ConflictError, match="is taken"):
        gallery.rename("Bob", ada.id)
    assert gallery.person(ada.id) == ada
    assert gallery.rename("Bob", bob.id).name == bob.id  # one's own is no harm
    assert gallery.person(bob.id).id == bob.id


def test_a_face_as_it_was_read(gallery: Gallery, reading: Reading) -> None:
    with gallery.change() as change:
        change.add_person("Ada")
        face = change.face(add(change, "Ada", reading, ordinal=3))
    assert (face.person, face.source, face.sha256, face.ordinal) == ("Ada", "ada.jpg", "ab" * 32, 3)
    assert (face.crop, face.forced, face.score) == (True, False, round(reading.face.score, 6))
    np.testing.assert_array_equal(gallery.crop(face.id), reading.aligned)
    np.testing.assert_allclose(gallery.embedding(face.id), reading.embedding, atol=1e-6)
    with gallery.change() as change:
        with pytest.raises(ConflictError, match="one of them"):
            add(change, "Ada", reading, ordinal=3)
        with pytest.raises(InputError, match="without"):
            add(change, "Ada", replace(reading, embedding=None))
        with pytest.raises(InputError, match="SHA-256"):
            add(change, "Ada", reading, sha256="zz")
        with pytest.raises(NotFoundError):
            add(change, "Eve", reading)


def test_crops_are_kept_where_the_gallery_keeps_them(opened, tmp_path: Path, reading: Reading) -> None:
    gallery = opened(tmp_path / "bare", keep="none")
    with gallery.change() as change:
        change.add_person("Ada")
        face = add(change, "Ada", reading)
    assert gallery.crop(face) is None


def test_bare_vectors_need_a_contract(opened, reading: Reading) -> None:
    gallery = opened(analyzer=None)
    gallery.add_person("Ada")
    with gallery.change() as change, pytest.raises(InputError, match="analyzer, or with a contract"):
        add(change, "Ada", reading)


def test_twins_are_dropped_or_kept(gallery: Gallery, reading: Reading) -> None:
    with gallery.change() as change:
        for name in ("Ada", "Bob", "Eve"):
            change.add_person(name)
        _, bob, eve = (add(change, name, reading) for name in ("Ada", "Bob", "Eve"))
        assert change.move_faces([bob], "Ada", keep_twins=True).templates == 2
        assert change.face(bob).ordinal is None
        assert change.move_faces([eve], "Ada").templates == 2
        assert change.faces(ids=[eve]) == ()
    assert gallery.check().ok


def test_nothing_is_searched_after_faces_were_changed(gallery: Gallery, reading: Reading) -> None:
    """The index holds what was committed: a search in between would bring in what may yet be taken back."""
    with gallery.change() as change:
        change.add_person("Ada")
        assert list(change.rank_people(reading.embedding)) == []
        add(change, "Ada", reading)
        with pytest.raises(VultusError, match="a search within a change"):
            list(change.rank_people(reading.embedding))
        with pytest.raises(VultusError, match="a search within a change"):
            gallery.search(reading.embedding)
    assert [one.person for one in gallery.search(reading.embedding)[0]] == ["Ada"]


def test_a_change_within_a_change(gallery: Gallery) -> None:
    with gallery.change() as change:
        change.add_person("Ada")
        with pytest.raises(VultusError, match="inside another transaction"):
            gallery.add_person("Bob")
    with pytest.raises(VultusError, match="has ended"):
        change.add_person("Bob")
    with gallery.view(), pytest.raises(VultusError, match="inside another transaction"):
        gallery.add_person("Bob")
    assert [one.name for one in gallery.people()] == ["Ada"]


def test_who_may_not_write(gallery: Gallery, opened) -> None:
    gallery.add_person("Ada")
    reader, other = opened(read_only=True), opened(timeout=0.05)
    with pytest.raises(GalleryError, match="read-only"), reader.change():
        pass
    with reader.view() as view:
        assert view.person("Ada").templates == 0
    with gallery.change() as change:
        change.add_person("Bob")
        with pytest.raises(GalleryBusyError):
            other.add_person("Eve")
        assert reader.people() == (reader.person("Ada"),)  # others see it when it is done
    assert other.add_person("Eve").name == "Eve"


def test_threads_take_turns(gallery: Gallery, reading: Reading) -> None:
    def work(number: int) -> None:
        for step in range(5):
            with gallery.change() as change:
                person = change.add_person(f"p{number}-{step}")
                change.add_face(person.id, reading, source=str(len(change.faces())), sha256="ab" * 32, ordinal=0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with gallery.view() as view:
        assert sorted(int(face.source or "-1") for face in view.faces()) == list(range(20))
    assert gallery.revision == 20


_DIES = """
import os, sys
from vultus.gallery import Gallery
from vultus.testing import Analyzer, picture
analyzer = Analyzer()
gallery = Gallery.open(sys.argv[1], analyzer=analyzer)
(reading,) = analyzer.analyze(picture("Ada"))
with gallery.change() as change:
    change.rename("Ada", "Eve")
    for number in range(3):
        person = change.add_person(f"p{number}").id
        change.add_face(person, reading, source="x", sha256="ab" * 32, ordinal=0)
    change.remove("Bob")
    os._exit(9)
"""


def test_a_process_that_dies_within_changes_nothing(opened, tmp_path: Path, directions: Directions) -> None:
    gallery = opened()
    gallery.enroll_vectors("Ada", directions(2))
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    before = (gallery.people(), gallery.revision)
    gallery.close()
    done = subprocess.run(
        [sys.executable, "-c", _DIES, str(gallery.path)], check=False, capture_output=True, timeout=60
    )
    assert done.returncode == 9, done.stderr
    again = opened()
    assert (again.people(), again.revision) == before
    assert again.check().ok
