"""Changing the recognition model: every kept crop is embedded again, then the gallery switches.

The new set grows beside the one in use, a batch a commit, so that a stopped migration goes
on where it was and searches run meanwhile. What other processes enrol until the end is
embedded under the write lock, just before the switch. Nobody vanishes silently: people of
whom no crop was kept stop the migration unless their loss is accepted by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vultus.errors import GalleryError
from vultus.gallery import contracts, faces, people, stored
from vultus.gallery.exact import ExactIndex
from vultus.gallery.exporting import Progress
from vultus.gallery.protocols import Analyzer
from vultus.gallery.records import Owner, Records
from vultus.gallery.store import Store
from vultus.gallery.values import Migration
from vultus.types import EmbeddingContract, unit

__all__ = ["Losses", "losses", "migrate"]

_PROBES = 2000  # templates of the self-check, spread evenly
_WORSE = 0.01  # share of right answers that the new model may lose before the switch is refused
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Losses:
    """What cannot be embedded again, since no crop was kept."""

    templates: int
    people: tuple[str, ...]  # those who would keep no template
    rows: tuple[int, ...]  # theirs, in the same order


def losses(connection: Records, contract: int | None) -> Losses:
    """Faces with neither a crop nor a vector under `contract`, and the people who have no others."""
    lost = """NOT EXISTS (SELECT 1 FROM crop WHERE crop.face = face.id)
              AND NOT EXISTS (SELECT 1 FROM template WHERE template.face = face.id AND template.contract = ?1)"""
    (templates,) = connection.execute(f"SELECT count(*) FROM face WHERE {lost}", (contract,)).fetchone()
    rows = connection.execute(
        f"""SELECT id FROM person WHERE EXISTS (SELECT 1 FROM face WHERE person = person.id)
            AND NOT EXISTS (SELECT 1 FROM face WHERE face.person = person.id AND NOT ({lost}))""",
        (contract,),
    ).fetchall()
    named = sorted((people.name_of(connection, row), row) for (row,) in rows)
    return Losses(templates, tuple(name for name, _ in named), tuple(row for _, row in named))


def migrate(
    store: Store,
    analyzer: Analyzer,
    *,
    batch: int,
    accept_losses: bool,
    keep_old: bool,
    progress: Progress | None,
) -> Migration:
    """Embed all kept crops with another model and switch to it; see `Gallery.migrate`."""
    new = analyzer.contract
    with store.read() as connection:
        used = contracts.in_use(connection)
        if used is None:
            raise GalleryError("expected a gallery with somebody in it, there is nothing to migrate")
        old_row, old = used
        if old.id == new.id:
            raise GalleryError(f"the gallery's embeddings are of {new.model} already, with the same weights")
        target = connection.execute("SELECT id FROM contract WHERE key = ?", (new.id,)).fetchone()
        _refuse_losses(losses(connection, None if target is None else target[0]), accept_losses)
    with store.write() as connection:
        new_row = contracts.adopt(connection, new)
    with store.read() as connection:
        (reused,) = connection.execute("SELECT count(*) FROM template WHERE contract = ?", (new_row,)).fetchone()
        total = reused + connection.execute(f"SELECT count(*) FROM crop {_TODO}", (new_row,)).fetchone()[0]
    done = reused
    while crops := _todo(store, new_row, batch):
        matrix = _embed(analyzer, new, [png for _, png in crops])
        with store.write(counted=False) as connection:
            done += _keep(connection, new_row, [face for face, _ in crops], matrix)
        if progress is not None:
            progress(done, max(total, done))
    rank1_old, rank1_new = _self_check(store, (old_row, new_row), (old, new))
    with store.write() as connection:
        # The write lock is ours: whatever others enrolled since the last look comes along now.
        while rows := _undone(connection, new_row, batch):
            matrix = _embed(analyzer, new, [png for _, png in rows])
            done += _keep(connection, new_row, [face for face, _ in rows], matrix)
        lost = losses(connection, new_row)
        _refuse_losses(lost, accept_losses)
        connection.execute(
            "DELETE FROM face WHERE NOT EXISTS (SELECT 1 FROM template WHERE face = face.id AND contract = ?)",
            (new_row,),
        )
        for row in lost.rows:
            people.remove(connection, row)
        connection.execute("UPDATE gallery SET contract = ?, log_floor = revision + 1", (new_row,))
        if not keep_old:
            connection.execute("DELETE FROM template WHERE contract <> ?", (new_row,))
            connection.execute("DELETE FROM contract WHERE id <> ?", (new_row,))
        connection.execute("DELETE FROM change WHERE revision <= (SELECT revision + 1 FROM gallery)")
    return Migration(old.id, new.id, done - reused, reused, lost.templates, lost.people, rank1_old, rank1_new)


_TODO = "WHERE NOT EXISTS (SELECT 1 FROM template WHERE template.face = crop.face AND contract = ?)"


def _todo(store: Store, contract: int, batch: int) -> list[tuple[int, bytes]]:
    with store.read() as connection:
        return _undone(connection, contract, batch)


def _undone(connection: Records, contract: int, batch: int) -> list[tuple[int, bytes]]:
    """The next crops that have no vector under the contract."""
    parts = stored.crops(connection, f"{_TODO} ORDER BY crop.face LIMIT ?", (contract, batch))
    return [(face, png) for part in parts for face, _, png in part]


def _embed(analyzer: Analyzer, contract: EmbeddingContract, pngs: Sequence[bytes]) -> NDArray[np.float32]:
    return unit(analyzer.embed([faces.from_png(png) for png in pngs]), contract.dimension)


def _keep(connection: Records, contract: int, rows: Sequence[int], matrix: NDArray[np.float32]) -> int:
    """Store vectors of the new set; a face that was removed meanwhile is passed over."""
    before = connection.total_changes
    (key,) = connection.execute("SELECT key FROM contract WHERE id = ?", (contract,)).fetchone()
    for face, vector in zip(rows, matrix, strict=True):
        found = connection.execute(
            "SELECT face.uuid, person.uuid, person.key FROM face JOIN person ON person.id = person WHERE face.id = ?",
            (face,),
        ).fetchone()
        if found is not None:
            uuid, person, data_key = found
            who = Owner(person, data_key)
            blob = connection.closed(who, faces.to_blob(vector), "vector", person, uuid, key)
            connection.execute("INSERT OR IGNORE INTO template VALUES (?, ?, ?)", (face, contract, blob))
    return connection.total_changes - before


def _refuse_losses(lost: Losses, accepted: bool) -> None:
    if lost.people and not accepted:
        names = ", ".join(lost.people[:_NAMED]) + (
            f" and {len(lost.people) - _NAMED} more" if len(lost.people) > _NAMED else ""
        )
        raise GalleryError(
            f"no face crop was kept of {len(lost.people)} people, who would be lost: {names}; enrol them anew under "
            "the new model, or accept the loss with accept_losses"
        )


def _self_check(
    store: Store, rows: tuple[int, int], contracts: tuple[EmbeddingContract, EmbeddingContract]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Leave one out, old set and new: is the nearest other template one of the same person?

    Refused (GalleryError) when the new model answers worse by more than one in a hundred: a
    wrong colour order or another alignment shows here, before anything was switched.
    """
    with store.read() as connection:
        (old, new) = (_rank1(connection, row, c.dimension, rows[1]) for row, c in zip(rows, contracts, strict=True))
    if new[1] and new[0] / new[1] < old[0] / old[1] - _WORSE:
        raise GalleryError(
            f"with {contracts[1].model} only {new[0]} of {new[1]} templates find their own person, with "
            f"{contracts[0].model} {old[0]} of {old[1]}; the gallery was not switched"
        )
    return old, new


