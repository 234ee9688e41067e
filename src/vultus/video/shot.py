"""Where one shot ends and the next begins: no face may be followed across a cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from vultus.video.frame import Frame

__all__ = ["CUT", "cuts", "difference", "shots"]

CUT = 20.0  # mean absolute grey difference at 64 x 36, of 255


def difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Mean absolute difference of two thumbnails, 0 to 255.

    >>> difference(np.zeros((36, 64), np.float32), np.full((36, 64), 30, np.float32))
    30.0
    """
    return float(np.abs(first - second).mean())


def shots(frames: Iterable[Frame], limit: float | None = CUT) -> Iterator[tuple[Frame, bool]]:
    """Each frame with whether a new shot begins there; the first frame begins one.

    A frame of another size, and the first after a broken connection, begin one as well.
    limit: a larger difference of two frames is a cut; None looks at no pixels.
    """
    previous: Frame | None = None
    small: NDArray[np.float32] | None = None
    for frame in frames:
        seen = frame.thumbnail() if limit is not None else None
        begins = previous is None or frame.joins or frame.size_wh != previous.size_wh
        if limit is not None and small is not None and seen is not None:
            begins = begins or difference(small, seen) > limit
        previous, small = frame, seen
        yield frame, begins


def cuts(frames: Iterable[Frame], limit: float = CUT) -> list[int]:
    """Index of the first frame of each shot but the first."""
    return [frame.index for frame, begins in shots(frames, limit) if begins][1:]
