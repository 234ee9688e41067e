"""A span of OpenTelemetry for each request, where the package is installed; nothing where it is not.

Which exporter gets the spans is set up outside, by OpenTelemetry's own means, such as
`opentelemetry-instrument vultus serve`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

from starlette.datastructures import Headers

from vultus.server.logs import About

__all__ = ["span"]


@cache
def _opentelemetry() -> tuple[Any, Any] | None:
    """Its modules for spans and for what comes in from other services, or nothing."""
    if importlib.util.find_spec("opentelemetry") is None:
        return None
    try:
        return importlib.import_module("opentelemetry.trace"), importlib.import_module("opentelemetry.propagate")
    except ImportError:
        return None


_NOTHING: AbstractContextManager[None] = nullcontext()


def span(about: About, scope: MutableMapping[str, Any]) -> AbstractContextManager[None]:
    """Everything inside is one span, which continues the caller's trace if there is one.

    scope: of ASGI. Nothing is done where nobody set OpenTelemetry up and the caller names no trace.
    """
    modules = _opentelemetry()
    if modules is None:
        return _NOTHING
    trace, propagate = modules
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        fields = {field.lower().encode() for field in propagate.get_global_textmap().fields}
        if not any(name in fields for name, _ in scope["headers"]):
            return _NOTHING
    return _span(about, Headers(scope=scope), trace, propagate)


@contextmanager
def _span(about: About, headers: Headers, trace: Any, propagate: Any) -> Iterator[None]:
    tracer = trace.get_tracer("vultus.server")
    kind = trace.SpanKind.SERVER
    with tracer.start_as_current_span(about.method, context=propagate.extract(headers), kind=kind) as current:
        context = current.get_span_context()
        if context.is_valid:
            about.trace = format(context.trace_id, "032x")
        try:
            yield
        finally:
            current.update_name(f"{about.method} {about.route}")
            current.set_attribute("http.request.method", about.method)
            current.set_attribute("http.route", about.route)
            current.set_attribute("vultus.request_id", about.request_id)
            if about.problem:
                current.set_attribute("error.type", about.problem)
