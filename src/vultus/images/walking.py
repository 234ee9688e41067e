"""The files behind a list of files and folders, in an order that does not change."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from vultus.errors import InputError
from vultus.images.fetching import is_url
from vultus.images.formats import HEAD_BYTES, IMAGE_SUFFIXES, sniff

__all__ = ["walk"]

OnError: TypeAlias = Callable[[Path, OSError], None]

log = logging.getLogger("vultus.images")


def walk(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    suffixes: Collection[str] = IMAGE_SUFFIXES,
    on_error: OnError | None = None,
) -> Iterator[Path]:
    """Yield the named files, and the pictures inside the named folders.

    A file that is named is yielded whatever it is, even when it is missing: whoever reads it
    gives the reason. Inside a folder come first its files in the order of their names, then
    its sub-folders, each to its full depth. A file counts when its suffix, in lower case, is
    in `suffixes` or its first bytes are those of a picture; names that begin with a dot do not.
    Links are followed, and a real folder is visited once, so that a loop of links ends.
    suffixes: `IMAGE_SUFFIXES`, or with `VIDEO_SUFFIXES` added.
    on_error: is told of each folder, file or link that cannot be read; else it is logged.
    Refused (InputError): addresses.
    """
    visited: set[tuple[int, int]] = set()
    report = on_error or _log
    for source in [sources] if isinstance(sources, str | os.PathLike) else sources:
        if is_url(source):
            raise InputError(f"expected files and folders, got the address {source}; read it by itself")
        path = Path(source)
        if _is_folder(path):
            yield from _inside(path, frozenset(suffixes), visited, report)
        else:
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _inside(root: Path, suffixes: frozenset[str], visited: set[tuple[int, int]], report: OnError) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            about = folder.stat()
            if (about.st_dev, about.st_ino) in visited:
                continue
            visited.add((about.st_dev, about.st_ino))
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208
        except OSError as error:
            report(folder, error)
            continue
        deeper: list[Path] = []
        for path in (folder / name for name in names):
            try:
                mode = path.stat().st_mode
                if stat.S_ISDIR(mode):
                    deeper.append(path)
                    continue
                wanted = stat.S_ISREG(mode) and (path.suffix.lower() in suffixes or _is_picture(path))
            except OSError as error:
                report(path, error)
                continue
            if wanted:
                yield path
        waiting.extend(reversed(deeper))


def _is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES)) is not None


def _log(path: Path, error: OSError) -> None:
    log.warning("passed over %s: %s", path, error.strerror)
