"""Requests that give nothing but the path and the body: the endpoint is called as it stands.

FastAPI looks at every parameter of every request, which costs more than everything else that
happens to a small picture on its way in. Where no parameter was given there is nothing to look at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from vultus.server.auth import Allowed, Caller

__all__ = ["Plain", "plain"]

Plain = Callable[[Request, Caller], Coroutine[Any, Any, Response]]


def plain(route: APIRoute) -> Plain | None:
    """The endpoint, for requests without a query; None: it needs FastAPI to be called.

    That is one which takes a body or headers by itself, depends on more than its caller, has a
    parameter without a default, a path with parts that are not just text, or an answer that
    FastAPI would make.
    """
    endpoint, dependant = route.endpoint, route.dependant
    if not inspect.iscoroutinefunction(endpoint) or route.body_field is not None:
        return None
    if dependant.header_params or dependant.cookie_params or dependant.response_param_name:
        return None
    hints = get_type_hints(endpoint)
    answer = hints.pop("return", None)
    if not (isinstance(answer, type) and issubclass(answer, Response)):
        return None
    callers = [each for each in dependant.dependencies if _is_caller(each)]
    if len(callers) != 1 or len(callers) != len(dependant.dependencies) or not callers[0].name:
        return None
    named = {field.name for field in dependant.path_params}
    if any(hints[name] is not str for name in named):
        return None
    given = {callers[0].name, dependant.request_param_name, *named}
    parameters = inspect.signature(endpoint).parameters
    defaults = {name: one.default for name, one in parameters.items() if name not in given}
    if any(value is inspect.Parameter.empty for value in defaults.values()):
        return None
    caller_name, request_name = callers[0].name, dependant.request_param_name

    async def call(request: Request, caller: Caller) -> Response:
        arguments = defaults | request.path_params
        arguments[caller_name] = caller
        if request_name:
            arguments[request_name] = request
        response: Response = await endpoint(**arguments)
        return response

    return call


def _is_caller(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Allowed) and not dependant.dependencies and dependant.call.role is not None
