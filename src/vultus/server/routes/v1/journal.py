"""The journal: who did what to whom, when and why; for auditors, who can do nothing else."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from vultus.errors import InputError
from vultus.server.auth import Caller, allow, service_of
from vultus.server.chain import Entry, Head
from vultus.server.keys import EVERY
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas
from vultus.server.routes.v1.paging import Cursor, Limit, decode, encode
from vultus.server.routes.v1.route import Route

__all__ = ["router"]

router = APIRouter(prefix="/v1/journal", tags=["journal"], route_class=Route, responses=schemas.PROBLEMS)

_LINES = {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
_Word = Annotated[str | None, Query(max_length=200)]


class JournalEntry(schemas.Answer):
    """One thing that was done."""

    seq: int
    at: str
    actor: str
    action: str
    gallery: str
    target: str
    reason: str
    revision: int | None
    request: str
    evidence: dict[str, Any]
    prev: str
    hash: str


class JournalHead(schemas.Answer):
    """The end of the chain, to be kept elsewhere."""

    seq: int
    hash: str


class JournalCheck(schemas.Answer):
    """What a walk along the chain found."""

    ok: bool
    entries: int
    head: JournalHead
    findings: list[str]


@router.get("", response_model=schemas.Page[JournalEntry], summary="Entries")
async def entries(
    request: Request,
    caller: Annotated[Caller, allow("auditor")],
    limit: Limit = 100,
    cursor: Cursor = None,
    gallery: _Word = None,
    action: _Word = None,
    actor: _Word = None,
    target: _Word = None,
    newest_first: bool = False,
) -> schemas.Page[JournalEntry]:
    """In their order, or the newest first. A key that is for some galleries reads those, one at a time."""
    service = service_of(request)
    if gallery is None and EVERY not in caller.key.galleries:
        if len(caller.key.galleries) > 1:
            raise InputError("expected the gallery, since the key is for some alone")
        gallery = caller.key.galleries[0]
    if gallery is not None:
        caller.needs(gallery)
    equal = {"gallery": gallery, "action": action, "actor": actor, "target": target}
    wanted: dict[str, Any] = {name: value for name, value in equal.items() if value is not None}
    place = 0 if cursor is None else _number(cursor)

    def work() -> list[Entry]:
        service.decisions.flush()  # who reads the journal finds all that was answered before
        if not newest_first:
            return list(service.journal.entries(after=place, limit=limit + 1, **wanted))
        found: list[Entry] = []
        for entry in service.journal.entries(newest_first=True, **wanted):
            if place == 0 or entry.seq < place:
                found.append(entry)
            if len(found) > limit:
                break
        return found

    found = await service.run(work)
    following = encode(str(found[limit - 1].seq)) if len(found) > limit else None
    return schemas.Page[JournalEntry](items=[_told(one) for one in found[:limit]], next=following)


@router.get("/head", response_model=JournalHead, summary="The end of the chain")
async def head(request: Request, _caller: Annotated[Caller, allow("auditor")]) -> JournalHead:
    """Keep it elsewhere: against it `verify` shows whether anything was cut off or written anew."""
    service = service_of(request)
    await service.run(service.decisions.flush)
    return _head(await service.run(lambda: service.journal.head))


@router.get("/verify", response_model=JournalCheck, summary="Walk along the chain")
async def verify(
    request: Request,
    _caller: Annotated[Caller, allow("auditor")],
    head: Annotated[str | None, Query(max_length=100, description="seq:hash that was kept.")] = None,
) -> JournalCheck:
    """Any change to any entry shows."""
    service = service_of(request)
    kept = None if head is None else Head.of(head)
    await service.run(service.decisions.flush)
    found = await service.run(service.journal.verify, kept)
    return JournalCheck(ok=found.ok, entries=found.entries, head=_head(found.head), findings=list(found.findings))


@router.get("/export", response_class=StreamingResponse, responses={200: _LINES}, summary="All entries as JSON lines")
async def export(request: Request, caller: Annotated[Caller, allow("auditor")]) -> StreamingResponse:
    """With their hashes, to be verified anywhere."""
    if EVERY not in caller.key.galleries:
        raise Problem(403, "forbidden", "the whole journal is for keys of all galleries")
    service = service_of(request)

    await service.run(service.decisions.flush)
    return StreamingResponse(service.journal.lines(), media_type="application/x-ndjson")


def _number(cursor: str) -> int:
    place = decode(cursor)
    if not place.isascii() or not place.isdigit() or len(place) > 18:
        raise InputError("expected a cursor that this list gave as `next`, got another one")
    return int(place)


def _told(entry: Entry) -> JournalEntry:
    names = JournalEntry.model_fields
    return JournalEntry.model_construct(None, **{name: getattr(entry, name) for name in names})


def _head(found: Head) -> JournalHead:
    return JournalHead(seq=found.seq, hash=found.hash)
