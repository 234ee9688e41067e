"""The door: whatever the picture comes in, RGB uint8 (H, W, 3) comes out, or a reason why not."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from vultus.errors import ImageFormatError, ImageTooLargeError, InputError, NotFoundError
from vultus.images.arrays import check_pixels, from_array
from vultus.images.decoding import decode, from_picture
from vultus.images.fetching import fetch, is_url
from vultus.types import Image

__all__ = ["Limits", "Picture", "Source", "digest", "load", "read"]

Source: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | PIL.Image.Image


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be, checked before it is decoded; all must be above zero.

    >>> Limits(pixels=10**8).bytes
    20971520
    """

    bytes: int = 20 * 2**20  # of the file, not of arrays
    pixels: int = 64_000_000  # width times height, of arrays too
    seconds: float = 15.0  # that a server may keep us waiting

    def __post_init__(self) -> None:
        for name in ("bytes", "pixels", "seconds"):
            if not getattr(self, name) > 0:
                raise InputError(f"expected a limit above zero for {name}, got {getattr(self, name)}")


_DEFAULT = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture with its identity, read once for both."""

    image: Image
    sha256: str  # of the file's bytes; of shape and pixels where there was no file
    name: str  # path or address as given, "<bytes>", "<array>" or "<picture>"


def read(source: Source, *, limits: Limits = _DEFAULT, allow_url: bool = True, at_least: int | None = None) -> Image:
    """Open a picture, whatever it comes in: RGB uint8 (H, W, 3), contiguous, upright.

    source: a path, bytes, an http(s) address, a Pillow picture, or an array (see
    `vultus.images.from_array`; RGB uint8 is returned without a copy and may share its memory).
    The format is decided by content: JPEG, PNG, WebP, BMP, TIFF, the first frame of an
    animation, HEIF where pillow-heif is installed. EXIF orientation is applied, 16 bits are
    scaled, CMYK converted, transparency laid on white.
    allow_url: False refuses addresses, for servers that must not fetch on a stranger's word.
    at_least: a long side in pixels that is enough. A plain JPEG is then decoded at 1/2, 1/4 or
    1/8, the smallest that is not below it (sides rounded up); other pictures come out whole.

    Refused: no picture or a broken one (ImageFormatError), over a limit (ImageTooLargeError),
    no such file (NotFoundError), HEIF without its library (MissingExtraError), anything else
    that cannot be read (InputError). The message opens with the source's name.

    >>> read(np.zeros((4, 6), np.uint8)).shape
    (4, 6, 3)
    """
    if at_least is not None and at_least < 1:
        raise InputError(f"expected at_least above zero or None, got {at_least}")
    name = _name(source)
    with _about(name):
        if isinstance(source, np.ndarray | PIL.Image.Image):
            return _pixels(source, limits)
        return decode(_bytes(source, limits, allow_url), pixels=limits.pixels, at_least=at_least)


def load(source: Source, *, limits: Limits = _DEFAULT, allow_url: bool = True) -> Picture:
    """Open a picture together with its name and digest; options and refusals as in `read`."""
    name = _name(source)
    with _about(name):
        if isinstance(source, np.ndarray | PIL.Image.Image):
            image = _pixels(source, limits)
            return Picture(image, _pixel_digest(image), name)
        data = _bytes(source, limits, allow_url)
        image = decode(data, pixels=limits.pixels)
        return Picture(image, hashlib.sha256(data).hexdigest(), name)


def digest(source: Source, *, limits: Limits = _DEFAULT, allow_url: bool = True) -> str:
    """SHA-256 that tells whether two sources are the same, as `load` states it, in hex digits.

    Of a file's bytes, without decoding them; of shape and RGB pixels for arrays and Pillow
    pictures, so that a grey array and its RGB twin are the same.

    >>> digest(b"") == hashlib.sha256(b"").hexdigest()
    True
    """
    with _about(_name(source)):
        if isinstance(source, np.ndarray | PIL.Image.Image):
            return _pixel_digest(_pixels(source, limits))
        return hashlib.sha256(_bytes(source, limits, allow_url)).hexdigest()


def _name(source: object) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, PIL.Image.Image):
        return os.fsdecode(getattr(source, "filename", "") or "<picture>")
    return {np.ndarray: "<array>", bytes: "<bytes>"}.get(type(source), f"<{type(source).__name__}>")


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Put the source's name before the reason, on one printable line."""
    try:
        yield
    except InputError as error:
        reason = "".join(letter if letter.isprintable() else " " for letter in str(error))  # servers word some of it
        shown = name if name.isprintable() else ascii(name)
        raise type(error)(f"{shown}: {' '.join(reason.split())}") from error.__cause__


def _pixels(source: NDArray[Any] | PIL.Image.Image, limits: Limits) -> Image:
    if isinstance(source, PIL.Image.Image):
        return from_picture(source, pixels=limits.pixels)
    height, width = (*source.shape, 1, 1)[:2]
    check_pixels((width, height), limits.pixels)
    return from_array(np.asarray(source))  # np.asarray: subclasses carry their own rules


def _pixel_digest(image: Image) -> str:
    height, width, channels = image.shape
    made = hashlib.sha256(f"{height}x{width}x{channels}\n".encode())
    made.update(image.data)
    return made.hexdigest()


def _bytes(source: object, limits: Limits, allow_url: bool) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        if len(data) > limits.bytes:
            raise _over(len(data), limits)
        return data
    if isinstance(source, str) and is_url(source):
        if not allow_url:
            raise InputError("expected a file, got an address; fetching is switched off here")
        return fetch(source, limit=limits.bytes, seconds=limits.seconds)
    if isinstance(source, str | os.PathLike):
        return _file(Path(os.fsdecode(source)), limits)
    raise InputError(f"expected a path, bytes, an address, an array or a Pillow picture, got {type(source).__name__}")


def _file(path: Path, limits: Limits) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageFormatError("expected a picture, got a folder; name the files in it or use vultus.images.walk")
        if not stat.S_ISREG(found.st_mode):  # a pipe may never end, a device may never answer
            raise ImageFormatError("expected a regular file, got a pipe or a device; read it and give the bytes")
        if found.st_size > limits.bytes:
            raise _over(found.st_size, limits)
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)  # it may have grown meanwhile
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file; check the path") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InputError(f"the file cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > limits.bytes:
        raise _over(len(data), limits)
    return data


def _over(size: int, limits: Limits) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"expected at most {limits.bytes} bytes, got {size}; make it smaller or raise Limits(bytes=...)"
    )
