"""Cameras and network streams: the newest frames, and a new try when the line breaks.

A thread reads as fast as the source sends and keeps the newest few frames; whoever looks
at them may be slower, and then loses the oldest, so that what is seen is what is there now.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import cv2

from vultus.errors import VideoError
from vultus.video.frame import Frame, Info, decode, info_of

__all__ = ["SCHEMES", "Connection", "Live", "Reconnect", "connect_device", "connect_url", "open_url", "spoken_name"]

log = logging.getLogger("vultus.video")

# What each kind of address may reach; nothing may open a local file by way of a playlist.
SCHEMES = {
    "http": "http,https,tcp,tls,crypto,data,httpproxy",
    "https": "http,https,tcp,tls,crypto,data,httpproxy",
    "rtsp": "rtsp,rtp,rtcp,udp,tcp,tls,http,https",
    "rtsps": "rtsps,rtsp,rtp,srtp,rtcp,udp,tcp,tls",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "srt": "srt,udp",
    "udp": "udp",
    "rtp": "rtp,udp",
}
PATIENCE = (10.0, 10.0)  # seconds to open a stream, and to wait for its next packet


@dataclass(frozen=True, slots=True)
class Reconnect:
    """How often, and after which pauses, a broken stream is tried again.

    >>> [Reconnect().pause(attempt) for attempt in (1, 2, 3, 9)]
    [0.5, 1.0, 2.0, 30.0]
    """

    attempts: int = 8  # in a row; a connection that holds for `steady` seconds starts the count anew
    first: float = 0.5  # seconds
    factor: float = 2.0
    longest: float = 30.0  # seconds
    steady: float = 5.0  # seconds

    def pause(self, attempt: int) -> float:
        """Seconds to wait before the attempt of that number, counted from 1."""
        return min(self.first * self.factor ** (attempt - 1), self.longest)


class Connection(Protocol):
    """One unbroken line to a source; times start at 0, VideoError when it breaks."""

    info: Info

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Live:
    """A source without an end; iterate once, and leave the `with` to stop its thread.

    A first connection that fails raises VideoError at once; later breaks are mended as
    `reconnect` says, the first frame after one has `joins` set, and VideoError comes when the
    attempts are used up. Frames read before a break are still delivered.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        reconnect: Reconnect | None = None,
        queue: int = 8,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """queue: frames kept. wait: sleeps so many seconds and returns True to give up early."""
        self._connect = connect
        self._reconnect = reconnect or Reconnect()
        self._clock = clock
        self._stop = threading.Event()
        self._wait = wait or self._stop.wait
        self._frames: deque[Frame] = deque()
        self._queue = queue
        self._changed = threading.Condition()
        self._broken: BaseException | None = None
        self._ended = False
        self._first: Connection | None = connect()
        self.info = self._first.info
        self.dropped = 0  # frames that nobody was quick enough to take
        self._owed = False  # the first frame after a break was dropped; the next one tells of it
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading. A thread that waits for a silent network ends by itself later."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
        elif self._first is not None:
            self._first.close()
            self._first = None

    def __iter__(self) -> Iterator[Frame]:
        if self._thread is not None:
            raise VideoError(f"{self.info.name}: a live source can be read once; open it again")
        self._thread = threading.Thread(target=self._read, name="vultus-video", daemon=True)
        self._thread.start()
        try:
            while (frame := self._next()) is not None:
                yield frame
        finally:
            self.close()
        if self._broken is not None:
            raise self._broken

    def _next(self) -> Frame | None:
        with self._changed:
            while not self._frames and not self._ended:
                self._changed.wait(timeout=0.5)  # a wait without an end is deaf to Ctrl-C on Windows
            if not self._frames:
                return None
            frame = self._frames.popleft()
            if self._owed:
                frame, self._owed = replace(frame, joins=True), False
            return frame

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if len(self._frames) == self._queue:
                self.dropped += 1
                self._owed = self._frames.popleft().joins or self._owed
            self._frames.append(frame)
            self._changed.notify()

    def _read(self) -> None:
        """The thread: read, and mend what can be mended."""
        try:
            self._broken = self._read_on()
        except BaseException as error:  # noqa: BLE001  whoever takes the frames raises it
            self._broken = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _read_on(self) -> VideoError | None:
        connection, self._first = self._first, None
        began: float | None = None
        index, last, attempt = 0, 0.0, 0
        while not self._stop.is_set():
            reason = f"{self.info.name}: the stream ended"
            opened: float | None = None  # seconds on our clock when this connection gave its first frame
            try:
                connection = connection or self._connect()
                for frame in connection.frames():
                    now = self._clock()
                    began = now if began is None else began
                    opened = now if opened is None else opened
                    joins = index > 0 and frame.index == 0
                    last = max(last, opened - began + frame.time)
                    self._put(replace(frame, index=index, time=last, joins=joins))
                    index += 1
                    if self._stop.is_set():
                        return None
            except VideoError as error:
                reason = str(error)
            finally:
                if connection is not None:
                    connection.close()
                connection = None
            held = self._clock() - opened if opened is not None else 0.0
            attempt = 1 if held >= self._reconnect.steady else attempt + 1
            if attempt > self._reconnect.attempts:
                return VideoError(f"{reason}; gave up at {last:.2f} s after {attempt - 1} attempts to connect again")
            pause = self._reconnect.pause(attempt)
            log.warning("%s; attempt %d in %.1f s", reason, attempt, pause)
            if self._wait(pause):
                return None
        return None


class _Url:
    def __init__(self, container: Any, name: str) -> None:
        self._container = container
        self.info = info_of(container, name, live=True)

    def frames(self) -> Iterator[Frame]:
        return decode(self._container, self.info.name, strict=False)

    def close(self) -> None:
        self._container.close()


def connect_url(url: str) -> Connection:
    """One connection to a network stream."""
    return _Url(open_url(url), spoken_name(url))


def open_url(url: str) -> Any:
    """An av container of an address; VideoError when it cannot be reached or is no video."""
    import av

    options = {"protocol_whitelist": SCHEMES[urlsplit(url).scheme.lower()]}
    if url.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # UDP loses packets, and the picture smears
    try:
        return av.open(url, options=options, timeout=PATIENCE)
    except av.FFmpegError as error:
        raise VideoError(f"{spoken_name(url)} cannot be opened as a video stream: {error.strerror}") from None


def spoken_name(url: str) -> str:
    """The address as it may be logged: no user, no password, no query.

    >>> spoken_name("rtsp://admin:secret@camera.example:554/door?token=1")
    'rtsp://camera.example:554/door'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Device:
    def __init__(self, number: int) -> None:
        name = f"camera {number}"
        if sys.platform == "linux" and not Path(f"/dev/video{number}").exists():
            raise VideoError(f"expected a camera, there is no /dev/video{number}")
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise VideoError(f"{name} cannot be opened; another program may hold it")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.info = Info(name, rate if rate > 0 else None, None, None, live=True)

    def frames(self) -> Iterator[Frame]:
        import av

        began, index = time.monotonic(), 0
        while True:
            given, pixels = self._capture.read()
            if not given:
                raise VideoError(f"{self.info.name}: no picture comes any more")
            picture = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            height, width = pixels.shape[:2]
            yield Frame(index, time.monotonic() - began, (width, height), picture)
            index += 1

    def close(self) -> None:
        self._capture.release()


def connect_device(number: int) -> Connection:
    """One connection to a camera of this machine (through OpenCV, which knows all systems' drivers)."""
    return _Device(number)
