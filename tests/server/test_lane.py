"""The short way to the busy routes: nobody can tell it from the usual one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from vultus.server.lane import Lane
from vultus.server.routes.v1 import router

from .conftest import Serve, Served, png, wait_until

CHANGING = {"x-request-id", "date"}


def test_without_routes_everything_goes_the_usual_way() -> None:
    assert len(Lane([])) == 0


def test_the_busy_routes_are_in_it() -> None:
    assert len(Lane(router.routes)) >= 8


@pytest.fixture
def both(serve: Serve, tmp_path: Path) -> tuple[Served, Served]:
    """A server with the lane, and one that has none, since pages of another site may call it."""
    made = serve(tmp_path / "short"), serve(tmp_path / "usual", cors=("https://desk.example",))
    for one in made:
        one.enroll("Ada")
    return made


def told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """What an answer says, but for what is another each time."""
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    body = answer.json()
    body.pop("request_id", None)
    for face in body.get("faces", []):
        for candidate in face.get("candidates", []):
            candidate.pop("id")  # each server made its own
        face.pop("id", None)
    headers.pop("content-length")
    headers.pop("vary", None)  # which origins may call
    return answer.status_code, headers, body


PICTURE = {"image": ("a.png", png("Ada", "Bob", seed=3))}
PAIR = {"first": ("a.png", png("Ada", seed=1)), "second": ("b.png", png("Ada", seed=2))}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/detect", {"files": PICTURE}),
    ("/v1/detect", {"files": {"image": ("a.png", b"no picture")}}),
    ("/v1/detect", {"files": {"other": ("a.png", png())}}),
    ("/v1/detect", {"content": b"text", "headers": {"Content-Type": "text/plain"}}),
    ("/v1/detect?gate=high", {"files": PICTURE}),
    ("/v1/detect?gates=high", {"files": PICTURE}),
    ("/v1/verify", {"files": PAIR}),
    ("/v1/liveness", {"files": PICTURE}),
    ("/v1/expression", {"files": PICTURE}),
    ("/v1/galleries/staff/identify", {"files": PICTURE}),
    ("/v1/galleries/staff/identify?candidates=0", {"files": PICTURE}),
    ("/v1/galleries/nobody/identify", {"files": PICTURE}),
    ("/v1/galleries/a%2Fb/identify", {"files": PICTURE}),
    ("/v1/galleries//identify", {"files": PICTURE}),
    ("/v1/identify", {"files": PICTURE}),
    ("/v1/detect/", {"files": PICTURE}),
]


@pytest.mark.parametrize(("path", "what"), ASKED, ids=[f"{number} {path}" for number, (path, _) in enumerate(ASKED)])
def test_both_ways_answer_alike(both: tuple[Served, Served], path: str, what: dict[str, Any]) -> None:
    short, usual = (told(one.key("operator").post(path, **what)) for one in both)
    assert short == usual


def test_keys_are_looked_at_alike(both: tuple[Served, Served]) -> None:
    for secret in (None, "vk_wrong"):
        short, usual = (told(one.client(secret).post("/v1/detect", files=PICTURE)) for one in both)
        assert short == usual
        assert short[0] == 401
    short, usual = (told(one.key("viewer").post("/v1/detect", files=PICTURE)) for one in both)
    assert short == usual
    assert short[0] == 403
    elsewhere = [one.key("operator", galleries=("other",)) for one in both]
    short, usual = (told(one.post("/v1/galleries/staff/identify", files=PICTURE)) for one in elsewhere)
    assert short == usual
    assert short[0] == 404


def test_requests_are_counted_under_their_route(both: tuple[Served, Served]) -> None:
    for one in both:
        one.key("operator").post("/v1/galleries/staff/identify", files=PICTURE)
        route, metrics = "/v1/galleries/{gallery}/identify", one.service.metrics  # counted when the answer is out
        wait_until(lambda m=metrics, r=route: m.value("vultus_requests_total", route=r, code="200") == 1)


def test_other_methods_are_told_which_there_are(both: tuple[Served, Served]) -> None:
    for one in both:
        answer = one.key("operator").get("/v1/detect")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_request_that_is_named_is_done_once(both: tuple[Served, Served]) -> None:
    for one in both:
        door = one.key("operator")
        headers = {"Idempotency-Key": "night"}
        first, again = (door.post("/v1/verify", files=PAIR, headers=headers) for _ in range(2))
        assert first.json() == again.json()
        assert again.headers["idempotency-replayed"] == "true"
