"""Exact nearest templates and people, in memory.

A search looks at every row, quickly and roughly, with a proven bound on the roughness; the few
rows that could be among the best are then scored again from the float32 vectors. The answer is
that of the full comparison, ties and all (proof in `passes`): no recall to lose, no tombstones,
and what was removed is gone for the next search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vultus.errors import InputError, InvalidVectorError
from vultus.gallery.crew import Crew, usable_cores
from vultus.gallery.passes import bytes_pass, float_pass, settle
from vultus.gallery.quantise import codes_of, has_fast_dots
from vultus.gallery.race import Race
from vultus.gallery.rows import BLOCK, Block, Rows
from vultus.gallery.turns import Turns
from vultus.types import Vector

__all__ = ["ExactIndex", "Hits", "Precision"]

Precision = Literal["int8", "fp32"]

_LEAST = 4096  # rows that are worth a thread
_SMALL = 20_000  # rows below which one float32 product is as quick as bytes (benchmarks/search.py --sweep)
_BATCH = 8  # queries from which one float32 matrix product is quicker than bytes one by one
_MOST = 64  # queries in one matrix product


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The best m rows of each of q queries: score descending, then by rising id."""

    ids: NDArray[np.int64]  # (q, m), templates
    people: NDArray[np.int64]  # (q, m)
    scores: NDArray[np.float32]  # (q, m), cosine
    rescored: NDArray[np.int64]  # (q,), rows that the rough pass left to be scored from the truth


