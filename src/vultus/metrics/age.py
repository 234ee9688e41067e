"""How far estimated ages are from true ones, and where: by band, by group, against a baseline.

Error is estimate minus truth, in years: a positive bias means looking older. NaN stands for
an estimate that was not given (no face, withheld); it is counted as failed, never as within
k years, and has no part in the means. Bands are [low, high) of the true age. An estimate is
the age a face appears to have: no measure of health, no diagnosis, no ground for a decision
about a person.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError
from vultus.metrics.intervals import clopper_pearson, wilson
from vultus.types import Estimate, Rate

__all__ = ["DECADES", "AgeBand", "AgeReport", "Agreement", "age_report", "agreement", "cumulative_score"]

Floats = NDArray[np.float64]

DECADES = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 130.0)
FEW_PEOPLE = 30
_UNITS = 20_000  # beyond so many people they are drawn in groups, which spreads as far and costs no more
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bland and Altman: between which limits 95 % of the differences lie, if they are normal."""

    bias: float
    spread: float  # standard deviation of the differences, n - 1 in the denominator
    lower: Estimate
    upper: Estimate


@dataclass(frozen=True, slots=True)
class AgeBand:
    """Error among the pictures of one band of true age, or of one group."""

    name: str
    n: int  # pictures with an estimate
    failed: int
    people: int
    mae: Estimate
    bias: Estimate


@dataclass(frozen=True, slots=True)
class AgeReport:
    """Error over all pictures that have an estimate."""

    n: int
    failed: int  # without an estimate
    people: int
    mae: Estimate
    bias: Estimate
    rmse: Estimate
    r: Estimate  # Pearson; NaN for a constant
    within: dict[float, Rate]  # by k: share with |error| <= k, failures in the denominator
    macro_mae: float  # mean of the bands' MAE
    bands: tuple[AgeBand, ...]  # those with pictures
    groups: tuple[AgeBand, ...]
    agreement: Agreement
    baseline_mae: float | None  # of always saying the training set's median age
    caveats: tuple[str, ...]


def age_report(
    estimate: ArrayLike,
    truth: ArrayLike,
    *,
    person: Sequence[Hashable] | NDArray[Any] | None = None,
    group: Sequence[Hashable] | NDArray[Any] | None = None,
    bands: Sequence[float] = DECADES,
    within: Sequence[float] = (5.0,),
    training_ages: ArrayLike | None = None,
    replicates: int = 1000,
    seed: int = 0,
) -> AgeReport:
    """Compare estimated with true ages (n,), in years.

    person: who is in each picture, for the intervals; without it every picture is another
    person, which is a caveat. group: a label a picture. bands: edges, rising. training_ages:
    for the baseline that any model must beat. Refused (InputError): nothing, no estimate at
    all, infinite estimates, true ages that are missing, negative or outside the bands,
    different lengths.

    >>> found = age_report([22, 35, 47, 61, 83], [20, 40, 45, 70, 80])
    >>> found.mae.value, found.bias.value, found.within[5.0].value, found.macro_mae
    (4.2, -1.4, 0.8, 4.375)
    """
    ages, real = _ages(estimate, truth)
    edges = _edges(bands, real)
    labels = np.arange(real.size) if person is None else _labels(person, real.size, "person")
    given = ~np.isnan(ages)
    draws = _Draws(replicates, seed)
    errors = ages - real
    moments = [np.ones(real.size), np.abs(errors), errors, errors**2, ages, real, ages**2, real**2, ages * real]
    mae, bias, rmse, r = draws.measures(np.stack(moments, axis=1)[given], labels[given], _overall)
    member = np.searchsorted(edges, real, side="right") - 1
    by_band = [
        _band(f"{edges[at]:g}-{edges[at + 1]:g}", member == at, errors, labels, draws) for at in np.unique(member)
    ]
    names = np.zeros(0) if group is None else _labels(group, real.size, "group")
    by_group = [_band(str(name), names == name, errors, labels, draws) for name in np.unique(names).tolist()]
    return AgeReport(
        int(given.sum()),
        int((~given).sum()),
        np.unique(labels).size,
        mae,
        bias,
        rmse,
        r,
        {
            float(k): cumulative_score(
                ages, real, k, None if person is None else labels, replicates=replicates, seed=seed
            )
            for k in within
        },
        float(np.mean([band.mae.value for band in by_band if band.n])),
        tuple(by_band),
        tuple(by_group),
        agreement(ages, real),
        None if training_ages is None else float(np.mean(np.abs(real - np.median(_training(training_ages))))),
        _caveats(person is None, int((~given).sum()), [*by_band, *by_group]),
    )


