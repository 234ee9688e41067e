"""Live checks: asked for, answered, judged, named, used up; and everything that must not pass for an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import httpx
import numpy as np
import pytest

from vultus.liveness import Challenge
from vultus.server import livechecks
from vultus.server.livechecks import LiveChecks

from .conftest import Serve, Served
from .page.judging import ATTACK, NEUTRAL, UNKNOWN, Judging, answer, shown

IDENTIFY = "/v1/galleries/staff/identify"
PERSONS = "/v1/galleries/staff/persons"


class Clock:
    """The server's clock for live checks."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(serve: Serve, clock: Clock) -> Served:
    made = serve(model=Judging())
    made.service.checks = LiveChecks(60, clock)
    made.service.checks._challenges._random = Random(5)
    return made


@pytest.fixture
def operator(served: Served) -> httpx.Client:
    return served.key("operator")


def asked(client: httpx.Client, served: Served, kind: str = "actions") -> Challenge:
    told = client.post("/v1/challenges", json={"kind": kind})
    assert told.status_code == 201, told.text
    return served.service.checks._checks[told.json()["id"]].challenge


def send(
    client: httpx.Client, name: str, times: Sequence[float], frames: Sequence[bytes], *, last: bool = False
) -> httpx.Response:
    files = [("frame", (f"{number}.png", frame)) for number, frame in enumerate(frames)]
    data = {"times": json.dumps(list(times))}
    return client.post(f"/v1/challenges/{name}/frames", files=files, data=data, params={"last": last})


def done(
    client: httpx.Client, served: Served, clock: Clock, kind: str = "actions", person: str = "Ada", **options: Any
) -> tuple[str, dict[str, Any]]:
    """Somebody does a live check, all frames at once: its name and the answer."""
    challenge = asked(client, served, kind)
    times, frames = answer(challenge, person, **options)
    clock.now += times[-1] + 0.5
    told = send(client, challenge.nonce, times, frames, last=True)
    assert told.status_code == 200, told.text
    return challenge.nonce, told.json()


def refused(told: httpx.Response, code: str, words: str) -> None:
    assert told.json().get("code") == code, told.text
    assert words in told.json()["detail"]


def test_no_frames_are_no_answer(served: Served, operator: httpx.Client) -> None:
    challenge = asked(operator, served)
    told = operator.post(f"/v1/challenges/{challenge.nonce}/frames", data={"times": "[]"}, files={})
    assert told.status_code >= 400
    again = send(operator, challenge.nonce, [0.0], [shown("Ada")])
    assert again.status_code in (404, 409)


def test_a_challenge_says_what_to_do_and_when(served: Served, operator: httpx.Client) -> None:
    actions = operator.post("/v1/challenges", json={}).json()
    assert [set(step) for step in actions["steps"]] == [{"action", "words", "start", "end"}] * 3
    assert actions["dot"] == []
    assert actions["seconds"] == actions["steps"][-1]["end"]
    assert 59 < actions["begin_within"] <= 60
    dot = operator.post("/v1/challenges", json={"kind": "dot"}).json()
    assert dot["steps"] == []
    assert len({(one["x"], one["y"]) for one in dot["dot"]}) == 8
    assert "injected" in dot["notice"]
    assert operator.post("/v1/challenges", json={"kind": "dance"}).status_code == 422


@pytest.mark.parametrize("role", ["viewer", "monitor", "auditor"])
def test_lower_roles_may_not(served: Served, role: str) -> None:
    client = served.key(role)
    assert client.post("/v1/challenges", json={}).status_code == 403
    assert send(client, "x", [0.0], [shown("Ada")]).status_code == 403


@pytest.mark.parametrize("kind", ["actions", "dot"])
def test_who_does_what_is_asked_passes_with_all_evidence(
    served: Served, operator: httpx.Client, clock: Clock, kind: str
) -> None:
    _, told = done(operator, served, clock, kind)
    assert told["status"] == "passed", told["reason"]
    assert told["liveness"]["live"] is True
    signals = {one["name"]: one["says"] for one in told["liveness"]["signals"]}
    assert list(signals) == ["passive", "challenge", "person", "plane", "blink"]
    assert (signals["passive"], signals["challenge"], signals["person"]) == ("bona fide",) * 3
    assert 100 < told["usable_for"] <= 120
    assert "Silicone masks" in told["notice"]