def _rank1(connection: Records, contract: int, dimension: int, also_in: int) -> tuple[int, int]:
    """Right answers and questions, over faces that both sets hold."""
    index = ExactIndex(dimension)
    ids: list[int] = []
    owners: list[int] = []
    parts: list[NDArray[np.float32]] = []
    both = {face for (face,) in connection.execute("SELECT face FROM template WHERE contract = ?", (also_in,))}
    for found in stored.vectors(connection, contract):
        part = [row for row in found if row[0] in both]
        if not part:
            continue
        matrix = np.frombuffer(b"".join(blob for _, _, blob in part), dtype="<f4").reshape(-1, dimension)
        index.add([face for face, _, _ in part], [person for _, person, _ in part], matrix)
        ids += [face for face, _, _ in part]
        owners += [person for _, person, _ in part]
        parts.append(matrix)
    if not ids:
        return 0, 0
    vectors = np.concatenate(parts)
    people, counts = np.unique(owners, return_counts=True)
    several = np.flatnonzero(np.isin(owners, people[counts > 1]))
    probes = (
        several[np.linspace(0, len(several) - 1, min(len(several), _PROBES), dtype=np.intp)]
        if len(several)
        else several
    )
    if not len(probes):
        return 0, 0
    hits = index.search(vectors[probes], 2)
    right = 0
    for probe, found, persons in zip(probes.tolist(), hits.ids, hits.people, strict=True):
        other = int(np.flatnonzero(found != ids[probe])[0])
        right += int(persons[other]) == owners[probe]
    return right, len(probes)
