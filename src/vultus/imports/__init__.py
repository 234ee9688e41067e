"""People from other programs: who is where in which picture, to be enrolled with this gallery's model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from vultus.errors import InputError
from vultus.imports import compreface, deepface, xmp
from vultus.imports.marked import Marked, Taken, enroll_marked

__all__ = ["KINDS", "Marked", "Taken", "enroll_marked", "read_marked"]

KINDS: dict[str, Callable[[Path], Iterator[Marked]]] = {
    "xmp": xmp.read,
    "deepface": deepface.read,
    "compreface": compreface.read,
}


def read_marked(kind: str, source: Path) -> Iterator[Marked]:
    """What another program knows: "xmp", "deepface" or "compreface"; see the modules of these names.

    Refused: another kind (InputError), and what the reader refuses, when it comes to it.
    """
    if kind not in KINDS:
        raise InputError(f"expected a kind out of {', '.join(KINDS)}, got {kind!r}")
    return KINDS[kind](source)
