"""Folders of one's own: people to enrol, probes and strangers, or a sub-folder a class.

Expected for identification: gallery/NAME/picture and probes/NAME/picture, a sub-folder a
person, and where there are strangers, strangers/NAME/picture or strangers/picture (each then
a person of its own). A person of the probes who is not in the gallery is a stranger too.
Expected for classes: LABEL/picture. Sub-folders are read to their full depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import LabelledPicture, Missing, Part
from vultus.errors import InputError, NotFoundError
from vultus.images import walk

__all__ = ["GalleryProbes", "by_label", "missing", "people", "read", "read_root"]

PARTS = (
    Part("gallery/*/*", "make a sub-folder a person of those to enrol"),
    Part("probes/*/*", "make a sub-folder a person of the pictures to search with"),
)

People = dict[str, tuple[Path, ...]]


@dataclass(frozen=True, slots=True)
class GalleryProbes:
    """Who is enrolled with what, who is searched for, and who must stay unknown."""

    gallery: People
    probes: People  # of people in the gallery
    strangers: People
    empty: tuple[Path, ...]  # sub-folders without a picture, left out


def missing(root: Path) -> tuple[Missing, ...]:
    """What a folder of gallery/, probes/ and perhaps strangers/ lacks."""
    return layout.missing(root, PARTS)


def read_root(root: Path) -> GalleryProbes:
    """Read gallery/, probes/ and, where it is there, strangers/ inside a folder; refusals as in `read`."""
    layout.require("gallery/ and probes/", root, missing(root))
    strangers = root / "strangers"
    return read(root / "gallery", root / "probes", strangers if strangers.exists() else None)


def read(gallery: Path, probes: Path, strangers: Path | None = None) -> GalleryProbes:
    """Read the folders of an identification trial.

    Refused: no such folder (NotFoundError), no pictures in one, a stranger who is enrolled,
    one file in two places, also through a link (InputError).
    """
    enrolled, empty = people(gallery)
    searched, empty_probes = people(probes)
    unknown, empty_strangers = ({}, ()) if strangers is None else people(strangers, flat=True)
    if both := sorted(enrolled.keys() & unknown.keys()):
        raise InputError(f"expected strangers to be strangers, but {len(both)} are enrolled, first {both[0]}")
    for name, pictures in searched.items():
        if name not in enrolled:
            unknown[name] = (*unknown.get(name, ()), *pictures)
    probed = {name: pictures for name, pictures in searched.items() if name in enrolled}
    _check_apart((*enrolled.values(), *probed.values(), *unknown.values()))
    return GalleryProbes(enrolled, probed, unknown, (*empty, *empty_probes, *empty_strangers))


def people(folder: Path, *, flat: bool = False) -> tuple[People, tuple[Path, ...]]:
    """The pictures of each person, a sub-folder a person, and the sub-folders that hold none.

    flat: pictures in the folder itself are people of their own, named by their files.
    Refused: no such folder (NotFoundError), no picture in it, or pictures beside the
    sub-folders where `flat` is not set (InputError).
    """
    if not folder.is_dir():
        raise NotFoundError(f"expected a folder with a sub-folder a person, {folder} is none")
    found: dict[str, list[Path]] = {}
    for path in walk(folder):
        parts = path.relative_to(folder).parts
        if len(parts) == 1 and not flat:
            raise InputError(f"{path}: expected pictures in a sub-folder a person, this one lies beside them; move it")
        found.setdefault(parts[0], []).append(path)
    if not found:
        raise InputError(f"{folder}: expected pictures in a sub-folder a person, there are none")
    hidden = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    empty = tuple(sorted(path for path in hidden if path.name not in found))
    return {name: tuple(found[name]) for name in sorted(found)}, empty


def by_label(root: Path, labels: Sequence[str] | None = None) -> tuple[LabelledPicture, ...]:
    """The pictures of each class, a sub-folder a class.

    labels: the classes that must be there; others are then refused. Refused: no such folder or
    a class without pictures (NotFoundError), a class that is not in `labels` (InputError).
    """
    found, _ = people(root)
    if labels is not None:
        parts = tuple(Part(f"{label}/*", "make a sub-folder of the pictures of this class") for label in labels)
        layout.require("a sub-folder a class", root, layout.missing(root, parts))
        if others := sorted(found.keys() - set(labels)):
            raise InputError(
                f"{root}: expected the classes {', '.join(labels)}, got {', '.join(others)}; move them away"
            )
    return tuple(LabelledPicture(path, None, label, None, "VIS") for label, paths in found.items() for path in paths)


def _check_apart(groups: Sequence[tuple[Path, ...]]) -> None:
    seen: dict[tuple[int, int], Path] = {}
    for path in (path for group in groups for path in group):
        about = path.stat()
        first = seen.setdefault((about.st_dev, about.st_ino), path)
        if first is not path:
            raise InputError(f"expected each picture in one place, {path} is the same file as {first}; remove one")
