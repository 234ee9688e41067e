"""Encryption at rest: what is written of people can be read with the master key alone.

Every person has a random 32-byte data key. Vectors, crops, names, paths and what was read from
the picture are sealed with it by AES-256-GCM under a fresh 12-byte random nonce:

    nonce 12 | ciphertext, as long as the text | tag 16

The associated data names the gallery, the person, the face, the contract and the kind of value,
so that a blob that was moved to another row does not open, nor one that was changed by a bit.
Data keys are sealed in the same way by the master key and lie in the key file (`keyfile`). Names
and pictures are looked up by HMAC-SHA256 under keys derived from a secret of the gallery, which
lies there too. Random nonces are safe for 2^32 values a key (NIST SP 800-38D section 8.3); a
person has some hundred, a master key seals one value a person.

What stays readable: ids, dates, which faces belong to one person, how many there are, which
model made them, which face of its picture each is. In memory vectors are in the clear.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from vultus.errors import GalleryError, MasterKeyError, MissingExtraError
from vultus.gallery.keyfile import KeyFile
from vultus.gallery.masterkey import MasterKey

if TYPE_CHECKING:  # loaded late: a gallery in the clear does without the package
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["OVERHEAD", "Seal", "Unsealable", "cipher_of", "close", "open_"]

OVERHEAD = 28  # bytes that sealing adds
_NONCE = 12
_ROOT = "gallery"  # id of the gallery's own secret in the key file
_CACHED = 65_536  # ciphers kept
_MOST_AHEAD = 256  # data keys made at once


class Unsealable(GalleryError):
    """A sealed value does not open: it was changed, moved to another row, or its key is gone."""


def cipher_of(secret: bytes) -> AESGCM:
    """AES-256-GCM under a key of 32 bytes; refused (MissingExtraError) without the package `cryptography`."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingExtraError(
            "a sealed gallery needs the package cryptography; pip install 'vultus[server]', or cryptography alone"
        ) from error
    return AESGCM(secret)


