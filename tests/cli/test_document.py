"""`vultus document`: issue, check, morph, verify-holder and key, as a person types them."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from vultus.analyzer import Analyzer
from vultus.images import read, write
from vultus.types import Image

from .conftest import open_office

pytestmark = pytest.mark.weights

Vultus = Callable[..., Any]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, astronaut: Image, analyzer: Analyzer) -> Path:
    """A folder with an issuer's key, a portrait, and the photo that was issued of it."""
    return open_office(tmp_path_factory.mktemp("office"), astronaut)


@pytest.fixture
def keys(office: Path) -> list[str | Path]:
    return ["--pub", office / "office.pub", "--key", office / "office.mark"]


def test_nothing_to_check_with(vultus: Vultus, office: Path) -> None:
    ran = vultus("document", "check", office / "photo.png")
    assert ran.status == 2
    assert "--pub or --trust" in ran.err


def test_intact(vultus: Vultus, office: Path, keys: list[str | Path]) -> None:
    ran = vultus("document", "check", office / "photo.png", *keys, "--json")
    (said,) = ran.lines
    assert ran.status == 0
    assert (said["intact"], said["level"], said["manifest"], said["mark"]) == (True, "file", "valid", "intact")
    assert (said["doc_id"], said["blocks"], said["touched"], said["regions"]) == ("X-1", 1200, 0, [])
    words = vultus("document", "check", office / "photo.png", *keys)
    assert (words.status, words.out.splitlines()[0]) == (0, "intact: the file is the one that was issued")


def test_written_anew_and_touched(vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path) -> None:
    vsig = ["--vsig", office / "photo.png.vsig"]
    image = read(office / "photo.png")
    write(tmp_path / "again.png", image)
    (again,) = vultus("document", "check", tmp_path / "again.png", *keys, *vsig, "--json").lines
    assert (again["intact"], again["level"], again["manifest"], again["manifest_issued"]) == (
        True,
        "pixels",
        "absent",
        True,
    )
    touched = image.copy()
    touched[64:96, 80:112] = touched[200:232, 80:112]
    write(tmp_path / "touched.png", touched)
    ran = vultus("document", "check", tmp_path / "touched.png", *keys, *vsig, "--map", tmp_path / "map.png", "--json")
    (said,) = ran.lines
    assert (ran.status, said["intact"], said["level"], said["mark"]) == (1, False, "changed", "touched")
    assert (said["touched"], said["regions"], said["manipulation"]) == (16, [[80, 64, 112, 96]], "not determined")
    shown = read(tmp_path / "map.png")
    red = (shown[..., 0].astype(int) - shown[..., 1] > 60).nonzero()
    assert (red[0].min(), red[0].max(), red[1].min(), red[1].max()) == (64, 95, 80, 111)


