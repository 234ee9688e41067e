from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from vultus.errors import (
    ConflictError,
    FaceRefusedError,
    ImageFormatError,
    InputError,
    InvalidVectorError,
    NoFaceError,
    TooManyFacesError,
)
from vultus.gallery import Gallery
from vultus.images import digest
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import unit


def save(path: Path, image) -> Path:
    Pillow.fromarray(image).save(path)
    return path


def codes(enrolment) -> list[str]:
    return [refused.code for refused in enrolment.refused]


def near(vector, cosine: float, seed: int = 0):
    """A unit vector at the given cosine to `vector`."""
    other = np.random.default_rng(seed).normal(size=vector.shape)
    other -= (other @ vector) * vector
    return (cosine * vector + (1 - cosine**2) ** 0.5 * other / np.linalg.norm(other)).astype(np.float32)


def test_nothing(gallery: Gallery) -> None:
    done = gallery.enroll("Ada", [])
    assert (done.person, done.added, done.unchanged, done.refused, done.notes) == (None, (), (), (), ())
    assert gallery.people() == ()
    assert gallery.revision == 0


def test_partial_success(gallery: Gallery, tmp_path: Path) -> None:
    good = save(tmp_path / "1.png", picture("Ada"))
    (tmp_path / "2.jpg").write_bytes(b"")
    (tmp_path / "3.jpg").write_bytes(b"no picture at all")
    save(tmp_path / "4.png", np.full((50, 50, 3), 128, np.uint8))
    save(tmp_path / "5.png", picture("Ada", side=20))
    done = gallery.enroll(
        "Ada",
        [
            good,
            *(tmp_path / f"{n}.{s}" for n, s in ((2, "jpg"), (3, "jpg"), (4, "png"), (5, "png"))),
            tmp_path / "absent.png",
        ],
    )
    assert done.person == gallery.person("Ada")
    assert done.person is not None
    assert done.person.templates == 1
    assert [template.source for template in done.added] == [str(good)]
    assert codes(done) == ["unreadable", "unreadable", "no_face", "quality", "unreadable"]
    assert [Path(refused.source).name for refused in done.refused] == ["2.jpg", "3.jpg", "4.png", "5.png", "absent.png"]
    assert "SMALL_BOUNDING_BOX" in [failure.code for failure in done.refused[3].refusals]
    assert done.require() is done


