"""What this server is: its models, its bounds, and the document of its API."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from vultus import __version__, registry
from vultus.server.auth import Caller, allow, public, rule_of, service_of
from vultus.server.routes.v1 import schemas
from vultus.server.routes.v1.route import Route

__all__ = ["document", "router"]

router = APIRouter(prefix="/v1", tags=["about"], route_class=Route, responses=schemas.PROBLEMS)


class Model(schemas.Answer):
    """A model's card."""

    name: str
    task: str
    summary: str
    code_licence: str
    weights_licence: str
    origin: str


class Models(schemas.Answer):
    """The models that there are, and the one in use."""

    model: str
    model_contract: str
    dimension: int
    models: list[Model]


class Bounds(schemas.Answer):
    """What a request may hold."""

    version: str
    upload_bytes: int
    pixels: int
    faces: int
    pictures: int
    request_bytes: int
    video_bytes: int
    fetch_urls: bool
    score_floor: bool
    score_decimals: int


@router.get("/models", response_model=Models, summary="The models")
async def models(request: Request, _caller: Annotated[Caller, allow("viewer")]) -> Models:
    """By their cards, with both licences; and which recogniser makes the embeddings here."""
    contract = service_of(request).analyzer.contract
    cards = [
        Model(
            name=card.name,
            task=card.task,
            summary=card.summary,
            code_licence=card.code_licence,
            weights_licence=card.weights_licence,
            origin=card.origin,
        )
        for card in registry.cards()
    ]
    return Models(model=contract.model, model_contract=contract.id, dimension=contract.dimension, models=cards)


@router.get("/bounds", response_model=Bounds, summary="What a request may hold")
async def bounds(request: Request, _caller: Annotated[Caller, allow("viewer")]) -> Bounds:
    """So that a client can make its pictures small enough before it sends them."""
    settings = service_of(request).settings
    names = ("upload_bytes", "pixels", "faces", "pictures", "request_bytes", "video_bytes", "fetch_urls")
    values: dict[str, Any] = {name: getattr(settings, name) for name in names}
    policy = service_of(request).policy
    return Bounds(version=__version__, score_floor=policy.floor, score_decimals=policy.decimals, **values)


@router.get("/openapi.json", dependencies=[public()], include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """This API's document."""
    return JSONResponse(document(request.app))


@cache
def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `/v1` and of the health routes."""
    routes = [
        route
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith(("/v1/", "/health/", "/metrics"))
    ]
    made = get_openapi(
        title="vultus",
        version="1",
        summary="Face recognition with stated error rates.",
        description=(
            "Send the key as `Authorization: Bearer vk_…`. Every answer carries `X-Request-Id`; problems are RFC 9457. "
            "Changes may carry an `Idempotency-Key`, and `If-Match` with the ETag that was read."
        ),
        routes=routes,
    )
    components = made.setdefault("components", {})
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "vk_<id>_<secret>"}}
    components["schemas"].setdefault(
        "ProblemBody", schemas.ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
    )
    for route in routes:
        rule = rule_of(route)
        for method in route.methods or ():
            operation = made["paths"].get(route.path, {}).get(method.lower())
            if operation is None:
                continue
            operation["operationId"] = f"{route.tags[0]}_{route.name.strip('_')}"
            operation["responses"].pop("422", None)  # FastAPI's own shape, which is not what is answered
            if rule is not None and rule.role is not None:
                operation["security"] = [{"key": []}]
                operation["x-lowest-role"] = rule.role
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return made
