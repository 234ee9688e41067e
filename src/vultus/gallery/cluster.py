"""Grouping of unknown faces: average linkage on cosine, the same for every file order.

Two groups are joined when the mean cosine between their faces reaches the threshold, the
closest two first. Connected components (join whatever a single pair above the threshold
joins) are refused as a method: one bad pair then merges two people.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, InvalidVectorError
from vultus.types import unit

__all__ = ["EXACT_FACES", "NEIGHBOURS", "cluster"]

EXACT_FACES = 20_000  # up to here every pair is looked at
NEIGHBOURS = 128  # above: the nearest faces of each that are tried as partners

_CELLS = 8_000_000  # scores held at once: 32 MB, whatever the number of faces
_EDGES = 30_000_000  # partners kept in lists (120 MB); beyond, every group is tried with every other
_ROUNDING = 1e-5  # float32 scores of unit vectors differ by less than this from their true value

Ids = NDArray[np.signedinteger[Any]]
Key = str | bytes | int


def cluster(
    vectors: NDArray[np.floating[Any]],
    threshold: float,
    *,
    photo: Sequence[str | int] | None = None,
    cannot_link: Iterable[tuple[int, int]] = (),
    must_link: Iterable[tuple[int, int]] = (),
    keys: Sequence[Key] | None = None,
    neighbours: int | None = None,
) -> NDArray[np.intp]:
    """Say which faces are one person: a group number for each face, -1 for a face alone.

    vectors: embeddings of one contract, (n, D). threshold: the mean cosine from which two
    groups are one person. photo: the picture of each face; nobody is in a picture twice, so
    faces of one picture are never joined. cannot_link, must_link: pairs of rows that a
    person has rejected or confirmed. keys: a name of each face that does not change with
    its place in the list, such as the hash of its file and its box.

    Groups are numbered from 0 by size, the largest first, then by their first member. Faces
    are ordered by key, then by the embedding itself; hence the answer goes with the face,
    not with its row. Only faces equal in key, embedding and picture are told apart by row.

    The mean is always over all pairs of the two groups. `neighbours` limits which groups
    are tried: those with a pair among each other's nearest faces. None tries all up to
    20,000 faces (exact: a mean cannot reach the threshold unless some pair does), and 128
    neighbours beyond.

    Refused (InputError): a threshold outside -1..1, lists of another length than vectors,
    rows that do not exist, and confirmed pairs that contradict rejected ones or a picture.
    NaN, zero or ragged embeddings raise InvalidVectorError.

    Source: unweighted average linkage, Sokal and Michener 1958.

    >>> faces = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6], [-1, 0]])
    >>> cluster(faces, 0.7)
    array([ 0,  0,  0, -1])
    >>> cluster(faces, 0.7, photo=["a", "b", "b", "c"])
    array([ 0, -1,  0, -1])
    """
    values = np.asarray(vectors)
    n = len(values)
    if not (math.isfinite(threshold) and -1 <= threshold <= 1):
        raise InputError(f"expected a cosine threshold from -1 to 1, got {threshold}")
    if neighbours is not None and neighbours < 1:
        raise InputError(f"expected at least 1 neighbour, got {neighbours}; None means all")
    for name, given in (("photo", photo), ("keys", keys)):
        if given is not None and len(given) != n:
            raise InputError(f"expected one entry of {name} for each of {n} faces, got {len(given)}")
    together, apart = _pairs(must_link, n, "must_link"), _pairs(cannot_link, n, "cannot_link")
    if n == 0:
        return np.empty(0, np.intp)
    if values.ndim != 2:
        raise InvalidVectorError(f"expected a matrix with one embedding a row, got shape {values.shape}")
    values = unit(values)
    order = _canonical(values, photo, keys)
    rank = np.empty(n, np.intp)
    rank[order] = np.arange(n)
    if neighbours is None and n > EXACT_FACES:
        neighbours = NEIGHBOURS
    groups = _Groups(
        values[order],
        threshold,
        neighbours,
        _forbidden(rank, photo, apart),
        row=order,
    )
    for a, b in sorted((min(pair), max(pair)) for pair in rank[together].tolist()):
        groups.confirm(a, b)
    groups.agglomerate()
    labels = np.empty(n, np.intp)
    labels[order] = _numbered(groups.owner)
    return labels


class _Groups:
    """Faces in canonical order and the groups they are in; a group's id is its first face.

    owner: group of each face. sums, sizes: the group's vectors added up, and how many, at
    its id: mean cosine of two groups = sums[a] @ sums[b] / (sizes[a] sizes[b]).
    near, apart: faces that a group may be, and must not be, joined with; the entries are
    read through `owner`, so they stay right when those faces move to other groups.
    """

    def __init__(
        self, vectors: NDArray[np.float32], threshold: float, neighbours: int | None, apart: dict[int, Ids], row: Ids
    ) -> None:
        n = len(vectors)
        self.threshold = threshold
        self.row = row  # the caller's row of each face, for messages
        self.owner = np.arange(n)
        self.members: dict[int, list[int]] = {face: [face] for face in range(n)}
        self.alive = np.ones(n, bool)
        self.sums = vectors.copy()
        self.sizes = np.ones(n, np.float32)
        self.near = _partners(vectors, threshold, neighbours)
        self.apart = apart
        self.place = np.arange(n)
        self.tidy()

    def confirm(self, a: int, b: int) -> None:
        """Join the groups of two faces because a person said so."""
        a, b = sorted((int(self.owner[a]), int(self.owner[b])))
        if a == b:
            return
        if a in self.apart and (self.owner[self.apart[a]] == b).any():
            faces = sorted(int(self.row[face]) for face in self.members[a] + self.members[b])
            raise InputError(
                f"expected confirmed pairs that agree with the rejected ones, got faces {faces} confirmed as one "
                "person although two of them are rejected as a pair or stand in one picture; take back one of these "
                "pairs, or give a collage's parts photo names of their own"
            )
        self.join(a, b)

    def join(self, a: int, b: int) -> None:
        """Put group b into group a."""
        self.owner[self.members[b]] = a
        self.members[a] += self.members.pop(b)
        self.alive[b] = False
        self.sums[a] += self.sums[b]
        self.sums[b] = 0
        self.sizes[a] += self.sizes[b]
        if self.near is None:
            self.table[self.place[a]] = self.sums[a]
        self.dead += 1
        if 2 * self.dead > len(self.live):
            self.tidy()
        for links in (self.near, self.apart):
            if links is not None and b in links:
                gone = links.pop(b)
                links[a] = np.unique(self.owner[np.concatenate((links[a], gone))]) if a in links else gone

    def tidy(self) -> None:
        """Put the groups that are left side by side, so that one product compares a group with all."""
        self.live = np.flatnonzero(self.alive)
        self.table = self.sums[self.live] if self.near is None else self.sums
        self.dead = 0
        self.place[self.live] = np.arange(len(self.live))

    def best(self, a: int) -> tuple[float, int] | None:
        """The group closest to a that it may be joined with, if the mean reaches the threshold."""
        if self.near is None:
            groups = self.live
            dots = self.table @ self.sums[a]
        elif a in self.near:
            groups = np.unique(self.owner[self.near[a]])
            dots = self.sums[groups] @ self.sums[a]
        else:
            return None
        means = dots / (self.sizes[groups] * self.sizes[a])
        means[(groups == a) | ~self.alive[groups]] = -np.inf
        if a in self.apart:
            means[np.isin(groups, self.owner[self.apart[a]])] = -np.inf
        at = int(np.argmax(means))  # groups ascend, so that a tie goes to the first in canonical order
        return (float(means[at]), int(groups[at])) if means[at] >= self.threshold else None

    def agglomerate(self) -> None:
        """Join the closest two groups again and again while their mean reaches the threshold.

        Each group waits in a heap with its best partner. A join makes no mean rise above the
        larger of the two it came from, so a waiting score is never too low, and it is enough
        to look again when it comes to the top and its partner has changed (the lazy heap of
        Müllner 2011, section 3).
        """
        heap: list[tuple[float, int, int, int, int, int]] = []
        version = dict.fromkeys(self.members, 0)

        def wait(a: int) -> None:
            if (found := self.best(a)) is not None:
                score, b = found
                heapq.heappush(heap, (-score, min(a, b), max(a, b), a, version[a], version[b]))

        for group in sorted(self.members):
            wait(group)
        while heap:
            _, a, b, waiting, its, others = heapq.heappop(heap)
            partner = b if waiting == a else a
            if not self.alive[waiting] or version[waiting] != its:
                continue
            if not self.alive[partner] or version[partner] != others:
                wait(waiting)
                continue
            self.join(a, b)
            version[a] += 1
            wait(a)


def _pairs(pairs: Iterable[tuple[int, int]], n: int, name: str) -> Ids:
    found = np.array([(int(a), int(b)) for a, b in pairs], np.intp).reshape(-1, 2)
    if found.size and (found.min() < 0 or found.max() >= n):
        raise InputError(f"expected rows 0 to {n - 1} in {name}, got {found.min()} to {found.max()}")
    if (same := found[:, 0] == found[:, 1]).any() and name == "cannot_link":
        raise InputError(f"expected two different faces in a pair of {name}, got face {found[same][0, 0]} twice")
    return found


def _canonical(vectors: NDArray[np.float32], photo: Sequence[str | int] | None, keys: Sequence[Key] | None) -> Ids:
    """Rows in an order that depends on what the faces are, not on where they stand."""
    rows = (vectors + 0.0).astype(">f4")  # -0.0 and 0.0 are one number; equal numbers, equal bytes

    def content(row: int) -> tuple[str, Key, bytes, str]:
        key = keys[row] if keys is not None else 0
        return type(key).__name__, key, rows[row].tobytes(), repr(photo[row]) if photo is not None else ""

    return np.array(sorted(range(len(rows)), key=content), np.intp)


def _forbidden(rank: Ids, photo: Sequence[str | int] | None, pairs: Ids) -> dict[int, Ids]:
    """For each face that has any: the faces, by canonical rank, that it must not be joined with."""
    apart: dict[int, Ids] = {}
    if photo is not None:
        faces_of: dict[str | int, list[int]] = {}
        for row, name in enumerate(photo):
            faces_of.setdefault(name, []).append(int(rank[row]))
        for faces in faces_of.values():
            if len(faces) > 1:
                shared = np.array(faces, np.intp)  # holds the face itself too, which no search returns
                apart |= dict.fromkeys(faces, shared)
    for a, b in rank[pairs].tolist():
        for face, other in ((a, b), (b, a)):
            apart[face] = np.append(apart.get(face, np.empty(0, np.intp)), other)
    return apart


def _partners(vectors: NDArray[np.float32], threshold: float, neighbours: int | None) -> dict[int, Ids] | None:
    """For each face the faces at or above the threshold, the nearest only if limited; None: too many to list."""
    n = len(vectors)
    step = max(1, _CELLS // n)
    near: dict[int, Ids] = {}
    edges = 0
    for start in range(0, n, step):
        scores = vectors[start : start + step] @ vectors.T
        np.fill_diagonal(scores[:, start:], -np.inf)
        if neighbours is not None and neighbours < n - 1:
            kth = np.partition(scores, n - neighbours, axis=1)[:, n - neighbours, None]
            scores[scores < kth] = -np.inf
        row, column = np.nonzero(scores >= threshold - _ROUNDING)
        edges += len(row)
        if neighbours is None and edges > _EDGES:
            return None
        found = np.split(column.astype(np.int32), np.searchsorted(row, np.arange(1, len(scores))))
        near |= {start + at: faces for at, faces in enumerate(found) if len(faces)}
    if neighbours is not None:
        near = _mutual(near, n)
    return near


def _mutual(near: dict[int, Ids], n: int) -> dict[int, Ids]:
    """The same with every link in both directions."""
    if not near:
        return near
    source = np.repeat(np.fromiter(near, np.intp), [len(faces) for faces in near.values()])
    target = np.concatenate(list(near.values()))
    links = np.unique(np.concatenate((source * n + target, target * n + source)))
    found = np.split(links % n, np.searchsorted(links // n, np.arange(1, n)))
    return {face: faces for face, faces in enumerate(found) if len(faces)}


def _numbered(owner: Ids) -> Ids:
    """Group numbers from 0, the largest group first, then the first in canonical order; -1 for one alone."""
    first, group, size = np.unique(owner, return_inverse=True, return_counts=True)
    number = np.full(len(first), -1, np.intp)
    largest = np.argsort(-size, kind="stable")
    shared = largest[size[largest] > 1]
    number[shared] = np.arange(len(shared))
    return number[group]
