"""The error rates that an administrator chose for each gallery; thresholds follow from them."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from vultus.errors import InputError, StorageError
from vultus.files import write_atomically

__all__ = ["LEAST_RATE", "Points", "Rates"]

LEAST_RATE = 1e-9  # far below what any data can show


@dataclass(frozen=True, slots=True)
class Rates:
    """What a gallery's answers may get wrong. Refused (InputError): rates outside 1e-9 to 0.5."""

    fpir: float = 0.01  # share of strangers' searches that may name somebody
    fmr: float = 0.001  # share of pairs of different people that may pass as one

    def __post_init__(self) -> None:
        for name in ("fpir", "fmr"):
            if not LEAST_RATE <= getattr(self, name) <= 0.5:
                raise InputError(f"expected {name} of {LEAST_RATE:g} to 0.5, got {getattr(self, name)}")


class Points:
    """Rates by gallery, in a small file; safe for threads."""

    def __init__(self, path: Path) -> None:
        """Read the file. Refused (StorageError): one that cannot be read."""
        self._path = path
        self._lock = threading.Lock()
        try:
            stored = json.loads(path.read_text()) if path.exists() else {}
            self._rates = {name: Rates(**rates) for name, rates in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError, InputError) as error:
            raise StorageError(
                f"the error rates in {path} cannot be read ({error}); mend or remove the file"
            ) from error

    def of(self, gallery: str) -> Rates:
        """The rates of a gallery, the usual ones when nobody chose any."""
        return self._rates.get(gallery, Rates())

    def choose(self, gallery: str, rates: Rates | None) -> None:
        """Keep rates for a gallery; None forgets them."""
        with self._lock:
            rest = {name: kept for name, kept in self._rates.items() if name != gallery}
            self._rates = rest if rates is None else rest | {gallery: rates}
            text = json.dumps({name: asdict(kept) for name, kept in sorted(self._rates.items())}, indent=1)
            try:
                write_atomically(self._path, (text + "\n").encode())
            except OSError as error:
                raise StorageError(f"the error rates in {self._path} cannot be written ({error})") from error
