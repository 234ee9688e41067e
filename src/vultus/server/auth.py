"""Who is calling, and may they: one dependency for every route.

`allow("operator")` names the lowest role; routes with `{gallery}` in their path are open
only to keys of that gallery, to others it does not exist. A route that names no rule does
not start: see `check_routes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from vultus.errors import NotFoundError, VultusError
from vultus.server import logs
from vultus.server.keys import Key, Role, covers
from vultus.server.problems import Problem, too_many

if TYPE_CHECKING:
    from vultus.server.service import Service

__all__ = [
    "Allowed",
    "Caller",
    "admit",
    "allow",
    "any_key",
    "check_routes",
    "own_check",
    "public",
    "rule_of",
    "service_of",
    "wrong_key",
]

GALLERY_NOT_FOUND = "expected a gallery of this server, got {name!r}; list the galleries to see them"
_TRIES = 5.0  # wrong keys a second from one address
_TRIES_BURST = 50


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is."""

    key: Key
    request_id: str

    def may(self, role: Role) -> bool:
        """The key covers the role."""
        return covers(self.key.role, role)

    def needs(self, gallery: str) -> None:
        """Refuse (NotFoundError, as for a gallery that is not there) one that the key is not for."""
        if not self.key.may(gallery):
            raise NotFoundError(GALLERY_NOT_FOUND.format(name=gallery))


def service_of(request: Request) -> Service:
    """The service behind the app."""
    service: Service = request.app.state.service
    return service


@dataclass(frozen=True, slots=True)
class Allowed:
    """The rule of a route. role: the lowest; "any": every valid key; None: anybody, without a key.

    uploads: the body may hold pictures, "video" a film. Bodies of others are small.
    own: the route checks its callers itself, in the way named here.
    """

    role: Role | Literal["any"] | None
    uploads: bool | str = False
    own: str = ""

    async def __call__(self, request: Request) -> Caller | None:
        """The caller; refused (Problem): no key (401), another role (403), too many requests (429)."""
        if self.role is None:
            return None
        state = request.state
        if getattr(state, "caller", None) is None:
            state.caller = identified(request)
        caller: Caller = state.caller
        if self.role != "any" and not covers(caller.key.role, self.role):
            raise Problem(403, "forbidden", f"expected a key with the role {self.role}, this one has {caller.key.role}")
        if (gallery := request.path_params.get("gallery")) is not None:
            caller.needs(gallery)
        admit(request, caller.key, self.uploads)
        return caller


def identified(request: Request) -> Caller:
    """The caller by the key in `Authorization: Bearer` or `X-API-Key`; rate limits are not looked at.

    Refused (Problem 401): no key, or one that is not valid.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        secret = request.headers.get("x-api-key", "")
    secret = secret.strip()
    if not secret:
        raise _unauthorized("expected a key in the header Authorization: Bearer, got none")
    service = service_of(request)
    key = service.keys.verify(secret)
    if key is None or key.kind != "api":
        wrong_key(request)
        raise _unauthorized("the key is not valid: unknown, expired or revoked")
    return Caller(key, logs.current().request_id)


def wrong_key(request: Request) -> None:
    """Count a wrong key, or a wrong signature, against the address that it came from, whichever API it was tried at.

    Refused (Problem 429): too many. The caller refuses the key in its own words otherwise.
    """
    address = logs.current().client
    if wait := service_of(request).buckets.take(f"wrong {address}", rate=_TRIES, burst=_TRIES_BURST):
        raise too_many("rate_limited", "too many wrong keys from this address", wait)


def admit(request: Request, key: Key, uploads: bool | str = False) -> None:
    """Count a request of a key, once, and let it send as much as it may. Refused (429): too many."""
    if getattr(request.state, "admitted", False):
        return
    service = service_of(request)
    settings = service.settings
    about = logs.current()
    about.key = key.id
    rate = settings.rate if key.rate is None else key.rate
    burst = settings.burst if key.rate is None else max(1.0, key.rate)
    if wait := service.buckets.take(key.id, rate=rate, burst=burst):
        raise too_many("rate_limited", f"expected at most {rate:g} requests a second with this key", wait)
    request.state.admitted = True
    if uploads == "video":
        about.limit, about.seconds = settings.video_bytes, settings.video_seconds
    elif uploads:
        about.limit = settings.request_bytes


def allow(role: Role, *, uploads: bool | str = False) -> Any:
    """The dependency of a route for keys with this role or a higher one."""
    return Depends(Allowed(role, uploads))


def any_key() -> Any:
    """The dependency of a route for every valid key, whatever its role."""
    return Depends(Allowed("any"))


def public() -> Any:
    """The dependency of a route that needs no key."""
    return Depends(Allowed(None))


def own_check(how: str) -> Any:
    """The dependency of a route that checks its callers itself, such as by a signature."""
    return Depends(Allowed(None, own=how))


def rule_of(route: BaseRoute) -> Allowed | None:
    """The rule that a route names, None when it names none."""
    if not isinstance(route, APIRoute):
        return None
    return next((rule for rule in _rules(route.dependant)), None)


def check_routes(app: FastAPI) -> None:
    """Refuse (VultusError) an app with a route that names no rule."""
    for route in app.routes:
        if rule_of(route) is None:
            raise VultusError(f"the route {getattr(route, 'path', route)} names no rule; add allow(...) or public()")


def _rules(dependant: Dependant) -> Iterator[Allowed]:
    for part in dependant.dependencies:
        if isinstance(part.call, Allowed):
            yield part.call
        yield from _rules(part)


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
