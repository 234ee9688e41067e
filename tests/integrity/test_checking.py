"""The verdict, from every layer that there is."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import PIL.Image
import pytest

from vultus.errors import ImageFormatError, InputError
from vultus.integrity import marks
from vultus.integrity.checking import Checked, check
from vultus.integrity.issuing import DOC_ID
from vultus.integrity.keys import SigningKey, new_signing_key
from vultus.integrity.manifest import embed_manifest, read_manifest
from vultus.integrity.pixels import decode, encode
from vultus.integrity.secret import MarkKey
from vultus.integrity.signing import sign
from vultus.integrity.testmaterial import labelled
from vultus.integrity.trust import OneKey
from vultus.types import Image

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DOC = "TEST-0001"
Ask = Callable[..., Checked]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_signing_key(tmp_path_factory.mktemp("keys") / "office", name="office")


@pytest.fixture(scope="module")
def marked(astronaut: Image, mark_key: MarkKey) -> Image:
    return marks.load().embed(np.ascontiguousarray(astronaut[20:221, 120:321]), mark_key, DOC)


@pytest.fixture(scope="module")
def png(marked: Image, office: SigningKey) -> bytes:
    return embed_manifest(encode(marked, {DOC_ID: DOC}), office, DOC, title="a", version="1", mark="block-mac")


@pytest.fixture(scope="module")
def vsig(png: bytes, office: SigningKey) -> bytes:
    return sign(decode(png), office, DOC, created=NOW, mark="block-mac", manifest=read_manifest(png, "PNG").label)


@pytest.fixture(scope="module")
def ask(office: SigningKey, mark_key: MarkKey) -> Ask:
    def asked(data: bytes, vsig: bytes | None, **options: object) -> Checked:
        given = {"trust": OneKey(office.public), "mark_key": mark_key, "now": NOW, **options}
        return check(data, vsig, **given)  # type: ignore[arg-type]

    return asked


def saved(image: Image, kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    PIL.Image.fromarray(image).save(made, kind, **options)  # type: ignore[arg-type]
    return made.getvalue()


def patched(image: Image) -> Image:
    changed = image.copy()
    changed[40:72, 48:80] ^= 0x40
    return changed


def test_nothing_is_no_picture(ask: Ask, vsig: bytes) -> None:
    with pytest.raises(ImageFormatError):
        ask(b"", vsig)


def test_the_file_that_was_issued(ask: Ask, png: bytes, vsig: bytes) -> None:
    found = ask(png, vsig)
    assert (found.intact, found.verdict) == (True, "intact: the file is the one that was issued")
    assert found.signed is not None
    assert found.mark is not None
    assert (found.signed.level, found.manifest.state, found.mark.state) == ("file", "valid", "intact")
    assert (found.doc_id, found.manipulation, found.test_material) == (DOC, "not determined", False)
    assert any("says nothing of 1 px at the right and 1 px at the bottom" in line for line in found.evidence)
    assert any("self-issued, not on the C2PA trust list" in line for line in found.evidence)


def test_a_stripped_manifest_is_told(ask: Ask, marked: Image, vsig: bytes) -> None:
    for data in (saved(marked, "PNG"), saved(marked, "WEBP", lossless=True), saved(marked, "BMP")):
        found = ask(data, vsig)
        assert (found.intact, found.verdict) == (True, "intact: pixels identical, container re-written")
        assert any(line.startswith("manifest: stripped") for line in found.evidence)


def test_another_manifest_is_told(ask: Ask, marked: Image, office: SigningKey, vsig: bytes) -> None:
    other = embed_manifest(encode(marked), office, DOC, title="b", version="1", mark=None)
    found = ask(other, vsig)
    assert found.intact
    assert "manifest: another one than the file was issued with" in found.evidence


def test_a_local_edit(ask: Ask, marked: Image, vsig: bytes) -> None:
    found = ask(encode(patched(marked)), vsig)
    assert (found.intact, found.verdict) == (
        False,
        "changed: 16 of 625 blocks; kind of manipulation not determined",
    )
    assert found.mark is not None
    assert np.argwhere(found.mark.touched).min(axis=0).tolist() == [5, 6]


def test_only_the_edge(ask: Ask, marked: Image, vsig: bytes) -> None:
    changed = marked.copy()
    changed[200, 5] ^= 1
    found = ask(encode(changed), vsig)
    assert not found.intact
    assert "strip at the edge" in found.verdict


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_after_lossy_compression_the_signature_decides(ask: Ask, marked: Image, vsig: bytes, kind: str) -> None:
    options = {"irreversible": True, "quality_mode": "rates", "quality_layers": [8]} if kind == "JPEG2000" else {}
    found = ask(saved(marked, kind, **options), vsig)
    assert found.mark is not None
    assert (found.intact, found.mark.state) == (False, "absent")
    assert "still looks like the one that was signed" in found.verdict
    assert "loses pixels, and no mark survives that" in found.verdict


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_an_encoded_file_can_be_signed_itself(ask: Ask, marked: Image, office: SigningKey, kind: str) -> None:
    data = saved(marked, kind)
    assert (
        ask(data, sign(decode(data), office, DOC, created=NOW)).verdict == "intact: the file is the one that was issued"
    )


def test_another_picture(ask: Ask, marked: Image, vsig: bytes) -> None:
    found = ask(encode(np.ascontiguousarray(marked[::-1])), vsig)
    assert not found.intact
    assert "does not look like the one signed" in found.verdict


def test_without_a_signature_the_mark_decides(ask: Ask, png: bytes, marked: Image) -> None:
    assert ask(png, None).intact
    assert "no signature" in ask(png, None).verdict
    bare = encode(marked)
    assert ask(bare, None, doc_id=DOC).intact
    nothing = ask(bare, None)
    assert (nothing.intact, nothing.mark) == (False, None)
    touched = ask(encode(patched(marked)), None, doc_id=DOC)
    assert (touched.intact, touched.verdict) == (False, "changed: 16 of 625 blocks; no signature")
    assert not ask(bare, None, doc_id="TEST-0002").intact


def test_a_bad_signature_is_not_outvoted_by_the_mark(ask: Ask, png: bytes, vsig: bytes) -> None:
    for bad in (b"", vsig[:50], vsig.replace(b"block-mac", b"block-mad")):
        found = ask(png, bad)
        assert (found.intact, found.verdict.split(":")[0]) == (False, "unsigned")


def test_the_wrong_mark_key(ask: Ask, png: bytes, vsig: bytes) -> None:
    found = ask(png, vsig, mark_key=MarkKey(b"w" * 32))
    assert (found.intact, found.verdict) == (
        False,
        "pixels identical, and the mark does not fit: it was issued with another mark key",
    )


def test_the_wrong_public_key(ask: Ask, png: bytes, vsig: bytes, key: SigningKey) -> None:
    found = ask(png, vsig, trust=OneKey(key.public))
    assert not found.intact
    assert "not among the trusted" in found.verdict


def test_no_key_at_all_vouches_for_nothing(png: bytes, vsig: bytes) -> None:
    found = check(png, vsig)
    assert (found.intact, found.signed, found.mark) == (False, None, None)


def test_clock_skew(ask: Ask, png: bytes, vsig: bytes) -> None:
    found = ask(png, vsig, now=NOW - timedelta(days=1))
    assert not found.intact
    assert "one clock is wrong" in found.verdict


def test_test_material_is_told_before_everything_else(ask: Ask, marked: Image, office: SigningKey) -> None:
    data = encode(labelled(marked))
    found = ask(data, sign(decode(data), office, DOC, created=NOW))
    assert (found.intact, found.test_material, found.verdict) == (
        False,
        True,
        "test material made by vultus, not an issued photo",
    )


def test_a_tiny_picture_gets_an_answer(ask: Ask) -> None:
    assert not ask(encode(np.zeros((1, 1, 3), np.uint8)), None, doc_id=DOC).intact


def test_recompressing_a_photo_that_was_issued_without_a_mark(ask: Ask, marked: Image, office: SigningKey) -> None:
    data = encode(marked)
    vsig = sign(decode(data), office, DOC, created=NOW)
    found = ask(data, vsig)
    assert (found.intact, found.mark) == (True, None)
    assert "mark: not looked for, the photo was issued without one" in found.evidence


def test_the_document_that_it_must_be(ask: Ask, png: bytes, vsig: bytes) -> None:
    assert ask(png, vsig, doc_id=DOC).intact
    found = ask(png, vsig, doc_id="TEST-0002")
    assert not found.intact
    assert found.verdict == "intact, and another document: it was issued as TEST-0001, not as TEST-0002"
    unsigned = ask(png, None, doc_id="TEST-0002")  # though the file itself names the number that would fit
    assert unsigned.mark is not None
    assert (unsigned.intact, unsigned.mark.state) == (False, "absent")


def test_a_mark_that_is_not_known_here(ask: Ask, png: bytes, office: SigningKey) -> None:
    found = ask(png, sign(decode(png), office, DOC, created=NOW, mark="newer"))
    assert (found.intact, found.mark) == (True, None)
    assert "mark: not looked for, this vultus does not know the mark 'newer'" in found.evidence


def test_a_second_frame_is_refused(ask: Ask, marked: Image, vsig: bytes) -> None:
    """Pixels of the first frame are as they were signed; browsers would show the second."""
    made = io.BytesIO()
    second = PIL.Image.fromarray(patched(marked))
    PIL.Image.fromarray(marked).save(made, "PNG", save_all=True, append_images=[second])
    with pytest.raises(InputError, match="animation"):
        ask(made.getvalue(), vsig)


def test_another_orientation_is_told(ask: Ask, marked: Image, vsig: bytes) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    found = ask(saved(marked, "PNG", exif=exif), vsig)
    assert found.intact
    assert "orientation: EXIF 6, signed with 1: programs show it turned" in found.evidence


@pytest.fixture(scope="module")
def deep(astronaut: Image, mark_key: MarkKey) -> Image:
    return marks.load("deep").embed(np.ascontiguousarray(astronaut[:224, 112:336]), mark_key, DOC)


@pytest.fixture(scope="module")
def deep_vsig(deep: Image, office: SigningKey) -> bytes:
    return sign(decode(encode(deep, {DOC_ID: DOC})), office, DOC, created=NOW, mark="deep")


def test_a_deep_mark_as_issued(ask: Ask, deep: Image, deep_vsig: bytes) -> None:
    found = ask(encode(deep, {DOC_ID: DOC}), deep_vsig)
    assert found.mark is not None
    assert (found.intact, found.mark.mark, found.mark.state, found.manipulation) == (True, "deep", "intact", "intact")
    assert any("hidden bits are read" in line for line in found.evidence)
    assert not any(line.startswith("kind:") for line in found.evidence)


def test_a_deep_mark_names_a_kind_or_says_that_it_cannot(ask: Ask, deep: Image, deep_vsig: bytes) -> None:
    changed = np.clip(np.rint(deep + np.random.default_rng(0).normal(0, 8, deep.shape)), 0, 255).astype(np.uint8)
    found = ask(encode(changed), deep_vsig)
    assert found.mark is not None
    assert not found.intact
    assert found.mark.state != "intact"
    assert found.manipulation in ("noise", "not determined")
    told = "kind of manipulation not determined" if found.manipulation_probability is None else "probably noise"
    assert told in found.verdict
    assert any(line.startswith(f"kind: {found.manipulation}; by what the mark shows: ") for line in found.evidence)


def test_a_change_too_small_for_a_deep_mark_is_the_signatures(ask: Ask, deep: Image, deep_vsig: bytes) -> None:
    changed = deep.copy()
    changed[100, 100, 0] ^= 1
    found = ask(encode(changed), deep_vsig)
    assert (found.intact, found.signed is not None and found.signed.level) == (False, "changed")
    assert "too little for the mark deep to show" in found.verdict


def test_nothing_rests_on_a_deep_mark_alone(ask: Ask, deep: Image) -> None:
    found = ask(encode(deep, {DOC_ID: DOC}), None)
    assert found.mark is not None
    assert (found.intact, found.mark.mark, found.mark.state) == (False, "deep", "intact")
    assert found.verdict == "not known: no signature; the mark deep shows no change, and it alone decides nothing"


def test_a_small_file_of_a_deep_mark(ask: Ask, deep: Image, deep_vsig: bytes) -> None:
    found = ask(saved(deep, "JPEG", quality=80), deep_vsig)
    assert found.mark is not None
    assert (found.intact, found.mark.state) == (False, "absent")
    assert "JPEG loses pixels, and no mark survives that" in found.verdict
    assert found.manipulation == "not determined"
    assert any(line.startswith("kind: not determined: nothing of the mark is left") for line in found.evidence)


def test_a_photo_that_was_never_marked_has_no_kind(ask: Ask, astronaut: Image) -> None:
    plain = np.ascontiguousarray(astronaut[:224, 112:336])
    found = ask(encode(plain), None, doc_id=DOC, mark="deep")
    assert found.mark is not None
    assert (found.intact, found.mark.state, found.manipulation) == (False, "absent", "not determined")
