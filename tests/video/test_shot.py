"""Shot changes, on made films and on the supplied clip."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vultus.video import cuts, difference, frames, shots


def test_no_frames():
    assert cuts([]) == []


def test_first_frame_begins_a_shot(film, draw):
    assert [begins for _, begins in shots(frames(film("one.mp4", [draw([])] * 3)))] == [True, False, False]


@pytest.mark.parametrize(("step", "expected"), [(16, []), (24, [10])])
def test_a_cut_is_a_difference_over_twenty(film, draw, step, expected):
    path = film("step.mp4", [draw([], ground=90)] * 10 + [draw([], ground=90 + step)] * 10, options={"crf": "10"})
    assert cuts(frames(path)) == expected


def test_no_limit_means_no_cuts(film, draw):
    path = film("none.mp4", [draw([], ground=20)] * 5 + [draw([], ground=220)] * 5)
    assert [begins for _, begins in shots(frames(path), None)] == [True] + [False] * 9


@pytest.mark.data
def test_cuts_of_the_clip(data):
    """Known answer: cuts at 20, 82 and 211 with differences 31.0, 28.5, 29.2; the next is 14.1."""
    thumbnails = [frame.thumbnail() for frame in frames(data / "video" / "short_hamilton_clip.mp4")]
    differences = np.array([difference(a, b) for a, b in pairwise(thumbnails)])
    largest = np.argsort(-differences)[:4] + 1
    assert largest[:3].tolist() == [20, 211, 82]
    # Those figures are from RGB turned grey; the luma plane that is used here differs by 2 %.
    assert differences[largest - 1] == pytest.approx([31.0, 29.2, 28.5, 14.1], rel=0.03)
    assert cuts(frames(data / "video" / "short_hamilton_clip.mp4")) == [20, 82, 211]


@pytest.mark.data
@pytest.mark.parametrize("name", ["no_face.mp4", "single_face.mp4", "WolfgangLanger_Pexels.mp4"])
def test_clips_of_one_shot(data, name):
    assert cuts(frames(data / "video" / name)) == []
