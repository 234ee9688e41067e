from __future__ import annotations

import pytest

from vultus.gallery import Gallery, check
from vultus.testing import picture


def codes(gallery: Gallery) -> list[str]:
    return [finding.code for finding in gallery.check().findings]


def change(gallery: Gallery, statement: str) -> None:
    with gallery._store.write() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(statement)


def test_empty(gallery: Gallery) -> None:
    found = gallery.check()
    assert found.ok
    assert (found.people, found.templates, found.crops, found.findings, found.doubles) == (0, 0, 0, (), ())


@pytest.fixture
def filled(gallery: Gallery) -> Gallery:
    for name in ("Ada", "Bob", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    return gallery


def test_whole(filled: Gallery) -> None:
    found = filled.check()
    assert found.ok
    assert (found.people, found.templates, found.crops, found.findings, found.doubles) == (3, 6, 6, (), ())
    assert found.revision == filled.revision


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE crop SET png = x'89504e47' WHERE face = 2", "crop_damaged"),
        ("UPDATE crop SET png = zeroblob(500) WHERE face = 2", "crop_damaged"),
        ("UPDATE template SET vector = zeroblob(512) WHERE face = 2", "vector_damaged"),
        ("UPDATE template SET vector = zeroblob(100) WHERE face = 2", "vector_damaged"),
        ("DELETE FROM template WHERE face = 2", "vector_missing"),
        ("UPDATE contract SET dimension = 64", "contract_damaged"),
        ("UPDATE contract SET key = 'x'", "contract_damaged"),
    ],
)
def test_damage_inside(filled: Gallery, statement: str, code: str) -> None:
    change(filled, statement)
    found = filled.check()
    assert code in [finding.code for finding in found.findings]
    assert not found.ok


def test_what_is_searched_differs(filled: Gallery) -> None:
    """Behind the triggers' back: the index must not be believed because it is in memory."""
    filled.search(filled._live.matrix()[1][:1])
    with filled._store.write() as connection:
        connection.execute("DELETE FROM template WHERE face = 1")
        connection.execute("UPDATE template SET vector = (SELECT vector FROM template WHERE face = 5) WHERE face = 2")
        connection.execute("DROP TRIGGER face_moved")
        connection.execute("UPDATE face SET person = 1 WHERE id = 6")
    (finding,) = [finding for finding in filled.check().findings if finding.code == "index_differs"]
    assert finding.detail.startswith("3 of 5 templates")


def test_a_broken_reference(filled: Gallery) -> None:
    filled._store.connection.execute("PRAGMA foreign_keys = OFF")
    change(filled, "DELETE FROM person WHERE id = 1")
    assert "reference_broken" in codes(filled)


def test_many_findings_are_counted(gallery: Gallery, directions) -> None:
    gallery.enroll_vectors("Ada", directions(60))
    change(gallery, "UPDATE template SET vector = zeroblob(512)")
    found = [finding for finding in gallery.check().findings if finding.code == "vector_damaged"]
    assert len(found) == 21
    assert found[-1].detail == "and 40 more"


def test_doubles(filled: Gallery) -> None:
    filled.enroll("Ada again", picture("Ada", noise=25, seed=2), force=True)
    found = filled.check()
    assert found.ok  # worth a look, nothing is damaged
    (double,) = found.doubles
    assert (double.first, double.second) == ("Ada", "Ada again")
    assert double.score > 0.8 > double.threshold


def test_doubles_of_a_crowd_are_not_looked_for(filled: Gallery, monkeypatch) -> None:
    monkeypatch.setattr(check, "_PAIRWISE", 5)
    (finding,) = filled.check().findings
    assert (finding.code, finding.broken) == ("doubles_unchecked", False)
    assert filled.check().ok
