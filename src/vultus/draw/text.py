r"""Names in the writing of the world, as masks to blend in.

The letters are OpenCV 5's own (Latin, Greek, Cyrillic, Chinese, Japanese, Korean, Arabic,
Hebrew), so that no font file has to be found or shipped. What they lack, such as
Devanagari, Thai and emoji, is written as its code: `\u0939`.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import MissingExtraError

__all__ = ["ascent", "blend", "legible", "line_height", "mask", "shorten", "width"]

Mask = NDArray[np.uint8]  # (H, W), 0 = picture, 255 = ink

_DESCENT = 0.26  # of the size: g and the cedilla of Ç end above this
_ASCENT = 1.0  # of the size: Å ends below this


def legible(text: str) -> str:
    r"""The text on one line, in composed letters, what cannot be drawn as its code.

    >>> legible("Jose\u0301\nव")
    'José \\u0935'
    """
    words = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(char if _drawable(char) else _code(char) for char in words)


def line_height(size: int) -> int:
    """Pixels from the top of Å to the foot of Ç."""
    return ascent(size) + round(_DESCENT * size)


def ascent(size: int) -> int:
    """Pixels from the top of a line to its baseline."""
    return round(_ASCENT * size)


@lru_cache(1024)
def width(text: str, size: int, weight: int = 400) -> int:
    """Pixels that a line of text takes at `size` pixels a letter; weight 400 regular, 600 semibold."""
    if not text:
        return 0
    return int(cv2.getTextSize((0, 0), text, (0, 0), _letters(), size, weight)[2])


def shorten(text: str, size: int, room: int, weight: int = 400) -> str:
    """The text, or as much of its beginning as fits in `room` pixels, with an ellipsis."""
    if width(text, size, weight) <= room:
        return text
    low, high = 0, len(text)  # the longest beginning that fits, by halving
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + "…", size, weight) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


@lru_cache(512)
def mask(text: str, size: int, weight: int = 400) -> Mask:
    """The line as ink on nothing, (line_height, width); not to be written into."""
    ink = np.zeros((line_height(size), max(1, width(text, size, weight))), np.uint8)
    # Room on the right: at its very end a line would be wrapped.
    wide = np.zeros((ink.shape[0], ink.shape[1] + 4 * size), np.uint8)
    cv2.putText(wide, text, (0, ascent(size)), (255,), _letters(), size, weight)
    ink[:] = wide[:, : ink.shape[1]]
    ink.setflags(write=False)
    return ink


def blend(canvas: NDArray[np.uint8], ink: Mask, x: int, y: int, colour: tuple[int, int, int], opacity: float) -> None:
    """Lay ink of a colour on the canvas with its corner at (x, y); what lies outside is cut."""
    top, left = max(0, -y), max(0, -x)
    part = ink[top : max(top, canvas.shape[0] - y), left : max(left, canvas.shape[1] - x)]
    rows, columns = np.nonzero(part)
    if not len(rows):
        return
    share = part[rows, columns, None].astype(np.float32) * (opacity / 255)
    rows, columns = rows + max(y, 0), columns + max(x, 0)
    before = canvas[rows, columns]
    canvas[rows, columns] = np.rint(before + (np.array(colour, np.float32) - before) * share).astype(np.uint8)


def _letters() -> Any:
    if not hasattr(cv2, "FontFace"):
        raise MissingExtraError(
            f"expected OpenCV 5 or newer to write names, got {cv2.__version__}; pip install -U opencv-python-headless"
        )
    return cv2.FontFace("sans")


@lru_cache(4096)
def _drawable(char: str) -> bool:
    if char in " ?":
        return True
    if unicodedata.category(char)[0] == "C":
        return False
    size = 24
    drawn, missing = (np.zeros((line_height(size), 3 * size), np.uint8) for _ in range(2))
    cv2.putText(drawn, char, (0, ascent(size)), (255,), _letters(), size, 400)
    cv2.putText(missing, "?", (0, ascent(size)), (255,), _letters(), size, 400)
    # OpenCV draws a question mark for a letter that it does not have.
    return bool(drawn.any() and (drawn != missing).any())


def _code(char: str) -> str:
    return char.encode("unicode_escape").decode()
