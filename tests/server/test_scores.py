"""Similarities as they were are for auditors and administrators; nobody else reaches them by any route.

The decisions of a server are in its journal with score, threshold and model. Everybody else is told what the policy
allows: nothing below the threshold, two decimals above it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from vultus.server.keys import ROLES, covers
from vultus.server.routes.v1 import router

from .conftest import Served, png

PNG = {"Content-Type": "image/png"}
OTHERS = [role for role in ROLES if not covers(role, "auditor")]


def answers(client: httpx.Client, ids: dict[str, str]) -> Iterator[httpx.Response]:
    """Every look of the API, and whatever compares faces."""
    for route in router.routes:
        assert isinstance(route, APIRoute)
        if "GET" in route.methods:
            yield client.get(route.path.format(**ids))
    staff = "/v1/galleries/staff"
    probe = {"content": png("Ada", seed=3), "headers": PNG}
    for query in ("", "?fpir=0.0001", "?candidates=100&margin=0.9&allow_repeat=true"):
        yield client.post(f"{staff}/identify{query}", **probe)  # type: ignore[arg-type]
    yield client.post(f"{staff}/identify", content=png("a stranger"), headers=PNG)
    once = {**PNG, "Idempotency-Key": "probe"}
    for _ in range(2):  # the second is the answer that was kept
        yield client.post(f"{staff}/identify", content=png("Ada", seed=3), headers=once)
    yield client.post(f"{staff}/batch/identify", files=[("image", png("Ada", seed=3)), ("image", png("Eve"))])
    for second in (png("Ada", seed=3), png("Eve")):
        yield client.post("/v1/verify", files={"first": png("Ada"), "second": second})
    yield client.post(f"{staff}/persons", data={"name": "Eve"}, files={"image": png("Ada", seed=3)})
    yield client.post(f"{staff}/persons", data={"name": "Ada"}, files={"image": png("somebody else")})
    started = client.post("/v1/jobs/cluster", files=[("image", png("Ada")), ("image", png("Ada", seed=3))])
    yield started
    if started.status_code == 202:
        yield client.get(f"/v1/jobs/{started.json()['id']}/events")
        yield client.get("/v1/jobs")
        yield client.get(f"/v1/jobs/{started.json()['id']}")


def raw_scores(served: Served) -> set[str]:
    """The similarities of all decisions to three decimals, which no told number shares by chance."""
    served.service.decisions.flush()
    found = [entry.evidence.get("score") for entry in served.service.journal.entries()]
    return {f"{abs(score):.4f}"[:-1] for score in found if isinstance(score, float) and abs(score) < 0.9995}


def numbers(node: object) -> Iterator[float]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("quality", "landmarks", "box", "embedding", "refusals", "operating"):  # of the picture
                yield from numbers(value)
    elif isinstance(node, list):
        for value in node:
            yield from numbers(value)
    elif isinstance(node, float):
        yield node


def told_numbers(answer: httpx.Response) -> Iterator[float]:
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        lines = (line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: "))
        for line in lines:
            yield from numbers(json.loads(line))
    elif "json" in kind and "ndjson" not in kind and answer.content:
        yield from numbers(answer.json())


@pytest.mark.parametrize("role", OTHERS)
def test_no_other_role_reaches_a_score_as_it_was(served: Served, role: str) -> None:
    ada = served.enroll("Ada")
    served.enroll("Bob")
    (face,) = served.admin.get(f"/v1/galleries/staff/persons/{ada['id']}/faces").json()["items"]
    client = served.key(role)
    job = served.admin.post("/v1/jobs/cluster", files={"image": png("Ada")}).json()["id"]
    ids = {"gallery": "staff", "person": ada["id"], "face": face["id"], "job": job, "key": "x"}
    told = list(answers(client, ids))
    assert len(told) > 30
    assert [answer.request.url.path for answer in told if answer.status_code >= 500] == []
    scores = raw_scores(served)
    assert scores or role in ("viewer", "monitor")  # these can compare nothing, so there are none
    texts = [(answer.request.url.path, answer.text) for answer in told if "/models" not in answer.request.url.path]
    seen = {(path, score) for path, text in texts for score in scores if f"{score}" in text and "/embed" not in path}
    fine = {
        (answer.request.url.path, value)
        for answer in told
        for value in told_numbers(answer)
        if f"{abs(value):.4f}"[:-1] in scores and round(value, 2) != value
    }
    assert fine == set()
    assert {path for path, _ in seen if path.startswith("/v1/journal")} == set()
    journals = [answer for answer in told if answer.request.url.path.startswith("/v1/journal")]
    assert [answer.status_code for answer in journals] == [403] * 4
    details = [answer.json().get("detail", "") for answer in told if answer.status_code >= 400]
    assert [detail for detail in details if any(score in detail for score in scores)] == []


@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_auditors_read_decisions_with_score_threshold_and_model(served: Served, role: str) -> None:
    served.enroll("Ada")
    served.key("operator").post("/v1/galleries/staff/identify", content=png("Ada", "Eve", seed=3), headers=PNG)
    entries = served.key(role).get("/v1/journal?action=identify").json()["items"]
    decided = {entry["evidence"]["decision"]: entry["evidence"] for entry in entries}
    assert decided["match"]["score"] >= decided["match"]["threshold"] > decided["unknown"]["score"]
    assert decided["match"]["score"] != round(decided["match"]["score"], 2)
    assert decided["match"]["model"] == served.service.contract


def test_an_auditor_of_some_galleries_reads_those_alone(served: Served) -> None:
    served.enroll("Ada")
    served.admin.post("/v1/galleries/staff/identify", content=png("Ada", seed=3), headers=PNG)
    auditor = served.key("auditor", galleries=("other",))
    assert auditor.get("/v1/journal").json()["items"] == []
    assert auditor.get("/v1/journal?gallery=staff").status_code == 404
    assert auditor.get("/v1/journal/export").status_code == 403
    assert auditor.post("/v1/galleries/staff/identify", content=png("Ada"), headers=PNG).status_code == 403


def test_what_goes_with_a_score_is_of_the_score_as_it_is_told(served: Served) -> None:
    """The error rate of the score as it was would give its other decimals away."""
    pair = {"first": png("Ada"), "second": png("Ada", noise=70, seed=3)}
    told = served.key("operator").post("/v1/verify", files=pair).json()
    (entry,) = served.admin.get("/v1/journal?action=verify").json()["items"]
    exact = entry["evidence"]["score"]
    assert told["score"] == pytest.approx(exact, abs=0.01)
    assert told["score"] != exact
    assert told["fmr"] == served.service.operating.fmr_at(told["score"])
    assert told["fmr"] != served.service.operating.fmr_at(exact)
