"""Labeled Faces in the Wild: pictures by person, the pairs files, lists of names.

Expected folder: images/Name/Name_0001.jpg. A pairs file is that of either view: a first
line of how many pairs of each kind there are (a set), with the number of sets before it in
View 2; then for each set the pairs of one person (name, number, number) and those of two
(name, number, name, number). A list of names has one a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vultus.errors import InputError, NotFoundError

__all__ = ["OpenSet", "Pair", "names", "open_set", "pairs", "picture", "pictures"]

PICTURES_EACH = 25  # of the people of identities25.txt
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures and whether they show one person."""

    first: Path
    second: Path
    people: tuple[str, str]
    same: bool
    fold: int | None  # of View 2, from 0; None where the file has one set only


@dataclass(frozen=True, slots=True)
class OpenSet:
    """People to enrol and find again, and strangers to leave unknown."""

    people: dict[str, tuple[Path, ...]]
    strangers: dict[str, tuple[Path, ...]]


def picture(images: Path, name: str, number: int) -> Path:
    """Where a person's picture lies.

    >>> picture(Path("images"), "Ada_Lovelace", 7).as_posix()
    'images/Ada_Lovelace/Ada_Lovelace_0007.jpg'
    """
    return images / name / f"{name}_{number:04}.jpg"


def pairs(file: Path, images: Path) -> tuple[Pair, ...]:
    """Read a pairs file against a folder of pictures.

    Refused: no such file (NotFoundError), a line that is no pair or more or fewer pairs than
    the first line says (InputError), pictures that are not in the folder (NotFoundError).
    """
    lines = [(number, line.split()) for number, line in enumerate(_text(file).splitlines(), 1) if line.strip()]
    if not lines or not all(word.isdecimal() for word in lines[0][1]) or len(lines[0][1]) > 2:
        raise InputError(f"{file}: expected a first line of how many pairs there are, as LFW's pairs files have it")
    sets, each = ([1, *map(int, lines[0][1])])[-2:]
    if len(lines) - 1 != sets * each * 2:
        raise InputError(f"{file}: expected {sets * each * 2} pairs by its first line, found {len(lines) - 1}")
    found = []
    for at, (number, words) in enumerate(lines[1:]):
        same = at % (2 * each) < each
        fold = at // (2 * each) if sets > 1 else None
        if len(words) == 3 and same and words[1].isdecimal() and words[2].isdecimal():
            one, other = (words[0], int(words[1])), (words[0], int(words[2]))
        elif len(words) == 4 and not same and words[1].isdecimal() and words[3].isdecimal():
            one, other = (words[0], int(words[1])), (words[2], int(words[3]))
        else:
            wanted = "name number number" if same else "name number name number"
            raise InputError(f"{file}, line {number}: expected {wanted}, got {' '.join(words)!r}")
        found.append(Pair(picture(images, *one), picture(images, *other), (one[0], other[0]), same, fold))
    _check(dict.fromkeys(path for pair in found for path in (pair.first, pair.second)), images)
    return tuple(found)


def names(file: Path) -> tuple[str, ...]:
    """Read a list of people, one a line. Refused (NotFoundError): no such file."""
    return tuple(line.strip() for line in _text(file).splitlines() if line.strip())


def pictures(
    images: Path, only: Iterable[str] | None = None, without: Iterable[str] = ()
) -> dict[str, tuple[Path, ...]]:
    """The pictures of each person, a sub-folder a person, sorted by name.

    only: these people; None for all. without: people to leave out. Refused (NotFoundError):
    no such folder, a person of `only` without a folder.
    """
    if not images.is_dir():
        raise NotFoundError(f"expected a folder of pictures with a sub-folder a person, {images} is none")
    here = {folder.name: folder for folder in images.iterdir() if folder.is_dir()}
    wanted = sorted(here if only is None else set(only))
    _check_people([name for name in wanted if name not in here], images)
    left_out = set(without)
    return {name: _pictures_in(here[name]) for name in wanted if name not in left_out}


def open_set(root: Path) -> OpenSet:
    """The people of identities25.txt and of strangers.txt beside the folder of images.

    Pictures 1 to 25 of the people, and all of the strangers. Refused: a person in both lists
    (InputError), one without pictures (NotFoundError).
    """
    known, unknown = names(root / "identities25.txt"), names(root / "strangers.txt")
    if both := sorted(set(known) & set(unknown)):
        raise InputError(f"expected strangers to be strangers, but {len(both)} are enrolled, first {both[0]}")
    people = {name: paths[:PICTURES_EACH] for name, paths in pictures(root / "images", known).items()}
    return OpenSet(people, pictures(root / "images", unknown))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(f"expected a text file of LFW at {file}: {error}") from error


def _pictures_in(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES))


def _check(paths: Iterable[Path], images: Path) -> None:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise NotFoundError(
            f"expected every picture of the pairs file in {images}: {len(missing)} missing, "
            f"first {missing[0].relative_to(images)}"
        )


def _check_people(missing: list[str], images: Path) -> None:
    if missing:
        raise NotFoundError(
            f"expected a folder for each person in {images}: {len(missing)} missing, first {missing[0]}"
        )
