"""Unit vectors as signed bytes, with a proven bound on what that costs a score.

A row v is kept as v = s c + e, where c are the codes (-127 to 127), s the row's own scale and
e what rounding lost. The query becomes q = t d + f likewise. Then

    v.q = v.f + v.(t d) = v.f + s t (c.d) + e.(t d)

c.d is a sum of products of integers and exact. So by Cauchy-Schwarz

    |v.q - s t (c.d)|  <=  |v| |f| + |e| |t d|                                      (1)

The length |e| is computed once, when a row is added, in float64 from the codes and the scale as
they are stored, and rounded up: (1) holds whatever the rounding to codes did. It is tighter than
the bound from the largest error of one component, (s/2) times the sum of |q|, by about 1.4 in
128 dimensions, and it lets the query be codes as well, which integer instructions need.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST", "Codes", "codes_of", "dots", "has_fast_dots"]

LONGEST = 1.002  # |v| and |q| are at most this; the index refuses what is further than 0.001 from 1
_ROWS = 8192  # rows in float64 at once
_EXACT_IN_FLOAT32 = 2**24 // 127**2  # dimensions up to which a float32 holds every c.d


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Rows as bytes: v = scale * codes + rest, with the length of the rest rounded up."""

    codes: NDArray[np.int8]  # (n, D)
    scales: NDArray[np.float32]  # (n,)
    rests: NDArray[np.float32]  # (n,), at least the length of v - scale * codes


def codes_of(vectors: NDArray[np.float32]) -> Codes:
    """Round each row to signed bytes at its own scale.

    vectors: (n, D), finite, no row all zeros.

    >>> found = codes_of(np.array([[0.6, -0.8]], dtype=np.float32))
    >>> found.codes.tolist(), round(float(found.scales[0]) * 127, 6), bool(found.rests[0] < 0.004)
    ([[95, -127]], 0.8, True)
    """
    n = len(vectors)
    codes = np.empty(vectors.shape, dtype=np.int8)
    scales = np.empty(n, dtype=np.float32)
    rests = np.empty(n, dtype=np.float32)
    for start in range(0, n, _ROWS):
        part = slice(start, start + _ROWS)
        rows = vectors[part].astype(np.float64)
        scales[part] = np.abs(rows).max(axis=1) / 127
        scale = scales[part].astype(np.float64)[:, None]
        # clipped: a scale that was rounded down may carry the largest component to 127.00001
        codes[part] = np.clip(np.rint(rows / scale), -127, 127)
        rows -= scale * codes[part]
        # float64 sums are good to D units in the 53rd bit; one step of float32 up is far more
        lengths = np.sqrt((rows * rows).sum(axis=1)).astype(np.float32)
        rests[part] = np.nextafter(lengths, np.float32(np.inf))
    return Codes(codes, scales, rests)


def dots(query: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """Exact dot products of one row of codes (1, D) with many (n, D): (n,), a fresh array.

    Runs without the interpreter's lock. Needs `has_fast_dots`.
    """
    import simsimd

    # Never pass `out`: simsimd 6.5 then returns None without owning a reference to it, and after
    # some thousand calls Python 3.11 dies of that.
    if codes.shape[1] <= _EXACT_IN_FLOAT32:
        narrow: NDArray[np.float32] = np.asarray(simsimd.cdist(query, codes, "dot", out_dtype="float32"))[0]
        return narrow
    wide: NDArray[np.float64] = np.asarray(simsimd.cdist(query, codes, "dot", out_dtype="float64"))[0]
    return wide.astype(np.float32)  # inexact then: one rounding, which the index's slack covers


@cache
def has_fast_dots(dimension: int) -> bool:
    """Whether byte products are there, are quicker here than float32 ones, and are right.

    False without simsimd (no wheel for this Python or machine), on a CPU for which it has only
    its portable loop (seven times slower than with AVX-512), and should its products differ from
    NumPy's on a trial that holds the largest codes and every remainder of the vector width.
    """
    try:
        import simsimd
    except ImportError:
        return False
    able: dict[str, Any] = simsimd.get_capabilities()
    if not any(able.get(name) for name in ("haswell", "ice", "sierra", "neon", "neon_i8")):
        return False
    trial = np.random.default_rng(0).integers(-127, 128, (67, dimension), dtype=np.int8)
    trial[0], trial[1], trial[2] = 127, -127, 0
    truth = trial.astype(np.int64) @ trial[:3].T.astype(np.int64)
    # float32 of the truth: above 1,040 dimensions that is what `dots` gives
    return all(np.array_equal(dots(trial[i : i + 1], trial), truth[:, i].astype(np.float32)) for i in range(3))
