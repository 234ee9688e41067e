"""Requests to a server: pictures sent, problems raised as the library's errors, busy servers asked again."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from vultus import errors
from vultus.client.pictures import named
from vultus.client.problems import ERRORS, ServiceError, check, error_of, seconds
from vultus.errors import MissingExtraError

if TYPE_CHECKING:
    import httpx

    from vultus.images import Source

__all__ = ["ERRORS", "Http", "Packed", "ServiceError", "error_of", "part", "write_stream"]

_AGAIN = (429, 503)
_LONGEST_WAIT = 30.0  # seconds for a server that asks to be left alone
_PAUSE = 0.2  # seconds before a connection that failed is tried again, then twice as long
_AROUND = 1000  # bytes that a form puts around a picture, at most

Packed = tuple[int, str, bytes]  # place in the call, name, bytes
_named_once: ContextVar[list[Any] | None] = ContextVar("vultus_idempotent", default=None)


class Http:
    """The connections to a server; may be used by several threads."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        verify: bool | str = True,
    ) -> None:
        """See `vultus.Client`."""
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("the client needs httpx: pip install 'vultus[client]'") from error
        self._retries = retries
        self._bounds: Any = None
        self._http = httpx.Client(
            base_url=address.rstrip("/"),
            headers={"Authorization": f"Bearer {key}", "User-Agent": "vultus-client"},
            timeout=timeout,
            verify=_authorities(verify),
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @property
    def bounds(self) -> Any:
        """What a request may hold, asked for once."""
        if self._bounds is None:
            self._bounds = self.json("GET", "/v1/bounds")
        return self._bounds

    @contextmanager
    def idempotent(self, name: str) -> Iterator[None]:
        """See `vultus.Client.idempotent`."""
        if not name or not name.isascii() or not name.isprintable() or len(name) > 200:
            raise errors.InputError(f"expected a name of 1 to 200 printable ASCII characters, got {name[:210]!r}")
        token = _named_once.set([name, 0])
        try:
            yield
        finally:
            _named_once.reset(token)

    def parts(self, images: Iterable[Source]) -> Iterator[list[Packed]]:
        """Pictures in as many requests as the server's bounds ask for."""
        most, room = self.bounds["pictures"], self.bounds["request_bytes"]
        packed: list[Packed] = []
        held = 0
        for index, image in enumerate(images):
            name, data = named(image)
            if packed and (len(packed) == most or held + len(data) + _AROUND > room):
                yield packed
                packed, held = [], 0
            packed.append((index, name or f"picture {index + 1}", data))
            held += len(data) + _AROUND
        if packed:
            yield packed

    def files(self, route: str, packed: list[Packed], **options: Any) -> Any:
        """Send one part of pictures; an answer that refuses each of them is given back and not raised."""
        files = [("image", (name, data)) for _, name, data in packed]
        response = self._asked("POST", route, files=files, **options)
        if response.status_code < 500:
            with suppress(ValueError):
                told = response.json()
                if isinstance(told, dict) and told.get("refused"):
                    return told
        check(response)
        return response.json()

    def pictures(self, route: str, images: Mapping[str, list[Source]], **options: Any) -> Any:
        """Send pictures: as a form, or as JSON where one of them is an address for the server to fetch."""
        from vultus.images import is_url

        data: dict[str, str] = options.pop("data", {})
        listed = [(name, image) for name, given in images.items() for image in given]
        if any(is_url(image) for _, image in listed):
            body: dict[str, Any] = dict(data)
            for name, given in images.items():
                coded = [{"url": one} if is_url(one) else base64.b64encode(named(one)[1]).decode() for one in given]
                body[name] = coded if len(coded) > 1 else coded[0]
            return self.json("POST", route, json=body, **options)
        files = []
        for number, (name, image) in enumerate(listed, 1):
            label, content = named(image)
            files.append((name, (label or f"picture {number}", content)))
        return self.json("POST", route, files=files, data=data, **options)

    def items(self, route: str, **params: Any) -> Iterator[Any]:
        """All items of a list, part by part."""
        cursor = None
        while True:
            asked = {**params, "limit": 1000, **({} if cursor is None else {"cursor": cursor})}
            page = self.json("GET", route, params=asked)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def rows(self, job: str, progress: Callable[[int, int | None], None] | None = None) -> Iterator[Any]:
        """Rows of a job as they come; a stream that breaks is taken up where it was."""
        seen = broken = 0
        while True:
            try:
                with self.stream("GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": str(seen)}) as response:
                    for kind, number, data in _events(response.iter_lines()):
                        broken = 0
                        if kind == "row":
                            seen = number
                            yield data
                        elif kind == "progress" and progress is not None:
                            progress(data["done"], data["total"])
                        elif kind == "end":
                            break
                    else:
                        continue
            except ServiceError as error:
                broken += 1
                if error.code != "unreachable" or broken > self._retries:
                    raise
                time.sleep(_PAUSE * 2 ** (broken - 1))
                continue
            state = self.json("GET", f"/v1/jobs/{job}")
            if state["problem"] is not None:
                raise error_of(state["problem"], None)
            return

    def json(self, method: str, route: str, **options: Any) -> Any:
        """The answer as JSON, None where there is none."""
        response = self.answered(method, route, **options)
        return response.json() if response.content else None

    def answered(self, method: str, route: str, **options: Any) -> httpx.Response:
        """The answer of a request, which is made again while the server is busy: changes are done once."""
        response = self._asked(method, route, **options)
        check(response)
        return response

    def _asked(self, method: str, route: str, *, once: bool = True, **options: Any) -> httpx.Response:
        """The answer, whatever it is. once: the server can tell that it is the same request again."""
        headers = {**options.pop("headers", {})}
        content = options.get("content")
        if method != "GET" and once and content is None:
            headers["Idempotency-Key"] = _once()
        replayable = method == "GET" or "Idempotency-Key" in headers
        start = None if content is None else content.tell()
        for attempt in range(self._retries + 1):
            if content is not None and start is not None:
                content.seek(start)
            try:
                with self._in_our_words():
                    response = self._http.request(method, route, headers=headers, **options)
            except ServiceError:
                if not replayable or attempt == self._retries:
                    raise
                time.sleep(_PAUSE * 2**attempt)
                continue
            wait = seconds(response.headers.get("retry-after"))
            if response.status_code not in _AGAIN or attempt == self._retries or wait is None or wait > _LONGEST_WAIT:
                break
            time.sleep(wait)
        return response

    @contextmanager
    def stream(self, method: str, route: str, **options: Any) -> Iterator[httpx.Response]:
        """The answer piece by piece."""
        with self._in_our_words(), self._http.stream(method, route, **options) as response:
            if response.status_code >= 400:
                response.read()
            check(response)
            yield response

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TransportError as error:
            raise ServiceError(0, "unreachable", f"the server cannot be reached ({error})") from error


def _once() -> str:
    """A key by which the server knows the same request again: of the caller's name, or of this call alone."""
    named = _named_once.get()
    if named is None:
        return uuid4().hex
    named[1] += 1
    return f"{named[0]}/{named[1]}"


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def write_stream(path: str | os.PathLike[str], response: httpx.Response) -> int:
    """Write an answer to a file that only its owner reads, whole or not at all; its bytes.

    Refused (StorageError): a place that cannot be written. An answer that breaks off raises ServiceError.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid4().hex}")
    size, announced = 0, response.headers.get("content-length")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
                size += len(piece)
        if announced is not None and size != int(announced):
            raise ServiceError(0, "unreachable", f"expected {announced} bytes, got {size}: the answer broke off")
        temporary.replace(target)
    except OSError as error:
        raise errors.StorageError(f"{target} could not be written ({error.strerror}); choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return size


def _authorities(verify: bool | str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _events(lines: Iterable[str]) -> Iterator[tuple[str, int, Any]]:
    """Server-sent events: kind, number, data."""
    kind, number, data = "", 0, ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "id":
            number = int(value)
        elif name == "data":
            data += value
        elif not line and kind:
            yield kind, number, json.loads(data)
            kind, data = "", ""
