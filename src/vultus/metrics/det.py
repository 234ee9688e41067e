"""Error curves for plots: ROC and DET with confidence bands, in a bounded number of points."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics import caveats
from vultus.metrics.bands import PEOPLE_ENOUGH, Sides, accepted_band, people_in
from vultus.metrics.intervals import wilson
from vultus.metrics.verification import Curve, Scores, curve

__all__ = ["ErrorCurve", "Points", "error_curve", "probit", "thin"]

MOST_POINTS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """What a plot draws: a line, and the band around it, each (k,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]  # of y
    high: NDArray[np.float64]  # of y
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCurve:
    """Both error rates with 95 % bands at thresholds that make a difference, lowest first.

    The band holds for each threshold by itself, not for the curve as a whole.
    """

    thresholds: NDArray[np.float64]  # (k,), the last accepts nothing
    fmr: NDArray[np.float64]  # (k,), falling
    fmr_low: NDArray[np.float64]
    fmr_high: NDArray[np.float64]
    fnmr: NDArray[np.float64]  # (k,), rising
    fnmr_low: NDArray[np.float64]
    fnmr_high: NDArray[np.float64]
    genuine: int  # comparisons, those without score among them
    impostor: int
    interval: Literal["subjects", "wilson"]
    caveats: tuple[str, ...]

    def roc(self) -> Points:
        """True match rate over FMR, from everything accepted to nothing."""
        return Points(self.fmr, 1 - self.fnmr, 1 - self.fnmr_high, 1 - self.fnmr_low, self.thresholds)

    def det(self) -> Points:
        """FNMR over FMR in normal deviates, where normal scores of equal spread make a line of slope -1.

        A rate of 0 or 1, which has no deviate, is drawn at half a comparison from it.
        """
        return Points(
            _deviate(self.fmr, self.impostor),
            _deviate(self.fnmr, self.genuine),
            _deviate(self.fnmr_low, self.genuine),
            _deviate(self.fnmr_high, self.genuine),
            self.thresholds,
        )


