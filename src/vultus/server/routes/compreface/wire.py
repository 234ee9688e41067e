"""How CompreFace tells what went wrong: `{message, code}`, with its own numbers."""

from __future__ import annotations

from enum import IntEnum

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from vultus.server import problems
from vultus.server.problems import Problem

__all__ = ["PREFIX", "Code", "Fault", "add_voice"]

PREFIX = "/api/v1"


class Code(IntEnum):
    """The numbers of the original."""

    UNDEFINED = 0
    EMPTY_FIELD = 5
    UNKNOWN_KEY = 10
    NO_HEADER = 20
    NO_PICTURE = 21  # file extension, or base64
    VALIDATION = 26
    NO_FACE = 28
    SEVERAL_FACES = 31
    NO_PARAMETER = 33
    NO_PART = 34
    ARGUMENT = 36
    EMBEDDINGS = 37
    INTERNAL = 41
    NO_SUBJECT = 42
    SUBJECT_EXISTS = 43
    NO_IMAGE = 44


# Codes of the core's problems: status and number.
_CODES: dict[str, tuple[int, Code]] = {
    "invalid_image": (400, Code.NO_PICTURE),
    "unsupported_media": (400, Code.NO_PICTURE),
    "too_large": (413, Code.UNDEFINED),
    "too_slow": (408, Code.UNDEFINED),
    "no_face": (400, Code.NO_FACE),
    "several_faces": (400, Code.SEVERAL_FACES),
    "face_refused": (400, Code.ARGUMENT),
    "not_found": (404, Code.NO_SUBJECT),
    "conflict": (400, Code.SUBJECT_EXISTS),
    "contract_mismatch": (400, Code.ARGUMENT),
    "no_operating_point": (400, Code.ARGUMENT),
    "invalid_vector": (400, Code.ARGUMENT),
    "unauthorized": (404, Code.UNKNOWN_KEY),
    "forbidden": (404, Code.UNKNOWN_KEY),
    "rate_limited": (429, Code.UNDEFINED),
    "queue_full": (429, Code.UNDEFINED),
    "probe_limit": (429, Code.UNDEFINED),
    "method_not_allowed": (404, Code.UNDEFINED),
}


class Fault(Problem):
    """A refusal by its number."""

    def __init__(self, status: int, number: Code, detail: str) -> None:
        super().__init__(status, f"compreface_{number.name.lower()}", detail)
        self.number = number


def add_voice(app: FastAPI) -> None:
    """Tell problems below /api/v1 the way of CompreFace."""
    problems.voice(app, PREFIX, _speak)


def _speak(request: Request, problem: Problem) -> Response:
    if isinstance(problem, Fault):
        status, number = problem.status, problem.number
    elif problem.status >= 500:
        status, number = 500, Code.INTERNAL
    elif request.scope.get("route") is None and problem.status == 404:
        status, number = 404, Code.UNDEFINED  # an address that is none
    else:
        status, number = _CODES.get(problem.code, (400, Code.VALIDATION))
    body = {"message": problem.detail, "code": int(number)}
    return JSONResponse(body, status, headers=problem.headers)
