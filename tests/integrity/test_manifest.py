"""C2PA manifests, written by us and read back by the public library."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vultus.errors import InputError
from vultus.integrity.certificates import SELF_ISSUED
from vultus.integrity.keys import ALGORITHMS, SigningKey, new_signing_key
from vultus.integrity.manifest import LABEL, embed_manifest, read_manifest
from vultus.integrity.pixels import decode, encode
from vultus.types import Image

c2pa = pytest.importorskip("c2pa")


@pytest.fixture(scope="module", params=ALGORITHMS)
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_signing_key(tmp_path_factory.mktemp("keys") / "k", alg=request.param, name="Passport office")


@pytest.fixture(scope="module")
def png(photo: Image, signer: SigningKey) -> bytes:
    return embed_manifest(encode(photo), signer, "TEST-0001", title="a.png", version="1.2.3", mark="block-mac")


def test_no_manifest(photo: Image) -> None:
    assert read_manifest(encode(photo), "PNG").state == "absent"
    assert read_manifest(b"", "PNG").state in ("absent", "unreadable")


def test_it_says_what_was_issued(png: bytes, signer: SigningKey) -> None:
    found = read_manifest(png, "PNG")
    assert (found.state, found.doc_id, found.name, found.issuer) == (
        "valid",
        "TEST-0001",
        "Passport office",
        SELF_ISSUED,
    )
    assert (found.self_issued, found.trusted, found.problems) == (True, False, ())
    assert found.alg.lower() == signer.alg.lower()


def test_the_pixels_stay(png: bytes, photo: Image) -> None:
    assert np.array_equal(decode(png).image, photo)


def test_the_public_library_reads_it_without_us(png: bytes) -> None:
    with c2pa.Reader("image/png", io.BytesIO(png)) as reader:
        found = json.loads(reader.json())
        state = reader.get_validation_state()
    active = found["manifests"][found["active_manifest"]]
    assert state == "Valid"
    assert active["claim_generator_info"][0]["name"] == "vultus"
    assert [item["data"]["doc_id"] for item in active["assertions"] if item["label"] == LABEL] == ["TEST-0001"]


def test_it_is_trusted_by_who_knows_its_root(png: bytes, signer: SigningKey) -> None:
    root = signer.chain[signer.chain.rindex("-----BEGIN CERTIFICATE-----") :]
    assert read_manifest(png, "PNG", root).trusted


def test_changed_files_are_told(png: bytes) -> None:
    changed = bytearray(png)
    changed[png.index(b"IDAT") + 20] ^= 1
    found = read_manifest(bytes(changed), "PNG")
    assert (found.state, found.problems) == ("invalid", ("assertion.dataHash.mismatch",))


def test_a_file_written_anew_has_none(png: bytes) -> None:
    again = io.BytesIO()
    PIL.Image.open(io.BytesIO(png)).save(again, "PNG")
    assert read_manifest(again.getvalue(), "PNG").state == "absent"


def test_any_part_of_a_file_gets_an_answer(png: bytes) -> None:
    states = {read_manifest(png[: len(png) * share // 10], "PNG").state for share in range(10)}
    assert states <= {"absent", "unreadable", "invalid"}
    assert read_manifest(png, "BMP").state == "absent"
    assert read_manifest(b"junk", "JPEG").state in ("absent", "unreadable")


def test_a_key_without_certificates_is_refused(photo: Image, key: SigningKey) -> None:
    with pytest.raises(InputError, match="no certificates"):
        embed_manifest(encode(photo), key, "X", title="a", version="1", mark=None)


def test_bytes_that_are_no_png_are_refused(signer: SigningKey, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="could not be made"):
        embed_manifest(b"no picture", signer, "X", title="a", version="1", mark=None)
