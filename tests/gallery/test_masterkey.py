"""Where the master key comes from, and what is no key."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from vultus.errors import ConflictError, InputError, MasterKeyError, StorageError
from vultus.gallery import MasterKey, find_master_key, new_master_key, read_master_key

SECRET = bytes(range(32))


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_set() -> None:
    assert find_master_key() is None


@pytest.mark.parametrize(
    "text",
    [
        SECRET.hex(),
        SECRET.hex().upper(),
        f"  {SECRET.hex()}\n",
        base64.b64encode(SECRET).decode(),
        base64.b64encode(SECRET).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET).decode(),
    ],
)
def test_ways_to_write_a_key(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert MasterKey.of(text).secret == SECRET
    monkeypatch.setenv("VULTUS_MASTER_KEY", text)
    assert find_master_key() == MasterKey(SECRET)
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    assert read_master_key(tmp_path / "key") == MasterKey(SECRET)


@pytest.mark.parametrize(
    "text",
    ["", "password", "00" * 31, "00" * 33, "zz" * 32, "é" * 64, base64.b64encode(SECRET[:31]).decode(), "0" * 9999],
)
def test_what_is_no_key(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a master key"):
        MasterKey.of(text)
    (tmp_path / "key").write_text(text)
    with pytest.raises(InputError, match="expected a master key in"):
        read_master_key(tmp_path / "key")


def test_raw_bytes_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET)
    (tmp_path / "key").chmod(0o600)
    assert read_master_key(tmp_path / "key").secret == SECRET


def test_a_key_is_never_printed() -> None:
    key = MasterKey(SECRET)
    assert SECRET.hex()[:8] not in repr(key) + str(key)
    assert key.mark in repr(key)
    assert key.mark != MasterKey(bytes(32)).mark
    with pytest.raises(InputError) as caught:
        MasterKey.of("a secret that is no key")
    assert "secret" not in str(caught.value)


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_master_key(tmp_path / "file")
    monkeypatch.setenv("VULTUS_MASTER_KEY_FILE", str(tmp_path / "file"))
    assert find_master_key() == read_master_key(tmp_path / "file")
    monkeypatch.setenv("VULTUS_MASTER_KEY", SECRET.hex())
    assert find_master_key() == MasterKey(SECRET)
    monkeypatch.delenv("VULTUS_MASTER_KEY")
    monkeypatch.setenv("VULTUS_MASTER_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(MasterKeyError, match="absent is not there"):
        find_master_key()


def test_a_new_key_never_replaces_one(tmp_path: Path) -> None:
    made = new_master_key(tmp_path / "key")
    assert read_master_key(tmp_path / "key") == made
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(ConflictError, match="never replaced"):
        new_master_key(tmp_path / "key")
    assert read_master_key(tmp_path / "key") == made
    with pytest.raises(StorageError):
        new_master_key(tmp_path / "absent" / "key")


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_key_that_others_may_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "key").write_text(SECRET.hex())
    (tmp_path / "key").chmod(0o644)
    read_master_key(tmp_path / "key")
    assert "can be read by others" in caplog.text


def test_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real package with a keyring of its own kind, that lives in memory."""
    keyring = pytest.importorskip("keyring", reason="the optional package keyring")
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringLocked

    class Memory(KeyringBackend):
        priority = 1
        locked = False

        def __init__(self) -> None:
            super().__init__()
            self.held: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            if self.locked:
                raise KeyringLocked("locked")
            return self.held.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.held[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.held[service, username]

    before = keyring.get_keyring()
    ours = Memory()
    keyring.set_keyring(ours)
    try:
        assert find_master_key("gallery-1") is None
        keyring.set_password("vultus", "master", bytes(32).hex())
        assert find_master_key("gallery-1") == MasterKey(bytes(32))
        keyring.set_password("vultus", "gallery-1", SECRET.hex())
        assert find_master_key("gallery-1") == MasterKey(SECRET)
        assert find_master_key("gallery-2") == MasterKey(bytes(32))
        assert find_master_key() is None  # a new gallery is not sealed by what lies in a keyring
        ours.locked = True
        assert find_master_key("gallery-1") is None
    finally:
        keyring.set_keyring(before)
