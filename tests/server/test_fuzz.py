"""The API against its own document, with whatever schemathesis thinks of; bounded in time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable

from .conftest import Serve, Served, png

schemathesis = pytest.importorskip("schemathesis", minversion="4", reason="schemathesis is not installed")

GenerationMode = schemathesis.GenerationMode
ONCE: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
BOUNDED = ("/events", "/export")  # streams, looked at elsewhere: one has no end to check, the other no schema


def promised() -> list[Any]:
    """What is checked of every answer, whatever was asked."""
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as promises

    def no_fault(context: Any, response: Any, case: Any) -> bool | None:
        """501 is honest: the analyzer for tests has not everything that a real one has."""
        return None if response.status_code == 501 else checks.not_a_server_error(context, response, case)

    return [
        no_fault,
        promises.status_code_conformance,
        promises.content_type_conformance,
        promises.response_headers_conformance,
        promises.response_schema_conformance,
    ]


def operations(served: Served) -> list[Any]:
    """Every operation of the document."""
    schema = schemathesis.openapi.from_url(f"{served.address}/v1/openapi.json")
    found = [one.ok() for one in schema.get_all_operations()]
    assert len(found) > 50
    return [one for one in found if not one.path.startswith("/health")]


def fuzz(operation: Any, mode: Any, look: Callable[[Any], None]) -> None:
    """A few requests of an operation, each looked at."""

    @settings(max_examples=8, **ONCE)
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        look(case)

    run()


def mended(served: Served) -> None:
    """The gallery and the person are there again, whatever the fuzzer deleted."""
    if "staff" not in served.service.galleries():
        served.service.create_gallery("staff")
    if served.admin.get("/v1/galleries/staff/persons/Ada").status_code == 404:
        served.enroll("Ada")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the fuzzer's own libraries
@pytest.mark.parametrize("role", ["admin", "operator", "auditor"])
def test_what_the_document_allows_breaks_neither_the_server_nor_its_promises(serve: Serve, role: str) -> None:
    served = serve(job_seconds=5.0)
    served.enroll("Ada")
    headers = {"Authorization": f"Bearer {served.service.keys.create(role).secret}"}
    statuses: dict[str, set[int]] = {}
    for operation in operations(served):
        if operation.path.endswith(BOUNDED[0]):
            continue
        seen = statuses.setdefault(operation.label, set())

        def look(case: Any, seen: set[int] = seen, get: bool = operation.method.upper() == "GET") -> None:
            if "gallery" in case.path_parameters:
                case.path_parameters["gallery"] = "staff"
            if "person" in case.path_parameters and get:
                case.path_parameters["person"] = "Ada"
            response = case.call(headers=headers, timeout=20)
            seen.add(response.status_code)
            case.validate_response(response, checks=promised(), headers=headers)

        fuzz(operation, GenerationMode.POSITIVE, look)
        mended(served)
    assert len(statuses) >= 50
    if role == "admin":  # what fits the document is done, not refused for another reason
        plain = {label for label in statuses if label.startswith("GET ") and "{" not in label.replace("{gallery}", "")}
        assert {label for label in plain if not statuses[label] & {200, 304}} == set()
    if role == "auditor":
        done = {label for label, seen in statuses.items() if any(status < 300 for status in seen)}
        assert done <= {
            "GET /v1/journal",
            "GET /v1/journal/head",
            "GET /v1/journal/verify",
            "GET /v1/journal/export",
            "GET /v1/me",
        }
    assert served.admin.get("/v1/me").status_code == 200
    served.service.decisions.flush()
    assert served.service.journal.verify().ok


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_the_document_does_not_allow_is_refused(serve: Serve) -> None:
    from schemathesis.specs.openapi import checks as promises

    served = serve(job_seconds=5.0)
    served.enroll("Ada")
    headers = {"Authorization": f"Bearer {served.running.key}"}
    checks = [*promised(), promises.negative_data_rejection, promises.unsupported_method]
    tried = 0

    def look(case: Any) -> None:
        nonlocal tried
        if "gallery" in case.path_parameters:
            case.path_parameters["gallery"] = "staff"
        response = case.call(headers=headers, timeout=20)
        tried += 1
        case.validate_response(response, checks=checks, headers=headers)

    for operation in operations(served):
        if operation.path.endswith(BOUNDED):
            continue
        with suppress(Unsatisfiable):  # nothing that it takes can be wrong
            fuzz(operation, GenerationMode.NEGATIVE, look)
        mended(served)
    assert tried > 150
    assert served.admin.get("/v1/me").status_code == 200


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_one_request_after_the_other_keeps_the_promises(serve: Serve) -> None:
    """Chains of operations in which one uses what another gave: keys made and revoked, people found and changed."""
    served = serve(job_seconds=5.0)
    served.enroll("Ada")
    schema = schemathesis.openapi.from_url(f"{served.address}/v1/openapi.json")
    machine: Any = (
        schema.include(path_regex=r"^/v1/(galleries|keys|jobs|me)")
        .exclude(path_regex="(events|export)$")
        .as_state_machine()
    )
    steps = 0
    broken: list[str] = []

    class Chains(machine):  # type: ignore[misc]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {served.running.key}"}, "timeout": 20}

        def before_call(self, case: Any) -> None:
            if "gallery" in case.path_parameters:
                case.path_parameters["gallery"] = "staff"

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            nonlocal steps
            steps += 1
            try:
                case.validate_response(response, checks=promised(), headers=self.get_call_kwargs(case)["headers"])
            except Exception as error:  # noqa: BLE001 - told below: a chain cannot be run again to make it shorter
                broken.append(f"{case.method} {case.path}: {error}")
            mended(served)

    # What the server made before, keys and people, is there in the next chain: hypothesis takes that for a strategy
    # that changes, and ends. What was tried until then counts.
    with suppress(FlakyStrategyDefinition):
        Chains.run(settings=settings(max_examples=15, stateful_step_count=8, phases=[Phase.generate], **ONCE))
    assert broken == []
    assert steps > 20
    assert served.service.journal.verify().ok


@pytest.mark.slow
def test_mutated_pictures_break_nothing(serve: Serve) -> None:
    import random

    served = serve(pixels=1_000_000)
    generator = random.Random(7)
    whole = png("Ada")
    statuses = set()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(generator.randrange(1, 30)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        if generator.random() < 0.3:
            del data[generator.randrange(len(data)) :]
        kind = generator.choice(["image/png", "image/jpeg", "application/octet-stream"])
        statuses.add(served.admin.post("/v1/detect", content=bytes(data), headers={"Content-Type": kind}).status_code)
    assert statuses <= {200, 400, 413}
    assert 400 in statuses
    assert served.admin.post("/v1/detect", content=whole, headers={"Content-Type": "image/png"}).status_code == 200