def cumulative_score(
    estimate: ArrayLike,
    truth: ArrayLike,
    years: float,
    person: Sequence[Hashable] | NDArray[Any] | None = None,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Rate:
    """CS(k): share of pictures with |error| <= k years; no estimate is an error.

    The interval is Wilson's for one picture a person, from drawing people otherwise. Refused
    (InputError): as `age_report`, years below 0.

    >>> print(cumulative_score([22, 35, float("nan")], [20, 41, 45], 5))
    0.3333 [0.06149, 0.7923] (1/3)
    """
    ages, real = _ages(estimate, truth)
    if not years >= 0:
        raise InputError(f"years: expected a number from 0, got {years}")
    hit = np.abs(ages - real) <= years  # NaN is not
    if person is None:
        return wilson(int(hit.sum()), hit.size)
    labels = _labels(person, real.size, "person")
    (share,) = _Draws(replicates, seed).measures(np.stack([np.ones(hit.size), hit], axis=1), labels, _means)
    exact = clopper_pearson(int(hit.sum()), hit.size)  # at least as wide, so that none of n is not certainty
    if np.isnan(share.low):
        return exact
    return Rate(exact.k, exact.n, min(share.low, exact.low), max(share.high, exact.high))


def agreement(estimate: ArrayLike, truth: ArrayLike) -> Agreement:
    """Limits of agreement: bias -/+ 1.96 standard deviations of the differences.

    Each limit with its 95 % interval, standard error sqrt(1/n + 1.96^2 / (2 (n - 1))) of a
    standard deviation. One picture a person is taken for granted. NaN for fewer than two
    estimates. Refused (InputError): as `age_report`. Source: Bland and Altman, Lancet 327
    (1986), and Statistical Methods in Medical Research 8 (1999).
    """
    ages, real = _ages(estimate, truth)
    gap = (ages - real)[~np.isnan(ages)]
    n, bias = gap.size, float(gap.mean())
    spread = float(gap.std(ddof=1)) if n > 1 else float("nan")
    half = _Z * spread * float(np.sqrt(1 / n + _Z**2 / (2 * (n - 1)))) if n > 1 else float("nan")
    lower, upper = bias - _Z * spread, bias + _Z * spread
    return Agreement(
        bias, spread, Estimate(lower, lower - half, lower + half, n), Estimate(upper, upper - half, upper + half, n)
    )


@dataclass(frozen=True, slots=True)
class _Draws:
    """People drawn with replacement; figures are functions of sums, so that one product serves all."""

    replicates: int
    seed: int

    def measures(
        self, moments: Floats, labels: NDArray[Any], figures: Callable[[Floats], Floats]
    ) -> tuple[Estimate, ...]:
        """Figures (..., f) of sums (..., m), with intervals; moments: (n, m), the first column ones."""
        codes = np.unique(labels, return_inverse=True)[1]
        people = int(codes.max()) + 1
        rng = np.random.default_rng(self.seed)
        if people > _UNITS:
            codes = rng.permutation(np.arange(people) % _UNITS)[codes]
            people = _UNITS
        sums = np.stack([np.bincount(codes, column, people) for column in moments.T], axis=1)
        values = figures(sums.sum(axis=0))
        low, high = np.full((2, *values.shape), np.nan)
        if people > 1 and self.replicates:
            drawn = figures(np.stack([self._draw(rng, people) @ sums for _ in range(self.replicates)]))
            known = ~np.isnan(drawn).all(axis=0)
            low[known], high[known] = np.nanquantile(drawn[:, known], [0.025, 0.975], axis=0)
        return tuple(
            Estimate(value, below, above, len(moments))
            for value, below, above in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)
        )

    def _draw(self, rng: np.random.Generator, people: int) -> Floats:
        return np.bincount(rng.integers(people, size=people), minlength=people).astype(np.float64)


