"""Files of scores: of verification, identification, attacks on a matcher and liveness.

A score is a similarity (of liveness: how much it looks bona fide), higher = more; where a
file holds distances every reader takes `negate=True`, and refuses it otherwise by what it
sees. `nan` is a comparison that gave no score. Errors name file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.datasets.tables import booleans, chunks, columns
from vultus.datasets.tables import scores as numbers
from vultus.errors import InputError, NotFoundError
from vultus.metrics.bands import Sides
from vultus.metrics.caveats import ascending, refuse_distances
from vultus.metrics.liveness import Presentations
from vultus.metrics.vulnerability import Comparisons

__all__ = [
    "VULNERABILITY",
    "PairScores",
    "SearchScores",
    "VulnerabilityScores",
    "iterate_pairs",
    "read_liveness",
    "read_pairs",
    "read_searches",
    "read_vulnerability",
]

VULNERABILITY = ("bio_ref_subject_id", "probe_subject_id", "probe_key", "probe_attack_type", "score")
PAIRS = ("score", "same")
LIVENESS = ("species", "score")


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """Scores of pairs and whether each shows one person."""

    scores: NDArray[np.float64]  # (n,)
    same: NDArray[np.bool_]  # (n,)
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SearchScores:
    """Scores of searches against enrolled people."""

    scores: NDArray[np.float64]  # (searches, people)
    mates: NDArray[np.int64]  # (searches,), column of the right person; -1: a stranger
    people: tuple[str, ...]  # (people,), names of the columns
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class VulnerabilityScores:
    """One split of a vulnerability study."""

    comparisons: Comparisons
    caveats: tuple[str, ...] = ()


def read_vulnerability(file: Path, *, negate: bool = False, check_direction: bool = True) -> VulnerabilityScores:
    """Read the five-column file of a vulnerability study.

    Columns, in this order: bio_ref_subject_id, probe_subject_id, probe_key, probe_attack_type,
    score. A row without attack type is licit, and genuine when both people are the same; one
    with it is an attack of that species. check_direction=False lets scores pass whose genuine
    mean lies below the impostors' (a control with shuffled labels). Refused: no such file
    (NotFoundError), a file that does not hold this, no genuine row, fewer than two
    zero-effort impostors, distances (InputError).
    """
    whole = columns(file, VULNERABILITY)
    reference, probe, key, species = (np.array(whole[name]) for name in VULNERABILITY[:4])
    for name, cells in (("bio_ref_subject_id", reference), ("probe_subject_id", probe)):
        empty = np.flatnonzero(cells == "")
        if empty.size:
            raise InputError(f"{file}, line {int(empty[0]) + 2}, column {name}: expected who it is, got nothing")
    values = _turned(numbers(file, whole["score"], "score"), negate)
    licit = species == ""
    genuine = licit & (reference == probe)
    zei = licit & ~genuine
    if not genuine.any() or zei.sum() < 2:
        raise InputError(
            f"{file}, column probe_attack_type: expected genuine rows (no attack type, both people the same) and two "
            f"or more zero-effort impostors, got {int(genuine.sum())} and {int(zei.sum())}"
        )
    if check_direction:
        refuse_distances(ascending(values[genuine], "genuine")[0], ascending(values[zei], "impostor")[0], str(file))
    kinds = np.unique(species[~licit]).tolist()

    def people(rows: NDArray[np.bool_]) -> Sides:
        return reference[rows], probe[rows]

    again = values.size - len(set(zip(reference.tolist(), probe.tolist(), key.tolist(), species.tolist(), strict=True)))
    caveats = [] if not again else [f"{again:,} of {values.size:,} rows bear the ids of another row: duplicates?"]
    if not kinds:
        caveats.append("no attack rows: there is no IAPMR")
    comparisons = Comparisons(
        values[genuine],
        values[zei],
        {kind: values[species == kind] for kind in kinds},
        people(genuine),
        people(zei),
        {kind: people(species == kind) for kind in kinds},
    )
    return VulnerabilityScores(comparisons, tuple(caveats))


def read_pairs(file: Path, *, negate: bool = False, check_direction: bool = True) -> PairScores:
    """Read scores of pairs: columns score and same (1 or 0).

    Refused: as `read_vulnerability`, and pairs of one kind only (InputError).
    """
    parts = list(iterate_pairs(file, negate=negate))
    if not parts:
        raise InputError(f"{file}: expected rows below the header, got none")
    values = np.concatenate([part.scores for part in parts])
    same = np.concatenate([part.same for part in parts])
    if same.all() or not same.any():
        kind = "1" if same.all() else "0"
        raise InputError(
            f"{file}, column same: expected pairs of both kinds, got {kind} in every one of {same.size} rows"
        )
    if check_direction:
        refuse_distances(ascending(values[same], "genuine")[0], ascending(values[~same], "impostor")[0], str(file))
    return PairScores(values, same)


def iterate_pairs(file: Path, *, negate: bool = False, rows: int = 1 << 20) -> Iterator[PairScores]:
    """The same in chunks, for files that memory does not hold; direction and kinds are not checked."""
    for line, part in chunks(file, PAIRS, rows):
        values = _turned(numbers(file, part["score"], "score", line), negate)
        yield PairScores(values, booleans(file, part["same"], "same", line))


def read_liveness(file: Path, *, negate: bool = False, check_direction: bool = True) -> Presentations:
    """Read scores of presentations: columns species (empty: bona fide) and score.

    Refused: as `read_vulnerability`, and presentations of one kind only (InputError).
    """
    whole = columns(file, LIVENESS)
    species = np.array(whole["species"])
    values = _turned(numbers(file, whole["score"], "score"), negate)
    real = species == ""
    if real.all() or not real.any():
        kind = "an attack" if not real.any() else "bona fide"
        raise InputError(f"{file}, column species: expected bona fide rows (empty) and attacks, every row is {kind}")
    if check_direction:
        refuse_distances(ascending(values[real], "bona fide")[0], ascending(values[~real], "attack")[0], str(file))
    kinds = np.unique(species[~real]).tolist()
    return Presentations(values[real], {kind: values[species == kind] for kind in kinds})


def read_searches(
    file: Path, mates: Path | None = None, *, negate: bool = False, check_direction: bool = True
) -> SearchScores:
    """Read a score matrix, a row a search and a column an enrolled person.

    CSV: a header `probe,NAME,NAME,...`; each row begins with who it is, and one whose name is
    no column is a stranger. NPY: the matrix (searches, people), and beside it `mates`, an NPY
    of each row's column, -1 for a stranger. Refused: no such file (NotFoundError), a name
    twice in the header, no searches or nobody enrolled, shapes that do not fit, distances
    (InputError).
    """
    if file.suffix.lower() == ".npy":
        if mates is None:
            raise InputError(
                f"{file}: expected a file of mates beside a matrix in NPY (each row's column, -1: stranger)"
            )
        values, own = _load(file), _load(mates)
        if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
            raise InputError(f"{file}: expected floats (searches, people), got {values.dtype} {values.shape}")
        if own.shape != values.shape[:1] or not np.issubdtype(own.dtype, np.integer):
            raise InputError(f"{mates}: expected {len(values)} whole numbers, got {own.dtype} {own.shape}")
        names = tuple(str(at) for at in range(values.shape[1]))
        own = own.astype(np.int64)
    else:
        values, own, names = _matrix(file)
    values = _turned(values.astype(np.float64), negate)
    if not values.size:
        raise InputError(f"{file}: expected searches against enrolled people, got {values.shape}")
    if not -1 <= own.min() <= own.max() < len(names):
        raise InputError(f"{mates or file}: expected mates in -1..{len(names) - 1}, got {own.min()}..{own.max()}")
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values).any(axis=1))[0])
        raise InputError(f"{file}, search {row + 1}: expected finite scores, got infinity; write nan for none")
    known = np.flatnonzero(own >= 0)
    if check_direction and known.size:
        right = np.zeros(values.shape, dtype=bool)
        right[known, own[known]] = True
        refuse_distances(ascending(values[right], "mate")[0], ascending(values[~right], "non-mate")[0], str(file))
    caveats = []
    if not known.size:
        caveats.append("every search is a stranger's: there is no FNIR")
    if known.size == len(values):
        caveats.append("no search is a stranger's: there is no FPIR")
    return SearchScores(values, own, names, tuple(caveats))


def _matrix(file: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]:
    try:
        with file.open(encoding="utf-8-sig") as lines:
            header = [cell.strip() for cell in lines.readline().rstrip("\r\n").split(",")]
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"expected a CSV file at {file}: {error}") from error
    names = tuple(header[1:])
    if header[0] != "probe" or not names or len(set(names)) != len(names) or "" in names:
        raise InputError(f"{file}, line 1: expected the header probe,NAME,NAME,... with each name once")
    place: Mapping[str, int] = {name: at for at, name in enumerate(names)}
    parts, own = [], []
    for line, part in chunks(file, header, rows=max((1 << 20) // len(header), 1)):
        parts.append(np.stack([numbers(file, part[name], name, line) for name in names], axis=1))
        own += [place.get(name, -1) for name in part["probe"]]
    if not parts:
        raise InputError(f"{file}: expected rows below the header, got none")
    return np.concatenate(parts), np.array(own, dtype=np.int64), names


def _load(file: Path) -> NDArray[Any]:
    try:
        found = np.load(file, allow_pickle=False)
    except OSError as error:
        raise NotFoundError(f"expected an NPY file at {file}: {error}") from error
    except ValueError as error:
        raise InputError(f"{file}: expected an array in NPY format: {error}") from error
    if not isinstance(found, np.ndarray):
        raise InputError(f"{file}: expected one array in NPY format, got an archive of several")
    return found


def _turned(values: NDArray[np.float64], negate: bool) -> NDArray[np.float64]:
    return -values if negate else values
