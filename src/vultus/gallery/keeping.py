"""The verbs that keep a gallery: sealing it, its keys, backups, exports, and taking back in."""

from __future__ import annotations

import os
from pathlib import Path

from vultus.errors import InputError
from vultus.gallery import archive, backup, copies, erasure, exporting, importing, resealing
from vultus.gallery.exporting import Progress
from vultus.gallery.importing import OnConflict
from vultus.gallery.masterkey import MasterKey
from vultus.gallery.session import Session
from vultus.gallery.values import Backup, Export, Import, Keep, Sealing

__all__ = ["Keeping"]


class Keeping(Session):
    """What is done to a gallery as a whole."""

    def seal(
        self,
        master_key: MasterKey,
        *,
        key_file: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Sealing:
        """Encrypt vectors, crops, names and all else that is written of people; see `vultus.gallery.sealing`.

        key_file: where the data keys go; None is `keys.sqlite` in the gallery's folder. Keep the
        master key elsewhere: whoever has both has everything. Other processes must open the
        gallery again. In memory, vectors are in the clear.

        Refused: a gallery that is sealed (GalleryError), a key file that holds keys
        (ConflictError), a disk with too little room for everything twice (StorageError).
        """
        place = None if key_file is None else Path(key_file)
        with self._store.lock:
            return resealing.seal(self._store, self._live, master_key, key_file=place, progress=progress)

    def unseal(self, *, progress: Progress | None = None) -> Sealing:
        """Write everything in the clear again and destroy the keys. Refused (GalleryError): not sealed."""
        with self._store.lock:
            return resealing.unseal(self._store, self._live, progress=progress)

    def rotate_master_key(self, master_key: MasterKey) -> int:
        """Wrap the data keys by another master key; how many. Quick: no value is touched.

        A copy of the key file that was made before still opens with the old master key.
        Refused (GalleryError): not sealed.
        """
        with self._store.lock:
            return resealing.rewrap(self._store, master_key)

    def rotate_data_keys(self, *, progress: Progress | None = None) -> int:
        """Give every person a new data key, seal their values anew, destroy the old keys; how many people.

        Backups without the key file that were made before cannot be read from then on. Old keys
        that another process may still need go when the gallery is next compacted.
        Refused (GalleryError): not sealed.
        """
        with self._store.lock:
            return resealing.renew_keys(self._store, progress=progress)

    def keep_crops(self, keep: Keep) -> None:
        """Keep the crops of faces that are enrolled from now on, or none; those that were kept stay.

        Refused (InputError): anything but "aligned" and "none".
        """
        if keep not in ("aligned", "none"):
            raise InputError(f"expected keep aligned or none, got {keep!r}")
        with self._store.write() as connection:
            connection.execute("UPDATE gallery SET keep = ?1 WHERE keep <> ?1", (keep,))

    def compact(self) -> None:
        """Write a snapshot, empty the write-ahead log, and destroy the keys of people who were removed."""
        self._save_snapshot()
        self._store.checkpoint()
        with self._store.lock:
            erasure.sweep_keys(self._store)

    def backup(
        self, folder: str | os.PathLike[str], *, with_keys: bool = False, progress: Progress | None = None
    ) -> Backup:
        """Copy the gallery to a new folder while it is in use; `vultus.gallery.restore` makes a gallery of it.

        with_keys: put the key file of a sealed gallery in as well. Without it the backup can be
        read only beside the key file in use, so that whoever is erased later is erased there too.
        Refused: a folder that is there (ConflictError), a full disk (StorageError).
        """
        with self._store.lock:
            return backup.back_up(self._store, Path(folder), with_keys=with_keys, progress=progress)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        passphrase: str | None = None,
        clear: bool = False,
    ) -> Export:
        """Write the gallery to one file, readable by its owner only; under a passphrase, or in the clear.

        passphrase: of 12 characters or more. clear: of a sealed gallery, write the clear.
        Refused: a sealed gallery with neither (InputError), a file that is there (ConflictError,
        without `overwrite`), a gallery in which nothing was ever enrolled (GalleryError), a full
        disk (StorageError).
        """
        with self._store.read() as connection:
            (revision,) = connection.execute("SELECT revision FROM gallery").fetchone()
            done = exporting.export(
                connection, Path(path), overwrite=overwrite, progress=progress, passphrase=passphrase, clear=clear
            )
        if not self._store.read_only:
            with self._store.write(counted=False) as connection:
                copies.note(connection, "export", str(path), revision=revision, open_=True)
        return done

    def import_(
        self,
        path: str | os.PathLike[str],
        *,
        on_conflict: OnConflict = "refuse",
        progress: Progress | None = None,
        passphrase: str | None = None,
    ) -> Import:
        """Take in the people of an exported file: all of them or, when anything is wrong, none.

        on_conflict: a name that is taken: "refuse" (ConflictError), or "merge" its faces.
        Refused also: a file that is no export, is damaged, contradicts itself, or does not open
        with the passphrase (GalleryError), embeddings of another model (ContractMismatchError).
        """
        if on_conflict not in ("refuse", "merge"):
            raise InputError(f"expected on_conflict refuse or merge, got {on_conflict!r}")
        with archive.opened(Path(path), passphrase) as opened, self._store.write() as connection:
            declared = self._agreed(connection)
            done = importing.take_in(connection, opened, declared=declared, on_conflict=on_conflict, progress=progress)
        with self._store.read() as connection:
            self._live.refresh(connection)  # what was read in bulk is left as a snapshot when the gallery is closed
        return done
