"""A route of `/v1`: the key is looked at before the body is read, and an `Idempotency-Key` is obeyed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from vultus.errors import VultusError
from vultus.server.auth import Caller, rule_of, service_of
from vultus.server.idempotency import Reply
from vultus.server.problems import answer

__all__ = ["Route", "SecretRoute"]

_HEADER = "idempotency-key"
_KEPT = {"content-type", "etag", "location", "x-revision", "x-model-contract"}
_UNSETTLED = {401, 403, 408, 413, 429}  # another try may end otherwise
_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class SecretRoute(APIRoute):
    """As `Route`, but nothing of the answer is kept: for answers that hold a key."""

    def get_route_handler(self) -> Handler:
        """The handler, behind the rule of the route."""
        inner = super().get_route_handler()
        rule = rule_of(self)

        async def handle(request: Request) -> Response:
            if rule is not None:
                await rule(request)
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
            if name is None or request.method not in _CHANGING or rule is None or rule.uploads == "video":
                return await inner(request)
            caller = await rule(request)
            return await inner(request) if caller is None else await _once(request, caller, name, inner)

        return handle


async def _once(request: Request, caller: Caller, name: str, inner: Handler) -> Response:
    service = service_of(request)
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
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
