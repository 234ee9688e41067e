"""Pictures as they lie, and the hash of their pixels."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import PIL.Image
import pytest

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError
from vultus.images import Limits
from vultus.integrity.pixels import decode, encode, pixel_hash
from vultus.types import Image


def saved(image: Image | PIL.Image.Image, kind: str, **options: object) -> bytes:
    made = io.BytesIO()
    picture = image if isinstance(image, PIL.Image.Image) else PIL.Image.fromarray(image)
    picture.save(made, kind, **options)  # type: ignore[arg-type]
    return made.getvalue()


def test_empty() -> None:
    with pytest.raises(ImageFormatError, match="empty file"):
        decode(b"")


def test_hash_of_red_and_blue() -> None:
    two = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    by_hand = hashlib.sha256(b"RGB8" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + bytes([255, 0, 0, 0, 0, 255])).hexdigest()
    assert pixel_hash(two) == by_hand == "934c6af4367e0d82bf3e9049ebede50b3e48025038201d809ae849d50484edd1"


def test_hash_knows_the_shape() -> None:
    flat = np.zeros((2, 8, 3), np.uint8)
    assert len({pixel_hash(flat), pixel_hash(flat.reshape(8, 2, 3)), pixel_hash(flat.reshape(4, 4, 3))}) == 3


def test_hash_of_a_view_is_that_of_a_copy(photo: Image) -> None:
    assert pixel_hash(photo[:, ::-1]) == pixel_hash(photo[:, ::-1].copy())


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_lossless_files_give_their_pixels(photo: Image, kind: str, options: dict[str, object]) -> None:
    found = decode(saved(photo, kind, **options))
    assert np.array_equal(found.image, photo)
    assert (found.format, found.mode, found.orientation, found.lossless) == (kind, "RGB8", 1, True)


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "JPEG"), ("JPEG2000", "JPEG 2000"), ("WEBP", "WEBP")])
def test_lossy_files_say_so(photo: Image, kind: str, name: str) -> None:
    options = {"irreversible": True, "quality_mode": "rates", "quality_layers": [20]} if kind == "JPEG2000" else {}
    found = decode(saved(photo, kind, **options))
    assert (found.format, found.lossless) == (name, False)


def test_texts_come_back(photo: Image) -> None:
    assert decode(encode(photo, {"vultus:doc-id": "é-1"})).texts["vultus:doc-id"] == "é-1"


def test_orientation_is_recorded_and_not_applied(photo: Image) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    found = decode(saved(photo, "PNG", exif=exif))
    assert found.orientation == 6
    assert np.array_equal(found.image, photo)


def test_other_modes_are_asked_for(photo: Image) -> None:
    import cv2

    picture = PIL.Image.fromarray(photo)
    clear = picture.convert("RGBA")
    clear.putalpha(0)
    sixteen = cv2.imencode(".png", photo[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    cases = {
        "L8": saved(picture.convert("L"), "PNG"),
        "RGBA8": saved(clear, "PNG"),
        "P8": saved(picture.quantize(16), "PNG"),
        "CMYK8": saved(picture.convert("CMYK"), "JPEG"),
        "L16": saved(PIL.Image.fromarray(photo[..., 0].astype(np.uint16) * 257), "PNG"),
        "RGB16": sixteen,
    }
    for mode, data in cases.items():
        with pytest.raises(InputError, match=f"got {mode}; convert it"):
            decode(data)
        assert decode(data, convert=True).mode == mode
    assert (decode(cases["RGBA8"], convert=True).image == 255).all()
    assert np.array_equal(decode(cases["RGB16"], convert=True).image, photo)
    assert np.array_equal(decode(cases["L16"], convert=True).image[..., 1], photo[..., 0])


def test_opaque_alpha_changes_nothing(photo: Image) -> None:
    data = saved(PIL.Image.fromarray(photo).convert("RGBA"), "PNG")
    assert pixel_hash(decode(data, convert=True).image) == pixel_hash(photo)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "JPEG2000", "BMP"])
def test_truncated_files_are_refused(photo: Image, kind: str) -> None:
    data = saved(photo, kind)
    for share in (0.1, 0.5, 0.9):
        with pytest.raises(ImageFormatError):
            decode(data[: int(len(data) * share)])


def test_bombs_are_refused_before_they_are_decoded() -> None:
    data = saved(PIL.Image.new("RGB", (3000, 3000)), "PNG")
    with pytest.raises(ImageTooLargeError, match="3000 x 3000"):
        decode(data, limits=Limits(pixels=1000 * 1000))
    with pytest.raises(ImageTooLargeError, match="bytes"):
        decode(data, limits=Limits(bytes=100))


def test_no_picture_is_refused() -> None:
    for data in (b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40), bytes(100)):
        with pytest.raises(ImageFormatError):
            decode(data)
