"""The rows of an index, in blocks of bounded size that grow, shrink and move without copies of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.gallery.quantise import Codes

__all__ = ["BLOCK", "Block", "Rows", "Stretch"]

BLOCK = 65_536  # most rows in a block: 8 MB of codes and 32 MB of truth in 128 dimensions
_FIRST = 256  # rows that a block begins with

Column = NDArray[Any]


@dataclass(slots=True, eq=False)
class Block:
    """Up to BLOCK rows; the first `count` are in use."""

    count: int
    ids: NDArray[np.int64]
    people: NDArray[np.int64]
    truth: NDArray[np.float32]  # (capacity, D)
    coded: Codes | None
    mapped: bool = False  # the truth lies in a file: its pages come and go, what we write to them stays ours

    @classmethod
    def empty(cls, capacity: int, dimension: int, *, coded: bool) -> Block:
        """A block in memory, no row in use."""
        return cls(
            0,
            np.zeros(capacity, dtype=np.int64),
            np.zeros(capacity, dtype=np.int64),
            np.zeros((capacity, dimension), dtype=np.float32),
            Codes(
                np.zeros((capacity, dimension), dtype=np.int8),
                np.zeros(capacity, dtype=np.float32),
                np.zeros(capacity, dtype=np.float32),
            )
            if coded
            else None,
        )

    @property
    def capacity(self) -> int:
        return len(self.ids)

    @property
    def codes(self) -> Codes:
        """The rows as bytes, in an index that keeps them."""
        if self.coded is None:
            raise ValueError("this block was made without codes")
        return self.coded

    @property
    def columns(self) -> tuple[Column, ...]:
        """Everything that belongs to a row, each of length `capacity`."""
        kept: tuple[Column, ...] = (self.ids, self.people, self.truth)
        if self.coded is None:
            return kept
        return (*kept, self.coded.codes, self.coded.scales, self.coded.rests)

    def write(self, where: slice | NDArray[np.intp], values: Sequence[Column]) -> None:
        """Put values, one array a column, into the rows `where`."""
        for column, new in zip(self.columns, values, strict=True):
            column[where] = new

    def wipe(self, count: int) -> None:
        """Keep the first `count` rows and overwrite the others, so that no erased face waits in memory.

        The truth of a mapped block is left: it is in the file as well, and zeros would take memory.
        """
        for column in self.columns:
            if not (self.mapped and column is self.truth):
                column[count : self.count] = 0
        self.count = count


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Neighbouring rows of one block."""

    block: Block
    start: int
    stop: int


class Rows:
    """Rows in the order of arrival, except that the last ones fill the place of those taken out.

    Not safe for threads by itself; the index holds the lock.
    """

    def __init__(self, dimension: int, *, coded: bool) -> None:
        self.dimension = dimension
        self.coded = coded
        self.blocks: list[Block] = []
        self._highest: int | None = None  # no id is above it

    def __len__(self) -> int:
        return sum(block.count for block in self.blocks)

    def adopt(self, block: Block) -> None:
        """Add a block as it is, full of rows whose ids are new."""
        self.blocks.append(block)
        self._raise_highest(block.ids[: block.count])

    def append(self, values: Sequence[Column]) -> None:
        """Add rows, one array a column in the order of `Block.columns`."""
        done, total = 0, len(values[0])
        while done < total:
            block = self._room(total - done)
            take = min(total - done, block.capacity - block.count)
            block.write(slice(block.count, block.count + take), [value[done : done + take] for value in values])
            block.count += take
            done += take
        self._raise_highest(values[0])

    def known(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the ids that are there already."""
        if self._highest is None or (len(ids) and int(ids.min()) > self._highest):
            return ids[:0]  # ids that rise, as a database gives them, cost no look
        return np.concatenate([block.ids[found] for block, found in self._find(ids)] or [ids[:0]])

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Take rows out and close the gaps with the last rows; how many there were."""
        starts = self._starts()
        gone = np.sort(np.concatenate([found + starts[at] for at, found in self._found(ids)] or [np.zeros(0, np.intp)]))
        if not len(gone):
            return 0
        left = int(starts[-1]) - len(gone)
        gaps = gone[gone < left]
        last = np.setdiff1d(np.arange(left, int(starts[-1])), gone, assume_unique=True)
        self._move(last, gaps, starts)
        for block, start in zip(self.blocks, starts.tolist(), strict=False):
            if start + block.count > left:
                block.wipe(max(left - start, 0))
        self.blocks = [block for block in self.blocks if block.count]
        return len(gone)

    def reassign(self, ids: NDArray[np.int64], person: int) -> int:
        """Give rows to another person; how many there were."""
        moved = 0
        for block, found in self._find(ids):
            block.people[found] = person
            moved += len(found)
        return moved

    def stretches(self, size: int) -> Iterator[Stretch]:
        """All rows, at most `size` at once."""
        for block in self.blocks:
            for start in range(0, block.count, size):
                yield Stretch(block, start, min(start + size, block.count))

    def _raise_highest(self, ids: NDArray[np.int64]) -> None:
        if len(ids):
            top = int(ids.max())
            self._highest = top if self._highest is None else max(self._highest, top)

    def _room(self, wanted: int) -> Block:
        """The last block, with room in it."""
        last = self.blocks[-1] if self.blocks else None
        if last is not None and last.count < last.capacity:
            return last
        if last is None or last.mapped or last.capacity >= BLOCK:
            fresh = Block.empty(min(BLOCK, max(_FIRST, wanted)), self.dimension, coded=self.coded)
            self.blocks.append(fresh)
            return fresh
        wider = Block.empty(min(BLOCK, max(2 * last.capacity, last.count + wanted)), self.dimension, coded=self.coded)
        wider.write(slice(0, last.count), [column[: last.count] for column in last.columns])
        wider.count = last.count
        self.blocks[-1] = wider
        return wider

    def _starts(self) -> NDArray[np.intp]:
        """Number of rows before each block, and of all."""
        return np.cumsum([0, *(block.count for block in self.blocks)], dtype=np.intp)

    def _found(self, ids: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Block by number, and which of its rows have one of the ids; blocks without any are left out."""
        for at, block in enumerate(self.blocks):
            held = block.ids[: block.count]
            found = np.flatnonzero(held == ids[0] if len(ids) == 1 else np.isin(held, ids))
            if len(found):
                yield at, found

    def _find(self, ids: NDArray[np.int64]) -> Iterator[tuple[Block, NDArray[np.intp]]]:
        return ((self.blocks[at], found) for at, found in self._found(ids))

    def _move(self, sources: NDArray[np.intp], targets: NDArray[np.intp], starts: NDArray[np.intp]) -> None:
        """Copy rows to other places, both counted over all blocks."""
        if not len(sources):
            return
        out = np.searchsorted(starts, sources, side="right") - 1
        into = np.searchsorted(starts, targets, side="right") - 1
        # a block may be both ends; gaps lie below `left` and sources above, so no row is read after it was written
        for at in np.unique(out):
            for to in np.unique(into[out == at]):
                both = (out == at) & (into == to)
                rows = sources[both] - starts[at]
                self.blocks[to].write(targets[both] - starts[to], [column[rows] for column in self.blocks[at].columns])
