"""Backups of a gallery that is in use, and what becomes of them when they are restored.

A backup is a folder with a copy of the database and a note of what it is:

    gallery.sqlite   the database of one moment, whole, without a log beside it
    keys.sqlite      the key file, only where it was asked for
    backup.json      format, gallery, revision, counts, SHA-256 and size of each file

The copy of a sealed gallery is sealed. Without the key file it can be read only with the key file
that is in use, and then shows nobody whose key was destroyed meanwhile: an erased person stays
erased. With the key file in it, it has to be kept like the key file itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from vultus.errors import ConflictError, GalleryError, InputError, NotFoundError, StorageError
from vultus.gallery import copies
from vultus.gallery.exporting import Progress
from vultus.gallery.folder import sync_folder
from vultus.gallery.keyfile import KEYS, KeyFile
from vultus.gallery.masterkey import MasterKey
from vultus.gallery.schema import now
from vultus.gallery.store import DATABASE, Store
from vultus.gallery.values import Backup, Restored

__all__ = ["NOTE", "back_up", "restore"]

NOTE = "backup.json"
_FORMAT = "vultus-backup"
_VERSION = 1
_PAGES = 4096  # copied at once, 16 MiB
_NOTE_BYTES = 1 << 16


def back_up(store: Store, folder: Path, *, with_keys: bool = False, progress: Progress | None = None) -> Backup:
    """Copy a gallery to a new folder while others read and write it; the folder appears whole or not at all.

    with_keys: put the key file in as well. Refused: a folder that is there (ConflictError),
    `with_keys` for a gallery in the clear (InputError), a full disk (StorageError).
    """
    if folder.exists():
        raise ConflictError(f"expected a new folder for the backup, {folder} is there")
    if with_keys and store.seal is None:
        raise InputError(f"{store.folder} is not sealed, there are no keys to back up")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            made = Path(temporary) / "backup"
            made.mkdir(mode=0o700)
            _copy(store, made / DATABASE, progress)
            if with_keys and store.seal is not None:
                # After the database: it then holds the key of everybody in the copy who was not erased since.
                store.seal.keys.copy(made / KEYS)
            note = _note(made, with_keys=with_keys)
            (made / NOTE).write_text(json.dumps(note, indent=1) + "\n")
            _sync(made)
            made.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"the backup {folder} could not be written ({error.strerror}); free some space") from error
    if not store.read_only:
        with store.write(counted=False) as connection:
            # Readable without the key file: one in the clear, or one that brings its keys.
            readable = with_keys or not note["sealed"]
            copies.note(connection, "backup", str(folder), revision=note["revision"], open_=readable)
    return _value(folder, note)


def restore(
    backup: Path,
    folder: Path,
    *,
    key_file: Path | None = None,
    master_key: MasterKey | None = None,
    timeout: float = 5.0,
) -> Restored:
    """Make a gallery of a backup, in a new or empty folder, after checking every byte of it.

    key_file: the living gallery's, for a sealed backup that was made without keys; it is copied.
    People whose keys are not in it were erased after the backup and are left out. The newer state
    of the gallery, if it lives on elsewhere, is not touched.

    Refused: no backup (NotFoundError), one that is damaged or of a later version, a sealed one
    without keys (GalleryError), a folder that holds something (ConflictError).
    """
    note = _checked(backup)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"expected a new or empty folder to restore to, {folder} holds something")
    keys = backup / KEYS if note["with_keys"] and key_file is None else key_file
    if note["sealed"] and keys is None:
        raise GalleryError(f"{backup} is sealed and holds no keys; name the key file of the gallery with --key-file")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            made = Path(temporary) / "gallery"
            made.mkdir(mode=0o700)
            shutil.copyfile(backup / DATABASE, made / DATABASE)
            (made / DATABASE).chmod(0o600)
            if note["sealed"] and keys is not None:
                with KeyFile(keys, read_only=True, timeout=timeout) as source:
                    source.copy(made / KEYS)
            _at_home(made / DATABASE)
            erased = _opened_once(made, master_key, timeout)
            _sync(made)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"{folder} could not be written ({error.strerror}); free some space") from error
    return Restored(str(folder), note["revision"], note["people"] - erased[0], note["templates"] - erased[1], erased[0])


def _copy(store: Store, target: Path, progress: Progress | None) -> None:
    """The database of one moment, through SQLite's backup interface and a connection of its own."""
    uri = f"{store.database.resolve().as_uri()}?mode=ro"
    target.touch(mode=0o600)
    source = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=store.timeout)
    copied = sqlite3.connect(target, isolation_level=None)
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on one state, whoever writes

        def tell(status: int, left: int, total: int) -> None:
            if progress is not None:
                progress(total - left, total)

        source.backup(copied, pages=_PAGES, progress=tell, sleep=0)
        source.execute("ROLLBACK")
        copied.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        copied.execute("PRAGMA secure_delete = ON")
        copied.execute("UPDATE gallery SET snapshot = NULL")  # that file does not come along
    except sqlite3.Error as error:
        raise StorageError(f"the database could not be copied ({error})") from error
    finally:
        copied.close()
        source.close()


