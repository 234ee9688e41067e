"""What DeepFace leaves behind, without its pickles: folders, tables of results, its SQLite store.

- a folder `database/Name/picture.jpg`: a sub-folder a person, as `DeepFace.find` is given it;
- a table as `DataFrame.to_csv` or `to_json` writes what `DeepFace.find` answers: `identity` (the
  picture in the database) with `target_x`, `target_y`, `target_w`, `target_h`, or what
  `DeepFace.represent` answers with an `identity` or `img_name` added, its `facial_area` {x, y, w, h};
- the SQLite database of `DeepFace.register` (table `embeddings`, column `img_name`), where the
  pictures are still in their places: the rows hold no picture, only a prepared crop.

The person is the sub-folder in which the picture lies; a picture that lies in none is named by its
file name without digits at its end ("ada-1.jpg" is ada). Embeddings are not taken: they are of
another model. Pickles (`*.pkl`) are refused, since reading one runs whatever is in it.

Written after DeepFace 0.0.9x's documentation and schema; not verified against files of every version.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vultus import images
from vultus.errors import ImageFormatError, InputError, NotFoundError
from vultus.imports.marked import Marked
from vultus.imports.sizes import size_of
from vultus.types import Box

__all__ = ["read"]

_MOST = 64 * 2**20  # bytes of a table
_PICKLES = {".pkl", ".pickle", ".p", ".joblib"}
_NUMBERED = re.compile(r"[\s_.-]*\d+$")


def read(source: Path) -> Iterator[Marked]:
    """Every person's pictures. Refused: nothing there (NotFoundError), a pickle or something else (InputError)."""
    if not source.exists():
        raise NotFoundError(f"{source}: there is no such file or folder; check the path")
    if source.is_dir():
        yield from _folder(source)
        return
    kind = source.suffix.lower()
    if kind in _PICKLES or _begins(source, b"\x80"):
        raise InputError(
            f"{source} is a pickle, and reading one runs what is in it; give the folder of pictures beside it "
            "instead, they are embedded anew"
        )
    if _begins(source, b"SQLite format 3\0"):
        yield from _database(source)
    elif kind == ".csv":
        yield from _table(source, list(csv.DictReader(_text(source).splitlines())))
    elif kind in (".json", ".jsonl"):
        yield from _table(source, _objects(source))
    else:
        raise InputError(f"expected a folder of pictures, a .csv, a .json or an SQLite file of DeepFace, got {source}")


def _folder(folder: Path) -> Iterator[Marked]:
    for path in images.walk([folder]):
        parts = path.relative_to(folder).parts
        name = parts[0] if len(parts) > 1 else _by_file(path)
        yield Marked(name, os.fspath(path), os.fspath(path))


def _table(source: Path, rows: list[dict[str, Any]]) -> Iterator[Marked]:
    """Rows with a picture, and where they say so, the face's place in it; each picture and place once."""
    seen: set[tuple[Path, Box | None]] = set()
    named = [row for row in rows if isinstance(row, dict) and (row.get("identity") or row.get("img_name"))]
    if not named:
        raise InputError(f"expected rows with an identity or img_name in {source}, there are none")
    for row in named:
        path = _found(source, str(row.get("identity") or row["img_name"]))
        region = _region(path, row)
        if (path, region) not in seen:
            seen.add((path, region))
            yield Marked(_by_place(source, path), os.fspath(path), os.fspath(path), region)


def _database(source: Path) -> Iterator[Marked]:
    try:
        connection = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            names = [name for (name,) in connection.execute("SELECT DISTINCT img_name FROM embeddings ORDER BY id")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise InputError(f"expected DeepFace's table of embeddings in {source} ({error})") from error
    for name in names:
        path = _found(source, str(name))
        yield Marked(_by_place(source, path), os.fspath(path), os.fspath(path))


def _region(path: Path, row: dict[str, Any]) -> Box | None:
    """The face's box as shares of the picture; None where the row has none, or the picture cannot be opened."""
    area = row.get("facial_area")
    if isinstance(area, dict):
        values = [area.get(key) for key in ("x", "y", "w", "h")]
    else:
        values = [row.get(f"target_{key}") for key in ("x", "y", "w", "h")]
    try:
        x, y, width, height = (float(value) for value in values)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        return None
    try:
        across, down = size_of(path)
    except (ImageFormatError, OSError):
        return None
    return Box(x / across, y / down, (x + width) / across, (y + height) / down)


def _found(source: Path, written: str) -> Path:
    """The picture that a row names: as written, or beside the table."""
    path = Path(written)
    beside = source.parent / path
    return path if path.is_absolute() or (path.exists() and not beside.exists()) else beside


def _by_place(source: Path, path: Path) -> str:
    """The sub-folder's name, unless the picture lies where the table does."""
    folder = path.parent
    return _by_file(path) if folder.resolve() == source.parent.resolve() or not folder.name else folder.name


def _by_file(path: Path) -> str:
    return _NUMBERED.sub("", path.stem) or path.stem


def _objects(source: Path) -> list[dict[str, Any]]:
    """A list of objects, an object of columns (pandas), or an object a line."""
    text = _text(source)
    try:
        if source.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"expected JSON in {source} ({error})") from error
    if isinstance(value, dict) and value and all(isinstance(column, dict) for column in value.values()):
        keys = list(next(iter(value.values())))  # {"identity": {"0": …}, "target_x": {"0": …}}
        return [{name: column.get(key) for name, column in value.items()} for key in keys]
    return _flat(value)


def _flat(value: Any) -> list[dict[str, Any]]:
    """Objects of a list, and of lists in it: `find` answers with a list a face."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    return [item for part in value for item in (part if isinstance(part, list) else [part]) if isinstance(item, dict)]


def _text(source: Path) -> str:
    with source.open("rb") as file:
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise InputError(f"expected a table of at most {_MOST >> 20} MiB, {source} is larger; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"expected UTF-8 text in {source}") from None


def _begins(path: Path, head: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(head)) == head
