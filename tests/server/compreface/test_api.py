"""Paths, parameters and error codes beyond what the SDK reaches."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from vultus.server.run import running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds

Png = Callable[..., bytes]
NOBODY = "00000000-0000-4000-8000-000000000000"


def code(answer: httpx.Response) -> tuple[int, int]:
    """Status and code of an error."""
    said = answer.json()
    assert set(said) == {"message", "code"}
    assert said["message"]
    return answer.status_code, said["code"]


def add(desk: Any, image: bytes, subject: str) -> str:
    """Id of a new example."""
    answer = desk.post("recognition/faces", image, subject=subject)
    assert answer.status_code == 201, answer.text
    assert answer.json()["subject"] == subject
    return str(answer.json()["image_id"])


def test_an_empty_gallery(desk: Any, png: Png) -> None:
    assert desk.http.get("/api/v1/recognition/subjects/").json() == {"subjects": []}
    assert desk.http.get("/api/v1/recognition/faces").json() == {
        "faces": [],
        "page_number": 0,
        "page_size": 20,
        "total_pages": 0,
        "total_elements": 0,
    }
    (found,) = desk.post("recognition/recognize", png("Ada")).json()["result"]
    assert found["subjects"] == []
    assert desk.http.request("DELETE", "/api/v1/recognition/faces").json() == {"deleted": 0}


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, (400, 20)), ("vk_x", (400, 26)), ("", (400, 26)), ("00000000-0000-4000-8000-000000000000", (404, 10))],
)
def test_keys(desk: Any, key: str | None, expected: tuple[int, int]) -> None:
    headers = {} if key is None else {"x-api-key": key}
    answer = httpx.get(f"{desk.running.address}/api/v1/recognition/subjects", headers=headers)
    assert code(answer) == expected


def test_a_key_of_another_kind_or_role_or_that_is_revoked(desk: Any, open_desk: Callable[..., Any], png: Png) -> None:
    keys = desk.running.service.keys
    viewer = open_desk("viewer", desk.gallery)
    assert viewer.http.get("/api/v1/recognition/subjects").status_code == 200
    assert code(viewer.post("recognition/recognize", png("Ada"))) == (404, 10)
    assert code(viewer.http.post("/api/v1/recognition/subjects", json={"subject": "x"})) == (404, 10)
    operator = open_desk("operator", desk.gallery)
    assert operator.post("recognition/recognize", png("Ada")).status_code == 200
    assert code(operator.post("recognition/faces", png("Ada"), subject="Ada")) == (404, 10)
    (made,) = [key for key in keys.list() if key.role == "viewer" and key.galleries == (desk.gallery,)]
    keys.revoke(made.id)
    assert code(viewer.http.get("/api/v1/recognition/subjects")) == (404, 10)


def test_a_key_for_a_gallery_that_is_gone_or_for_all(desk: Any) -> None:
    service = desk.running.service
    for galleries in (("nowhere",), ("*",), (desk.gallery, "other")):
        made = service.keys.create("admin", kind="compreface", galleries=galleries)
        answer = httpx.get(f"{desk.running.address}/api/v1/recognition/subjects", headers={"x-api-key": made.secret})
        assert code(answer) == (404, 10)


def test_two_desks_do_not_see_each_other(desk: Any, open_desk: Callable[..., Any], png: Png) -> None:
    other = open_desk()
    face = add(desk, png("Ada"), "Ada")
    assert other.http.get("/api/v1/recognition/subjects").json() == {"subjects": []}
    assert code(other.http.delete(f"/api/v1/recognition/faces/{face}")) == (404, 44)
    assert other.http.get(f"/api/v1/recognition/faces/{face}/img").content == b""
    assert code(other.post(f"recognition/faces/{face}/verify", png("Ada"))) == (404, 44)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nothing"),
        ("PATCH", "recognition/subjects"),
        ("GET", "recognition/recognize"),
        ("GET", "recognition/subjects/x"),
    ],
)
def test_addresses_and_methods_that_are_none(desk: Any, method: str, path: str) -> None:
    assert code(desk.http.request(method, f"/api/v1/{path}")) == (404, 0)


def test_subjects(desk: Any) -> None:
    subjects = "/api/v1/recognition/subjects"
    assert desk.http.post(subjects, json={"subject": "Ada/Byron ü"}).status_code == 201
    assert code(desk.http.post(subjects, json={"subject": "Ada/Byron ü"})) == (400, 43)
    for body in ({"subject": ""}, {"subject": "  "}, {}, []):
        assert code(desk.http.post(subjects, json=body)) == (400, 5)
    assert code(desk.http.post(subjects, content=b"{")) == (400, 26)
    assert code(desk.http.post(subjects, json={"subject": 7})) == (400, 26)
    assert code(desk.http.post(subjects, json={"subject": "x\u0000y"})) == (400, 26)
    assert code(desk.http.put(f"{subjects}/nobody", json={"subject": "x"})) == (404, 42)
    assert code(desk.http.delete(f"{subjects}/nobody")) == (404, 42)
    assert desk.http.put(f"{subjects}/Ada%2FByron ü", json={"subject": "Ada"}).json() == {"updated": True}
    assert desk.http.delete(f"{subjects}/Ada").json() == {"subject": "Ada"}


def test_renaming_to_somebody_who_is_there_merges(desk: Any, png: Png) -> None:
    add(desk, png("Ada"), "Ada")
    add(desk, png("Ada Byron"), "Ada Byron")
    answer = desk.http.put("/api/v1/recognition/subjects/Ada Byron", json={"subject": "Ada"})
    assert answer.json() == {"updated": True}
    assert desk.http.get("/api/v1/recognition/subjects").json() == {"subjects": ["Ada"]}
    listed = desk.http.get("/api/v1/recognition/faces", params={"subject": "Ada"}).json()
    assert listed["total_elements"] == 2


def test_examples_in_pages(desk: Any, png: Png) -> None:
    ids = [add(desk, png(name, seed=seed), name) for name in ("Ada", "Bob", "Eve") for seed in range(3)]
    faces = "/api/v1/recognition/faces"
    pages = [desk.http.get(faces, params={"page": page, "size": 4}).json() for page in range(4)]
    assert [[face["image_id"] for face in page["faces"]] for page in pages] == [ids[:4], ids[4:8], ids[8:], []]
    assert {(page["total_pages"], page["total_elements"], page["page_size"]) for page in pages} == {(3, 9, 4)}
    bob = desk.http.get(faces, params={"subject": "Bob", "size": 2, "page": 1}).json()
    assert (bob["faces"], bob["total_elements"]) == ([{"image_id": ids[5], "subject": "Bob"}], 3)
    assert code(desk.http.get(faces, params={"subject": "nobody"})) == (404, 42)
    assert code(desk.http.get(faces, params={"page": -1})) == (400, 26)
    assert code(desk.http.get(faces, params={"size": 0})) == (400, 26)


def test_removing_examples(desk: Any, png: Png) -> None:
    one, two, three = (add(desk, png("Ada", seed=seed), "Ada") for seed in range(3))
    answer = desk.http.post("/api/v1/recognition/faces/delete", json=[one, NOBODY, "x", one])
    assert answer.json() == [{"image_id": one, "subject": "Ada"}]
    assert desk.http.delete(f"/api/v1/recognition/faces/{two}").json() == {"image_id": two, "subject": "Ada"}
    for gone in (two, NOBODY, "x"):
        assert code(desk.http.delete(f"/api/v1/recognition/faces/{gone}")) == (404, 44)
    assert code(desk.http.post("/api/v1/recognition/faces/delete", json={"ids": []})) == (400, 26)
    assert code(desk.http.delete("/api/v1/recognition/faces", params={"subject": "nobody"})) == (404, 42)
    assert desk.http.delete("/api/v1/recognition/faces", params={"subject": "Ada"}).json() == {"deleted": 1}
    assert desk.http.get("/api/v1/recognition/subjects").json() == {"subjects": ["Ada"]}
    assert desk.http.get(f"/api/v1/recognition/faces/{three}/img").content == b""


def test_the_same_picture_again_is_the_same_example(desk: Any, png: Png) -> None:
    assert add(desk, png("Ada"), "Ada") == add(desk, png("Ada"), "Ada")


def test_faces_that_are_not_enrolled(desk: Any, png: Png) -> None:
    add(desk, png("Ada"), "Ada")
    faces = "recognition/faces"
    assert code(desk.post(faces, png("Ada"))) == (400, 33)
    assert code(desk.post(faces, png("Ada"), subject="")) == (400, 5)
    assert code(desk.post(faces, png(), subject="Bob")) == (400, 28)
    assert code(desk.post(faces, png("Bob", "Eve"), subject="Bob")) == (400, 31)
    assert code(desk.post(faces, png("Bob"), subject="Bob", det_prob_threshold=1)) == (400, 28)
    assert code(desk.post(faces, png("Bob"), subject="Bob", det_prob_threshold=1.1)) == (400, 26)
    assert code(desk.post(faces, None, subject="Bob")) in {(400, 34), (400, 21)}
    assert code(desk.post(faces, png("Bob", side=30), subject="Bob")) == (400, 36)  # too small to enrol
    answer = desk.post(faces, png("Ada", seed=1), subject="Bob")  # who looks like Ada
    assert code(answer) == (400, 36)
    assert "Ada" in answer.json()["message"]
    assert "0." not in answer.json()["message"]  # no similarity
    assert desk.http.get("/api/v1/recognition/subjects").json() == {"subjects": ["Ada"]}


def test_images(desk: Any, png: Png) -> None:
    face = add(desk, png("Ada"), "Ada")
    own = desk.http.get(f"/api/v1/recognition/faces/{face}/img")
    assert Image.open(io.BytesIO(own.content)).size == (112, 112)
    bare = httpx.get(f"{desk.running.address}/api/v1/static/{desk.key}/images/{face}")
    assert bare.content == own.content
    assert httpx.get(f"{desk.running.address}/api/v1/static/{desk.key}/images/{NOBODY}").content == b""
    assert code(httpx.get(f"{desk.running.address}/api/v1/static/{NOBODY}/images/{face}")) == (404, 10)
    assert code(httpx.get(f"{desk.running.address}/api/v1/static/x/images/{face}")) == (400, 26)


def test_base64(desk: Any, png: Png) -> None:
    body = {"file": base64.b64encode(png("Ada")).decode()}
    made = desk.http.post("/api/v1/recognition/faces", params={"subject": "Ada"}, json=body)
    assert made.status_code == 201
    (found,) = desk.http.post("/api/v1/recognition/recognize", json=body).json()["result"]
    assert found["subjects"][0]["subject"] == "Ada"
    assert found["subjects"][0]["similarity"] == pytest.approx(1, abs=1e-4)
    assert code(desk.http.post("/api/v1/recognition/recognize", json={"file": "%%%"})) == (400, 21)
    assert code(desk.http.post("/api/v1/recognition/recognize", json={"file": ""})) == (400, 21)
    assert code(desk.http.post("/api/v1/recognition/recognize", json={})) == (400, 26)
    assert code(desk.http.post("/api/v1/recognition/recognize", content=b"x")) == (400, 21)
    two = {"source_image": body["file"], "target_image": body["file"]}
    (pair,) = desk.http.post("/api/v1/verification/verify", json=two).json()["result"]
    assert pair["face_matches"][0]["similarity"] == pytest.approx(1, abs=1e-4)


def test_recognize_parameters(desk: Any, png: Png) -> None:
    for name in ("Ada", "Bob"):
        add(desk, png(name), name)
    image = png("Ada", "Bob", seed=3)

    def ask(**query: Any) -> httpx.Response:
        return desk.post("recognition/recognize", image, **query)

    assert len(ask(limit=1).json()["result"]) == 1
    assert len(ask(limit=0).json()["result"]) == 2
    assert code(ask(limit=-1)) == (400, 26)
    assert code(ask(prediction_count=0)) == (400, 26)
    assert code(ask(prediction_count="many")) == (400, 26)
    assert code(ask(det_prob_threshold=-0.1)) == (400, 26)
    assert code(ask(det_prob_threshold=1)) == (400, 28)
    assert code(ask(face_plugins="horoscope")) == (400, 36)
    assert code(ask(detect_faces="false")) == (400, 36)
    # At most those above the threshold, however many are asked for.
    assert [len(face["subjects"]) for face in ask(prediction_count=5).json()["result"]] == [1, 1]
    plain = ask().json()
    assert set(plain) == {"result"}
    assert set(plain["result"][0]) == {"box", "subjects"}
    full = ask(face_plugins="landmarks, calculator,pose,age,gender,mask", status="true").json()
    assert set(full["result"][0]) == {"box", "subjects", "landmarks", "embedding", "pose", "execution_time"}
    assert full["result"][0]["execution_time"]["detector"] > 0


def test_one_name_for_one_face(desk: Any, png: Png) -> None:
    add(desk, png("Ada"), "Ada")
    result = desk.post("recognition/recognize", png("Ada", "Ada", noise=30.0, seed=2)).json()["result"]
    assert sorted(len(face["subjects"]) for face in result) == [0, 1]


def test_pictures_that_are_none(desk: Any, png: Png) -> None:
    for data in (b"not a picture", png("Ada")[:300], b""):
        assert code(desk.post("detection/detect", data)) == (400, 21)
    assert code(desk.post("detection/detect", png("Ada") + b"\0" * 5 * 2**20)) == (413, 0)
    assert code(desk.post("detection/detect", b"\0" * 16 * 2**20)) == (413, 0)
    assert code(desk.http.post("/api/v1/detection/detect", files={"other": ("x", b"x")})) == (400, 34)
    assert code(desk.post("detection/detect", png())) == (400, 28)


def test_verification(desk: Any, png: Png) -> None:
    def ask(source: bytes, target: bytes) -> httpx.Response:
        files = {"source_image": ("a.png", source), "target_image": ("b.png", target)}
        return desk.http.post("/api/v1/verification/verify", files=files)

    assert code(ask(png("Ada", "Bob"), png("Ada"))) == (400, 31)
    assert code(ask(png(), png("Ada"))) == (400, 28)
    assert code(ask(png("Ada"), png())) == (400, 28)
    (pair,) = ask(png("Ada"), png("Bob", "Ada")).json()["result"]
    assert [match["similarity"] > 0.5 for match in pair["face_matches"]] == [False, True]
    only = desk.http.post("/api/v1/verification/verify", files={"source_image": ("a.png", png("Ada"))})
    assert code(only) == (400, 34)


def embedding(desk: Any, image: bytes) -> list[float]:
    """Of the only face."""
    (found,) = desk.post("detection/detect", image, face_plugins="calculator").json()["result"]
    return list(found["embedding"])


def test_embeddings(desk: Any, png: Png) -> None:
    face = add(desk, png("Ada"), "Ada")
    ada, bob = embedding(desk, png("Ada", seed=1)), embedding(desk, png("Bob"))
    answer = desk.http.post("/api/v1/recognition/embeddings/recognize", json={"embeddings": [ada, bob]}).json()
    assert [[one["subject"] for one in found["similarities"]] for found in answer["result"]] == [["Ada"], []]
    assert answer["result"][0]["embedding"] == pytest.approx(ada, abs=1e-6)
    checked = desk.http.post(
        f"/api/v1/recognition/embeddings/faces/{face}/verify", json={"embeddings": [ada, bob]}
    ).json()
    assert [one["similarity"] > 0.9 for one in checked["result"]] == [True, False]
    pairs = desk.http.post("/api/v1/verification/embeddings/verify", json={"source": ada, "targets": [bob, ada]})
    assert [one["similarity"] for one in pairs.json()["result"]] == [0, pytest.approx(1, abs=1e-4)]
    twice = [2 * value for value in ada]
    doubled = desk.http.post("/api/v1/verification/embeddings/verify", json={"source": ada, "targets": [twice]})
    assert doubled.json()["result"][0]["similarity"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("embeddings", "expected"),
    [
        (None, (400, 5)),
        ([], (400, 5)),
        ("x", (400, 26)),
        ([1.0], (400, 26)),
        ([["x"] * 128], (400, 26)),
        ([[True] * 128], (400, 26)),
        ([[[1.0]] * 128], (400, 26)),
        ([[1.0] * 127], (400, 37)),
        ([[1.0] * 128] * 101, (400, 37)),
        ([[0.0] * 128], (400, 36)),
        ([[1e300] * 128], (400, 36)),
        ([[10**400] * 128], (400, 36)),
    ],
)
def test_embeddings_that_are_none(desk: Any, embeddings: Any, expected: tuple[int, int]) -> None:
    body = {"embeddings": embeddings}
    assert code(desk.http.post("/api/v1/recognition/embeddings/recognize", json=body)) == expected


def test_an_embedding_of_nan(desk: Any) -> None:
    body = b'{"embeddings":[[' + b",".join([b"NaN"] * 128) + b"]]}"
    assert code(desk.http.post("/api/v1/recognition/embeddings/recognize", content=body)) == (400, 36)


def test_strangers_get_no_subject_unless_the_operator_says_so(
    desk: Any, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(desk, png("Ada"), "Ada")
    image = png("a stranger")
    assert desk.post("recognition/recognize", image).json()["result"][0]["subjects"] == []
    monkeypatch.setenv("VULTUS_COMPREFACE_CLOSEST", "1")
    (found,) = desk.post("recognition/recognize", image).json()["result"]
    assert found["subjects"][0]["subject"] == "Ada"
    assert found["subjects"][0]["similarity"] < 0.5


def test_the_journal_has_it(desk: Any, png: Png) -> None:
    face = add(desk, png("Ada"), "Ada")
    desk.post("recognition/recognize", png("Ada", seed=1))
    desk.post(f"recognition/faces/{face}/verify", png("Ada", seed=1))
    desk.http.delete("/api/v1/recognition/subjects/Ada")
    entries = list(desk.running.service.journal.entries(gallery=desk.gallery))
    assert [one.action for one in entries] == ["person.enroll", "identify", "verify", "person.remove"]
    assert "Ada" not in str(entries)
    assert desk.running.service.journal.verify().ok


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and key of a server that lets a key probe a person three times, with one gallery for keys of all."""
    analyzer = Analyzer()
    settings = Settings(tmp_path / "root", port=0, probes_per_person=3)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as started:
        started.service.create_gallery("staff")
        yield started.address, started.service.keys.create("admin", kind="compreface").secret