def test_frames_come_in_pieces_as_they_are_taken_with_guidance(
    served: Served, operator: httpx.Client, clock: Clock
) -> None:
    challenge = asked(operator, served)
    times, frames = answer(challenge, "Ada")
    began = clock.now + 3.0  # the page began to show it three seconds later
    for start in range(0, len(times), 10):
        part = slice(start, start + 10)
        clock.now = began + times[part][-1] + 0.2
        last = start + 10 >= len(times)
        told = send(operator, challenge.nonce, times[part], frames[part], last=last).json()
        assert told["status"] == ("passed" if last else "recording"), told["reason"]
        assert told["frames"] == min(start + 10, len(times))
        assert isinstance(told["head"]["yaw"], float)
    nobody = asked(operator, served)
    clock.now += 1
    assert "No face" in send(operator, nobody.nonce, [0.1], [shown()]).json()["guidance"]
    assert "More than one" in send(operator, nobody.nonce, [0.2], [shown("Ada", "Bob")]).json()["guidance"]


def test_a_passed_check_opens_one_request_for_the_face_that_did_it(
    served: Served, operator: httpx.Client, clock: Clock
) -> None:
    served.enroll("Ada")
    served.enroll("Bob")
    name, _ = done(operator, served, clock)
    picture = {"files": {"image": ("a.png", shown("Ada", "Bob", seed=3))}}
    found = operator.post(IDENTIFY, **picture, params={"challenge": name}).json()["faces"]
    assert {one["person"]: one["status"] for one in found} == {"Ada": "match", None: "rejected"}
    (bob,) = [one for one in found if one["status"] == "rejected"]
    assert "somebody else" in bob["liveness"]["abstained"]
    refused(operator.post(IDENTIFY, **picture, params={"challenge": name}), "conflict", "used already")


def test_it_also_opens_an_enrolment_and_a_comparison(served: Served, clock: Clock) -> None:
    enroller = served.key("enroller")
    name, _ = done(enroller, served, clock)
    files = {"image": ("a.png", shown("Bob"))}
    other = enroller.post(PERSONS, data={"name": "Bob"}, files=files, params={"challenge": name})
    refused(other, "not_live", "somebody else")
    name, _ = done(enroller, served, clock)
    files = {"image": ("a.png", shown("Ada"))}
    assert enroller.post(PERSONS, data={"name": "Ada"}, files=files, params={"challenge": name}).status_code == 201
    name, _ = done(enroller, served, clock)
    pair = {"first": shown("Ada", seed=1), "second": shown("Ada", seed=2)}
    told = enroller.post("/v1/verify", files=pair, params={"challenge": name}).json()
    assert (told["status"], told["second"]["liveness"]["live"]) == ("match", True)
    name, _ = done(enroller, served, clock)
    files = {"image": ("a.png", shown("Ada", seed=4))}
    assert enroller.post(f"{PERSONS}/Ada/faces", files=files, params={"challenge": name}).status_code == 201


def test_a_picture_that_looks_like_an_attack_stays_one(served: Served, operator: httpx.Client, clock: Clock) -> None:
    served.enroll("Ada")
    name, _ = done(operator, served, clock)
    files = {"image": ("a.png", shown("Ada", grey=ATTACK))}
    (one,) = operator.post(IDENTIFY, files=files, params={"challenge": name}).json()["faces"]
    assert (one["status"], one["liveness"]["live"]) == ("rejected", False)


def test_nobody_else_can_answer_or_name_it_and_nobody_twice(
    served: Served, operator: httpx.Client, clock: Clock
) -> None:
    other = served.key("operator")
    challenge = asked(operator, served)
    refused(send(other, challenge.nonce, [0.0], [shown("Ada")]), "not_found", "unknown")
    clock.now += 1
    assert send(operator, challenge.nonce, [0.0], [shown("Ada")]).status_code == 200  # not used up by the stranger
    name, _ = done(operator, served, clock)
    refused(send(operator, name, [0.0], [shown("Ada")]), "conflict", "passed already")  # a replay
    files = {"image": ("a.png", shown("Ada"))}
    refused(other.post(IDENTIFY, files=files, params={"challenge": name}), "not_found", "unknown")
    refused(operator.post(IDENTIFY, files=files, params={"challenge": "made up"}), "not_found", "unknown")


