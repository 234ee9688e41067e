"""The short way to the busy routes, past the framework's own.

A request passes four layers and a search through all routes before it is answered, which takes
as long as everything that this service does with it. Routes whose endpoints can be called as they
stand (`vultus.server.routes.v1.plain`) are found here by their address at once; whatever is not
found here goes the usual way, and so does everything where pages of other sites may call (CORS).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match

from vultus.server.routes.v1.plain import plain

__all__ = ["Lane"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Busy:
    route: APIRoute
    handle: Handler


class Lane:
    """The POST routes of an app that need nothing of the framework, by their addresses."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        """routes: of the app, all of them."""
        self._found: dict[tuple[int, str], _Busy] = {}
        for route in routes:
            if isinstance(route, APIRoute) and route.methods == {"POST"} and plain(route) is not None:
                self._found.setdefault(_place(route.path), _Busy(route, route.get_route_handler()))

    def __len__(self) -> int:
        """How many routes are reached so."""
        return len(self._found)

    async def answer(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer to a request, with what the framework would note of it in `scope`; None: go the usual way.

        What the endpoint raises is raised.
        """
        if scope["method"] != "POST" or scope["query_string"]:
            return None
        busy = self._found.get(_place(scope["path"]))
        if busy is None:
            return None
        match, noted = busy.route.matches(scope)
        if match is not Match.FULL:
            return None
        scope.update(noted)
        return await busy.handle(Request(scope, receive))


def _place(path: str) -> tuple[int, str]:
    """Of an address with or without names in it: its parts, and what it ends in."""
    return path.count("/"), path.rpartition("/")[2]
