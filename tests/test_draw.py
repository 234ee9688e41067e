"""Marked, hidden and collected faces, and annotated video."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.measure import label as components

from vultus.analyzer import Analyzer
from vultus.draw import Kind, Mark, VideoWriter, annotate, blur, sheet
from vultus.draw import text as writing
from vultus.draw.frames import INK
from vultus.draw.plates import place
from vultus.errors import InputError, StorageError
from vultus.types import Box, Image

KINDS: tuple[Kind, ...] = ("match", "unknown", "rejected", "face", "live", "attack")


def grey(height: int = 240, width: int = 320, level: int = 90) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def noise(height: int = 240, width: int = 320) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def painted(image: Image, colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((image == colour).all(axis=2))


# Marks


def test_no_marks_is_an_equal_copy() -> None:
    picture = noise()
    copy = annotate(picture, [])
    np.testing.assert_array_equal(copy, picture)
    assert not np.shares_memory(copy, picture)


def test_the_picture_given_is_left_as_it_was() -> None:
    picture = noise()
    before = picture.copy()
    drawn = annotate(picture, [Mark(Box(60, 60, 150, 160), "Anna", "match", 0.7, np.full((5, 2), 100, np.float32))])
    np.testing.assert_array_equal(picture, before)
    assert (drawn != picture).any()
    picture.setflags(write=False)
    annotate(picture, [Mark(Box(60, 60, 150, 160))])


@pytest.mark.parametrize("picture", [noise()[::2, ::-1], np.asfortranarray(noise()), noise(1, 1), noise(3, 200)])
def test_any_memory_order_and_any_size(picture: Image) -> None:
    drawn = annotate(picture, [Mark(Box(0, 0, 300, 300), "Anna", kind, 0.5) for kind in KINDS])
    assert drawn.shape == picture.shape


def test_the_inside_of_a_frame_is_not_touched() -> None:
    drawn = annotate(noise(), [Mark(Box(100, 100, 200, 200), "Anna", kind) for kind in KINDS])
    np.testing.assert_array_equal(drawn[110:190, 110:190], noise()[110:190, 110:190])


def test_points_are_drawn_where_they_are() -> None:
    points = np.array([[130, 130], [170, 130], [150, 150], [135, 175], [1e6, -40]], np.float32)
    drawn = annotate(grey(), [Mark(Box(100, 100, 200, 200), landmarks=points, kind="match")])
    inside = painted(drawn, INK["match"])
    for x, y in points[:4].astype(int).tolist():
        assert inside[y, x]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", range(0, 256, 15))
def test_frames_and_labels_show_on_any_ground(kind: Kind, level: int) -> None:
    drawn = annotate(grey(level=level), [Mark(Box(100, 100, 200, 200), "Anna", kind, 0.5)]).astype(int)
    differs = np.abs(drawn - level).max(axis=2) > 60
    assert differs[95:110, 100:200].any(axis=0).mean() > 0.5  # the upper side of the frame
    assert differs[60:98, 95:160].sum() > 100  # the label


@pytest.mark.parametrize("kind", KINDS)
def test_letters_contrast_with_their_plate(kind: Kind) -> None:
    drawn = annotate(grey(level=INK[kind][0]), [Mark(Box(100, 100, 200, 200), "HHHHHHHH", kind)])
    plate = drawn[70:98, 100:180].reshape(-1, 3)
    light = luminance(plate)
    body = luminance(np.array([INK[kind]], np.uint8))[0]
    ratio = np.maximum((light + 0.05) / (body + 0.05), (body + 0.05) / (light + 0.05))
    assert np.quantile(ratio, 0.97) >= 4.5  # WCAG 2.1, level AA


def luminance(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    parts = colours / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


MACHADO_2009 = {  # severity 1.0, linear RGB
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", MACHADO_2009)
def test_match_and_unknown_differ_for_the_colour_blind(kind: str) -> None:
    colours = np.array([INK["match"], INK["unknown"]]) / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(MACHADO_2009[kind]).T, 0, 1)
    srgb = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(srgb[None])[0]
    assert np.linalg.norm(lab[0] - lab[1]) > 40  # 2.3 is just noticeable


def test_kinds_differ_without_colour() -> None:
    pieces = {}
    for kind in KINDS:
        drawn = annotate(grey(300, 300), [Mark(Box(50, 50, 250, 250), kind=kind)])
        pieces[kind] = components(painted(drawn, INK[kind]), connectivity=1).max()
    assert pieces["match"] == pieces["face"] == 1  # one closed line
    assert 12 < pieces["unknown"] < pieces["rejected"] / 2  # dashes; dots
    match = annotate(grey(300, 300), [Mark(Box(50, 50, 250, 250), kind="match")])
    middle, corner = (painted(match, INK["match"])[:100, column].sum() for column in (150, 60))
    assert corner > middle


def test_lines_and_letters_grow_with_the_picture() -> None:
    def ink(size: int) -> int:
        mark = Mark(Box(0.25 * size, 0.3 * size, 0.6 * size, 0.7 * size), "Anna", "match")
        return int(painted(annotate(grey(size, size), [mark]), INK["match"]).sum())

    assert 3 < ink(2000) / ink(1000) < 5.5
    assert 3 < ink(4000) / ink(2000) < 5.5


@pytest.mark.parametrize(
    "box",
    [
        Box(-50, -50, 40, 40),
        Box(280, 200, 400, 300),
        Box(-100, -100, 1000, 1000),
        Box(100.4, 100.6, 100.9, 101.2),
        Box(100, -1e9, 200, 1e9),
    ],
)
def test_partly_outside_is_drawn_at_the_edge(box: Box) -> None:
    drawn = annotate(grey(), [Mark(box, "Anna", "match", 0.5)])
    assert painted(drawn, INK["match"]).sum() > 200


@pytest.mark.parametrize("box", [Box(-90, 0, -10, 50), Box(400, 0, 500, 50), Box(50, 240, 90, 300), Box(9, 9, 9, 30)])
def test_outside_or_empty_is_not_drawn(box: Box) -> None:
    np.testing.assert_array_equal(annotate(grey(), [Mark(box, "Anna")]), grey())


@pytest.mark.parametrize("box", [Box(np.nan, 0, 1, 1), Box(0, 0, np.inf, 1), Box(10, 0, 0, 10), Box(0, 10, 10, 0)])
def test_a_box_that_is_none_is_refused(box: Box) -> None:
    with pytest.raises(InputError, match="finite x1 <= x2"):
        annotate(grey(), [Mark(box)])
    with pytest.raises(InputError, match="finite x1 <= x2"):
        blur(grey(), [box])


@pytest.mark.parametrize("picture", [grey()[..., 0], grey().astype(np.float32), np.zeros((0, 9, 3), np.uint8)])
def test_what_is_no_picture_is_refused(picture: Any) -> None:
    with pytest.raises(InputError, match="RGB uint8 picture"):
        annotate(picture, [])
    with pytest.raises(InputError, match="RGB uint8 picture"):
        blur(picture, [])


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="match, unknown, rejected, face, live, attack, got 'maybe'"):
        annotate(grey(), [Mark(Box(0, 0, 9, 9), kind="maybe")])  # type: ignore[arg-type]


# Labels


@given(
    plate=st.tuples(st.integers(5, 60), st.integers(5, 30)),
    corner=st.tuples(st.floats(-50, 250), st.floats(-50, 150)),
    side=st.floats(1, 120),
    other=st.tuples(st.floats(0, 200), st.floats(0, 100)),
)
def test_a_plate_lies_in_the_picture(
    plate: tuple[int, int], corner: tuple[float, float], side: float, other: tuple[float, float]
) -> None:
    face = Box(*corner, corner[0] + side, corner[1] + side)
    box = place(plate, face, [Box(*other, other[0] + 40, other[1] + 40)], [], (200, 100), 3)
    assert 0 <= box.x1 < box.x2 <= 200
    assert 0 <= box.y1 < box.y2 <= 100
    assert (box.width, box.height) == plate


def test_a_plate_goes_above_then_below_then_beside() -> None:
    face = Box(100, 40, 150, 100)
    assert place((60, 20), face, [], [], (320, 240), 4) == Box(100, 16, 160, 36)
    assert place((60, 20), face, [Box(90, 0, 170, 38)], [], (320, 240), 4) == Box(100, 104, 160, 124)
    assert place((60, 20), face, [], [Box(90, 0, 170, 38)], (320, 240), 4) == Box(100, 104, 160, 124)
    walls = [Box(0, 0, 320, 38), Box(0, 102, 320, 240)]
    assert place((60, 20), face, walls, [], (320, 240), 4) == Box(154, 40, 214, 60)


def test_labels_of_neighbours_cover_no_face_and_no_label() -> None:
    marks = [Mark(Box(20 + 100 * i, 100, 100 + 100 * i, 180), f"Name {i}", "match", 0.5) for i in range(6)]
    drawn = annotate(noise(300, 640), marks)
    for mark in marks:
        x1, y1, x2, y2 = mark.box.round()
        np.testing.assert_array_equal(
            drawn[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8], noise(300, 640)[y1 + 8 : y2 - 8, x1 + 8 : x2 - 8]
        )
    assert components(painted(annotate(grey(300, 640), marks), INK["match"]), connectivity=1).max() >= 12


@pytest.mark.parametrize(
    "name", ["José", "Łukasz", "Ægir", "Nguyễn Văn", "Žižek", "Иван", "Ελένη", "山田太郎", "김철수", "محمد"]
)
def test_names_of_many_languages_are_written(name: str) -> None:
    assert writing.legible(name) == name
    plain = writing.mask("?" * len(name), 40)
    ink = writing.mask(name, 40)
    assert ink.shape != plain.shape or (ink != plain).any()
    assert ink.max() == 255


def test_accents_are_drawn_not_dropped() -> None:
    assert (writing.mask("José", 40) != writing.mask("Jose", 40)).any()
    assert writing.legible("Jose\u0301") == "José"


def test_letters_that_are_missing_are_written_as_their_code() -> None:
    assert writing.legible("नव") == "\\u0928\\u0935"
    assert writing.legible("a\U0001f600") == "a\\U0001f600"
    assert writing.legible("a\x07b\u200bc") == "a\\x07b\\u200bc"
    assert writing.legible(" a\n\tb ") == "a b"
    assert writing.legible("why?") == "why?"


def test_long_names_end_in_an_ellipsis() -> None:
    assert writing.shorten("Anna", 20, 200) == "Anna"
    short = writing.shorten("A name that is far too long", 20, 100)
    assert short.endswith("…")
    assert writing.width(short, 20) <= 100
    assert writing.width(short[:-1] + "mm…", 20) > 100
    assert writing.shorten("Anna", 20, 3) == ""
    drawn = annotate(grey(), [Mark(Box(100, 100, 200, 200), "x" * 3000, "match", 0.5)])
    assert painted(drawn, INK["match"]).any(axis=1).sum() < 200


# Hidden faces


def test_nothing_to_hide_is_an_equal_copy() -> None:
    picture = noise()
    np.testing.assert_array_equal(blur(picture, []), picture)
    np.testing.assert_array_equal(blur(picture, [Box(-90, 0, -20, 50)]), picture)


@pytest.mark.parametrize("side", [16, 40, 160])
def test_only_sixteen_colours_of_a_face_remain(side: int) -> None:
    picture = noise()
    whole = picture[40 : 40 + side, 40 : 40 + side]
    cell = side // 4
    means = whole.reshape(4, cell, 4, cell, 3).mean(axis=(1, 3))
    other = picture.copy()
    other[40 : 40 + side, 40 : 40 + side] = np.rint(means).astype(np.uint8).repeat(cell, 0).repeat(cell, 1)
    margin = side / 6  # the box grows by a quarter of its own side, to `side`
    box = Box(40 + margin, 40 + margin, 40 + side - margin, 40 + side - margin)
    inner = slice(40 + round(margin), 40 + side - round(margin))
    hidden = blur(picture, [box])[inner, inner].astype(int)
    assert np.abs(hidden - blur(other, [box])[inner, inner]).max() <= 1
    assert np.abs(hidden - picture[inner, inner]).max() > 100


def test_around_a_hidden_face_nothing_changes() -> None:
    picture = noise()
    hidden = blur(picture, [Box(100, 100, 140, 150), Box(-10, 200, 30, 260)])
    outside = np.ones(picture.shape[:2], bool)
    outside[87:163, 90:150] = False
    outside[185:, :40] = False
    np.testing.assert_array_equal(hidden[outside], picture[outside])
    assert (hidden[200:, :30] != picture[200:, :30]).any(axis=2).mean() > 0.95  # to the very edge of the picture


@pytest.mark.data
@pytest.mark.weights
def test_hidden_faces_are_recognised_no_better_than_by_chance(data: Path) -> None:
    people = [line.split()[0] for line in (data / "lfw/identities25.txt").read_text().splitlines()]
    who = np.repeat(np.arange(20), 5)
    files = [data / f"lfw/images/{name}/{name}_{number:04}.jpg" for name in people for number in range(1, 6)]
    analyzer = Analyzer()
    clear, hidden = [], []
    for file in files:
        picture = np.asarray(PIL.Image.open(file))
        face = min(analyzer.detect(picture), key=lambda face: np.hypot(*np.subtract(face.box.centre, 125)))
        clear.append(analyzer.read(picture, [face])[0].embedding)
        hidden.append(analyzer.read(blur(picture, [face.box]), [face])[0].embedding)
    same = np.equal.outer(who, who)
    names, scores = np.array(clear), np.array(hidden) @ np.array(clear).T
    np.fill_diagonal(scores, -1)  # another picture of the person, as a stranger would have
    closest = who[scores.argmax(axis=1)]
    # 5 of 100 by chance; 12 or more happen by chance once in 250 times (binomial).
    assert (closest == who).sum() < 12
    assert (who[(names @ names.T - 2 * np.eye(100)).argmax(axis=1)] == who).sum() >= 99  # before
    assert scores[same].max() < 0.362  # the threshold at a false match rate of 1e-3


# Sheets


def test_a_sheet_needs_a_crop() -> None:
    with pytest.raises(InputError, match="at least one crop"):
        sheet([])


def test_crops_stand_in_rows_with_their_shape_kept() -> None:
    red, wide = np.zeros((30, 30, 3), np.uint8), np.zeros((20, 40, 3), np.uint8)
    red[:], wide[:] = (200, 0, 0), (0, 0, 200)
    made = sheet([red, wide, red], columns=2, side=100)
    assert made.shape == (18 + 2 * 118, 18 + 2 * 118, 3)
    assert painted(made, (200, 0, 0))[18:118, 18:118].mean() > 0.98
    blue = painted(made, (0, 0, 200))
    assert blue[:, 136:236].any(axis=1).sum() == 50  # 100 x 50 of a 2 to 1 crop
    assert not blue[136:].any()
    assert painted(made, (200, 0, 0))[136:236, 18:118].mean() > 0.98


def test_captions_are_written_below() -> None:
    crops = [noise(50, 50)] * 3
    bare, named = sheet(crops, columns=3), sheet(crops, ["Anna", "", "a caption that is far too long"], columns=3)
    assert named.shape[0] > bare.shape[0]
    below = named[bare.shape[0] - 20 :].astype(int)
    columns = np.split(below[:, :396], [20 + 122, 20 + 254], axis=1)
    assert [bool((column < 100).any()) for column in columns] == [True, False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"captions": ["a"]}, "a caption for each of 2"), ({"columns": 0}, "1 column"), ({"side": 8}, "16 pixels")],
)
def test_a_sheet_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sheet([grey(), grey()], **options)


# Video


def decoded(path: Path) -> tuple[list[Image], list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [float(frame.time) for frame in frames]


def test_a_video_without_frames_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (64, 48), 25) as video:
        pass
    video.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".MP4"])
def test_frames_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    colours = [(200, 30, 30), (30, 160, 60), (40, 60, 200)]
    with VideoWriter(path, (160, 120), 25) as video:
        for colour in colours:
            video.write(np.full((120, 160, 3), colour, np.uint8))
    frames, times = decoded(path)
    assert [frame.shape for frame in frames] == [(120, 160, 3)] * 3
    assert times == pytest.approx([0, 0.04, 0.08], abs=0.002)
    for frame, colour in zip(frames, colours, strict=True):
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 6
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_marks_are_drawn_on_their_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (320, 240), 10) as video:
        video.write(grey(), [Mark(Box(100, 100, 200, 200), "Anna", "match", 0.7)])
        video.write(grey())
    frames, _ = decoded(tmp_path / "a.mp4")
    marked = annotate(grey(), [Mark(Box(100, 100, 200, 200), "Anna", "match", 0.7)])
    assert np.abs(frames[0].astype(int) - marked).mean() < 4
    assert frames[0][70:95, 100:150, 2].max() > 150
    assert np.ptp(frames[1]) < 12


def test_odd_sizes_are_filled_up_to_even_ones(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (65, 49), 10) as video:
        video.write(grey(49, 65))
    frames, _ = decoded(tmp_path / "a.mp4")
    assert frames[0].shape == (50, 66, 3)
    assert np.ptp(frames[0]) < 12


def test_times_are_kept(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (64, 48), Fraction(30000, 1001)) as video:
        for _ in range(90):
            video.write(grey(48, 64))
        video.write(grey(48, 64), time=7.5)
        video.write(grey(48, 64))
        with pytest.raises(InputError, match=r"after 7\.53"):
            video.write(grey(48, 64), time=7.5)
    _, times = decoded(tmp_path / "a.mp4")
    assert times[89] == pytest.approx(89 * 1001 / 30000, abs=1e-3)
    assert times[90:] == pytest.approx([7.5, 7.5 + 1001 / 30000], abs=1e-3)


def test_mpeg4_where_h264_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    with VideoWriter(tmp_path / "a.mp4", (160, 120), 29.97) as video:
        video.write(grey(120, 160))
        video.write(grey(120, 160, 200))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    frames, times = decoded(tmp_path / "a.mp4")
    assert [round(float(frame.mean()), -1) for frame in frames] == [90, 200]
    assert times == pytest.approx([0, 1 / 29.97], abs=1e-3)


@pytest.mark.parametrize("reason", [RuntimeError, KeyboardInterrupt])
def test_a_broken_off_video_leaves_the_old_file(tmp_path: Path, reason: type[BaseException]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def broken_off() -> None:
        with VideoWriter(path, (64, 48), 25) as video:
            video.write(grey(48, 64))
            assert path.read_bytes() == b"old"
            raise reason

    with pytest.raises(reason):
        broken_off()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.gif", (64, 48), 25), "ends in .mp4"),
        (("a", (64, 48), 25), "ends in .mp4"),
        (("a.mp4", (1, 48), 25), "at least 2 x 2"),
        (("a.mp4", (64, 48), 0), "above 0"),
        (("a.mp4", (64, 48), float("nan")), "above 0"),
    ],
)
def test_a_video_that_cannot_be_is_refused(tmp_path: Path, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        VideoWriter(tmp_path / arguments[0], *arguments[1:])
    assert list(tmp_path.iterdir()) == []


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (64, 48), 25) as video:
        video.write(grey(48, 64))
        with pytest.raises(InputError, match="frames of 64 x 48, got 48 x 64"):
            video.write(grey(64, 48))
    with pytest.raises(InputError, match="is closed"):
        video.write(grey(48, 64))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not write the video"):
        VideoWriter(tmp_path / "none" / "a.mp4", (64, 48), 25)


_FULL = """
import resource, sys
import numpy as np
from vultus.draw import VideoWriter
from vultus.errors import StorageError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
rng = np.random.default_rng(0)
try:
    with VideoWriter(sys.argv[1], (320, 240), 25) as video:
        for _ in range(40):
            video.write(rng.integers(0, 256, (240, 320, 3), np.uint8))
except StorageError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file sizes")
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "a.mp4")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "refused: could not write the video" in done.stdout
    assert list(tmp_path.iterdir()) == []
