from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vultus.server import tracing
from vultus.server.logs import About

from .conftest import Serve, wait_until


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    tracing._opentelemetry.cache_clear()
    yield
    tracing._opentelemetry.cache_clear()


def test_without_opentelemetry_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setattr(tracing.importlib.util, "find_spec", lambda name: None)
    about = About("r1")
    with tracing.span(about, {"headers": []}):
        pass
    assert about.trace == ""


class Span:
    """What the hook asks of a span."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.attributes: dict[str, Any] = {}

    def get_span_context(self) -> Any:
        return types.SimpleNamespace(is_valid=True, trace_id=0xABC)

    def update_name(self, name: str) -> None:
        self.name = name

    def set_attribute(self, name: str, value: Any) -> None:
        self.attributes[name] = value


def stand_ins(tracer: Any, *, set_up: bool) -> tuple[Any, Any]:
    """What the package's two modules have that the hook asks for; set_up: somebody said where spans go."""

    class Nobodys:
        pass

    trace = types.SimpleNamespace(
        get_tracer=lambda name: tracer,
        get_tracer_provider=lambda: object() if set_up else Nobodys(),
        ProxyTracerProvider=Nobodys,
        NoOpTracerProvider=Nobodys,
        SpanKind=types.SimpleNamespace(SERVER="server"),
    )
    propagate = types.SimpleNamespace(
        extract=lambda headers: headers["traceparent"],
        get_global_textmap=lambda: types.SimpleNamespace(fields={"Traceparent", "baggage"}),
    )
    return trace, propagate


def test_where_nobody_set_it_up_only_a_callers_trace_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Tracer:
        @contextmanager
        def start_as_current_span(self, name: str, *, context: Any, kind: Any) -> Iterator[Span]:
            asked.append(context)
            yield Span(name)

    monkeypatch.setattr(tracing, "_opentelemetry", lambda: stand_ins(Tracer(), set_up=False))
    monkeypatch.setattr(tracing._opentelemetry, "cache_clear", lambda: None, raising=False)
    about = About("r1", method="GET")
    with tracing.span(about, {"headers": [(b"accept", b"*/*")]}):
        pass
    assert asked == []
    assert about.trace == ""
    with tracing.span(about, {"headers": [(b"traceparent", b"00-abc")]}):
        pass
    assert asked == ["00-abc"]
    assert about.trace == format(0xABC, "032x")


def test_with_it_each_request_is_a_span_that_goes_on_with_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself is no dependency: two modules with its names stand in for it."""
    spans: list[tuple[Span, Any]] = []

    class Tracer:
        @contextmanager
        def start_as_current_span(self, name: str, *, context: Any, kind: Any) -> Iterator[Span]:
            spans.append((Span(name), context))
            yield spans[-1][0]

    trace, propagate = stand_ins(Tracer(), set_up=True)
    monkeypatch.setattr(tracing, "_opentelemetry", lambda: (trace, propagate))
    monkeypatch.setattr(tracing._opentelemetry, "cache_clear", lambda: None, raising=False)
    about = About("r1", method="POST")
    with tracing.span(about, {"headers": [(b"traceparent", b"00-abc")]}):
        about.route, about.problem = "/v1/detect", "no_face"
    ((span, context),) = spans
    assert context == "00-abc"
    assert span.name == "POST /v1/detect"
    assert about.trace == format(0xABC, "032x")
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/detect",
        "vultus.request_id": "r1",
        "error.type": "no_face",
    }


def test_with_the_real_package_no_name_gets_into_a_span(serve: Serve) -> None:
    pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    served = serve()
    parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    served.admin.get("/v1/galleries/staff/persons/Wilhelmina", headers=parent)
    wait_until(lambda: len(exporter.get_finished_spans()) == 2)  # after that of the gallery's making
    span = exporter.get_finished_spans()[-1]
    assert span.name == "GET /v1/galleries/{gallery}/persons/{person}"
    assert format(span.context.trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
    assert "Wilhelmina" not in str(dict(span.attributes or {}))
