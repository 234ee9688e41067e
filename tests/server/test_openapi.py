"""The document of the API: as it was reviewed, and true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vultus.server.app import create_app
from vultus.server.routes.v1.about import document
from vultus.server.settings import Settings
from vultus.testing import Analyzer

from .conftest import Serve, Served, png

SNAPSHOT = Path(__file__).parent / "openapi.json"
HOW = "review the difference, then: VULTUS_SNAPSHOT=write pytest tests/server/test_openapi.py"


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Any]:
    app = create_app(Settings(tmp_path), Analyzer())
    try:
        found: dict[str, Any] = json.loads(json.dumps(document(app)))
    finally:
        app.state.service._close()
    return found


def test_the_document_is_the_one_that_was_reviewed(made: dict[str, Any], request: pytest.FixtureRequest) -> None:
    import os

    if os.environ.get("VULTUS_SNAPSHOT") == "write":
        SNAPSHOT.write_text(json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    assert made == json.loads(SNAPSHOT.read_text()), HOW


def test_every_operation_says_what_it_does_and_who_may(made: dict[str, Any]) -> None:
    operations = {
        f"{method} {path}": operation
        for path, methods in made["paths"].items()
        for method, operation in methods.items()
    }
    assert len(operations) > 45
    assert [name for name, one in operations.items() if not one.get("summary") or not one.get("description")] == []
    assert [name for name, one in operations.items() if "default" not in one["responses"] and "/v1/" in name] == []
    open_ones = {name for name, one in operations.items() if "security" not in one}
    assert open_ones == {"get /health/live", "get /health/ready"}
    names = [one["operationId"] for one in operations.values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere(made: dict[str, Any]) -> None:
    schemas = set(made["components"]["schemas"])
    references: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                references.add(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(made)
    assert references
    assert {one.removeprefix("#/components/schemas/") for one in references} <= schemas


def test_it_is_served_without_a_key_and_without_foreign_files(served: Served) -> None:
    answer = served.client(None).get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "vultus"
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert served.client(None).get(path).status_code == 404


def test_answers_are_what_the_document_says(serve: Serve) -> None:
    """Every model's fields, no more and no fewer, for an answer of each kind."""
    from vultus.server.routes.v1 import galleries, journal, keys, schemas

    served = serve()
    served.enroll("Ada")
    picture = {"content": png("Ada", seed=1), "headers": {"Content-Type": "image/png"}}
    admin = served.admin
    faces = admin.get("/v1/galleries/staff/persons/Ada/faces").json()
    checked: list[tuple[Any, Any]] = [
        (schemas.Read, admin.post("/v1/detect", **picture).json()),
        (schemas.Read, admin.post("/v1/embed", **picture).json()),
        (schemas.Identified, admin.post("/v1/galleries/staff/identify", **picture).json()),
        (schemas.Verification, admin.post("/v1/verify", files={"first": png("Ada"), "second": png("Bob")}).json()),
        (schemas.Page[schemas.Person], admin.get("/v1/galleries/staff/persons").json()),
        (schemas.Page[schemas.Template], faces),
        (schemas.Gallery, admin.get("/v1/galleries/staff").json()),
        (galleries.Threshold, admin.get("/v1/galleries/staff/operating-point").json()),
        (schemas.Check, admin.get("/v1/galleries/staff/check").json()),
        (schemas.Page[schemas.Key], admin.get("/v1/keys").json()),
        (keys.WithSecret, admin.post("/v1/keys", json={"role": "viewer"}).json()),
        (schemas.Page[journal.JournalEntry], admin.get("/v1/journal").json()),
        (
            schemas.Enrolment,
            admin.post("/v1/galleries/staff/persons", data={"name": "Bob"}, files={"image": png("Bob")}).json(),
        ),
        (schemas.Receipt, admin.post("/v1/galleries/staff/erase", json={"person": "Bob"}).json()),
        (schemas.ProblemBody, admin.get("/v1/galleries/none").json()),
    ]
    for model, answer in checked:
        assert model.model_validate(answer).model_dump(mode="json", exclude_unset=True) == answer
