"""Plain forms, taken apart where they lie: what nearly every program sends, in a tenth of a parser's time.

Whatever is not plain is left to the parser, which knows all that a form may be and words what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Part", "plain_parts"]

_TYPE = re.compile(r'multipart/form-data; ?boundary=("?)([0-9A-Za-z_.-]{1,70})\1')
_TEXT = rb"[ !#-\[\]-~]*"  # printable ASCII without quotes and backslashes
_HEAD = re.compile(
    rb'Content-Disposition: form-data; name="(' + _TEXT + rb')"(?:; filename="(' + _TEXT + rb')")?\r\n'
    rb"(?:Content-Type: [A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+\r\n)?\r\n",
    re.IGNORECASE,
)
_MOST_TEXT = 4096  # bytes of a field that is no file


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form."""

    name: str
    filename: str | None  # None: a text
    data: bytes = field(repr=False)


def plain_parts(kind: str, body: bytes, *, most: int) -> list[Part] | None:
    r"""The parts of a form in their order; None: it is not plain, or holds more than `most` parts.

    kind: the header Content-Type.

    >>> body = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n--x--\r\n'
    >>> [(part.name, part.filename, part.data) for part in plain_parts("multipart/form-data; boundary=x", body, most=5)]
    [('name', None, b'Ada')]
    """
    found = _TYPE.fullmatch(kind)
    if found is None:
        return None
    edge = b"\r\n--" + found[2].encode()
    if not body.startswith(edge[2:] + b"\r\n"):
        return None
    parts: list[Part] = []
    place = len(edge)  # behind the edge and its line break
    while True:
        head = _HEAD.match(body, place)
        if head is None or len(parts) == most:
            return None
        end = body.find(edge, head.end())
        if end < 0:
            return None
        name, filename = head.groups()
        if not name or (filename is None and end - head.end() > _MOST_TEXT) or filename == b"":
            return None
        data = body[head.end() : end]
        if filename is None and not data.isascii():
            return None
        parts.append(Part(name.decode(), None if filename is None else filename.decode(), data))
        place = end + len(edge) + 2
        after = body[end + len(edge) : place]
        if after == b"--":
            return parts if body[place:] in (b"", b"\r\n") else None
        if after != b"\r\n":
            return None
