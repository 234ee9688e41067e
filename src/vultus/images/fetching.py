"""The bytes behind an http or https address, within limits of size and time.

Nothing else is opened: not file:, not ftp:, not by redirect either. The user's proxy
settings hold. Whether a program may fetch addresses at all is for the caller to decide.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request

from vultus.errors import ImageTooLargeError, InputError

__all__ = ["fetch", "is_url"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CHUNK = 1 << 16


def is_url(source: object) -> bool:
    """Whether the source is an address (scheme://...) and not a path.

    >>> is_url("https://example.org/a.jpg"), is_url("faces/a.jpg"), is_url("C:/faces/a.jpg")
    (True, False, False)
    """
    return isinstance(source, str) and _SCHEME.match(source) is not None


def fetch(url: str, *, limit: int, seconds: float) -> bytes:
    """Read what a server sends, at most `limit` bytes, giving up after `seconds` of waiting.

    A wait for one packet and the whole transfer each take `seconds` at most. Refused: other
    schemes, a name or password in the address, an error status, a body that breaks off or
    takes too long (InputError), more than `limit` bytes (ImageTooLargeError; the rest is not
    read).
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise InputError(f"expected an address, it cannot be read as one ({error})") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise InputError(f"expected http:// or https://, got {parts.scheme}://; give the path itself for a local file")
    if "@" in parts.netloc:
        raise InputError("expected an address without user name and password; fetch it yourself and give the bytes")
    if not parts.hostname:
        raise InputError("expected an address with a host name, it has none")
    deadline = time.monotonic() + seconds
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "vultus"})
        with _opener().open(request, timeout=seconds) as response:
            return _body(response, limit, deadline, seconds)
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(f"the server answered {error.code} {error.reason}; check the address") from error
    except urllib.error.URLError as error:
        raise InputError(f"the server cannot be reached ({error.reason}); check the address and the network") from error
    except TimeoutError as error:
        raise InputError(f"the server kept silent for {seconds:g} s; try again or raise Limits(seconds=...)") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(f"the transfer broke ({type(error).__name__}: {error}); try again") from error


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _body(response: http.client.HTTPResponse, limit: int, deadline: float, seconds: float) -> bytes:
    too_large = f"expected at most {limit} bytes, the server has more; get a smaller picture or raise Limits(bytes=...)"
    if response.length is not None and response.length > limit:
        raise ImageTooLargeError(too_large)
    parts: list[bytes] = []
    size = 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise ImageTooLargeError(too_large)
        if time.monotonic() > deadline:
            raise InputError(f"the server took more than {seconds:g} s; try again or raise Limits(seconds=...)")
    if response.length:  # what is still owed of the length that was announced
        raise InputError(f"the transfer broke off with {response.length} bytes missing; try again")
    return b"".join(parts)