def _overall(sums: Floats) -> Floats:
    """MAE, bias, RMSE and r of sums of 1, |e|, e, e^2, a, t, a^2, t^2, at."""
    n, absolute, error, square, a, t, aa, tt, at = np.moveaxis(sums, -1, 0)
    across = (aa - a * a / n) * (tt - t * t / n)
    floor = 1e-12 * aa * tt  # what rounding leaves of a constant
    r = np.divide(at - a * t / n, np.sqrt(np.maximum(across, 0)), out=np.full(n.shape, np.nan), where=across > floor)
    return np.stack([absolute / n, error / n, np.sqrt(square / n), np.clip(r, -1, 1)], axis=-1)


def _means(sums: Floats) -> Floats:
    """Means of sums whose first column counts."""
    return np.asarray(sums[..., 1:] / sums[..., :1])


def _band(name: str, here: NDArray[np.bool_], errors: Floats, labels: NDArray[Any], draws: _Draws) -> AgeBand:
    given = here & ~np.isnan(errors)
    n, failed, people = int(given.sum()), int(here.sum() - given.sum()), np.unique(labels[here]).size
    if not n:
        nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
        return AgeBand(name, 0, failed, people, nothing, nothing)
    mine = errors[given]
    mae, bias = draws.measures(np.stack([np.ones(n), np.abs(mine), mine], axis=1), labels[given], _means)
    return AgeBand(name, n, failed, people, mae, bias)


def _ages(estimate: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    ages, real = np.asarray(estimate, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if ages.ndim != 1 or ages.shape != real.shape or not ages.size:
        raise InputError(f"expected an estimate and a true age a picture, got shapes {ages.shape} and {real.shape}")
    if not (np.isfinite(real) & (real >= 0)).all():
        raise InputError("truth: expected ages from 0 in every row, some are missing, infinite or negative")
    if np.isinf(ages).any():
        raise InputError("estimate: expected ages, or NaN where there is none; some are infinite")
    if np.isnan(ages).all():
        raise InputError(f"estimate: expected ages, all {ages.size} are missing")
    return ages, real


def _edges(bands: Sequence[float], real: Floats) -> Floats:
    edges = np.asarray(bands, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or not (np.diff(edges) > 0).all():
        raise InputError(f"bands: expected two or more rising edges, got {list(bands)}")
    outside = (real < edges[0]) | (real >= edges[-1])
    if outside.any():
        raise InputError(
            f"truth: expected ages within the bands, {edges[0]:g} to below {edges[-1]:g}, got {real[outside][0]:g}"
        )
    return edges


def _labels(values: Sequence[Hashable] | NDArray[Any], n: int, name: str) -> NDArray[Any]:
    labels = np.asarray(values)
    if labels.shape != (n,):
        raise InputError(f"{name}: expected one for each of {n} pictures, got shape {labels.shape}")
    return labels


def _training(ages: ArrayLike) -> Floats:
    values = np.asarray(ages, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InputError("training_ages: expected the ages of the training set")
    return values


def _caveats(nobody: bool, failed: int, parts: list[AgeBand]) -> tuple[str, ...]:
    found = []
    if nobody:
        found.append("no person labels: every picture was taken for another person, intervals may be too short")
    if failed:
        found.append(f"{failed} pictures have no estimate and are in no mean")
    if few := [part.name for part in parts if part.people < FEW_PEOPLE]:
        found.append(f"fewer than {FEW_PEOPLE} people in {', '.join(few)}: too few to say much")
    return tuple(found)
