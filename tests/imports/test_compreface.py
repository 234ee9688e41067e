"""CompreFace: folders, lists of its REST API, and a plain dump of its database as pg_dump writes it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import PIL.Image
import pytest

from vultus.errors import InputError, NotFoundError
from vultus.gallery import Gallery
from vultus.imports import enroll_marked
from vultus.imports.compreface import read
from vultus.testing import Analyzer, Thresholds, picture


@pytest.fixture
def gallery(tmp_path: Path):
    analyzer = Analyzer()
    with Gallery.open(tmp_path / "staff", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        yield gallery


def png(name: str, noise: float = 0) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(picture(name, noise=noise)).save(out, "PNG")
    return out.getvalue()


def dump(*, older: bool = False, hide: str = "") -> bytes:
    """A plain dump with other tables, quoted names, escapes, and pictures whose rows come before their owners'."""
    images = [("i1", "s1", png("Ada")), ("i2", "s1", png("Ada", 10)), ("i3", "s2", png("Bob"))]
    pictures = "\n".join(f"{i}\t\\\\x{data.hex()}" + (f"\t{subject}" if older else "") for i, subject, data in images)
    embeddings = "\n".join(f"e{n}\t{s}\t{{0.1,0.2}}\tFacenet2018\t{i}" for n, (i, s, _) in enumerate(images))
    blocks = {
        "app": "COPY public.app (id, name) FROM stdin;\n1\tdemo\\tapp\n\\.\n",
        "img": f"COPY public.img (id, content{', subject_id' if older else ''}) FROM stdin;\n{pictures}\ni4\t\\N"
        + ("\ts1" if older else "")
        + "\n\\.\n",
        "embedding": "COPY public.embedding (id, subject_id, embedding, calculator, img_id) FROM stdin;\n"
        f"{embeddings}\ne9\ts1\t{{0.1}}\tFacenet2018\t\\N\n\\.\n",
        "subject": 'COPY public.subject (id, "api_key", subject_name) FROM stdin;\n'
        "s1\tk1\tAda \\\\ Lovelace\ns2\tk1\tBob\ns3\tk2\tNo Pictures\n\\.\n",
    }
    text = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n"
    return (text + "\n\n".join(block for name, block in blocks.items() if name != hide)).encode()


def test_an_empty_folder(tmp_path: Path) -> None:
    assert list(read(tmp_path)) == []
    with pytest.raises(NotFoundError):
        list(read(tmp_path / "absent"))


@pytest.mark.parametrize("older", [False, True])
def test_a_dump(tmp_path: Path, gallery: Gallery, older: bool) -> None:
    (tmp_path / "compreface.sql").write_bytes(dump(older=older))
    marks = list(read(tmp_path / "compreface.sql"))
    assert [(mark.name, mark.source) for mark in marks] == [
        ("Ada \\ Lovelace", "compreface:i1"),
        ("Ada \\ Lovelace", "compreface:i2"),
        ("Bob", "compreface:i3"),
    ]
    taken = list(enroll_marked(gallery, Analyzer(), marks))
    assert [len(one.enrolment.added) for one in taken] == [1, 1, 1]
    assert {person.name: person.templates for person in gallery.people()} == {"Ada \\ Lovelace": 2, "Bob": 1}
    assert gallery.identify(picture("Bob"))[0].person == "Bob"
    again = list(enroll_marked(gallery, Analyzer(), marks))
    assert all(one.enrolment.unchanged for one in again)


def test_a_damaged_picture_is_refused_and_the_rest_goes_on(tmp_path: Path, gallery: Gallery) -> None:
    data = dump().replace(b"i1\t\\\\x8950", b"i1\t\\\\xzz50")
    (tmp_path / "compreface.sql").write_bytes(data)
    taken = list(enroll_marked(gallery, Analyzer(), read(tmp_path / "compreface.sql")))
    assert [(one.source, bool(one.enrolment.added)) for one in taken] == [
        ("compreface:i1", False),
        ("compreface:i2", True),
        ("compreface:i3", True),
    ]
    assert taken[0].enrolment.refused[0].code == "unreadable"


@pytest.mark.parametrize("hide", ["subject", "embedding", "img"])
def test_a_table_is_missing(tmp_path: Path, hide: str) -> None:
    (tmp_path / "some.sql").write_bytes(dump(hide=hide))
    with pytest.raises(InputError, match=f"lacks {hide}"):
        list(read(tmp_path / "some.sql"))


@pytest.mark.parametrize("data", [b"", b"text", b"PGDMP\x01", b"COPY public.img (id, content) FROM stdin;\nx"])
def test_something_else(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "some.sql").write_bytes(data)
    with pytest.raises(InputError, match=r"expected|own format"):
        list(read(tmp_path / "some.sql"))


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_a_dump_that_was_cut(tmp_path: Path, cut: float) -> None:
    whole = dump()
    (tmp_path / "some.sql").write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(InputError):
        list(read(tmp_path / "some.sql"))


@pytest.mark.parametrize("form", ["faces.csv", "faces.json"])
def test_a_list_with_pictures(tmp_path: Path, gallery: Gallery, form: str) -> None:
    """As `GET /api/v1/recognition/faces` answers, and each picture saved under its id."""
    folder = tmp_path / "export"
    folder.mkdir()
    listed = [
        {"image_id": "a1", "subject": "Ada"},
        {"image_id": "b1", "subject": "Bob"},
        {"image_id": "x", "subject": "Eve"},
    ]
    (folder / "a1.jpg").write_bytes(png("Ada"))  # by content, whatever its name
    (folder / "b1.png").write_bytes(png("Bob"))
    if form == "faces.csv":
        (folder / form).write_text("image_id,subject\n" + "\n".join(f"{r['image_id']},{r['subject']}" for r in listed))
    else:
        (folder / form).write_text(json.dumps({"faces": listed, "page_number": 0}))
    taken = {one.name: one.enrolment for one in enroll_marked(gallery, Analyzer(), read(folder))}
    assert {name for name, done in taken.items() if done.added} == {"Ada", "Bob"}
    assert taken["Eve"].refused[0].code == "unreadable"  # its picture was not saved
    assert list(read(folder / form)) == list(read(folder))


def test_an_id_is_no_path(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(png("Ada"))
    (folder / "faces.json").write_text(json.dumps([{"image_id": "../secret", "subject": "Ada"}]))
    (mark,) = read(folder)
    assert Path(str(mark.picture)).parent == folder


@pytest.mark.parametrize("text", ["{", "[1]", '{"faces": 3}', '{"people": []}', '[{"subject": "Ada"}]'])
def test_a_list_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "faces.json").write_text(text)
    with pytest.raises(InputError, match="expected"):
        list(read(tmp_path))


def test_a_folder_a_subject(tmp_path: Path, gallery: Gallery) -> None:
    (tmp_path / "export" / "Ada").mkdir(parents=True)
    (tmp_path / "export" / "Ada" / "1.png").write_bytes(png("Ada"))
    (taken,) = enroll_marked(gallery, Analyzer(), read(tmp_path / "export"))
    assert (taken.name, len(taken.enrolment.added)) == ("Ada", 1)
