"""DeepFace's folders, tables and SQLite store; its pickles are refused."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path

import PIL.Image
import pytest

from vultus.errors import InputError, NotFoundError
from vultus.gallery import Gallery
from vultus.imports import enroll_marked, read_marked
from vultus.imports.deepface import read
from vultus.testing import Analyzer, Thresholds, picture


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A folder as `DeepFace.find` is given it."""
    folder = tmp_path / "database"
    for name in ("Ada", "Bob"):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            image = picture(name, noise=10 * number)
            PIL.Image.fromarray(image).save(folder / name / f"img{number}.png")
    PIL.Image.fromarray(picture("Eve")).save(folder / "eve-1.png")
    return folder


@pytest.fixture
def gallery(tmp_path: Path):
    analyzer = Analyzer()
    with Gallery.open(tmp_path / "staff", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        yield gallery


def test_an_empty_folder(tmp_path: Path) -> None:
    assert list(read(tmp_path)) == []
    with pytest.raises(NotFoundError):
        list(read(tmp_path / "absent"))


def test_a_folder(database: Path, gallery: Gallery) -> None:
    # What DeepFace leaves beside the pictures is passed over, not read.
    (database / "ds_model_vggface_detector_opencv_aligned_normalization_base_expand_0.pkl").write_bytes(
        pickle.dumps([{"identity": "x", "embedding": [0.0]}])
    )
    taken = list(enroll_marked(gallery, Analyzer(), read(database)))
    assert sorted({(one.name, len(one.enrolment.added)) for one in taken}) == [("Ada", 1), ("Bob", 1), ("eve", 1)]
    assert {person.name: person.templates for person in gallery.people()} == {"Ada": 2, "Bob": 2, "eve": 1}
    assert gallery.identify(picture("Bob"))[0].person == "Bob"


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("name", ["representations_vgg_face.pkl", "renamed.json", "renamed.csv"])
def test_a_pickle_is_refused_and_never_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "the pickle was run"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(InputError, match="is a pickle, and reading one runs what is in it; give the folder"):
        list(read(tmp_path / name))
    assert not mark.exists()


def rows(database: Path, two: Path) -> list[dict]:
    """As `DeepFace.find` answers: a list a face of the probe, its matches with the face's place."""
    first = {"identity": str(database / "Ada" / "img0.png"), "target_x": 19, "target_y": 19, "target_w": 112}
    return [
        {**first, "target_h": 112, "distance": 0.1},
        {"identity": str(two), "target_x": 153, "target_y": 19, "target_w": 112, "target_h": 112, "distance": 0.2},
        {"identity": str(two), "target_x": 153, "target_y": 19, "target_w": 112, "target_h": 112, "distance": 0.2},
    ]


@pytest.fixture
def two(database: Path) -> Path:
    """A picture in Bob's folder with two people; Bob is the second."""
    path = database / "Bob" / "both.png"
    PIL.Image.fromarray(picture("Ada", "Bob")).save(path)
    return path


@pytest.mark.parametrize("form", ["csv", "records", "columns", "lists", "lines"])
def test_tables_of_find(database: Path, two: Path, gallery: Gallery, form: str) -> None:
    table = rows(database, two)
    path = database / {"csv": "found.csv", "lines": "found.jsonl"}.get(form, "found.json")
    if form == "csv":
        header = list(table[0])
        path.write_text(
            ",".join(["", *header])
            + "\n"
            + "\n".join(",".join(str(v) for v in [n, *(row[key] for key in header)]) for n, row in enumerate(table))
        )
    elif form == "records":
        path.write_text(json.dumps(table))
    elif form == "columns":  # DataFrame.to_json
        path.write_text(json.dumps({key: {str(n): row[key] for n, row in enumerate(table)} for key in table[0]}))
    elif form == "lists":
        path.write_text(json.dumps([table[:1], table[1:]]))
    else:
        path.write_text("\n".join(json.dumps(row) for row in table))
    marks = list(read(path))
    assert [mark.name for mark in marks] == ["Ada", "Bob"]  # a face that comes twice is one
    assert marks[1].box((284, 150)).round() == (153, 19, 265, 131)
    taken = list(enroll_marked(gallery, Analyzer(), marks))
    assert all(len(one.enrolment.added) == 1 for one in taken)
    assert gallery.identify(picture("Bob"))[0].person == "Bob"


def test_answers_of_represent(database: Path, two: Path, gallery: Gallery) -> None:
    area = {"x": 153, "y": 19, "w": 112, "h": 112, "left_eye": None, "right_eye": None}
    (database / "faces.json").write_text(
        json.dumps([{"img_name": "Bob/both.png", "facial_area": area, "embedding": [0.0], "face_confidence": 0.9}])
    )
    (taken,) = enroll_marked(gallery, Analyzer(), read(database / "faces.json"))
    assert (taken.name, len(taken.enrolment.added)) == ("Bob", 1)
    assert gallery.identify(picture("Bob"))[0].person == "Bob"


def test_the_sqlite_store(database: Path, gallery: Gallery) -> None:
    """The table as DeepFace 0.0.9x makes it."""
    path = database / "deepface.db"
    connection = sqlite3.connect(path)
    connection.execute(
        """CREATE TABLE embeddings (id INTEGER PRIMARY KEY AUTOINCREMENT, img_name TEXT NOT NULL, face BLOB NOT NULL,
           face_shape TEXT NOT NULL, model_name TEXT NOT NULL, detector_backend TEXT NOT NULL, aligned INTEGER,
           l2_normalized INTEGER, embedding BLOB NOT NULL, created_at TIMESTAMP, face_hash TEXT, embedding_hash TEXT)"""
    )
    for name in ("Ada/img0.png", "Ada/img1.png", str(database / "Bob" / "img0.png"), "gone/missing.png"):
        connection.execute(
            "INSERT INTO embeddings (img_name, face, face_shape, model_name, detector_backend, embedding) VALUES "
            "(?, x'00', '[1]', 'Facenet', 'opencv', x'00')",
            (name,),
        )
    connection.commit()
    connection.close()
    before = path.read_bytes()
    taken = {(one.name, Path(one.source).name): one.enrolment for one in enroll_marked(gallery, Analyzer(), read(path))}
    assert {key for key, done in taken.items() if done.added} == {
        ("Ada", "img0.png"),
        ("Ada", "img1.png"),
        ("Bob", "img0.png"),
    }
    assert taken["gone", "missing.png"].refused[0].code == "unreadable"
    assert path.read_bytes() == before


REFUSED = {
    "text.json": "{",
    "empty.json": "[]",
    "numbers.json": "[1, 2]",
    "deep.json": "[" * 100_000,
    "other.csv": "a,b\n1,2\n",
    "some.txt": "text",
    "other.db": "SQLite format 3\0 and then no database at all",
}


@pytest.mark.parametrize("name", REFUSED)
def test_something_else(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(REFUSED[name])
    with pytest.raises(InputError, match="expected"):
        list(read(tmp_path / name))


def test_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="xmp, deepface, compreface"):
        read_marked("picasa", tmp_path)
