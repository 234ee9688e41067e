"""Read a video as a stream of frames, each turned into pixels only when somebody asks.

Decoding a 720p frame costs about as much as turning it into RGB three times over; most
frames are only looked at as a thumbnail, to find shot changes. So a `Frame` keeps the
decoder's picture and converts on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vultus.errors import VideoError
from vultus.types import Image

__all__ = ["THUMBNAIL_WH", "Frame", "Info", "Recording", "decode", "info_of", "open_file", "video_stream"]

THUMBNAIL_WH = (64, 36)  # pixels; the size at which shot changes are measured
MAX_PIXELS = 64_000_000  # a frame; the limit of the image door holds here too
HOPELESS = 200  # packets in a row that give no frame: no player would go on
LUMA_8_BIT = frozenset(
    ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv411p", "nv12", "nv21", "gray")
)
HEADER_TELLS_LENGTH = ("mp4", "matroska", "avi")  # containers whose header states how long the video should be


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video, not yet converted.

    index counts the frames of the source, those that a live queue dropped included.
    """

    index: int
    time: float  # seconds from the beginning of the source
    size_wh: tuple[int, int]  # pixels as displayed: upright, square pixels
    picture: Any  # av.VideoFrame
    rotation: int = 0  # degrees counter-clockwise that display asks for: 0, 90, 180, 270
    joins: bool = False  # True: the stream broke before this frame, it does not follow the last one

    def image(self, longest: int | None = None) -> Image:
        """RGB pixels (H, W, 3), upright; reduced so that the longer side is at most `longest`."""
        width, height = self.size_wh
        if longest is not None and max(width, height) > longest:
            factor = longest / max(width, height)
            width, height = max(round(width * factor), 1), max(round(height * factor), 1)
        if self.rotation in (90, 270):
            width, height = height, width
        stored = (self.picture.width, self.picture.height)
        how = {} if (width, height) == stored else {"width": width, "height": height, "interpolation": "BILINEAR"}
        pixels: Image = self.picture.reformat(format="rgb24", **how).to_ndarray()
        return _turn(pixels, self.rotation)

    def thumbnail(self) -> NDArray[np.float32]:
        """Grey at 64 x 36 (rows 36), 0 to 255, as stored: not turned upright.

        Taken from the luma plane without any colour conversion (0.01 ms).
        """
        picture = self.picture
        if picture.format.name not in LUMA_8_BIT:
            picture = picture.reformat(format="gray")
            full = True
        else:
            full = picture.format.name.startswith(("yuvj", "gray")) or int(picture.color_range) == 2
        plane = picture.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: picture.height, : picture.width]
        small = cv2.resize(luma, THUMBNAIL_WH, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        # Broadcast range puts black at 16 and white at 235.
        return small if full else np.asarray(np.clip((small - 16) * (255 / 219), 0, 255), np.float32)


@dataclass(frozen=True, slots=True)
class Info:
    """What a source says about itself; None where it does not say."""

    name: str  # for messages: the path, or the URL without its secrets
    rate: float | None  # frames a second, mean
    frames: int | None
    duration: float | None  # seconds
    live: bool


class Recording:
    """Something with an end, read from its beginning once for each iteration.

    A recording that ends before its header says, or holds packets that cannot be decoded,
    gives all frames there are and then VideoError with the time reached and the reason.
    """

    def __init__(self, connect: Callable[[], Any], name: str) -> None:
        self._connect = connect  # opens an av container
        self._waiting = connect()  # looked at now, read by the first iteration
        try:
            self.info = info_of(self._waiting, name, live=False)
        except VideoError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; another iteration opens it again."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def __iter__(self) -> Iterator[Frame]:
        container, self._waiting = self._waiting or self._connect(), None
        try:
            yield from decode(container, self.info.name)
        finally:
            container.close()


def open_file(path: Path) -> Any:
    """An av container of a local file.

    Refused (VideoError): no such file, a folder, an empty file, text, anything else that is
    not a video.
    """
    import av

    if not path.exists():
        raise VideoError(f"expected a video file, there is no {path}")
    if path.is_dir():
        raise VideoError(f"expected a video file, {path} is a folder")
    if path.is_file() and path.stat().st_size == 0:
        raise VideoError(f"expected a video file, {path} is empty (0 bytes)")
    try:
        # "file:" keeps a name such as "concat:a|b" a name; the list keeps a playlist that
        # calls itself .mp4 from reaching the network.
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"})
    except av.FFmpegError as error:
        raise VideoError(
            f"{path} is not a video that can be read, or the end with its index is missing: {error.strerror}"
        ) from error
    if container.format.name == "tty":  # FFmpeg draws any text file as a film of a terminal
        container.close()
        raise VideoError(f"expected a video file, {path} is text")
    return container


def info_of(container: Any, name: str, *, live: bool) -> Info:
    """What the header of an open container tells; VideoError when it holds no video."""
    stream = video_stream(container, name)
    rate = float(stream.average_rate) if stream.average_rate else None
    if live:
        return Info(name, rate, None, None, live=True)
    duration = container.duration / 1_000_000 if container.duration else None
    frames = stream.frames or (round(duration * rate) if duration and rate else None)
    return Info(name, rate, frames, duration, live=False)


def video_stream(container: Any, name: str) -> Any:
    """The stream to read; a sound file's cover picture does not count (VideoError when there is none)."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        kinds = ", ".join(sorted({str(stream.type) for stream in container.streams})) or "nothing"
        raise VideoError(f"expected a video stream, {name} holds only {kinds}")
    stream = moving[0]
    if stream.codec_context is None:
        raise VideoError(f"{name}: this build of PyAV has no decoder for its video stream")
    if stream.width * stream.height > MAX_PIXELS:
        raise VideoError(f"{name}: expected frames up to {MAX_PIXELS} pixels, got {stream.width} x {stream.height}")
    return stream


def decode(container: Any, name: str, *, strict: bool = True) -> Iterator[Frame]:
    """All frames of an open container, in display order, times never going back.

    strict: at the end raise VideoError if the file broke; a live stream that loses packets
    goes on (strict=False).
    """
    import av

    stream = video_stream(container, name)
    stream.thread_type = "AUTO"
    damage = _Damage(name)
    origin = container.start_time / av.time_base if container.start_time is not None else None
    step = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
    aspect = _pixel_aspect(stream.sample_aspect_ratio)
    for picture in _pictures(container, stream, damage, origin or 0.0):
        damage.check_size(picture)
        if origin is None:
            origin = picture.time
        time = damage.time + step if damage.frames else 0.0
        if picture.time is not None:
            time = float(picture.time - (origin or 0.0))
        damage.time = max(damage.time, time)
        damage.frames += 1
        yield _frame(damage.frames - 1, damage.time, picture, aspect)
    if strict:
        damage.check_end(container, stream)


def _pictures(container: Any, stream: Any, damage: _Damage, origin: float) -> Iterator[Any]:
    """What the decoder gives; when the line breaks, first what it still holds, then VideoError."""
    import av

    try:
        for packet in container.demux():
            damage.reach(packet, origin)
            if packet.stream.index == stream.index:
                damage.packets += packet.dts is not None or packet.size > 0
                yield from _decoded(packet.decode, damage)
    except av.FFmpegError as error:
        yield from _decoded(lambda: stream.decode(None), damage)
        raise VideoError(damage.broke(error.strerror)) from error


def _decoded(decode: Callable[[], list[Any]], damage: _Damage) -> list[Any]:
    """The pictures of a packet; one that the decoder refuses is noted and gives none."""
    import av

    try:
        pictures = decode()
    except av.FFmpegError as error:
        damage.note(error.strerror)
        return []
    if pictures:
        damage.row = 0
    return pictures


@dataclass(slots=True)
class _Damage:
    """How far the reading came, and what was wrong with it."""

    name: str
    frames: int = 0
    time: float = 0.0  # seconds, of the last frame
    packets: int = 0  # of the video stream
    end: float = 0.0  # seconds, of the last packet of any stream
    refused: int = 0
    row: int = 0  # refused one after another
    first: float = 0.0  # seconds, where the first was refused
    reason: str = ""

    def reach(self, packet: Any, origin: float) -> None:
        if packet.pts is not None and packet.time_base is not None:
            self.end = max(self.end, float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin)

    def note(self, reason: str) -> None:
        self.row += 1
        self.reason = self.reason or reason
        if self.row >= HOPELESS:
            raise VideoError(self.broke(f"{self.row} packets in a row are damaged ({reason})"))
        # A recording cut between key frames begins with packets that need what is not there.
        if self.frames:
            self.first = self.first if self.refused else self.time
            self.refused += 1

    def check_size(self, picture: Any) -> None:
        if picture.width * picture.height > MAX_PIXELS:
            raise VideoError(self.broke(f"a frame of {picture.width} x {picture.height} pixels is too large"))

    def check_end(self, container: Any, stream: Any) -> None:
        if not self.frames:
            raise VideoError(f"{self.name}: not one frame could be decoded ({self.reason or 'the file holds none'})")
        told = any(word in container.format.name for word in HEADER_TELLS_LENGTH)
        length = container.duration / 1_000_000 if container.duration else 0.0
        if told and self.packets < stream.frames:
            raise VideoError(self.broke(f"the file ends early, its header promises {stream.frames} frames"))
        if told and self.end < length - 0.25 - 0.01 * length:
            raise VideoError(self.broke(f"the file ends early, its header promises {length:.1f} s"))
        if self.refused:
            raise VideoError(
                f"{self.name}: {self.refused} packets from {self.first:.2f} s on are damaged ({self.reason}); "
                f"the {self.frames} frames around them were read"
            )

    def broke(self, reason: str) -> str:
        return f"{self.name}: the video broke at {self.time:.2f} s after {self.frames} frames: {reason}"


def _frame(index: int, time: float, picture: Any, aspect: Fraction) -> Frame:
    rotation = round(picture.rotation / 90) % 4 * 90
    width, height = max(round(picture.width * aspect), 1), picture.height
    size_wh = (height, width) if rotation in (90, 270) else (width, height)
    return Frame(index, time, size_wh, picture, rotation)


def _pixel_aspect(told: Fraction | None) -> Fraction:
    """Width of a pixel over its height; square where the file says nothing, or nonsense."""
    return Fraction(told) if told and Fraction(1, 4) <= told <= 4 else Fraction(1)


def _turn(pixels: Image, rotation: int) -> Image:
    if rotation == 0:
        return pixels
    how = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}
    return np.asarray(cv2.rotate(pixels, how[rotation]), dtype=np.uint8)
