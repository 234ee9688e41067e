"""A route of `/v1`: the key is looked at before the body is read, and nothing that was sent is passed over.

A parameter that is not known, or that comes twice, is refused: a misspelt `fpir` must not search at the usual rate.
An `Idempotency-Key` is obeyed or, where it cannot be, refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header

from vultus.errors import InputError, VultusError
from vultus.server.auth import Caller, rule_of, service_of
from vultus.server.idempotency import Reply
from vultus.server.problems import Problem, answer
from vultus.server.routes.v1.plain import plain

__all__ = ["Route", "SecretRoute"]

_HEADER = "idempotency-key"
_KEPT = {"content-type", "etag", "location", "x-revision", "x-model-contract"}
_UNSETTLED = {401, 403, 408, 413, 429}  # another try may end otherwise
_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class SecretRoute(APIRoute):
    """As `Route`, but nothing of the answer is kept: for answers that hold a key."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        # A stream is made as it is sent, and an export is written into the journal: neither for its head alone.
        if self.methods and "GET" in self.methods and self.response_class is not StreamingResponse:
            self.methods.add("HEAD")

    def get_route_handler(self) -> Handler:
        """The handler, behind the rule of the route."""
        inner = super().get_route_handler()
        rule = rule_of(self)
        known = frozenset(field.alias for field in self.dependant.query_params)
        takes_json = self.body_field is not None
        direct = plain(self)

        async def handle(request: Request) -> Response:
            caller = None if rule is None else await rule(request)
            if direct is not None and caller is not None and not request.scope["query_string"]:
                return await direct(request, caller)
            _check_parameters(request, known)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if takes_json and kind and kind != "application/json" and not kind.endswith("+json"):
                raise Problem(415, "unsupported_media", f"expected application/json as the body, got {kind[:80]!r}")
            return await inner(request)

        return handle


class Route(SecretRoute):
    """The usual route."""

    def get_route_handler(self) -> Handler:
        """The handler, behind the rule of the route and the answers that were given before."""
        inner = super().get_route_handler()
        rule = rule_of(self)

        async def handle(request: Request) -> Response:
            name = request.headers.get(_HEADER)
            if name is None or request.method not in _CHANGING or rule is None:
                return await inner(request)
            caller = await rule(request)
            if rule.uploads == "video":  # whether it is the same again shows only when all of it was received
                raise InputError("expected no Idempotency-Key with a body of this size; look at what is there instead")
            return await inner(request) if caller is None else await _once(request, caller, name, inner)

        return handle


def _without_boundary(request: Request, body: bytes) -> bytes:
    """A form without what parts its fields: clients draw another boundary each time they send the same one."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    return body.replace(b"--" + boundary, b"--") if kind == b"multipart/form-data" and boundary else body


def _check_parameters(request: Request, known: frozenset[str]) -> None:
    """Refuse (Problem 422) parameters that the address does not know, or that come twice."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in known and name not in seen:
            seen.add(name)
            continue
        choice = f"known are {', '.join(sorted(known))}" if known else "there are none at this address"
        reason = "it comes twice" if name in known else f"no parameter of this name is known; {choice}"
        wrong = {"in": f"query.{name[:80]}", "reason": reason}
        raise Problem(422, "invalid_request", f"{wrong['in']}: {reason}", more={"errors": [wrong]})


async def _once(request: Request, caller: Caller, name: str, inner: Handler) -> Response:
    service = service_of(request)
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(_without_boundary(request, await request.body()))
    gallery = str(request.path_params.get("gallery", ""))
    kept = await service.run(service.replies.begin, caller.key.id, name, digest.digest(), gallery)
    if kept is not None:
        return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})
    settled = False
    try:
        try:
            response = await inner(request)
        except (VultusError, ValueError) as error:  # FastAPI's own refusals are ValueErrors
            response = answer(request, error)
        except Exception as error:  # noqa: BLE001 - answered as anywhere else, and to be tried again
            return answer(request, error)
        body = getattr(response, "body", None)  # streams have none and are not kept
        if isinstance(body, bytes) and response.status_code < 500 and response.status_code not in _UNSETTLED:
            headers = {key: value for key, value in response.headers.items() if key in _KEPT}
            await service.run(service.replies.finish, caller.key.id, name, Reply(response.status_code, headers, body))
            settled = True
        return response
    finally:
        if not settled:
            await service.run(service.replies.abandon, caller.key.id, name)
