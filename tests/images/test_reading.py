"""The door itself: sources, names, limits, digests."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError, NotFoundError
from vultus.images import Limits, digest, load, read

PIXELS = np.random.default_rng(5).integers(0, 256, (12, 16, 3)).astype(np.uint8)


def png(picture: PIL.Image.Image | None = None) -> bytes:
    file = io.BytesIO()
    (picture or PIL.Image.fromarray(PIXELS)).save(file, "PNG")
    return file.getvalue()


def test_an_empty_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(ImageFormatError, match=r"empty\.jpg: expected a JPEG.*empty file"):
        read(path)


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "täglich gesehen.jpg"  # a PNG: content decides
    path.write_bytes(png())
    picture = PIL.Image.fromarray(PIXELS)
    sources = [path, str(path), png(), bytearray(png()), memoryview(png()), PIXELS, picture, PIL.Image.open(path)]
    assert [np.array_equal(read(source), PIXELS) for source in sources] == [True] * len(sources)


def test_a_picture_handed_in_is_not_changed() -> None:
    picture = PIL.Image.fromarray(PIXELS)
    picture.getexif()[0x0112] = 6
    assert read(picture).shape == (16, 12, 3)
    assert picture.size == (16, 12)
    assert picture.getexif()[0x0112] == 6


def test_a_broken_pillow_picture_is_refused() -> None:
    with pytest.raises(ImageFormatError, match="<picture>: the picture is broken or truncated"):
        read(PIL.Image.open(io.BytesIO(png()[:200])))
    with pytest.raises(ImageTooLargeError):
        read(PIL.Image.new("L", (11, 10)), limits=Limits(pixels=100))


def test_a_folder_a_missing_file_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(ImageFormatError, match=r"got a folder; .*walk"):
        read(tmp_path)
    with pytest.raises(NotFoundError, match=r"gone\.jpg: there is no such file"):
        read(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ImageFormatError, match="pipe or a device"):
        read(tmp_path / "pipe.jpg")
    with pytest.raises(ImageFormatError, match="pipe or a device"):
        read("/dev/zero")


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read("zero\0byte.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read("x" * 5000)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "file" / "below.jpg")
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    with pytest.raises(InputError, match="cannot be read"):
        read(loop)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(png())
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        read(path)


def test_the_reason_stays_on_one_line_whatever_the_name(tmp_path: Path) -> None:
    names = [b"two\nlines.jpg", b"not utf-8 \xff.jpg", b"\x1b[31mred.jpg"]
    reasons = []
    for name in names:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(b"text")
        with pytest.raises(ImageFormatError) as caught:
            read(path)
        reasons.append(str(caught.value))
    assert [reason.isprintable() for reason in reasons] == [True] * 3


@pytest.mark.parametrize("source", [None, 7, io.BytesIO(), [1, 2], PIXELS.tolist()])
def test_other_sources_are_refused(source: object) -> None:
    with pytest.raises(InputError, match="expected a path, bytes, an address, an array or a Pillow picture"):
        read(source)  # type: ignore[arg-type]


def test_the_byte_limit(tmp_path: Path) -> None:
    data = png()
    path = tmp_path / "a.png"
    path.write_bytes(data)
    exact, below = Limits(bytes=len(data)), Limits(bytes=len(data) - 1)
    for source in (data, path):
        assert read(source, limits=exact).shape == (12, 16, 3)
        with pytest.raises(ImageTooLargeError, match=f"got {len(data)}"):
            read(source, limits=below)


def test_the_byte_limit_comes_before_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "vast.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of hole
    with pytest.raises(ImageTooLargeError, match="1099511627776"):
        read(path)


def test_the_limits_that_the_design_names() -> None:
    assert (Limits().bytes, Limits().pixels) == (20 * 1024 * 1024, 64_000_000)
    for wrong in ({"bytes": 0}, {"pixels": -1}, {"seconds": 0.0}, {"seconds": float("nan")}):
        with pytest.raises(InputError, match="above zero"):
            Limits(**wrong)


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    expected = hashlib.sha256(png()).hexdigest()
    assert digest(path) == digest(str(path)) == digest(png()) == expected
    with pytest.raises(NotFoundError, match="gone"):
        digest(tmp_path / "gone")


def test_digest_of_pixels_knows_the_shape_and_not_the_wrapping() -> None:
    assert digest(PIXELS) == digest(PIL.Image.fromarray(PIXELS)) == digest(PIXELS[::-1][::-1])
    expected = hashlib.sha256(b"12x16x3\n" + PIXELS.tobytes()).hexdigest()
    assert digest(PIXELS) == expected
    assert digest(PIXELS.reshape(16, 12, 3)) != expected
    grey = PIXELS[..., 0]
    assert digest(grey) == digest(np.dstack([grey] * 3))


def test_load_gives_pixels_digest_and_name_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    named = PIL.Image.open(path)
    found = [load(source) for source in (path, str(path), png(), PIXELS, PIL.Image.fromarray(PIXELS), named)]
    assert [each.name for each in found] == [str(path), str(path), "<bytes>", "<array>", "<picture>", str(path)]
    assert [each.sha256 for each in found] == [digest(png())] * 3 + [digest(PIXELS)] * 3
    assert [np.array_equal(each.image, PIXELS) for each in found] == [True] * 6
    with pytest.raises(ImageFormatError, match=r"^<bytes>: "):
        load(b"text")
