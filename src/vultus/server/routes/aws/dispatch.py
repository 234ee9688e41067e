"""`POST /`: whose request it is, which operation it asks for, and whether it was done before."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, NoReturn

from fastapi import APIRouter, Request
from starlette.responses import Response

from vultus.server import logs
from vultus.server.auth import Caller, admit, own_check, service_of, wrong_key
from vultus.server.idempotency import Reply
from vultus.server.keys import Key, covers
from vultus.server.problems import Problem
from vultus.server.routes.aws.call import Call
from vultus.server.routes.aws.operations import OPERATIONS, Operation
from vultus.server.routes.aws.shapes import IMAGE_BYTES, read
from vultus.server.routes.aws.signature import Claim, claim, fresh, genuine
from vultus.server.routes.aws.wire import MEDIA_TYPE, Fault, answered, operation_of
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(tags=["aws"])

_TOKEN = "ClientRequestToken"
_BASE64 = IMAGE_BYTES * 4 // 3 + 4
_BESIDE = 65_536  # bytes of a request beside its pictures


@router.post("/", dependencies=[own_check("AWS Signature Version 4")], include_in_schema=False)
async def rekognition(request: Request) -> Response:
    """One operation of the API."""
    name = operation_of(request)
    if name not in OPERATIONS:
        raise Fault("UnknownOperationException", f"expected one of {', '.join(OPERATIONS)}")
    operation = OPERATIONS[name]
    said, key, secret = _claimed(request)
    if operation.pictures:
        logs.current().limit = operation.pictures * _BASE64 + _BESIDE
    try:
        body = await request.body()
    except Problem as problem:
        if problem.status == 413 and not operation.pictures:
            raise Fault("InvalidParameterException", problem.detail) from problem
        raise
    service = service_of(request)
    await service.run(_check, request, said, secret, body)
    admit(request, key)
    if not covers(key.role, operation.role):
        raise Fault("AccessDeniedException", f"expected a key with the role {operation.role}, this one has {key.role}")
    fields = await service.run(_fields, operation, body)
    caller = Caller(key, logs.current().request_id)
    if "CollectionId" in fields and name != "CreateCollection":
        caller.needs(fields["CollectionId"])
    call = Call(service, caller, said.region, fields)
    if _TOKEN in fields:
        return await _once(service, name, operation, call)
    return answered(await operation.answer(call))


def _claimed(request: Request) -> tuple[Claim, Key, str]:
    """Whose request it says it is, before the body is read.

    Refused: no such key (UnrecognizedClientException), another time than now, or no
    signature that can be checked (InvalidSignatureException).
    """
    headers = request.scope["headers"]
    said = claim(headers)
    found = service_of(request).keys.secret(said.access_key)
    if found is None or "x-amz-security-token" in request.headers:
        wrong_key(request)
        raise Fault("UnrecognizedClientException", "the security token in the request is not valid")
    fresh(said, datetime.now(UTC))
    return said, *found


def _check(request: Request, said: Claim, secret: str, body: bytes) -> None:
    query = request.url.query
    if not genuine(said, secret, method="POST", query=query, headers=request.scope["headers"], body=body):
        wrong_key(request)
        raise Fault(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your secret access "
            "key, and that a proxy passes Host on as it came",
        )


def _fields(operation: Operation, body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Fault("SerializationException", "the body is not JSON") from error
    return read(operation.fields, operation.required, given)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


async def _once(service: Service, name: str, operation: Operation, call: Call) -> Response:
    """Do what a token asks for once; the same again gets the same answer."""
    rest = {field: value for field, value in call.fields.items() if field != _TOKEN}
    digest = hashlib.sha256(json.dumps([name, rest], sort_keys=True).encode()).digest()
    key, once = call.caller.key.id, f"aws {name} {call.fields[_TOKEN]}"
    kept = await service.run(service.replies.begin, key, once, digest, call.collection)
    if kept is not None:
        return answered(json.loads(kept.body))
    done = False
    try:
        body = await operation.answer(call)
        reply = Reply(200, {"content-type": MEDIA_TYPE}, json.dumps(body).encode())
        await service.run(service.replies.finish, key, once, reply)
        done = True
        return answered(body)
    finally:
        if not done:
            await service.run(service.replies.abandon, key, once)
