"""Thresholds over more scores than memory holds, exactly, by reading them several times.

A double's bits, turned so that they sort as the number does, are searched sixteen at a time
from the top: each pass counts scores by the next sixteen bits and follows the one of 65,536
bins in which the wanted threshold lies. Five or six passes and a few megabytes settle any
number of scores. Answers equal those of `vultus.metrics.verification`, NaN included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics.verification import EqualError

__all__ = ["Source", "equal_error", "threshold_at_fmr"]

# Begins anew at each call; each chunk holds scores (n,) and whether they are of one person (n,).
Source = Callable[[], Iterable[tuple[NDArray[np.floating[Any]], NDArray[np.bool_]]]]

_TOP = np.uint64(1 << 63)
_BITS = 16
_BINS = 1 << _BITS


def threshold_at_fmr(source: Source, target: float) -> float:
    """The lowest observed impostor score with FMR <= target; above them all if there is none.

    Refused (InputError): no impostor score, a target outside 0 to 1, infinite scores.
    """
    if not 0 <= target <= 1:
        raise InputError(f"expected a target FMR between 0 and 1, got {target}")
    total = _totals(source)
    if not total.impostor_scored:
        raise InputError(f"expected impostor scores, got none among {total.impostor:,}")

    def kept(wrong_in: NDArray[np.int64], wrong_out: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.asarray(wrong_in / total.impostor <= target)

    least = _search(source, total, kept)
    return _at_or_above(source, least, impostors_only=True)


def equal_error(source: Source) -> EqualError:
    """EER: the mean of FMR and FNMR where they differ least, the highest such threshold.

    Refused (InputError): scores of one kind only, infinite scores.
    """
    total = _totals(source)
    if not total.impostor or not total.genuine:
        raise InputError(f"expected scores of both kinds, got {total.genuine} genuine and {total.impostor} impostor")
    if not total.impostor_scored + total.genuine_scored:
        return EqualError((0 + 1) / 2, float(np.nextafter(0.0, np.inf)), 0.0, 1.0)
    pairs = total.impostor * total.genuine
    exact = pairs < 2**62

    def crossed(wrong_in: NDArray[np.int64], wrong_out: NDArray[np.int64]) -> NDArray[np.bool_]:
        if exact:
            return np.asarray(wrong_in * total.genuine < wrong_out * total.impostor)
        return np.asarray(
            wrong_in.astype(object) * total.genuine < wrong_out.astype(object) * total.impostor, dtype=bool
        )

    least = _search(source, total, crossed)
    # The two thresholds that make a difference on either side of the crossing.
    above = _at_or_above(source, least, impostors_only=False)
    below = _below(source, least)
    gaps, found = [], []
    for threshold in (above, below):
        wrong_in, wrong_out = _counted(source, threshold, total)
        gaps.append(abs(wrong_in * total.genuine - wrong_out * total.impostor))
        fmr, fnmr = wrong_in / total.impostor, wrong_out / total.genuine
        found.append(EqualError((fmr + fnmr) / 2, threshold, fmr, fnmr))
    return found[0] if math.isinf(below) or gaps[0] <= gaps[1] else found[1]  # of equal gaps the higher


class _Totals:
    """Comparisons of each kind, and those of them that have a score."""

    __slots__ = ("genuine", "genuine_scored", "impostor", "impostor_scored")

    def __init__(self) -> None:
        self.genuine = self.genuine_scored = self.impostor = self.impostor_scored = 0


def _totals(source: Source) -> _Totals:
    total = _Totals()
    for scores, same in _chunks(source):
        scored = ~np.isnan(scores)
        total.genuine += int(same.sum())
        total.impostor += int((~same).sum())
        total.genuine_scored += int((same & scored).sum())
        total.impostor_scored += int((~same & scored).sum())
    return total


def _chunks(source: Source) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    for scores, same in source():
        values, truth = np.asarray(scores, dtype=np.float64), np.asarray(same)
        if values.ndim != 1 or truth.shape != values.shape:
            raise InputError(f"expected a score and a truth for each pair, got {values.shape} and {truth.shape}")
        if np.isinf(values).any():
            raise InputError("expected finite scores, got infinity; write NaN for a comparison without score")
        yield values, truth.astype(bool)


def _keys(scores: NDArray[np.float64]) -> NDArray[np.uint64]:
    bits = (scores + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    return np.asarray(np.where(bits & _TOP, ~bits, bits | _TOP))


def _score(key: int) -> float:
    top = 1 << 63
    bits = key ^ top if key & top else ~key & (2 * top - 1)
    return float(np.array(bits, dtype=np.uint64).view(np.float64))


def _search(
    source: Source,
    total: _Totals,
    holds: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]],
) -> int:
    """The lowest key at which holds(impostors accepted, genuine refused) is true.

    It must be false below a point and true from there on, and true where nothing is accepted.
    """
    start, below = 0, np.zeros(2, dtype=np.int64)  # impostor and genuine scores below `start`
    refused = total.genuine - total.genuine_scored
    for shift in range(64 - _BITS, -1, -_BITS):
        counts = np.zeros((2, _BINS), dtype=np.int64)
        for scores, same in _chunks(source):
            found = ~np.isnan(scores)
            keys, truth = _keys(scores[found]), same[found]
            if shift < 64 - _BITS:
                here = keys >> np.uint64(shift + _BITS) == np.uint64(start >> (shift + _BITS))
                keys, truth = keys[here], truth[here]
            places = ((keys >> np.uint64(shift)) & np.uint64(_BINS - 1)).astype(np.int64)
            counts += np.bincount(places + truth * _BINS, minlength=2 * _BINS).reshape(2, _BINS)
        under = below[:, None] + np.concatenate([np.zeros((2, 1), np.int64), counts.cumsum(axis=1)], axis=1)
        true = holds(total.impostor_scored - under[0], refused + under[1])
        at = int(np.argmax(true))
        if at == 0:
            return start
        start += (at - 1) << shift
        below = under[:, at - 1]
    return start + 1


def _at_or_above(source: Source, key: int, *, impostors_only: bool) -> float:
    """The lowest score from `key` on, or else the next double above the highest."""
    least, most = math.inf, -math.inf
    for scores, same in _chunks(source):
        found = scores[~np.isnan(scores) & ~same] if impostors_only else scores[~np.isnan(scores)]
        if found.size:
            most = max(most, float(found.max()))
            least = min(least, float(found[_keys(found) >= np.uint64(min(key, 2**64 - 1))].min(initial=math.inf)))
    return least if math.isfinite(least) else float(np.nextafter(most, np.inf))


def _below(source: Source, key: int) -> float:
    """The highest score below `key`; -inf if there is none."""
    most = -math.inf
    for scores, _ in _chunks(source):
        found = scores[~np.isnan(scores)]
        most = max(most, float(found[_keys(found) < np.uint64(min(key, 2**64 - 1))].max(initial=-math.inf)))
    return most


def _counted(source: Source, threshold: float, total: _Totals) -> tuple[int, int]:
    """Impostors accepted and genuine refused, NaN among the latter."""
    wrong_in = accepted = 0
    for scores, same in _chunks(source):
        passed = scores >= threshold
        wrong_in += int((passed & ~same).sum())
        accepted += int((passed & same).sum())
    return wrong_in, total.genuine - accepted
