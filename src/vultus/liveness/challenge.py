"""Active challenges: the person does before the camera what nobody could know beforehand.

The server draws the challenge from the operating system's randomness, gives it a number
that is good once and for a minute, and judges the landmarks over time against what was
asked and when. Two kinds: a dot to follow with the nose, or three actions out of five in
a drawn order with drawn pauses. A recording made for another challenge does other things,
or does them at other times.

What it cannot do: a program that renders a face from another's movements answers any
challenge. And chance is finite: three actions out of five have 60 orders, so a blind guess
of the order alone succeeds once in 60 tries, before timing; bound the tries.

Times within an answer are seconds since the recording's first frame, and should be the
server's own stamps or the camera's, never the page's word alone. Pictures must not be
mirrored, as many pages do for their preview.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, NotFoundError
from vultus.liveness.blink import blinks
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import head_pose, mouth_aspect
from vultus.types import Pose, Signal

__all__ = [
    "ACTIONS",
    "Action",
    "Challenge",
    "Challenges",
    "Dot",
    "Kind",
    "Seen",
    "Step",
    "challenge_signal",
    "draw_actions",
    "draw_dot",
    "observe",
]

Action = Literal["turn left", "turn right", "look up", "blink", "open mouth"]
Kind = Literal["actions", "dot"]
ACTIONS: tuple[Action, ...] = get_args(Action)

VALID = 60.0  # seconds a challenge may be answered
WAITING = 10_000  # challenges that are open at a time; the oldest go first
LEAD = (1.0, 1.8)  # seconds of looking straight ahead before anything is asked: the neutral face
GIVEN = (2.0, 2.8)  # seconds for an action
PAUSE = (0.8, 1.6)  # seconds between actions, to come back
REACTION = 0.12  # seconds: nobody answers sooner

TURN, NOD, OPEN = 15.0, 10.0, 0.25  # degrees of yaw, degrees of pitch, change of the mouth's aspect
BLINKS = 2  # asked for: one may come by itself at any time

PLACES = 7  # where the dot rests
MOVING, RESTING = (0.35, 0.7), (0.5, 1.0)  # seconds
FOLLOWS = 0.75  # correlation of the head with the dot, across and down
LAG = (0.1, 0.9)  # seconds by which a head follows
SWEEP = (6.0, 4.0)  # degrees that yaw and pitch go at least
GOES_WITH = 6.0  # degrees: a head that moves so far without following does something else

SLOWEST = 8.0  # frames a second
GAP = 0.5  # seconds without a face

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One action and the time given for it, seconds since the recording's first frame."""

    action: Action
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Dot:
    """Where the dot is at a time; between two of them it moves in a straight line."""

    time: float  # seconds since the recording's first frame
    x: float  # -1 left edge of the screen as the person sees it, 1 right edge
    y: float  # -1 upper edge, 1 lower edge


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one person is asked, once."""

    nonce: str
    kind: Kind
    steps: tuple[Step, ...]  # empty for a dot
    dot: tuple[Dot, ...]  # empty for actions
    issued: float  # seconds, the server's clock
    expires: float

    @property
    def seconds(self) -> float:
        """How long the recording has to be."""
        return self.steps[-1].end if self.steps else self.dot[-1].time


@dataclass(frozen=True, slots=True)
class Seen:
    """What one frame shows of the answer."""

    time: float  # seconds since the recording's first frame
    pose: Pose
    eyes: tuple[float, float]  # aspects of the right and the left eye
    mouth: float  # aspect


class Challenges:
    """Challenges that wait for their answer: each is handed out once and taken back once."""

    def __init__(
        self,
        *,
        valid: float = VALID,
        waiting: int = WAITING,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        """valid: seconds. waiting: open challenges kept. random: for tests; the system's own otherwise."""
        self._valid, self._waiting, self._clock = valid, waiting, clock
        self._random = random or secrets.SystemRandom()
        self._open: OrderedDict[str, Challenge] = OrderedDict()
        self._lock = threading.Lock()

    def issue(self, kind: Kind = "actions") -> Challenge:
        """Draw a challenge. Refused (InputError): an unknown kind."""
        if kind not in get_args(Kind):
            raise InputError(f"expected a challenge out of {', '.join(get_args(Kind))}, got {kind!r}")
        now = self._clock()
        steps = draw_actions(self._random) if kind == "actions" else ()
        dot = draw_dot(self._random) if kind == "dot" else ()
        challenge = Challenge(secrets.token_urlsafe(24), kind, steps, dot, now, now + self._valid)
        with self._lock:
            self._open[challenge.nonce] = challenge
            while len(self._open) > self._waiting:
                self._open.popitem(last=False)
        return challenge

    def take(self, nonce: str) -> Challenge:
        """The challenge of that number, which is used up by asking.

        Refused (NotFoundError): one that was never issued, was answered before, or is too old.
        """
        with self._lock:
            challenge = self._open.pop(nonce, None)
        if challenge is None or self._clock() > challenge.expires:
            raise NotFoundError("expected an open challenge, this one is unknown, used or too old; ask for a new one")
        return challenge


