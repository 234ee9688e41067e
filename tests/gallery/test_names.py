from __future__ import annotations

import pytest

from vultus.errors import InputError, NotFoundError
from vultus.gallery import Gallery
from vultus.gallery.names import LONGEST_NAME, normal


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("  \t ", id="white space"),
        pytest.param("a" * (LONGEST_NAME + 1), id="too long"),
        pytest.param("Ada\x00", id="zero byte"),
        pytest.param("Ada\nBob", id="line feed"),
        pytest.param("Ada\u2028Bob", id="line separator"),
        pytest.param("\u202eadA", id="right-to-left override"),
        pytest.param("Ada\ud800", id="lone surrogate"),
        pytest.param(b"Ada", id="bytes"),
        pytest.param(None, id="None"),
    ],
)
def test_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name"):
        normal(name)


def test_one_spelling() -> None:
    assert normal(" Ame\u0301lie\u00a0") == "Am\u00e9lie"
    assert normal("a" * LONGEST_NAME) == "a" * LONGEST_NAME
    assert (
        normal("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )  # joiner kept


def test_two_spellings_are_one_person(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ame\u0301lie", directions(1))
    assert gallery.person("  Am\u00e9lie ").templates == 1


def test_near_names(gallery: Gallery, directions) -> None:
    with pytest.raises(NotFoundError, match="the gallery is empty"):
        gallery.person("Ada")
    for number, name in enumerate(["Ada Lovelace", "Alan Turing", "Grace Hopper"]):
        gallery.enroll_vectors(name, directions(1, seed=number))
    with pytest.raises(NotFoundError, match="did you mean 'Ada Lovelace'"):
        gallery.person("ada lovlace")
    with pytest.raises(NotFoundError, match="list the people"):
        gallery.person("Zuse")


VERBS = {
    "person": lambda g: g.person("Adda"),
    "faces": lambda g: g.faces("Adda"),
    "rename": lambda g: g.rename("Adda", "Eve"),
    "merge from": lambda g: g.merge(["Adda"], "Ada"),
    "merge into": lambda g: g.merge(["Ada"], "Adda"),
    "split": lambda g: g.split("Adda", [g.faces("Ada")[0].id], "Eve"),
    "move": lambda g: g.move_faces([g.faces("Ada")[0].id], "Adda"),
    "remove": lambda g: g.remove("Adda"),
    "erase": lambda g: g.erase("Adda"),
    "reject": lambda g: g.reject("0" * 64, "Adda"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_unknown_name_in_every_verb(gallery: Gallery, directions, verb: str) -> None:
    gallery.enroll_vectors("Ada", directions(2))
    before = gallery.revision
    with pytest.raises(NotFoundError, match="got 'Adda'; did you mean 'Ada'"):
        VERBS[verb](gallery)
    assert gallery.revision == before
    assert [person.templates for person in gallery.people()] == [2]


@pytest.mark.parametrize("verb", ["move_faces", "split", "remove_face", "crop", "reject"])
def test_unknown_face(gallery: Gallery, directions, verb: str) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    face = "0" * 32
    calls = {
        "move_faces": lambda: gallery.move_faces([face], "Ada"),
        "split": lambda: gallery.split("Ada", [face], "Eve"),
        "remove_face": lambda: gallery.remove_face(face),
        "crop": lambda: gallery.crop(face),
        "reject": lambda: gallery.reject(face, "Ada"),
    }
    with pytest.raises(InputError if verb == "reject" else NotFoundError, match=face):
        calls[verb]()
    assert [person.name for person in gallery.people()] == ["Ada"]
