"""Pictures by address, for clients that may not reach into this machine's own network.

The name is resolved, every address it stands for must be a public one, and the connection
goes to an address that was checked: a name that resolves otherwise a moment later changes
nothing. Redirects are checked in the same way, proxies are not used.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from vultus.errors import ImageTooLargeError, InputError

__all__ = ["fetch", "is_public"]

REDIRECTS = 3
SECONDS = 10.0
_CHUNK = 65_536
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address in its last four bytes
_UNICAST = ipaddress.ip_network("2000::/3")  # Python calls old site-local addresses (fec0::/10) global, too
_EXAMPLES = ipaddress.ip_network("3fff::/20")  # for documentation (RFC 9637)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could mean this address.

    >>> [is_public(ipaddress.ip_address(one)) for one in ("8.8.8.8", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")]
    [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST or address in _EXAMPLES:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def fetch(
    url: str,
    *,
    limit: int,
    seconds: float = SECONDS,
    allowed: Callable[[Address], bool] = is_public,
    resolve: Callable[..., Sequence[Any]] = socket.getaddrinfo,
) -> bytes:
    """What lies at an http or https address, at most `limit` bytes, within `seconds` in all.

    Refused: another scheme, a user's name in it, an address that is not `allowed`, more
    than three redirects, an answer that is no success or does not come (InputError), more
    bytes (ImageTooLargeError).
    """
    deadline = time.monotonic() + seconds
    for _ in range(REDIRECTS + 1):
        parts = _parts(url)
        try:
            found = _get(parts, limit, deadline, allowed, resolve)
        except (OSError, http.client.HTTPException) as error:
            raise InputError(f"the address cannot be fetched ({type(error).__name__})") from error
        if isinstance(found, bytes):
            return found
        url = urllib.parse.urljoin(url, found)
    raise InputError(f"expected at most {REDIRECTS} redirects, got more")


def _parts(url: str) -> urllib.parse.SplitResult:
    if len(url) > 2048 or not url.isascii() or not url.isprintable():
        raise InputError("expected an address of at most 2048 printable ASCII characters")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError("the address cannot be read") from error
    if parts.scheme not in ("http", "https"):
        raise InputError("expected an address with http:// or https://")
    if "@" in parts.netloc or not parts.hostname or port == 0:
        raise InputError("expected an address with a host and without a user's name")
    return parts


def _get(
    parts: urllib.parse.SplitResult,
    limit: int,
    deadline: float,
    allowed: Callable[[Address], bool],
    resolve: Callable[..., Sequence[Any]],
) -> bytes | str:
    """The body, or where the answer points to."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _checked(host, port, allowed, resolve)
    connection = http.client.HTTPConnection(host, port, timeout=_left(deadline))
    sock = socket.create_connection((str(address), port), timeout=_left(deadline))
    # A server that sends a byte now and then never runs into a timeout of the socket.
    handle = sock.dup()  # the connection is the same, whatever becomes of the first handle
    end = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (handle,))
    end.daemon = True
    end.start()
    try:
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection.sock = sock
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.putrequest("GET", path, skip_accept_encoding=True)
        connection.putheader("User-Agent", "vultus")
        connection.putheader("Connection", "close")
        connection.endheaders()
        sock.settimeout(_left(deadline))
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            return answer.headers.get("Location") or ""
        if answer.status != 200:
            raise InputError(f"expected the status 200 from the address, got {answer.status}")
        return _body(answer, sock, limit, deadline)
    finally:
        end.cancel()
        handle.close()
        connection.close()
        sock.close()


def _cut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _checked(
    host: str, port: int, allowed: Callable[[Address], bool], resolve: Callable[..., Sequence[Any]]
) -> Address:
    found = [
        ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in resolve(host, port, type=socket.SOCK_STREAM)
    ]
    if not found or not all(allowed(address) for address in found):
        raise InputError("expected a public address; those of this machine and its network are not fetched")
    return found[0]


def _body(answer: http.client.HTTPResponse, sock: socket.socket, limit: int, deadline: float) -> bytes:
    too_large = f"expected at most {limit} bytes at the address, there are more"
    if (answer.length or 0) > limit:
        raise ImageTooLargeError(too_large)
    parts: list[bytes] = []
    size = 0
    while True:
        sock.settimeout(_left(deadline))
        part = answer.read1(_CHUNK)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > limit:
            raise ImageTooLargeError(too_large)
    if answer.length:
        raise InputError("the answer broke off")
    return b"".join(parts)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise InputError("the address took too long to answer")
    return left
