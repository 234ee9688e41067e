"""Galleries: making, looking at, checking, copying, and letting go of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import unquote

import numpy as np
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from vultus.errors import ConflictError, GalleryError, InputError, MasterKeyError, StorageError
from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, allow, service_of
from vultus.server.descriptions import LONGEST
from vultus.server.limits import Intake
from vultus.server.points import LEAST_RATE, Rates
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas, telling
from vultus.server.routes.v1.conditions import check_match, respond
from vultus.server.routes.v1.paging import Cursor, Limit, part
from vultus.server.routes.v1.route import Route
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries", tags=["galleries"], route_class=Route, responses=schemas.PROBLEMS)

Passphrase = Annotated[
    str | None, Header(max_length=1000, description="Under which the file is, UTF-8 as percent-encoded text.")
]
Description = Annotated[schemas.Line, Field(max_length=LONGEST, description="What it is for, on one line.")]
Keep = Literal["aligned", "none"]

_FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


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


class Imported(schemas.Answer):
    """What came out of an export file."""

    people: int
    merged: int
    templates: int
    unchanged: int
    crops: int
    revision: int


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


@router.get("/{gallery}/export", response_class=StreamingResponse, responses={200: _FILE}, summary="Copy to one file")
async def export(
    request: Request,
    gallery: str,
    caller: Annotated[Caller, allow("admin")],
    x_passphrase: Passphrase = None,
    clear: Annotated[bool, Query(description="Write a sealed gallery in the clear.")] = False,
) -> StreamingResponse:
    """Everybody with their templates and kept crops, as they are at this moment; encrypted under a passphrase alone.

    The headers X-People, X-Templates, X-Crops and X-Sealed say what went into the file.
    """
    service = service_of(request)
    folder = service.settings.state / "exports"
    passphrase = _passphrase(x_passphrase)

    def work(opened: Gallery) -> tuple[BinaryIO, values.Export]:
        if not opened.people():
            raise ConflictError("expected a gallery with somebody in it, this one is empty")
        path = _temporary(folder, ".vultus")
        try:
            written = opened.export(path, overwrite=True, passphrase=passphrase, clear=clear)
            service.note(
                caller.key.id, "gallery.export", gallery=gallery, revision=opened.revision, people=written.people
            )
            return path.open("rb"), written
        finally:
            with suppress(PermissionError):  # Windows keeps open files; the next start removes it
                path.unlink(missing_ok=True)

    file, written = await service.on(gallery, work)

    async def pieces() -> AsyncIterator[bytes]:
        with file:
            while piece := await service.run(file.read, 1 << 20):
                yield piece

    headers = {
        "Content-Disposition": f'attachment; filename="{gallery}.vultus"',
        "Content-Length": str(written.bytes),
        "X-People": str(written.people),
        "X-Templates": str(written.templates),
        "X-Crops": str(written.crops),
        "X-Sealed": "true" if written.sealed else "false",
    }
    return StreamingResponse(pieces(), headers=headers, media_type="application/octet-stream")


@router.post(
    "/{gallery}/import",
    response_model=Imported,
    openapi_extra={"requestBody": {"required": True, **_FILE}},
    summary="Take in an exported file",
)
async def import_(
    request: Request,
    gallery: str,
    caller: Annotated[Caller, allow("admin", uploads="video")],
    on_conflict: Literal["refuse", "merge"] = "refuse",
    x_passphrase: Passphrase = None,
) -> Imported:
    """All of its people or, when anything is wrong, none."""
    service = service_of(request)
    passphrase = _passphrase(x_passphrase)
    path = await receive_file(request, service.settings.state / "exports", ".vultus")
    try:

        def work(opened: Gallery) -> tuple[values.Import, int]:
            try:
                done = opened.import_(path, on_conflict=on_conflict, passphrase=passphrase)
            except MasterKeyError:
                raise
            except GalleryError as error:  # the file is what is wrong, and the client sent it
                raise InputError(str(error).replace(str(path), "the file")) from error
            revision = opened.revision
            service.note(caller.key.id, "gallery.import", gallery=gallery, revision=revision, people=done.people)
            return done, revision

        done, revision = await service.on(gallery, work)
    finally:
        path.unlink(missing_ok=True)
    return Imported(**asdict(done), revision=revision)


async def receive_file(request: Request, folder: Path, suffix: str) -> Path:
    """The body as a file that only its owner can read; the caller removes it."""
    service = service_of(request)
    path = await service.run(_temporary, folder, suffix)
    try:
        with path.open("wb") as file:
            async for piece in _pieces(request):
                await service.run(file.write, piece)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageError(f"the body cannot be kept ({error.strerror})") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces of some size; a piece that is written is not held any more."""
    intake: Intake = request.scope["vultus.intake"]
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size >= 1 << 20:
            yield b"".join(pieces)
            intake.let_go(size)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


def _passphrase(sent: str | None) -> str | None:
    """A passphrase from its header, where letters beyond ASCII are percent-encoded; refused (InputError): no UTF-8."""
    try:
        return None if sent is None else unquote(sent, errors="strict")
    except UnicodeDecodeError as error:
        raise InputError("expected the header X-Passphrase as percent-encoded UTF-8") from error


def _temporary(folder: Path, suffix: str) -> Path:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix, dir=folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written ({error.strerror})") from error
    os.close(handle)
    return Path(name)


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
