"""Thresholds with a birth certificate: which score stands for which error rate, and why.

A table is measured once a recogniser by `vultus calibrate` and shipped as data; no
threshold is typed anywhere. One against one, the threshold is read off the measured false
match rates. Against a gallery it follows the gallery: with N people of m_i templates each

    S = sum over people of m_i ** b * F,   b = 1 - overlap * F ** decay
    FPIR = 1 - (1 + S / clumping) ** -clumping

F is the false match rate of the threshold and S the people that a stranger's search
returns on average. More templates of a person add less than their number, since they are
alike (b), the less so the rarer the event; and false matches come in clumps, because some
strangers resemble many (a gamma mixture of Poisson counts). For small rates FPIR is S.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, OperatingPointError
from vultus.files import write_atomically
from vultus.metrics.evidence import LikelihoodRatio
from vultus.metrics.normalised import FUSION, Normalisation, NormalisedPoint, interpolate
from vultus.types import EmbeddingContract, OperatingPoint, Rate

__all__ = ["FOLDER_VARIABLE", "Check", "Growth", "Knot", "OperatingTable", "Pooling", "table_for"]

FOLDER_VARIABLE = "VULTUS_OPERATING_POINTS"  # a folder of own tables, looked into before the shipped ones
FORMAT = "vultus-operating-points-v1"

Templates = Sequence[int] | NDArray[np.integer[Any]]  # (people,), templates of each person


@dataclass(frozen=True, slots=True)
class Knot:
    """A point of the measured curve of false match rates."""

    score: float  # an impostor score that was observed
    accepted: int  # impostor comparisons at or above it
    low: float  # 95 % interval of the rate, by resampling people
    high: float


@dataclass(frozen=True, slots=True)
class Growth:
    """How false positives grow with the gallery; the letters of the module's formula."""

    clumping: float  # infinite: every stranger is like every other
    overlap: float  # 0: m templates are m times the risk
    decay: float
    templates: int  # most templates a person that the development people had


@dataclass(frozen=True, slots=True)
class Pooling:
    """How much likelier a mean of several pictures matches strangers than one picture.

    The false match rate of pooled probes is factor * F ** (1 - slope), and at least F.
    """

    factor: float
    slope: float
    pictures: int  # pooled into one probe when it was measured
    people: int  # who had as many


