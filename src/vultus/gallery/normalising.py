"""Searches whose scores are taken relative to other people: the gallery's own, or a cohort.

Every person of the gallery is scored at every search, so it is for galleries of moderate size.
Thresholds of such scores were measured (`vultus.operating`), for cohorts of one size only.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vultus.errors import ContractMismatchError, InputError, InvalidVectorError, NotFoundError, OperatingPointError
from vultus.gallery import people
from vultus.gallery.live import Live
from vultus.gallery.records import Records
from vultus.gallery.values import Candidate
from vultus.metrics.cohort import gallery_t_norm, statistics
from vultus.types import EmbeddingContract, OperatingPoint, Vector, unit

__all__ = [
    "MOST_PEOPLE",
    "Cohort",
    "Normalise",
    "NormalisedTable",
    "Ranking",
    "Sides",
    "check_method",
    "need_table",
    "rank_by_cohort",
    "rank_by_gallery",
    "ranked_relative",
]

Normalise = Literal["none", "t", "s"]
Ranking = list[tuple[int, float, float]]  # row of a person, cosine, normalised score: the best first

MOST_PEOPLE = 100_000
_SAME = 0.9999  # cosine of an embedding with itself, stored twice
_CHUNK = 8192  # templates


@runtime_checkable
class NormalisedTable(Protocol):
    """Thresholds that know normalised scores; `vultus.operating.OperatingTable` is one."""

    def identify_normalised(
        self, method: Literal["t", "s"], fpir: float, templates: NDArray[np.int64]
    ) -> OperatingPoint:
        """templates: number of templates of each person in the gallery, (people,)."""
        ...

    def cohort_size(self) -> tuple[int, int]:
        """Pictures of the cohort, and how many of them nearest to each side."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """People who are not in the gallery, an embedding each, for adaptive S-norm.

    Should be like the people and pictures of the searches. Somebody who is enrolled as well
    lowers their own scores.
    """

    vectors: Vector  # (n, D), unit rows
    contract: str  # EmbeddingContract.id

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cohort:
        """Read an .npz with `embeddings`, (n, D), a person a row, and `contract`, their contract's id.

        Refused: no such file (NotFoundError), another file (InputError), NaN (InvalidVectorError).
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                vectors, contract = stored["embeddings"], str(stored["contract"])
        except FileNotFoundError as error:
            raise NotFoundError(f"expected a cohort at {path}, there is no such file") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{path}: expected an .npz with embeddings (n, D), a person a row, and contract, the id of their "
                f"embedding contract: {error}"
            ) from error
        if vectors.ndim != 2 or vectors.dtype.kind != "f":
            raise InvalidVectorError(f"{path}: expected embeddings (n, D), got {vectors.dtype} of {vectors.shape}")
        return cls(unit(vectors), contract)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what `load` reads."""
        np.savez(Path(path), embeddings=self.vectors, contract=np.array(self.contract))

    def drawn(self, size: int, contract: EmbeddingContract) -> Vector:
        """So many people, the same at each call.

        Refused: embeddings of another model (ContractMismatchError), too few people (InputError).
        """
        if self.contract != contract.id:
            raise ContractMismatchError(
                f"expected a cohort of embeddings of {contract.model} ({contract.id[:24]}…), got {self.contract[:24]}…"
            )
        if len(self.vectors) < size:
            raise InputError(
                f"expected a cohort of {size} people or more, for which the thresholds were measured, "
                f"got {len(self.vectors)}"
            )
        return self.vectors[np.random.default_rng(0).permutation(len(self.vectors))[:size]]


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """A gallery's templates against a cohort; holds for one revision."""

    revision: int
    cohort: Cohort
    vectors: Vector  # of the cohort, those drawn
    top: int
    ids: NDArray[np.int64]  # (n,), templates, rising
    means: NDArray[np.float64]  # (n,)
    deviations: NDArray[np.float64]

    @classmethod
    def of(cls, live: Live, cohort: Cohort, contract: EmbeddingContract, table: NormalisedTable) -> Sides:
        """Compare every template with the cohort.

        Refused: a cohort that does not fit (`Cohort.drawn`), one with a picture that is enrolled (InputError).
        """
        size, top = table.cohort_size()
        vectors = cohort.drawn(size, contract)
        ids, means, deviations = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0)]
        with live.index.blocks() as blocks:
            for block in blocks:
                for start in range(0, block.count, _CHUNK):
                    part = slice(start, min(start + _CHUNK, block.count))
                    scores = block.truth[part] @ vectors.T
                    if scores.max(initial=-1.0) > _SAME:
                        raise InputError("expected a cohort of other people, one of its pictures is enrolled here")
                    mean, deviation = statistics(scores, top)
                    ids.append(block.ids[part].copy())
                    means.append(mean)
                    deviations.append(deviation)
        every = np.concatenate(ids)
        order = np.argsort(every)
        return cls(
            live.revision,
            cohort,
            vectors,
            top,
            every[order],
            np.concatenate(means)[order],
            np.concatenate(deviations)[order],
        )