def draw_actions(random: Random, count: int = 3) -> tuple[Step, ...]:
    """Different actions in a drawn order with drawn times. Refused (InputError): more than there are."""
    if not 1 <= count <= len(ACTIONS):
        raise InputError(f"expected 1 to {len(ACTIONS)} actions, got {count}")
    at = random.uniform(*LEAD)
    steps = []
    for action in random.sample(ACTIONS, count):
        end = at + random.uniform(*GIVEN)
        steps.append(Step(action, round(at, 3), round(end, 3)))
        at = end + random.uniform(*PAUSE)
    return tuple(steps)


def draw_dot(random: Random) -> tuple[Dot, ...]:
    """A path over the screen that rests at seven drawn places, each far from the one before."""
    at, place = 0.0, (0.0, 0.0)
    path = [Dot(at, *place)]
    for _ in range(PLACES):
        at += random.uniform(*RESTING)
        path.append(Dot(round(at, 3), *place))
        last = place
        while math.dist(place, last) < 0.8:
            place = (round(random.uniform(-1, 1), 3), round(random.uniform(-1, 1), 3))
        at += random.uniform(*MOVING)
        path.append(Dot(round(at, 3), *place))
    path.append(Dot(round(at + RESTING[1], 3), *place))
    return tuple(path)


def observe(mesh: Mesh, eyes: tuple[float, float], time: float, size_wh: tuple[int, int]) -> Seen:
    """What a frame says for a challenge.

    eyes: aspects from `models.landmark.eyes`. time: seconds since the recording's first frame.
    """
    return Seen(time, head_pose(mesh, size_wh), eyes, mouth_aspect(mesh))


def challenge_signal(challenge: Challenge, seen: Sequence[Seen]) -> Signal:
    """Judge an answer: only "bona fide" passes.

    seen: frames with the face, in order of time. The value is the share of steps done, or
    the weaker of the dot's two correlations. "attack": something else was done than was
    asked. "nothing": not everything was done, or too little was seen to tell.
    """
    unit = "share of steps done" if challenge.kind == "actions" else "correlation with the dot"
    if why := _unusable(challenge, seen):
        return Signal("challenge", math.nan, unit, "nothing", why)
    return _actions(challenge, seen, unit) if challenge.kind == "actions" else _dot(challenge, seen, unit)


def _unusable(challenge: Challenge, seen: Sequence[Seen]) -> str:
    times = np.array([frame.time for frame in seen])
    if len(times) < 2:
        return "no face was seen"
    steps = np.diff(times)
    if not (steps > 0).all():
        return "the frames are not in order of time"
    if times[0] > GAP or times[-1] < challenge.seconds - GAP:
        return (
            f"the face is seen from {times[0]:.1f} to {times[-1]:.1f} s, the challenge lasts {challenge.seconds:.1f} s"
        )
    if steps.max() > GAP:
        return f"no face for {steps.max():.1f} s at {times[steps.argmax()]:.1f} s"
    if (rate := 1 / float(np.median(steps))) < SLOWEST:
        return f"{rate:.0f} frames a second, {SLOWEST:g} are needed"
    return ""


