"""Whose key it is, and of which gallery: a key here is a UUID and is for one gallery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from fastapi import Depends, Request

from vultus.errors import NotFoundError
from vultus.gallery import Gallery
from vultus.server import logs
from vultus.server.auth import Caller, admit, own_check, service_of, wrong_key
from vultus.server.keys import Role
from vultus.server.routes.compreface.wire import Code, Fault
from vultus.server.service import Service

__all__ = ["IMAGE_BYTES", "OWN", "Visit", "access", "identified"]

P = ParamSpec("P")
T = TypeVar("T")

HEADER = "x-api-key"
IMAGE_BYTES = 5 * 2**20
_BODY = 2 * (IMAGE_BYTES * 4 // 3 + 4) + 65_536  # two pictures in base64, and what stands beside them

OWN = own_check("CompreFace's x-api-key")  # of every router here


@dataclass(frozen=True, slots=True)
class Visit:
    """A request with a valid key."""

    service: Service
    caller: Caller

    @property
    def gallery(self) -> str:
        """Name of the key's gallery; refused (404, code 10): a key for several."""
        named = self.caller.key.galleries
        if named == ("*",):
            named = self.service.galleries()
        if len(named) != 1:
            raise Fault(404, Code.UNKNOWN_KEY, f"expected a key for one gallery, this one is for {len(named)}")
        return named[0]

    async def on(self, work: Callable[Concatenate[Gallery, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with the gallery, in a thread; refused (404, code 10): it is not there."""
        name = self.gallery
        try:
            return await self.service.on(name, work, *args, **kwargs)
        except NotFoundError as error:
            if name in await self.service.run(self.service.galleries):
                raise
            raise Fault(404, Code.UNKNOWN_KEY, f"the gallery {name} of this key is not there") from error

    def note(self, action: str, **about: Any) -> None:
        """Write into the journal."""
        self.service.note(self.caller.key.id, action, gallery=self.gallery, **about)


@dataclass(frozen=True, slots=True)
class _Access:
    role: Role
    uploads: bool

    async def __call__(self, request: Request) -> Visit:
        """The visit.

        Refused: no key (400, code 20), one that is no UUID (400, code 26), one that is not
        valid or may not do this (404, code 10), too many requests (429).
        """
        visit = identified(request, request.headers.get(HEADER), self.role)
        admit(request, visit.caller.key, self.uploads)
        if self.uploads:
            logs.current().limit = min(logs.current().limit, _BODY)
        return visit


def access(role: Role, *, uploads: bool = False) -> Any:
    """The dependency of a route for keys with this role or a higher one. uploads: the body holds pictures."""
    return Depends(_Access(role, uploads))


def identified(request: Request, given: str | None, role: Role) -> Visit:
    """Whose key it is; refusals as of `access`."""
    if given is None:
        raise Fault(400, Code.NO_HEADER, f"Missing request header: {HEADER}")
    try:
        secret = str(UUID(given.strip()))
    except ValueError:
        raise Fault(400, Code.VALIDATION, f"expected a UUID in {HEADER}") from None
    service = service_of(request)
    key = service.keys.verify(secret)
    if key is None or key.kind != "compreface":
        wrong_key(request)
        raise Fault(404, Code.UNKNOWN_KEY, "no service has this key, or it is expired or revoked")
    caller = Caller(key, logs.current().request_id)
    if not caller.may(role):
        raise Fault(404, Code.UNKNOWN_KEY, f"expected a key with the role {role}, this one has {key.role}")
    return Visit(service, caller)
