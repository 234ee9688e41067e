"""The pattern that a deep mark hides: secret bits of the key and the document, in squares of 8 pixels.

3 x rows x columns bits of `MarkKey.stream`, most significant first; then the squares change places by
`MarkKey.order`, so that nothing of the pattern is known without the key.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vultus.integrity.secret import MarkKey, checked_doc_id
from vultus.types import Image

__all__ = ["CELL", "Bits", "Planes", "agreeing", "bits_of", "luck", "spread", "squares"]

CELL = 8  # pixels a side that show one bit of each channel

Bits = NDArray[np.bool_]  # (3, rows, columns)
Planes = NDArray[np.float32]  # (3, H, W)


def bits_of(key: MarkKey, doc_id: str, rows: int, columns: int) -> Bits:
    """The bits of a document's mark, (3, rows, columns). A bad document number is refused (InputError).

    >>> bits_of(MarkKey(bytes(range(32))), "TEST-0001", 28, 28).size
    2352
    """
    doc_id = checked_doc_id(doc_id)
    count = 3 * rows * columns
    stream = np.frombuffer(key.stream(doc_id, -(-count // 256)), np.uint8)
    bits = np.unpackbits(stream)[:count].reshape(3, rows * columns)
    return bits[:, key.order(doc_id, rows * columns)].reshape(3, rows, columns).astype(bool)


def spread(bits: Bits) -> Bits:
    """Each bit over the pixels of its square, (3, 8 rows, 8 columns)."""
    return bits.repeat(CELL, axis=1).repeat(CELL, axis=2)


def squares(bits: Bits) -> Image:
    """The pattern as a picture, 0 or 255, (8 rows, 8 columns, 3)."""
    return np.ascontiguousarray(spread(bits).transpose(1, 2, 0)).astype(np.uint8) * np.uint8(255)


def agreeing(shown: Planes, bits: Bits) -> Bits:
    """Which bits are read as they must be; a bit is read by the mean of its square."""
    channels, rows, columns = bits.shape
    means = shown.reshape(channels, rows, CELL, columns, CELL).mean(axis=(2, 4))
    return np.asarray((means > 0.5) == bits)


def luck(right: int, count: int) -> float:
    """Probability that of `count` bits at least `right` agree by chance: the upper tail of the binomial at 1/2.

    Secret bits are as good as coin tosses for everything made without the key, whatever is read.

    >>> luck(0, 8), round(luck(8, 8), 6), round(luck(5, 8), 4)
    (1.0, 0.003906, 0.3633)
    """
    if right <= 0:
        return 1.0
    # log C(n, i) by its ratio to the one before, in double precision, which does for millions of bits.
    places = np.arange(1, count + 1, dtype=np.float64)
    logs = np.concatenate([[0.0], np.cumsum(np.log(count - places + 1) - np.log(places))])
    tail = logs[right:] - count * np.log(2)
    top = float(tail.max())
    return min(float(np.exp(top) * np.exp(tail - top).sum()), 1.0)
