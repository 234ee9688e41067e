"""The galleries of a folder by name: found, opened once, made, changed, deleted."""

from __future__ import annotations

import re
import shutil
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vultus.errors import ConflictError, InputError, NotFoundError, StorageError, VultusError
from vultus.gallery import Gallery
from vultus.gallery.masterkey import read_master_key
from vultus.gallery.store import DATABASE
from vultus.server.auth import GALLERY_NOT_FOUND
from vultus.server.descriptions import Descriptions
from vultus.server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vultus.gallery.values import Person

__all__ = ["GALLERY_NAME", "Galleries"]

GALLERY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


class Galleries(ABC):
    """A folder of galleries, or one gallery alone; see `Service`."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet."""
        self.settings = settings
        self._master_key = None if settings.master_key is None else read_master_key(settings.master_key)
        self.descriptions = Descriptions(settings.state / "galleries.json")
        self._lock = threading.RLock()
        self._open: dict[str, Gallery] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._people: dict[str, tuple[int, tuple[Person, ...]]] = {}
        self._changing: dict[str, threading.RLock] = {}

    @abstractmethod
    def open_gallery(self, folder: Path, **options: Any) -> Gallery:
        """Open the gallery in a folder, with the service's models. options: of `Gallery.open`."""

    @property
    def single(self) -> bool:
        """The root is itself a gallery, the only one."""
        return (self.settings.root / DATABASE).exists()

    def galleries(self) -> tuple[str, ...]:
        """Names of all galleries."""
        if self.single:
            return (self._single_name,)
        try:
            found = [path.parent.name for path in self.settings.root.glob(f"*/{DATABASE}")]
        except OSError as error:
            raise StorageError(f"{self.settings.root} cannot be read ({error.strerror})") from error
        return tuple(sorted(name for name in found if GALLERY_NAME.fullmatch(name)))

    def gallery(self, name: str) -> Gallery:
        """A gallery by its name, opened once and kept; one that is not there is refused (NotFoundError)."""
        if (found := self._open.get(name)) is not None:
            return found
        folder = self._folder(name)
        if folder is None or not (folder / DATABASE).exists():
            raise NotFoundError(GALLERY_NOT_FOUND.format(name=name))
        with self._lock:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:  # a large one takes its time, and the others need not wait for it
            if name not in self._open:
                self._open[name] = self._opened(folder, create=False)
            return self._open[name]

    def create_gallery(self, name: str, **options: Any) -> Gallery:
        """A new gallery. options: of `Gallery.open`, such as keep="none".

        Refused: a name that is taken (ConflictError), or that cannot be a folder's (InputError).
        """
        if not GALLERY_NAME.fullmatch(name):
            raise InputError(
                "expected a gallery's name of 1 to 200 letters, digits, dots, dashes and underscores, beginning "
                f"with a letter, a digit or an underscore, got {name[:210]!r}"
            )
        if self.single:
            raise ConflictError("one gallery alone is served here; serve a folder of galleries to have several")
        with self._lock:
            # On file systems that do not tell "Staff" from "staff" they would be one.
            if name.casefold() in {known.casefold() for known in self.galleries()}:
                raise ConflictError(f"expected a name that is free, the gallery {name!r} is there already")
            self._open[name] = self._opened(self.settings.root / name, create=True, **options)
            return self._open[name]

    def aside(self, name: str) -> Gallery:
        """A gallery opened once more and without the service's models, for whoever changes its model; to be closed.

        Refused (NotFoundError): one that is not there.
        """
        folder = self._folder(name)
        if folder is None or not (folder / DATABASE).exists():
            raise NotFoundError(GALLERY_NOT_FOUND.format(name=name))
        return Gallery.open(folder, create=False, master_key=self._master_key)

    def unfinished_erasures(self, name: str, *, closed: bool = False) -> tuple[str, ...]:
        """Ids of the people whose erasure in a gallery is not finished.

        closed: look into one that is not open too, without keeping it open; else there are none.
        Refused: see `Gallery.open`.
        """
        if (found := self._open.get(name)) is not None:
            return found.pending_erasures()
        folder = self._folder(name)
        if not closed or folder is None:
            return ()
        with Gallery.open(folder, create=False, read_only=True, master_key=self._master_key) as looked:
            return looked.pending_erasures()

    def delete_gallery(self, name: str) -> None:
        """Close a gallery and delete its folder; it is gone at once, also after a crash half-way.

        Also one that cannot be opened: whose key is lost, which is damaged, or of another model.
        """
        if self.single:
            raise ConflictError("one gallery alone is served here, it cannot be deleted")
        folder = self._folder(name)
        with self._lock:
            if folder is None or not (folder / DATABASE).exists():
                raise NotFoundError(GALLERY_NOT_FOUND.format(name=name))
            if (found := self._open.pop(name, None)) is not None:
                with suppress(VultusError):  # what could not be tidied up goes with the rest
                    found.close()
            self._people.pop(name, None)
            self._opening.pop(name, None)
            gone = self.settings.state / f"deleted-{uuid4().hex}"
            try:
                (self.settings.root / name).rename(gone)
                shutil.rmtree(gone)
            except OSError as error:
                raise StorageError(f"the gallery {name} cannot be deleted ({error.strerror})") from error
        self.descriptions.write(name, "")

    def people(self, name: str, gallery: Gallery) -> tuple[Person, ...]:
        """Everybody of a gallery by name; the list is made anew when the gallery has changed."""
        revision = gallery.revision
        known = self._people.get(name)
        if known is None or known[0] != revision:
            known = (revision, tuple(sorted(gallery.people(), key=lambda person: person.name)))
            self._people[name] = known
        return known[1]

    def changing(self, name: str) -> threading.RLock:
        """A lock for changes that depend on what was seen, so that nobody else's comes in between."""
        return self._changing.setdefault(name, threading.RLock())

    @property
    def _single_name(self) -> str:
        name = self.settings.root.resolve().name
        return name if GALLERY_NAME.fullmatch(name) else "gallery"

    def _folder(self, name: str) -> Path | None:
        if self.single:
            return self.settings.root if name == self._single_name else None
        return self.settings.root / name if GALLERY_NAME.fullmatch(name) else None

    def _opened(self, folder: Path, **options: Any) -> Gallery:
        return self.open_gallery(folder, master_key=self._master_key, **options)

    def _close_galleries(self) -> None:
        with self._lock:
            for gallery in self._open.values():
                gallery.close()
            self._open.clear()

    def _sum(self, read: Callable[[Gallery], int]) -> int:
        with self._lock:
            opened = list(self._open.values())
        return sum(read(gallery) for gallery in opened)