def test_the_frames_of_another_challenge_do_not_pass(served: Served, operator: httpx.Client, clock: Clock) -> None:
    first, second = asked(operator, served), asked(operator, served)
    assert [step.action for step in first.steps] != [step.action for step in second.steps]
    longest = replace(first, steps=(*first.steps[:2], replace(first.steps[2], end=first.steps[2].end + 6)))
    times, frames = answer(longest, "Ada")
    kept = [number for number, at in enumerate(times) if at <= second.seconds + 0.2]
    clock.now += 25
    told = send(operator, second.nonce, times[: len(kept)], frames[: len(kept)], last=True).json()
    assert told["status"] == "failed"
    assert "not done as asked" in told["reason"]
    files = {"image": ("a.png", shown("Ada"))}
    refused(operator.post(IDENTIFY, files=files, params={"challenge": second.nonce}), "conflict", "failed")


@pytest.mark.parametrize(("grey", "words"), [(ATTACK, "not taken for a living face"), (UNKNOWN, "passive score")])
def test_doing_what_is_asked_does_not_help_who_looks_like_a_picture(
    served: Served, operator: httpx.Client, clock: Clock, grey: int, words: str
) -> None:
    _, told = done(operator, served, clock, grey=grey)
    assert told["status"] == "failed"
    assert words in told["reason"]
    assert told["liveness"]["live"] is not True


def test_another_person_half_way_is_seen(served: Served, operator: httpx.Client, clock: Clock) -> None:
    challenge = asked(operator, served)
    times, frames = answer(challenge, "Ada")
    _, others = answer(challenge, "Bob")
    half = len(times) // 2
    clock.now += times[-1] + 0.5
    told = send(operator, challenge.nonce, times, [*frames[:half], *others[half:]], last=True).json()
    assert told["status"] == "failed"
    assert "somebody else" in told["reason"]


def test_two_faces_and_no_face_are_refused(served: Served, operator: httpx.Client, clock: Clock) -> None:
    challenge = asked(operator, served)
    times, frames = answer(challenge, "Ada", "Bob")
    clock.now += times[-1] + 0.5
    told = send(operator, challenge.nonce, times, frames, last=True).json()
    assert (told["status"], "more than one face" in told["reason"]) == ("failed", True)
    challenge = asked(operator, served)
    times, frames = answer(challenge)
    clock.now += times[-1] + 0.5
    told = send(operator, challenge.nonce, times, frames, last=True).json()
    assert (told["status"], told["liveness"]) == ("failed", None)
    assert "no face was seen" in told["reason"]


def test_too_few_frames_are_no_answer(served: Served, operator: httpx.Client, clock: Clock) -> None:
    challenge = asked(operator, served)
    times, frames = answer(challenge, "Ada", fps=5)
    clock.now += times[-1] + 0.5
    told = send(operator, challenge.nonce, times, frames, last=True).json()
    assert told["status"] == "failed"
    assert "frames a second" in told["reason"]


@pytest.mark.parametrize(
    ("times", "ahead", "words"),
    [
        ([0.2, 0.1], 5, "out of order"),
        ([0.1, 0.1], 5, "out of order"),
        ([0.1, 5.0], 2, "run ahead"),
        ([0.1, 900.0], 1000, ""),
        ([0.1], 5, "a time a frame"),
        ([0.1, float("nan")], 5, "JSON list"),
        ([-1.0, 0.1], 5, "out of order"),
    ],
)
def test_times_that_cannot_be_end_it(
    served: Served, operator: httpx.Client, clock: Clock, times: list[float], ahead: float, words: str
) -> None:
    challenge = asked(operator, served)
    clock.now += ahead
    told = send(operator, challenge.nonce, times, [shown("Ada")] * 2)
    assert told.status_code in (404, 422), told.text
    assert words in told.json()["detail"]
    assert send(operator, challenge.nonce, [7.0], [shown("Ada")]).status_code in (404, 409)


def test_frames_that_come_late_or_twice_end_it(served: Served, operator: httpx.Client, clock: Clock) -> None:
    challenge = asked(operator, served)
    clock.now += 1
    assert send(operator, challenge.nonce, [0.1, 0.2], [shown("Ada")] * 2).status_code == 200
    clock.now += 9
    late = send(operator, challenge.nonce, [0.3], [shown("Ada")])
    refused(late, "challenge_failed", "after they were taken")
    challenge = asked(operator, served)
    clock.now += 1
    assert send(operator, challenge.nonce, [0.1, 0.2], [shown("Ada")] * 2).status_code == 200
    refused(send(operator, challenge.nonce, [0.1, 0.2], [shown("Ada")] * 2), "challenge_failed", "out of order")


