"""`vultus gallery seal …` and `vultus audit-log …`, as they are typed."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from vultus.cli import audit_log, vault
from vultus.errors import InputError, VultusError
from vultus.gallery import Gallery
from vultus.server.journal import Journal
from vultus.testing import Analyzer, Thresholds, picture

Run = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VULTUS_MASTER_KEY", "VULTUS_MASTER_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """An application with these groups alone: status and what was printed."""
    app = typer.Typer()
    group = typer.Typer()
    vault.add_to_gallery(group)
    app.add_typer(group, name="gallery")
    audit_log.add_to(app)

    def call(*arguments: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        status = app([str(argument) for argument in arguments], standalone_mode=False)
        return status if isinstance(status, int) else 0, capsys.readouterr().out

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    analyzer = Analyzer()
    place = tmp_path / "staff"
    with Gallery.open(place, analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        for name in ("Ada Lovelace", "Zoe"):
            gallery.enroll(name, [picture(name), picture(name, noise=20, seed=1)])
    return place


def people(folder: Path) -> list[str]:
    with Gallery.open(folder, create=False) as gallery:
        return [person.name for person in gallery.people()]


def test_seal_rotate_and_unseal(run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no master key is set; name one with --master-key, or make one"):
        run("gallery", "seal", "--gallery", folder)
    status, out = run("gallery", "seal", "--gallery", folder, "--new-key", tmp_path / "key", "--json")
    done = json.loads(out)
    assert (status, done["sealed"], done["people"], done["templates"], done["found"]) == (0, True, 2, 4, 0)
    with pytest.raises(VultusError, match="no master key is set"):
        people(folder)
    monkeypatch.setenv("VULTUS_MASTER_KEY_FILE", str(tmp_path / "key"))
    assert people(folder) == ["Ada Lovelace", "Zoe"]
    with pytest.raises(InputError, match="sealed already"):
        run("gallery", "seal", "--gallery", folder)
    with pytest.raises(InputError, match="--to FILE, or --data-keys"):
        run("gallery", "rotate-key", "--gallery", folder)
    status, out = run("gallery", "rotate-key", "--gallery", folder, "--to", tmp_path / "new", "--data-keys", "--json")
    assert (status, json.loads(out)) == (0, {"wrapped": 3, "people": 2})
    with pytest.raises(VultusError, match="not the one"):
        people(folder)
    status, out = run("gallery", "unseal", "--gallery", folder, "--master-key", tmp_path / "new")
    assert (status, "in the clear: 2 people, 4 faces" in out) == (0, True)
    monkeypatch.delenv("VULTUS_MASTER_KEY_FILE")
    assert people(folder) == ["Ada Lovelace", "Zoe"]
    with pytest.raises(InputError, match="is not sealed"):
        run("gallery", "rotate-key", "--gallery", folder, "--data-keys")
    with pytest.raises(InputError, match="got both"):
        run("gallery", "seal", "--gallery", folder, "--master-key", tmp_path / "new", "--new-key", tmp_path / "x")


def test_backup_and_restore(run: Run, folder: Path, tmp_path: Path) -> None:
    status, out = run("gallery", "backup", tmp_path / "backup", "--gallery", folder)
    assert (status, out.startswith("2 people, 4 faces")) == (0, True)
    status, out = run("gallery", "restore", tmp_path / "backup", "--gallery", tmp_path / "back", "--json")
    assert (status, json.loads(out)["people"]) == (0, 2)
    assert people(tmp_path / "back") == ["Ada Lovelace", "Zoe"]
    run("gallery", "seal", "--gallery", folder, "--new-key", tmp_path / "key")
    key = ("--master-key", tmp_path / "key")
    run("gallery", "backup", tmp_path / "sealed", "--gallery", folder, *key)
    with Gallery.open(folder, master_key=vault_key(tmp_path / "key")) as gallery:
        gallery.erase("Zoe")
    keys = ("--key-file", folder / "keys.sqlite")
    status, out = run("gallery", "restore", tmp_path / "sealed", "--gallery", tmp_path / "again", *keys, *key)
    assert (status, "1 people, 2 faces" in out, "1 who were erased since stay erased" in out) == (0, True, True)


def vault_key(path: Path) -> Any:
    from vultus.gallery import read_master_key

    return read_master_key(path)


def test_import_from(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import PIL.Image

    from vultus.cli import options

    monkeypatch.setattr(options, "make_analyzer", lambda **given: Analyzer())
    for name in ("Ada", "Bob"):
        (tmp_path / "db" / name).mkdir(parents=True)
        PIL.Image.fromarray(picture(name)).save(tmp_path / "db" / name / "1.png")
    status, out = run("gallery", "import-from", "deepface", tmp_path / "db", "-g", tmp_path / "new", "--json")
    assert (status, json.loads(out)) == (0, {"enrolled": 2, "people": 2, "refused": []})
    (tmp_path / "db" / "Bob" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n, then nothing")
    status, out = run("gallery", "import-from", "deepface", tmp_path / "db", "-g", tmp_path / "new", "--json")
    done = json.loads(out)
    assert (status, done["enrolled"], done["people"], len(done["refused"])) == (1, 0, 2, 1)
    with pytest.raises(InputError, match="expected a kind"):
        run("gallery", "import-from", "picasa", tmp_path / "db", "-g", tmp_path / "new")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that is served: its journal lies in `.vultus`."""
    with Journal(tmp_path / "root" / ".vultus" / "journal.sqlite") as journal:
        for number in range(5):
            journal.append(actor="key:1", action="identify", target=f"p{number}", evidence={"score": 0.5})
    return tmp_path / "root"


