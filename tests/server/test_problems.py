from __future__ import annotations

import inspect

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vultus import client, errors
from vultus.server.problems import CODES, TITLES, Problem, problem_of, too_many


def test_every_error_of_the_library_has_an_answer() -> None:
    classes = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind is not errors.VultusError}
    assert {kind for kind, _, _ in CODES} == classes
    for kind, status, code in CODES:
        problem = problem_of(kind("why"))
        said = "why" if code != "master_key" else problem.detail  # whose own words name files of the server
        assert (problem.status, problem.code, problem.detail) == (status, code, said)
        assert 400 <= status < 600
        assert code in TITLES


def test_special_errors_stand_before_the_general_ones() -> None:
    for index, (kind, _, _) in enumerate(CODES):
        assert not [later for later, _, _ in CODES[index + 1 :] if issubclass(later, kind)]


def test_the_client_knows_the_same_names() -> None:
    assert dict(client.ERRORS) == {code: kind for kind, _, code in CODES}


def test_what_nobody_expected_tells_nothing() -> None:
    problem = problem_of(RuntimeError("/srv/secret/path"))
    assert problem.status == 500
    assert "secret" not in problem.detail


def test_fastapis_own_refusals() -> None:
    error = RequestValidationError([{"loc": ("query", "limit"), "msg": "too large", "type": "x"}])
    problem = problem_of(error)
    assert (problem.status, problem.code) == (422, "invalid_request")
    assert problem.more["errors"] == [{"in": "query.limit", "reason": "too large"}]
    assert problem_of(HTTPException(405)).code == "method_not_allowed"
    wrapped = HTTPException(400, "There was an error parsing the body")
    wrapped.__cause__ = Problem(413, "too_large", "too large")
    assert problem_of(wrapped).status == 413


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (0.2, "1"), (1.5, "2"), (30, "30")])
def test_retry_after_is_whole_seconds(seconds: float, header: str) -> None:
    assert too_many("rate_limited", "wait", seconds).headers == {"Retry-After": header}


def test_the_fields_of_rfc_9457() -> None:
    body = Problem(409, "conflict", "taken", more={"refused": []}).body("r1")
    assert body == {
        "type": "urn:vultus:problem:conflict",
        "title": "What is there already stands in the way",
        "status": 409,
        "detail": "taken",
        "code": "conflict",
        "request_id": "r1",
        "refused": [],
    }
