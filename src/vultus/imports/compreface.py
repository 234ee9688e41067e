"""What comes out of CompreFace: a folder of a subject's pictures, a list of them, or a dump of its database.

- a folder `export/Subject/picture.jpg`, a sub-folder a subject;
- a folder with `faces.csv` or `faces.json`: rows `subject`, `image_id` as its REST API lists them
  (`GET /api/v1/recognition/faces`), the pictures beside it as `image_id.jpg`, `.jpeg` or `.png`;
- a plain-text dump of its PostgreSQL database (`pg_dump --format=plain`): the tables `subject` (id,
  api_key, subject_name), `embedding` (id, subject_id, …, img_id) and `img` (id, content bytea), read
  from their COPY blocks. Of a server with `save_images_to_db=false` there are no pictures to take.

Embeddings are not taken: they are of another model. Several face collections in one dump are one here;
subjects of the same name become one person. Written after CompreFace 1.2's documentation and entities;
not verified against a dump of a running server.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vultus import images
from vultus.errors import InputError, NotFoundError
from vultus.imports.marked import Marked

__all__ = ["read"]

_LISTS = ("faces.csv", "faces.json")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", "")
_LIST_BYTES = 64 * 2**20
_LINE = 64 * 2**20  # bytes of a line of a dump: a picture in hex
_TABLES = ("subject", "embedding", "img")


def read(source: Path) -> Iterator[Marked]:
    """Every subject's pictures. Refused: nothing there (NotFoundError), something else (InputError)."""
    if not source.exists():
        raise NotFoundError(f"{source}: there is no such file or folder; check the path")
    if source.is_file():
        if source.name in _LISTS:
            yield from _listed(source)
        else:
            yield from _dump(source)
        return
    listed = next((source / name for name in _LISTS if (source / name).is_file()), None)
    if listed is not None:
        yield from _listed(listed)
        return
    for path in images.walk([source]):
        parts = path.relative_to(source).parts
        if len(parts) > 1:
            yield Marked(parts[0], os.fspath(path), os.fspath(path))


def _listed(path: Path) -> Iterator[Marked]:
    """A list of subjects and ids, the pictures beside it."""
    with path.open("rb") as file:
        data = file.read(_LIST_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
        if path.suffix == ".csv":
            rows: list[Any] = list(csv.DictReader(text.splitlines()))
        else:
            value = json.loads(text)
            rows = value["faces"] if isinstance(value, dict) else value
    except (ValueError, KeyError, RecursionError) as error:
        raise InputError(f"expected a list of faces in {path} ({error})") from error
    if not isinstance(rows, list) or len(data) > _LIST_BYTES:
        raise InputError(f"expected a list of faces in {path}, of at most {_LIST_BYTES >> 20} MiB")
    for row in rows:
        if not isinstance(row, dict) or not row.get("subject") or not row.get("image_id"):
            raise InputError(f"expected subject and image_id in every row of {path}, got {row!r:.80}")
        name = Path(str(row["image_id"])).name  # an id, never a path
        found = next(
            (path.parent / (name + kind) for kind in _PICTURES if (path.parent / (name + kind)).is_file()), None
        )
        picture = path.parent / f"{name}.jpg" if found is None else found
        yield Marked(str(row["subject"]), os.fspath(picture), os.fspath(picture))


def _dump(path: Path) -> Iterator[Marked]:
    """Subjects, which pictures are theirs, and the pictures, from one walk over the dump for each table.

    Pictures are decoded one at a time: a dump may be larger than the memory.
    """
    with path.open("rb") as file:
        if file.read(5) == b"PGDMP":
            raise InputError(f"{path} is a dump in PostgreSQL's own format; make one with pg_dump --format=plain")
        places = _places(file)
        if missing := [name for name in _TABLES if name not in places]:
            raise InputError(
                f"expected a plain dump of CompreFace with the tables {', '.join(_TABLES)}, {path} lacks "
                f"{', '.join(missing)}"
            )
        subjects = {row["id"]: row["subject_name"] for row in _rows(file, places["subject"])}
        owners = {row.get("img_id"): row["subject_id"] for row in _rows(file, places["embedding"])}
        for row in _rows(file, places["img"]):
            # The older schema names the subject in the picture's own row.
            subject = subjects.get(owners.get(row["id"]) or row.get("subject_id"))
            content = row.get("content")
            if subject is None or content is None or not content.startswith("\\x"):
                continue
            try:
                picture = bytes.fromhex(content[2:])
            except ValueError:
                picture = b""  # will be refused as unreadable, by its id
            yield Marked(subject, picture, f"compreface:{row['id']}")


def _places(file: BinaryIO) -> dict[str, tuple[int, list[str]]]:
    """Where the rows of each table begin, and the names of their columns."""
    found: dict[str, tuple[int, list[str]]] = {}
    file.seek(0)
    while line := file.readline(_LINE):
        if not line.startswith(b"COPY ") or not line.rstrip().endswith(b"FROM stdin;"):
            continue
        table, _, rest = line[5:].decode("utf-8", "replace").partition("(")
        name = table.strip().rpartition(".")[2].strip('"')
        columns = [column.strip().strip('"') for column in rest.partition(")")[0].split(",")]
        found.setdefault(name, (file.tell(), columns))
    return found


def _rows(file: BinaryIO, place: tuple[int, list[str]]) -> Iterator[dict[str, str | None]]:
    """The rows of a COPY block, its escapes undone."""
    start, columns = place
    file.seek(start)
    while line := file.readline(_LINE):
        text = line.rstrip(b"\n")
        if text == b"\\.":
            return
        at = file.tell()
        values = [_unescaped(value) for value in text.decode("utf-8", "replace").split("\t")]
        if len(values) != len(columns):
            raise InputError(f"expected {len(columns)} columns in a row of the dump, got {len(values)}")
        yield dict(zip(columns, values, strict=True))
        file.seek(at)  # whoever reads another table meanwhile has moved us
    raise InputError("the dump ends inside a table; get the whole file")


_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def _unescaped(value: str) -> str | None:
    r"""A value as PostgreSQL's COPY text format has it; None for \N.

    >>> _unescaped("a\\tb"), _unescaped("\\N"), _unescaped("\\\\x00")
    ('a\tb', None, '\\x00')
    """
    if value == "\\N":
        return None
    if "\\" not in value:
        return value
    parts: list[str] = []
    at = 0
    while at < len(value):
        letter = value[at]
        if letter == "\\" and at + 1 < len(value):
            at += 1
            letter = _ESCAPES.get(value[at], value[at])
        parts.append(letter)
        at += 1
    return "".join(parts)
