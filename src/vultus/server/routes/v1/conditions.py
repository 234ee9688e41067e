"""ETags: a change can be made to depend on what was seen (`If-Match`), a look on news (`If-None-Match`)."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response
from pydantic import BaseModel

from vultus.server.problems import Problem

__all__ = ["check_match", "etag_of", "respond"]


def etag_of(value: BaseModel) -> str:
    """Tag of a value as it is told; another value has another tag."""
    return '"' + hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:32] + '"'


def respond(
    request: Request, value: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The value with its tag; 304 without it when the client has it already."""
    tag = etag_of(value)
    named = {"ETag": tag, **(headers or {})}
    if request.method in ("GET", "HEAD") and _fits(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=named)
    return Response(value.model_dump_json(), status, named, media_type="application/json")


def check_match(request: Request, value: BaseModel) -> None:
    """Refuse (Problem 412) a change when `If-Match` names another state than the present one."""
    wanted = request.headers.get("if-match")
    if wanted is not None and not _fits(wanted, etag_of(value)):
        raise Problem(412, "precondition_failed", "it changed since it was read; read it again and decide anew")


def _fits(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in header.split(","))
