"""From what a user names to the frames of a video: a file, an address, a camera."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from vultus.errors import VideoError
from vultus.video.frame import Frame, Recording, open_file
from vultus.video.live import SCHEMES, Live, Reconnect, connect_device, connect_url, open_url, spoken_name

__all__ = ["Source", "frames", "is_stream", "open_video"]

Source: TypeAlias = str | os.PathLike[str] | int


def open_video(
    source: Source, *, live: bool | None = None, reconnect: Reconnect | None = None, queue: int = 8
) -> Recording | Live:
    """Open a video file, a camera (0, "0" or "/dev/video0") or an address (RTSP, HTTP, RTMP, SRT, UDP).

    live: whether an HTTP address has no end; None asks its header. Cameras and the other
    addresses are always live: their frames wait in a queue of `queue`, the oldest are
    dropped, and a broken line is connected again as `reconnect` says.

    Refused (VideoError): anything that cannot be opened, in words that name it without the
    passwords of its address.
    """
    if (number := _device(source)) is not None:
        return Live(lambda: connect_device(number), reconnect=reconnect, queue=queue)
    text = os.fspath(source) if not isinstance(source, int) else str(source)
    if not is_stream(text):
        path = Path(text)
        return Recording(lambda: open_file(path), text)
    scheme = urlsplit(text).scheme.lower()
    if scheme not in SCHEMES:
        raise VideoError(f"expected an address with {', '.join(SCHEMES)}, got {scheme}://")
    if live is None:
        live = not scheme.startswith("http") or _endless(text)
    if live:
        return Live(lambda: connect_url(text), reconnect=reconnect, queue=queue)
    return Recording(lambda: open_url(text), spoken_name(text))


def frames(source: Source) -> Iterator[Frame]:
    """The frames of a video one after another, whatever it is; see `open_video`."""
    with open_video(source) as video:
        yield from video


def is_stream(source: Source) -> bool:
    """Whether the source is a camera or an address rather than a file.

    >>> is_stream("rtsp://camera.example/door"), is_stream(0), is_stream("film.mp4")
    (True, True, False)
    """
    return _device(source) is not None or (isinstance(source, str) and "://" in source)


def _device(source: Source) -> int | None:
    if isinstance(source, int):
        if source < 0:
            raise VideoError(f"expected a camera number from 0 on, got {source}")
        return source
    text = os.fspath(source)
    found = re.fullmatch(r"(?:/dev/video)?(\d{1,3})", text)
    if found is None or (text.isdigit() and Path(text).exists()):
        return None
    return int(found[1])


def _endless(url: str) -> bool:
    container = open_url(url)
    try:
        return container.duration is None
    finally:
        container.close()