@dataclass(frozen=True, slots=True)
class Check:
    """A promise and what came of it: a threshold from one half of the people, tried on the other."""

    people: int
    templates: int
    target: float
    observed: Rate  # pooled over simulated galleries; searches of one stranger in several count each
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class OperatingTable:
    """What scores of one embedding contract stand for, and on what that was measured."""

    contract: str  # EmbeddingContract.id
    model: str
    precision: str  # arithmetic of the engine that made the embeddings
    data: str
    date: str
    command: str
    seed: int
    people: int
    pictures: int  # with a face; the curve rests on these
    failures: int  # pictures without, counted and left out of the curve
    impostors: int  # comparisons of different people
    knots: tuple[Knot, ...]  # by rising score
    tail: float  # beyond the last knot the rate falls e-fold over this much score
    growth: Growth
    pooling: Pooling | None
    checks: tuple[Check, ...] = ()
    likelihood: LikelihoodRatio | None = None  # None: the table was made before there was one
    normalised: tuple[NormalisedPoint, ...] = ()  # empty: normalised scores were not measured

    def __post_init__(self) -> None:
        scores = [knot.score for knot in self.knots]
        counts = [knot.accepted for knot in self.knots]
        rising = all(a < b for a, b in pairwise(scores))
        falling = all(a > b for a, b in pairwise(counts))
        if len(scores) < 2 or not rising or not falling or counts[-1] < 1 or counts[0] > self.impostors:
            raise OperatingPointError("expected knots of rising score and falling count, at least two")
        if not self.tail > 0 or not self.growth.clumping > 0 or not 0 <= self.growth.overlap <= 1:
            raise OperatingPointError("expected a positive tail and clumping, and an overlap in 0..1")

    @property
    def measurable(self) -> float:
        """The lowest FMR that the data can show, 30 errors in all comparisons or the last knot."""
        return max(30, self.knots[-1].accepted) / self.impostors

    def verify(self, fmr: float) -> OperatingPoint:
        """The threshold at which strangers pass one against one with rate `fmr`.

        `measured` is what the development data show at that score, between two measured
        points along the line that joins them; None where the target is extrapolated. Refused
        (OperatingPointError): a rate outside 0 to 0.5, and one so small that the threshold
        would lie above every cosine.
        """
        rate = _rate(fmr, "FMR")
        # Where the very count was measured, the observed score and not a value beside it.
        exact = [knot.score for knot in self.knots if knot.accepted == math.floor(rate * self.impostors)]
        score = exact[0] if exact else self._score_at(rate)
        return OperatingPoint(
            task="verify",
            metric="FMR",
            target=rate,
            threshold=score,
            contract=self.contract,
            fusion="single",
            people=1,
            templates=1.0,
            measured=None if rate < self.measurable else self._measured(score),
            extrapolated=rate < self.measurable,
            data=self.data,
            date=self.date,
        )

    def identify(self, fpir: float, templates: Templates) -> OperatingPoint:
        """The threshold at which a search of a stranger names somebody with rate `fpir`.

        templates: how many live templates each person of the gallery has; the score of a
        person is the best of them. People without templates cannot be named and are left
        out. `measured` is None, since no gallery of just this shape was searched: see
        `fpir_interval`, and `checks` for how such thresholds did on people who had no part in
        them. Refused (OperatingPointError): nobody to be named, a rate outside 0 to 0.5.
        """
        return self._against_gallery("identify", _rate(fpir, "FPIR"), templates)

    def track(self, fpir: float, templates: Templates) -> OperatingPoint:
        """The same for a probe that is the mean of several frames, as a video track gives.

        A mean lies nearer to everybody's than one picture does, so it asks for a higher
        threshold. Where the development people had too few pictures to measure by how
        much, the point is that of a single picture and is marked as extrapolated.
        """
        return self._against_gallery("track", _rate(fpir, "FPIR"), templates)

    def identify_normalised(self, method: Normalisation, fpir: float, templates: Templates) -> OperatingPoint:
        """The threshold of normalised scores for `fpir`: "t", the gallery's own T-norm, or "s", adaptive S-norm.

        It is no cosine. Unlike `identify` there is no formula behind it but only what simulated
        galleries showed, so it is taken between measured sizes and refused (OperatingPointError)
        beyond them. templates: as for `identify`; the mean counts. It is marked as extrapolated
        where somebody has more of them than anybody in those galleries, or where so many were
        measured in smaller galleries only. Where people have unequally many, the rate under "t"
        comes out lower than asked for (0.006 for 0.01 with 20 of 5 and 80 of 1).
        """
        rate = _rate(fpir, "FPIR")
        sizes, counts = _sizes(templates)
        people = int(counts.sum())
        if not people:
            raise OperatingPointError("expected at least one person with a template; an empty gallery names nobody")
        mean = float(sizes @ counts) / people
        found = interpolate(self.normalised, method, rate, people, mean)
        most = max(point.templates for point in self.normalised if point.method == method)
        return OperatingPoint(
            task="identify",
            metric="FPIR",
            target=rate,
            threshold=found.threshold,
            contract=self.contract,
            fusion=FUSION[method],
            people=people,
            templates=mean,
            measured=found.observed if sizes.size == 1 else None,
            extrapolated=found.extrapolated or bool(sizes[-1] > most),
            data=self.data,
            date=self.date,
        )

    def cohort_size(self) -> tuple[int, int]:
        """Pictures of the cohort, and how many of them on each side, that thresholds of "s" hold for.

        Refused (OperatingPointError): they were not measured.
        """
        for point in self.normalised:
            if point.method == "s":
                return point.cohort, point.top
        raise OperatingPointError(
            f"no thresholds were measured for {FUSION['s']}; search without normalisation, or calibrate on more people"
        )

    def fmr_at(self, score: float) -> float:
        """The false match rate that a score stands for, between the measured points.

        Never below 3 / comparisons, the 95 % bound when none of them passed: a higher score
        does not make the data say more.
        """
        return float(max(self._fmr(score), min(3 / self.impostors, 1.0)))

    def predicted_fpir(self, threshold: float, templates: Templates, *, pooled: bool = False) -> float:
        """FPIR to expect of a threshold against this gallery; 0 when nobody can be named."""
        sizes, counts = _sizes(templates)
        rate = self._fmr(threshold)
        return self._named(sizes, counts, self._pool(rate) if pooled else rate)

    def fpir_interval(self, threshold: float, templates: Templates, *, pooled: bool = False) -> tuple[float, float]:
        """95 % interval of the predicted FPIR as far as the choice of development people goes."""
        sizes, counts = _sizes(templates)
        measured = self._measured(threshold)
        low, high = (
            self._named(sizes, counts, self._pool(rate) if pooled else rate) for rate in (measured.low, measured.high)
        )
        return low, high

    def save(self, path: Path) -> None:
        """Write the table as JSON, whole or not at all."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(path, (text + "\n").encode())

    @classmethod
    def load(cls, path: Path | Traversable) -> Self:
        """Read a saved table. Refused (OperatingPointError): no such file, not a table, damaged."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw.pop("format") != FORMAT:
                raise OperatingPointError(f"{path}: expected a table of format {FORMAT}; calibrate again")
            raw["knots"] = tuple(Knot(**knot) for knot in raw["knots"])
            raw["growth"] = Growth(**raw["growth"])
            raw["pooling"] = None if raw["pooling"] is None else Pooling(**raw["pooling"])
            raw["checks"] = tuple(Check(**{**check, "observed": Rate(**check["observed"])}) for check in raw["checks"])
            raw["likelihood"] = LikelihoodRatio.of(raw["likelihood"]) if raw.get("likelihood") else None
            raw["normalised"] = tuple(
                NormalisedPoint(**{**point, "observed": Rate(**point["observed"])})
                for point in raw.get("normalised", ())
            )
            return cls(**raw)
        except OSError as error:
            raise OperatingPointError(f"could not read the operating points in {path}: {error.strerror}") from error
        except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise OperatingPointError(f"{path} is not a table of operating points: {error!r}") from error

    def _against_gallery(self, task: Literal["identify", "track"], fpir: float, templates: Templates) -> OperatingPoint:
        sizes, counts = _sizes(templates)
        people = int(counts.sum())
        if not people:
            raise OperatingPointError("expected at least one person with a template; an empty gallery names nobody")
        rate = self._fmr_for(fpir, sizes, counts)
        if task == "track" and self.pooling is not None:
            rate = min(rate, (rate / self.pooling.factor) ** (1 / (1 - self.pooling.slope)))
        return OperatingPoint(
            task=task,
            metric="FPIR",
            target=fpir,
            threshold=self._score_at(rate),
            contract=self.contract,
            fusion="max",
            people=people,
            templates=float(sizes @ counts) / people,
            measured=None,
            extrapolated=rate < self.measurable or (task == "track" and self.pooling is None),
            data=self.data,
            date=self.date,
        )

    def _fmr_for(self, fpir: float, sizes: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
        """The false match rate at which the formula gives `fpir`, by halving its logarithm."""
        low, high = math.log(fpir / float(sizes @ counts)) - 1, 0.0
        if self._named(sizes, counts, 1.0) <= fpir:
            return 1.0
        for _ in range(60):
            middle = (low + high) / 2
            if self._named(sizes, counts, math.exp(middle)) <= fpir:
                low = middle
            else:
                high = middle
        return math.exp(low)

    def _named(self, sizes: NDArray[np.float64], counts: NDArray[np.float64], rate: float) -> float:
        exponent = 1 - self.growth.overlap * rate**self.growth.decay
        expected = float(counts @ sizes**exponent) * rate
        if math.isinf(self.growth.clumping):
            return -math.expm1(-expected)
        return -math.expm1(-self.growth.clumping * math.log1p(expected / self.growth.clumping))

    def _pool(self, rate: float) -> float:
        if self.pooling is None:
            return rate
        return float(min(max(rate, self.pooling.factor * rate ** (1 - self.pooling.slope)), 1.0))

    def _fmr(self, score: float) -> float:
        if math.isnan(score):
            raise OperatingPointError("expected a score, got NaN")
        scores, rates = self._curve()
        if score <= scores[0]:
            return 1.0
        if score > scores[-1]:
            return float(math.exp(rates[-1] - (score - scores[-1]) / self.tail))
        return float(math.exp(np.interp(score, scores, rates)))

    def _score_at(self, rate: float) -> float:
        """The score whose false match rate is `rate`: between knots along the logarithm."""
        scores, rates = self._curve()
        wanted = math.log(rate)
        if wanted < rates[-1]:
            score = float(scores[-1] + self.tail * (rates[-1] - wanted))
        else:
            score = float(np.interp(-wanted, -rates, scores))
        if score > 1:
            raise OperatingPointError(
                f"no cosine stands for a false match rate of {rate:.1e}: {self.impostors:,} comparisons show "
                f"{self.measurable:.1e} at least; ask for a higher error rate or calibrate on more people"
            )
        return score

    def _curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        scores = np.array([knot.score for knot in self.knots])
        rates = np.log(np.array([knot.accepted for knot in self.knots]) / self.impostors)
        return scores, rates

    def _measured(self, score: float) -> Rate:
        """Rate at a score with the interval of its neighbours; beyond the data the last one's, moved along."""
        rate = self._fmr(score)
        scores, rates = self._curve()
        shares = np.exp(rates)
        low = np.interp(score, scores, np.array([knot.low for knot in self.knots]) / shares)
        high = np.interp(score, scores, np.array([knot.high for knot in self.knots]) / shares)
        return Rate(round(rate * self.impostors), self.impostors, rate * float(low), min(rate * float(high), 1.0))


def table_for(contract: EmbeddingContract, folder: Path | None = None) -> OperatingTable:
    """The operating points of a recogniser: own ones first, then those that vultus brings.

    folder: tables of one's own, as `vultus calibrate` writes them; without it the folder
    that `VULTUS_OPERATING_POINTS` names. Of several for one contract the newest is taken.
    Refused (OperatingPointError): a contract that nobody has calibrated, a damaged table.

    >>> table_for(EmbeddingContract("my-net", "0" * 64, 512))
    Traceback (most recent call last):
        ...
    vultus.errors.OperatingPointError: no thresholds are known for my-net (contract vultus-emb-v1:...
    """
    own = folder or (Path(os.environ[FOLDER_VARIABLE]) if os.environ.get(FOLDER_VARIABLE) else None)
    places: list[Path | Traversable] = [] if own is None else [own]
    places.append(resources.files("vultus") / "operating_points")
    for place in places:
        if not place.is_dir():
            if place is own:
                raise OperatingPointError(f"expected a folder of operating points, {own} is none")
            continue
        files = sorted((file for file in place.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
        fitting = [table for table in map(OperatingTable.load, files) if table.contract == contract.id]
        if fitting:
            return max(fitting, key=lambda table: table.date)
    raise OperatingPointError(
        f"no thresholds are known for {contract.model} (contract {contract.id[:24]}…); measure them on pictures of "
        "known people with `vultus calibrate`"
    )


def _rate(value: float, metric: str) -> float:
    if not 0 < value <= 0.5:
        raise OperatingPointError(f"expected a {metric} above 0 and up to 0.5, got {value}")
    return float(value)


def _sizes(templates: Templates) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The numbers of templates that occur, and how many people have each."""
    each = np.asarray(templates)
    if each.size and (each.ndim != 1 or each.dtype.kind not in "iu" or each.min() < 0):
        raise OperatingPointError("expected a whole number of templates, 0 or more, for each person")
    sizes, counts = np.unique(each[each > 0], return_counts=True)
    return sizes.astype(np.float64), counts.astype(np.float64)
