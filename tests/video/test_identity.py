"""Templates of tracks, and names that two tracks cannot share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean

from vultus.errors import InvalidVectorError, VideoError
from vultus.types import Box, Face, Pose, Quality, Reading
from vultus.video import ProvisionalName, Route, Sighting, Track, named, pooled, resolve
from vultus.video.identity import choose, trimmed_mean


def sighting(frame: int, score: float) -> Sighting:
    face = Face(Box(0, 0, 50, 50), np.zeros((5, 2), np.float32), 0.9)
    quality = Quality(score, 0.9, 50, 0.5, 0.5, 0.2, Pose(0, 0, 0), 1.0, 0.0, 0.0)
    return Sighting(frame, frame / 30, Reading(face, quality))


def track(number: int, first: int, last: int, open_since: int | None = None) -> Track:
    seen = sighting(first, 0.5)
    return Track(number, 0, first, last, first / 30, last / 30, 3, 3, seen, None, 0, Route(), open_since)


@dataclass(frozen=True)
class Answer:
    status: str
    person: str | None
    score: float


def match(person: str, score: float) -> Answer:
    return Answer("match", person, score)


CONFLICT = "conflict"


def test_nothing_to_choose_from():
    assert choose([], 10, 5) == []


def test_the_best_are_chosen_apart_where_possible():
    chosen = choose([sighting(frame, 0.5 + frame / 1000) for frame in range(100)], 10, 5)
    assert [one.frame for one in chosen] == [99, 94, 89, 84, 79, 74, 69, 64, 59, 54]


def test_a_short_track_fills_up_with_neighbours():
    chosen = choose([sighting(frame, 0.9 - frame / 100) for frame in (0, 3, 6, 9)], 3, 5)
    assert [one.frame for one in chosen] == [0, 6, 3]


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0, 1)), max_size=40, unique_by=lambda pair: pair[0]))
def test_choice_does_not_depend_on_order(pairs):
    sightings = [sighting(frame, score) for frame, score in pairs]
    frames = [one.frame for one in choose(sightings, 10, 5)]
    assert frames == [one.frame for one in choose(sightings[::-1], 10, 5)]
    assert len(frames) == min(len(pairs), 10)


@pytest.mark.parametrize("count", [1, 2, 6, 7, 10, 13, 14, 40])
def test_trimmed_mean_as_scipy_has_it(count):
    rows = np.random.default_rng(count).normal(size=(count, 16))
    assert trimmed_mean(rows) == pytest.approx(trim_mean(rows, 0.15, axis=0))


def test_pooled_template_leaves_strays_out():
    random = np.random.default_rng(0)
    person = random.normal(size=128)
    rows = person + random.normal(size=(10, 128)) * 0.5
    rows[3] = random.normal(size=128)  # somebody else
    rows[8] = -person
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    template, kept = pooled(rows)
    assert np.flatnonzero(~kept).tolist() == [3, 8]
    expected = trim_mean(rows[kept].astype(np.float32), 0.15, axis=0)
    assert template == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert template.dtype == np.float32
    assert np.linalg.norm(template) == pytest.approx(1, abs=1e-6)


def test_one_embedding_is_its_own_template():
    template, kept = pooled(np.array([[0.6, 0.8]], np.float32))
    assert template.tolist() == pytest.approx([0.6, 0.8])
    assert kept.tolist() == [True]


def test_no_embeddings_are_refused():
    with pytest.raises(InvalidVectorError, match="at least one embedding"):
        pooled(np.empty((0, 128), np.float32))


def test_no_tracks():
    assert resolve([], []) == ()
    assert list(named([], lambda _: match("Ada", 1.0))) == []


def test_the_weaker_of_two_at_once_loses_the_name_and_gets_no_other():
    tracks = [track(0, 0, 50), track(1, 40, 90), track(2, 91, 120)]
    answers = [match("Ada", 0.5), match("Ada", 0.7), match("Ada", 0.4)]
    resolved = resolve(tracks, answers)
    assert [(one.status, one.person) for one in resolved] == [(CONFLICT, None), ("match", "Ada"), ("match", "Ada")]
    assert resolved[0].score == 0.5


def test_a_loser_takes_nobody_elses_name():
    """B loses to A, so C, who only meets B, keeps the name though B is stronger."""
    tracks = [track(0, 0, 50), track(1, 40, 90), track(2, 80, 120)]
    resolved = resolve(tracks, [match("Ada", 0.9), match("Ada", 0.8), match("Ada", 0.7)])
    assert [one.person for one in resolved] == ["Ada", None, "Ada"]


def test_unknowns_do_not_contest():
    tracks = [track(0, 0, 50), track(1, 0, 50)]
    answers = [Answer("unknown", None, 0.2), Answer("unknown", None, 0.3)]
    assert resolve(tracks, answers) == tuple(answers)


def test_equal_scores_go_to_the_earlier():
    resolved = resolve([track(1, 0, 9), track(0, 0, 9)], [match("Ada", 0.5), match("Ada", 0.5)])
    assert [one.person for one in resolved] == [None, "Ada"]


def test_a_name_waits_for_tracks_that_may_contest_it():
    answers = {0: match("Ada", 0.5), 1: match("Ada", 0.8), 2: match("Ada", 0.6)}
    given_out: list[int] = []

    def stream() -> Iterator[Track]:
        yield track(0, 0, 50, open_since=40)  # 1 goes on and meets it
        assert given_out == []
        yield track(1, 40, 90, open_since=95)
        assert given_out == [0, 1]
        yield track(2, 95, 99)

    found = []
    for one, answer in named(stream(), lambda one: answers[one.id]):
        given_out.append(one.id)
        found.append((one.id, answer.status))
    assert found == [(0, CONFLICT), (1, "match"), (2, "match")]


def test_a_name_that_was_given_out_is_not_given_again_at_the_same_time():
    """0 is final when 1 ends, and still bears its name against 2, which met it and is stronger."""
    answers = {0: match("Ada", 0.5), 1: match("Eve", 0.9), 2: match("Ada", 0.8)}
    tracks = [track(0, 0, 50, open_since=30), track(1, 55, 60, open_since=30), track(2, 30, 90)]
    found = {one.id: answer.status for one, answer in named(tracks, lambda one: answers[one.id], hold=1)}
    assert found == {0: "match", 1: "match", 2: CONFLICT}


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20), st.sampled_from("AB"), st.floats(0, 1)), max_size=12))
def test_streamed_names_never_meet(spans):
    tracks = [track(number, first, first + length) for number, (first, length, *_) in enumerate(spans)]
    tracks.sort(key=lambda one: one.last)
    still = [
        replace(one, open_since=min((other.first for other in tracks[index + 1 :]), default=None))
        for index, one in enumerate(tracks)
    ]
    found = list(named(still, lambda one: match(*spans[one.id][2:])))
    assert sorted(one.id for one, _ in found) == list(range(len(spans)))
    bearers = [(one, answer.person) for one, answer in found if answer.status == "match"]
    meetings = [
        (one.id, other.id)
        for index, (one, person) in enumerate(bearers)
        for other, name in bearers[index + 1 :]
        if person == name and one.meets(other)
    ]
    assert meetings == []


def test_what_waits_is_given_out_before_the_error():
    def stream() -> Iterator[Track]:
        yield track(0, 0, 50, open_since=10)
        raise VideoError("the line broke")

    found = []
    with pytest.raises(VideoError, match="broke"):  # noqa: PT012
        for one, answer in named(stream(), lambda _: match("Ada", 0.9)):
            found.append((one.id, answer.person))
    assert found == [(0, "Ada")]


def test_provisional_names_never_flicker():
    name = ProvisionalName()
    story = [("Ada", 1), (None, 3), ("Ada", 4), ("Ada", 6), (None, 7), ("Ada", 8), ("Eve", 9)]
    assert [name.update(person, good) for person, good in story] == [None, None, "Ada", "Ada", None, None, None]
    assert name.withdrawn
