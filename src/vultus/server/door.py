"""What every request passes first and last: its id, the bounds of its body, the log line, the counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from fastapi import Request

from vultus.server import logs, problems, tracing
from vultus.server.lane import Lane
from vultus.server.limits import Intake
from vultus.server.service import Service

__all__ = ["Door"]

log = logging.getLogger("vultus.server.requests")

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_HEADERS = (  # unless the route says otherwise
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
_QUIET = ("/health/live", "/health/ready", "/metrics")  # asked every few seconds


class Door:
    """ASGI middleware around the whole app."""

    def __init__(self, app: App, service: Service, lane: Lane | None = None) -> None:
        """service: whose limits hold. lane: the short way to some routes; None: there is none."""
        self._app = app
        self._lane = lane
        self._service = service
        self._headers = _HEADERS if service.settings.tls_cert is None else (*_HEADERS, _ONLY_TLS)

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first of a name, as everywhere
        settings = self._service.settings
        asked = headers.get(b"x-request-id")
        about = logs.begin(None if asked is None else asked.decode("latin-1"))
        about.method = scope["method"]
        about.client = scope["client"][0] if scope.get("client") else ""
        about.limit, about.seconds = settings.json_bytes, settings.body_seconds
        declared = _length(headers)
        intake = Intake(receive, about, settings, self._service.held, declared)
        if not declared and b"transfer-encoding" not in headers:
            intake.bodyless = True
        intake.invited = headers.get(b"expect", b"").lower() != b"100-continue"
        scope["vultus.intake"] = intake
        start = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = [(name.lower(), value) for name, value in message.get("headers", ())]
                there = {name for name, _ in told}
                told += [header for header in self._headers if header[0] not in there]
                _put(told, there, b"x-request-id", about.request_id.encode())
                if not (intake.bodyless or intake.complete) and not await intake.drain():
                    _put(told, there, b"connection", b"close")
                message["headers"] = told
            await send(message)

        with tracing.span(about, scope):
            try:
                response = None if self._lane is None else await self._lane.answer(scope, intake)
                await (self._app if response is None else response)(scope, intake, answer)
            except Exception as error:  # the client gets an answer and the log the reason, whatever it is
                if intake.gone:  # nobody is there to be answered, and it is no fault of ours
                    return
                if status:  # half an answer is out: the connection is cut
                    log.exception("the answer broke off")
                    raise
                with suppress(OSError):
                    await problems.answer(Request(scope, intake), error)(scope, intake, answer)
            finally:
                intake.release()
                if intake.gone:
                    status, about.problem = problems.GONE, "client_gone"
                route = scope.get("route")
                about.route = getattr(route, "path", "") or "unknown"
                self._tell(about, status, time.perf_counter() - start)

    def _tell(self, about: logs.About, status: int, seconds: float) -> None:
        metrics = self._service.metrics
        metrics.count("vultus_requests_total", route=about.route, code=str(status))
        metrics.observe("vultus_request_seconds", seconds, route=about.route)
        if about.problem and status != problems.GONE:
            metrics.count("vultus_refused_total", reason=about.problem)
        fields: dict[str, object] = {
            "method": about.method,
            "route": about.route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "bytes": about.received,
        }
        for name in ("key", "client", "problem"):
            if value := getattr(about, name):
                fields[name] = value
        level = logging.DEBUG if about.route in _QUIET and status < 400 else logging.INFO
        log.log(level, "request", extra={"fields": fields})


def _put(told: list[tuple[bytes, bytes]], there: set[bytes], name: bytes, value: bytes) -> None:
    """Set a header, whatever the route said of it."""
    if name in there:
        told[:] = [header for header in told if header[0] != name]
    told.append((name, value))


def _length(headers: dict[bytes, bytes]) -> int | None:
    """The Content-Length, None where there is none; the HTTP parser refused what is no number."""
    text = headers.get(b"content-length", b"")
    return int(text) if text.isdigit() else None
