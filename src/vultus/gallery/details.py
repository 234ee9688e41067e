"""What is known of a face besides its embedding, in the clear or sealed as one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from vultus.gallery.records import Owner, Records

__all__ = ["Details", "details_of"]


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a face besides its embedding, sealed as one in a sealed gallery."""

    sha256: bytes | None = None  # of the picture
    source: str | None = None
    reading: str | None = None  # JSON

    def to_json(self) -> bytes:
        """As it is sealed."""
        sha256 = None if self.sha256 is None else self.sha256.hex()
        return json.dumps([sha256, self.source, self.reading], ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Details:
        """What `to_json` wrote."""
        sha256, source, reading = json.loads(data)
        return cls(None if sha256 is None else bytes.fromhex(sha256), source, reading)


def details_of(
    connection: Records,
    who: Owner,
    uuid: str,
    columns: tuple[bytes | None, str | None, str | None, bytes | None],
) -> Details:
    """What is known of a face's picture, from its columns sha256, source, reading and sealed."""
    sha256, source, reading, sealed = columns
    if connection.seal is None:
        return Details(sha256, source, reading)
    return Details.from_json(connection.seal.open_(who.key, sealed, "face", who.person, uuid))
