"""The vectors in memory, in step with the database at every search.

Other processes write to the same gallery, so each search first asks the database for its
revision, inside the read transaction in which it also looks up the names, and applies what
changed since. (`PRAGMA data_version` would answer the same question without reading a row;
it saves nothing here, and it stays silent about our own commits.)
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError, InvalidVectorError, VultusError
from vultus.gallery import stored
from vultus.gallery.exact import ExactIndex
from vultus.gallery.records import Records
from vultus.gallery.sealed_snapshot import open_sealed, write_sealed
from vultus.gallery.sealing import Unsealable
from vultus.gallery.snapshot import Snapshot, Unusable, discard_snapshot, open_snapshot, write_snapshot
from vultus.types import Vector

__all__ = ["Live", "Marks"]

log = logging.getLogger("vultus.gallery")

Ids = NDArray[np.int64]
_LITTLE = np.dtype("<f4")
_CHUNK = 50_000  # changes that are caught up with one by one
_LOGGED = 10_000  # revisions that stay in the log after a snapshot, for processes that lag behind
_SMALL = 2_000  # vectors that are read from rows faster than anybody notices


class Live:
    """Search over the set in use. All methods but `__init__` run inside a transaction of the caller."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index: ExactIndex | None = None
        self._contract: int | None = None
        self._counts = np.zeros(0, dtype=np.int64)  # templates by row of the person
        self.revision = -1
        self.unsaved = 0  # vectors read or dropped since the snapshot that the index came from

    @property
    def index(self) -> ExactIndex:
        """The index; refused (GalleryError) before anything was enrolled."""
        if self._index is None:
            raise GalleryError("nothing has been enrolled in this gallery yet")
        return self._index

    def nearest(self, queries: Vector, k: int) -> list[list[tuple[int, float]]]:
        """Rows of the k best people of each query with their scores, best first."""
        if self.empty or not len(queries):
            return [[] for _ in queries]
        hits = self.index.search_people(queries, k)
        return [list(zip(*pair, strict=True)) for pair in zip(hits.people.tolist(), hits.scores.tolist(), strict=True)]

    @property
    def size(self) -> int:
        """Templates in memory; -1 before `refresh`."""
        index = self._index
        return -1 if self.revision < 0 else 0 if index is None else len(index)

    @property
    def empty(self) -> bool:
        """Nobody to compare with."""
        return self._index is None or not len(self._index)

    def matrix(self) -> tuple[Ids, Vector]:
        """Person of each template, and the templates: (n,), (n, D), a copy."""
        with self.index.blocks() as blocks:
            vectors = np.concatenate([block.truth[: block.count] for block in blocks])
        return self.index.people, vectors

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of templates of each person who has any."""
        return self._counts[self._counts > 0]

    def refresh(self, connection: Records) -> None:
        """Bring the index to the revision that this transaction sees.

        Refused: a stored vector that is damaged (GalleryError), faces that this transaction
        changed and may yet take back (VultusError).
        """
        row = connection.execute(
            """SELECT revision, log_floor, contract, key, dimension, uuid, snapshot,
                   EXISTS (SELECT 1 FROM change WHERE change.revision > gallery.revision) FROM gallery
               LEFT JOIN contract ON contract.id = gallery.contract"""
        ).fetchone()
        revision, floor, contract, key, dimension, uuid, mark, changing = row
        if changing:
            raise VultusError("a search within a change that has changed faces; search before, or when it is done")
        if revision == self.revision:
            return
        try:
            if contract is None:
                self._index = None
            else:
                if self._contract != contract or not floor <= self.revision <= revision:
                    self._index = None
                if self._index is None:
                    self._from_snapshot(connection, uuid, key, mark)
                if self._index is None or not floor <= self.revision <= revision or self._far_behind(connection):
                    self._from_rows(connection, contract, dimension)
                else:
                    self._apply(connection, contract, revision)
        except InvalidVectorError as error:
            self._index, self.revision = None, -1
            raise GalleryError(f"a stored embedding is damaged ({error}); run `vultus gallery check`") from error
        except BaseException:  # half an index is worse than none
            self._index, self.revision = None, -1
            raise
        self._contract, self.revision = contract, revision

    def save_snapshot(self, connection: Records) -> None:
        """Write the index to disk, inside a write transaction; `sweep` after it was committed.

        The write lock keeps a process that lags behind from bringing erased vectors back, and
        the mark in the database keeps a snapshot from being used with another state of it, such
        as a restored backup. Refused (StorageError): the disk is full.
        """
        self.refresh(connection)
        uuid, key = connection.execute(
            "SELECT uuid, key FROM gallery JOIN contract ON contract.id = gallery.contract"
        ).fetchone()
        mark = uuid4().hex
        path, ours = self._path(connection, mark), f"{uuid}:{mark}"
        if connection.seal is None:
            write_snapshot(path, self.index, contract_id=key, gallery_id=ours, revision=self.revision)
        else:
            cipher = connection.seal.cipher(connection.seal.make_key(_key(mark)))
            write_sealed(path, self.index, cipher, contract_id=key, gallery_id=ours, revision=self.revision)
        connection.execute("UPDATE gallery SET snapshot = ?", (mark,))
        old = self.revision - _LOGGED
        if connection.execute("DELETE FROM change WHERE revision <= ?", (old,)).rowcount:
            connection.execute("UPDATE gallery SET log_floor = max(log_floor, ?)", (old,))
        self.unsaved = 0

    def sweep(self, connection: Records) -> None:
        """Delete snapshots that are no longer the gallery's, and halves of killed processes.

        Inside a write transaction: nobody else is writing one.
        """
        (mark,) = connection.execute("SELECT snapshot FROM gallery").fetchone()
        kept = None if mark is None else self._path(connection, mark)
        for pattern in ("index-*.snapshot", "index-*.sealed", ".index-*.tmp"):
            for path in self._folder.glob(pattern):
                if path != kept:
                    discard_snapshot(path)
        if connection.seal is not None:
            old = [key for key in connection.seal.keys.snapshots() if mark is None or key != _key(mark)]
            connection.seal.destroy(old)

    def worth_saving(self) -> bool:
        """So much was read from rows that the next opening would gain by a snapshot."""
        return not self.empty and self.unsaved >= max(_SMALL, len(self.index) // 20)

    def _path(self, connection: Records, mark: str) -> Path:
        # A name of its own each time: where a file that is open cannot be replaced, the old one stays until it can.
        return self._folder / f"index-{mark}.{'snapshot' if connection.seal is None else 'sealed'}"

    def _far_behind(self, connection: Records) -> bool:
        """More changed than there is: reading everything is the shorter way."""
        (changes,) = connection.execute("SELECT count(*) FROM change WHERE revision > ?", (self.revision,)).fetchone()
        return bool(changes > _CHUNK and changes > len(self.index))

    def _from_snapshot(self, connection: Records, uuid: str, key: str, mark: str | None) -> None:
        """Take the index from disk, if there is one that belongs to this database."""
        if mark is None:
            return
        found = self._read_snapshot(connection, mark, key, f"{uuid}:{mark}")
        if isinstance(found, Unusable):
            log.info("reading the database instead of the snapshot: %s", found.reason)
            return
        self._index, self.revision, self.unsaved = found.index, found.revision, 0
        self._counts = np.zeros(0, dtype=np.int64)
        self._tally(found.index.people, 1)

    def _read_snapshot(self, connection: Records, mark: str, contract: str, gallery: str) -> Snapshot | Unusable:
        path = self._path(connection, mark)
        if connection.seal is None:
            return open_snapshot(path, contract_id=contract, gallery_id=gallery)
        try:
            cipher = connection.seal.cipher(_key(mark))
        except Unsealable as error:
            return Unusable(str(error))
        return open_sealed(path, cipher, contract_id=contract, gallery_id=gallery)

    def _apply(self, connection: Records, contract: int, revision: int) -> None:
        """Carry out the changes since our revision: what each face was then, what it is now."""
        before: dict[int, int | None] = {}
        for face, was in connection.execute(
            "SELECT face, was FROM change WHERE revision > ? AND revision <= ? ORDER BY seq", (self.revision, revision)
        ):
            before.setdefault(face, was)
        after: dict[int, tuple[int, bytes]] = {}
        for part in stored.vectors(connection, contract, list(before)):
            after.update((face, (person, vector)) for face, person, vector in part)
        gone = [face for face, was in before.items() if was is not None and face not in after]
        new = [face for face, was in before.items() if was is None and face in after]
        moved = [face for face, was in before.items() if was is not None and face in after and after[face][0] != was]
        index = self.index
        if gone:
            index.remove(_ids(gone))
        for face in moved:
            index.reassign([face], after[face][0])
        if new:
            index.add(
                _ids(new),
                _ids([after[face][0] for face in new]),
                _matrix([after[face][1] for face in new], index.dimension),
            )
        self._tally([before[face] for face in (*gone, *moved)], -1)
        self._tally([after[face][0] for face in (*new, *moved)], 1)
        self.unsaved += len(gone) + len(new) + len(moved)

    def _from_rows(self, connection: Records, contract: int, dimension: int) -> None:
        """Read every vector of the set in use."""
        self._index = index = ExactIndex(dimension)
        self._counts = np.zeros(0, dtype=np.int64)
        self.unsaved = 0
        for part in stored.vectors(connection, contract):
            faces, persons, blobs = zip(*part, strict=True)
            index.add(_ids(faces), _ids(persons), _matrix(blobs, dimension))
            self._tally(persons, 1)
            self.unsaved += len(part)

    def _tally(self, persons: Sequence[int | None] | Ids, step: int) -> None:
        """Count templates of people up or down."""
        if not len(persons):
            return
        rows = np.asarray(persons, dtype=np.int64)
        top = int(rows.max()) + 1
        if top > len(self._counts):
            grown = np.zeros(max(top, 2 * len(self._counts)), dtype=np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown
        np.add.at(self._counts, rows, step)


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What the index holds, 24 bytes a row: enough to tell whether rows are the same."""

    dimension: int
    ids: Ids  # rising
    people: Ids
    sums: NDArray[np.uint64]

    @classmethod
    def of(cls, index: ExactIndex) -> Marks:
        """Marks of all rows of an index."""
        with index.blocks() as blocks:
            sums = [_sums(block.truth[: block.count]) for block in blocks]
        ids, people = index.ids, index.people
        order = np.argsort(ids)
        return cls(index.dimension, ids[order], people[order], np.concatenate([np.zeros(0, np.uint64), *sums])[order])

    def differing(self, faces: Sequence[int], people: Sequence[int], blobs: Sequence[bytes]) -> int:
        """How many of some rows of the database are not in the index as they are there."""
        size = 4 * self.dimension
        rows = [row for row in zip(faces, people, blobs, strict=True) if len(row[2]) == size]
        wanted = _ids([face for face, _, _ in rows])
        place = np.minimum(np.searchsorted(self.ids, wanted), len(self.ids) - 1)
        sums = _sums(_matrix([blob for _, _, blob in rows], self.dimension))
        same = (
            (self.ids[place] == wanted)
            & (self.people[place] == _ids([person for _, person, _ in rows]))
            & (self.sums[place] == sums)
        )
        return len(faces) - int(same.sum())


