from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from vultus.errors import InputError, StorageError
from vultus.server.idempotency import Replies, Reply
from vultus.server.problems import Problem

from .conftest import Serve, Served, png

PERSONS = "/v1/galleries/staff/persons"
SECRET = bytes(range(32))


@pytest.fixture
def replies(tmp_path: Path) -> Replies:
    return Replies(tmp_path / "replies.sqlite", SECRET)


def test_nothing_was_answered(replies: Replies) -> None:
    assert replies.begin("k", "one", b"r") is None


def test_the_answer_is_given_again_to_the_same_key_alone(replies: Replies) -> None:
    assert replies.begin("k", "one", b"r") is None
    replies.finish("k", "one", Reply(201, {"etag": '"x"'}, b"body"))
    assert replies.begin("k", "one", b"r") == Reply(201, {"etag": '"x"'}, b"body")
    assert replies.begin("other", "one", b"r") is None


def test_another_request_under_the_same_key_is_refused(replies: Replies) -> None:
    replies.begin("k", "one", b"r")
    replies.finish("k", "one", Reply(200, {}, b""))
    with pytest.raises(Problem) as caught:
        replies.begin("k", "one", b"another")
    assert (caught.value.status, caught.value.code) == (422, "idempotency_mismatch")


def test_while_it_is_being_done_it_is_not_done_twice(replies: Replies) -> None:
    replies.begin("k", "one", b"r")
    with pytest.raises(Problem) as caught:
        replies.begin("k", "one", b"r")
    assert (caught.value.status, caught.value.code) == (409, "idempotency_busy")
    replies.abandon("k", "one")
    assert replies.begin("k", "one", b"r") is None


def test_answers_outlive_a_restart_and_what_was_cut_off_may_be_done_again(tmp_path: Path) -> None:
    first = Replies(tmp_path / "replies.sqlite", SECRET)
    first.begin("k", "done", b"r")
    first.finish("k", "done", Reply(201, {}, b"body"))
    first.begin("k", "cut off", b"r")
    first.close()
    second = Replies(tmp_path / "replies.sqlite", SECRET)
    assert second.begin("k", "done", b"r") == Reply(201, {}, b"body")
    assert second.begin("k", "cut off", b"r") is None


def test_answers_are_sealed_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies(tmp_path / "replies.sqlite", SECRET)
    replies.begin("k", "one", b"r")
    replies.finish("k", "one", Reply(201, {}, b"Wilhelmina"))
    replies.close()
    assert [path for path in tmp_path.iterdir() if b"Wilhelmina" in path.read_bytes()] == []
    with pytest.raises(StorageError, match="was changed"):
        Replies(tmp_path / "replies.sqlite", SECRET)._opened(bytes(32), bytes(60))
    now = time.time()
    monkeypatch.setattr("vultus.server.idempotency.time.time", lambda: now + 86_401)
    assert Replies(tmp_path / "replies.sqlite", SECRET).begin("k", "one", b"r") is None


def test_the_answers_of_a_gallery_are_forgotten(replies: Replies) -> None:
    for gallery in ("staff", "visitors"):
        replies.begin("k", gallery, b"r", gallery)
        replies.finish("k", gallery, Reply(201, {}, b""))
    replies.forget("staff")
    assert replies.begin("k", "staff", b"r") is None
    assert replies.begin("k", "visitors", b"r") is not None


@pytest.mark.parametrize("name", ["", "x" * 256, "a\nb", "\x7f"])
def test_names_that_are_none(replies: Replies, name: str) -> None:
    with pytest.raises(InputError):
        replies.begin("k", name, b"r")


def test_over_http_the_same_request_is_done_once(served: Served) -> None:
    files = {"image": ("a.png", png("Ada"))}
    body = {"name": "Ada"}
    headers = {"Idempotency-Key": "a1", "Content-Type": "multipart/form-data; boundary=b"}
    request = served.admin.build_request("POST", PERSONS, data=body, files=files, headers=headers)
    content = request.read()
    answers = [served.admin.post(PERSONS, content=content, headers=headers) for _ in range(3)]
    assert [one.status_code for one in answers] == [201] * 3
    assert answers[0].content == answers[1].content == answers[2].content
    assert ["Idempotency-Replayed" in one.headers for one in answers] == [False, True, True]
    assert answers[1].headers["ETag"] == answers[0].headers["ETag"]
    assert answers[1].headers["X-Request-Id"] != answers[0].headers["X-Request-Id"]
    assert served.admin.get("/v1/galleries/staff").json()["revision"] == 1
    other = served.admin.post(PERSONS, content=content + b" ", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    elsewhere = served.admin.post("/v1/detect", content=content, headers=headers)
    assert elsewhere.json()["code"] == "idempotency_mismatch"
    colleague = served.key("enroller").post(PERSONS, content=content, headers=headers)
    assert "Idempotency-Replayed" not in colleague.headers


def test_a_refusal_that_would_come_again_is_kept_and_one_that_would_not_is_not(serve: Serve) -> None:
    served = serve()
    headers = {"Idempotency-Key": "gone"}
    first = served.admin.delete(f"{PERSONS}/Nobody", headers=headers)
    served.enroll("Nobody")
    again = served.admin.delete(f"{PERSONS}/Nobody", headers=headers)
    assert (first.status_code, again.status_code) == (404, 404)
    assert "Idempotency-Replayed" in again.headers
    slow = served.key("enroller", rate=0.5)
    headers = {"Idempotency-Key": "slow"}
    assert slow.get("/v1/me").status_code == 200
    assert slow.delete(f"{PERSONS}/Nobody", headers=headers).status_code == 429
    quick = served.admin.delete(f"{PERSONS}/Nobody", headers=headers)
    assert quick.status_code == 204


def test_without_a_key_nothing_is_kept(served: Served) -> None:
    answer = served.client(None).post(PERSONS, json={}, headers={"Idempotency-Key": "x"})
    assert answer.status_code == 401
    assert served.service.replies._execute("SELECT count(*) FROM reply").fetchone() == (0,)


def test_many_at_once_do_it_once(served: Served) -> None:
    body = {"name": "once"}
    statuses: list[int] = []

    def ask() -> None:
        client = served.client(served.running.key)
        statuses.append(client.post("/v1/galleries", json=body, headers={"Idempotency-Key": "g"}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert served.service.galleries() == ("once", "staff")


def test_a_form_is_the_same_whatever_parts_its_fields(served: Served) -> None:
    """Clients draw another boundary each time, also when they send the same form again."""
    path, headers = "/v1/galleries/staff/persons", {"Idempotency-Key": "form"}
    first, second = (
        served.admin.post(path, data={"name": "Ada"}, files={"image": ("a.png", png("Ada"))}, headers=headers)
        for _ in range(2)
    )
    assert first.request.headers["Content-Type"] != second.request.headers["Content-Type"]
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()
    other = served.admin.post(path, data={"name": "Eve"}, files={"image": ("a.png", png("Ada"))}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
