"""The one text of a JSON object, so that a signature over it means the same everywhere; and UTC times in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vultus.errors import InputError

__all__ = ["canonical", "hex_bytes", "parse", "time_of", "time_text"]


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Keys sorted, no blanks, UTF-8; NaN and infinity are refused (ValueError).

    >>> canonical({"v": 1, "alg": "Ed25519"})
    b'{"alg":"Ed25519","v":1}'
    """
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def parse(data: bytes) -> dict[str, Any]:
    """A JSON object from a stranger. Refused (InputError): anything else, a key that stands twice, bad UTF-8."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is no JSON, or only a part of one ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(found, dict):
        raise InputError("it is JSON, but no object")
    try:
        canonical(found)
    except (ValueError, RecursionError):
        raise InputError("it holds numbers or letters that have no canonical form") from None
    return found


def hex_bytes(text: object, size: int) -> bytes:
    r"""`size` bytes from lower-case hex digits, the one way to write them; anything else is refused (InputError).

    >>> hex_bytes("00ff", 2)
    b'\x00\xff'
    """
    written = text if isinstance(text, str) else ""
    if len(written) != 2 * size or not set(written) <= set("0123456789abcdef"):
        raise InputError(f"expected {2 * size} hex digits, got {str(text)!r:.40}")
    return bytes.fromhex(written)


def time_text(moment: datetime) -> str:
    """Whole seconds, UTC.

    >>> time_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: object) -> datetime:
    """What `time_text` wrote; anything else is refused (InputError)."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(f"expected a time such as 2026-01-02T03:04:05Z, got {str(text)!r:.60}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