def _sums(matrix: NDArray[np.float32]) -> NDArray[np.uint64]:
    """A number for each row that changes with any of its bits (sum of odd multiples, mod 2^64)."""
    multiples = np.random.default_rng(0).integers(0, 2**63, matrix.shape[1], dtype=np.uint64) * 2 + 1
    sums = np.empty(len(matrix), dtype=np.uint64)
    for start in range(0, len(matrix), 8192):
        words = np.ascontiguousarray(matrix[start : start + 8192]).view(np.uint32).astype(np.uint64)
        sums[start : start + 8192] = (words * multiples).sum(axis=1, dtype=np.uint64)
    return sums


def _key(mark: str) -> str:
    """Id of a sealed snapshot's key."""
    return f"snapshot-{mark}"


def _ids(numbers: Sequence[int | None]) -> Ids:
    return np.asarray(numbers, dtype=np.int64)


def _matrix(blobs: Sequence[bytes], dimension: int) -> Vector:
    """Stored vectors as rows; another size than the contract's is refused (GalleryError)."""
    if any(len(blob) != 4 * dimension for blob in blobs):
        raise GalleryError("a stored embedding has the wrong size; run `vultus gallery check`")
    return np.asarray(np.frombuffer(b"".join(blobs), dtype=_LITTLE).reshape(len(blobs), dimension), dtype=np.float32)