def test_what_is_too_old_or_not_finished_in_time_is_refused(
    served: Served, operator: httpx.Client, clock: Clock
) -> None:
    challenge = asked(operator, served)
    clock.now += 61
    assert send(operator, challenge.nonce, [0.0], [shown("Ada")]).status_code == 404
    challenge = asked(operator, served)
    clock.now += 1
    send(operator, challenge.nonce, [0.1], [shown("Ada")])
    clock.now += challenge.seconds + 21
    assert send(operator, challenge.nonce, [5.0], [shown("Ada")]).status_code in (404, 422)
    name, _ = done(operator, served, clock)
    clock.now += 121
    files = {"image": ("a.png", shown("Ada"))}
    refused(operator.post(IDENTIFY, files=files, params={"challenge": name}), "not_found", "too old")


def test_bytes_frames_and_checks_are_bounded(
    served: Served, operator: httpx.Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge = asked(operator, served)
    clock.now += 1
    huge = send(operator, challenge.nonce, [0.0], [shown("Ada") + bytes(livechecks.FRAME_BYTES)])
    refused(huge, "challenge_failed", "bytes")
    challenge = asked(operator, served)
    clock.now += 1
    refused(send(operator, challenge.nonce, [0.0], [b"no picture"]), "challenge_failed", "frame 1")
    monkeypatch.setattr(livechecks, "FRAMES", 3)
    challenge = asked(operator, served)
    clock.now += 1
    many = send(operator, challenge.nonce, [0.1, 0.2, 0.3, 0.4], [shown("Ada")] * 4)
    refused(many, "challenge_failed", "at most 3 frames")
    for _ in range(livechecks.OPEN_OF_KEY):
        asked(operator, served)
    full = operator.post("/v1/challenges", json={})
    assert (full.status_code, "Retry-After" in full.headers) == (429, True)
    assert served.key("operator").post("/v1/challenges", json={}).status_code == 201


def test_guesses_are_bounded_by_the_hour(clock: Clock) -> None:
    checks = LiveChecks(5, clock)
    for _ in range(5):
        checks.issue("k", "dot")
        clock.now += 61
    with pytest.raises(Exception, match="an hour"):
        checks.issue("k", "dot")
    checks.issue("another", "dot")
    clock.now += 720
    checks.issue("k", "dot")


def test_nothing_of_a_check_is_left_when_it_is_over(served: Served, operator: httpx.Client, clock: Clock) -> None:
    name, _ = done(operator, served, clock)
    assert served.service.checks._checks[name].looks == []
    asked(operator, served)
    begun = asked(operator, served)
    gone = operator.post(f"/v1/challenges/{begun.nonce}/frames", content=b"", headers={"Content-Type": "image/png"})
    assert gone.status_code == 422
    clock.now += 1000
    served.service.checks._tidy()
    assert served.service.checks._checks == {}


def test_every_answer_is_in_the_journal_with_its_reason(served: Served, operator: httpx.Client, clock: Clock) -> None:
    done(operator, served, clock)
    done(operator, served, clock, grey=ATTACK)
    challenge = asked(operator, served)
    clock.now += 5
    send(operator, challenge.nonce, [0.2, 0.1], [shown("Ada")] * 2)
    served.service.decisions.flush()
    entries = served.admin.get("/v1/journal", params={"action": "challenge"}).json()["items"]
    assert [one["evidence"]["decision"] for one in entries] == ["passed", "failed", "failed"]
    assert [bool(one["reason"]) for one in entries] == [False, True, True]
    assert [one["evidence"].get("live") for one in entries] == [True, False, None]
    assert not any(isinstance(value, list) for one in entries for value in one["evidence"].values())


def test_a_still_picture_does_not_pass(served: Served, operator: httpx.Client, clock: Clock) -> None:
    challenge = asked(operator, served)
    times = np.arange(0, challenge.seconds + 0.2, 1 / 12).round(4).tolist()
    clock.now += times[-1] + 0.5
    told = send(operator, challenge.nonce, times, [shown("Ada", pose=NEUTRAL)] * len(times), last=True).json()
    assert told["status"] == "failed"
