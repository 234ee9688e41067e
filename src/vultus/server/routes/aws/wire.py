"""How AWS JSON 1.1 tells what went wrong: status 400 or 500, the code in the body."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from vultus.server import logs, problems
from vultus.server.problems import Problem

__all__ = ["MEDIA_TYPE", "Fault", "add_voice", "answered", "operation_of"]

MEDIA_TYPE = "application/x-amz-json-1.1"
_TARGET = "RekognitionService."

# Codes of the core's problems, and what a client of AWS knows them by.
_CODES = {
    "invalid_image": "InvalidImageFormatException",
    "too_large": "ImageTooLargeException",
    "not_found": "ResourceNotFoundException",
    "conflict": "ConflictException",
    "unauthorized": "AccessDeniedException",
    "forbidden": "AccessDeniedException",
    "rate_limited": "ThrottlingException",
    "queue_full": "ThrottlingException",
    "probe_limit": "ThrottlingException",
    "too_slow": "RequestTimeoutException",
    "idempotency_mismatch": "IdempotentParameterMismatchException",
    "idempotency_busy": "ConflictException",
    "method_not_allowed": "UnknownOperationException",
}


class Fault(Problem):
    """A refusal by its AWS name."""

    def __init__(self, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(status, code, detail)


def operation_of(request: Request) -> str:
    """Name of the operation that is asked for, empty when it is none of this service's."""
    target = request.headers.get("x-amz-target", "")
    return target.removeprefix(_TARGET) if target.startswith(_TARGET) else ""


def answered(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """A body with the headers that the SDKs look for."""
    own = {"x-amzn-RequestId": logs.current().request_id}
    return JSONResponse(body, status, headers={**(headers or {}), **own}, media_type=MEDIA_TYPE)


def add_voice(app: FastAPI) -> None:
    """Tell problems at the root path the AWS way."""
    problems.voice(app, "/", _speak)


def _speak(request: Request, problem: Problem) -> Response:
    if request.method in ("GET", "HEAD"):  # not for us: a page may lie here
        body = problem.body(logs.current().request_id)
        return JSONResponse(body, problem.status, headers=problem.headers, media_type=problems.MEDIA_TYPE)
    code = problem.code if isinstance(problem, Fault) else _code(problem)
    # The SDKs take the code from the body; a header alone is read as "400".
    body = {"__type": code, "Message": problem.detail}
    return answered(body, 500 if code == "InternalServerError" else 400, dict(problem.headers))


def _code(problem: Problem) -> str:
    if problem.status >= 500:
        return "InternalServerError"
    return _CODES.get(problem.code, "InvalidParameterException")
