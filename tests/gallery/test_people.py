from __future__ import annotations

import pytest

from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.gallery import Gallery
from vultus.images import digest
from vultus.testing import picture


def names(gallery: Gallery) -> list[str]:
    return [person.name for person in gallery.people()]


def best(gallery: Gallery, vector) -> str:
    return gallery.search(vector)[0][0].person


def test_nobody(gallery: Gallery) -> None:
    assert gallery.people() == ()


def test_people_are_listed_by_name(gallery: Gallery, directions) -> None:
    for number, name in enumerate(["Zoe", "Ada", "Bob"]):
        gallery.enroll_vectors(name, directions(number + 1, seed=number))
    assert [(person.name, person.templates) for person in gallery.people()] == [("Ada", 2), ("Bob", 3), ("Zoe", 1)]
    assert gallery.people()[0] == gallery.person("Ada")
    assert len(gallery.person("Ada").id) == 32


def test_rename(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(1))
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    before = gallery.person("Ada")
    after = gallery.rename("Ada", " Ada Lovelace ")
    assert (after.id, after.name) == (before.id, "Ada Lovelace")
    assert best(gallery, directions(1)) == "Ada Lovelace"
    with pytest.raises(NotFoundError):
        gallery.person("Ada")
    with pytest.raises(ConflictError, match="'Bob' is taken"):
        gallery.rename("Ada Lovelace", "Bob")
    with pytest.raises(InputError, match="empty"):
        gallery.rename("Bob", "  ")
    gallery.rename(before.id, "Ada")
    assert names(gallery) == ["Ada", "Bob"]


def test_merge(gallery: Gallery, directions) -> None:
    for number, name in enumerate(["Ada", "A. Lovelace", "Countess", "Bob"]):
        gallery.enroll_vectors(name, directions(2, seed=number))
    merged = gallery.merge(["A. Lovelace", "Countess", "Ada"], "Ada")
    assert (merged.name, merged.templates, merged.aliases) == ("Ada", 6, ("A. Lovelace", "Countess"))
    assert names(gallery) == ["Ada", "Bob"]
    assert {best(gallery, directions(2, seed=number)[1]) for number in range(3)} == {"Ada"}
    assert gallery.person("Countess") == merged
    assert gallery.people()[0] == merged
    # Enrolling the same folder of that name again finds the merged person.
    assert gallery.enroll_vectors("Countess", directions(2, seed=2)).unchanged == ("a vector", "a vector")
    with pytest.raises(ConflictError, match="'Countess' is taken"):
        gallery.rename("Bob", "Countess")
    assert gallery.rename("Ada", "Countess").aliases == ("A. Lovelace",)


def test_merge_of_the_same_picture(gallery: Gallery) -> None:
    image = picture("Ada")
    gallery.enroll("Ada", image)
    gallery.enroll("Copy", image, force=True)
    gallery.reject("ab" * 32, "Copy")
    assert gallery.merge("Copy", "Ada").templates == 1
    assert gallery.check().ok
    gallery.reject("ab" * 32, "Ada", undo=True)  # what was said moved along


def test_merge_of_too_many(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(60))
    gallery.enroll_vectors("Bob", directions(60, seed=1), force=True)
    with pytest.raises(ConflictError, match="at most 100"):
        gallery.merge("Bob", "Ada")
    assert [person.templates for person in gallery.people()] == [60, 60]


def test_split(gallery: Gallery, directions) -> None:
    vectors = directions(3)
    gallery.enroll_vectors("Ada", vectors)
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    faces = [face.id for face in gallery.faces("Ada")]
    new = gallery.split("Ada", faces[1:], "Eve")
    assert (new.name, new.templates) == ("Eve", 2)
    assert [best(gallery, vector) for vector in vectors] == ["Ada", "Eve", "Eve"]
    with pytest.raises(InputError, match="somebody else's"):
        gallery.split("Ada", [gallery.faces("Bob")[0].id], "Zoe")
    with pytest.raises(ConflictError, match="'Bob' is taken"):
        gallery.split("Ada", faces[:1], "Bob")
    with pytest.raises(InputError, match="got none"):
        gallery.split("Ada", [], "Zoe")
    assert names(gallery) == ["Ada", "Bob", "Eve"]


