"""The master key: 32 secret bytes outside the gallery, without which a sealed gallery is noise.

It comes from the caller, from the environment, or from the system's keyring, in that order:

    VULTUS_MASTER_KEY        the key itself, 64 hex digits or base64
    VULTUS_MASTER_KEY_FILE   a file that holds it
    keyring                  service "vultus", user the gallery's id or "master"; where the package
                             `keyring` is installed, and only for a gallery that is sealed

A password is no master key: it would be guessed. Make one with `new_master_key`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import importlib
import importlib.util
import logging
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from vultus.errors import ConflictError, MasterKeyError, StorageError

__all__ = ["SERVICE", "MasterKey", "find_master_key", "new_master_key", "read_master_key"]

log = logging.getLogger("vultus.gallery")

SERVICE = "vultus"  # in the keyring
_BYTES = 32
_LONGEST = 1024  # bytes of a key file


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The secret, never printed; two are equal when their secrets are.

    >>> MasterKey.of("00" * 32)
    MasterKey(mark='126aa512')
    """

    secret: bytes = field(repr=False)
    mark: str = field(init=False, compare=False)  # tells keys apart in messages, and nothing about the key

    def __post_init__(self) -> None:
        """Refused (MasterKeyError): anything but 32 bytes, and 32 equal bytes that are not a key but a slip."""
        if len(self.secret) != _BYTES:
            raise MasterKeyError(
                f"expected a master key of {_BYTES} bytes, got {len(self.secret)}; make one with vultus"
            )
        object.__setattr__(self, "mark", hashlib.sha256(b"vultus master key\0" + self.secret).hexdigest()[:8])

    @classmethod
    def of(cls, text: str) -> MasterKey:
        """A key as it is written: 64 hex digits, or base64 of 32 bytes."""
        written = "".join(text.split())
        try:
            if len(written) == 2 * _BYTES:
                return cls(bytes.fromhex(written))
            return cls(
                base64.b64decode(written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4), None, True)
            )
        except (ValueError, binascii.Error):
            raise MasterKeyError(
                f"expected a master key as {2 * _BYTES} hex digits or base64 of {_BYTES} bytes, got a text of "
                f"{len(written)} characters that is neither; make one with `vultus gallery seal --new-key FILE`"
            ) from None


def read_master_key(path: str | os.PathLike[str]) -> MasterKey:
    """The key in a file: text as `MasterKey.of` takes it, or 32 raw bytes.

    A file that others may read is used with a warning: mounted secrets often are such.
    Refused (MasterKeyError): no such file, one that holds no key.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise MasterKeyError(f"expected a file with the master key, {path} is not there") from None
    except OSError as error:
        raise MasterKeyError(f"the master key in {path} cannot be read ({error.strerror})") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        log.warning("%s can be read by others than its owner; chmod 600 it", path)
    if len(data) == _BYTES:
        return MasterKey(data)
    try:
        return MasterKey.of(data.decode("ascii") if len(data) <= _LONGEST else "")
    except (MasterKeyError, UnicodeDecodeError):
        raise MasterKeyError(f"expected a master key in {path}: 64 hex digits, base64, or {_BYTES} raw bytes") from None


def new_master_key(path: str | os.PathLike[str]) -> MasterKey:
    """Make a key and write it to a new file that only its owner reads.

    Keep a copy apart from the gallery: without it everything sealed is lost.
    Refused: a file that is there (ConflictError), a place that cannot be written (StorageError).
    """
    key = MasterKey(secrets.token_bytes(_BYTES))
    path = Path(path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key.secret.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConflictError(
            f"expected a new file for the master key, {path} is there; a key is never replaced"
        ) from None
    except OSError as error:
        raise StorageError(f"the master key could not be written to {path} ({error.strerror})") from error
    return key


def find_master_key(gallery: str | None = None) -> MasterKey | None:
    """The key that the environment names, or the keyring for the gallery of that id; None where there is none.

    Refused (MasterKeyError): a variable that is set to something else than a key.
    """
    if text := os.environ.get("VULTUS_MASTER_KEY"):
        return MasterKey.of(text)
    if named := os.environ.get("VULTUS_MASTER_KEY_FILE"):
        return read_master_key(named)
    if gallery is None or importlib.util.find_spec("keyring") is None:
        return None
    keyring = importlib.import_module("keyring")
    for user in (gallery, "master"):
        try:
            found = keyring.get_password(SERVICE, user)
        except keyring.errors.KeyringError as error:  # no keyring service on this machine, or it is locked
            log.info("the keyring was not asked for a master key: %s", error)
            return None
        if found:
            return MasterKey.of(found)
    return None
