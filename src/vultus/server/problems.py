"""What went wrong, as RFC 9457 `application/problem+json`: one table from errors to answers.

Another API on the same core speaks its own way: see `voice`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from vultus import errors
from vultus.errors import VultusError
from vultus.server import logs
from vultus.server.wording import reasons, worded

__all__ = ["CODES", "GONE", "Problem", "answer", "problem_of", "register", "too_many", "voice"]

log = logging.getLogger("vultus.server")

MEDIA_TYPE = "application/problem+json"
GONE = 499  # as other servers log a client that hung up; no answer is sent, since nobody reads it

# The most special class first: the first that fits is taken.
CODES: tuple[tuple[type[VultusError], int, str], ...] = (
    (errors.ImageFormatError, 400, "invalid_image"),
    (errors.ImageTooLargeError, 413, "too_large"),
    (errors.NoFaceError, 422, "no_face"),
    (errors.TooManyFacesError, 422, "several_faces"),
    (errors.FaceRefusedError, 422, "face_refused"),
    (errors.InvalidVectorError, 422, "invalid_vector"),
    (errors.NotFoundError, 404, "not_found"),
    (errors.ContractMismatchError, 409, "contract_mismatch"),
    (errors.ConflictError, 409, "conflict"),
    (errors.GalleryBusyError, 503, "gallery_busy"),
    (errors.MasterKeyError, 503, "master_key"),
    (errors.GalleryError, 503, "gallery_unusable"),
    (errors.VideoError, 400, "invalid_video"),
    (errors.OperatingPointError, 422, "no_operating_point"),
    (errors.MissingExtraError, 501, "missing_extra"),
    (errors.InputError, 422, "invalid_request"),
    (errors.WeightsError, 503, "weights_unusable"),
    (errors.StorageError, 503, "storage_unusable"),
)

TITLES = {
    "invalid_image": "The bytes are not a picture, or a broken one",
    "too_large": "Over a limit of size",
    "no_face": "A face was needed and none was found",
    "several_faces": "One face was needed and several were found",
    "face_refused": "The face is not good enough",
    "not_live": "The face is not taken for a living one",
    "challenge_failed": "The live check was not answered as asked",
    "invalid_vector": "The embedding cannot be used",
    "not_found": "There is no such thing",
    "contract_mismatch": "Embeddings of two models would meet",
    "conflict": "What is there already stands in the way",
    "gallery_busy": "Another process holds the gallery",
    "gallery_unusable": "The gallery cannot be used",
    "master_key": "The gallery is sealed and its keys are not at hand",
    "migration_refused": "The gallery was not migrated",
    "interrupted": "The server ended before the job did",
    "invalid_video": "The film cannot be read",
    "no_operating_point": "No threshold stands for that error rate",
    "missing_extra": "An optional package is not installed",
    "invalid_request": "What was given cannot be used",
    "weights_unusable": "A model file is missing or damaged",
    "storage_unusable": "The disk is full or cannot be written",
    "unauthorized": "A valid key is needed",
    "forbidden": "This is not allowed",
    "rate_limited": "Too many requests",
    "queue_full": "More pictures wait than can be served",
    "probe_limit": "Too many probes of one person",
    "too_slow": "The request came too slowly",
    "client_gone": "The client hung up before its request was whole",
    "method_not_allowed": "The address knows other methods",
    "unsupported_media": "The body's type is not understood",
    "precondition_failed": "It changed meanwhile",
    "idempotency_mismatch": "The Idempotency-Key was used for something else",
    "idempotency_busy": "The same request is being done",
    "internal": "Our fault",
}

# The library's own sentence names files of the server, which are nobody's business outside.
_MASTER_KEY = (
    "the gallery is sealed, and the server has no master key or key file that opens it; whoever runs the server must "
    "name the right one (VULTUS_MASTER_KEY_FILE, or vultus serve --master-key FILE) and start it again"
)

Voice = Callable[[Request, "Problem"], Response]


class Problem(VultusError):
    """An answer that is no success: HTTP status, code for programs, sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self, request_id: str) -> dict[str, Any]:
        """The fields of RFC 9457, with `code` and `request_id`."""
        return {
            "type": f"urn:vultus:problem:{self.code}",
            "title": TITLES.get(self.code, self.code.replace("_", " ")),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.more,
        }


