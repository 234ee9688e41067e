"""A track while it goes on: what is kept, and when it is another face."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.types import Box, Face, Pose, Quality, Reading, Refusal
from vultus.video import Following, Sighting
from vultus.video.ongoing import Ongoing, is_another_face

HOW = Following()


def unit_rows(*directions: int, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    """Rows near given axes of a 128-d space, with cosines of about 0.9 within and 0 between."""
    random = np.random.default_rng(seed)
    rows = np.eye(128)[list(directions)] + random.normal(size=(len(directions), 128)) * noise / np.sqrt(128)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def sighting(frame: int, score: float = 0.8, good: bool = True, grey: int = 0) -> Sighting:
    face = Face(Box(frame, 0, frame + 50, 50), np.zeros((5, 2), np.float32), 0.9)
    quality = Quality(score, 0.9, 50, 0.5, 0.5, 0.2, Pose(0, 0, 0), 1.0, 0.0, 0.0)
    refusals = () if good else (Refusal("LOW_SHARPNESS", 0.0, 0.04),)
    return Sighting(frame, frame / 30, Reading(face, quality, None, np.full((112, 112, 3), grey, np.uint8), refusals))


def embed(aligned) -> np.ndarray:
    """The grey of the crop is the person."""
    return unit_rows(*[int(crop[0, 0, 0]) for crop in aligned])


def followed(sightings: list[Sighting], how: Following = HOW) -> tuple[list[Ongoing], Ongoing]:
    """Tracks that ended by a change of face, and the one that goes on."""
    ended = []
    track = Ongoing.begin(0, 0, sightings[0], how)
    for one in sightings:
        track.see(one)
        if (due := track.due) is not None and track.learn(embed([due.reading.aligned])[0]) is not None:
            ended.append(track)
            track = track.split(len(ended))
    return ended, track


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_crops_say_nothing(count):
    assert not is_another_face(np.eye(128, dtype=np.float32)[:count].reshape(count, 128))


@pytest.mark.parametrize(
    ("people", "changed"),
    [
        ((0, 0, 0, 0, 0), False),
        ((0, 0, 1, 1), True),
        ((0, 0, 0, 0, 1, 1), True),
        ((0, 0, 0, 0, 0, 1), False),  # one odd crop may be a blink or a blur
        ((0, 0, 0, 1, 2), False),  # two that do not agree with each other are noise
        ((0, 1, 0, 1, 0, 1), False),
    ],
)
def test_another_face(people, changed):
    assert is_another_face(unit_rows(*people)) is changed


def test_a_track_ends_where_another_face_takes_its_place():
    sightings = [sighting(frame, grey=0 if frame < 90 else 1) for frame in range(0, 180, 3)]
    ended, track = followed(sightings)
    assert len(ended) == 1
    before, after = ended[0].finished(embed, None), track.finished(embed, None)
    assert (before.first, after.last) == (0, 177)
    assert before.last < after.first
    assert 75 <= after.first <= 105  # within half a second of frame 90
    assert before.seen + after.seen == before.good + after.good == len(sightings)
    assert before.box(before.last) == sightings[before.last // 3].reading.face.box
    assert after.box(after.first).x1 == pytest.approx(after.first, abs=1)
    assert before.best.frame < after.first <= after.best.frame


def test_without_splitting_it_is_one_track():
    sightings = [sighting(frame, grey=0 if frame < 90 else 1) for frame in range(0, 180, 3)]
    ended, track = followed(sightings, Following(split=False))
    assert ended == []
    assert track.finished(embed, None).frames == 178


def test_one_person_is_one_track():
    ended, track = followed([sighting(frame) for frame in range(0, 900, 3)])
    assert ended == []
    assert track.finished(embed, None).seen == 300


def test_what_is_kept_does_not_grow():
    sightings = [sighting(frame, score=0.5 + 0.4 * np.sin(frame)) for frame in range(0, 3000, 3)]
    _, track = followed(sightings)
    assert len(track.pool) == 20
    assert len(track.crops) == 10
    assert track.last.reading.aligned is None
    assert track.first.reading.aligned is None


def test_template_is_from_the_ten_best_frames():
    scores = {frame: 0.9 - frame / 1000 for frame in range(0, 300, 3)}
    used: list[int] = []

    def remember(aligned) -> np.ndarray:
        used.extend(int(crop[0, 0, 0]) for crop in aligned)
        return unit_rows(*[0] * len(aligned))

    track = Ongoing.begin(0, 0, sighting(0), HOW)
    for frame, score in scores.items():
        track.see(sighting(frame, score=score, grey=frame % 256))
    finished = track.finished(remember, None)
    assert used == list(range(0, 60, 6))  # the best first, five frames apart at a stride of three
    assert finished.pooled == 10
    assert np.linalg.norm(finished.template) == pytest.approx(1, abs=1e-6)


def test_refused_frames_give_no_template_but_a_best_frame():
    _, track = followed([sighting(frame, score=0.3 + frame / 1000, good=False) for frame in range(0, 60, 3)])
    finished = track.finished(embed, None)
    assert finished.template is None
    assert (finished.seen, finished.good, finished.pooled) == (20, 0, 0)
    assert finished.best.frame == 57
    assert str(finished.best.reading.refusals[0]).startswith("LOW_SHARPNESS")


def test_a_good_frame_is_better_than_a_refused_one():
    _, track = followed([sighting(0, 0.9, good=False), sighting(3, 0.4), sighting(6, 0.8, good=False)])
    assert track.best.frame == 3


def test_first_crop_after_three_good_frames_then_twice_a_second():
    track = Ongoing.begin(0, 0, sighting(0), HOW)
    due = []
    for frame in range(0, 62, 2):
        track.see(sighting(frame))
        if (one := track.due) is not None:
            due.append(frame)
            track.learn(embed([one.reading.aligned])[0])
    assert due == [4, 22, 40, 58]


@pytest.mark.parametrize("wrong", [{"stride": 0}, {"gap": 0}, {"pool": 0}, {"apart": 0}])
def test_options_out_of_range(wrong):
    with pytest.raises(InputError, match="at least 1"):
        Following(**wrong)
