"""Files under a passphrase: read back at any place, and every cut and change found; exports of a sealed gallery."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from vultus.errors import GalleryError, InputError
from vultus.gallery import Gallery, MasterKey, passphrase
from vultus.gallery.passphrase import OpenedFile, SealedFile
from vultus.testing import picture

KEY = MasterKey(bytes(range(32)))
WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cheap scrypt and small chunks: what is tested is the file, not the patience."""
    monkeypatch.setattr(passphrase, "_LOG_N", 10)
    monkeypatch.setattr(passphrase, "_CHUNK", 1000)
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def sealed(data: bytes, words: str = WORDS, step: int = 333) -> bytes:
    out = io.BytesIO()
    file = SealedFile(out, words)
    for start in range(0, len(data), step):
        assert file.write(data[start : start + step]) == len(data[start : start + step])
    file.close()
    return out.getvalue()


def text(data: bytes, words: str = WORDS) -> bytes:
    return OpenedFile(io.BytesIO(data), words).read()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 5500])
def test_there_and_back(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    made = sealed(data)
    assert text(made) == data
    assert len(made) == 44 - 4 + size + 16 * max(-(-size // 1000), 1)
    assert size < 16 or data[:16] not in made
    assert sealed(data) != made  # another salt


def test_from_any_place() -> None:
    data = np.random.default_rng(0).bytes(5500)
    file = OpenedFile(io.BytesIO(sealed(data)), WORDS)
    assert file.seekable()
    assert file.readable()
    for start in (0, 1, 998, 1000, 3500, 5499, 5500, 9000):
        assert file.seek(start) == start == file.tell()
        assert file.read(700) == data[start : min(start + 700, (start // 1000 + 1) * 1000)]
    assert file.seek(-10, io.SEEK_END) == 5490
    assert file.read() == data[-10:]
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)


def test_every_change_and_cut_is_found() -> None:
    data = np.random.default_rng(1).bytes(3500)
    made = sealed(data)
    head, chunks = made[:40], [made[at : at + 1016] for at in range(40, len(made), 1016)]
    assert len(chunks) == 4
    bad = {
        "a bit of the text": made[:900] + bytes([made[900] ^ 1]) + made[901:],
        "a bit of the salt": made[:30] + bytes([made[30] ^ 1]) + made[31:],
        "the last byte cut": made[:-1],
        "the last chunk cut": made[: -len(chunks[3])],
        "the first chunk cut": head + b"".join(chunks[1:]),
        "two chunks swapped": head + chunks[1] + chunks[0] + chunks[2] + chunks[3],
        "a chunk twice": head + chunks[0] + chunks[0] + b"".join(chunks[2:]),
        "more at the end": made + b"x",
        "a chunk of another file": head + sealed(data)[40:1056] + b"".join(chunks[1:]),
        "cheaper work": made[:12] + struct.pack("<I", 11) + made[16:],
        "nothing": b"",
        "the head alone": head,
        "half a head": made[:20],
        "unbounded work": made[:12] + struct.pack("<I", 40) + made[16:],
    }

    def opens(data: bytes) -> bool:
        try:
            text(data)
        except GalleryError:
            return False
        return True

    assert [name for name, data in bad.items() if opens(data)] == []
    assert opens(made)


def test_wrong_passphrases() -> None:
    made = sealed(b"text", words="Grüße, Amélie!")
    assert text(made, "Gru\u0308ße, Ame\u0301lie!") == b"text"  # however a keyboard composes it
    for words in ("", "Grüße, Amélie", "grüße, amélie!"):
        with pytest.raises(GalleryError, match="wrong passphrase"):
            text(made, words)
    with pytest.raises(InputError, match="12 characters or more, got 11"):
        SealedFile(io.BytesIO(), "x" * 11)


def test_the_construction_by_hand() -> None:
    """The stated format, put together from the standard library's scrypt and the package's AES-GCM."""
    import hashlib

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    made = sealed(b"a" * 1500)
    magic, version, log_n, r, p, salt = struct.unpack("<8sIIII16s", made[:40])
    assert (magic, version, log_n, r, p) == (b"VULTUSXP", 1, 10, 8, 1)
    cipher = AESGCM(hashlib.scrypt(WORDS.encode(), salt=salt, n=2**log_n, r=r, p=p, dklen=32))
    assert cipher.decrypt(bytes(12), made[40:1056], made[:40]) == b"a" * 1000
    assert cipher.decrypt(bytes(7) + b"\x01" + bytes(3) + b"\x01", made[1056:], made[:40]) == b"a" * 500


@pytest.fixture
def gallery(opened) -> Gallery:
    gallery = opened(master_key=KEY)
    for name in ("Ada Lovelace", "Zoe"):
        gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    gallery.reject("ab" * 32, "Zoe")
    return gallery


def test_a_sealed_gallery_is_not_exported_in_the_clear_by_chance(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a passphrase, or ask for the clear with --clear"):
        gallery.export(tmp_path / "staff.zip")
    with pytest.raises(InputError, match="got both"):
        gallery.export(tmp_path / "staff.zip", passphrase=WORDS, clear=True)
    with pytest.raises(InputError, match="12 characters"):
        gallery.export(tmp_path / "staff.zip", passphrase="short")
    assert [path.name for path in tmp_path.iterdir()] == ["staff.vultus"]


@pytest.mark.parametrize("way", ["passphrase", "clear"])
def test_export_and_import(gallery: Gallery, opened, tmp_path: Path, way: str) -> None:
    options = {"passphrase": WORDS} if way == "passphrase" else {"clear": True}
    done = gallery.export(tmp_path / "staff.zip", **options)
    assert (done.people, done.templates, done.crops, done.sealed) == (2, 4, 4, way == "passphrase")
    data = (tmp_path / "staff.zip").read_bytes()
    assert (b"Ada Lovelace" in data) == (way == "clear")
    assert (b"\x89PNG" in data) == (way == "clear")
    words = {"passphrase": WORDS} if way == "passphrase" else {}
    for name, target in (
        ("clear", opened(tmp_path / "clear")),
        ("sealed", opened(tmp_path / "sealed", master_key=KEY)),
    ):
        back = target.import_(tmp_path / "staff.zip", **words)
        assert (back.people, back.templates, back.crops) == (2, 4, 4), name
        assert target.people() == gallery.people()
        assert target.faces("Zoe") == gallery.faces("Zoe")
        assert target.identify(picture("Zoe", noise=20, seed=7))[0].person == "Zoe"
        assert target.check().findings == ()
        again = target.import_(tmp_path / "staff.zip", on_conflict="merge", **words)
        assert (again.templates, again.unchanged) == (0, 4)
    if way == "passphrase":
        for wrong in (None, "correct horse bakery"):
            with pytest.raises(GalleryError, match="passphrase"):
                opened(tmp_path / "other").import_(tmp_path / "staff.zip", passphrase=wrong)
        (tmp_path / "staff.zip").write_bytes(data[:-5000])
        with pytest.raises(GalleryError, match="changed or cut"):
            opened(tmp_path / "other").import_(tmp_path / "staff.zip", passphrase=WORDS)
        assert opened(tmp_path / "other").people() == ()


def test_a_clear_gallery_may_be_exported_under_a_passphrase(opened, tmp_path: Path) -> None:
    gallery = opened()
    gallery.enroll("Ada Lovelace", picture("Ada"))
    gallery.export(tmp_path / "staff.zip", passphrase=WORDS)
    assert b"Ada Lovelace" not in (tmp_path / "staff.zip").read_bytes()
    assert opened(tmp_path / "target").import_(tmp_path / "staff.zip", passphrase=WORDS).people == 1


def test_a_full_disk_leaves_nothing(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SealedFile, "_put", fail)
    from vultus.errors import StorageError

    with pytest.raises(StorageError, match="No space left"):
        gallery.export(tmp_path / "staff.zip", passphrase=WORDS)
    assert [path.name for path in tmp_path.iterdir()] == ["staff.vultus"]
