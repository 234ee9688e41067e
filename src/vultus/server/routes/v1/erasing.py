"""Letting go of people so that nothing is left."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, allow, service_of
from vultus.server.erasures import note_erasure
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.route import Route

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries/{gallery}", tags=["people"], route_class=Route, responses=schemas.PROBLEMS)


class Erasure(schemas.Asked):
    """Whom to erase, and why."""

    person: schemas.Name
    reason: schemas.Line = ""


@router.post("/erase", response_model=schemas.Receipt, summary="Erase a person, with proof")
async def erase(
    request: Request, gallery: str, body: Erasure, caller: Annotated[Caller, allow("admin")]
) -> schemas.Receipt:
    """Gone from every search, from the files, and from the kept answers; the receipt says what was looked at."""
    service = service_of(request)

    def work(opened: Gallery) -> values.Receipt:
        receipt = opened.erase(body.person)
        note_erasure(service, caller.key.id, gallery, receipt, body.reason)
        return receipt

    return telling.receipt_of(await service.on(gallery, work))


@router.post("/erase/finish", response_model=list[schemas.Receipt], summary="Finish erasures that were held up")
async def finish_erasures(
    request: Request, gallery: str, caller: Annotated[Caller, allow("admin")]
) -> list[schemas.Receipt]:
    """Those that wait for a reader of another process, or that a crash interrupted."""
    service = service_of(request)

    def work(opened: Gallery) -> tuple[values.Receipt, ...]:
        receipts = opened.finish_erasures()
        for receipt in receipts:
            note_erasure(service, caller.key.id, gallery, receipt)
        return receipts

    return [telling.receipt_of(one) for one in await service.on(gallery, work)]
