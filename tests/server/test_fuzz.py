"""The API against its own document, with whatever schemathesis thinks of; bounded in time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from .conftest import Serve, png

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the fuzzer's own libraries
@pytest.mark.parametrize("role", ["admin", "operator", "auditor"])
def test_no_request_breaks_the_server_or_its_promises(serve: Serve, role: str) -> None:
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as promises

    served = serve(job_seconds=5.0)
    served.enroll("Ada")
    secret = served.service.keys.create(role).secret
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_url(f"{served.address}/v1/openapi.json")
    wanted = [
        checks.not_a_server_error,
        promises.status_code_conformance,
        promises.content_type_conformance,
        promises.response_schema_conformance,
    ]
    tried: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/health") or operation.path.endswith("/events"):  # a stream has no end to check
            continue

        @settings(
            max_examples=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case: Any) -> None:
            if "gallery" in case.path_parameters:
                case.path_parameters["gallery"] = "staff"
            if "person" in case.path_parameters and case.operation.method.upper() == "GET":
                case.path_parameters["person"] = "Ada"
            response = case.call(headers=headers, timeout=20)
            case.validate_response(response, checks=wanted, headers=headers)

        fuzz()
        tried.append(operation.label)
        if operation.method.upper() == "DELETE" and "staff" not in served.service.galleries():
            served.service.create_gallery("staff")
            served.enroll("Ada")
    assert len(tried) > 45
    assert served.admin.get("/v1/me").status_code == 200
    served.service.decisions.flush()
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
