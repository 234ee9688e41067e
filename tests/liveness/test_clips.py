"""All signals on real video, read as a caller would read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from vultus.liveness import Skin, blink_signal, blinks, plane_signal, pulse, pulse_signal, skin
from vultus.models.landmark import LandmarkModel, Mesh
from vultus.models.landmark.eyes import Eyes
from vultus.types import Face, Image, Signal
from vultus.video import open_video

pytestmark = [pytest.mark.weights, pytest.mark.data]


@pytest.fixture
def signals(
    data: Path, faces: Callable[[Image], list[Face]], face_mesh: LandmarkModel, eyes: Eyes
) -> Callable[[str, float], tuple[int, dict[str, Signal]]]:
    def read(name: str, until: float) -> tuple[int, dict[str, Signal]]:
        meshes: list[Mesh] = []
        times: list[float] = []
        aspects: list[tuple[float, float]] = []
        samples: list[Skin] = []
        with open_video(data / "video" / name) as frames:
            for frame in frames:
                if frame.time > until:
                    break
                image = frame.image(640)
                if found := faces(image):
                    (mesh,) = face_mesh(image, found[:1])
                    meshes.append(mesh)
                    times.append(frame.time)
                    aspects += eyes(image, [mesh])
                    samples.append(skin(image, mesh, frame.time))
        blinked = blinks(times, aspects)
        found_signals = (plane_signal(meshes), blink_signal(blinked), pulse_signal(pulse(samples)))
        return len(meshes), {signal.name: signal for signal in found_signals}

    return read


def test_a_clip_without_a_face_gives_reasons_and_no_answer(
    signals: Callable[[str, float], tuple[int, dict[str, Signal]]],
) -> None:
    count, seen = signals("no_face.mp4", 4)
    assert count <= 2
    assert {signal.says for signal in seen.values()} == {"nothing"}
    assert all(signal.reason and math.isnan(signal.value) for signal in seen.values())


@pytest.mark.parametrize(("name", "until"), [("single_face.mp4", 3), ("WolfgangLanger_Pexels.mp4", 7)])
def test_living_people_are_not_called_an_attack(
    signals: Callable[[str, float], tuple[int, dict[str, Signal]]], name: str, until: float
) -> None:
    count, seen = signals(name, until)
    assert count >= 60
    assert all(signal.says != "attack" for signal in seen.values())
    assert all(signal.reason for signal in seen.values())


@pytest.mark.slow
def test_blinks_are_seen_where_a_person_looking_at_the_frames_sees_them(
    signals: Callable[[str, float], tuple[int, dict[str, Signal]]],
) -> None:
    """Two blinks, at 6.4 and 10.3 s; before 5 s the lids are down, which is no blink."""
    _, seen = signals("WolfgangLanger_Pexels.mp4", 11.9)
    assert seen["blink"].says == "bona fide"
    assert seen["blink"].value == 2
    assert "6.4, 10.3" in seen["blink"].reason
