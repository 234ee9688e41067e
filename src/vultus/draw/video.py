"""An annotated video, there in full or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np

from vultus.draw.marks import Mark, annotate
from vultus.errors import InputError, StorageError
from vultus.types import Image

__all__ = ["VideoWriter"]

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_TICKS = 60_000  # a second; MPEG-4 part 2 allows no more than 65,535
_BT601_LIMITED = {"colorspace": 6, "color_range": 1}  # what RGB is converted to; untagged, players guess BT.709


class VideoWriter:
    """Writes pictures as a video: H.264 where FFmpeg can, else MPEG-4.

    A context manager. The file appears under its name when the block ends well; after an
    exception, Ctrl-C or a kill nothing half-written stands there, and a file that was there
    before is still the old one. Without a single frame no file is made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with VideoWriter(Path(folder) / "clip.mp4", (64, 48), fps=25) as video:
    ...         for grey in range(3):
    ...             video.write(np.full((48, 64, 3), 80 * grey, np.uint8))
    ...     (Path(folder) / "clip.mp4").is_file()
    True
    """

    def __init__(self, path: str | os.PathLike[str], size_wh: tuple[int, int], fps: float | Fraction) -> None:
        """size_wh: of every frame, in pixels; odd sizes are filled up by one row or column.

        Refused: a name that ends in none of .mp4 .m4v .mov .mkv, a rate that is not
        positive, a size below 2 x 2 (InputError); a place that cannot be written (StorageError).
        """
        self.path = Path(path)
        self.size_wh = size_wh
        if self.path.suffix.lower() not in _FORMATS:
            raise InputError(f"expected a video name that ends in {', '.join(_FORMATS)}, got {self.path.name!r}")
        if not 0 < fps < 1001:
            raise InputError(f"expected frames a second above 0 and up to 1000, got {fps}")
        if min(size_wh) < 2:
            raise InputError(f"expected frames of at least 2 x 2 pixels, got {size_wh[0]} x {size_wh[1]}")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._ticks = -1  # of the last frame
        self._next = Fraction(0)  # seconds; exact, so that 29.97 frames a second do not drift
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            self._part.touch(exist_ok=False)  # FFmpeg itself tells only at the first frames
            self._container: Any = av.open(os.fspath(self._part), "w", format=_FORMATS[self.path.suffix.lower()])
        except (OSError, av.error.FFmpegError) as error:
            raise self._failed(error) from error
        self._stream = self._add_stream()

    def write(self, image: Image, marks: Iterable[Mark] = (), *, time: float | None = None) -> None:
        """Add a frame (H, W, 3) with marks on it.

        time: when it is shown, in seconds from the start, for sources whose rate varies;
        None puts it one frame's time after the last. Refused (InputError): another size than
        the video's, a time that does not come after the last one's, a video that is closed.
        """
        if self._container is None:
            raise InputError(f"expected an open video, {self.path} is closed; make a new VideoWriter")
        if (image.shape[1], image.shape[0]) != self.size_wh:
            raise InputError(
                f"expected frames of {self.size_wh[0]} x {self.size_wh[1]}, got {image.shape[1]} x {image.shape[0]}"
            )
        at = self._next if time is None else Fraction(time)
        ticks = round(at * _TICKS)
        if ticks <= self._ticks:
            raise InputError(f"expected a time after {self._ticks / _TICKS:.4f} s, got {time}")
        drawn = annotate(image, marks)
        odd = (drawn.shape[0] % 2, drawn.shape[1] % 2)
        if any(odd):  # 4:2:0 colour needs even sizes
            drawn = np.pad(drawn, ((0, odd[0]), (0, odd[1]), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        frame.pts, frame.time_base = ticks, Fraction(1, _TICKS)
        self._encode(frame)
        self._ticks, self._next = ticks, at + 1 / self._rate

    def close(self) -> None:
        """Finish the file and put it under its name; a second call does nothing."""
        if self._container is None:
            return
        if self._ticks < 0:
            self.discard()
            return
        try:
            self._encode(None)
            self._container.close()
            self._container = None
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            self._part.replace(self.path)
        except (OSError, av.error.FFmpegError) as error:
            self.discard()
            raise self._failed(error) from error
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Give up: leave no file."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except (OSError, av.error.FFmpegError):
            pass  # it is thrown away either way
        finally:
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _add_stream(self) -> Any:
        h264 = "libx264" in av.codecs_available
        stream = self._container.add_stream("libx264" if h264 else "mpeg4", rate=self._rate)
        stream.width, stream.height = (side + side % 2 for side in self.size_wh)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        for name, value in _BT601_LIMITED.items():
            setattr(stream.codec_context, name, value)
        stream.options = {"crf": "20", "preset": "veryfast"} if h264 else {"qscale": "3"}
        return stream

    def _encode(self, frame: Any) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (OSError, av.error.FFmpegError) as error:
            self.discard()
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> StorageError:
        reason = getattr(error, "strerror", None) or str(error)
        return StorageError(f"could not write the video {self.path}: {reason}; look at the folder and the free space")
