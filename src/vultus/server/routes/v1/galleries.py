"""Galleries: making, looking at, checking, changing, and letting go of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from vultus.errors import ConflictError
from vultus.gallery import Gallery
from vultus.server.auth import Caller, allow, service_of
from vultus.server.descriptions import LONGEST
from vultus.server.points import LEAST_RATE, Rates
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.conditions import check_match, respond
from vultus.server.routes.v1.paging import Cursor, Limit, part
from vultus.server.routes.v1.route import Route
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries", tags=["galleries"], route_class=Route, responses=schemas.PROBLEMS)

Description = Annotated[schemas.Line, Field(max_length=LONGEST, description="What it is for, on one line.")]
Keep = Literal["aligned", "none"]


class NewGallery(BaseModel):
    """A gallery to make."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$")
    keep: Keep = Field("aligned", description="Keep face crops, so that models can change, or not.")
    description: Description = ""
    require_live: bool = Field(False, description="Refuse faces that are not taken for living ones.")


class SomeRates(schemas.Asked):
    """Error rates to change; what is left out stays."""

    fpir: float | None = Field(None, ge=LEAST_RATE, le=0.5)
    fmr: float | None = Field(None, ge=LEAST_RATE, le=0.5)


class GalleryChange(schemas.Asked):
    """What of a gallery can change; what is left out, or null, stays."""

    description: Description | None = None
    keep: Keep | None = Field(
        None, description="Of faces that are enrolled from now on; crops that were kept are not thrown away."
    )
    rates: SomeRates | None = None
    require_live: bool | None = Field(
        None, description="Refuse faces that are not taken for living ones, here if not everywhere."
    )


class GalleryName(schemas.Answer):
    """A gallery in a list."""

    name: str


class Threshold(schemas.Answer):
    """The rates that hold, the thresholds that follow, and what a threshold would mean."""

    rates: schemas.ErrorRates
    identify: schemas.OperatingPoint
    verify: schemas.OperatingPoint
    fmr_of_identify: float = Field(description="Share of pairs of different people over the threshold of a search.")


@router.get("", response_model=schemas.Page[GalleryName], summary="The galleries")
async def galleries(
    request: Request, caller: Annotated[Caller, allow("viewer")], limit: Limit = 100, cursor: Cursor = None
) -> schemas.Page[GalleryName]:
    """Those that the key is for, by name."""
    names = [name for name in await service_of(request).run(service_of(request).galleries) if caller.key.may(name)]
    found, following = part(names, str, limit, cursor)
    return schemas.Page[GalleryName](items=[GalleryName(name=name) for name in found], next=following)


@router.post("", response_model=schemas.Gallery, status_code=201, summary="Make a gallery")
async def create(request: Request, body: NewGallery, caller: Annotated[Caller, allow("admin")]) -> Response:
    """A new, empty one. A key that is for some galleries makes only one of those."""
    service = service_of(request)
    if not caller.key.may(body.name):
        raise Problem(403, "forbidden", f"the key is not for a gallery of the name {body.name}")

    def make() -> schemas.Gallery:
        gallery = service.create_gallery(body.name, keep=body.keep)
        service.live_galleries.choose(body.name, body.require_live)
        service.descriptions.write(body.name, body.description)
        service.note(caller.key.id, "gallery.create", gallery=body.name, revision=gallery.revision)
        return _told(service, body.name, gallery)

    return respond(request, await service.run(make), status=201, headers={"Location": f"/v1/galleries/{body.name}"})


@router.get("/{gallery}", response_model=schemas.Gallery, summary="A gallery in numbers")
async def show(request: Request, gallery: str, _caller: Annotated[Caller, allow("viewer")]) -> Response:
    """People, templates, model, threshold."""
    service = service_of(request)
    return respond(request, await service.on(gallery, lambda opened: _told(service, gallery, opened)))


@router.patch("/{gallery}", response_model=schemas.Gallery, summary="Change a gallery's settings")
async def change(
    request: Request,
    gallery: str,
    body: GalleryChange,
    caller: Annotated[Caller, allow("admin")],
    reason: schemas.Reason = "",
) -> Response:
    """Its description, whether crops are kept, its error rates. Its name stays; for its model see `migrations`."""
    service = service_of(request)

    def work(opened: Gallery) -> schemas.Gallery:
        with service.changing(gallery):
            known = _told(service, gallery, opened)
            check_match(request, known)
            chosen = service.points.of(gallery)
            wanted = body.rates
            rates = chosen
            if wanted is not None:
                rates = Rates(wanted.fpir or chosen.fpir, wanted.fmr or chosen.fmr)
            changed: dict[str, Any] = {}
            if rates != chosen:
                _threshold(service, opened, rates)  # refused here: a rate that no threshold stands for
                changed |= {"fpir": rates.fpir, "fmr": rates.fmr}
            if body.keep is not None and body.keep != known.keep:
                opened.keep_crops(body.keep)
                changed["keep"] = body.keep
            if "fpir" in changed:
                service.points.choose(gallery, rates)
            if body.require_live is not None and body.require_live != service.live_galleries.has(gallery):
                service.live_galleries.choose(gallery, body.require_live)
                changed["require_live"] = body.require_live
            if body.description is not None and body.description != known.description:
                service.descriptions.write(gallery, body.description)
                changed["description"] = "changed"
            if changed:
                service.note(
                    caller.key.id, "gallery.change", gallery=gallery, reason=reason, revision=opened.revision, **changed
                )
            return _told(service, gallery, opened)

    return respond(request, await service.on(gallery, work))


