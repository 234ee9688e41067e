"""Association by place and motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from vultus.types import Box, Face
from vultus.video.tracking import Motion, Tracker, pair


def face(x: float, y: float = 50, side: float = 40, score: float = 0.9) -> Face:
    return Face(Box(x, y, x + side, y + side), np.zeros((5, 2), np.float32), score)


def test_no_faces():
    tracker = Tracker()
    assert tracker.update(0, []) == []
    assert tracker.close() == ()


def test_two_faces_that_move_keep_their_numbers():
    tracker = Tracker()
    for frame in range(0, 60, 3):
        # Given in turns, so that the order in the list can tell nothing.
        faces = [face(10 + 2 * frame), face(300 - 2 * frame)]
        order = (0, 1) if frame % 2 else (1, 0)
        given_numbers = tracker.update(frame, [faces[index] for index in order])
        if frame == 0:
            first = dict(zip(order, given_numbers, strict=True))
        assert dict(zip(order, given_numbers, strict=True)) == first
    assert sorted(first.values()) == [0, 1]


def test_a_weak_detection_continues_a_track_and_begins_none():
    tracker = Tracker()
    assert tracker.update(0, [face(10, score=0.4)]) == [None]
    assert tracker.update(1, [face(10)]) == [0]
    assert tracker.update(2, [face(12, score=0.4), face(200, score=0.59)]) == [0, None]


def test_strong_detections_choose_before_weak_ones():
    tracker = Tracker()
    tracker.update(0, [face(10)])
    # The weak one lies nearer, and still the strong one has it.
    assert tracker.update(1, [face(10, score=0.4), face(18)]) == [None, 0]


@pytest.mark.parametrize(("away", "number"), [(10, 0), (11, 1)])
def test_a_face_may_be_away_for_ten_frames(away, number):
    tracker = Tracker()
    tracker.update(0, [face(10)])
    tracker.lost(away - 1)
    tracker.lost(away)
    assert tracker.update(away, [face(10)]) == [number]


def test_a_face_behind_another_comes_out_where_it_was_going():
    tracker = Tracker()
    for frame in range(5):
        tracker.update(frame, [face(100 + 8 * frame)])
    # Hidden for eight frames: at its old place the overlap would be 0.
    assert tracker.update(13, [face(100 + 8 * 13)]) == [0]


def test_a_face_that_stops_is_found_where_it_was():
    tracker = Tracker()
    for frame in range(0, 12, 3):
        tracker.update(frame, [face(100 + 15 * frame // 3)])
    assert tracker.update(16, [face(100 + 15 * 3)]) == [0]


def test_overlap_of_three_tenths_is_needed():
    tracker = Tracker()
    tracker.update(0, [face(100)])
    # 40 px boxes, 22 px apart: 18 / 62 = .290; 21 px: 19 / 61 = .311.
    assert tracker.update(1, [face(122)]) == [1]
    assert tracker.update(2, [face(122 + 21)]) == [1]


def test_a_new_number_for_the_same_place():
    tracker = Tracker()
    tracker.update(0, [face(10), face(200)])
    assert tracker.renumber(0) == 2
    assert tracker.live == (1, 2)
    assert tracker.update(1, [face(10), face(200)]) == [2, 1]


def test_motion_goes_on_as_before():
    motion = Motion.begin(0, np.array([0, 0, 10, 10], np.float32))
    motion.see(5, np.array([10, 0, 20, 10], np.float32))
    assert motion.at(10).tolist() == [20, 0, 30, 10]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.35, 0.6, 0.9]), min_size=4, max_size=4), min_size=1, max_size=5))
def test_pairs_are_one_to_one_and_never_far_from_the_best_assignment(rows):
    overlaps = np.array(rows, np.float32)
    pairs = pair(overlaps, 0.3)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(overlaps[row, column] >= 0.3 for row, column in pairs)
    worth = np.where(overlaps >= 0.3, overlaps, 0)
    best = worth[linear_sum_assignment(-worth)].sum()
    # Taking the largest first is at least half of the optimum, a property of greedy matching.
    assert sum(overlaps[row, column] for row, column in pairs) >= best / 2 - 1e-6
