"""Keys and the journal, over HTTP."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from vultus.server.chain import verify_lines
from vultus.server.logs import JsonLines

from .conftest import Served, png, wait_until


def test_a_key_is_shown_once(served: Served) -> None:
    answer = served.admin.post(
        "/v1/keys", json={"role": "operator", "galleries": ["staff"], "label": "door", "days": 1}
    )
    made = answer.json()
    assert answer.status_code == 201
    secret = made["secret"]
    client = served.client(secret)
    assert client.get("/v1/me").json()["role"] == "operator"
    everything = served.admin.get("/v1/keys")
    assert secret not in everything.text
    (listed,) = [one for one in everything.json()["items"] if one["id"] == made["key"]["id"]]
    assert (listed["label"], listed["galleries"]) == ("door", ["staff"])
    assert listed["expires"] > listed["created"]
    assert listed["last_used"] is not None
    kept = [path for path in served.service.settings.root.rglob("*") if path.is_file()]
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []


def test_renewing_and_revoking(served: Served) -> None:
    old = served.admin.post("/v1/keys", json={"role": "viewer"}).json()
    new = served.admin.post(f"/v1/keys/{old['key']['id']}/rotate", json={"overlap_hours": 1}).json()
    assert served.client(old["secret"]).get("/v1/me").status_code == 200
    assert served.client(new["secret"]).get("/v1/me").json()["role"] == "viewer"
    revoked = served.admin.delete(f"/v1/keys/{new['key']['id']}").json()
    assert revoked["revoked"] is not None
    assert served.client(new["secret"]).get("/v1/me").status_code == 401
    assert served.admin.post(f"/v1/keys/{new['key']['id']}/rotate", json={}).status_code == 409


def test_the_last_administrator_cannot_lock_the_door(served: Served) -> None:
    own = served.admin.get("/v1/me").json()["id"]
    answer = served.admin.delete(f"/v1/keys/{own}")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "king"},
        {"role": "viewer", "galleries": []},
        {"role": "viewer", "days": 0},
        {"role": "viewer", "x": 1},
    ],
)
def test_keys_that_cannot_be_made(served: Served, body: dict[str, object]) -> None:
    assert served.admin.post("/v1/keys", json=body).status_code == 422


def test_the_journal_tells_who_did_what_to_whom_and_why(served: Served) -> None:
    desk = served.key("enroller", label="desk")
    identity = desk.get("/v1/me").json()["id"]
    person = desk.post(
        "/v1/galleries/staff/persons", data={"name": "Ada Lovelace"}, files={"image": ("ada.png", png("Ada"))}
    ).json()["person"]
    desk.patch(f"/v1/galleries/staff/persons/{person['id']}", json={"name": "Countess"}, params={"reason": "married"})
    seen = desk.post(
        "/v1/galleries/staff/identify",
        content=png("Ada", "Eve", seed=1),
        headers={"Content-Type": "image/png", "X-Request-Id": "door-7"},
    ).json()
    desk.post("/v1/verify", files={"first": png("Ada"), "second": png("Eve")})
    served.admin.post("/v1/galleries/staff/erase", json={"person": person["id"], "reason": "asked for, Art. 17"})
    auditor = served.key("auditor")
    told = auditor.get("/v1/journal").json()["items"]
    actions = [one["action"] for one in told]
    assert actions == [
        "gallery.create",
        "person.enroll",
        "person.rename",
        "identify",
        "identify",
        "verify",
        "person.erase",
    ]
    enrolled, renamed, match, unknown, compared, erased = told[1:]
    assert {one["actor"] for one in told[1:6]} == {f"key:{identity}"}
    assert enrolled["target"] == renamed["target"] == match["target"] == erased["target"] == person["id"]
    assert (renamed["reason"], erased["reason"]) == ("married", "asked for, Art. 17")
    assert (match["request"], match["evidence"]["decision"], unknown["evidence"]["decision"]) == (
        "door-7",
        "match",
        "unknown",
    )
    # The journal is inside: it holds the score itself, also of the one who was told none.
    assert match["evidence"]["score"] >= match["evidence"]["threshold"] > unknown["evidence"]["score"]
    assert match["evidence"]["model"] == seen["model_contract"]
    assert (unknown["target"], compared["evidence"]["decision"]) == ("", "different")
    text = json.dumps(told)
    assert [word for word in ("Ada", "Lovelace", "Countess", "ada.png") if word in text] == []


def test_the_journal_in_parts_and_by_what_was_done(served: Served) -> None:
    for name in ("Ada", "Bob", "Eve"):
        served.enroll(name)
    auditor = served.key("auditor")

    def all_of(**params: object) -> list[int]:
        seen: list[int] = []
        cursor = None
        while True:
            asked = {**params, "limit": 2, **({"cursor": cursor} if cursor else {})}
            page = auditor.get("/v1/journal", params=asked).json()  # type: ignore[arg-type]
            seen += [one["seq"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                return seen

    assert all_of() == [1, 2, 3, 4]
    assert all_of(newest_first=True) == [4, 3, 2, 1]
    assert all_of(action="person.enroll") == [2, 3, 4]
    assert all_of(gallery="staff", newest_first=True, action="gallery.create") == [1]
    assert auditor.get("/v1/journal", params={"cursor": "WyJ2MSIsICJhIl0"}).status_code == 422


def test_the_chain_is_whole_and_a_change_shows(served: Served) -> None:
    import sqlite3

    served.enroll("Ada")
    auditor = served.key("auditor")
    head = auditor.get("/v1/journal/head").json()
    kept = f"{head['seq']}:{head['hash']}"
    assert auditor.get("/v1/journal/verify", params={"head": kept}).json()["ok"] is True
    lines = auditor.get("/v1/journal/export").text.splitlines()
    assert verify_lines(lines).ok
    assert len(lines) == head["seq"] == 2
    with sqlite3.connect(served.service.settings.state / "journal.sqlite") as database:
        database.execute("DROP TRIGGER entry_changed")
        database.execute("UPDATE entry SET body = replace(body, 'person.enroll', 'person.admire')")
    database.close()
    told = auditor.get("/v1/journal/verify", params={"head": kept}).json()
    assert told["ok"] is False
    assert told["findings"]
    assert auditor.get("/v1/journal/verify", params={"head": "nonsense"}).status_code == 422


def test_an_auditor_of_one_gallery_reads_that_one(served: Served) -> None:
    served.service.create_gallery("visitors")
    served.enroll("Ada")
    served.enroll("Bob", gallery="visitors")
    auditor = served.key("auditor", galleries=("visitors",))
    told = auditor.get("/v1/journal").json()["items"]
    assert {one["gallery"] for one in told} == {"visitors"}
    assert auditor.get("/v1/journal", params={"gallery": "staff"}).status_code == 404
    assert auditor.get("/v1/journal/export").status_code == 403
    both = served.key("auditor", galleries=("visitors", "staff"))
    assert both.get("/v1/journal").status_code == 422
    assert both.get("/v1/journal", params={"gallery": "staff"}).status_code == 200


def test_metrics_and_answers_hold_no_names(served: Served) -> None:
    served.enroll("Wilhelmina")
    served.admin.post("/v1/galleries/staff/identify", content=png("Wilhelmina"), headers={"Content-Type": "image/png"})
    served.admin.get("/v1/galleries/staff/persons/Wilhelmina")
    wait_until(lambda: "{person}" in served.admin.get("/metrics").text)  # a request is counted after it is answered
    text = served.key("monitor").get("/metrics").text
    assert 'vultus_identify_total{outcome="match"} 1' in text
    assert 'route="/v1/galleries/{gallery}/persons/{person}"' in text
    assert "vultus_gallery_templates 1" in text
    assert [word for word in ("Wilhelmina", "staff", "vk_") if word in text] == []


def test_logs_hold_no_names_and_no_secrets(served: Served) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("vultus")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    persons = "/v1/galleries/staff/persons"
    try:
        body: dict[str, Any] = {"data": {"name": "Wilhelmina"}, "files": {"image": png("Wilhelmina")}}
        served.admin.post(persons, headers={"X-Request-Id": "t1"}, **body)
        served.admin.get(persons, params={"search": "Wilhelmina"}, headers={"X-Request-Id": "t2"})
        served.client("vk_0123456789abcdef_wrongwrongwrong").get("/v1/me", headers={"X-Request-Id": "t3"})
        served.admin.get(f"{persons}/Wilhelmina", headers={"X-Request-Id": "t4"})
        wait_until(lambda: '"t4"' in stream.getvalue())  # a request is told after it is answered
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    requests = {one["request_id"]: one for one in told if one["event"] == "request"}
    assert [requests[name]["status"] for name in ("t1", "t2", "t3", "t4")] == [201, 200, 401, 200]
    assert requests["t4"]["route"] == "/v1/galleries/{gallery}/persons/{person}"
    assert requests["t1"]["key"] == served.admin.get("/v1/me").json()["id"]
    assert requests["t3"]["problem"] == "unauthorized"
    text = stream.getvalue()
    assert [word for word in ("Wilhelmina", "wrongwrong", served.running.key) if word in text] == []
