from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import ContractMismatchError, GalleryError, InputError, StorageError
from vultus.gallery import Gallery
from vultus.testing import Analyzer, Thresholds, picture

NEW = Analyzer("newer", dimension=96)


class Stopping(Analyzer):
    """Dies after some crops, as a killed process or a full disk does."""

    def __init__(self, crops: int) -> None:
        super().__init__("newer", dimension=96)
        self.crops = crops

    def embed(self, aligned: Sequence) -> np.ndarray:
        if self.crops < len(aligned):
            raise StorageError("stopped")
        self.crops -= len(aligned)
        return super().embed(aligned)


class Wrong(Analyzer):
    """Says the same of everybody, nearly: what a wrong colour order or alignment may do."""

    def embed(self, aligned: Sequence) -> np.ndarray:
        rows = np.random.default_rng(len(aligned)).normal(size=(len(aligned), 96)) * 0.01 + 1
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Watching(Analyzer):
    """Lets something happen elsewhere while it works."""

    def __init__(self, meanwhile) -> None:
        super().__init__("newer", dimension=96)
        self.meanwhile = [meanwhile]

    def embed(self, aligned: Sequence) -> np.ndarray:
        if self.meanwhile and len(aligned):
            self.meanwhile.pop()()
        return super().embed(aligned)


@pytest.fixture
def filled(opened) -> Gallery:
    gallery = opened()
    for name in ("Ada", "Bob", "Zoe"):
        gallery.enroll(name, [picture(name, noise=25, seed=seed) for seed in range(4)])
    return gallery


def test_nobody(gallery: Gallery) -> None:
    with pytest.raises(GalleryError, match="nothing to migrate"):
        gallery.migrate(NEW)


def test_everybody(filled: Gallery, opened) -> None:
    seen: list[tuple[int, int]] = []
    before = [(person.id, person.name, person.templates) for person in filled.people()]
    done = filled.migrate(NEW, batch=5, progress=lambda *numbers: seen.append(numbers))
    assert (done.templates, done.reused, done.lost_templates, done.lost_people) == (12, 0, 0, ())
    assert (done.old, done.new) == (Analyzer().contract.id, NEW.contract.id)
    assert done.rank1_old == done.rank1_new == (12, 12)
    assert seen == [(5, 12), (10, 12), (12, 12)]
    assert [(person.id, person.name, person.templates) for person in filled.people()] == before
    assert filled.contract == NEW.contract
    assert filled.stats().other_contracts == 0
    again = opened(analyzer=NEW)
    (seen_,) = again.identify(picture("Bob", noise=25, seed=9))
    assert seen_.person == "Bob"
    assert seen_.operating is not None
    assert seen_.operating.contract == NEW.contract.id
    assert again.check().ok
    again.enroll("Eve", picture("Eve"))
    with pytest.raises(ContractMismatchError):
        opened()


def test_embeddings_are_those_of_the_crops(filled: Gallery) -> None:
    filled.migrate(NEW)
    (crop,) = [filled.crop(face.id) for face in filled.faces("Ada")[:1]]
    (found,) = filled.search(NEW.embed([crop]))
    assert found[0].person == "Ada"
    assert found[0].score == pytest.approx(1, abs=1e-6)


def test_a_session_of_the_old_model_is_refused(filled: Gallery, opened) -> None:
    old = opened()
    assert old.identify(picture("Ada"))[0].person == "Ada"
    opened(analyzer=None).migrate(NEW)
    for attempt in (
        lambda: old.identify(picture("Ada")),
        lambda: old.search(np.ones(128)),
        lambda: old.enroll("Eve", picture("Eve")),
        lambda: old.enroll("Ada", picture("Ada", noise=25, seed=0)),
    ):
        with pytest.raises(ContractMismatchError, match="vultus gallery migrate"):
            attempt()
    assert old.person("Ada").templates == 4  # what needs no model goes on
    assert [person.name for person in old.people()] == ["Ada", "Bob", "Zoe"]