def _actions(challenge: Challenge, seen: Sequence[Seen], unit: str) -> Signal:
    times = np.array([frame.time for frame in seen])
    neutral = times < challenge.steps[0].start
    if neutral.sum() < 3:
        return Signal("challenge", math.nan, unit, "nothing", "the face is not seen before the first action")
    moves = _moves(seen, neutral)
    shut = blinks(times.tolist(), [frame.eyes for frame in seen])
    done, told, wrong = 0, [], []
    for step in challenge.steps:
        inside = (times >= step.start) & (times <= step.end)
        others = [action for action in moves if action != step.action and (moves[action][inside] >= 1).any()]
        if step.action == "blink":
            count = sum(step.start + REACTION <= at <= step.end for at in shut.times)
            good, what = count >= BLINKS, shut.nothing or f"{count} blinks, {BLINKS} are asked for"
        else:
            good, what = _moved(times, moves[step.action], step)
        if others:
            wrong += others
            good, what = False, f"{' and '.join(others)} instead" if not good else f"{' and '.join(others)} as well"
        done += good
        told.append(f"{step.action}: {what}")
    says: Literal["bona fide", "attack", "nothing"] = "nothing"
    if done == len(challenge.steps):
        says = "bona fide"
    elif wrong:
        says = "attack"
    return Signal("challenge", done / len(challenge.steps), unit, says, "; ".join(told))


def _moves(seen: Sequence[Seen], neutral: NDArray[np.bool_]) -> dict[Action, Array]:
    """How far each frame goes in each action, 1 = done, measured from the neutral face."""
    yaw, pitch, mouth = (
        np.array(values)
        for values in zip(*[(frame.pose.yaw, frame.pose.pitch, frame.mouth) for frame in seen], strict=True)
    )
    yaw, pitch, mouth = (values - float(np.median(values[neutral])) for values in (yaw, pitch, mouth))
    return {"turn left": yaw / TURN, "turn right": -yaw / TURN, "look up": -pitch / NOD, "open mouth": mouth / OPEN}


def _moved(times: Array, move: Array, step: Step) -> tuple[bool, str]:
    """Whether an action begins after it was asked for and is done in its time."""
    inside = np.flatnonzero((times >= step.start) & (times <= step.end))
    if not len(inside):
        return False, "no face seen"
    furthest = float(move[inside].max())
    if furthest < 1:
        return False, f"not done, {max(furthest, 0):.0%} of what is asked for"
    early = times[inside] < step.start + REACTION
    if (move[inside][early] >= 0.6).any():
        return False, "done before it was asked for"
    first = float(times[inside][move[inside] >= 1][0])
    return True, f"done after {first - step.start:.1f} s"


def _dot(challenge: Challenge, seen: Sequence[Seen], unit: str) -> Signal:
    times = np.array([frame.time for frame in seen])
    # A dot to the person's right turns the head to its right, which is a negative yaw; one below bends it down.
    head = np.array([(-frame.pose.yaw, frame.pose.pitch) for frame in seen])
    path = np.array([(dot.time, dot.x, dot.y) for dot in challenge.dot])
    swept = np.ptp(np.percentile(head, [5, 95], axis=0), axis=0)
    best, lag = -1.0, math.nan
    for shift in np.arange(LAG[0], LAG[1] + 1e-9, 0.05):
        dot = np.stack([np.interp(times - shift, path[:, 0], path[:, axis]) for axis in (1, 2)], axis=1)
        agreement = min(_correlation(head[:, axis], dot[:, axis]) for axis in range(2))
        if agreement > best:
            best, lag = agreement, float(shift)
    moved = f"the head sweeps {swept[0]:.0f} degrees across and {swept[1]:.0f} down"
    if swept[0] < SWEEP[0] or swept[1] < SWEEP[1]:
        return Signal("challenge", best, unit, "nothing", f"{moved}: too little to follow the dot")
    if best >= FOLLOWS:
        return Signal("challenge", best, unit, "bona fide", f"{moved} and follows the dot by {lag:.1f} s")
    reason = f"{moved}, but not with the dot ({FOLLOWS:g} is needed)"
    return Signal("challenge", best, unit, "attack" if swept.max() >= GOES_WITH else "nothing", reason)


def _correlation(first: Array, second: Array) -> float:
    first, second = first - first.mean(), second - second.mean()
    power = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / power if power > 1e-12 else 0.0
