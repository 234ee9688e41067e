"""The page: a client of `/v1` that runs in the browser, from files of this package and nothing else.

It holds no session and sets no cookie: the browser sends the key in a header that no other
page can make it send, so a forged request from elsewhere carries no authority.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from vultus.errors import NotFoundError
from vultus.server.auth import public

__all__ = ["HEADERS", "router"]

router = APIRouter(include_in_schema=False)

# Scripts and styles from this server only, none inline. No text becomes markup: with trusted
# types and no policy for them, a script that tried would throw. Pictures may be ones that the
# page itself holds (blob:); nothing may be sent to, framed by or loaded from anywhere else.
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "media-src blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # asked for again with the ETag, so that an update is seen at once
}

_INDEX = "index.html"
_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/manifest+json",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    media_type: str
    etag: str


@router.api_route("/", methods=["GET", "HEAD"], dependencies=[public()])
async def index(request: Request) -> Response:
    """The page itself."""
    return _answer(request, _INDEX)


@router.api_route("/page/{name:path}", methods=["GET", "HEAD"], dependencies=[public()])
async def file(request: Request, name: str) -> Response:
    """A script, a style or a picture of the page; only names that the package holds are known."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    found = _files().get(name)
    if found is None:
        raise NotFoundError(f"expected a file of the page, got {name[:80]!r}")
    headers = HEADERS | {"ETag": found.etag}
    if found.etag in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(found.data, headers=headers, media_type=found.media_type)


@cache
def _files() -> dict[str, _File]:
    """Every file of the page by its name below `/page/`."""
    return dict(_walk(resources.files(__package__) / "files", ""))


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, _File]]:
    found: list[tuple[str, _File]] = []
    for entry in folder.iterdir():
        name = prefix + entry.name
        media_type = _TYPES.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            found += _walk(entry, name + "/")
        elif media_type is not None:
            data = entry.read_bytes()
            found.append((name, _File(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"')))
    return found