def close(cipher: AESGCM, data: bytes, bound: str) -> bytes:
    """Seal bytes under a fresh nonce, bound to what they are of."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, data, bound.encode())


def open_(cipher: AESGCM, blob: bytes, bound: str) -> bytes:
    """The bytes that were sealed; refused (Unsealable): changed, cut, moved, or another key."""
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(blob[:_NONCE], blob[_NONCE:], bound.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable("a sealed value was changed or moved, or is of another key") from error


class Seal:
    """Seals and opens the values of one gallery; the store's lock guards it.

    id: of the sealing, which the database and the key file both hold.
    """

    def __init__(self, gallery: str, keys: KeyFile, master: MasterKey) -> None:
        """Refused: keys of another gallery (GalleryError), another master key than theirs (MasterKeyError)."""
        self.gallery = gallery
        self.keys = keys
        owner, self.id, mark = keys.facts
        if owner != gallery:
            keys.close()
            raise GalleryError(f"{keys.path} holds the keys of another gallery ({owner}, expected {gallery})")
        self._ciphers: dict[str, AESGCM] = {}
        self._ahead: list[str] = []  # ids of keys that nobody has yet
        self._next = 1  # keys to be made when none is left
        try:
            self._take(master, mark)
        except BaseException:
            keys.close()
            raise

    @classmethod
    def create(cls, gallery: str, path: Path, master: MasterKey, *, timeout: float) -> Seal:
        """A new sealing with a key file that holds the gallery's secret and no person's key yet."""
        wrapper = cipher_of(master.secret)
        keys = KeyFile.create(path, gallery=gallery, seal=uuid4().hex, master=master.mark, timeout=timeout)
        wrapped = close(wrapper, secrets.token_bytes(32), _wrapping(gallery, _ROOT))
        keys.put(_ROOT, wrapped, master.mark)
        keys.commit()
        return cls(gallery, keys, master)

    def _take(self, master: MasterKey, mark: str) -> None:
        if mark != master.mark:
            raise MasterKeyError(
                f"the master key is not the one that {self.keys.path} was wrapped by: expected key {mark}, got "
                f"{master.mark}; name the right one in VULTUS_MASTER_KEY_FILE"
            )
        self._master = master
        self._wrapper = cipher_of(master.secret)
        found = self.keys.get([_ROOT])
        if _ROOT not in found:
            raise GalleryError(f"{self.keys.path} lacks the gallery's own key; put it back from where it is kept")
        try:
            root = open_(self._wrapper, found[_ROOT], _wrapping(self.gallery, _ROOT))
        except Unsealable:
            raise GalleryError(
                f"the gallery's own key in {self.keys.path} was changed; put the file back from where it is kept"
            ) from None
        self._names = _derived(root, "names")
        self._pictures = _derived(root, "pictures")
        self._own = cipher_of(_derived(root, "own"))

    # looking up

    def name_tag(self, name: str) -> str:
        """What a name is found by, the same for the same name in this gallery alone: 64 hex digits."""
        return hmac.new(self._names, name.encode(), hashlib.sha256).hexdigest()

    def picture_tag(self, sha256: bytes) -> bytes:
        """What a picture is found by, 32 bytes."""
        return hmac.new(self._pictures, sha256, hashlib.sha256).digest()

    # sealing values

    def close(self, key: str, data: bytes, *what: str) -> bytes:
        """Seal a person's value; what: kind, person, face, contract, as they apply."""
        return close(self.cipher(key), data, self.bound(*what))

    def open_(self, key: str | None, blob: bytes | None, *what: str) -> bytes:
        """A person's value; refused (Unsealable) with what it is of."""
        if key is None or blob is None:
            raise Unsealable(f"the {' '.join(what)} is not sealed, in a gallery that is; run `vultus gallery check`")
        try:
            return open_(self.cipher(key), blob, self.bound(*what))
        except Unsealable as error:
            raise Unsealable(f"{' '.join(what)}: {error}; run `vultus gallery check`") from error

    def close_own(self, data: bytes, *what: str) -> bytes:
        """Seal a value that is nobody's, such as where a backup went."""
        return close(self._own, data, self.bound(*what))

    def open_own(self, blob: bytes, *what: str) -> bytes:
        """What `close_own` sealed."""
        return open_(self._own, blob, self.bound(*what))

    def bound(self, *what: str) -> str:
        """Associated data of a value."""
        return "/".join(("vultus-seal-v1", self.gallery, *what))

    # keys

    def new_key(self) -> str:
        """A data key for somebody new, within the gallery's write transaction; its id.

        Committing the key file costs more than all the rest, so keys are made ahead, one at first
        and each time twice as many: a process that enrols many people pays once for hundreds.
        """
        while self._ahead:
            taken = self._ahead.pop()
            if self.keys.get([taken]):  # another process may have swept it away as nobody's
                return taken
        made = [self.make_key(uuid4().hex) for _ in range(self._next)]
        self._next = min(2 * self._next, _MOST_AHEAD)
        self._ahead = made[1:]
        return made[0]

    def make_key(self, key: str) -> str:
        """Make the data key of a given id, within the gallery's write transaction; the id."""
        secret = secrets.token_bytes(32)
        self.keys.put(key, close(self._wrapper, secret, _wrapping(self.gallery, key)), self._master.mark)
        self._keep(key, cipher_of(secret))
        return key

    def drop_ahead(self) -> None:
        """Destroy the keys that were made ahead and not used."""
        ahead, self._ahead, self._next = self._ahead, [], 1
        self.destroy(ahead)

    def cipher(self, key: str) -> AESGCM:
        """The cipher of a data key; refused (Unsealable) when the key was destroyed or does not unwrap."""
        found = self._ciphers.get(key)
        if found is None:
            wrapped = self.keys.get([key]).get(key)
            if wrapped is None:
                raise Unsealable(
                    f"the data key {key} is not in {self.keys.path}: it was destroyed, or the file is an older one"
                )
            found = cipher_of(self.secret(key, wrapped))
            self._keep(key, found)
        return found

    def preload(self, keys: Iterable[str | None]) -> None:
        """Unwrap keys at once that are about to be used; those that are not there or were changed are passed over."""
        asked = dict.fromkeys(key for key in keys if key is not None)
        wanted = [key for key in asked if key not in self._ciphers]
        if len(self._ciphers) + len(wanted) > _CACHED:
            self._ciphers.clear()
            wanted = list(asked)
        for key, wrapped in self.keys.get(wanted).items():
            with suppress(Unsealable):  # `cipher` says what is wrong with it, to whoever needs it
                self._ciphers[key] = cipher_of(self.secret(key, wrapped))

    def _keep(self, key: str, cipher: AESGCM) -> None:
        if len(self._ciphers) >= _CACHED:
            self._ciphers.clear()
        self._ciphers[key] = cipher

    def secret(self, key: str, wrapped: bytes) -> bytes:
        """A data key in the clear, from its wrapped form."""
        try:
            return open_(self._wrapper, wrapped, _wrapping(self.gallery, key))
        except Unsealable:
            mark = self.keys.facts[2]
            if mark != self._master.mark:
                raise MasterKeyError(
                    f"the master key was changed by another process ({self._master.mark} to {mark}); open the "
                    "gallery again with the new key"
                ) from None
            raise Unsealable(f"the data key {key} in {self.keys.path} was changed or moved") from None

    def commit(self) -> None:
        """Make new keys durable; called before the gallery commits."""
        self.keys.commit()

    def roll_back(self) -> None:
        """Forget new keys; called when the gallery's transaction did not commit."""
        if self.keys.pending:
            self._ciphers.clear()
            self._ahead.clear()
            self.keys.roll_back()

    def destroy(self, keys: Iterable[str]) -> int:
        """Delete data keys for good, from the file and from memory; how many there were."""
        gone = list(keys)
        for key in gone:
            self._ciphers.pop(key, None)
        return self.keys.destroy(gone) if gone else 0

    def rewrap(self, master: MasterKey) -> int:
        """Wrap every data key by another master key, values stay as they are; how many keys."""
        wrapper = cipher_of(master.secret)
        old = self.keys.every()
        new = [(key, close(wrapper, self.secret(key, wrapped), _wrapping(self.gallery, key))) for key, wrapped in old]
        self.keys.rewrap(new, master.mark)
        self._take(master, master.mark)
        return len(new)


def _wrapping(gallery: str, key: str) -> str:
    return f"vultus-key-v1/{gallery}/{key}"


def _derived(root: bytes, what: str) -> bytes:
    """A key for one purpose (HMAC-SHA256 as the expansion of HKDF, RFC 5869, one block)."""
    return hmac.new(root, b"vultus-seal-v1/" + what.encode() + b"\x01", hashlib.sha256).digest()
