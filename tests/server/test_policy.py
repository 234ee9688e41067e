from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.gallery import Candidate, Identification
from vultus.server.policy import BAND, Probes, ScorePolicy
from vultus.server.problems import Problem
from vultus.types import OperatingPoint

cosines = st.floats(-1, 1, allow_nan=False)


def point(threshold: float) -> OperatingPoint:
    return OperatingPoint("identify", "FPIR", 0.01, threshold, "c", "max", 1, 1.0, None, False, "test", "")


def answer(score: float, threshold: float = 0.36, person: str = "p1") -> Identification:
    status = "match" if score >= threshold else "unknown"
    return Identification(status, None, score, (Candidate("Ada", person, score),), point(threshold), 1)


def test_nothing_is_told_of_nothing() -> None:
    assert ScorePolicy().score(None, 0.36) is None
    assert ScorePolicy().candidates([], 0.36) == ()
    assert ScorePolicy().costs([]) == {}


@given(cosines, cosines)
def test_no_score_below_the_threshold_is_told(score: float, threshold: float) -> None:
    told = ScorePolicy().score(score, threshold)
    assert (told is None) == (score < threshold)


@given(cosines, cosines, st.integers(0, 4), st.booleans())
def test_rounding_never_takes_a_score_across_the_threshold(
    score: float, threshold: float, decimals: int, floor: bool
) -> None:
    told = ScorePolicy(floor=floor, decimals=decimals).score(score, threshold)
    if told is not None:
        assert (told >= threshold) == (score >= threshold)
        assert abs(told - score) <= 1.5 * 10.0**-decimals + 1e-12
        assert round(told, decimals) == told


def test_without_a_threshold_the_floor_tells_nothing() -> None:
    assert ScorePolicy().score(0.9, None) is None
    assert ScorePolicy(floor=False).score(0.9, None) == 0.9


def test_candidates_below_the_threshold_are_left_out() -> None:
    found = [Candidate("Ada", "a", 0.712), Candidate("Bob", "b", 0.4049), Candidate("Eve", "e", 0.2)]
    assert ScorePolicy().candidates(found, 0.4) == (Candidate("Ada", "a", 0.71), Candidate("Bob", "b", 0.4))
    assert [one.score for one in ScorePolicy(floor=False).candidates(found, 0.4)] == [0.71, 0.4, 0.2]


def test_sentences_lose_their_scores() -> None:
    policy = ScorePolicy()
    text = "unlike every other picture of Ada (best 0.051 < 0.202): the pictures show different people"
    assert policy.text(text) == "unlike every other picture of Ada: the pictures show different people"
    assert policy.text("also looks like Bob (0.500 >= 0.414)") == "also looks like Bob"
    assert policy.text("Ada (the first) is fine") == "Ada (the first) is fine"


def test_an_answer_costs_what_it_tells() -> None:
    policy = ScorePolicy()
    assert policy.cost(0.1, 0.36) == 0  # unknown, and no score: nothing to climb on
    assert ScorePolicy(floor=False).cost(0.1, 0.36) == 1
    assert policy.cost(0.36 - BAND / 2, 0.36) == 1
    assert policy.cost(0.36 + BAND / 2, 0.36) == 1
    assert 0 < policy.cost(0.9, 0.36) < 0.1
    assert policy.cost(None, 0.36) == 0
    assert policy.costs([answer(0.37), answer(0.35), answer(0.05, person="p2")]) == {"p1": 2.0, "p2": 0.0}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_probes_of_one_person_run_out_for_that_key_and_gallery_and_come_back() -> None:
    clock = Clock()
    probes = Probes(ScorePolicy(probes_per_person=10), clock)
    for _ in range(9):
        probes.check("k1", "staff")
        probes.spend("k1", "staff", {"p1": 1.0})
    probes.check("k1", "staff")
    probes.spend("k1", "staff", {"p1": 1.0})
    with pytest.raises(Problem) as caught:
        probes.check("k1", "staff")
    assert caught.value.status == 429
    assert caught.value.code == "probe_limit"
    assert int(caught.value.headers["Retry-After"]) == 360  # a tenth of an hour for one of ten
    probes.check("k2", "staff")
    probes.check("k1", "visitors")
    clock.now = 361
    probes.check("k1", "staff")


def test_the_refusal_does_not_depend_on_whom_the_next_probe_is_like() -> None:
    probes = Probes(ScorePolicy(probes_per_person=2), Clock())
    for _ in range(2):
        probes.spend("k", "staff", {"p1": 1.0, "p2": 0.0})
    with pytest.raises(Problem):
        probes.check("k", "staff")  # asked before the face is known


def test_no_bound() -> None:
    probes = Probes(ScorePolicy(probes_per_person=0), Clock())
    for _ in range(1000):
        probes.spend("k", "staff", {"p1": 1.0})
    probes.check("k", "staff")


def test_the_erased_are_forgotten() -> None:
    probes = Probes(ScorePolicy(probes_per_person=1), Clock())
    probes.spend("k", "staff", {"p1": 1.0})
    probes.forget("p1")
    probes.check("k", "staff")
    assert probes._left == {}
