"""Lists in parts: `limit` says how many, `next` of one part is the `cursor` of the following."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from vultus.errors import InputError

__all__ = ["MOST", "Cursor", "Limit", "decode", "encode", "part"]

Item = TypeVar("Item")

MOST = 1000  # items of one part

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=2000, description="`next` of the part before.")]


def part(
    items: Sequence[Item], place: Callable[[Item], str], limit: int, cursor: str | None
) -> tuple[list[Item], str | None]:
    """The items after the cursor, and the next cursor; None after the last.

    items: ordered by `place`, which no two share. The cursor names the last place that was
    told, so nothing is told twice or left out when others come and go meanwhile.

    >>> items, following = part(["a", "b", "c"], str, 2, None)
    >>> items, part(["a", "b", "bb", "c"], str, 2, following)
    (['a', 'b'], (['bb', 'c'], None))
    """
    after = None if cursor is None else decode(cursor)
    low, high = 0, len(items)
    while after is not None and low < high:
        middle = (low + high) // 2
        if place(items[middle]) <= after:
            low = middle + 1
        else:
            high = middle
    found = list(items[low : low + limit])
    return found, encode(place(found[-1])) if low + limit < len(items) else None


def encode(place: str) -> str:
    """A place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(["v1", place]).encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """The place of a cursor; anything else is refused (InputError)."""
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        value = None
    if not isinstance(value, list) or len(value) != 2 or value[0] != "v1" or not isinstance(value[1], str):
        raise InputError("expected a cursor that a list gave as `next`, got another text")
    return value[1]
