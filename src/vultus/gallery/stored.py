"""Reading what is stored of many faces at once: vectors and crops in the clear, however they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vultus.gallery.records import Owner, Records
from vultus.gallery.sealing import Unsealable

__all__ = ["Damaged", "crops", "vectors"]

_CHUNK = 20_000  # rows fetched at once
_PICTURES = 200  # crops fetched at once, some 8 MB

Damaged = Callable[[str, str], None]  # told the id of a face and what is wrong with its value
Row = tuple[int, int, bytes]  # face, person, value


def vectors(
    connection: Records, contract: int, faces: Sequence[int] | None = None, *, damaged: Damaged | None = None
) -> Iterator[list[Row]]:
    """Vectors under a contract, those of some faces or of all in the order of their rows, in lists of some thousand.

    damaged: is told of values that do not open, which are left out; None: they are refused (Unsealable).
    """
    (key,) = connection.execute("SELECT key FROM contract WHERE id = ?", (contract,)).fetchone()
    clear, sealed = _questions("template", "vector")
    if faces is None:
        where = "WHERE template.contract = ? ORDER BY template.face"
        yield from _read(connection, clear + where, sealed + where, (contract,), ("vector", key), _CHUNK, damaged)
        return
    where = "WHERE template.contract = ? AND template.face IN (SELECT value FROM json_each(?)) ORDER BY template.face"
    for start in range(0, len(faces), _CHUNK):
        wanted = "[" + ",".join(str(face) for face in faces[start : start + _CHUNK]) + "]"
        yield from _read(
            connection, clear + where, sealed + where, (contract, wanted), ("vector", key), _CHUNK, damaged
        )


def crops(
    connection: Records, where: str = "", values: Sequence[object] = (), *, damaged: Damaged | None = None
) -> Iterator[list[Row]]:
    """Kept crops as PNG, in the order of their faces; where: SQL on `crop`, such as a condition and a limit."""
    clear, sealed = _questions("crop", "png")
    yield from _read(connection, clear + where, sealed + where, tuple(values), ("crop",), _PICTURES, damaged)


def _questions(table: str, column: str) -> tuple[str, str]:
    # The table of values comes first and stays first (CROSS JOIN): its order is the order of the answer.
    joined = f"FROM {table} CROSS JOIN face ON face.id = {table}.face"
    return (
        f"SELECT {table}.face, face.person, {table}.{column} {joined} ",
        f"""SELECT {table}.face, face.person, {table}.{column}, face.uuid, person.uuid, person.key {joined}
            CROSS JOIN person ON person.id = face.person """,
    )


def _read(
    connection: Records,
    clear: str,
    sealed: str,
    values: tuple[object, ...],
    kind: tuple[str, ...],
    size: int,
    damaged: Damaged | None,
) -> Iterator[list[Row]]:
    seal = connection.seal
    rows = connection.execute(clear if seal is None else sealed, values)
    while part := rows.fetchmany(size):
        if seal is None:
            yield part
            continue
        seal.preload(key for *_, key in part)
        opened: list[Row] = []
        for face, person, blob, uuid, holder, key in part:
            what = (kind[0], holder, uuid, *kind[1:])
            try:
                opened.append((face, person, connection.opened(Owner(holder, key), blob, *what)))
            except Unsealable as error:
                if damaged is None:
                    raise
                damaged(uuid, str(error))
        yield opened
