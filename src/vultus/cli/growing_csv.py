"""A CSV file that grows row by row and appears under its name when the work ends well."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from vultus.cli.output import error_console
from vultus.errors import StorageError

__all__ = ["GrowingCsv"]


class GrowingCsv:
    """Rows go into a file beside the wanted one, which takes its place at the end, also after Ctrl-C.

    Refused (StorageError): a place that cannot be written.
    """

    advice = "look at the folder and the free space"

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("x", newline="", encoding="utf-8")
        except OSError as error:
            raise self._failed(error) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if kind is None or issubclass(kind, KeyboardInterrupt):  # what was done so far is kept
                self._part.replace(self.path)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._part.unlink(missing_ok=True)
        if kind is None:
            error_console().print(f"wrote {self.path}", soft_wrap=True)

    def write(self, cells: Iterable[object]) -> None:
        """One row."""
        try:
            self._writer.writerow(cells)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(f"could not write {self.path}: {error.strerror}; {self.advice}")
