"""Galleries as files: exported, and taken in again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from vultus.errors import ConflictError, GalleryError, InputError, MasterKeyError, StorageError
from vultus.gallery import Gallery, values
from vultus.server.auth import Caller, allow, service_of
from vultus.server.limits import Intake
from vultus.server.routes.v1 import schemas
from vultus.server.routes.v1.route import Route

__all__ = ["receive_file", "router"]

router = APIRouter(prefix="/v1/galleries", tags=["galleries"], route_class=Route, responses=schemas.PROBLEMS)

Passphrase = Annotated[
    str | None, Header(max_length=1000, description="Under which the file is, UTF-8 as percent-encoded text.")
]

_FILE = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


class Imported(schemas.Answer):
    """What came out of an export file."""

    people: int
    merged: int
    templates: int
    unchanged: int
    crops: int
    revision: int


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