def test_without_its_signature(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    shutil.copy(office / "photo.png", tmp_path / "lonely.png")
    ran = vultus("document", "check", tmp_path / "lonely.png", "--pub", office / "office.pub")
    assert (ran.status, ran.out.splitlines()[0]) == (1, "unsigned: there is no signature")
    assert vultus("document", "check", tmp_path / "lonely.png", "--key", office / "office.mark").status == 0


def test_jpeg_copies_have_no_mark_and_no_map(
    vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path
) -> None:
    write(tmp_path / "copy.jpg", read(office / "photo.png"), 100)
    vsig = ["--vsig", office / "photo.png.vsig", "--map", tmp_path / "map.png"]
    ran = vultus("document", "check", tmp_path / "copy.jpg", *keys, *vsig)
    assert ran.status == 1
    assert "JPEG loses pixels, and no mark survives that" in ran.out
    assert "no map was written: no block fits" in ran.err
    assert not (tmp_path / "map.png").exists()


def test_what_cannot_be_checked(vultus: Vultus, office: Path, keys: list[str | Path], tmp_path: Path) -> None:
    data = (office / "photo.png").read_bytes()
    (tmp_path / "half.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_bytes(b"no picture")
    for name in ("half.png", "empty.png", "text.png", "none.png"):
        ran = vultus("document", "check", tmp_path / name, *keys)
        assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
        assert name in ran.err
    for option, path in (("--pub", "office.mark"), ("--key", "office.pub"), ("--trust", "office.pub")):
        assert vultus("document", "check", office / "photo.png", option, office / path).status == 2
    assert vultus("document", "check", office / "photo.png", *keys, "--map", tmp_path / "m.jpg").status == 2
    assert vultus("document", "check", office / "photo.png", *keys, "--vsig", tmp_path / "none.vsig").status == 2


def test_what_is_not_issued(vultus: Vultus, office: Path, tmp_path: Path, astronaut: Image) -> None:
    key = ["--key", office / "office.pem"]
    write(tmp_path / "grey.png", np.full((300, 300, 3), 128, np.uint8))
    write(tmp_path / "two.png", np.ascontiguousarray(np.hstack([astronaut[:300, 100:360]] * 2)))
    PIL.Image.open(office / "portrait.png").convert("L").save(tmp_path / "l.png")
    cases = {
        (tmp_path / "grey.png", "a.png"): "found none",
        (tmp_path / "two.png", "a.png"): "found 2",
        (tmp_path / "l.png", "a.png"): "allow it with --convert",
        (tmp_path / "none.png", "a.png"): "no such file",
        (office / "portrait.png", "a.jpg"): ".png",
        (office / "photo.png", "a.png"): "carries the mark of this key already, as document X-1",
    }
    for (source, target), words in cases.items():
        ran = vultus("document", "issue", source, *key, "-o", tmp_path / target)
        assert (ran.status, ran.err.count("\n")) == (2, 1), source
        assert words in ran.err, source
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grey.png", "l.png", "two.png"]
    again = vultus("document", "issue", office / "portrait.png", *key, "-o", office / "photo.png")
    assert (again.status, "never replaced" in again.err) == (2, True)
    other = vultus("document", "issue", office / "portrait.png", *key, "-o", tmp_path / "a.png", "--format", "a4")
    assert (other.status, "passport" in other.err) == (2, True)


def test_grey_pictures_are_converted_on_demand(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    PIL.Image.open(office / "portrait.png").convert("L").save(tmp_path / "l.png")
    asked = ["--key", office / "office.pem", "-o", tmp_path / "a.png", "--convert", "--format", "none", "--no-manifest"]
    (said,) = vultus("document", "issue", tmp_path / "l.png", *asked, "--json").lines
    assert (said["format"], said["manifest"], said["mark"], said["width"]) == (None, None, "block-mac", 1024)
    assert vultus("document", "check", tmp_path / "a.png", "--pub", office / "office.pub").status == 0


def test_morphs_say_what_they_are(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    pair = [office / "portrait.png", office / "portrait.png"]
    ran = vultus("document", "morph", *pair, "--alpha", "0.5", "-o", tmp_path / "m.png", "--format", "token", "--json")
    (said,) = ran.lines
    assert (ran.status, said["output"], said["test_material"]) == (0, str(tmp_path / "m.morph.png"), True)
    with PIL.Image.open(tmp_path / "m.morph.png") as picture:
        assert "TEST MATERIAL" in picture.text["Title"]
    write(tmp_path / "stripped.png", read(tmp_path / "m.morph.png"))
    for name in ("m.morph.png", "stripped.png"):
        checked = vultus("document", "check", tmp_path / name, "--pub", office / "office.pub")
        assert (checked.status, "test material" in checked.out) == (1, True)
        issued = vultus(
            *("document", "issue", tmp_path / name, "--key", office / "office.pem", "-o", tmp_path / "out.png"),
            *("--format", "none"),
        )
        assert (issued.status, "test material" in issued.err) == (2, True)
    assert vultus("document", "morph", *pair, "-o", tmp_path / "m.jpg").status == 2
    assert vultus("document", "morph", *pair, "-o", tmp_path / "m.png", "--alpha", "2").status == 2
    assert vultus("document", "morph", *pair, "-o", tmp_path / "m.png", "--points", "six").status == 2
    write(tmp_path / "grey.png", np.full((300, 300, 3), 128, np.uint8))
    assert vultus("document", "morph", tmp_path / "grey.png", pair[0], "-o", tmp_path / "g.png").status == 2


def test_the_holder(vultus: Vultus, office: Path, keys: list[str | Path], photographs: dict[str, Path]) -> None:
    asked = ["document", "verify-holder", office / "photo.png"]
    ran = vultus(*asked, office / "portrait.png", *keys, "--json")
    (said,) = ran.lines
    assert (ran.status, said["match"], said["intact"], said["fmr"]) == (0, True, True, 0.001)
    stranger = vultus(*asked, photographs["Barack Obama"], *keys)
    assert (stranger.status, "NOT THE HOLDER" in stranger.out) == (1, True)


def test_a_touched_photo_is_not_compared(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    image = read(office / "photo.png")
    image[0, 0, 0] ^= 1
    write(tmp_path / "touched.png", image)
    pub = ["--pub", office / "office.pub", "--vsig", office / "photo.png.vsig"]
    asked = ["document", "verify-holder", tmp_path / "touched.png", office / "portrait.png", *pub]
    ran = vultus(*asked, "--json")
    (said,) = ran.lines
    assert (ran.status, said["match"], said["status"]) == (1, None, "document_not_intact")
    assert "not compared" in vultus(*asked).out


def test_keys_are_made_trusted_renewed_and_revoked(
    vultus: Vultus, office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust, root = tmp_path / "trust.json", tmp_path / "root"
    monkeypatch.setenv("VULTUS_DOCUMENT_PASSPHRASE", "correct horse")
    (made,) = vultus("document", "key", "new", root, "--alg", "ES256", "--json").lines
    assert made["alg"] == "ES256"
    assert b"ENCRYPTED" in (tmp_path / "root.pem").read_bytes()
    assert stat.S_IMODE((tmp_path / "root.pem").stat().st_mode) == 0o600
    assert vultus("document", "key", "new", root).status == 2
    assert vultus("document", "key", "new", f"{root}.pem").status == 2  # the same name, with its ending
    by_root = ["--sign-with", tmp_path / "root.pem"]
    (first,) = vultus("document", "key", "trust", trust, office / "office.pub", *by_root, "--json").lines
    old = first["keys"][0]["key_id"]
    assert (first["serial"], first["signer"]) == (1, made["key_id"])
    check = ["document", "check", office / "photo.png", "--trust", trust, "--pub", tmp_path / "root.pub"]
    assert vultus(*check).status == 0
    rotated = vultus(
        *("document", "key", "rotate", office / "office.pem", tmp_path / "office2", "--trust", trust, *by_root),
        *("--overlap-hours", "1"),
    )
    assert rotated.status == 0
    assert vultus(*check).status == 0  # what the old key signed goes on to count
    (listed,) = vultus("document", "key", "list", trust, "--pub", tmp_path / "root.pub", "--json").lines
    assert [key["valid_until"] is None for key in listed["keys"]] == [False, True]
    assert (listed["serial"], listed["pinned"]) == (2, True)
    revoked = vultus("document", "key", "trust", trust, "--revoke", old, "--reason", "stolen", *by_root)
    assert revoked.status == 0
    ran = vultus(*check)
    assert (ran.status, "was revoked at" in ran.out, "(stolen)" in ran.out) == (1, True, True)
    assert (
        vultus("document", "check", office / "photo.png", "--trust", trust).status == 2
    )  # vouches for itself by nobody
    (tmp_path / "forged.json").write_bytes(trust.read_bytes().replace(b"stolen", b"broken"))
    forged = vultus("document", "key", "list", tmp_path / "forged.json", "--pub", tmp_path / "root.pub")
    assert (forged.status, "was changed" in forged.err) == (2, True)


def test_passphrases(vultus: Vultus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VULTUS_DOCUMENT_PASSPHRASE", raising=False)
    (tmp_path / "words").write_text("correct horse\n")
    (tmp_path / "words").chmod(0o600)
    (tmp_path / "nothing").write_text("\n")
    (tmp_path / "nothing").chmod(0o600)
    assert vultus("document", "key", "new", tmp_path / "k", "--passphrase-file", tmp_path / "nothing").status == 2
    assert vultus("document", "key", "new", tmp_path / "k", "--passphrase").status == 2  # nobody to ask
    assert vultus("document", "key", "new", tmp_path / "k", "--passphrase-file", tmp_path / "words").status == 0
    trust = ["document", "key", "trust", tmp_path / "t.json", tmp_path / "k.pub", "--sign-with", tmp_path / "k.pem"]
    ran = vultus(*trust)
    assert (ran.status, "is encrypted" in ran.err) == (2, True)
    assert vultus(*trust, "--passphrase-file", tmp_path / "words").status == 0
    assert vultus("document", "key", "trust", tmp_path / "t.json").status == 2
    assert vultus("document", "key", "trust", tmp_path / "t.json", tmp_path / "k.pub").status == 2


def test_the_small_file_for_a_chip_is_signed_itself(vultus: Vultus, office: Path, tmp_path: Path) -> None:
    write(tmp_path / "chip.jpg", read(office / "photo.png"), 60)
    asked = ["document", "sign", tmp_path / "chip.jpg", "--key", office / "office.pem", "--doc-id", "X-1"]
    (said,) = vultus(*asked, "--json").lines
    assert (said["format"], said["mode"], said["doc_id"]) == ("JPEG", "RGB8", "X-1")
    assert vultus("document", "check", tmp_path / "chip.jpg", "--pub", office / "office.pub").status == 0
    again = vultus(*asked)
    assert (again.status, "never replaced" in again.err) == (2, True)
    write(tmp_path / "chip.jpg", read(office / "photo.png"), 59)
    assert vultus("document", "check", tmp_path / "chip.jpg", "--pub", office / "office.pub").status == 1
    (tmp_path / "chip.jpg.vsig").unlink()
    (tmp_path / "chip.jpg").write_bytes((tmp_path / "chip.jpg").read_bytes()[:100])
    assert vultus(*asked).status == 2
