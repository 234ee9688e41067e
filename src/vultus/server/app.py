"""The app: the core, and every API on it that is there."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from vultus import __version__
from vultus.server import problems
from vultus.server.auth import check_routes
from vultus.server.door import Door
from vultus.server.lane import Lane
from vultus.server.service import Service
from vultus.server.settings import Settings

if TYPE_CHECKING:
    from vultus.server.batching import Analyzer
    from vultus.server.service import Operating

__all__ = ["ROUTERS", "create_app"]

# Each is a module with `router`, and, where its errors look otherwise, `add_voice(app)`.
ROUTERS = (
    "vultus.server.routes.health",
    "vultus.server.routes.v1",
    "vultus.server.routes.aws",
    "vultus.server.routes.compreface",
    "vultus.server.page",
)


def create_app(settings: Settings, analyzer: Analyzer | None = None, operating: Operating | None = None) -> FastAPI:
    """The app over a folder of galleries; `app.state.service` is its core.

    analyzer: what reads pictures; None loads the default models at the start. operating:
    the thresholds of its model; None takes the shipped ones.
    """
    service = Service(settings, analyzer, operating)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = _App(
        title="vultus",
        version=__version__,
        lifespan=life,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # behind a proxy the address that it would name is the wrong one
        # Its own spans hold whole paths, with names in them; ours hold the route (`vultus.server.tracing`).
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.service = service
    problems.register(app)
    for name in ROUTERS:
        if importlib.util.find_spec(name) is None:
            continue
        module = importlib.import_module(name)
        router: APIRouter = module.router
        app.router.routes.extend(router.routes)
        if hasattr(module, "add_voice"):
            module.add_voice(app)
    check_routes(app)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "X-API-Key",
            ],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
        )
    # Pages of other sites are let in by the layer that the lane goes past.
    app.door = Door(app.inside, service=service, lane=None if settings.cors else Lane(app.routes))
    return app


class _App(FastAPI):
    """With the door before the framework's own layers, which the lane then has no need to pass either."""

    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or start and stop."""
        scope["app"] = self
        await self.door(scope, receive, send)

    async def inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is behind the door: FastAPI as it is."""
        await super().__call__(scope, receive, send)
