"""Lists in parts: NextToken names the last place that was told, in this list and no other."""

from __future__ import annotations

import hashlib

from vultus.server.routes.aws.wire import Fault

__all__ = ["after", "token"]


def token(place: str, *of: str) -> str:
    """The token behind a place. of: whatever makes this list another than others.

    >>> after(token("17", "ListFaces", "staff"), "ListFaces", "staff")
    '17'
    """
    return f"{_mark(of)}.{place}"


def after(given: str | None, *of: str) -> str:
    """The place that a token names, empty where there is no token.

    Refused (InvalidPaginationTokenException): what this list did not give.
    """
    if given is None:
        return ""
    mark, dot, place = given.partition(".")
    if not dot or not place or mark != _mark(of):
        raise Fault("InvalidPaginationTokenException", "expected a NextToken that this list gave")
    return place


def _mark(of: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(of).encode()).hexdigest()[:12]