@router.delete("/{gallery}", status_code=204, summary="Delete a gallery")
async def delete(
    request: Request, gallery: str, caller: Annotated[Caller, allow("admin")], reason: schemas.Reason = ""
) -> Response:
    """With everybody in it, and at once; also one that cannot be opened any more."""
    service = service_of(request)

    def work() -> None:
        if "if-match" in request.headers:
            check_match(request, _told(service, gallery, service.gallery(gallery)))
        if any(job.gallery == gallery and job.kind == "migrate" and not job.over for job in service.jobs.list(None)):
            raise ConflictError("expected a gallery that is not being migrated; cancel the job first, or wait for it")
        service.delete_gallery(gallery)
        service.note(caller.key.id, "gallery.delete", gallery=gallery, reason=reason)

    await service.run(work)
    return Response(status_code=204)


@router.get("/{gallery}/check", response_model=schemas.Check, summary="Look at everything")
async def check(request: Request, gallery: str, _caller: Annotated[Caller, allow("admin")]) -> schemas.Check:
    """Tables, vectors, crops, the index; and people who look like one person. Reads the whole gallery."""
    policy = service_of(request).policy
    found = await service_of(request).on(gallery, Gallery.check)
    doubles = [
        schemas.Double(
            first=one.first,
            second=one.second,
            score=policy.score(one.score, one.threshold) or one.threshold,
            threshold=round(one.threshold, 6),
        )
        for one in found.doubles
    ]
    findings = [schemas.Finding(**asdict(one)) for one in found.findings]
    return schemas.Check(
        ok=found.ok,
        revision=found.revision,
        people=found.people,
        templates=found.templates,
        crops=found.crops,
        findings=findings,
        doubles=doubles,
    )


@router.get("/{gallery}/operating-point", response_model=Threshold, summary="The thresholds")
async def operating_point(
    request: Request,
    gallery: str,
    _caller: Annotated[Caller, allow("viewer")],
    fpir: Annotated[
        float | None, Query(ge=LEAST_RATE, le=0.5, description="What the threshold would be at this rate.")
    ] = None,
    fmr: Annotated[float | None, Query(ge=LEAST_RATE, le=0.5)] = None,
) -> Response:
    """The rates that an administrator chose, or those asked about, and the thresholds that follow for this gallery."""
    service = service_of(request)
    chosen = service.points.of(gallery)
    rates = Rates(fpir or chosen.fpir, fmr or chosen.fmr)
    return respond(request, await service.on(gallery, lambda opened: _threshold(service, opened, rates)))


@router.put("/{gallery}/operating-point", response_model=Threshold, summary="Choose the error rates")
async def choose(
    request: Request, gallery: str, body: schemas.ErrorRates, caller: Annotated[Caller, allow("admin")]
) -> Response:
    """From now on searches of this gallery hold to them. Refused: a rate that no threshold stands for."""
    service = service_of(request)
    rates = Rates(body.fpir, body.fmr)

    def work(opened: Gallery) -> Threshold:
        check_match(request, _threshold(service, opened, service.points.of(gallery)))
        told = _threshold(service, opened, rates)
        service.points.choose(gallery, rates)
        service.note(
            caller.key.id, "gallery.rates", gallery=gallery, revision=opened.revision, fpir=rates.fpir, fmr=rates.fmr
        )
        return told

    return respond(request, await service.on(gallery, work))


def _told(service: Service, name: str, gallery: Gallery) -> schemas.Gallery:
    stats = gallery.stats()
    rates = service.points.of(name)
    contract = None if stats.contract is None else asdict(stats.contract)
    return schemas.Gallery.model_construct(
        name=name,
        description=service.descriptions.of(name),
        id=stats.id,
        people=stats.people,
        templates=stats.templates,
        crops=stats.crops,
        bytes=stats.bytes,
        revision=stats.revision,
        schema_version=stats.schema,
        created=stats.created,
        keep=stats.keep,
        sealed=stats.sealed,
        require_live=service.requires_live(name),
        model=None if stats.contract is None else stats.contract.model,
        model_contract=None if stats.contract is None else stats.contract.id,
        contract=None if contract is None else schemas.Contract.model_construct(**contract),
        other_contracts=stats.other_contracts,
        snapshot=stats.snapshot,
        pending_erasures=stats.pending_erasures,
        rates=schemas.ErrorRates(fpir=rates.fpir, fmr=rates.fmr),
        operating=None if stats.operating is None else telling.operating_of(stats.operating),
    )


def _threshold(service: Service, gallery: Gallery, rates: Rates) -> Threshold:
    table = service.operating
    sizes = [person.templates for person in gallery.people() if person.templates] or [1]  # empty: as for one person
    identify = table.identify(rates.fpir, np.array(sizes, dtype=np.int64))
    return Threshold.model_construct(
        rates=schemas.ErrorRates(fpir=rates.fpir, fmr=rates.fmr),
        identify=telling.operating_of(identify),
        verify=telling.operating_of(table.verify(rates.fmr)),
        fmr_of_identify=table.fmr_at(identify.threshold),
    )