def test_audit_log(run: Run, root: Path, tmp_path: Path) -> None:
    status, head = run("audit-log", "head", root)
    assert (status, head[:2]) == (0, "5:")
    assert json.loads(run("audit-log", "head", root, "--json")[1]) == {"seq": 5, "hash": head[2:].strip()}
    status, out = run("audit-log", "verify", root, "--head", head.strip(), "--json")
    assert (status, json.loads(out)["ok"], json.loads(out)["entries"]) == (0, True, 5)
    assert "whole: 5 entries" in run("audit-log", "verify", root)[1]
    status, out = run("audit-log", "export", root)
    lines = [json.loads(line) for line in io.StringIO(out)]
    assert [(line["seq"], line["target"]) for line in lines] == [(n + 1, f"p{n}") for n in range(5)]
    assert lines[-1]["hash"] == head[2:].strip()
    assert len(run("audit-log", "export", root, "--after", "3")[1].splitlines()) == 2
    run("audit-log", "export", root, "--out", tmp_path / "log.jsonl")
    assert (tmp_path / "log.jsonl").read_text() == out
    assert run("audit-log", "verify", tmp_path / "log.jsonl", "--lines", "--head", head.strip())[0] == 0
    with pytest.raises(VultusError, match="could not be written"):
        run("audit-log", "export", root, "--out", tmp_path / "log.jsonl")


def test_audit_log_finds_a_change(run: Run, root: Path, tmp_path: Path) -> None:
    head = run("audit-log", "head", root)[1].strip()
    connection = sqlite3.connect(root / ".vultus" / "journal.sqlite")
    connection.execute("DROP TRIGGER entry_changed")
    connection.execute("UPDATE entry SET body = replace(body, 'p3', 'p9') WHERE seq = 4")
    connection.commit()
    connection.close()
    status, out = run("audit-log", "verify", root, "--head", head, "--json")
    found = json.loads(out)
    assert (status, found["ok"]) == (1, False)
    assert any("entry 4 was changed" in finding for finding in found["findings"])
    assert "not whole" in run("audit-log", "verify", root)[1]
    with pytest.raises(InputError, match="seq:hash"):
        run("audit-log", "verify", root, "--head", "yesterday")
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(VultusError, match="expected a journal"):
            run("audit-log", "head", place)
