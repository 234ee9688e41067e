"""Issuing: what comes out, in which order it was made, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from vultus.analyzer import Analyzer
from vultus.errors import ConflictError, InputError, NoFaceError, TooManyFacesError
from vultus.integrity.crop import format_of
from vultus.integrity.issuing import Issued, checked_target, doc_ids, issue, refuse_marked
from vultus.integrity.keys import SigningKey, new_signing_key
from vultus.integrity.marks import load
from vultus.integrity.pixels import decode, encode, pixel_hash
from vultus.integrity.secret import MarkKey
from vultus.integrity.testmaterial import labelled
from vultus.types import Image

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return new_signing_key(tmp_path_factory.mktemp("keys") / "office", name="office")


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Image:
    """The portrait with more room above, twice as large, so that it fills a format."""
    roomy = np.pad(astronaut[:420], ((40, 0), (0, 0), (0, 0)), mode="edge")
    return np.ascontiguousarray(roomy.repeat(2, axis=0).repeat(2, axis=1))


@pytest.fixture(scope="module")
def issued(face: Image, analyzer: Analyzer, office: SigningKey, mark_key: MarkKey) -> Issued:
    return issue(
        face,
        analyzer,
        office,
        version="1.2.3",
        mark_key=mark_key,
        doc_id="TEST-0001",
        format=format_of("token"),
        created=NOW,
        expires=NOW + timedelta(days=3650),
    )


def test_no_face_and_two(astronaut: Image, analyzer: Analyzer, office: SigningKey) -> None:
    with pytest.raises(NoFaceError):
        issue(np.full((300, 300, 3), 90, np.uint8), analyzer, office, version="1")
    twice = np.ascontiguousarray(np.hstack([astronaut[:300, 100:360]] * 2))
    with pytest.raises(TooManyFacesError):
        issue(twice, analyzer, office, version="1")


def test_what_comes_out(issued: Issued, mark_key: MarkKey) -> None:
    png = decode(issued.png)
    assert (png.format, png.mode, png.image.shape) == ("PNG", "RGB8", (320, 240, 3))
    assert np.array_equal(png.image, issued.image)
    assert load().inspect(png.image, mark_key, "TEST-0001").state == "intact"
    assert np.array_equal(load().embed(issued.unmarked, mark_key, "TEST-0001"), png.image)
    statement = json.loads(issued.vsig)
    assert (statement["sha256_file"], statement["sha256_pixels"]) == (png.sha256, pixel_hash(png.image))
    assert (statement["mark"], statement["manifest"]) == ("block-mac", issued.manifest.label)
    assert (statement["created"], statement["expires"]) == ("2026-11-24T12:00:00Z", "2036-11-21T12:00:00Z")
    assert (issued.manifest.state, issued.manifest.doc_id) == ("valid", "TEST-0001")
    assert issued.portrait is not None
    assert issued.portrait.enlarged > 0


def test_layers_may_be_left_away(face: Image, analyzer: Analyzer, key: SigningKey) -> None:
    made = issue(face, analyzer, key, version="1", manifest=False)
    assert (made.mark, made.portrait, made.manifest.state) == (None, None, "absent")
    assert np.array_equal(made.image, face)
    statement = json.loads(made.vsig)
    assert (statement["mark"], statement["manifest"], statement["doc_id"]) == (None, None, made.doc_id)


def test_the_input_stays(face: Image, analyzer: Analyzer, office: SigningKey, mark_key: MarkKey) -> None:
    before = face.copy()
    issue(face, analyzer, office, version="1", mark_key=mark_key)
    assert np.array_equal(face, before)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.jp2", "a.webp", "a.gif", "a.heic", "a", "a.tif"])
def test_only_png_carries_a_mark(name: str) -> None:
    with pytest.raises(InputError, match=r"ending in \.png"):
        checked_target(Path(name))


def test_png_does() -> None:
    assert checked_target(Path("a.PNG")) == Path("a.PNG")


def test_marked_photos_are_refused(issued: Issued, mark_key: MarkKey, photo: Image) -> None:
    picture = decode(issued.png)
    with pytest.raises(ConflictError, match="as document TEST-0001"):
        refuse_marked(picture, issued.png, None, mark_key, None)
    bare = encode(picture.image)
    with pytest.raises(ConflictError, match="TEST-0001"):
        refuse_marked(decode(bare), bare, issued.vsig, mark_key, None)
    with pytest.raises(ConflictError, match="TEST-0001"):
        refuse_marked(decode(bare), bare, None, mark_key, "TEST-0001")
    half = picture.image.copy()
    half[100:] //= 2
    with pytest.raises(ConflictError, match="TEST-0001"):
        refuse_marked(decode(encode(half)), bare, b"broken", mark_key, "TEST-0001")
    refuse_marked(picture, issued.png, issued.vsig, MarkKey(b"o" * 32), None)  # of another office
    refuse_marked(decode(encode(photo)), encode(photo), None, mark_key, "TEST-0001")
    refuse_marked(decode(bare), bare, None, mark_key, None)  # nothing names the document: it cannot be known


def test_test_material_is_refused(photo: Image, mark_key: MarkKey) -> None:
    data = encode(labelled(photo))
    with pytest.raises(InputError, match="test material"):
        refuse_marked(decode(data), data, None, mark_key, None)


def test_where_document_numbers_are_looked_for(issued: Issued, photo: Image) -> None:
    assert doc_ids(decode(issued.png), issued.png, issued.vsig, "GIVEN") == ("GIVEN", "TEST-0001")
    data = encode(photo, {"vultus:doc-id": "bad\0number"})
    assert doc_ids(decode(data), data, b'{"doc_id":5}', None) == ()
