from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from vultus.errors import StorageError
from vultus.files import write_atomically


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_atomically(tmp_path / "file", b"data")
    assert list(tmp_path.iterdir()) == []


def test_others_may_read_what_their_umask_lets_them(tmp_path: Path) -> None:
    write_atomically(tmp_path / "written", b"")
    (tmp_path / "usual").write_bytes(b"")
    usual = stat.S_IMODE((tmp_path / "usual").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "written").stat().st_mode) == usual
