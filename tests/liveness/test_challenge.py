from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from vultus.errors import InputError, NotFoundError
from vultus.liveness.challenge import (
    ACTIONS,
    Challenge,
    Challenges,
    Dot,
    Kind,
    Seen,
    Step,
    challenge_signal,
    draw_actions,
    draw_dot,
    observe,
)
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import mean_face
from vultus.types import Pose


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def answered(challenge: Challenge, seed: int = 0, *, fps: float = 20, until: float | None = None) -> list[Seen]:
    """A person who does what is asked, with noise of the size that meshes have, and reacts in half a second."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, (until or challenge.seconds) + 0.3, 1 / fps)
    count = len(times)
    yaw, pitch = 3 + rng.normal(0, 1, count), -4 + rng.normal(0, 1, count)
    eyes, mouth = 0.28 + rng.normal(0, 0.006, count), 0.03 + np.abs(rng.normal(0, 0.03, count))
    for step in challenge.steps:
        start = step.start + 0.45 * rng.uniform(0.7, 1.4)
        held = np.clip((times - start) / 0.35, 0, 1) * np.clip((step.end + 0.25 - times) / 0.35, 0, 1)
        yaw += 24 * held * ((step.action == "turn left") - (step.action == "turn right"))
        pitch -= 17 * held * (step.action == "look up")
        mouth += 0.5 * held * (step.action == "open mouth")
        for lids in (start + 0.1, start + 0.7) if step.action == "blink" else ():
            eyes *= 1 - 0.6 * np.clip(1 - np.abs(times - lids) / 0.12, 0, 1)
    if challenge.dot:
        path = np.array([(dot.time, dot.x, dot.y) for dot in challenge.dot])
        lag = rng.uniform(0.2, 0.6)
        yaw -= 13 * np.interp(times - lag, path[:, 0], path[:, 1])
        pitch += 8 * np.interp(times - lag, path[:, 0], path[:, 2])
    columns = zip(times.tolist(), yaw.tolist(), pitch.tolist(), eyes.tolist(), mouth.tolist(), strict=True)
    return [Seen(t, Pose(y, p, 0.0), (e, e), m) for t, y, p, e, m in columns]


def issued(kind: Kind, count: int) -> list[Challenge]:
    challenges = Challenges(random=Random(7))
    return [challenges.issue(kind) for _ in range(count)]


def by_hand(*steps: Step) -> Challenge:
    return Challenge("n", "actions", steps, (), 0.0, 60.0)


@pytest.mark.parametrize("kind", ["actions", "dot"])
def test_no_face_a_short_answer_and_one_with_holes_say_nothing(kind: Kind) -> None:
    (challenge,) = issued(kind, 1)
    whole = answered(challenge)
    holes = [frame for frame in whole if not 3.0 < frame.time < 3.8]
    slow = whole[::4]
    for seen in ([], whole[:1], whole[: len(whole) // 2], whole[20:], holes, slow, whole[::-1]):
        signal = challenge_signal(challenge, seen)
        assert signal.says == "nothing"
        assert math.isnan(signal.value)


@pytest.mark.parametrize("kind", ["actions", "dot"])
def test_who_does_what_is_asked_passes_and_who_sits_still_does_not(kind: Kind) -> None:
    challenges = issued(kind, 60)
    passed = Counter(
        challenge_signal(challenge, answered(challenge, seed)).says for seed, challenge in enumerate(challenges)
    )
    assert passed["bona fide"] >= 58
    assert passed["attack"] == 0
    still = Challenge("n", kind, (), (), 0, 60)
    said = Counter(
        challenge_signal(challenge, answered(still, seed, until=challenge.seconds)).says
        for seed, challenge in enumerate(challenges)
    )
    assert said["bona fide"] == 0


@pytest.mark.parametrize(("kind", "most"), [("actions", 0.03), ("dot", 0.003)])
def test_the_answer_to_another_challenge_fails(kind: Kind, most: float) -> None:
    """Measured over 6000 pairs: 0.9 % of actions (60 orders, then timing), 1 of 6000 for the dot."""
    challenges = issued(kind, 60)
    longest = max(challenge.seconds for challenge in challenges)
    answers = [answered(challenge, seed, until=longest) for seed, challenge in enumerate(challenges)]
    rng = Random(3)
    pairs = [rng.sample(range(60), 2) for _ in range(600)]
    said = Counter(challenge_signal(challenges[asked], answers[done]).says for asked, done in pairs)
    assert said.total() == 600
    assert said["bona fide"] <= most * 600
    assert said["attack"] >= 0.9 * 600


def test_each_step_says_what_was_seen() -> None:
    challenge = by_hand(Step("turn left", 1.5, 3.5), Step("look up", 4.5, 6.5))
    other = by_hand(Step("turn left", 1.5, 3.5), Step("turn right", 4.5, 6.5))
    good = challenge_signal(challenge, answered(challenge))
    assert good.value == 1
    assert "turn left: done after" in good.reason
    wrong = challenge_signal(challenge, answered(other))
    assert (wrong.says, wrong.value) == ("attack", 0.5)
    assert "look up: turn right instead" in wrong.reason
    half = challenge_signal(challenge, answered(by_hand(Step("turn left", 1.5, 3.5)), until=6.5))
    assert (half.says, half.value) == ("nothing", 0.5)
    assert "look up: not done" in half.reason


def test_what_is_done_before_it_is_asked_for_does_not_count() -> None:
    asked = by_hand(Step("turn left", 2.0, 4.0))
    early = challenge_signal(asked, answered(by_hand(Step("turn left", 1.0, 3.6)), until=4.0))
    assert early.says == "nothing"
    assert "before it was asked for" in early.reason


def test_one_blink_may_be_chance_two_are_an_answer() -> None:
    asked = by_hand(Step("blink", 1.5, 4.0))
    assert challenge_signal(asked, answered(asked)).says == "bona fide"
    once = [Seen(f.time, f.pose, (0.28, 0.28) if f.time > 2.25 else f.eyes, f.mouth) for f in answered(asked, seed=1)]
    assert challenge_signal(asked, once).says == "nothing"


def test_the_dot_must_be_followed_to_the_right_side() -> None:
    challenge = Challenge("n", "dot", (), draw_dot(Random(5)), 0, 60)
    mirrored = tuple(Dot(dot.time, -dot.x, dot.y) for dot in challenge.dot)
    followed = answered(challenge)
    assert challenge_signal(challenge, followed).says == "bona fide"
    assert challenge_signal(Challenge("n", "dot", (), mirrored, 0, 60), followed).says == "attack"


def test_a_challenge_is_good_once_and_for_its_time() -> None:
    clock = Clock()
    challenges = Challenges(valid=30, clock=clock)
    first, second = challenges.issue(), challenges.issue("dot")
    assert first.nonce != second.nonce
    assert challenges.take(first.nonce) == first
    with pytest.raises(NotFoundError, match="unknown, used or too old"):
        challenges.take(first.nonce)
    clock.now += 31
    with pytest.raises(NotFoundError):
        challenges.take(second.nonce)
    with pytest.raises(NotFoundError):
        challenges.take("guessed")
    with pytest.raises(InputError, match="actions, dot"):
        challenges.issue("song")  # type: ignore[arg-type]


def test_only_so_many_challenges_wait() -> None:
    challenges = Challenges(waiting=3)
    first, *others = [challenges.issue() for _ in range(4)]
    with pytest.raises(NotFoundError):
        challenges.take(first.nonce)
    assert [challenges.take(one.nonce) for one in others] == others


def test_of_many_threads_one_gets_the_challenge() -> None:
    challenges = Challenges()
    nonce = challenges.issue().nonce

    def take(_: int) -> bool:
        try:
            return challenges.take(nonce).nonce == nonce
        except NotFoundError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 1


def test_drawn_actions_differ_and_leave_time() -> None:
    orders = Counter(tuple(step.action for step in draw_actions(Random(seed))) for seed in range(3000))
    assert len(orders) == 60
    assert max(orders.values()) < 2.0 * 3000 / 60
    assert all(len(set(order)) == 3 for order in orders)
    steps = draw_actions(Random(1), count=5)
    assert {step.action for step in steps} == set(ACTIONS)
    assert steps[0].start >= 1.0
    assert all(later.start - sooner.end >= 0.79 for sooner, later in pairwise(steps))
    with pytest.raises(InputError, match="1 to 5 actions"):
        draw_actions(Random(1), count=6)


def test_the_dot_stays_on_the_screen_and_goes_far() -> None:
    paths = [draw_dot(Random(seed)) for seed in range(50)]
    assert len({path[-1] for path in paths}) == 50
    for path in paths:
        assert all(-1 <= dot.x <= 1 and -1 <= dot.y <= 1 for dot in path)
        assert all(later.time > sooner.time for sooner, later in pairwise(path))
        assert sum(math.dist((a.x, a.y), (b.x, b.y)) for a, b in pairwise(path)) >= 7 * 0.79


def test_a_frame_is_observed_from_its_mesh() -> None:
    points = (mean_face().points * 60 + (320, 240, 480)).astype(np.float32)
    seen = observe(Mesh(points, 1.0), (0.3, 0.31), 2.5, (640, 480))
    assert seen.time == 2.5
    assert seen.pose.largest < 15
    assert seen.eyes == (0.3, 0.31)
    assert seen.mouth < 0.2
