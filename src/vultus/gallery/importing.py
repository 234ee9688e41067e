"""Taking the people of an export file into a gallery: all of them, or none."""

from __future__ import annotations

from contextlib import closing
from typing import Literal
from uuid import uuid4

from vultus.errors import ConflictError, ContractMismatchError, GalleryError
from vultus.gallery import contracts, faces, people
from vultus.gallery.archive import Archive, FaceLine, PersonLine
from vultus.gallery.exporting import Progress
from vultus.gallery.faces import Offer
from vultus.gallery.feedback import reject
from vultus.gallery.records import Records
from vultus.gallery.values import Import
from vultus.types import EmbeddingContract

__all__ = ["OnConflict", "take_in"]

OnConflict = Literal["refuse", "merge"]


def take_in(
    connection: Records,
    archive: Archive,
    *,
    declared: EmbeddingContract | None,
    on_conflict: OnConflict = "refuse",
    progress: Progress | None = None,
) -> Import:
    """Write an archive's people into the gallery, inside a write transaction.

    on_conflict: what happens to a name that is taken: "refuse" the whole file
    (ConflictError), or "merge" its faces into the person of that name.
    Refused also: embeddings of another model (ContractMismatchError), over 100 templates a
    person after merging (ConflictError), a file that contradicts itself (GalleryError).
    """
    used = contracts.in_use(connection)
    expected = declared if used is None else used[1]
    if expected is not None and expected.id != archive.contract.id:
        raise ContractMismatchError(
            f"the file holds embeddings of {archive.contract.model}, expected those of {expected.model}; import it "
            "into a new gallery and migrate that one"
        )
    (keep,) = connection.execute("SELECT keep FROM gallery").fetchone()
    rows: dict[str, int] = {}
    merged = 0
    with closing(archive.people()) as persons:
        for line in persons:
            if line.id in rows:
                raise GalleryError(f"people.jsonl: {line.id} comes twice")
            rows[line.id], known = _person(connection, line, on_conflict)
            merged += known
    contract = contracts.adopt(connection, archive.contract)
    counts = {row: people.person(connection, row).templates for row in rows.values()} if merged else {}
    added = unchanged = crops = 0
    with closing(archive.faces()) as lines:
        for face in lines:
            if face.person not in rows:
                raise GalleryError(f"faces.jsonl: face {face.id} belongs to nobody in people.jsonl")
            row = rows[face.person]
            if _known(connection, row, face):
                unchanged += 1
                continue
            counts[row] = counts.get(row, 0) + 1
            if counts[row] > people.MOST_TEMPLATES:
                name = people.person(connection, row).name
                raise ConflictError(
                    f"expected at most {people.MOST_TEMPLATES} templates a person, {name} would have more"
                )
            _add(connection, row, face, contract, keep)
            added += 1
            crops += keep == "aligned" and face.png is not None
            if progress is not None:
                progress(added + unchanged, archive.faces_count)
    with closing(archive.feedback()) as words:
        for sha256, ordinal, uuid in words:
            if uuid not in rows:
                raise GalleryError(f"feedback.jsonl: {uuid} is nobody in people.jsonl")
            reject(connection, sha256, ordinal, rows[uuid])
    return Import(len(rows) - merged, merged, added, unchanged, crops)


def _add(connection: Records, row: int, face: FaceLine, contract: int, keep: str) -> None:
    png = face.png if keep == "aligned" else None
    offer = Offer(face.vector, face.source, face.sha256, face.ordinal, face.reading, png)
    uuid = _free_id(connection, face.id)
    faces.insert(connection, row, offer, contract, forced=face.forced, uuid=uuid, created=face.created)


def _person(connection: Records, line: PersonLine, on_conflict: OnConflict) -> tuple[int, bool]:
    """Row of the person, and whether they were there before."""
    rows = [people.find(connection, name) for name in (line.name, *line.aliases)]
    known = {row for row in rows if row is not None}
    if not known:
        row = people.add(connection, line.name, _free_id(connection, line.id), line.created)
    elif on_conflict == "refuse":
        taken = [name for name, row in zip((line.name, *line.aliases), rows, strict=True) if row is not None]
        raise ConflictError(
            f"the gallery knows {taken[0]!r} already; import with on_conflict='merge', or rename one of them"
        )
    elif len(known) > 1:
        raise ConflictError(f"{line.name!r} and its aliases are several people here; merge them first")
    else:
        (row,) = known
    for alias in line.aliases:
        if people.find(connection, alias) is None:
            people.add_alias(connection, row, alias)
    return row, bool(known)


def _known(connection: Records, row: int, face: FaceLine) -> bool:
    """The same face of the same picture, or the very same face, is there for this person."""
    found = connection.execute(
        "SELECT 1 FROM face WHERE person = ?1 AND ((sha256 = ?2 AND ordinal = ?3) OR uuid = ?4)",
        (row, connection.picture_tag(face.sha256), face.ordinal, face.id),
    )
    return found.fetchone() is not None


def _free_id(connection: Records, uuid: str) -> str:
    """The id of the file, or a new one where somebody has it."""
    taken = connection.execute(
        "SELECT 1 FROM person WHERE uuid = ?1 UNION ALL SELECT 1 FROM face WHERE uuid = ?1", (uuid,)
    ).fetchone()
    return uuid4().hex if taken else uuid
