"""Pictures in a request's body: `multipart/form-data`, JSON with base64 or addresses, or the picture itself."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.server.auth import Caller, service_of
from vultus.server.forms import plain_parts
from vultus.server.problems import Problem

__all__ = ["FIELD_BYTES", "Upload", "Uploaded", "body_schema", "media_type", "uploaded"]

_FIELDS = 20
FIELD_BYTES = 65_536
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")


@dataclass(frozen=True, slots=True)
class Upload:
    """One picture as it came."""

    field: str
    name: str  # the file's, without folders; empty when none was given
    data: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Everything that was in the body."""

    pictures: tuple[Upload, ...]
    fields: dict[str, str]

    def one(self, name: str) -> Upload:
        """The only picture of that name; refused (InputError): none, or several."""
        found = [picture for picture in self.pictures if picture.field == name]
        if len(found) != 1:
            raise InputError(f"expected one picture in the field {name!r}, got {len(found)}")
        return found[0]


class _InMemory(MultiPartParser):
    """Files stay in memory, within the bounds of the body: a face has no business in a temporary folder."""

    spool_max_size = 1 << 40


async def uploaded(
    request: Request, caller: Caller, names: Sequence[str], *, most: int | None = None, texts: Sequence[str] = ()
) -> Uploaded:
    """Read the body.

    names: fields that hold pictures; a bare picture as the body is the first of them. most:
    how many pictures there may be, by default the settings' number. texts: fields beside them.
    Refused: no picture or too many, other fields (InputError), one over the bound of bytes
    (ImageTooLargeError), another type of body (Problem 415), addresses where fetching is
    off (Problem 403) or that are not public (InputError).
    """
    settings = service_of(request).settings
    most = settings.pictures if most is None else most
    bound = caller.key.upload_bytes or settings.upload_bytes
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("", "identity"):
        raise Problem(415, "unsupported_media", f"expected a body without Content-Encoding, got {encoding[:40]!r}")
    kind = media_type(request)
    if kind == "multipart/form-data":
        found = await _multipart(request, names, most, texts)
    elif kind == "application/json":
        found = await _json(request, names, most, bound, texts)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        found = Uploaded((Upload(names[0], "", await request.body()),), {})
    else:
        raise Problem(
            415,
            "unsupported_media",
            f"expected multipart/form-data, application/json or a picture as the body, got {kind[:80] or 'no type'!r}",
        )
    if not found.pictures:
        raise InputError(f"expected a picture in the field {names[0]!r}, got none")
    for picture in found.pictures:
        if len(picture.data) > bound:
            raise ImageTooLargeError(f"expected a picture of at most {bound} bytes, got {len(picture.data)}")
        if not picture.data:
            raise ImageFormatError(f"expected a picture in the field {picture.field!r}, got no bytes")
    return found


def media_type(request: Request) -> str:
    """The body's type without its parameters, lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def body_schema(*names: str, many: bool = False, fields: Sequence[str] = ()) -> dict[str, Any]:
    """What `uploaded` understands, for the OpenAPI document.

    many: the first field may come several times. fields: texts beside the pictures.
    """
    picture = {"type": "string", "format": "binary"}
    text = {"type": "string"}
    coded: dict[str, Any] = {
        "oneOf": [
            {"type": "string", "contentEncoding": "base64", "description": "The file, base64."},
            {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string", "format": "uri"}},
                "description": "An address, where the server may fetch.",
            },
        ]
    }
    first, *others = names
    form = {first: {"type": "array", "items": picture} if many else picture, **dict.fromkeys(others, picture)}
    plain = {first: {"type": "array", "items": coded} if many else coded, **dict.fromkeys(others, coded)}
    texts = dict.fromkeys(fields, text)
    needed = [*names, *fields]
    content: dict[str, Any] = {
        "multipart/form-data": {"schema": {"type": "object", "required": needed, "properties": {**form, **texts}}},
        "application/json": {"schema": {"type": "object", "required": needed, "properties": {**plain, **texts}}},
    }
    if not others and not fields:
        content["image/*"] = {"schema": picture}
    return {"requestBody": {"required": True, "content": content}}


async def _multipart(request: Request, names: Sequence[str], most: int, texts: Sequence[str]) -> Uploaded:
    body = await request.body()
    parts = plain_parts(request.headers.get("content-type", ""), body, most=most + len(texts))
    if parts is not None:
        files = [part for part in parts if part.filename is not None and part.name in names]
        fields = {part.name: part.data.decode() for part in parts if part.filename is None and part.name in texts}
        if len(files) <= most and len(files) + len(fields) == len(parts):  # nothing else, and no text twice
            pictures = tuple(Upload(part.name, _file_name(part.filename or ""), part.data) for part in files)
            return Uploaded(pictures, fields)

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    parser = _InMemory(request.headers, whole(), max_files=most, max_fields=_FIELDS, max_part_size=FIELD_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Maximum number of files" in error.message:
            raise InputError(f"expected at most {most} {'picture' if most == 1 else 'pictures'}, got more") from error
        raise InputError(f"the form cannot be read: {error.message}") from error
    except (KeyError, ValueError, AssertionError) as error:  # no boundary, bytes that are no text
        raise InputError("the form cannot be read: expected multipart/form-data with its boundary") from error
    found: list[Upload] = []
    words: dict[str, str] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name not in names:
                    raise _other(name, names, texts, "a file")
                found.append(Upload(name, _file_name(value.filename or ""), await value.read()))
            elif name in names:
                raise InputError(f"expected a file in the field {name!r}, got a text")
            elif name in texts and name not in words:
                words[name] = value
            else:
                raise _other(name, names, texts, "a second text" if name in words else "a text")
    finally:
        await form.close()
    return Uploaded(tuple(found), words)


async def _json(request: Request, names: Sequence[str], most: int, bound: int, texts: Sequence[str]) -> Uploaded:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InputError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise InputError(f"expected a JSON object, got {type(body).__name__}")
    pictures: list[Upload] = []
    fields: dict[str, str] = {}
    for name, value in body.items():
        if name not in names:
            if name not in texts:
                raise _other(name, names, texts, "a value")
            if not isinstance(value, str):
                raise InputError(f"expected a text in the field {name!r}, got {type(value).__name__}")
            fields[name] = value
            continue
        for item in value if isinstance(value, list) else [value]:
            if len(pictures) >= most:
                raise InputError(f"expected at most {most} pictures, got more")
            pictures.append(Upload(name, "", await _coded(request, name, item, bound)))
    return Uploaded(tuple(pictures), fields)


async def _coded(request: Request, name: str, item: object, bound: int) -> bytes:
    if isinstance(item, str):
        text = item.partition(",")[2] if item.startswith("data:") else item
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageFormatError(f"expected base64 in the field {name!r} ({error})") from error
    if isinstance(item, dict) and isinstance(item.get("url"), str) and len(item) == 1:
        return await service_of(request).fetch(item["url"], bound)
    raise InputError(f"expected base64 or {{'url': …}} in the field {name!r}, got {type(item).__name__}")


def _other(name: str, names: Sequence[str], texts: Sequence[str], got: str) -> InputError:
    known = ", ".join([*names, *texts])
    return InputError(f"expected the fields {known} and no others, got {got} in the field {name[:80]!r}")


def _file_name(text: str) -> str:
    """A file's name without folders, at most 255 characters, printable."""
    if _PLAIN_NAME.fullmatch(text):
        return text
    name = PureWindowsPath(PurePosixPath(text).name).name
    return "".join(letter for letter in name if letter.isprintable())[:255]