def probit(share: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Normal deviate with this share of a standard normal below it; -inf at 0, inf at 1.

    share: any shape, 0 to 1. Refused (InputError): what lies outside, NaN. Source: Wichura's
    algorithm AS 241 (1988), good to 1e-16, as the standard library has it.

    >>> probit(np.array([0.025, 0.5])).round(6).tolist()
    [-1.959964, 0.0]
    """
    values = np.asarray(share, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError("expected shares between 0 and 1 for normal deviates")
    inverse, ends = NormalDist().inv_cdf, {0.0: -np.inf, 1.0: np.inf}
    found = [ends[each] if each in ends else inverse(each) for each in values.ravel().tolist()]
    return np.array(found, dtype=np.float64).reshape(values.shape)


def thin(points: Curve, genuine: int, impostor: int, most: int = MOST_POINTS) -> NDArray[np.intp]:
    """Which points of a curve to draw, so that no more than `most` keep its shape and its steps.

    genuine, impostor: how many comparisons the rates rest on. Where all fit, all are kept that
    are not within a straight stretch. Otherwise the way along the DET curve is cut into equal
    lengths, as a sum of both deviates, and the points on either side of each cut are kept:
    a step longer than a length keeps both its ends. Both ends of the curve are kept. Refused
    (InputError): fewer than 4 points wanted.
    """
    if most < 4:
        raise InputError(f"expected at least 4 points of a curve, got {most}")
    size = points.thresholds.size
    wrong_in, wrong_out = np.rint(points.fmr * impostor), np.rint(points.fnmr * genuine)
    bends = np.ones(size, dtype=bool)
    if size > 2:
        bends[1:-1] = (np.diff(wrong_in, 2) != 0) | (np.diff(wrong_out, 2) != 0)
    at = np.flatnonzero(bends)
    if at.size <= most:
        return at
    # On a grid of whole errors few values come up; the deviate of each is taken once.
    way = np.abs(np.diff(_counted(wrong_in, impostor))) + np.abs(np.diff(_counted(wrong_out, genuine)))
    gone = np.concatenate([[0.0], np.cumsum(way)])
    cuts = np.linspace(0, gone[-1], most // 2 + 1)[1:-1]
    after = np.searchsorted(gone, cuts, side="left")
    return np.unique(np.concatenate([[0], after - 1, after, [size - 1]]))


def error_curve(
    genuine: Scores,
    impostor: Scores,
    *,
    genuine_people: Sides | None = None,
    impostor_people: Sides | None = None,
    most: int = MOST_POINTS,
    replicates: int = 1000,
    seed: int = 0,
) -> ErrorCurve:
    """Both error rates with bands at up to `most` thresholds.

    genuine, impostor: similarity (n,), NaN where a comparison gave no score; it is never
    accepted and stays in the denominator. people: the person on each side of each comparison.
    With the people of both kinds, ten at least, the band comes from resampling them; else it
    is Wilson's, which takes comparisons for independent (said in `caveats`).
    Refused (InputError): scores of one kind only, infinity, people that do not fit.
    """
    mates, lost = caveats.ascending(genuine, "genuine")
    others, lost_others = caveats.ascending(impostor, "impostor")
    exact = curve(genuine, impostor)
    sizes = mates.size + lost, others.size + lost_others
    keep = thin(exact, *sizes, most)
    levels, fmr, fnmr = exact.thresholds[keep], exact.fmr[keep], exact.fnmr[keep]
    said = list(caveats.of_scores({"genuine": mates, "impostor": others}, {"genuine": lost, "impostor": lost_others}))
    if caveats.inverted(mates, others):
        said.append("genuine scores lie below impostor scores on average: are these distances?")
    by_people = False
    low, high = _wilson(fmr, sizes[1])
    missed_low, missed_high = _wilson(fnmr, sizes[0])
    if genuine_people is None or impostor_people is None:
        said.append("the people are not known: the band takes comparisons for independent and may be too narrow")
    elif (people := min(people_in(genuine_people), people_in(impostor_people))) < PEOPLE_ENOUGH:
        said.append(f"{people} people are too few to resample: the band takes comparisons for independent")
    else:
        by_people = True
        low, high = accepted_band(impostor, impostor_people, levels, replicates=replicates, seed=seed)
        passed_low, passed_high = accepted_band(genuine, genuine_people, levels, replicates=replicates, seed=seed)
        missed_low, missed_high = 1 - passed_high, 1 - passed_low
    return ErrorCurve(
        thresholds=levels,
        fmr=fmr,
        fmr_low=low,
        fmr_high=high,
        fnmr=fnmr,
        fnmr_low=missed_low,
        fnmr_high=missed_high,
        genuine=sizes[0],
        impostor=sizes[1],
        interval="subjects" if by_people else "wilson",
        caveats=tuple(said),
    )


def _wilson(rates: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    found = [wilson(round(rate * n), n) for rate in rates.tolist()]
    return np.array([rate.low for rate in found]), np.array([rate.high for rate in found])


def _deviate(rates: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    half = 0.5 / n
    return probit(np.clip(rates, half, 1 - half))


def _counted(errors: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Deviates of errors out of n, each value's worked out once; coarser where there are very many."""
    steps = min(n, 1 << 14)
    if n > steps:
        # Even in logarithms from either end, where the deviate moves fastest.
        near = np.minimum(errors, n - errors)
        grid = np.unique(np.geomspace(0.5, n / 2, steps))
        there = _deviate(grid / n, n)
        deviates = np.interp(np.log(np.maximum(near, 0.5)), np.log(grid), there)
        return np.where(errors > n / 2, -deviates, deviates)
    return np.asarray(_deviate(np.arange(n + 1) / n, n)[errors.astype(np.int64)])
