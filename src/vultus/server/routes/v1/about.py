"""What this server is: its models, its bounds, and the document of its API."""

from __future__ import annotations

from copy import copy
from dataclasses import fields
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import Field

from vultus import __version__, registry
from vultus.gallery.people import MOST_TEMPLATES
from vultus.server import idempotency, jobs
from vultus.server.auth import Caller, allow, public, rule_of, service_of
from vultus.server.routes.v1 import matching, paging, schemas, uploads
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
    """Every bound that a request can be refused for, as it holds for the key that asks."""

    version: str
    upload_bytes: int = Field(description="Of one picture, for this key.")
    pixels: int = Field(description="Of one picture, and of one frame of a film.")
    faces: int = Field(description="Of one picture; the largest are told, the others passed over.")
    pictures: int = Field(description="In one request.")
    cluster_pictures: int = Field(description="In one request to sort faces.")
    request_bytes: int = Field(description="Of a body with pictures.")
    video_bytes: int = Field(description="Of a film, or of an exported gallery.")
    json_bytes: int = Field(description="Of any other body.")
    field_bytes: int = Field(description="Of a text in a form.")
    held_bytes: int = Field(description="Of all bodies that the server receives or works on; above, 429.")
    head_seconds: float = Field(description="For the lines before the body.")
    idle_seconds: float = Field(description="Between two pieces of the body; above, 408.")
    body_seconds: float = Field(description="For a whole body; above, 408.")
    video_seconds: float = Field(description="For the whole body of a film.")
    rate: float = Field(description="Requests a second of this key, in the long run; above, 429.")
    burst: float = Field(description="Requests of this key at once, before the rate holds.")
    queue: int = Field(description="Pictures of this key that may wait; above, 429.")
    connections: int = Field(description="Of all clients; above, 503.")
    probes_per_person: int = Field(description="Close calls about one person for this key an hour; 0: no bound.")
    jobs: int = Field(description="Of this key that may wait or run; above, 429.")
    jobs_of_all: int
    job_seconds: float = Field(description="That a job may take; a migration may take longer.")
    job_rows: int
    templates_per_person: int
    candidates: int
    page_items: int = Field(description="The highest `limit` of a list.")
    ids: int = Field(description="People or faces that one change may name.")
    name_characters: int
    reason_characters: int
    idempotency_key_characters: int
    idempotency_seconds: float = Field(description="For which an answer is kept and given again.")
    require_live: bool = Field(description="Faces must be taken for living ones in every gallery.")
    challenges: int = Field(description="Live checks that this key may ask for in an hour.")
    expressions: bool = Field(description="The expression that faces show may be asked for.")
    fetch_urls: bool = Field(description="Pictures may be named by a public address.")
    score_floor: bool = Field(description="Similarities below the operating threshold are withheld.")
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
async def bounds(request: Request, caller: Annotated[Caller, allow("viewer")]) -> Bounds:
    """So that a client can make its pictures small enough, and its requests few enough, before it sends them."""
    settings, policy, key = service_of(request).settings, service_of(request).policy, caller.key
    names = set(Bounds.model_fields) & {field.name for field in fields(settings)}
    values: dict[str, Any] = {name: getattr(settings, name) for name in names}
    values |= {
        "upload_bytes": key.upload_bytes or settings.upload_bytes,
        "rate": settings.rate if key.rate is None else key.rate,
        "burst": settings.burst if key.rate is None else max(1.0, key.rate),
        "score_floor": policy.floor,
        "score_decimals": policy.decimals,
        "probes_per_person": policy.probes_per_person,
    }
    return Bounds(
        version=__version__,
        field_bytes=uploads.FIELD_BYTES,
        jobs=jobs.OWN,
        jobs_of_all=jobs.MOST,
        job_rows=jobs.ROWS,
        templates_per_person=MOST_TEMPLATES,
        candidates=matching.MOST_CANDIDATES,
        page_items=paging.MOST,
        ids=schemas.MOST_IDS,
        name_characters=schemas.LONGEST_NAME,
        reason_characters=schemas.LONGEST_LINE,
        idempotency_key_characters=idempotency.LONGEST,
        idempotency_seconds=idempotency.DAY,
        **values,
    )


@router.get("/openapi.json", dependencies=[public()], include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """This API's document."""
    return JSONResponse(document(request.app))


@cache
def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `/v1` and of the health routes."""
    routes = [
        _without_head(route)
        for route in app.routes
        if isinstance(route, APIRoute) and route.path.startswith(("/v1/", "/health/", "/metrics"))
    ]
    made = get_openapi(
        title="vultus",
        version="1",
        summary="Face recognition with stated error rates.",
        description=(
            "Send the key as `Authorization: Bearer vk_…`. Every answer carries `X-Request-Id`; problems are RFC 9457. "
            "Changes may carry an `Idempotency-Key`, and `If-Match` with the ETag that was read. "
            "Whatever can be read with GET, streams excepted, answers HEAD too. Parameters and fields that are not "
            "known are refused. Similarities below the operating threshold are withheld and others rounded, whoever "
            "asks; the scores as they were stand in the journal's evidence, for auditors and administrators alone. "
            "Jobs are told as `interrupted` when the server ended before they did."
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


def _without_head(route: APIRoute) -> APIRoute:
    """The route as the document shows it; that HEAD is answered is said once, for all."""
    shown = copy(route)
    shown.methods = set(route.methods or ()) - {"HEAD"}
    return shown
