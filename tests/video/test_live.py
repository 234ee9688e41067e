"""Streams: the newest frames, new attempts, and names without secrets; over a real local connection."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest

from vultus.errors import VideoError
from vultus.video import Frame, Info, Live, Reconnect, Recording, frames, is_stream, open_video
from vultus.video.live import connect_url

FRAMES = 40


class Camera(BaseHTTPRequestHandler):
    """Sends a transport stream without a length, as cameras do, then hangs up."""

    content: ClassVar[bytes] = b""
    serves: ClassVar[int] = 0  # so many requests are answered, the rest are refused
    length: ClassVar[bool] = False

    def do_GET(self) -> None:
        if type(self).serves <= 0:
            self.send_error(503)
            return
        type(self).serves -= 1
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        if self.length:
            self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera(film) -> Iterator[tuple[str, type[Camera]]]:
    noise = np.random.default_rng(0).integers(0, 60, (120, 160, 3)).astype(np.uint8)
    path: Path = film("camera.ts", [noise + np.uint8(3 * index) for index in range(FRAMES)])

    class Here(Camera):
        content = path.read_bytes()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://user:secret@127.0.0.1:{server.server_port}/door.ts?token=hidden", Here
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_stream_that_breaks_is_connected_again_a_bounded_number_of_times(camera):
    url, server = camera
    server.serves = 2
    pauses: list[float] = []
    clock = iter(np.arange(0, 10_000, 0.01).tolist())

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    live = Live(
        lambda: connect_url(url),
        reconnect=Reconnect(attempts=3, steady=1e9),
        queue=1000,
        clock=lambda: next(clock),
        wait=wait,
    )
    read: list[Frame] = []
    with live, pytest.raises(VideoError) as caught:  # noqa: PT012  what comes before the error counts
        for frame in live:
            read.append(frame)
    assert len(read) == 2 * FRAMES
    assert [frame.index for frame in read if frame.joins] == [FRAMES]
    assert [frame.index for frame in read] == list(range(2 * FRAMES))
    times = [frame.time for frame in read]
    assert times == sorted(times)
    assert pauses == [0.5, 1.0, 2.0]
    message = str(caught.value)
    assert "gave up" in message
    assert "after 3 attempts" in message
    assert "secret" not in message
    assert "hidden" not in message


def test_the_first_connection_must_hold(camera):
    url, server = camera
    server.serves = 0
    with pytest.raises(VideoError, match=r"http://127\.0\.0\.1:\d+/door\.ts cannot be opened") as caught:
        open_video(url)
    assert "secret" not in str(caught.value)


def test_an_address_without_a_length_is_live_and_one_that_ends_is_not(camera, film):
    url, server = camera
    server.serves = 100
    with open_video(url, reconnect=Reconnect(attempts=0)) as video:
        assert isinstance(video, Live)
        assert video.info.live
        assert video.info.frames is None
        assert "secret" not in video.info.name
    server.length = True
    with open_video(url, live=False) as recording:
        assert sum(1 for _ in recording) == FRAMES
    server.content = film("film.mkv", [np.full((120, 160, 3), index, np.uint8) for index in range(12)]).read_bytes()
    with open_video(url) as video:
        assert isinstance(video, Recording)
        assert video.info.duration == pytest.approx(0.4, abs=0.01)
        assert sum(1 for _ in video) == 12


class Still:
    """A connection of so many frames: one at once, the rest when told to go on."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.info = Info("still", 30.0, None, None, live=True)
        self.go = threading.Event()
        self.done = threading.Event()
        self._count = count
        self._error = error

    def frames(self) -> Iterator[Frame]:
        picture = av.VideoFrame(16, 16, "gray")
        for index in range(self._count):
            if index == 1:
                assert self.go.wait(10)
            yield Frame(index, index / 30, (16, 16), picture)
        self.done.set()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        pass


def test_whoever_is_slow_loses_the_oldest():
    connection = Still(50)
    live = Live(lambda: connection, reconnect=Reconnect(attempts=0), queue=8)
    with live:
        stream = iter(live)
        assert next(stream).index == 0
        connection.go.set()
        assert connection.done.wait(10)
        assert [next(stream).index for _ in range(8)] == list(range(42, 50))
        assert live.dropped == 41
        with pytest.raises(VideoError, match="the stream ended; gave up"):
            next(stream)


def test_a_break_is_told_even_if_its_first_frame_was_dropped():
    first, second = Still(3, VideoError("still: the line broke")), Still(30)
    given = iter((first, second))
    second.go.set()
    live = Live(lambda: next(given), reconnect=Reconnect(attempts=1), queue=4, wait=lambda _: False)
    with live:
        stream = iter(live)
        next(stream)
        first.go.set()
        assert second.done.wait(10)
        read = [next(stream) for _ in range(4)]
    assert [(frame.index, frame.joins) for frame in read] == [(29, True), (30, False), (31, False), (32, False)]


def test_a_fault_in_the_thread_is_not_an_end():
    connection = Still(3, ZeroDivisionError("a fault of ours"))
    connection.go.set()
    live = Live(lambda: connection)
    with live, pytest.raises(ZeroDivisionError):
        list(live)


def test_leaving_stops_the_thread(camera):
    url, server = camera
    server.serves = 1000
    with open_video(url, reconnect=Reconnect(first=60), live=True) as video:
        assert next(iter(video)).index >= 0
        thread = video._thread
        assert thread is not None
    assert not thread.is_alive()


def test_a_live_source_is_read_once(camera):
    url, server = camera
    server.serves = 1000
    with open_video(url, live=True, reconnect=Reconnect(attempts=0)) as video:
        next(iter(video))
        with pytest.raises(VideoError, match="can be read once"):
            next(iter(video))


@pytest.mark.parametrize(
    ("source", "stream"),
    [
        (0, True),
        ("0", True),
        ("/dev/video12", True),
        ("rtsp://a/b", True),
        ("http://a/b.mp4", True),
        ("film.mp4", False),
    ],
)
def test_what_is_a_stream(source, stream):
    assert is_stream(source) is stream


def test_a_camera_that_is_not_there():
    with pytest.raises(VideoError, match=r"/dev/video987|camera 987 cannot"):
        open_video(987)
    with pytest.raises(VideoError, match="from 0 on"):
        open_video(-1)


def test_other_addresses_are_refused():
    with pytest.raises(VideoError, match="got ftp://"):
        next(frames("ftp://example.org/film.mp4"))


def test_a_file_named_by_a_number_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("7").touch()
    with pytest.raises(VideoError, match="7 is empty"):
        open_video("7")