def check_method(method: str, cohort: Cohort | None) -> None:
    """Refused (InputError): an unknown method, "s" without a cohort, a cohort that nothing asks for."""
    if method not in ("none", "t", "s"):
        raise InputError(f"expected normalise none, t or s, got {method!r}")
    if (method == "s") != (cohort is not None):
        raise InputError("expected a cohort with normalise='s', and with it only")


def need_table(table: object) -> NormalisedTable:
    """Refused (OperatingPointError): thresholds that know no normalised scores."""
    if not isinstance(table, NormalisedTable):
        raise OperatingPointError(
            "these thresholds do not say what normalised scores stand for; search without normalisation"
        )
    return table


def ranked_relative(
    live: Live, connection: Records, probes: Vector, wanted: int, barred: Sequence[set[int]], sides: Sides | None
) -> list[tuple[tuple[Candidate, ...], tuple[Candidate, ...]]]:
    """The best people of each probe with their cosines, and the same with the scores that rank them.

    sides: for adaptive S-norm; None is the gallery's own T-norm. barred: who is left out for each
    probe; they stay among the people that it is compared with.
    """
    most = wanted + max((len(rows) for rows in barred), default=0)
    found = rank_by_gallery(live, probes, most) if sides is None else rank_by_cohort(live, probes, most, sides)
    kept = [[hit for hit in hits if hit[0] not in out][:wanted] for hits, out in zip(found, barred, strict=True)]
    names = people.labels(connection, {row for hits in kept for row, _, _ in hits})
    return [
        (
            tuple(Candidate(*names[row], cosine) for row, cosine, _ in hits),
            tuple(Candidate(*names[row], score) for row, _, score in hits),
        )
        for hits in kept
    ]


def rank_by_gallery(live: Live, probes: Vector, wanted: int) -> list[Ranking]:
    """The best people for each probe (q, D), by the gallery's own T-norm, which keeps the order of the cosines.

    Refused (InputError): more than 100,000 people, fewer than 3.
    """
    hits = live.index.search_people(probes, _count(live))
    normalised = gallery_t_norm(hits.scores)
    columns = (hits.people, hits.scores, normalised)
    return [
        list(zip(*(column[row, :wanted].tolist() for column in columns), strict=True)) for row in range(len(probes))
    ]


def rank_by_cohort(live: Live, probes: Vector, wanted: int, sides: Sides) -> list[Ranking]:
    """The best people for each probe, by the best adaptive S-norm of their templates.

    The cosine beside it is the best of theirs, too, and may be that of another template. Refused
    (InputError): more than 100,000 people.
    """
    _count(live)
    hits = live.index.search(probes, len(live.index))
    mean, deviation = statistics(probes @ sides.vectors.T, sides.top)
    place = np.searchsorted(sides.ids, hits.ids)
    scores = hits.scores.astype(np.float64)
    behind = (scores - sides.means[place]) / sides.deviations[place]
    normalised = (behind + (scores - mean[:, None]) / deviation[:, None]) / 2
    return [_best(*columns)[:wanted] for columns in zip(hits.people, scores, normalised, strict=True)]


def _best(owners: NDArray[np.int64], cosines: NDArray[np.float64], normalised: NDArray[np.float64]) -> Ranking:
    """One probe's people from its templates, which come by falling cosine."""
    rows, first = np.unique(owners, return_index=True)
    order = np.argsort(-normalised, kind="stable")  # NaN, no deviation, comes last
    _, top = np.unique(owners[order], return_index=True)
    best = normalised[order[top]]
    ranked = np.lexsort((rows, -cosines[first], -best))
    return list(zip(rows[ranked].tolist(), cosines[first][ranked].tolist(), best[ranked].tolist(), strict=True))


def _count(live: Live) -> int:
    count = len(live.counts)
    if count > MOST_PEOPLE:
        raise InputError(
            f"expected at most {MOST_PEOPLE:,} people for normalised scores, which compare every search with "
            f"everybody, got {count:,}; search without normalisation"
        )
    return count