class ExactIndex:
    """Templates, the people they belong to, and the exact best of them for a query.

    Any number of threads may search; a change waits for the searches that run, holds back those
    that come, and is visible to all that start after it. (Only one thread or process may decide
    on changes; that is the store's affair.)

    dimension: of the vectors, 1 or more.
    precision: "int8" keeps bytes beside the float32 rows and reads a quarter of the memory at a
    search; "fp32" does without. The answers are the same. Where no fast byte products are
    installed, "int8" becomes "fp32"; `precision` tells which it is. There is no fp16: its kernels
    sum in fp16 on some CPUs, so the bound cannot be proven, and they read twice the memory of bytes.
    threads: at most so many share a search; None: as many as the process may use, up to 8.

    >>> index = ExactIndex(2)
    >>> index.add([7, 8, 9], [1, 1, 2], np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32))
    >>> found = index.search_people(np.array([0.8, 0.6], dtype=np.float32), 5)
    >>> found.people.tolist(), found.ids.tolist(), found.scores.tolist()
    ([[1, 2]], [[8, 9]], [[0.9600..., 0.6000...]])
    """

    def __init__(self, dimension: int, precision: Precision = "int8", *, threads: int | None = None) -> None:
        if dimension < 1:
            raise InputError(f"expected a dimension of 1 or more, got {dimension}")
        if precision not in ("int8", "fp32"):
            raise InputError(f"expected precision int8 or fp32, got {precision!r}")
        if threads is not None and threads < 1:
            raise InputError(f"expected 1 thread or more, got {threads}")
        self.dimension = dimension
        self.precision: Precision = precision if has_fast_dots(dimension) else "fp32"
        self.threads = threads or usable_cores()
        self._rows = Rows(dimension, coded=self.precision == "int8")
        self._turns = Turns()
        self._crew = Crew(self.threads)

    def adopt(self, blocks: Sequence[Block]) -> None:
        """Take over rows that are laid out already and not in the index, as a snapshot gives them."""
        with self._turns.writing():
            for block in blocks:
                self._rows.adopt(block)

    def __len__(self) -> int:
        """Number of templates."""
        return len(self._rows)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory; a mapped truth is not counted (`mapped_nbytes`)."""
        with self.blocks() as blocks:
            return sum(
                column.nbytes
                for block in blocks
                for column in block.columns
                if not (block.mapped and column is block.truth)
            )

    @property
    def mapped_nbytes(self) -> int:
        """Bytes of float32 rows that lie in a file and are read where a search needs them."""
        with self.blocks() as blocks:
            return sum(block.truth.nbytes for block in blocks if block.mapped)

    @property
    def ids(self) -> NDArray[np.int64]:
        """All template ids, in the index's own order: (n,), a copy."""
        with self.blocks() as blocks:
            return np.concatenate([np.zeros(0, np.int64), *(block.ids[: block.count] for block in blocks)])

    @property
    def people(self) -> NDArray[np.int64]:
        """The person of each of `ids`: (n,), a copy."""
        with self.blocks() as blocks:
            return np.concatenate([np.zeros(0, np.int64), *(block.people[: block.count] for block in blocks)])

    @contextmanager
    def blocks(self) -> Iterator[list[Block]]:
        """The rows as they lie, for as long as a `with` holds them; changes wait meanwhile."""
        with self._turns.reading():
            yield self._rows.blocks

    def add(self, ids: ArrayLike, people: ArrayLike, vectors: Vector) -> None:
        """Add templates; all of them or, when one is refused, none.

        ids: (n,) whole numbers, new to the index. people: (n,). vectors: (n, D) float32 of unit length.
        Refused (InvalidVectorError): an id that is there already or comes twice, counts that
        differ, another dimension, NaN or infinity, a length further than 0.001 from 1.
        """
        rows = self._checked(vectors)
        numbers, owners = _whole("ids", ids), _whole("people", people)
        if not len(numbers) == len(owners) == len(rows):
            raise InvalidVectorError(
                f"expected as many ids and people as vectors, got {len(numbers)}, {len(owners)} and {len(rows)}"
            )
        if not len(rows):
            return
        if len(np.unique(numbers)) < len(numbers):
            raise InvalidVectorError("expected every id once, one comes twice in this call")
        values: tuple[NDArray[Any], ...] = (numbers, owners, rows)
        if self.precision == "int8":
            coded = codes_of(rows)
            values = (*values, coded.codes, coded.scales, coded.rests)
        with self._turns.writing():
            known = self._rows.known(numbers)
            if len(known):
                raise InvalidVectorError(f"expected new ids, template {int(known[0])} is in the index; remove it first")
            self._rows.append(values)

    def remove(self, ids: ArrayLike) -> int:
        """Take templates out; how many were there. Ids that are not there are passed over."""
        gone = _whole("ids", ids)
        if not len(gone):
            return 0
        with self._turns.writing():
            return self._rows.remove(gone)

    def reassign(self, ids: ArrayLike, person: int) -> int:
        """Give templates to another person; how many were there."""
        moved = _whole("ids", ids)
        if not len(moved):
            return 0
        with self._turns.writing():
            return self._rows.reassign(moved, person)

    def search(self, queries: Vector, k: int) -> Hits:
        """The k best templates of each query, or all where there are fewer: exact.

        queries: (q, D) or (D,), float32 of unit length.
        Refused: k < 1 (InputError); another dimension, NaN, infinity, a length further than 0.001
        from 1 (InvalidVectorError).
        """
        return self._search(queries, k, by_person=False)

    def search_people(self, queries: Vector, k: int) -> Hits:
        """The k best people of each query by their best template, or all where there are fewer: exact.

        Ties go to the lower person id; `ids` names the deciding template, the lowest id among
        equals. Arguments and refusals as for `search`.
        """
        return self._search(queries, k, by_person=True)

    def _search(self, queries: Vector, k: int, *, by_person: bool) -> Hits:
        if k < 1:
            raise InputError(f"expected k of 1 or more, got {k}")
        asked = self._checked(queries)
        with self._turns.reading():
            rows = self._rows
            races = [Race(k, by_person=by_person) for _ in asked]
            if self.precision == "int8" and len(rows) > _SMALL and len(asked) < _BATCH:
                size = min(BLOCK, max(_LEAST, -(-len(rows) // self.threads)))
                for query, race in zip(asked, races, strict=True):
                    self._crew.each(bytes_pass(query, race), rows.stretches(size))
            else:
                for start in range(0, len(asked), _MOST):
                    look = float_pass(asked[start : start + _MOST], races[start : start + _MOST])
                    for stretch in rows.stretches(BLOCK):  # BLAS brings its own threads
                        look(stretch)
            found = [settle(query, race) for query, race in zip(asked, races, strict=True)]
        if not found:
            none = np.zeros((0, 0), np.int64)
            return Hits(none, none, none.astype(np.float32), np.zeros(0, np.int64))
        ids, people, scores = (np.stack(column) for column in zip(*(hits[:3] for hits in found), strict=True))
        return Hits(ids, people, scores, np.array([hits[3] for hits in found], dtype=np.int64))

    def _checked(self, vectors: Vector) -> Vector:
        """Rows of unit length, (n, D)."""
        given = np.asarray(vectors)
        with np.errstate(over="ignore"):
            rows = np.ascontiguousarray(given[None] if given.ndim == 1 else given, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dimension:
            raise InvalidVectorError(f"expected vectors of dimension {self.dimension}, got shape {given.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("nd,nd->n", rows, rows)
        # NaN and infinity fail this comparison too
        if not np.all(np.abs(squares - 1) <= 2e-3):
            raise InvalidVectorError("expected vectors of unit length, got NaN, infinity or another length; use unit()")
        return rows


def _whole(name: str, numbers: ArrayLike) -> NDArray[np.int64]:
    """Whole numbers as (n,) int64."""
    given = np.asarray(numbers)
    if given.size == 0:
        given = given.astype(np.int64)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise InvalidVectorError(
            f"expected {name} as a list of whole numbers, got {given.dtype} of shape {given.shape}"
        )
    return given.astype(np.int64)