def too_many(code: str, detail: str, seconds: float) -> Problem:
    """429 with `Retry-After`, whole seconds, at least one."""
    return Problem(429, code, detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})


def problem_of(error: Exception) -> Problem:
    """Any exception as an answer; what nobody expected tells nothing but that it is our fault."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        wrong = reasons(error.errors())
        detail = "; ".join(f"{one['in']}: {one['reason']}" for one in wrong[:3])
        return Problem(422, "invalid_request", detail or "the request cannot be read", more={"errors": wrong[:20]})
    if isinstance(error, HTTPException):
        if isinstance(error.__cause__, VultusError | ClientDisconnect):  # raised while FastAPI read the body
            return problem_of(error.__cause__)
        if error.status_code == 400:  # FastAPI's word for bytes that are no text
            return Problem(422, "invalid_request", "the body is not JSON in UTF-8")
        names = {401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
        code = names.get(error.status_code, "invalid_request" if error.status_code < 500 else "internal")
        return Problem(error.status_code, code, str(error.detail), headers=error.headers)
    if isinstance(error, ClientDisconnect):
        return Problem(GONE, "client_gone", "the client hung up before its request was whole")
    for kind, status, code in CODES:
        if isinstance(error, kind):
            headers = {"Retry-After": "1"} if code == "gallery_busy" else None
            return Problem(status, code, _MASTER_KEY if code == "master_key" else str(error), headers=headers)
    return Problem(500, "internal", "something broke here; the server's log knows the request by its id")


def voice(app: FastAPI, prefix: str, speak: Voice) -> None:
    """Let another API tell problems its own way for every path that begins with `prefix`.

    prefix: "/" alone means the root path only.
    """
    app.state.voices[prefix] = speak


def register(app: FastAPI) -> None:
    """Answer every exception of the app, also those of its limits."""
    app.state.voices = {}

    async def handler(request: Request, error: Exception) -> Response:
        return answer(request, error)

    for kind in (VultusError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handler)


def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that failed, in the voice of the API that it meant."""
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("%s: %s", type(error).__name__, error, exc_info=error if problem.status == 500 else None)
    root = str(request.app.state.service.settings.root)
    problem.detail = problem.detail.replace(f"{root}/", "").replace(root, "the galleries")
    if problem.status in (404, 405) and isinstance(error, HTTPException):
        _explain(request, problem)
    logs.current().problem = problem.code
    return _speaker(request)(request, problem)


def _explain(request: Request, problem: Problem) -> None:
    """Say what there is instead: Starlette names the methods of the first route that fits, and no more."""
    path = request.url.path
    if problem.status == 404:
        problem.detail = f"there is nothing at {path[:200]}; see /v1/openapi.json"
        return
    scopes = [{**request.scope, "method": method} for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")]
    allowed = [
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)
    ]
    problem.headers["Allow"] = ", ".join(allowed)
    problem.detail = f"expected {' or '.join(allowed) or 'no request'} at this address, got {request.method[:20]}"


def _speaker(request: Request) -> Voice:
    path = request.url.path
    voices: dict[str, Voice] = request.app.state.voices
    fitting = [prefix for prefix in voices if (path == "/" if prefix == "/" else path.startswith(prefix))]
    return voices[max(fitting, key=len)] if fitting else _problem_json


def _problem_json(request: Request, problem: Problem) -> Response:
    problem.detail = worded(problem.detail)
    body = problem.body(logs.current().request_id)
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)
