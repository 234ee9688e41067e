"""Keys: made, listed, renewed, revoked. A key is shown in the answer that makes it, and never again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from vultus.server.auth import Caller, allow, any_key, service_of
from vultus.server.keys import EVERY, Created
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.paging import Cursor, Limit, part
from vultus.server.routes.v1.route import SecretRoute

__all__ = ["router"]

# Answers with secrets are not kept for replay, hence no Idempotency-Key here.
router = APIRouter(prefix="/v1", tags=["keys"], route_class=SecretRoute, responses=schemas.PROBLEMS)

_DAYS = 3650


class NewKey(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["viewer", "operator", "enroller", "admin", "auditor", "monitor"]
    galleries: list[str] = Field([EVERY], min_length=1, max_length=100, description="Names; * is all, also later ones.")
    label: str = Field("", max_length=200)
    days: float | None = Field(None, gt=0, le=_DAYS, description="Until it expires; null: never.")
    kind: Literal["api", "aws", "compreface"] = "api"
    rate: float | None = Field(None, gt=0, le=1e6, description="Requests a second; null: the server's.")
    upload_bytes: int | None = Field(None, gt=0, le=1 << 40, description="Of one picture; null: the server's.")


class Rotation(BaseModel):
    """How long the old key is good beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(0, ge=0, le=24 * 90)


class WithSecret(schemas.Answer):
    """A key with its secret, once."""

    key: schemas.Key
    secret: str


@router.get("/me", response_model=schemas.Key, summary="The key that is asking")
async def me(caller: Annotated[Caller, any_key()]) -> schemas.Key:
    """Its role, galleries and bounds."""
    return telling.key_of(caller.key)


@router.get("/keys", response_model=schemas.Page[schemas.Key], summary="All keys")
async def keys(
    request: Request, caller: Annotated[Caller, allow("admin")], limit: Limit = 100, cursor: Cursor = None
) -> schemas.Page[schemas.Key]:
    """Also those that are revoked; never their secrets. An administrator of some galleries sees the keys of those."""
    service = service_of(request)
    everyone = await service.run(service.keys.list)
    seen = [key for key in everyone if _within(key.galleries, caller)]
    found, following = part(seen, lambda key: f"{key.created} {key.id}", limit, cursor)
    return schemas.Page[schemas.Key](items=[telling.key_of(one) for one in found], next=following)


@router.post("/keys", response_model=WithSecret, status_code=201, summary="Make a key")
async def create(request: Request, body: NewKey, caller: Annotated[Caller, allow("admin")]) -> WithSecret:
    """For no more galleries than the key that asks."""
    if not _within(tuple(body.galleries), caller):
        raise Problem(403, "forbidden", "expected galleries of the key that asks, got others")
    service = service_of(request)

    def work() -> Created:
        made = service.keys.create(
            body.role,
            galleries=body.galleries,
            label=body.label,
            expires=None if body.days is None else datetime.now(UTC) + timedelta(days=body.days),
            kind=body.kind,
            rate=body.rate,
            upload_bytes=body.upload_bytes,
        )
        service.note(caller.key.id, "key.create", target=made.key.id, role=made.key.role)
        return made

    made = await service.run(work)
    return WithSecret(key=telling.key_of(made.key), secret=made.secret)


@router.delete("/keys/{key}", response_model=schemas.Key, summary="Revoke a key")
async def revoke(
    request: Request, key: str, caller: Annotated[Caller, allow("admin")], reason: schemas.Reason = ""
) -> schemas.Key:
    """At once. The last administrator's key is refused."""
    service = service_of(request)

    def work() -> schemas.Key:
        _check(service.keys.get(key).galleries, caller, key)
        revoked = service.keys.revoke(key)
        service.note(caller.key.id, "key.revoke", target=key, reason=reason)
        return telling.key_of(revoked)

    return await service.run(work)


@router.post("/keys/{key}/rotate", response_model=WithSecret, status_code=201, summary="Renew a key")
async def rotate(request: Request, key: str, body: Rotation, caller: Annotated[Caller, allow("admin")]) -> WithSecret:
    """A new key with the same rights; the old one ends after the overlap."""
    service = service_of(request)

    def work() -> Created:
        _check(service.keys.get(key).galleries, caller, key)
        made = service.keys.rotate(key, overlap=timedelta(hours=body.overlap_hours))
        service.note(caller.key.id, "key.rotate", target=key, successor=made.key.id)
        return made

    made = await service.run(work)
    return WithSecret(key=telling.key_of(made.key), secret=made.secret)


def _within(galleries: tuple[str, ...], caller: Caller) -> bool:
    return EVERY in caller.key.galleries or set(galleries) <= set(caller.key.galleries)


def _check(galleries: tuple[str, ...], caller: Caller, key: str) -> None:
    if not _within(galleries, caller):
        raise Problem(404, "not_found", f"expected the id of a key, got {key!r}; list the keys to see them")
