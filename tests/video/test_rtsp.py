"""A camera that speaks RTSP (RFC 2326), with RTP over its own connection: a transport stream as payload 33."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from vultus.errors import VideoError
from vultus.video import Reconnect, open_video, tracks

SENT = 60
FRAMES = SENT - 1  # a transport stream tells the end of a picture by the beginning of the next
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=door\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track1\r\n"
)


class Camera(socketserver.StreamRequestHandler):
    content: ClassVar[bytes] = b""
    serves: ClassVar[int] = 0
    transports: ClassVar[list[str]] = []

    def handle(self) -> None:
        if type(self).serves <= 0:
            return
        with contextlib.suppress(ConnectionError):
            while (request := self._request()) is not None:
                verb, headers = request
                answer = {"CSeq": headers.get("cseq", "0"), "Session": "12345"}
                body = ""
                if verb == "DESCRIBE":
                    body = SDP
                    answer |= {"Content-Type": "application/sdp"}
                elif verb == "SETUP":
                    self.transports.append(headers["transport"])
                    answer |= {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
                elif verb == "OPTIONS":
                    answer |= {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"}
                head = "".join(f"{key}: {value}\r\n" for key, value in answer.items())
                text = f"RTSP/1.0 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
                self.wfile.write(text.encode())
                if verb == "PLAY":
                    type(self).serves -= 1
                    self._play()
                    return

    def _request(self) -> tuple[str, dict[str, str]] | None:
        line = self.rfile.readline().decode().split()
        if not line:
            return None
        headers = {}
        while (header := self.rfile.readline().decode().strip()) != "":
            key, _, value = header.partition(":")
            headers[key.lower()] = value.strip()
        return line[0], headers

    def _play(self) -> None:
        size = 7 * 188
        for number, start in enumerate(range(0, len(self.content), size)):
            payload = self.content[start : start + size]
            rtp = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, number * 100, 7) + payload
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(rtp)) + rtp)


@pytest.fixture
def camera(film, draw, colours) -> Iterator[tuple[str, type[Camera]]]:
    noise = np.random.default_rng(0).integers(-8, 8, (SENT, 240, 320, 1))
    pictures = [
        np.clip(draw([(colours["red"], 40 + index, 80, 60)]) + noise[index], 0, 255).astype(np.uint8)
        for index in range(SENT)
    ]
    path = film("door.ts", pictures)

    class Here(Camera):
        content = path.read_bytes()
        transports: ClassVar[list[str]] = []

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Here) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"rtsp://admin:secret@127.0.0.1:{server.server_address[1]}/door", Here
        server.shutdown()
        thread.join()


def test_nobody_answers():
    with pytest.raises(VideoError, match=r"rtsp://127\.0\.0\.1:1/door cannot be opened") as caught:
        open_video("rtsp://admin:secret@127.0.0.1:1/door")
    assert "secret" not in str(caught.value)


def test_frames_come_over_rtsp_and_the_line_is_mended(camera):
    url, server = camera
    server.serves = 2
    read = []
    with open_video(url, reconnect=Reconnect(attempts=1, first=0.01, steady=1e9), queue=1000) as video:
        assert video.info.live
        with pytest.raises(VideoError, match=r"rtsp://127\.0\.0\.1:\d+/door.*gave up") as caught:  # noqa: PT012
            for frame in video:
                read.append((frame.index, frame.joins))
    assert "secret" not in str(caught.value)
    assert len(read) == 2 * FRAMES
    assert [index for index, joins in read if joins] == [FRAMES]
    assert "TCP" in server.transports[0]  # the camera was asked for the way that loses nothing


def test_tracks_of_a_camera_end_with_the_line(camera, squares):
    url, server = camera
    server.serves = 1
    found = []
    video = open_video(url, reconnect=Reconnect(attempts=0), queue=1000)
    with video, pytest.raises(VideoError, match="gave up"):  # noqa: PT012
        for track in tracks(video, squares()):
            found.append(track)
    assert [(track.first, track.last) for track in found] == [(0, FRAMES - 1)]
