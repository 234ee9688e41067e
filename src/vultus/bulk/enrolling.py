"""Enrol a folder that holds a sub-folder a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vultus import images
from vultus.analyzer import Analyzer, in_order
from vultus.bulk.reading import Seen, read_picture
from vultus.errors import ImageTooLargeError, InputError, NotFoundError
from vultus.gallery import Enrolment, Gallery
from vultus.gallery.names import normal
from vultus.gallery.values import RefusalCode, Refused

if TYPE_CHECKING:
    from vultus.models.quality import Level

__all__ = ["FolderEnrolment", "Plan", "enroll_folder", "enroll_pictures", "enroll_planned", "plan"]


@dataclass(frozen=True, slots=True)
class FolderEnrolment:
    """What became of one picture of many."""

    source: str
    name: str  # the person's
    enrolment: Enrolment


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to enrol from which pictures."""

    wanted: tuple[tuple[str, str], ...]  # name, picture
    loose: tuple[str, ...] = ()  # pictures that lie in nobody's folder

    def __len__(self) -> int:
        return len(self.wanted) + len(self.loose)


def plan(folder: Path) -> Plan:
    """Who and what, by sub-folder.

    A person's pictures may lie deeper. Refused: no such folder (NotFoundError), a file
    (InputError), a sub-folder whose name cannot be a person's (InputError).
    """
    if not folder.exists():
        raise NotFoundError(f"{folder}: there is no such folder; check the path")
    if not folder.is_dir():
        raise InputError(f"expected a folder with a sub-folder a person, got the file {folder}; see --name")
    wanted: list[tuple[str, str]] = []
    loose: list[str] = []
    for path in images.walk([folder]):
        parts = path.relative_to(folder).parts
        if len(parts) == 1:
            loose.append(str(path))
        else:
            wanted.append((normal(parts[0]), str(path)))
    return Plan(tuple(wanted), tuple(loose))


def enroll_folder(
    gallery: Gallery,
    analyzer: Analyzer,
    folder: Path,
    *,
    faces: str | int = "main",
    gate: Level = "medium",
    force: bool = False,
    require_live: bool = False,
) -> Iterator[FolderEnrolment]:
    """Enrol every picture of a folder under the name of its sub-folder, one after the other.

    Each picture is durable when it is yielded: stop at any time, and run it again to go
    on. Pictures whose bytes are enrolled for that person are passed over without analysis.
    require_live: refuse a picture whose face is not taken for a living one ("not_live").
    """
    planned = plan(folder)
    yield from enroll_planned(
        gallery, analyzer, planned, faces=faces, gate=gate, force=force, require_live=require_live
    )


def enroll_planned(
    gallery: Gallery,
    analyzer: Analyzer,
    planned: Plan,
    *,
    faces: str | int = "main",
    gate: Level = "medium",
    force: bool = False,
    require_live: bool = False,
) -> Iterator[FolderEnrolment]:
    """As `enroll_folder` for a plan that was made already, whose length is the number of results."""
    for source in planned.loose:
        reason = "lies in no sub-folder, so nobody's name is known; move it, or enrol it with --name"
        yield FolderEnrolment(source, "", Enrolment(None, refused=(Refused(source, "unreadable", reason),)))
    yield from enroll_pictures(
        gallery, analyzer, planned.wanted, faces=faces, gate=gate, force=force, require_live=require_live
    )


def enroll_pictures(
    gallery: Gallery,
    analyzer: Analyzer,
    wanted: Iterable[tuple[str, str]],
    *,
    faces: str | int = "main",
    gate: Level = "medium",
    force: bool = False,
    require_live: bool = False,
) -> Iterator[FolderEnrolment]:
    """As `enroll_folder` for given (name, picture) pairs, in their order.

    Whether a picture is unchanged is looked up where it would be analysed, one picture a core,
    so that nothing waits until every file has been read once.
    """

    def read(pair: tuple[str, str]) -> Seen | None:
        name, source = pair
        try:
            if gallery.unchanged(name, source, faces=faces):
                return None
        except InputError as error:
            return Seen(source, None, error=error)
        return read_picture(source, analyzer, live=require_live)

    pairs = list(wanted)
    for (name, source), seen in zip(pairs, in_order(read, pairs), strict=True):
        if seen is None:
            yield FolderEnrolment(source, name, Enrolment(gallery.person(name), unchanged=(source,)))
            continue
        if seen.error is not None or seen.picture is None:
            code: RefusalCode = "too_large" if isinstance(seen.error, ImageTooLargeError) else "unreadable"
            reason = str(seen.error).removeprefix(f"{source}: ")
            refused = Refused(source, code, reason)
            yield FolderEnrolment(source, name, Enrolment(None, refused=(refused,)))
            continue
        enrolment = gallery.enroll_readings(
            name,
            seen.readings,
            source=source,
            sha256=seen.picture.sha256,
            size_wh=seen.size_wh,
            faces=faces,
            gate=gate,
            force=force,
            liveness=seen.liveness if require_live else None,
        )
        yield FolderEnrolment(source, name, enrolment)
