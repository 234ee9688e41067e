"""People and their faces, over HTTP."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from .conftest import Serve, Served, png

PERSONS = "/v1/galleries/staff/persons"


def named(served: Served) -> list[str]:
    return [one["name"] for one in served.admin.get(PERSONS).json()["items"]]


def test_nobody(served: Served) -> None:
    answer = served.admin.get(PERSONS)
    assert answer.json() == {"items": [], "next": None, "revision": 0}
    assert served.admin.get(f"{PERSONS}/Ada").status_code == 404


def test_enrolling_tells_what_became_of_each_picture(served: Served) -> None:
    files = [
        ("image", ("one.png", png("Ada"))),
        ("image", ("C:\\Users\\x\\two.png", png("Ada", seed=1))),
        ("image", ("broken.png", b"no picture")),
        ("image", ("nobody.png", png())),
        ("image", ("small.png", png("Ada", side=30))),
    ]
    answer = served.admin.post(PERSONS, data={"name": " Ada "}, files=files)
    told = answer.json()
    assert answer.status_code == 201
    assert (told["person"]["name"], told["person"]["templates"]) == ("Ada", 2)
    assert [one["source"] for one in told["added"]] == ["one.png", "two.png"]
    assert {one["source"]: one["code"] for one in told["refused"]} == {
        "broken.png": "unreadable",
        "nobody.png": "no_face",
        "small.png": "quality",
    }
    assert told["revision"] == 2
    again = served.admin.post(PERSONS, data={"name": "Ada"}, files=files[:1])
    assert (again.status_code, again.json()["unchanged"]) == (200, ["one.png"])


def test_when_no_picture_can_be_used_nobody_is_made(served: Served) -> None:
    answer = served.admin.post(PERSONS, data={"name": "Ada"}, files={"image": png()})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_face")
    answer = served.admin.post(PERSONS, data={"name": "Ada"}, files=[("image", png()), ("image", b"x")])
    assert answer.status_code == 422
    assert {one["code"] for one in answer.json()["refused"]} == {"no_face", "unreadable"}
    assert named(served) == []


def test_a_face_of_somebody_else_is_a_conflict_without_a_score(served: Served) -> None:
    served.enroll("Ada")
    answer = served.admin.post(PERSONS, data={"name": "Eve"}, files={"image": png("Ada", seed=4)})
    told = answer.json()
    assert (answer.status_code, told["code"]) == (409, "conflict")
    assert "Ada" in told["detail"]
    assert "0." not in told["detail"]
    forced = served.admin.post(
        PERSONS, data={"name": "Eve"}, files={"image": png("Ada", seed=4)}, params={"force": True}
    )
    assert forced.status_code == 201
    assert forced.json()["added"][0]["forced"] is True


def test_one_person(served: Served) -> None:
    ada = served.enroll("Ada")
    for who in (ada["id"], "Ada"):
        assert served.admin.get(f"{PERSONS}/{who}").json() == ada
    missing = served.admin.get(f"{PERSONS}/Adda")
    assert "did you mean 'Ada'" in missing.json()["detail"]


@pytest.mark.parametrize("name", ["Amélie", "山田 太郎", "O'Brien & Co. <b>", "محمد", "🙂", "a/b", "..", "%2e%2e"])
def test_names_of_all_kinds(served: Served, name: str) -> None:
    person = served.enroll(name)
    assert served.admin.get(f"{PERSONS}/{person['id']}").json()["name"] == name
    assert served.admin.patch(f"{PERSONS}/{person['id']}", json={"name": "plain"}).json()["name"] == "plain"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00b", "\u202eAda", "x" * 256])
def test_names_that_are_none(served: Served, name: str) -> None:
    answer = served.admin.post(PERSONS, data={"name": name}, files={"image": png("Ada")})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert named(served) == []


def test_the_name_must_be_there(served: Served) -> None:
    answer = served.admin.post(PERSONS, files={"image": png("Ada")})
    assert answer.status_code == 422
    assert "'name'" in answer.json()["detail"]


def test_rename_merge_split_move_remove(served: Served) -> None:
    ada = served.enroll("Ada")
    lace = served.enroll("Lovelace")
    assert served.admin.patch(f"{PERSONS}/{lace['id']}", json={"name": "Ada"}).status_code == 409
    assert served.admin.patch(f"{PERSONS}/{lace['id']}", json={"name": "Countess"}).json()["name"] == "Countess"
    merged = served.admin.post(f"{PERSONS}/{ada['id']}/merge", json={"others": ["Countess"]}).json()
    assert (merged["templates"], merged["aliases"]) == (2, ["Countess"])
    faces = served.admin.get(f"{PERSONS}/Countess/faces").json()["items"]  # by the former name
    assert len(faces) == 2
    split = served.admin.post(f"{PERSONS}/Ada/split", json={"faces": [faces[1]["id"]], "name": "Countess"})
    assert (split.status_code, split.json()["templates"]) == (201, 1)
    moved = served.admin.post(f"{PERSONS}/Ada/faces/move", json={"faces": [faces[1]["id"]]}).json()
    assert moved["templates"] == 2
    removed = served.admin.delete(f"/v1/galleries/staff/faces/{faces[0]['id']}").json()
    assert removed["templates"] == 1
    assert served.admin.delete(f"{PERSONS}/Countess").status_code == 204
    assert named(served) == ["Ada"]
    assert served.admin.delete(f"{PERSONS}/Countess").status_code == 404


def test_more_pictures_of_somebody_who_is_there(served: Served) -> None:
    ada = served.enroll("Ada")
    answer = served.admin.post(f"{PERSONS}/{ada['id']}/faces", files={"image": png("Ada", seed=2)})
    assert (answer.status_code, answer.json()["person"]["templates"]) == (201, 2)
    assert served.admin.post(f"{PERSONS}/Nobody/faces", files={"image": png("Ada", seed=3)}).status_code == 404


def test_the_kept_crop(serve: Serve) -> None:
    from vultus.images import read

    served = serve()
    served.enroll("Ada")
    (face,) = served.admin.get(f"{PERSONS}/Ada/faces").json()["items"]
    answer = served.admin.get(f"/v1/galleries/staff/faces/{face['id']}/image")
    assert answer.headers["Content-Type"] == "image/png"
    assert read(answer.content).shape == (112, 112, 3)
    assert served.admin.post("/v1/galleries", json={"name": "bare", "keep": "none"}).status_code == 201
    served.enroll("Ada", gallery="bare")
    (face,) = served.admin.get("/v1/galleries/bare/persons/Ada/faces").json()["items"]
    assert face["crop"] is False
    assert served.admin.get(f"/v1/galleries/bare/faces/{face['id']}/image").status_code == 404


def test_lists_come_in_parts(served: Served) -> None:
    for number in range(7):
        served.enroll(f"person {number}")
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = served.admin.get(PERSONS, params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if len(seen) == 3:  # somebody goes, somebody comes, behind and before the place
            served.admin.delete(f"{PERSONS}/person 1")
            served.enroll("person 4b")
        if cursor is None:
            break
    assert seen == ["person 0", "person 1", "person 2", "person 3", "person 4", "person 4b", "person 5", "person 6"]
    found = served.admin.get(PERSONS, params={"search": "SON 4"}).json()["items"]
    assert [one["name"] for one in found] == ["person 4", "person 4b"]


@pytest.mark.parametrize("cursor", ["x", "bm9wZQ", "WyJ2MSIsIDdd", "WyJ2MCIsICJhIl0", "=", "é", "A" * 1999])
def test_cursors_that_are_none(served: Served, cursor: str) -> None:
    answer = served.admin.get(PERSONS, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("limit", [0, -1, 1001, "many"])
def test_limits_that_are_none(served: Served, limit: object) -> None:
    assert served.admin.get(PERSONS, params={"limit": limit}).status_code == 422  # type: ignore[dict-item]


def test_tags_tell_whether_anything_changed(served: Served) -> None:
    ada = served.enroll("Ada")
    path = f"{PERSONS}/{ada['id']}"
    tag = served.admin.get(path).headers["ETag"]
    unchanged = served.admin.get(path, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    served.enroll("Bob")  # somebody else does not change Ada
    assert served.admin.get(path, headers={"If-None-Match": f'"x", W/{tag}'}).status_code == 304
    renamed = served.admin.patch(path, json={"name": "Ada L."}, headers={"If-Match": tag})
    assert renamed.status_code == 200
    late = served.admin.patch(path, json={"name": "Ada M."}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert served.admin.delete(path, headers={"If-Match": tag}).status_code == 412
    assert served.admin.delete(path, headers={"If-Match": renamed.headers["ETag"]}).status_code == 204


def test_of_two_who_change_what_they_saw_one_is_refused(served: Served) -> None:
    ada = served.enroll("Ada")
    path = f"{PERSONS}/{ada['id']}"
    tag = served.admin.get(path).headers["ETag"]
    statuses: list[int] = []

    def change(number: int) -> None:
        client = served.client(served.running.key)
        statuses.append(client.patch(path, json={"name": f"Ada {number}"}, headers={"If-Match": tag}).status_code)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [412] * 5


def test_erasure_leaves_nothing_behind_in_the_servers_own_files_either(served: Served) -> None:
    name = "Wilhelmina Unverwechselbar"
    files = {"image": ("her picture.png", png(name))}
    headers = {"Idempotency-Key": "enrol-1"}
    assert served.admin.post(PERSONS, data={"name": name}, files=files, headers=headers).status_code == 201
    served.admin.post("/v1/galleries/staff/identify", content=png(name, seed=2), headers={"Content-Type": "image/png"})
    served.admin.get(PERSONS)
    operator = served.key("enroller")
    assert operator.post("/v1/galleries/staff/erase", json={"person": name}).status_code == 403
    receipt = served.admin.post("/v1/galleries/staff/erase", json={"person": name, "reason": "asked for"}).json()
    assert (receipt["status"], receipt["hits"], receipt["templates"]) == ("erased", [], 1)
    assert named(served) == []
    root = served.service.settings.root
    files_left = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert len(files_left) > 4
    assert [path for path, data in files_left.items() if name.encode() in data or b"her picture" in data] == []
    assert served.admin.post("/v1/galleries/staff/erase/finish").json() == []
    assert served.admin.post("/v1/galleries/staff/erase", json={"person": name}).status_code == 404
    # The answer that was kept for the key is gone with her; the same request is a new one.
    again = served.admin.post(PERSONS, data={"name": name}, files=files, headers=headers)
    assert "Idempotency-Replayed" not in again.headers


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"{PERSONS}/Ada", {}),
        ("PATCH", f"{PERSONS}/Ada", {"name": ""}),
        ("PATCH", f"{PERSONS}/Ada", {"name": "x", "more": 1}),
        ("POST", f"{PERSONS}/Ada/merge", {"others": []}),
        ("POST", f"{PERSONS}/Ada/merge", {"others": "Bob"}),
        ("POST", f"{PERSONS}/Ada/split", {"faces": ["x"]}),
        ("POST", f"{PERSONS}/Ada/faces/move", {"faces": [1]}),
        ("POST", "/v1/galleries/staff/feedback", {"face": "nothex", "person": "Ada"}),
        ("POST", "/v1/galleries/staff/feedback", {"face": "0" * 64, "person": "Ada", "ordinal": -1}),
        ("POST", "/v1/galleries/staff/erase", {"person": "Ada", "reason": "two\nlines"}),
        ("POST", "/v1/galleries/staff/erase", {"person": "Ada", "reason": "x" * 501}),
        ("DELETE", f"{PERSONS}/Ada?reason=a%0Ab", None),
    ],
)
def test_bad_changes_change_nothing(served: Served, method: str, path: str, body: Any) -> None:
    served.enroll("Ada")
    before = served.admin.get("/v1/galleries/staff").json()["revision"]
    answer = served.admin.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert served.admin.get("/v1/galleries/staff").json()["revision"] == before


def test_an_acknowledged_enrolment_is_there_after_a_restart(serve: Serve, tmp_path: Path) -> None:
    first = serve()
    first.enroll("Ada")
    first.running.stop()
    second = serve()
    assert named(second) == ["Ada"]
    answer = second.admin.post(
        "/v1/galleries/staff/identify", content=png("Ada", seed=6), headers={"Content-Type": "image/png"}
    )
    assert answer.json()["faces"][0]["person"] == "Ada"
