"""Decoding: times, turning, aspect, and everything that can be wrong with a file."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vultus.errors import VideoError
from vultus.video import Frame, frames, open_video


def ramp(count: int, size_wh: tuple[int, int] = (160, 120)) -> list[np.ndarray]:
    """Grey pictures, each lighter than the last, with some noise so that packets have a size."""
    noise = np.random.default_rng(0).integers(0, 12, (size_wh[1], size_wh[0], 3))
    return [(noise + 20 + 2 * index).astype(np.uint8) for index in range(count)]


def delivered(path: Path) -> tuple[list[Frame], str]:
    """The frames that come, and the error at their end."""
    found: list[Frame] = []
    with pytest.raises(VideoError) as caught:  # noqa: PT012  the frames before the error are the point
        for frame in frames(path):
            found.append(frame)
    return found, str(caught.value)


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a display matrix into the track header of an mp4 (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    assert data[at] == 0  # version 0: the matrix starts 40 bytes into the box
    a, b, c, d = (value * 65536 for value in matrix)
    data[at + 40 : at + 76] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def test_zero_bytes(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(VideoError, match=r"empty\.mp4 is empty \(0 bytes\)"):
        open_video(tmp_path / "empty.mp4")


def test_every_frame_with_its_time(film):
    path = film("plain.mp4", ramp(25), rate=25)
    with open_video(path) as video:
        assert video.info.frames == 25
        assert video.info.rate == 25
        assert not video.info.live
        read = list(video)
    assert [frame.index for frame in read] == list(range(25))
    assert [frame.time for frame in read] == pytest.approx([index / 25 for index in range(25)])
    greys = [frame.image().mean() for frame in read]
    assert greys == pytest.approx([25.5 + 2 * index for index in range(25)], abs=2)


def test_a_recording_can_be_read_twice(film):
    with open_video(film("twice.mp4", ramp(5))) as video:
        assert len(list(video)) == len(list(video)) == 5


def test_picture_is_rgb_uint8(film):
    red = np.zeros((120, 160, 3), np.uint8)
    red[..., 0] = 200
    image = next(frames(film("red.mp4", [red, red]))).image()
    assert image.dtype == np.uint8
    assert image.shape == (120, 160, 3)
    assert image[60, 80].tolist() == pytest.approx([200, 0, 0], abs=8)


def test_reduced_picture(film):
    frame = next(frames(film("wide.mp4", ramp(2, (320, 160)))))
    assert frame.image(longest=80).shape == (40, 80, 3)
    assert frame.image(longest=4000).shape == (160, 320, 3)


def test_variable_frame_rate_takes_the_time_stamps(film):
    times = [0, 40, 60, 500, 510, 1700]
    read = list(frames(film("vfr.mkv", ramp(6), times=times)))
    assert [frame.time for frame in read] == pytest.approx([0, 0.04, 0.06, 0.5, 0.51, 1.7], abs=1e-3)


@pytest.mark.data
def test_times_begin_with_the_file(data):
    # The clip's sound begins 8 ms into the file and its picture .844 s after that.
    first = next(frames(data / "video" / "short_hamilton_clip.mp4"))
    assert first.time == pytest.approx(10214 / 11988 - 0.008005, abs=1e-6)


@pytest.mark.parametrize(
    ("matrix", "rotation", "corner"),
    [
        ((1, 0, 0, 1), 0, (0, 0)),
        ((0, 1, -1, 0), 270, (0, -1)),
        ((-1, 0, 0, -1), 180, (-1, -1)),
        ((0, -1, 1, 0), 90, (-1, 0)),
    ],
)
def test_display_matrix_turns_the_picture(film, matrix, rotation, corner):
    """A telephone held upright writes 0 1 -1 0: the stored picture is shown turned clockwise."""
    picture = np.full((120, 160, 3), 30, np.uint8)
    picture[:40, :40] = 220  # stored top left
    frame = next(frames(turned(film("turned.mp4", [picture, picture]), matrix)))
    assert frame.rotation == rotation
    upright = frame.image()
    assert frame.size_wh == (upright.shape[1], upright.shape[0])
    assert (upright.shape[1] > upright.shape[0]) == (rotation in (0, 180))
    rows, columns = corner
    assert upright[rows * 5 or 5, columns * 5 or 5].mean() > 180
    small = frame.image(longest=80)
    assert max(small.shape) == 80
    assert small[rows * 5 or 5, columns * 5 or 5].mean() > 180


def test_pixels_that_are_not_square(film):
    frame = next(frames(film("anamorphic.mp4", ramp(2, (160, 120)), aspect=Fraction(4, 3))))
    assert frame.size_wh == (213, 120)
    assert frame.image().shape == (120, 213, 3)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "rgb24", "gray", "yuv420p10le"])
def test_thumbnail_is_grey_in_full_range(pixels):
    shade = np.repeat(np.linspace(10, 250, 128).astype(np.uint8)[None, :, None], 72, axis=0).repeat(3, axis=2)
    picture = av.VideoFrame.from_ndarray(shade, format="rgb24").reformat(format=pixels)
    small = Frame(0, 0.0, (128, 72), picture).thumbnail()
    assert small.shape == (36, 64)
    assert small.mean(axis=0) == pytest.approx(shade[0, :, 0].reshape(64, 2).mean(axis=1), abs=3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.mp4", b"this is a letter\n" * 50, "is not a video"),
        ("letter.txt", b"this is a letter\n" * 50, "is text"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "is not a video"),
    ],
)
def test_what_is_no_video(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=message):
        open_video(tmp_path / name)


def test_nothing_there_and_a_folder(tmp_path):
    with pytest.raises(VideoError, match="there is no"):
        open_video(tmp_path / "absent.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        open_video(tmp_path)


def test_sound_without_pictures(tmp_path):
    path = tmp_path / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match=r"expected a video stream, .* holds only audio"):
        open_video(path)


def test_an_mp4_without_its_index(film):
    path = film("cut.mp4", ramp(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match="the end with its index is missing"):
        open_video(path)


@pytest.mark.parametrize(
    ("name", "codec", "container_options"),
    [
        ("early.mp4", "libx264", {"movflags": "faststart"}),
        ("early.mkv", "libx264", {}),
        ("early.avi", "mpeg4", {}),
        ("pieces.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ],
)
def test_truncated_file_gives_its_frames_and_then_says_so(film, name, codec, container_options):
    path = film(name, ramp(90), codec=codec, container_options=container_options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found, message = delivered(path)
    assert 20 < len(found) < 80
    whole = found[-2]  # the very last may come from a packet that was cut
    assert whole.image().mean() == pytest.approx(25.5 + 2 * whole.index, abs=6)
    assert f"broke at {found[-1].time:.2f} s after {len(found)} frames: the file ends early" in message
    assert str(path) in message


def test_damaged_packets_in_the_middle(film):
    path = film("damaged.mp4", ramp(90), options={"x264-params": "slices=1"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(content)
    found, message = delivered(path)
    assert len(found) > 60
    assert found[-1].time == pytest.approx(89 / 30, abs=1e-3)  # what comes after the damage is read
    assert "damaged" in message


@pytest.mark.data
def test_a_whole_file_is_not_called_broken(data):
    # Three of its 98 packets are cut away by an edit list: not a break.
    assert len(list(frames(data / "video" / "no_face.mp4"))) == 95
