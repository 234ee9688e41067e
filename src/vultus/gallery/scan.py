"""Search files for many byte patterns at once: does anything of an erased person remain?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Needles", "files", "pieces"]

_KEY = 8  # bytes of a pattern that are compared in bulk
_CHUNK = 1 << 23
_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # multiplicative hashing: 2^64 / golden ratio


def pieces(data: bytes, *, length: int = 32, every: int = 512, skip: int = 0) -> list[bytes]:
    r"""Parts of a long value, close enough together that any page of it left over holds one.

    skip: bytes at the start that other values share, such as a picture's header. Parts of
    few different bytes are left out: they are found everywhere.

    >>> pieces(bytes(range(64)), length=8, every=32, skip=4)
    [b'\x04\x05\x06\x07\x08\t\n\x0b', b"$%&'()*+"]
    """
    found = [data[start : start + length] for start in range(skip, max(len(data) - length + 1, skip), every)]
    return [part for part in found if len(part) == length and len(set(part)) > length // 3]


class Needles:
    """Byte patterns of at least 8 bytes each, ready to be looked for in files of any size."""

    def __init__(self, patterns: Iterable[bytes]) -> None:
        self.patterns = sorted({pattern for pattern in patterns if len(pattern) >= _KEY})
        self._longest = max((len(pattern) for pattern in self.patterns), default=0)
        self._by_key: dict[int, list[bytes]] = {}
        for pattern in self.patterns:
            self._by_key.setdefault(int.from_bytes(pattern[:_KEY], "little"), []).append(pattern)
        self._keys = np.array(sorted(self._by_key), dtype=np.uint64)
        self._filter = np.zeros(1 << _BITS, dtype=bool)
        self._filter[_hash(self._keys)] = True

    def find(self, path: Path) -> tuple[set[bytes], int]:
        """Which of the patterns occur in a file, and how many bytes were read."""
        found: set[bytes] = set()
        size = 0
        tail = b""
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                size += len(data)
                window = tail + data
                found |= self.within(window)
                tail = window[max(len(window) - self._longest + 1, 0) :] if self._longest else b""
        return found, size

    def within(self, data: bytes) -> set[bytes]:
        """Which of the patterns occur in some bytes, at any offset."""
        found: set[bytes] = set()
        if not self.patterns:
            return found
        for offset in range(_KEY):
            count = max(len(data) - offset, 0) // _KEY
            words = np.frombuffer(data, dtype="<u8", offset=min(offset, len(data)), count=count)
            likely = np.flatnonzero(self._filter[_hash(words)])
            sure = likely[np.isin(words[likely], self._keys)]
            for place in sure.tolist():
                start = offset + place * _KEY
                found.update(p for p in self._by_key[int(words[place])] if data.startswith(p, start))
        return found


def _hash(words: NDArray[np.uint64]) -> NDArray[np.intp]:
    return np.asarray((words * _SPREAD) >> np.uint64(64 - _BITS), dtype=np.intp)


def files(folder: Path) -> Sequence[Path]:
    """Every file below a folder, links not followed."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