def test_a_folder(gallery: Gallery, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", picture("Ada", noise=20, seed=number))
    (tmp_path / "notes.txt").write_text("x")
    assert len(gallery.enroll("Ada", tmp_path).added) == 3
    assert gallery.enroll("Ada", str(tmp_path)).unchanged == tuple(str(tmp_path / f"{n}.png") for n in range(3))


def test_every_kind_of_picture(gallery: Gallery, tmp_path: Path) -> None:
    image = picture("Ada", seed=1, noise=10)
    path = save(tmp_path / "a.png", image)
    assert len(gallery.enroll("Ada", image).added) == 1
    assert gallery.enroll("Ada", Pillow.fromarray(image)).unchanged == ("picture 1",)  # the same pixels
    assert len(gallery.enroll("Ada", path.read_bytes()).added) == 1
    assert gallery.enroll("Ada", path).unchanged == (str(path),)  # the same bytes


def test_the_same_picture_twice_changes_nothing(gallery: Gallery) -> None:
    image = picture("Ada")
    gallery.enroll("Ada", [image])
    before = gallery.revision, gallery.people()
    done = gallery.enroll("Ada", [image, image])
    assert done.unchanged == ("picture 1", "picture 2")
    assert done.added == ()
    assert done.person == gallery.person("Ada")
    assert (gallery.revision, gallery.people()) == before
    assert gallery.known_source(digest(image))
    assert gallery.known_source(digest(image), "Ada")
    assert not gallery.known_source(digest(image), "Bob")
    assert not gallery.known_source("0" * 64)


def test_somebody_elses_face(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    done = gallery.enroll("Bob", [picture("Ada", noise=20, seed=1), picture("Bob")])
    assert codes(done) == ["conflict"]
    assert done.refused[0].person == "Ada"
    assert done.refused[0].score == pytest.approx(0.95, abs=0.05)
    assert "use force" in done.refused[0].reason
    assert done.person is not None
    assert done.person.templates == 1


def test_a_person_of_conflicts_only_is_not_created(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    revision = gallery.revision
    done = gallery.enroll("Bob", picture("Ada", noise=20, seed=1))
    assert done.person is None
    assert [person.name for person in gallery.people()] == ["Ada"]
    assert gallery.revision == revision
    with pytest.raises(ConflictError, match="looks like Ada"):
        done.require()


def test_force(gallery: Gallery) -> None:
    gallery.enroll("Ada", picture("Ada"))
    done = gallery.enroll("Twin", picture("Ada", noise=20, seed=1), force=True)
    assert [template.forced for template in done.added] == [True]
    assert any("also looks like Ada" in note.text for note in done.notes)
    assert not gallery.faces("Ada")[0].forced


def test_a_face_nearer_to_its_own_person_is_no_conflict(gallery: Gallery, directions) -> None:
    ada = directions(1)[0]
    bob = near(ada, 0.5)
    gallery.enroll_vectors("Ada", ada)
    gallery.enroll_vectors("Bob", bob, force=True)
    between = unit(bob + 0.2 * ada)
    assert between @ bob > between @ ada > Thresholds(Analyzer().contract).verify(1e-3).threshold
    done = gallery.enroll_vectors("Bob", between)
    assert len(done.added) == 1
    assert any("also looks like Ada" in note.text for note in done.notes)
    assert codes(gallery.enroll_vectors("Ada", unit(bob + 0.1 * ada))) == ["conflict"]


def test_the_conflict_threshold_follows_the_gallery(opened, directions) -> None:
    """At T(FMR 1e-3) a gallery of thousands would refuse newcomers by chance."""
    gallery = opened()
    table = Thresholds(Analyzer().contract)
    ada = directions(1)[0]
    gallery.enroll_vectors("Ada", ada)
    score = table.verify(1e-3).threshold + 0.01
    assert codes(gallery.enroll_vectors("Bob", near(ada, score, 1))) == ["conflict"]
    crowd = directions(3000, seed=9)
    crowd = crowd[np.abs(crowd @ ada) < 0.2][:2000]
    with gallery._store.write() as connection:  # straight into the tables: this is not what is tested
        from vultus.gallery import contracts, faces, people

        contract = contracts.adopt(connection, gallery._declared)
        for number, vector in enumerate(crowd):
            faces.insert(connection, people.add(connection, f"p{number}"), faces.Offer(vector), contract)
    assert table.identify(1e-2, np.ones(2001, dtype=int)).threshold > score
    done = gallery.enroll_vectors("Bob", near(ada, score, 1))
    assert [refused for refused in done.refused if refused.person == "Ada"] == []


def test_pictures_that_show_different_people(gallery: Gallery) -> None:
    done = gallery.enroll("Ada", [picture("Ada"), picture("Ada", noise=20, seed=1), picture("Zoe")])
    assert len(done.added) == 3
    assert [note.source for note in done.notes if "different people" in note.text] == ["picture 3"]
    two = gallery.enroll("Bob", [picture("Bob"), picture("Trudy")])
    assert [note.source for note in two.notes if "different people" in note.text] == ["picture 1", "picture 2"]


def test_at_most_a_hundred_templates(gallery: Gallery, directions) -> None:
    done = gallery.enroll_vectors("Ada", near_many(directions(1)[0], 102))
    assert len(done.added) == 100
    assert codes(done) == ["full", "full"]
    assert "remove some faces" in done.refused[0].reason


def near_many(vector, count: int):
    return np.stack([near(vector, 0.8, seed) for seed in range(count)])


@pytest.mark.parametrize(
    ("policy", "added", "refused"),
    [("main", 1, []), ("all", 2, []), ("one", 0, ["several_faces"]), (2, 1, []), ("2", 1, []), (3, 0, ["no_face"])],
)
def test_which_face(gallery: Gallery, policy, added: int, refused: list[str]) -> None:
    done = gallery.enroll("Ada", picture("Ada", "Ada", noise=20), faces=policy)
    assert len(done.added) == added
    assert codes(done) == refused


def test_the_choice_is_stated(gallery: Gallery) -> None:
    done = gallery.enroll("Ada", picture("Ada", "Bob"))
    assert [note.text for note in done.notes if "of 2 chosen" in note.text]


def test_another_face_of_a_known_picture(gallery: Gallery) -> None:
    image = picture("Ada", "Bob")
    gallery.enroll("Ada", image, faces=1)
    assert len(gallery.enroll("Bob", image, faces=2).added) == 1
    assert gallery.enroll("Bob", image, faces=2).unchanged == ("picture 1",)
    assert [template.ordinal for name in ("Ada", "Bob") for template in gallery.faces(name)] == [0, 1]


@pytest.mark.parametrize("option", [{"faces": "biggest"}, {"faces": 0}, {"gate": "strict"}])
def test_a_wrong_option(gallery: Gallery, option) -> None:
    with pytest.raises(InputError, match="expected"):
        gallery.enroll("Ada", picture("Ada"), **option)
    assert gallery.people() == ()


@pytest.mark.parametrize(
    ("image", "policy", "error"),
    [
        (b"nothing", "main", ImageFormatError),
        (np.full((60, 60, 3), 128, np.uint8), "main", NoFaceError),
        (picture("Ada", "Bob"), "one", TooManyFacesError),
        (picture("Ada", side=20), "main", FaceRefusedError),
    ],
)
def test_require(gallery: Gallery, image, policy: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="picture 1: "):
        gallery.enroll("Ada", image, faces=policy).require()


def test_readings(gallery: Gallery, analyzer: Analyzer) -> None:
    image = picture("Ada")
    readings = analyzer.analyze(image)
    size_wh = (image.shape[1], image.shape[0])
    done = gallery.enroll_readings("Ada", readings, source="a.png", sha256="ab" * 32, size_wh=size_wh)
    (template,) = done.added
    assert (template.person, template.source, template.sha256, template.ordinal) == ("Ada", "a.png", "ab" * 32, 0)
    assert template.quality == pytest.approx(readings[0].quality.score)
    assert template.box == readings[0].face.box
    again = gallery.enroll_readings("Ada", readings, source="b.png", sha256="ab" * 32, size_wh=size_wh)
    assert again.unchanged == ("b.png",)
    bare = [replace(reading, embedding=None) for reading in readings]
    refused = gallery.enroll_readings("Ada", bare, source="c.png", sha256="cd" * 32, size_wh=size_wh)
    assert codes(refused) == ["no_embedding"]
    with pytest.raises(InputError, match="SHA-256"):
        gallery.enroll_readings("Ada", readings, source="a.png", sha256="12", size_wh=size_wh)


def test_crops(opened, tmp_path: Path, analyzer: Analyzer) -> None:
    image = picture("Ada", side=90)
    kept = opened(tmp_path / "a").enroll("Ada", image).added[0]
    assert kept.crop
    (reading,) = analyzer.analyze(image)
    np.testing.assert_array_equal(opened(tmp_path / "a").crop(kept.id), reading.aligned)
    bare = opened(tmp_path / "b", keep="none").enroll("Ada", image).added[0]
    assert not bare.crop
    assert opened(tmp_path / "b").crop(bare.id) is None


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param(np.full(128, np.nan), id="NaN"),
        pytest.param(np.zeros(128), id="zeros"),
        pytest.param(np.ones(64), id="dimension"),
        pytest.param(np.ones((2, 2, 128)), id="shape"),
        pytest.param(np.zeros((0, 128)), id="none"),
    ],
)
def test_vectors_that_are_refused(gallery: Gallery, vectors) -> None:
    with pytest.raises(InvalidVectorError, match="expected"):
        gallery.enroll_vectors("Ada", vectors)
    assert gallery.people() == ()


def test_vectors(gallery: Gallery, directions) -> None:
    done = gallery.enroll_vectors("Ada", directions(1)[0] * 5, sources=["camera 1"])  # any length
    assert [(template.source, template.sha256, template.box) for template in done.added] == [("camera 1", None, None)]
    assert gallery.enroll_vectors("Ada", directions(1)).unchanged == ("a vector",)
    with pytest.raises(InputError, match="a source for each of 2"):
        gallery.enroll_vectors("Ada", directions(2), sources=["one"])


def test_a_path_that_is_no_unicode(gallery: Gallery, tmp_path: Path) -> None:
    import os

    name = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        Path(os.fsdecode(name)).write_bytes(save(tmp_path / "a.png", picture("Ada")).read_bytes())
    except (OSError, UnicodeError):
        pytest.skip("this file system wants Unicode names")
    done = gallery.enroll("Ada", os.fsdecode(name))
    assert done.added[0].source is not None
    assert done.added[0].source.endswith("\\udcff.png")


def test_without_thresholds_doubles_are_not_looked_for(opened, tmp_path: Path) -> None:
    """A model that nobody calibrated: enrolling works, deciding does not."""
    from vultus.errors import OperatingPointError

    gallery = opened(operating=None)
    gallery.enroll("Ada", picture("Ada"))
    assert len(gallery.enroll("Bob", picture("Ada", noise=20, seed=1)).added) == 1
    with pytest.raises(OperatingPointError, match="vultus calibrate"):
        gallery.identify(picture("Ada"))
    assert gallery.search(Analyzer().analyze(picture("Ada"))[0].embedding)[0][0].person == "Ada"


def test_thresholds_of_another_model(opened) -> None:
    from vultus.errors import OperatingPointError

    gallery = opened(operating=Thresholds(Analyzer("other").contract))
    with pytest.raises(OperatingPointError, match="of another model"):
        gallery.identify(picture("Ada"))
