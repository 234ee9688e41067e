"""The mark key: 32 secret bytes that a fragile mark is made from, and read with.

Whoever marks photos and whoever checks marks holds it, nobody else: with it a mark can be put into any
picture. So it is not the signing key, and it proves less than a signature does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.integrity.keeping import read_key_file, write_new

__all__ = ["KEYLESS", "LONGEST_DOC_ID", "MarkKey", "checked_doc_id", "new_doc_id", "new_mark_key", "read_mark_key"]

LONGEST_DOC_ID = 64  # bytes of UTF-8
_BYTES = 32
_SECRET = b"vultus-mark-1\0"
_ORDER = b"vultus-order-1\0"


@dataclass(frozen=True, slots=True)
class MarkKey:
    """The secret, never printed; two are equal when their secrets are.

    >>> MarkKey.of("00" * 32).id
    '7d76eded'
    """

    secret: bytes = field(repr=False)
    id: str = field(init=False, compare=False)  # tells keys apart in messages, and nothing about the key

    def __post_init__(self) -> None:
        """Refused (InputError): anything but 32 bytes."""
        if len(self.secret) != _BYTES:
            raise InputError(f"expected a mark key of {_BYTES} bytes, got {len(self.secret)}")
        object.__setattr__(self, "id", hashlib.sha256(b"vultus mark key\0" + self.secret).hexdigest()[:8])

    @classmethod
    def of(cls, text: str) -> MarkKey:
        """A key as it is written: 64 hex digits."""
        written = "".join(text.split())
        try:
            return cls(bytes.fromhex(written))
        except (ValueError, InputError):
            raise InputError(
                f"expected a mark key as {2 * _BYTES} hex digits, got {len(written)} characters that are none; "
                "make one with vultus document key new"
            ) from None

    def stream(self, doc_id: str, count: int, *, counter: int = 0) -> bytes:
        """`count` blocks of 32 secret bytes that belong to a document.

        HMAC-SHA256(key, "vultus-mark-1" 0 doc_id 0 counter), the counter in four bytes, big-endian.

        >>> MarkKey(bytes(range(32))).stream("TEST-0001", 1).hex()
        'aedd08bab621c5a86b5970bebbe0c191802399edade896b5eccd5a48ae03de70'
        """
        return self._stream(_SECRET, doc_id, count, counter)

    def order(self, doc_id: str, size: int) -> NDArray[np.intp]:
        """A permutation of `size` places, keyed to the document: the order of as many secret 64-bit words."""
        words = self._stream(_ORDER, doc_id, -(-size * 8 // 32), 0)
        return np.argsort(np.frombuffer(words, ">u8")[:size], kind="stable")

    def _stream(self, label: bytes, doc_id: str, count: int, counter: int) -> bytes:
        head = label + doc_id.encode() + b"\0"
        blocks = (
            hmac.digest(self.secret, head + number.to_bytes(4, "big"), "sha256")
            for number in range(counter, counter + count)
        )
        return b"".join(blocks)


KEYLESS = MarkKey(bytes(_BYTES))
"""A key that everybody has. A mark made with it labels a picture and authenticates nothing."""


def read_mark_key(path: str | os.PathLike[str]) -> MarkKey:
    """The key in a file of 64 hex digits.

    A file that others may read is used with a warning.
    Refused: no such file (NotFoundError), one that holds no key (InputError).
    """
    data = read_key_file(Path(path), "the mark key")
    try:
        return MarkKey.of(data.decode("ascii"))
    except (UnicodeDecodeError, InputError):
        raise InputError(f"{path}: expected a mark key, {2 * _BYTES} hex digits, got something else") from None


def new_mark_key(path: str | os.PathLike[str]) -> MarkKey:
    """Make a key and write it to a new file that only its owner reads; one that is there is refused (ConflictError)."""
    key = MarkKey(secrets.token_bytes(_BYTES))
    write_new(Path(path), key.secret.hex().encode() + b"\n", "the mark key")
    return key


def new_doc_id() -> str:
    """A document number that nobody can guess: 16 hex digits."""
    return secrets.token_hex(8).upper()


def checked_doc_id(text: str) -> str:
    """A document number that can stand in a signature and a mark; anything else is refused (InputError).

    >>> checked_doc_id("TEST-0001")
    'TEST-0001'
    """
    if not text or not text.isprintable() or text != text.strip() or len(text.encode()) > LONGEST_DOC_ID:
        raise InputError(
            f"expected a document number of 1 to {LONGEST_DOC_ID} bytes, printable, without blanks at its ends, "
            f"got {text!r:.80}"
        )
    return text
