"""Pictures in, faces and decisions out."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest

from vultus.images import read
from vultus.testing import Analyzer, Thresholds

from .conftest import Serve, Served, png


def post(client: httpx.Client, path: str, data: bytes, **params: Any) -> httpx.Response:
    return client.post(path, content=data, headers={"Content-Type": "image/png"}, params=params)


def test_a_picture_without_a_face(served: Served) -> None:
    answer = post(served.admin, "/v1/detect", png()).json()
    assert answer["faces"] == []
    assert answer["size"] == [150, 150]


def test_detect_tells_what_the_library_finds(served: Served) -> None:
    data = png("Ada", "Bob")
    answer = post(served.admin, "/v1/detect", data)
    expected = Analyzer().analyze(read(data))
    told = answer.json()
    assert [tuple(face["box"]) for face in told["faces"]] == [one.face.box.round() for one in expected]
    quality = told["faces"][0]["quality"]
    assert quality["sharpness"] == pytest.approx(expected[0].quality.sharpness, abs=1e-6)
    assert quality["yaw"] == pytest.approx(expected[0].quality.pose.yaw, abs=1e-6)
    assert told["faces"][0]["embedding"] is None
    assert told["model_contract"] == Analyzer().contract.id == answer.headers["X-Model-Contract"]
    assert told["request_id"] == answer.headers["X-Request-Id"]


def test_the_gate_says_what_it_would_refuse(served: Served) -> None:
    small = png("Ada", side=30)
    assert post(served.admin, "/v1/detect", small, gate="none").json()["faces"][0]["refusals"] == []
    codes = [one["code"] for one in post(served.admin, "/v1/detect", small, gate="high").json()["faces"][0]["refusals"]]
    assert "SMALL_BOUNDING_BOX" in codes


def test_embeddings_are_those_of_the_library(served: Served) -> None:
    data = png("Ada")
    (face,) = post(served.admin, "/v1/embed", data).json()["faces"]
    (expected,) = Analyzer().analyze(read(data))
    np.testing.assert_allclose(face["embedding"], expected.embedding, atol=1e-6)


def test_the_same_picture_in_every_dress(served: Served) -> None:
    data = png("Ada")
    coded = base64.b64encode(data).decode()
    answers = [
        post(served.admin, "/v1/detect", data),
        served.admin.post("/v1/detect", files={"image": ("a.png", data)}),
        served.admin.post("/v1/detect", json={"image": coded}),
        served.admin.post("/v1/detect", json={"image": f"data:image/png;base64,{coded}"}),
        served.admin.post("/v1/detect", content=data, headers={"Content-Type": "application/octet-stream"}),
    ]
    told = [(one.status_code, one.json()["sha256"], one.json()["faces"]) for one in answers]
    assert told[0][0] == 200
    assert all(one == told[0] for one in told)


def test_verify(served: Served) -> None:
    def ask(first: bytes, second: bytes, **params: Any) -> Any:
        return served.admin.post("/v1/verify", files={"first": first, "second": second}, params=params)

    same = ask(png("Ada"), png("Ada", seed=1)).json()
    other = ask(png("Ada"), png("Bob")).json()
    assert (same["status"], other["status"]) == ("match", "different")
    assert same["score"] == round(same["score"], 2) > same["operating"]["threshold"]
    assert (other["score"], other["fmr"], other["evidence"]) == (None, None, None)
    expected = Thresholds(Analyzer().contract).verify(1e-4).threshold
    stricter = ask(png("Ada"), png("Ada", seed=1), fmr=1e-4).json()
    assert stricter["operating"]["threshold"] == pytest.approx(expected, abs=1e-6)
    assert ask(png("Ada", side=30), png("Ada"), gate="high").json()["status"] == "no_decision"
    answer = ask(png("Ada"), png())
    assert (answer.status_code, answer.json()["code"]) == (422, "no_face")
    assert "second" in answer.json()["detail"]
    answer = ask(png("Ada", "Bob"), png("Ada"), faces="one")
    assert (answer.status_code, answer.json()["code"]) == (422, "several_faces")


def test_an_empty_gallery_knows_nobody(served: Served) -> None:
    (face,) = post(served.admin, "/v1/galleries/staff/identify", png("Ada")).json()["faces"]
    assert (face["status"], face["person"], face["candidates"]) == ("unknown", None, [])


def test_identify(served: Served) -> None:
    ada = served.enroll("Ada")
    served.enroll("Bob")
    answer = post(served.admin, "/v1/galleries/staff/identify", png("Ada", "Eve", seed=5))
    told = answer.json()
    known, stranger = told["faces"]
    assert (known["status"], known["person"], known["id"]) == ("match", "Ada", ada["id"])
    assert known["score"] == round(known["score"], 2)
    assert known["score"] >= told["operating"]["threshold"]
    assert [one["person"] for one in known["candidates"]] == ["Ada"]
    assert (stranger["status"], stranger["person"], stranger["score"], stranger["candidates"]) == (
        "unknown",
        None,
        None,
        [],
    )
    assert answer.headers["X-Revision"] == str(told["revision"]) == "2"
    assert (told["operating"]["metric"], told["operating"]["target"], told["operating"]["people"]) == ("FPIR", 0.01, 2)


def test_the_floor_holds_for_every_caller_s_parameters(served: Served) -> None:
    """Looser rates would lower the threshold, and with it what is told."""
    served.enroll("Ada")
    operator = served.key("operator")
    probe = png("Eve", seed=1)
    for path in ("/v1/galleries/staff/identify", "/v1/galleries/staff/batch/identify"):
        answer = post(operator, path, probe, fpir=0.4)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert post(operator, path, probe, fpir=0.001).status_code == 200
        assert post(served.admin, path, probe, fpir=0.4).status_code == 200
    for extra in ({"candidates": 100}, {"margin": 1}, {"allow_repeat": True}, {"gate": "none"}):
        (face,) = post(operator, "/v1/galleries/staff/identify", probe, **extra).json()["faces"]
        assert (face["score"], face["candidates"]) == (None, [])


def test_scores_may_be_opened_by_whoever_runs_the_server(serve: Serve) -> None:
    served = serve(score_floor=False, score_decimals=4)
    served.enroll("Ada")
    (face,) = post(served.admin, "/v1/galleries/staff/identify", png("Eve")).json()["faces"]
    assert face["status"] == "unknown"
    assert face["score"] is not None
    assert [one["person"] for one in face["candidates"]] == ["Ada"]


def test_probing_one_person_is_limited_per_key(serve: Serve) -> None:
    served = serve(probes_per_person=10)
    served.enroll("Ada")
    prober, colleague = served.key("operator"), served.key("operator")
    path = "/v1/galleries/staff/identify"
    # Between Ada and noise: near the threshold, as a climber's pictures are.
    near = next(
        data
        for noise in range(60, 400, 5)
        if 0.17 < _cosine(data := png("Ada", noise=float(noise), seed=1), png("Ada")) < 0.245
    )
    statuses = [post(prober, path, near).status_code for _ in range(15)]
    assert statuses[:9] == [200] * 9
    assert statuses[-1] == 429
    refused = post(prober, path, png("Eve", seed=7))  # whoever is asked about
    assert (refused.status_code, refused.json()["code"]) == (429, "probe_limit")
    assert int(refused.headers["Retry-After"]) > 60
    assert post(colleague, path, near).status_code == 200


def _cosine(first: bytes, second: bytes) -> float:
    (one,), (other,) = Analyzer().analyze(read(first)), Analyzer().analyze(read(second))
    assert one.embedding is not None
    assert other.embedding is not None
    return float(one.embedding @ other.embedding)


def test_a_clear_match_may_be_asked_for_often(serve: Serve) -> None:
    served = serve(probes_per_person=10)
    served.enroll("Ada")
    statuses = {post(served.admin, "/v1/galleries/staff/identify", png("Ada", seed=3)).status_code for _ in range(60)}
    assert statuses == {200}


def test_batches_answer_for_each_picture(served: Served) -> None:
    served.enroll("Ada")
    files = [("image", (str(n), data)) for n, data in enumerate([png("Ada", seed=2), b"no picture", png(), png("Eve")])]
    told = served.admin.post("/v1/galleries/staff/batch/identify", files=files).json()["results"]
    assert [one["index"] for one in told] == [0, 1, 2, 3]
    assert [face["person"] for face in told[0]["identified"]["faces"]] == ["Ada"]
    assert told[1]["problem"]["code"] == "invalid_image"
    assert told[1]["identified"] is None
    assert told[2]["identified"]["faces"] == []
    assert told[3]["identified"]["faces"][0]["status"] == "unknown"
    found = served.admin.post("/v1/batch/detect", files=files).json()["results"]
    assert [None if one["read"] is None else len(one["read"]["faces"]) for one in found] == [1, None, 0, 1]


def test_what_was_said_about_a_picture_is_obeyed(served: Served) -> None:
    served.enroll("Ada")
    probe = png("Ada", seed=9)
    seen = post(served.admin, "/v1/galleries/staff/identify", probe).json()
    body = {"face": seen["sha256"], "person": "Ada", "ordinal": 0}
    assert served.admin.post("/v1/galleries/staff/feedback", json=body).status_code == 204
    assert post(served.admin, "/v1/galleries/staff/identify", probe).json()["faces"][0]["status"] == "unknown"
    assert served.admin.post("/v1/galleries/staff/feedback", json={**body, "undo": True}).status_code == 204
    assert post(served.admin, "/v1/galleries/staff/identify", probe).json()["faces"][0]["person"] == "Ada"


def test_only_so_many_faces_are_told(serve: Serve) -> None:
    served = serve(faces=2)
    told = post(served.admin, "/v1/detect", png("Ada", "Bob", "Eve", "Kim")).json()
    assert len(told["faces"]) == 2


def _jpeg(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", size, (128, 128, 128)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"not a picture at all", 400, "invalid_image"),
        (png("Ada")[:200], 400, "invalid_image"),
        (_jpeg((200, 200))[:300], 400, "invalid_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "invalid_image"),
        (b"PK\x03\x04" + bytes(100), 400, "invalid_image"),
        (_jpeg((2100, 1000)), 413, "too_large"),
        (bytes(300_001), 413, "too_large"),
        (b"", 400, "invalid_image"),
    ],
)
def test_bad_pictures(serve: Serve, data: bytes, status: int, code: str) -> None:
    served = serve(pixels=2_000_000, upload_bytes=300_000)
    for answer in (
        post(served.admin, "/v1/detect", data),
        served.admin.post("/v1/detect", files={"image": ("../../etc/passwd", data)}),
        served.admin.post("/v1/galleries/staff/persons", data={"name": "Ada"}, files={"image": data}),
        served.admin.post("/v1/galleries/staff/identify", json={"image": base64.b64encode(data).decode()}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert served.admin.get("/v1/galleries/staff/persons").json()["items"] == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "multipart/form-data", 422),
        (b"x", "multipart/form-data; boundary=", 422),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n", "multipart/form-data; boundary=b", 422),
        (
            b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\ntext\r\n--b--',
            "multipart/form-data; boundary=b",
            422,
        ),
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"image": 7}', "application/json", 422),
        (b'{"image": null}', "application/json", 422),
        (b'{"image": {"url": 7}}', "application/json", 422),
        (b'{"image": "%%%"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b'{"image": {"url": "http://127.0.0.1/"}}', "application/json", 403),
        (b"name=Ada", "application/x-www-form-urlencoded", 415),
        (b"text", "text/plain", 415),
    ],
)
def test_bad_bodies(served: Served, content: bytes, kind: str, status: int) -> None:
    answer = served.admin.post("/v1/detect", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_compressed_bodies_are_not_unpacked(served: Served) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    assert served.admin.post("/v1/detect", content=b"x", headers=headers).status_code == 415


def test_too_many_pictures(serve: Serve) -> None:
    served = serve(pictures=3)
    data = png("Ada")
    many = served.admin.post("/v1/batch/detect", files=[("image", data)] * 4)
    coded = served.admin.post("/v1/batch/detect", json={"image": [base64.b64encode(data).decode()] * 4})
    assert (many.status_code, coded.status_code) == (422, 422)
    assert served.admin.post("/v1/batch/detect", files=[("image", data)] * 3).status_code == 200
    assert served.admin.post("/v1/detect", files=[("image", data)] * 2).status_code == 422


@pytest.mark.parametrize(
    "params",
    [
        {"fmr": 0}, {"fmr": "nan"}, {"fmr": 2}, {"gate": "extreme"}, {"faces": "some"}, {"faces": "0"}, {"faces": "-1"},
    ],
)  # fmt: skip
def test_bad_parameters(served: Served, params: dict[str, Any]) -> None:
    answer = served.admin.post("/v1/verify", files={"first": png("Ada"), "second": png("Ada")}, params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_faces_larger_than_there_are(served: Served) -> None:
    files = {"first": png("Ada"), "second": png("Ada")}
    assert served.admin.post("/v1/verify", files=files, params={"faces": "7"}).status_code == 422


def test_nothing_is_kept_of_a_picture_that_is_only_looked_at(served: Served) -> None:
    data = png("Ada", noise=33)
    post(served.admin, "/v1/embed", data)
    post(served.admin, "/v1/galleries/staff/identify", data)
    root = served.service.settings.root
    kept = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert kept
    assert [path for path, content in kept.items() if data[100:164] in content] == []


def test_problems_do_not_tell_where_things_lie(served: Served) -> None:
    root = str(served.service.settings.root)
    answers = [
        served.admin.get("/v1/galleries/staff/persons/Nobody"),
        served.admin.post("/v1/galleries/staff/import", content=b"x"),
        served.admin.get("/v1/galleries/%2e%2e"),
    ]
    assert [json.dumps(one.json()) for one in answers if root in one.text] == []
