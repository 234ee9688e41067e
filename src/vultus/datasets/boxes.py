"""Ground truth of face detection: one's own table of boxes, or WIDER FACE's text.

Expected: a folder of pictures, and either a CSV file with the header `source,x1,y1,x2,y2`,
a row a face, paths relative to the folder, pixels of the picture, and a row without numbers
for a picture without a face; or wider_face_split/wider_face_val_bbx_gt.txt beside
WIDER_val/images: the picture's path, how many faces, and a line a face `x1 y1 w h blur
expression illumination invalid occlusion pose`; one line of zeros where there is none.
WIDER FACE's easy, medium and hard parts lie in other files, which are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vultus.datasets import layout
from vultus.datasets.layout import Missing, Part, Row
from vultus.errors import InputError, NotFoundError
from vultus.types import Box

__all__ = ["BoxTable", "BoxedPicture", "missing", "missing_wider", "read", "read_wider", "wider"]

COLUMNS = ("source", "x1", "y1", "x2", "y2")
WIDER_COLUMNS = ("x1", "y1", "w", "h", "blur", "expression", "illumination", "invalid", "occlusion", "pose")


@dataclass(frozen=True, slots=True)
class BoxedPicture:
    """A picture and the faces in it."""

    source: Path
    boxes: tuple[Box, ...]
    ignored: tuple[Box, ...]  # too poor to ask for: neither a miss nor a false alarm


@dataclass(frozen=True, slots=True)
class BoxTable:
    """The pictures of a list in its order, with what is wrong with it."""

    file: Path
    pictures: tuple[BoxedPicture, ...]  # those that are missing are among them
    missing: tuple[Path, ...]
    duplicates: tuple[int, ...]  # rows that give a box again, left out
    flat: tuple[int, ...]  # rows of boxes without extent, left out

    @property
    def faces(self) -> int:
        """How many boxes are to be found."""
        return sum(len(picture.boxes) for picture in self.pictures)


def missing(images: Path, file: Path) -> tuple[Missing, ...]:
    """What the folder lacks of the pictures that the CSV table names."""
    if lacks := layout.missing(images, ()):
        return lacks
    return layout.listed(
        (layout.inside(images, row, "source") for row in layout.rows(file, COLUMNS)), images, file.name
    )


def read(file: Path, images: Path) -> BoxTable:
    """Read a CSV table of boxes against a folder.

    Refused: no folder, no such file (NotFoundError), another header, a row that cannot be
    read, a box turned inside out, faces for a picture that is said to have none, no rows (InputError).
    """
    if not images.is_dir():
        raise NotFoundError(f"expected the folder of the pictures of {file}, {images} is none")
    return _table(file, ((row, layout.inside(images, row, "source"), box, False) for row, box in _csv_boxes(file)))


def missing_wider(root: Path, split: str = "val") -> tuple[Missing, ...]:
    """What WIDER FACE's folder lacks for a split, "train" or "val"."""
    lists = f"wider_face_split/wider_face_{split}_bbx_gt.txt"
    lacks = layout.missing(
        root,
        [
            Part(lists, "unpack the annotations, wider_face_split.zip"),
            Part(f"WIDER_{split}/images/*/*.jpg", f"unpack WIDER_{split}.zip"),
        ],
    )
    if lacks:
        return lacks
    images = root / f"WIDER_{split}" / "images"
    return layout.listed((path for _, path, _, _ in _wider_boxes(root / lists, images)), root, lists)


def wider(root: Path, split: str = "val") -> BoxTable:
    """Read a split of WIDER FACE; a folder that lacks something is refused (NotFoundError)."""
    layout.require(f"WIDER FACE {split}", root, missing_wider(root, split))
    lists = root / "wider_face_split" / f"wider_face_{split}_bbx_gt.txt"
    return read_wider(lists, root / f"WIDER_{split}" / "images")


def read_wider(file: Path, images: Path) -> BoxTable:
    """Read a list in WIDER FACE's text format against a folder; missing pictures are told.

    Faces marked invalid go to `ignored`. Refused: no folder, no such file (NotFoundError), a
    line that cannot be read, fewer lines than promised, no pictures (InputError).
    """
    if not images.is_dir():
        raise NotFoundError(f"expected the folder of the pictures of {file}, {images} is none")
    return _table(file, _wider_boxes(file, images))


def _csv_boxes(file: Path) -> Iterator[tuple[Row, Box | None]]:
    for row in layout.rows(file, COLUMNS):
        if not any(row.values[column] for column in COLUMNS[1:]):
            yield row, None
            continue
        x1, y1, x2, y2 = (row.real(column) for column in COLUMNS[1:])
        for low, high, column in ((x1, x2, "x2"), (y1, y2, "y2")):
            if high < low:
                raise row.refuse(column, f"at least {low:g}, as boxes are corners and not width and height")
        yield row, Box(x1, y1, x2, y2)


def _wider_boxes(file: Path, images: Path) -> Iterator[tuple[Row, Path, Box | None, bool]]:
    waiting, source, none = 0, images, False
    row = Row(file, 0, {})
    for number, line in layout.lines(file):
        line = line.strip()
        if none and re.fullmatch(r"0(\s+0)*", line):  # the line of zeros of a picture without a face
            none = False
        elif waiting == 0:
            source, waiting, none = layout.inside(images, Row(file, number, {"picture": line}), "picture"), -1, False
        elif waiting < 0:
            row = Row(file, number, {"faces": line})
            waiting = row.whole("faces", 0)
            if none := waiting == 0:
                yield row, source, None, False
        else:
            words = line.split()
            if len(words) != len(WIDER_COLUMNS):
                raise InputError(f"{file}, row {number}: expected {' '.join(WIDER_COLUMNS)}, got {line!r}")
            row = Row(file, number, dict(zip(WIDER_COLUMNS, words, strict=True)))
            x, y, width, height = (row.whole(column) for column in WIDER_COLUMNS[:4])
            yield row, source, Box(x, y, x + max(width, 0), y + max(height, 0)), bool(row.whole("invalid", 0, 1))
            waiting -= 1
    if waiting:
        raise InputError(
            f"{file}: expected more lines for {source.relative_to(images)}, the file ends at row {row.line}"
        )


def _table(file: Path, found: Iterator[tuple[Row, Path, Box | None, bool]]) -> BoxTable:
    boxes: dict[Path, dict[Box, bool]] = {}
    without: set[Path] = set()
    duplicates, flat = [], []
    for row, source, box, invalid in found:
        here = boxes.setdefault(source, {})
        if (box is None and (here or source in without)) or (box is not None and source in without):
            raise InputError(
                f"{file}, row {row.line}: expected {source.name} with faces or without, it is both or twice"
            )
        if box is None:
            without.add(source)
        elif box in here:
            duplicates.append(row.line)
        elif box.width <= 0 or box.height <= 0:
            flat.append(row.line)
        else:
            here[box] = invalid
    if not boxes:
        raise InputError(f"{file}: expected at least one picture, there is none")
    pictures = tuple(
        BoxedPicture(
            source,
            tuple(box for box, invalid in here.items() if not invalid),
            tuple(box for box, invalid in here.items() if invalid),
        )
        for source, here in boxes.items()
    )
    absent = tuple(picture.source for picture in pictures if not picture.source.is_file())
    return BoxTable(file, pictures, absent, tuple(duplicates), tuple(flat))
