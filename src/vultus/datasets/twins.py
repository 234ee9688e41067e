"""Faces that come twice, or nearly so: found by correlation of small pictures, kept together, kept apart from tests.

A face is pooled to means of 4x4 pixels and compared by Pearson's correlation, which brightness
and contrast do not change; above 0.995 two faces are twins. A face without contrast has no
correlation and is nobody's twin. The second method is a perceptual hash of 64 bits, the signs of
low frequencies (C. Zauner, Implementation and benchmarking of perceptual image hash functions,
2010); it also finds one photograph in two crops (docs/concepts/expression.md has both counted).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError

__all__ = ["across", "across_by_hash", "blank", "grouped", "hashed", "held_out", "within", "within_by_hash"]

Faces = NDArray[np.uint8]  # (n, H, W), grey
Pairs = NDArray[np.int64]  # (p, 2), rows of the first and of the second
POOL, ALIKE, FLAT = 4, 0.995, 2.0
BLOCK = 256  # faces compared at a time
BITS = 8  # frequencies a side of a hash


def blank(faces: Faces) -> NDArray[np.bool_]:
    """Which faces show nothing: a standard deviation under 2 grey levels, (n,)."""
    flat = _flat(faces)
    if not flat.size:
        return np.zeros(len(faces), np.bool_)
    found: NDArray[np.bool_] = flat.astype(np.float32).std(axis=1) < FLAT
    return found


def across(first: Faces, second: Faces, *, alike: float = ALIKE) -> Pairs:
    """The pairs of a face of `first` and one of `second` that are twins.

    Refused (InputError): faces of different sizes, or of sides that 4 does not divide.
    """
    if len(first) and len(second) and first.shape[1:] != second.shape[1:]:
        raise InputError(f"expected faces of one size, got {first.shape[1:]} and {second.shape[1:]}")
    one, other = _pooled(first), _pooled(second)
    starts = range(0, len(one), BLOCK)
    return _joined([_above(one[start : start + BLOCK], other, alike) + np.array([start, 0]) for start in starts])


def within(faces: Faces, *, alike: float = ALIKE) -> Pairs:
    """The pairs of twins inside a set, the earlier face first. Refused as in `across`."""
    rows = _pooled(faces)
    found = []
    for start in range(0, len(rows), BLOCK):
        pairs = _above(rows[start : start + BLOCK], rows[start:], alike)
        found.append(pairs[pairs[:, 0] < pairs[:, 1]] + start)
    return _joined(found)


def hashed(faces: Faces) -> NDArray[np.uint64]:
    """A perceptual hash for each face, (n,): which of 64 low frequencies lie above their median.

    Frequencies 1 to 8 a side of the cosine transform (DCT-II), so that neither the mean nor a
    positive factor counts; row by row, the first in the highest bit. Refused (InputError): sides under 9.
    """
    _flat(faces)
    height, width = faces.shape[1:]
    if min(height, width) <= BITS:
        raise InputError(f"expected sides of {BITS + 1} pixels or more, got {height}x{width}")
    found = _cosines(height) @ faces.astype(np.float64) @ _cosines(width).T
    rows = found.reshape(len(faces), BITS * BITS)
    above = rows > np.median(rows, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(">u8")[:, 0].astype(np.uint64)


def across_by_hash(first: Faces, second: Faces, *, distance: int) -> Pairs:
    """The pairs whose hashes differ in at most `distance` of 64 bits; no blank faces. Refused as in `hashed`."""
    if not len(first) or not len(second):
        return np.zeros((0, 2), np.int64)
    one, other = hashed(first), hashed(second)
    shown, others = np.flatnonzero(~blank(first)), np.flatnonzero(~blank(second))
    found = []
    for start in range(0, len(shown), BLOCK):
        rows = shown[start : start + BLOCK]
        apart = np.bitwise_count(one[rows, None] ^ other[None, others])
        at, beside = np.nonzero(apart <= distance)
        found.append(np.stack([rows[at], others[beside]], axis=1))
    return _joined(found)


def within_by_hash(faces: Faces, *, distance: int) -> Pairs:
    """The pairs of twins inside a set by their hashes, the earlier face first. Refused as in `hashed`."""
    pairs = across_by_hash(faces, faces, distance=distance)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def grouped(count: int, pairs: Pairs) -> NDArray[np.int64]:
    """A number for each of `count` faces, the same for twins, twins of twins and so on: the first face's place.

    >>> grouped(5, np.array([[1, 3], [3, 4]])).tolist()
    [0, 1, 2, 1, 1]
    """
    parent = list(range(count))

    def root(at: int) -> int:
        while parent[at] != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for one, other in pairs.tolist():
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return np.array([root(at) for at in range(count)], dtype=np.int64)


def held_out(
    labels: NDArray[np.int64], groups: NDArray[np.int64], share: float = 0.1, *, seed: int = 0
) -> NDArray[np.bool_]:
    """Which faces are set aside: about `share` of each class, no group on both sides, (n,).

    A group counts for the class of its first face. Refused (InputError): lengths that differ, a
    share that is not between 0 and 1.
    """
    if labels.shape != groups.shape or labels.ndim != 1:
        raise InputError(f"expected a group for each label, got {groups.shape} and {labels.shape}")
    if not 0 < share < 1:
        raise InputError(f"expected a share between 0 and 1, got {share}")
    rng = np.random.default_rng(seed)
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    out: list[int] = []
    for value in np.unique(labels):
        mine = np.flatnonzero(labels[first] == value)
        order = rng.permutation(mine)
        wanted = share * int(sizes[mine].sum())
        taken = np.cumsum(sizes[order]) <= wanted + 0.5
        out += names[order[taken]].tolist()
    found: NDArray[np.bool_] = np.isin(groups, out)
    return found


def _flat(faces: Faces) -> NDArray[np.uint8]:
    if faces.ndim != 3:
        raise InputError(f"expected grey faces (n, H, W), got {faces.shape}")
    return faces.reshape(len(faces), faces.shape[1] * faces.shape[2])


def _cosines(side: int) -> NDArray[np.float64]:
    """Rows 1 to 8 of the orthonormal DCT-II of so many samples, (8, side)."""
    frequency, place = np.arange(1, BITS + 1)[:, None], np.arange(side)[None] + 0.5
    return np.asarray(np.sqrt(2 / side) * np.cos(np.pi * frequency * place / side), np.float64)


def _pooled(faces: Faces) -> NDArray[np.float32]:
    """Rows of length 1 and mean 0, so that a product is Pearson's r; zeros for a face without contrast."""
    empty = blank(faces)
    count, height, width = faces.shape
    if height % POOL or width % POOL:
        raise InputError(f"expected sides that {POOL} divides, got {height}x{width}")
    rows = faces.reshape(count, height // POOL, POOL, width // POOL, POOL).mean((2, 4), dtype=np.float32)
    rows = rows.reshape(count, (height // POOL) * (width // POOL))
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(empty[:, None] | (lengths == 0), 0, rows / np.maximum(lengths, 1e-9))
    return rows.astype(np.float32)


def _above(one: NDArray[np.float32], other: NDArray[np.float32], alike: float) -> Pairs:
    products = one @ other.T
    places = np.flatnonzero(products > alike)
    return np.stack(np.divmod(places, max(len(other), 1)), axis=1).astype(np.int64)


def _joined(found: Sequence[Pairs]) -> Pairs:
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)
