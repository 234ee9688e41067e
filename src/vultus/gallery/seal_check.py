"""Does everything in a sealed gallery open, and are its keys those of its people?"""

from __future__ import annotations

from collections.abc import Iterator

from vultus.gallery.details import Details
from vultus.gallery.records import Owner, Records
from vultus.gallery.sealing import Seal, Unsealable
from vultus.gallery.values import Finding

__all__ = ["findings"]

_CHUNK = 20_000  # rows


def findings(connection: Records, seal: Seal) -> Iterator[Finding]:
    """Every sealed name, alias, picture's details and word: does it open? And are the keys those of the people?"""
    for line in seal.keys.damage():
        yield Finding("key_file_damaged", line)
    present = set(seal.keys.ids())
    owners: dict[int, Owner] = {}
    for row, uuid, key, name, value in connection.execute("SELECT id, uuid, key, name, sealed FROM person").fetchall():
        owners[row] = Owner(uuid, key)
        if key is None or key not in present:
            yield Finding("key_missing", f"person {uuid}: the data key is not in {seal.keys.path.name}")
        elif wrong := _unopened(seal, owners[row], value, name, "name"):
            yield wrong
    for person, name, value in connection.execute("SELECT person, name, sealed FROM alias").fetchall():
        if wrong := _unopened(seal, owners[person], value, name, "name"):
            yield wrong
    for person, picture, value in connection.execute("SELECT person, sha256, sealed FROM feedback").fetchall():
        if wrong := _unopened(seal, owners[person], value, picture, "feedback"):
            yield wrong
    rows = connection.execute("SELECT uuid, person, sha256, sealed FROM face WHERE person IN (SELECT id FROM person)")
    while part := rows.fetchmany(_CHUNK):
        seal.preload(owners[person].key for _, person, _, _ in part)
        for uuid, person, picture, value in part:
            if wrong := _unopened(seal, owners[person], value, picture, "face", uuid):
                yield wrong


def _unopened(
    seal: Seal, who: Owner, value: bytes | None, tag: str | bytes | None, kind: str, *of: str
) -> Finding | None:
    """What is wrong with a sealed value: it does not open, or is not what it is looked up by."""
    try:
        plain = seal.open_(who.key, value, kind, who.person, *of)
    except Unsealable as error:
        return Finding("seal_broken", str(error))
    expected: str | bytes | None
    if kind == "name":
        expected = seal.name_tag(plain.decode())
    elif kind == "feedback":
        expected = seal.picture_tag(plain)
    else:
        sha256 = Details.from_json(plain).sha256
        expected = None if sha256 is None else seal.picture_tag(sha256)
    if expected == tag:
        return None
    return Finding("seal_broken", f"{kind} of person {who.person}: it is looked up by another value than its own")