def test_stopped_and_resumed(filled: Gallery, opened) -> None:
    with pytest.raises(StorageError, match="stopped"):
        filled.migrate(Stopping(7), batch=3)
    assert filled.contract == Analyzer().contract
    assert filled.identify(picture("Ada", noise=25, seed=9))[0].person == "Ada"
    assert filled.check().ok
    assert filled.stats().other_contracts == 1
    filled.close()
    bare = opened(analyzer=None)
    done = bare.migrate(NEW, batch=3)
    assert (done.templates, done.reused) == (6, 6)
    assert bare.check().ok


def test_enrolled_and_removed_meanwhile(filled: Gallery, opened) -> None:
    def meanwhile() -> None:
        other = opened()
        other.enroll("Late", picture("Late"))
        other.remove("Zoe")

    bare = opened(analyzer=None)
    done = bare.migrate(Watching(meanwhile), batch=100)
    assert [person.name for person in bare.people()] == ["Ada", "Bob", "Late"]
    assert done.templates == 9
    assert bare.search(NEW.analyze(picture("Late"))[0].embedding)[0][0].person == "Late"
    assert bare.check().ok


def test_a_worse_model(filled: Gallery) -> None:
    with pytest.raises(GalleryError, match="the gallery was not switched"):
        filled.migrate(Wrong("wrong", dimension=96))
    assert filled.contract == Analyzer().contract
    assert filled.identify(picture("Ada", noise=25, seed=9))[0].person == "Ada"
    assert filled.check().ok


def test_the_same_model(filled: Gallery) -> None:
    with pytest.raises(GalleryError, match="already"):
        filled.migrate(Analyzer())
    with pytest.raises(InputError, match="batch"):
        filled.migrate(NEW, batch=0)


def test_without_crops(opened, tmp_path: Path) -> None:
    gallery = opened(tmp_path / "bare", keep="none")
    gallery.enroll("Ada", picture("Ada"))
    gallery.enroll("Bob", picture("Bob"))
    with pytest.raises(GalleryError, match="kept of 2 people, who would be lost: Ada, Bob"):
        gallery.migrate(NEW)
    assert gallery.contract == Analyzer().contract


def test_some_without_crops(filled: Gallery, directions) -> None:
    filled.enroll_vectors("Ada", directions(1))
    filled.enroll_vectors("Vector only", directions(2, seed=1))
    with pytest.raises(GalleryError, match="1 people, who would be lost: Vector only"):
        filled.migrate(NEW)
    assert filled.person("Vector only").templates == 2
    done = filled.migrate(NEW, accept_losses=True)
    assert (done.lost_templates, done.lost_people) == (3, ("Vector only",))
    assert [(person.name, person.templates) for person in filled.people()] == [("Ada", 4), ("Bob", 4), ("Zoe", 4)]
    assert filled.check().ok


def test_and_back(filled: Gallery, opened) -> None:
    image = picture("Ada", noise=25, seed=9)
    before = filled.search(Analyzer().analyze(image)[0].embedding)
    filled.migrate(NEW, keep_old=True)
    assert filled.stats().other_contracts == 1
    filled.enroll("Late", picture("Late"))
    done = filled.migrate(Analyzer())
    assert (done.reused, done.templates) == (12, 1)
    assert filled.search(Analyzer().analyze(image)[0].embedding)[0][:3] == before[0]
    assert filled.stats().other_contracts == 0
    assert opened().check().ok


def test_a_snapshot_of_the_old_model_is_not_used(filled: Gallery, opened) -> None:
    filled.compact()
    filled.migrate(NEW)
    again = opened(analyzer=NEW)
    assert again.identify(picture("Ada", noise=25, seed=9))[0].person == "Ada"
    again.compact()
    assert len(list(again.path.glob("index-*"))) == 1
    assert opened(analyzer=NEW, operating=Thresholds(NEW.contract)).identify(picture("Ada"))[0].person == "Ada"