def test_probing_one_person_ends(strict: tuple[str, str], png: Png) -> None:
    address, key = strict
    with httpx.Client(base_url=address, headers={"x-api-key": key}) as http:
        added = http.post("/api/v1/recognition/faces", params={"subject": "Ada"}, files={"file": ("a.png", png("Ada"))})
        assert added.status_code == 201
        answers = []
        for seed in range(60):
            image = png("Ada", noise=260.0, seed=seed)
            answers.append(http.post("/api/v1/recognition/recognize", files={"file": ("a.png", image)}))
            if answers[-1].status_code != 200:
                break
        assert code(answers[-1]) == (429, 0)
        assert answers[-1].headers["retry-after"]
        probe = http.post("/api/v1/recognition/embeddings/recognize", json={"embeddings": [np.eye(128)[0].tolist()]})
        assert code(probe) == (429, 0)


def test_removing_all_while_somebody_else_removes(desk: Any, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is gone already is no failure: what was asked for is so."""
    for name in ("Ada", "Bob", "Eve"):
        assert desk.post("recognition/faces", png(name), subject=name).status_code == 201
    service, gallery = desk.running.service, desk.running.service.gallery(desk.gallery)
    listed = service.people(desk.gallery, gallery)
    gallery.remove("Bob")
    with monkeypatch.context() as held:
        held.setattr(service, "people", lambda *_: listed)  # as they were when the request began
        assert desk.http.delete("/api/v1/recognition/subjects").json() == {"deleted": 2}
    assert gallery.people() == ()
