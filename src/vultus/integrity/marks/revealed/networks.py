"""The networks of a deep mark, opened when they are first needed, once a process.

`NAME-hide.onnx` takes two pictures of one size, the photograph and the pattern (0 or 255), and gives the
residual in levels; `NAME-show.onnx` takes a photograph and gives how strongly each pixel of the pattern
is 1, in logits. recipes/document_mark_ship.py wrote both, and a card beside them.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from itertools import product

import numpy as np

from vultus.errors import InputError, WeightsError
from vultus.integrity.marks.revealed.pattern import CELL, Planes
from vultus.runtime import EngineOptions, Feed, Session, session
from vultus.types import Image

__all__ = ["hide", "opened", "show"]

WINDOW = 1024  # pixels of a side that go through a network at once, so that memory does not grow with the picture
RIM = 32  # pixels around them that the networks see; a multiple of the cell
_PRECISION = EngineOptions(precision="fp32")  # a mark is read alike on every CPU


@lru_cache(maxsize=8)
def opened(file: str) -> Session:
    """A network of the package. Refused (WeightsError): a damaged installation."""
    try:
        with as_file(files("vultus.integrity.marks") / "weights" / file) as path:
            return session(path, Feed("pictures"), _PRECISION)
    except (InputError, OSError) as error:
        raise WeightsError(f"the network {file} is damaged ({error}); install vultus again") from error


def hide(name: str, image: Image, pattern: Image) -> Planes:
    """What hides a pattern in a photograph, both (H, W, 3), in levels, (3, H, W)."""
    return _by_windows(f"{name}-hide.onnx", np.stack([image, pattern]))


def show(name: str, image: Image) -> Planes:
    """How strongly each pixel of the pattern in a photograph (H, W, 3) is 1, in logits, (3, H, W)."""
    return _by_windows(f"{name}-show.onnx", image[None])


def _by_windows(file: str, pictures: Image) -> Planes:
    network = opened(file)
    height, width = pictures.shape[1:3]
    if height % CELL or width % CELL:
        raise InputError(f"expected sides that {CELL} divides, got {width} x {height}")
    made = np.empty((3, height, width), np.float32)
    for top, left in product(range(0, height, WINDOW), range(0, width, WINDOW)):
        bottom, right = min(top + WINDOW, height), min(left + WINDOW, width)
        y, x = max(top - RIM, 0), max(left - RIM, 0)
        seen = pictures[:, y : min(bottom + RIM, height), x : min(right + RIM, width)]
        found = network.run(np.ascontiguousarray(seen))[0][0]
        made[:, top:bottom, left:right] = found[:, top - y : bottom - y, left - x : right - x]
    return made
