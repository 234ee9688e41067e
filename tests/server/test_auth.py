"""Who may do what: every route with every role, and nobody else's galleries."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from vultus.errors import VultusError
from vultus.server.app import create_app
from vultus.server.auth import allow, check_routes, rule_of
from vultus.server.keys import ROLES, covers
from vultus.server.settings import Settings
from vultus.testing import Analyzer

from .conftest import Serve, Served, png

# The lowest role of every route of the own API. A route that is not here fails the test.
RULES: dict[str, str | None] = {
    "GET /health/live": None,
    "GET /health/ready": None,
    "GET /metrics": "monitor",
    "GET /v1/openapi.json": None,
    "GET /v1/me": "any",
    "GET /v1/models": "viewer",
    "GET /v1/bounds": "viewer",
    "POST /v1/detect": "operator",
    "POST /v1/embed": "operator",
    "POST /v1/batch/detect": "operator",
    "POST /v1/batch/embed": "operator",
    "POST /v1/expression": "operator",
    "POST /v1/document/quality": "operator",
    "POST /v1/liveness": "operator",
    "POST /v1/batch/expression": "operator",
    "POST /v1/batch/document/quality": "operator",
    "POST /v1/batch/liveness": "operator",
    "POST /v1/challenges": "operator",
    "POST /v1/challenges/{challenge}/frames": "operator",
    "POST /v1/verify": "operator",
    "GET /v1/galleries": "viewer",
    "POST /v1/galleries": "admin",
    "GET /v1/galleries/{gallery}": "viewer",
    "PATCH /v1/galleries/{gallery}": "admin",
    "DELETE /v1/galleries/{gallery}": "admin",
    "POST /v1/galleries/{gallery}/migrations": "admin",
    "GET /v1/galleries/{gallery}/check": "admin",
    "GET /v1/galleries/{gallery}/operating-point": "viewer",
    "PUT /v1/galleries/{gallery}/operating-point": "admin",
    "GET /v1/galleries/{gallery}/export": "admin",
    "POST /v1/galleries/{gallery}/import": "admin",
    "POST /v1/galleries/{gallery}/identify": "operator",
    "POST /v1/galleries/{gallery}/batch/identify": "operator",
    "GET /v1/galleries/{gallery}/persons": "viewer",
    "POST /v1/galleries/{gallery}/persons": "enroller",
    "GET /v1/galleries/{gallery}/persons/{person}": "viewer",
    "PATCH /v1/galleries/{gallery}/persons/{person}": "enroller",
    "DELETE /v1/galleries/{gallery}/persons/{person}": "enroller",
    "POST /v1/galleries/{gallery}/persons/{person}/merge": "enroller",
    "POST /v1/galleries/{gallery}/persons/{person}/split": "enroller",
    "GET /v1/galleries/{gallery}/persons/{person}/faces": "viewer",
    "POST /v1/galleries/{gallery}/persons/{person}/faces": "enroller",
    "POST /v1/galleries/{gallery}/persons/{person}/faces/move": "enroller",
    "DELETE /v1/galleries/{gallery}/faces/{face}": "enroller",
    "GET /v1/galleries/{gallery}/faces/{face}/image": "viewer",
    "POST /v1/galleries/{gallery}/feedback": "enroller",
    "POST /v1/galleries/{gallery}/erase": "admin",
    "POST /v1/galleries/{gallery}/erase/finish": "admin",
    "POST /v1/jobs/video": "operator",
    "POST /v1/jobs/cluster": "operator",
    "GET /v1/jobs": "operator",
    "GET /v1/jobs/{job}": "operator",
    "GET /v1/jobs/{job}/events": "operator",
    "DELETE /v1/jobs/{job}": "operator",
    "GET /v1/keys": "admin",
    "POST /v1/keys": "admin",
    "DELETE /v1/keys/{key}": "admin",
    "POST /v1/keys/{key}/rotate": "admin",
    "GET /v1/journal": "auditor",
    "GET /v1/journal/head": "auditor",
    "GET /v1/journal/verify": "auditor",
    "GET /v1/journal/export": "auditor",
}


def own_routes(app: FastAPI) -> dict[str, APIRoute]:
    return {
        f"{method} {route.path}": route
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith(("/v1", "/health", "/metrics"))
        for method in route.methods or ()
    }


def path_of(name: str) -> tuple[str, str]:
    method, path = name.split(" ")
    for part, value in (
        ("gallery", "staff"),
        ("person", "Nobody"),
        ("face", "0" * 32),
        ("job", "0" * 32),
        ("key", "f" * 16),
    ):
        path = path.replace(f"{{{part}}}", value)
    return method, path


def test_every_route_is_in_the_table_with_its_role(tmp_path: Path) -> None:
    app = create_app(Settings(tmp_path), Analyzer())
    found = {name: rule.role for name, route in own_routes(app).items() if (rule := rule_of(route)) is not None}
    heads = {name: found.pop(name) for name in list(found) if name.startswith("HEAD ")}
    assert heads.items() <= {name.replace("GET ", "HEAD "): role for name, role in RULES.items()}.items()
    assert found == RULES
    app.state.service._close()


def test_a_route_without_a_rule_does_not_start() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    router = APIRouter()
    router.get("/ruled", dependencies=[allow("viewer")])(lambda: None)
    app.router.routes.extend(router.routes)
    check_routes(app)
    app.get("/forgotten")(lambda: None)
    with pytest.raises(VultusError, match="/forgotten"):
        check_routes(app)


def test_every_route_with_every_role(served: Served) -> None:
    """401 without a key, 403 below the role, something else at or above it."""
    clients: dict[str | None, httpx.Client] = {None: served.client(None)}
    clients |= {role: served.key(role) for role in ROLES}
    wrong: list[str] = []
    for name, needed in RULES.items():
        method, path = path_of(name)
        if method == "DELETE" and needed == "admin" and path == "/v1/galleries/staff":
            path = "/v1/galleries/spare"
            if "spare" not in served.service.galleries():
                served.service.create_gallery("spare")
        for role, client in clients.items():
            status = client.request(method, path).status_code
            if needed is None:
                expected = status < 400
            elif role is None:
                expected = status == 401
            elif needed == "any" or covers(role, needed):  # type: ignore[arg-type]
                expected = status not in (401, 403) and status < 500
            else:
                expected = status == 403
            if not expected:
                wrong.append(f"{name} as {role}: {status}")
    assert wrong == []


def test_the_key_may_come_in_either_header(served: Served) -> None:
    secret = served.service.keys.create("viewer").secret
    anonymous = served.client(None)
    assert anonymous.get("/v1/me", headers={"X-API-Key": secret}).status_code == 200
    assert anonymous.get("/v1/me", headers={"Authorization": f"bearer  {secret}"}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer vk_0123456789abcdef_wrong",
        "Basic dXNlcjpwYXNz",
        "Bearer " + "x" * 5000,
        "Bearer \xff\xfe",
    ],
)
def test_wrong_keys(served: Served, header: str) -> None:
    answer = served.client(None).get("/v1/me", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthorized"


def test_keys_of_other_apis_are_no_keys_here(served: Served) -> None:
    secret = served.service.keys.create("admin", kind="compreface").secret
    assert served.client(secret).get("/v1/me").status_code == 401


def test_a_flood_of_wrong_keys_is_slowed(served: Served) -> None:
    client = served.client("vk_wrong")
    statuses = [client.get("/v1/me").status_code for _ in range(70)]
    assert statuses[0] == 401
    assert 429 in statuses
    assert served.admin.get("/v1/me").status_code == 200


def test_a_gallery_of_others_does_not_exist(served: Served) -> None:
    served.service.create_gallery("visitors")
    served.enroll("Ada")
    client = served.key("admin", galleries=("visitors",))
    assert client.get("/v1/galleries").json()["items"] == [{"name": "visitors"}]
    told: dict[str, tuple[int, str]] = {}
    for gallery in ("staff", "nothing"):
        wrong = []
        for name in RULES:
            if "{gallery}" not in name:
                continue
            method, path = path_of(name)
            answer = client.request(method, path.replace("staff", gallery))
            if answer.status_code != 404:
                wrong.append(f"{name}: {answer.status_code}")
            told[gallery] = (answer.status_code, answer.json()["detail"].replace(gallery, ""))
        assert wrong == []
    assert told["staff"] == told["nothing"]
    assert client.post("/v1/jobs/video?gallery=staff", content=b"x").status_code == 404
    assert "staff" in served.service.galleries()


def test_a_key_of_one_gallery_cannot_reach_further_through_other_keys(served: Served) -> None:
    served.service.create_gallery("visitors")
    client = served.key("admin", galleries=("visitors",))
    other = served.service.keys.create("viewer", galleries=("staff",)).key.id
    for galleries in (["*"], ["staff"], ["visitors", "staff"]):
        assert client.post("/v1/keys", json={"role": "viewer", "galleries": galleries}).status_code == 403
    assert client.post("/v1/keys", json={"role": "viewer", "galleries": ["visitors"]}).status_code == 201
    assert client.post("/v1/galleries", json={"name": "mine"}).status_code == 403
    assert client.delete(f"/v1/keys/{other}").status_code == 404
    assert client.post(f"/v1/keys/{other}/rotate", json={}).status_code == 404
    seen = {key["id"] for key in client.get("/v1/keys").json()["items"]}
    assert other not in seen
    assert len(seen) == 2


def test_a_revoked_key_is_refused_at_once(served: Served) -> None:
    made = served.service.keys.create("viewer")
    client = served.client(made.secret)
    assert client.get("/v1/me").status_code == 200
    assert served.admin.delete(f"/v1/keys/{made.key.id}").status_code == 200
    assert client.get("/v1/me").status_code == 401


def test_the_rate_of_a_key(serve: Serve) -> None:
    served = serve(rate=1.0, burst=5, gallery=None)
    client = served.key("viewer")
    answers = [client.get("/v1/me") for _ in range(8)]
    assert [one.status_code for one in answers[:5]] == [200] * 5
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert served.key("viewer").get("/v1/me").status_code == 200


def test_a_key_s_own_bounds(served: Served) -> None:
    slow = served.key("operator", rate=0.001)
    assert slow.get("/v1/me").status_code == 200
    assert slow.get("/v1/me").status_code == 429
    small = served.key("operator", upload_bytes=100)
    answer = small.post("/v1/detect", content=png("Ada"), headers={"Content-Type": "image/png"})
    assert answer.status_code == 413
    assert "at most 100 bytes" in answer.json()["detail"]


def test_without_a_key_a_large_body_is_refused_before_it_is_read(served: Served) -> None:
    answer = served.client(None).post("/v1/detect", content=bytes(5_000_000), headers={"Content-Type": "image/png"})
    assert answer.status_code == 401
    viewer = served.key("viewer").post("/v1/detect", content=bytes(5_000_000), headers={"Content-Type": "image/png"})
    assert viewer.status_code == 403


def test_wrong_keys_are_counted_together_whichever_api_they_are_tried_at(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty tries, not fifty at each door."""
    monkeypatch.setattr("vultus.server.auth._TRIES", 0.001)  # none comes back while a slow machine tries
    tries = {
        "own": lambda: served.client("vk_wrong").get("/v1/me"),
        "compreface": lambda: served.client(None).get(
            "/api/v1/recognition/subjects", headers={"x-api-key": "00000000-0000-0000-0000-000000000000"}
        ),
        "aws": lambda: served.client(None).post("/", headers=_signed(), content=b"{}"),
    }
    refused = {"own": 401, "compreface": 404, "aws": 400}
    first = {door: ask() for door, ask in tries.items()}
    assert {door: answer.status_code for door, answer in first.items()} == refused
    assert first["aws"].json()["__type"] == "UnrecognizedClientException"
    client = served.client("vk_wrong")
    answers = [client.get("/v1/me").status_code for _ in range(48)]
    assert answers == [401] * 47 + [429]
    after = {door: ask() for door, ask in tries.items()}
    assert {door: answer.status_code for door, answer in after.items()} == {"own": 429, "compreface": 429, "aws": 400}
    assert after["aws"].json()["__type"] == "ThrottlingException"
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in after.values())
    assert served.admin.get("/v1/me").status_code == 200  # right keys are let in all the same


def _signed() -> dict[str, str]:
    """A request of AWS's form with a key that nobody has."""
    scope = f"AKIAWRONG/{datetime.now(UTC):%Y%m%d}/eu-central-1/rekognition/aws4_request"
    return {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "RekognitionService.ListCollections",
        "x-amz-date": f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}",
        "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, "
        f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}",
    }
