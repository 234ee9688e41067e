"""Every route as its user meets it: methods, parameters, bodies, addresses, and what others' keys may learn."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from fastapi.routing import APIRoute

from vultus.server.routes.v1 import router
from vultus.server.settings import Settings

from .conftest import Serve, Served, png

PNG = {"Content-Type": "image/png"}
LOOKS = [
    route.path
    for route in router.routes
    if isinstance(route, APIRoute) and "GET" in route.methods and "{" not in route.path
]


def test_there_is_nothing_at_other_addresses(served: Served) -> None:
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1//galleries", "/v1/galleries/", "/v1/galleries/staff/"):
        answer = served.admin.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert path in answer.json()["detail"]
        assert "location" not in answer.headers


def test_every_look_knows_head(served: Served) -> None:
    assert len(LOOKS) > 8
    for path in LOOKS:
        head, whole = served.admin.head(path), served.admin.get(path)
        if path.endswith("/export"):  # a stream is not made for its head
            assert (head.status_code, head.headers["Allow"]) == (405, "GET")
            continue
        assert (head.status_code, head.content) == (whole.status_code, b"") == (200, b""), path
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]
    tag = served.admin.head("/v1/galleries/staff").headers["ETag"]
    assert served.admin.head("/v1/galleries/staff", headers={"If-None-Match": tag}).status_code == 304
    assert served.admin.head("/v1/galleries/none").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/galleries", "GET, HEAD, POST"),
        ("POST", "/v1/galleries/staff", "GET, HEAD, PATCH, DELETE"),
        ("GET", "/v1/detect", "POST"),
        ("PROPFIND", "/v1/galleries/staff/persons/Ada", "GET, HEAD, PATCH, DELETE"),
        ("OPTIONS", "/v1/keys", "GET, HEAD, POST"),
        ("GET", "/v1/keys/x", "DELETE"),
    ],
)
def test_another_method_is_told_all_that_there_are(served: Served, method: str, path: str, allowed: str) -> None:
    answer = served.admin.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["detail"] == f"expected {allowed.replace(', ', ' or ')} at this address, got {method}"


@pytest.mark.parametrize("path", LOOKS)
def test_parameters_that_nobody_knows_are_refused(served: Served, path: str) -> None:
    if path == "/v1/openapi.json":
        return
    answer = served.admin.get(path, params={"limt": 3})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["in"] == "query.limt"


def test_a_misspelt_rate_does_not_search_at_the_usual_one(served: Served) -> None:
    path = "/v1/galleries/staff/identify"
    answer = served.admin.post(path, params={"fprr": 0.001}, content=png("Ada"), headers=PNG)
    assert answer.status_code == 422
    assert "query.fprr: no parameter of this name is known; known are " in answer.json()["detail"]
    assert " fpir," in answer.json()["detail"]
    twice = served.admin.post(f"{path}?fpir=0.01&fpir=0.001", content=png("Ada"), headers=PNG)
    assert (twice.status_code, twice.json()["detail"]) == (422, "query.fpir: it comes twice")


def test_fields_that_nobody_knows_are_refused(served: Served) -> None:
    persons = "/v1/galleries/staff/persons"
    cases: list[dict[str, Any]] = [
        {"data": {"name": "Ada", "nmae": "x"}, "files": {"image": png("Ada")}},
        {"data": {"name": "Ada"}, "files": {"image": png("Ada"), "picture": png("Ada")}},
        {"data": {"name": ["Ada", "Eve"]}, "files": {"image": png("Ada")}},
        {"json": {"name": "Ada", "image": "aGVsbG8=", "more": "x"}},
    ]
    for case in cases:
        answer = served.admin.post(persons, **case)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), case
        assert "image, name and no others" in answer.json()["detail"]
    assert served.admin.get(persons).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"", None, 422, "expected a JSON object as the body, got none"),
        (b"{", "application/json", 422, "not JSON"),
        (b"[1]", "application/json", 422, "expected a JSON object, got a list"),
        (b"null", "application/json", 422, "expected a JSON object"),
        (b'{"name": "..x"}', "application/json", 422, "expected 1 to 200 letters"),
        (b'{"name": 7}', "application/json", 422, "body.name: expected a text, got a number"),
        (b'{"name": "x\xff"}', "application/json", 422, ""),
        (b"name=x", "application/x-www-form-urlencoded", 415, "expected application/json"),
        (b"name: x", "text/plain", 415, "expected application/json"),
    ],
)
def test_bodies_that_are_none(served: Served, body: bytes, kind: str | None, status: int, words: str) -> None:
    answer = served.admin.post("/v1/galleries", content=body, headers={} if kind is None else {"Content-Type": kind})
    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert served.admin.get("/v1/galleries").json()["items"] == [{"name": "staff"}]


def test_what_is_wrong_with_a_picture_names_its_field(served: Served) -> None:
    answer = served.admin.post("/v1/verify", files={"first": png("Ada"), "second": b"no picture"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("second: expected a JPEG")
    one = served.admin.post("/v1/verify?faces=one", files={"first": png("Ada", "Bob"), "second": png("Ada")})
    assert (
        one.json()["detail"]
        == "first: expected one face, found 2; crop the picture, or name one with the parameter faces"
    )
    two = served.admin.post("/v1/detect", files=[("image", png("Ada")), ("image", png("Ada"))])
    assert two.json()["detail"] == "expected at most 1 picture, got more"


def test_a_retry_that_could_not_be_told_from_a_new_request_is_refused(served: Served) -> None:
    for path in ("/v1/jobs/video?gallery=staff", "/v1/galleries/staff/import"):
        answer = served.admin.post(path, content=b"x", headers={"Idempotency-Key": "a", "Content-Type": "video/mp4"})
        assert answer.status_code == 422
        assert "Idempotency-Key" in answer.json()["detail"]


def test_every_bound_is_listed_as_it_holds_for_the_key(serve: Serve) -> None:
    served = serve(cluster_pictures=7, json_bytes=5000)
    told = served.key("viewer", rate=3.0, upload_bytes=1000).get("/v1/bounds").json()
    assert (told["cluster_pictures"], told["json_bytes"], told["upload_bytes"]) == (7, 5000, 1000)
    assert (told["rate"], told["burst"], told["jobs"], told["templates_per_person"]) == (3.0, 3.0, 4, 100)
    own = {"root", "host", "port", "window_ms", "grace_seconds", "key_file", "master_key", "tls_cert", "tls_key"}
    own |= {"cors", "insecure", "idle_per_address", "proxies"}  # how it is served; no request is refused for them
    assert {field.name for field in fields(Settings)} - own <= told.keys()
    answer = served.admin.post(
        "/v1/galleries", content=b'{"name": "' + b"x" * 5000 + b'"}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("GET", "/persons"),
        ("GET", "/persons/Ada"),
        ("DELETE", "/persons/Ada"),
        ("GET", "/operating-point"),
        ("POST", "/identify"),
        ("POST", "/batch/identify"),
        ("POST", "/migrations"),
        ("POST", "/erase"),
        ("GET", "/export"),
        ("DELETE", ""),
    ],
)
def test_a_gallery_of_others_is_told_as_one_that_is_not_there(served: Served, method: str, path: str) -> None:
    served.enroll("Ada")
    client = served.key("admin", galleries=("other",))
    answers = []
    for name in ("staff", "nothing"):
        answer = client.request(method, f"/v1/galleries/{name}{path}")
        told = answer.json()
        told.pop("request_id")
        told["detail"] = told["detail"].replace(name, "?")
        answers.append((answer.status_code, told))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert served.admin.get("/v1/galleries/staff/persons/Ada").status_code == 200


@pytest.mark.parametrize(
    "name", ["%2e%2e", "..%2Fother", "%FF", "staff%00", "STAFF", "st%C3%A4ff", "x" * 300, "%252e%252e"]
)
def test_names_of_galleries_that_are_none(served: Served, name: str) -> None:
    for path in (f"/v1/galleries/{name}", f"/v1/galleries/{name}/persons"):
        assert served.admin.get(path).status_code == 404


def test_the_last_part_of_a_list_says_so(served: Served) -> None:
    for number in range(4):
        served.enroll(f"person {number}")
    path = "/v1/galleries/staff/persons"
    exact = served.admin.get(path, params={"limit": 4}).json()
    assert (len(exact["items"]), exact["next"]) == (4, None)
    first = served.admin.get(path, params={"limit": 2}).json()
    second = served.admin.get(path, params={"limit": 2, "cursor": first["next"]}).json()
    assert (len(second["items"]), second["next"]) == (2, None)
