"""What is said where a package of the extra is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vultus.errors import MissingExtraError
from vultus.integrity.keys import new_signing_key, read_public_key
from vultus.integrity.manifest import embed_manifest, read_manifest
from vultus.integrity.needs import need
from vultus.integrity.pixels import encode
from vultus.types import Image


def test_nothing_is_a_module_of_ours() -> None:
    assert need("json").loads("1") == 1
    with pytest.raises(MissingExtraError, match=r"vultus\[document\]"):
        need("vultus_has_no_such_module")


def test_without_cryptography(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_signing_key(tmp_path / "k")
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="cryptography"):
        read_public_key(tmp_path / "k.pub")
    with pytest.raises(MissingExtraError, match="cryptography"):
        new_signing_key(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["k.pem", "k.pub"]


def test_without_c2pa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Image) -> None:
    key = new_signing_key(tmp_path / "k")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read_manifest(encode(photo), "PNG").state == "not read"
    with pytest.raises(MissingExtraError, match="c2pa"):
        embed_manifest(encode(photo), key, "X", title="a", version="1", mark=None)