def _note(folder: Path, *, with_keys: bool) -> dict[str, Any]:
    connection = sqlite3.connect(f"{(folder / DATABASE).resolve().as_uri()}?mode=ro", uri=True)
    try:
        uuid, revision, seal = connection.execute("SELECT uuid, revision, seal FROM gallery").fetchone()
        people, templates = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("person", "face")
        )
    finally:
        connection.close()
    names = (DATABASE, KEYS) if with_keys else (DATABASE,)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "at": now(),
        "gallery": uuid,
        "revision": revision,
        "people": people,
        "templates": templates,
        "sealed": seal is not None,
        "with_keys": with_keys,
        "files": {name: _facts(folder / name) for name in names},
    }


def _facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "size": path.stat().st_size}


def _checked(backup: Path) -> dict[str, Any]:
    """The note of a backup whose files are as it says."""
    path = backup / NOTE
    if not path.is_file():
        raise NotFoundError(f"expected a folder that `vultus gallery backup` made, {backup} holds no {NOTE}")
    try:
        with path.open("rb") as file:
            note = json.loads(file.read(_NOTE_BYTES))
        if note["format"] != _FORMAT or note["version"] != _VERSION:
            raise GalleryError(f"{backup} is a backup of another version; update vultus")
        files = dict(note["files"])
        whole = {str(note["at"]), str(note["gallery"])} and all(
            type(note[key]) is kind
            for key, kind in (
                ("revision", int),
                ("people", int),
                ("templates", int),
                ("sealed", bool),
                ("with_keys", bool),
            )
        )
        if not whole or set(files) != {DATABASE, *([KEYS] if note["with_keys"] else [])}:
            raise GalleryError(f"{path} does not say what a backup says")
        for name, facts in files.items():
            if not (backup / name).is_file() or _facts(backup / name) != facts:
                raise GalleryError(f"{backup / name} is not what the backup's note says; it was damaged or changed")
    except (KeyError, TypeError, ValueError) as error:
        raise GalleryError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    except OSError as error:
        raise GalleryError(f"{backup} cannot be read ({error.strerror})") from error
    return dict(note)


def _at_home(database: Path) -> None:
    """The key file of the restored gallery lies beside it, wherever it lay before."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] >= 2:
            connection.execute("UPDATE gallery SET keys = NULL")
    except sqlite3.Error as error:
        raise GalleryError(f"the database in the backup is damaged ({error})") from error
    finally:
        connection.close()


def _opened_once(folder: Path, master_key: MasterKey | None, timeout: float) -> tuple[int, int]:
    """Open the restored gallery, an older version climbs; people and templates left out, whose keys are gone."""
    store = Store(folder, create=False, keep=None, read_only=False, timeout=timeout, master_key=master_key)
    try:
        with store.write() as connection:
            damage = [line for (line,) in connection.execute("PRAGMA integrity_check(5)") if line != "ok"]
            if damage:
                raise GalleryError(f"the database in the backup is damaged: {'; '.join(map(str, damage))}")
            if connection.seal is None:
                return 0, 0
            present = set(connection.seal.keys.ids())
            gone = [
                row for row, key in connection.execute("SELECT id, key FROM person").fetchall() if key not in present
            ]
            templates = 0
            for row in gone:
                templates += connection.execute("SELECT count(*) FROM face WHERE person = ?", (row,)).fetchone()[0]
                connection.execute("DELETE FROM person WHERE id = ?", (row,))
        if gone:
            store.vacuum()
        store.checkpoint()
        return len(gone), templates
    finally:
        store.close()


def _value(folder: Path, note: dict[str, Any]) -> Backup:
    size = sum(facts["size"] for facts in note["files"].values())
    return Backup(
        str(folder),
        note["gallery"],
        note["revision"],
        note["people"],
        note["templates"],
        size,
        note["at"],
        note["sealed"],
        note["with_keys"],
    )


def _sync(folder: Path) -> None:
    """Make the files of a folder durable."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
