"""Whether the server lives, whether it can serve, and its figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from vultus import __version__
from vultus.server.auth import Caller, allow, public, service_of
from vultus.server.metrics import CONTENT_TYPE
from vultus.server.routes.v1.schemas import PROBLEMS

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health/live", dependencies=[public()], summary="The process answers")
async def live() -> dict[str, str]:
    """Always 200 while the server runs: restart it when it is not."""
    return {"status": "live", "version": __version__}


@router.get(
    "/health/ready",
    dependencies=[public()],
    summary="Pictures can be read",
    responses={503: {"description": "Starting, stopping, or the queue is full."}},
)
async def ready(request: Request) -> JSONResponse:
    """200 when requests are welcome: send them elsewhere when it is not."""
    service = service_of(request)
    status = "ready" if service.ready else "stopping" if service.stopping.is_set() else "starting"
    return JSONResponse({"status": status}, 200 if service.ready else 503)


@router.get("/metrics", response_class=PlainTextResponse, responses=PROBLEMS, summary="Figures for Prometheus")
async def metrics(request: Request, _caller: Annotated[Caller, allow("monitor")]) -> PlainTextResponse:
    """Counts, times and gauges in the text format; no names and no ids."""
    service = service_of(request)
    return PlainTextResponse(await service.run(service.metrics.render), media_type=CONTENT_TYPE)