def test_a_merge_undone(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(2))
    gallery.enroll_vectors("Countess", directions(2, seed=1))
    faces = [face.id for face in gallery.faces("Countess")]
    gallery.merge("Countess", "Ada")
    assert gallery.split("Ada", faces, "Countess").templates == 2
    assert [(person.name, person.templates, person.aliases) for person in gallery.people()] == [
        ("Ada", 2, ()),
        ("Countess", 2, ()),
    ]


def test_move_faces(gallery: Gallery, directions) -> None:
    vectors = directions(2)
    gallery.enroll_vectors("Ada", vectors)
    gallery.enroll_vectors("Bob", directions(1, seed=1))
    first, second = (face.id for face in gallery.faces("Ada"))
    with pytest.raises(NotFoundError, match="0000"):
        gallery.move_faces([first, "0" * 32], "Bob")
    assert gallery.person("Ada").templates == 2
    assert gallery.move_faces([first, first], "Bob").templates == 2
    assert [best(gallery, vector) for vector in vectors] == ["Bob", "Ada"]
    assert gallery.move_faces([second], "Bob").templates == 3
    assert gallery.person("Ada").templates == 0  # stays, and is named by no search
    assert best(gallery, vectors[1]) == "Bob"


def test_moving_a_face_to_where_its_twin_is(gallery: Gallery) -> None:
    image = picture("Ada")
    gallery.enroll("Ada", image)
    (copy,) = gallery.enroll("Copy", image, force=True).added
    assert gallery.move_faces([copy.id], "Ada").templates == 1


def test_remove_face(gallery: Gallery, directions) -> None:
    vectors = directions(2)
    gallery.enroll_vectors("Ada", vectors)
    face = gallery.faces("Ada")[0].id
    assert gallery.remove_face(face).templates == 1
    assert gallery.search(vectors[0])[0][0].score < 0.9
    with pytest.raises(NotFoundError):
        gallery.remove_face(face)
    gallery.remove_face(gallery.faces("Ada")[0].id)
    assert gallery.search(vectors[0]) == ((),)
    assert gallery.enroll_vectors("Ada", vectors).person.templates == 2


def test_remove(gallery: Gallery) -> None:
    image = picture("Ada")
    gallery.enroll("Ada", image)
    gallery.enroll("Bob", picture("Bob"))
    gallery.reject("ab" * 32, "Ada")
    gone = gallery.remove("Ada")
    assert (gone.name, gone.templates) == ("Ada", 1)
    assert names(gallery) == ["Bob"]
    assert gallery.identify(image)[0].status == "unknown"
    assert not gallery.known_source(digest(image))
    assert gallery.check().ok
    assert gallery.enroll("Ada", image).person.id != gone.id


def test_stats(opened, directions) -> None:
    gallery = opened()
    nobody = gallery.stats()
    assert (nobody.people, nobody.templates, nobody.crops, nobody.revision) == (0, 0, 0, 0)
    gallery.enroll("Ada", [picture("Ada"), picture("Ada", noise=20)])
    gallery.enroll_vectors("Bob", directions(1))
    stats = gallery.stats()
    assert (stats.people, stats.templates, stats.crops, stats.revision) == (2, 3, 2, 3)
    assert stats.bytes == sum(path.stat().st_size for path in gallery.path.iterdir())
    assert stats.contract == gallery.contract
    assert (stats.keep, stats.snapshot, stats.other_contracts, stats.pending_erasures) == ("aligned", False, 0, 0)
    assert stats.operating is not None
    assert (stats.operating.people, stats.operating.templates) == (2, 1.5)
    assert stats.id == nobody.id
