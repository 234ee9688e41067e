"""The connection to the database of record, which knows how its values are sealed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from vultus.gallery.sealing import Seal

__all__ = ["Owner", "Records", "owner"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose values they are: a person's id, and the id of their data key (None: a gallery in the clear)."""

    person: str
    key: str | None


class Records(sqlite3.Connection):
    """SQLite's connection with the gallery's seal; without one, values are stored as they are.

    What a value is of (kind, person, face, contract) is bound to it: see `sealing`.
    """

    seal: Seal | None = None

    def name_tag(self, name: str) -> str:
        """What stands in a column `name`, and is looked up by."""
        return name if self.seal is None else self.seal.name_tag(name)

    def picture_tag(self, sha256: bytes | None) -> bytes | None:
        """What stands in a column `sha256`, and is looked up by."""
        return sha256 if self.seal is None or sha256 is None else self.seal.picture_tag(sha256)

    def new_key(self) -> str | None:
        """Id of a data key that was made for a new person; None in the clear."""
        return None if self.seal is None else self.seal.new_key()

    def closed(self, who: Owner, data: bytes, *what: str) -> bytes:
        """A value as it is stored in place of itself."""
        return data if self.seal is None else self.seal.close(who.key or "", data, *what)

    def opened(self, who: Owner, stored: bytes, *what: str) -> bytes:
        """A value that `closed` made; refused (Unsealable): changed, moved, of a key that is gone."""
        return stored if self.seal is None else self.seal.open_(who.key, stored, *what)

    def beside(self, who: Owner, data: bytes, *what: str) -> bytes | None:
        """A value for a column `sealed`; None in the clear, where it stands in its own column."""
        return None if self.seal is None else self.seal.close(who.key or "", data, *what)

    def name(self, who: Owner, stored: str, sealed: bytes | None) -> str:
        """A person's name, or an alias, from its two columns."""
        if self.seal is None:
            return stored
        return self.seal.open_(who.key, sealed, "name", who.person).decode()


def owner(connection: Records, row: int) -> Owner:
    """The owner of a person's row."""
    person, key = connection.execute("SELECT uuid, key FROM person WHERE id = ?", (row,)).fetchone()
    return Owner(person, key)
