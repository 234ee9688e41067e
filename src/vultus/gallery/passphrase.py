"""Files under a passphrase: a stream that is sealed in chunks, and read again at any place.

    magic 8 | version u32 | scrypt log2(n) u32, r u32, p u32 | salt 16 | chunks

A chunk is 64 KiB of the text and a tag of 16 bytes, sealed by AES-256-GCM. Its nonce is its
number (8 bytes) and whether it is the last (4 bytes), so that no chunk can be left out, doubled,
moved or cut off; the key is of this file alone, since its salt is random, so no nonce comes twice.
The associated data is the header. (The construction is STREAM: Hoang, Reyhanitabar, Rogaway,
Vizár, CRYPTO 2015.) The key comes from the passphrase by scrypt (RFC 7914).
"""

from __future__ import annotations

import hashlib
import io
import secrets
import struct
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from vultus.errors import GalleryError, InputError
from vultus.gallery.sealing import cipher_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["MAGIC", "OpenedFile", "SealedFile", "is_sealed"]

MAGIC = b"VULTUSXP"
_VERSION = 1
_HEAD = struct.Struct("<8sIIII16s")
_LOG_N, _R, _P = 16, 8, 1  # 64 MiB and some 0.2 s for each guess
_MOST_LOG_N = 20  # of a file that comes from anywhere: 1 GiB
_CHUNK = 1 << 16
_TAG = 16
_SHORTEST = 12  # characters of a passphrase


def is_sealed(path: Path) -> bool:
    """The file begins as one under a passphrase does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class SealedFile(io.RawIOBase):
    """Written to like a file that cannot be rewound; `close` writes the last chunk and leaves the file open.

    Refused (InputError): a passphrase of under 12 characters.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        if len(passphrase) < _SHORTEST:
            raise InputError(f"expected a passphrase of {_SHORTEST} characters or more, got {len(passphrase)}")
        salt = secrets.token_bytes(16)
        self._head = _HEAD.pack(MAGIC, _VERSION, _LOG_N, _R, _P, salt)
        self._cipher = _cipher(passphrase, salt, _LOG_N, _R, _P)
        self._file = file
        self._waiting = bytearray()
        self._number = 0
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Seal what fills a chunk, keep the rest."""
        self._waiting += memoryview(data)
        while len(self._waiting) > _CHUNK:  # the last chunk is known only at the end
            self._put(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return memoryview(data).nbytes

    def close(self) -> None:
        """Seal what is left as the last chunk."""
        if not self.closed:
            self._put(bytes(self._waiting), last=True)
            self._waiting.clear()
        super().close()

    def _put(self, text: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), text, self._head))
        self._number += 1


class OpenedFile(io.RawIOBase):
    """Read like a file in the clear, from any place; nothing of it is written anywhere.

    Refused (GalleryError): no such file, a wrong passphrase, a file that was changed or cut.
    """

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._head = file.read(_HEAD.size)
        if len(self._head) < _HEAD.size or not self._head.startswith(MAGIC):
            raise GalleryError("expected a file under a passphrase, it is something else")
        _, version, log_n, r, p, salt = _HEAD.unpack(self._head)
        if version != _VERSION or not 10 <= log_n <= _MOST_LOG_N or not 1 <= r <= 16 or not 1 <= p <= 4:
            raise GalleryError(f"a sealed file of version {version} with unknown settings; update vultus")
        self._cipher = _cipher(passphrase, salt, log_n, r, p)
        body = file.seek(0, io.SEEK_END) - _HEAD.size
        self._chunks = -(-body // (_CHUNK + _TAG))
        self._size = body - self._chunks * _TAG
        if self._size < 0 or not self._chunks:
            raise GalleryError("the sealed file is cut off")
        self._place = 0
        self._held: tuple[int, bytes] = (-1, b"")
        self._chunk(self._chunks - 1)  # a wrong passphrase and a cut file show here, before anything is believed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place of the text."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"a place before the beginning: {start + offset}")
        self._place = start + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Up to the end of the chunk in which the place lies."""
        view = memoryview(buffer).cast("B")
        if self._place >= self._size or not len(view):
            return 0
        number, start = divmod(self._place, _CHUNK)
        part = self._chunk(number)[start : start + len(view)]
        view[: len(part)] = part
        self._place += len(part)
        return len(part)

    def _chunk(self, number: int) -> bytes:
        if self._held[0] != number:
            self._file.seek(_HEAD.size + number * (_CHUNK + _TAG))
            last = number == self._chunks - 1
            self._held = (number, self._open(self._file.read(_CHUNK + _TAG), number, last=last))
        return self._held[1]

    def _open(self, data: bytes, number: int, *, last: bool) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(_nonce(number, last=last), data, self._head)
        except (InvalidTag, ValueError):
            raise GalleryError("wrong passphrase, or the file was changed or cut") from None


def _cipher(passphrase: str, salt: bytes, log_n: int, r: int, p: int) -> AESGCM:
    n = 1 << log_n
    said = unicodedata.normalize("NFKC", passphrase).encode()  # the same however a keyboard composes it
    return cipher_of(hashlib.scrypt(said, salt=salt, n=n, r=r, p=p, maxmem=128 * n * r * p + (1 << 22), dklen=32))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(8, "big") + int(last).to_bytes(4, "big")
