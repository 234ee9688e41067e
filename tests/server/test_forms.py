from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from vultus.server.forms import plain_parts

KIND = "multipart/form-data; boundary=edge"


def form(*parts: tuple[str, bytes], edge: bytes = b"edge") -> bytes:
    lines = b"".join(b"--" + edge + b"\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    return lines + b"--" + edge + b"--\r\n"


def parsed(kind: str, body: bytes) -> list[tuple[str, str | None, bytes]] | None:
    """What the full parser makes of it; None: it refuses."""

    async def work() -> list[tuple[str, str | None, bytes]]:
        async def whole():  # type: ignore[no-untyped-def]
            yield body

        found = await MultiPartParser(Headers({"content-type": kind}), whole()).parse()
        parts: list[tuple[str, str | None, bytes]] = []
        for name, value in found.multi_items():
            if isinstance(value, UploadFile):
                parts.append((name, value.filename, await value.read()))
            else:
                parts.append((name, None, value.encode()))
        await found.close()
        return parts

    try:
        with ThreadPoolExecutor(1) as apart:  # the browser's tests keep a loop in this thread
            return apart.submit(asyncio.run, work()).result()
    except (MultiPartException, KeyError, ValueError, AssertionError):
        return None


def test_nothing_is_no_form() -> None:
    assert plain_parts("", b"", most=5) is None
    assert plain_parts(KIND, b"", most=5) is None
    assert plain_parts(KIND, b"--edge--\r\n", most=5) is None


def test_a_picture_and_a_text() -> None:
    data = bytes(range(256)) * 40 + b"\r\n--edg\r\n"
    body = form(
        ('Content-Disposition: form-data; name="image"; filename="a b.jpg"\r\nContent-Type: image/jpeg', data),
        ('content-disposition: form-data; name="name"', b"Ada"),
    )
    parts = plain_parts(KIND, body, most=2)
    assert parts is not None
    assert [(part.name, part.filename, part.data) for part in parts] == [
        ("image", "a b.jpg", data),
        ("name", None, b"Ada"),
    ]
    assert plain_parts(KIND, body, most=1) is None
    assert plain_parts('multipart/form-data; boundary="edge"', body, most=2) == parts


HEAD = 'Content-Disposition: form-data; name="image"; filename="a.jpg"'


@pytest.mark.parametrize(
    "body",
    [
        form((HEAD, b"x"))[:-8],  # no end
        b"before" + form((HEAD, b"x")),
        form((HEAD, b"x")) + b"after",
        form((HEAD, b"before\r\n--edgeways")),
        form(('Content-Disposition: form-data; name="image"; filename="a\\"b.jpg"', b"x")),
        form(("Content-Disposition: form-data; name=\"image\"; filename*=UTF-8''a.jpg", b"x")),
        form(('Content-Disposition: form-data; name="image"; filename=""', b"x")),
        form(('Content-Disposition: form-data; name=""', b"x")),
        form(('Content-Disposition: form-data; name="nåme"', b"x")),
        form(('Content-Disposition: form-data; name="name"', "Ödön".encode())),
        form(("Content-Type: image/jpeg", b"x")),
        form((HEAD + "\r\nContent-Transfer-Encoding: base64", b"eA==")),
        form((HEAD + "\r\nContent-Type: image/jpeg; charset=x", b"x")),
        form((HEAD, b"x"), edge=b"other"),
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(body: bytes) -> None:
    assert plain_parts(KIND, body, most=5) is None


_NAMES = st.text(st.sampled_from('ab é"\\;=\r\n%'), max_size=6)
_DATA = st.lists(st.sampled_from([b"\r\n", b"--edge", b"--", b"-", b"\x00", b"a", b"\xff", b'"']), max_size=8).map(
    b"".join
)


@given(st.lists(st.tuples(_NAMES, st.none() | _NAMES, st.booleans(), _DATA), max_size=4), st.binary(max_size=3))
def test_what_it_takes_apart_the_parser_takes_apart_the_same_way(
    fields: list[tuple[str, str | None, bool, bytes]], rest: bytes
) -> None:
    parts = []
    for name, filename, typed, data in fields:
        head = f'Content-Disposition: form-data; name="{name}"'
        head += "" if filename is None else f'; filename="{filename}"'
        parts.append((head + ("\r\nContent-Type: image/png" if typed else ""), data))
    body = form(*parts) + rest
    found = plain_parts(KIND, body, most=10)
    if found is not None:
        assert [(part.name, part.filename, part.data) for part in found] == parsed(KIND, body)
