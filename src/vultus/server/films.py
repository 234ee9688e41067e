"""What a film must be before it is opened: bytes of a known container, frames of a bearable size.

A player's library opens playlists and scripts too, which name other files and addresses.
Those are refused by their first bytes, before it sees them.
"""

from __future__ import annotations

from pathlib import Path

from vultus.errors import ImageTooLargeError, VideoError

__all__ = ["check", "container"]

_HEAD = 512
_TS = 188  # bytes of a packet of an MPEG transport stream


def container(head: bytes) -> str | None:
    """Which container the first bytes (512 or more) are of, None for anything else.

    >>> container(b"....ftypisom" + bytes(500)), container(b"#EXTM3U" + bytes(505))
    ('mp4', None)
    """
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        return "mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith(b"\x00\x00\x01\xba"):
        return "mpeg"
    if head.startswith(b"FLV\x01"):
        return "flv"
    if head.startswith(b"OggS"):
        return "ogg"
    if len(head) > 2 * _TS and head[0] == head[_TS] == head[2 * _TS] == 0x47:
        return "mpegts"
    return None


def check(path: Path, pixels: int) -> None:
    """Refuse a file that is no film (VideoError), or whose frames are larger (ImageTooLargeError)."""
    import av

    with path.open("rb") as file:
        head = file.read(_HEAD)
    if container(head) is None:
        raise VideoError("expected a film (MP4, MOV, Matroska, WebM, AVI, MPEG, FLV, Ogg), got other bytes")
    try:
        with av.open(str(path)) as opened:
            sizes = [(stream.width, stream.height) for stream in opened.streams.video]
    except (av.error.FFmpegError, ValueError) as error:
        raise VideoError(f"the film cannot be opened ({type(error).__name__})") from error
    if not sizes:
        raise VideoError("expected a film with pictures, it has none")
    for width, height in sizes:
        if width * height > pixels:
            raise ImageTooLargeError(f"expected frames of at most {pixels} pixels, got {width} x {height}")
