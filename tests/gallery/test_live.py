"""What is searched is what is stored, after any sequence of changes, with snapshots and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vultus.errors import GalleryError
from vultus.gallery import Gallery
from vultus.gallery import live as living
from vultus.gallery.store import DATABASE
from vultus.testing import Analyzer, Thresholds
from vultus.types import unit

CONTRACT = Analyzer().contract


def open_(path: Path, **options) -> Gallery:
    return Gallery.open(path, contract=CONTRACT, operating=Thresholds(CONTRACT), **options)


def snapshots(path: Path) -> list[Path]:
    return sorted(path.glob("index-*.snapshot"))


class Sessions(RuleBasedStateMachine):
    """Two sessions of one gallery against a dictionary; either may write, both must agree with it."""

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.sessions = [open_(Path(self.folder.name)), open_(Path(self.folder.name))]
        self.people: dict[str, dict[str, np.ndarray]] = {}
        self.seed = 0

    names = st.sampled_from(["a", "b", "c", "d"])
    which = st.sampled_from([0, 1])

    @rule(session=which, name=names, count=st.integers(1, 3))
    def enroll(self, session: int, name: str, count: int) -> None:
        self.seed += 1
        vectors = unit(np.random.default_rng(self.seed).normal(size=(count, 128)), 128)
        done = self.sessions[session].enroll_vectors(name, vectors, force=True)
        mine = self.people.setdefault(name, {})
        mine |= {template.id: vector for template, vector in zip(done.added, vectors, strict=True)}

    @precondition(lambda self: self.people)
    @rule(session=which, data=st.data())
    def remove(self, session: int, data) -> None:
        name = data.draw(st.sampled_from(sorted(self.people)))
        self.sessions[session].remove(name)
        del self.people[name]

    @precondition(lambda self: any(self.people.values()))
    @rule(session=which, data=st.data(), to=names)
    def move(self, session: int, data, to: str) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, faces in self.people.items() if faces)))
        face = sorted(self.people[name])[0]
        if to in self.people:
            self.sessions[session].move_faces([face], to)
        else:
            self.sessions[session].split(name, [face], to)
        self.people.setdefault(to, {})[face] = self.people[name].pop(face)

    @precondition(lambda self: any(self.people.values()))
    @rule(session=which, data=st.data())
    def remove_face(self, session: int, data) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, faces in self.people.items() if faces)))
        face = sorted(self.people[name])[-1]
        self.sessions[session].remove_face(face)
        del self.people[name][face]

    @precondition(lambda self: len(self.people) > 1)
    @rule(session=which, data=st.data())
    def merge(self, session: int, data) -> None:
        one, other = data.draw(st.permutations(sorted(self.people)))[:2]
        self.sessions[session].merge(one, other)
        self.people[other] |= self.people.pop(one)
        self.sessions[session].merge(other, other)
        # The name that is gone stays an alias: free it, so that the model may use it again.
        with self.sessions[session]._store.write() as connection:
            connection.execute("DELETE FROM alias")

    @precondition(lambda self: self.people)
    @rule(session=which)
    def compact(self, session: int) -> None:
        self.sessions[session].compact()

    @rule(session=which)
    def reopen(self, session: int) -> None:
        self.sessions[session].close()
        self.sessions[session] = open_(Path(self.folder.name))

    @rule(session=which)
    def look(self, session: int) -> None:
        self.agree(self.sessions[session])

    @invariant()
    def revisions_agree(self) -> None:
        if hasattr(self, "sessions"):
            assert self.sessions[0].revision == self.sessions[1].revision

    def agree(self, gallery: Gallery) -> None:
        templates = [(name, vector) for name, faces in self.people.items() for vector in faces.values()]
        counts = sorted(len(faces) for faces in self.people.values() if faces)
        if not templates:
            assert gallery.search(np.ones(128)) == ((),)
            return
        for (name, _), found in zip(templates, gallery.search(np.stack([v for _, v in templates])), strict=True):
            assert found[0].person == name
            assert found[0].score == pytest.approx(1, abs=1e-6)
        assert sorted(gallery._live.counts.tolist()) == counts

    def teardown(self) -> None:
        if not hasattr(self, "sessions"):
            return
        for session in self.sessions:
            self.agree(session)
            check = session.check()
            assert check.ok, check.findings
            session.close()
        self.folder.cleanup()


Sessions.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSessions = Sessions.TestCase


def test_a_large_gallery_leaves_a_snapshot(tmp_path: Path, directions, monkeypatch) -> None:
    monkeypatch.setattr(living, "_SMALL", 10)
    with open_(tmp_path) as gallery:
        gallery.enroll_vectors("Ada", directions(9))
        gallery.search(directions(1))
    assert snapshots(tmp_path) == []
    with open_(tmp_path) as gallery:
        gallery.enroll_vectors("Bob", directions(9, seed=1), force=True)
        gallery.search(directions(1))
    assert len(snapshots(tmp_path)) == 1
    with open_(tmp_path) as gallery:
        gallery.search(directions(1))
        assert gallery._live.unsaved == 0  # nothing was read from rows
        assert gallery.check().ok
        gallery.enroll_vectors("Eve", directions(20, seed=2), force=True)
        gallery.search(directions(1))
        assert gallery._live.unsaved == 20
    assert len(snapshots(tmp_path)) == 1  # a new one, the old one is gone


@pytest.mark.parametrize("damage", ["absent", "text", "cut", "another gallery's", "head"])
def test_a_snapshot_is_never_the_truth(tmp_path: Path, directions, damage: str) -> None:
    with open_(tmp_path / "a") as gallery:
        gallery.enroll_vectors("Ada", directions(3))
        gallery.compact()
        before = gallery.search(directions(3))
    (path,) = snapshots(tmp_path / "a")
    data = path.read_bytes()
    if damage == "absent":
        path.unlink()
    elif damage == "text":
        path.write_bytes(b"x" * 100)
    elif damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "head":
        path.write_bytes(bytes(64) + data[64:])
    else:
        with open_(tmp_path / "b") as other:
            other.enroll_vectors("Bob", directions(3, seed=1))
            other.compact()
        path.write_bytes(snapshots(tmp_path / "b")[0].read_bytes())
    with open_(tmp_path / "a") as gallery:
        assert gallery.search(directions(3)) == before
        assert gallery.check().ok


def test_a_restored_backup_does_not_meet_a_newer_snapshot(tmp_path: Path, directions) -> None:
    """Same gallery, same revision numbers, another history: the mark tells them apart."""
    with open_(tmp_path / "a") as gallery:
        gallery.enroll_vectors("Ada", directions(1))
        gallery.compact()
    backup = (tmp_path / "a" / DATABASE).read_bytes()
    with open_(tmp_path / "a") as gallery:
        gallery.enroll_vectors("Bob", directions(1, seed=1))
        gallery.compact()
    (tmp_path / "a" / DATABASE).write_bytes(backup)
    with open_(tmp_path / "a") as gallery:
        gallery.enroll_vectors("Eve", directions(1, seed=2))
        gallery.enroll_vectors("Zoe", directions(1, seed=3))
    with open_(tmp_path / "a") as gallery:
        assert [c.person for c in gallery.search(directions(1, seed=1))[0]] != ["Bob"]
        assert {c.person for c in gallery.search(directions(1, seed=1))[0]} == {"Ada", "Eve", "Zoe"}
        assert gallery.check().ok


def test_a_copied_folder_is_a_gallery(tmp_path: Path, directions) -> None:
    with open_(tmp_path / "a") as gallery:
        gallery.enroll_vectors("Ada", directions(3))
        gallery.compact()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with open_(tmp_path / "b") as gallery:
        assert gallery.search(directions(1))[0][0].person == "Ada"
        assert gallery._live.unsaved == 0


def test_a_session_behind_the_log_reads_anew(tmp_path: Path, directions, monkeypatch) -> None:
    monkeypatch.setattr(living, "_LOGGED", 2)
    late, busy = open_(tmp_path), open_(tmp_path)
    busy.enroll_vectors("p", directions(1))
    late.search(directions(1))
    for number in range(1, 8):
        busy.enroll_vectors(f"p{number}", directions(1, seed=number), force=True)
    busy.remove("p")
    busy.compact()
    (logged,) = busy._store.connection.execute("SELECT count(*) FROM change").fetchone()
    assert logged == 2
    assert {c.person for c in late.search(directions(1), candidates=20)[0]} == {f"p{number}" for number in range(1, 8)}
    assert late.check().ok
    late.close()
    busy.close()


def test_a_damaged_vector_is_reported_not_searched(tmp_path: Path, directions) -> None:
    with open_(tmp_path) as gallery:
        gallery.enroll_vectors("Ada", directions(2))
        with gallery._store.write() as connection:
            connection.execute("UPDATE template SET vector = zeroblob(512) WHERE face = 1")
    with open_(tmp_path) as gallery:
        with pytest.raises(GalleryError, match="vultus gallery check"):
            gallery.search(directions(1))
        with pytest.raises(GalleryError, match="vultus gallery check"):
            gallery.search(directions(1))
        found = {finding.code for finding in gallery.check().findings}
        assert {"vector_damaged", "index_unreadable"} <= found
        gallery.remove_face(gallery.faces("Ada")[0].id)
        assert gallery.search(directions(2)[1])[0][0].person == "Ada"


def test_a_session_far_behind_reads_everything(tmp_path: Path, directions, monkeypatch) -> None:
    monkeypatch.setattr(living, "_CHUNK", 10)
    late, busy = open_(tmp_path), open_(tmp_path)
    busy.enroll_vectors("Ada", directions(5))
    late.search(directions(1))
    busy.enroll_vectors("Bob", directions(30, seed=1), force=True)
    busy.remove("Ada")
    assert [c.person for c in late.search(directions(1))[0]] == ["Bob"]
    assert late.check().ok
    late.close()
    busy.close()
