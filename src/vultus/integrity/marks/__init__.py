"""Fragile marks: put into a document photo when it is issued, and gone where the photo was touched.

One module a mark; each holds `MARK`, which `load` finds by the module's name (what several marks share
lies in a package beside them). A mark says that
pixels are as they were marked. It says nothing about who made the picture: that is the signature's.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NotFoundError
from vultus.integrity.secret import MarkKey
from vultus.types import Image

__all__ = ["DEFAULT", "Inspection", "Mark", "State", "grid", "load", "names"]

DEFAULT = "block-mac"

State = Literal["intact", "touched", "absent"]


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What a mark shows of a picture, under one key and one document number.

    state "absent": nothing of the mark is there. Another key, another document number, a picture that was
    never marked, and one that was compressed or resized as a whole look the same.
    """

    mark: str
    state: State
    touched: NDArray[np.bool_]  # (rows, columns) of blocks; True: not as it was marked
    block: int  # side of a block, pixels
    outside: tuple[int, int]  # pixels at the right and at the bottom that no block covers, and the mark says nothing of
    chance: float  # probability that a picture without this mark would look intact in one block
    family: str = ""  # kind of manipulation, where the mark can tell; empty: not determined
    scores: Mapping[str, float] = field(default_factory=dict)  # probability by family, where the mark can tell
    revealed: Image | None = None  # the picture that was hidden, for marks that hide one
    bits: tuple[int, int] | None = None  # hidden bits that are read as they must be, of how many; for such marks
    luck: float = 0.0  # probability that a picture without this mark would show as much of it

    @property
    def blocks(self) -> int:
        return int(self.touched.size)

    @property
    def exact(self) -> bool:
        """Whether every change of every bit in a block shows; a mark that hides bits to be read is not exact."""
        return self.bits is None

    @property
    def wrong(self) -> int:
        """How many blocks are not as they were marked."""
        return int(self.touched.sum())


class Mark(Protocol):
    """Puts a mark into a picture and looks for it; marks hold no state."""

    @property
    def name(self) -> str: ...

    def embed(self, image: Image, key: MarkKey, doc_id: str) -> Image:
        """The picture (H, W, 3) with the mark in it; the given one is left as it is."""
        ...

    def inspect(self, image: Image, key: MarkKey, doc_id: str) -> Inspection:
        """What the mark shows of a picture (H, W, 3)."""
        ...


def grid(image: Image, side: int) -> tuple[int, int]:
    """Rows and columns of whole squares of so many pixels.

    Refused (InputError): a picture that is not RGB uint8, or is smaller than one square.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"expected RGB uint8 (H, W, 3), got {image.dtype} {image.shape}")
    rows, columns = image.shape[0] // side, image.shape[1] // side
    if not rows or not columns:
        raise InputError(f"expected at least {side} x {side} pixels, got {image.shape[1]} x {image.shape[0]}")
    return rows, columns


def names() -> tuple[str, ...]:
    """The marks that can be loaded.

    >>> DEFAULT in names()
    True
    """
    return tuple(sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(__path__) if not found.ispkg))


def load(name: str = DEFAULT) -> Mark:
    """The mark of that name; an unknown one is refused (NotFoundError)."""
    if name not in names():
        raise NotFoundError(f"expected a mark out of {', '.join(names())}, got {name!r:.80}")
    mark: Mark = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").MARK
    return mark
