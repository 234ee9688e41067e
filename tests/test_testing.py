from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest

from vultus.errors import InputError, OperatingPointError
from vultus.models.landmark import Mesh
from vultus.models.landmark.measures import LEFT_EYE, RIGHT_EYE, eye_distance, head_pose
from vultus.testing import SHOWN, Analyzer, Shown, Thresholds, picture


def test_nobody() -> None:
    analyzer = Analyzer()
    assert analyzer.analyze(picture()) == ()
    assert analyzer.embed([]).shape == (0, 128)


def test_deterministic() -> None:
    np.testing.assert_array_equal(picture("Ada", noise=30, seed=3), picture("Ada", noise=30, seed=3))
    one, two = (Analyzer().analyze(picture("Ada", "Bob")) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.embedding, second.embedding)


def test_boxes_are_where_they_were_drawn() -> None:
    faces = Analyzer().detect(picture("Ada", "Bob", side=60))
    assert [face.box.round() for face in faces] == [(19, 19, 79, 79), (101, 19, 161, 79)]


def test_largest_first() -> None:
    small, large = picture("Ada", side=40), picture("Bob", side=80)
    sheet = np.full((large.shape[0], small.shape[1] + large.shape[1], 3), 128, np.uint8)
    sheet[: small.shape[0], : small.shape[1]] = small
    sheet[:, small.shape[1] :] = large
    assert [face.box.width for face in Analyzer().detect(sheet)] == [80, 40]


def test_crops_and_embeddings() -> None:
    analyzer = Analyzer()
    image = picture("Ada", "Bob", side=112)
    readings = analyzer.analyze(image)
    np.testing.assert_allclose(readings[0].aligned.astype(int), image[19 : 19 + 112, 19 : 19 + 112], atol=2)
    vectors = np.stack([reading.embedding for reading in readings])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(analyzer.embed([reading.aligned for reading in readings]), vectors, atol=1e-6)
    assert all(reading.refusals == () for reading in readings)


@pytest.mark.parametrize(("noise", "low", "high"), [(0, 0.999, 1), (30, 0.8, 0.95), (60, 0.5, 0.8)])
def test_noise_is_unlikeness(noise: float, low: float, high: float) -> None:
    """Pattern and noise are independent: the cosine is near s^2 / (s sqrt(s^2 + n^2)), s about 52."""
    analyzer = Analyzer()
    (ada,) = analyzer.analyze(picture("Ada"))
    scores = [
        float(ada.embedding @ analyzer.analyze(picture("Ada", noise=noise, seed=seed))[0].embedding)
        for seed in range(8)
    ]
    assert low <= np.mean(scores) <= high + 1e-6


def test_strangers_are_as_alike_as_random_directions() -> None:
    analyzer = Analyzer()
    vectors = np.stack([analyzer.analyze(picture(f"stranger {n}"))[0].embedding for n in range(120)])
    scores = (vectors @ vectors.T)[np.triu_indices(120, 1)]
    assert abs(scores.mean()) < 0.01
    assert scores.std() == pytest.approx(128**-0.5, rel=0.1)
    threshold = Thresholds(analyzer.contract).verify(0.01).threshold
    assert 0.004 < (scores >= threshold).mean() < 0.02


def test_another_model() -> None:
    (one,) = Analyzer("one").analyze(picture("Ada"))
    (two,) = Analyzer("two").analyze(picture("Ada"))
    assert abs(float(one.embedding @ two.embedding)) < 0.4
    assert Analyzer("one").contract.id != Analyzer("two").contract.id
    assert Analyzer("one", dimension=64).analyze(picture("Ada"))[0].embedding.shape == (64,)
    with pytest.raises(InputError, match="1 to 192"):
        Analyzer(dimension=193)


def test_thresholds_follow_the_gallery() -> None:
    table = Thresholds(Analyzer().contract)
    values = [table.identify(0.01, [1] * people).threshold for people in (1, 10, 100, 1000)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(table.verify(0.01).threshold)
    assert table.identify(0.01, [10]).threshold == pytest.approx(values[1])
    assert table.fmr_at(table.verify(1e-3).threshold) == pytest.approx(1e-3)
    with pytest.raises(OperatingPointError):
        table.identify(0.01, [])


def answers(*people: str, **drawn: Any) -> list[bool | None]:
    return [answer.live for answer in Analyzer().liveness(picture(*people, **drawn))]


def test_nobody_is_neither_live_nor_an_attack() -> None:
    analyzer, empty = Analyzer(), picture()
    assert (analyzer.liveness(empty), analyzer.meshes(empty, ()), analyzer.eyes(empty, ())) == ((), (), ())
    assert answers(shown=[]) == []


def test_who_is_live_is_drawn_face_by_face() -> None:
    assert answers("Ada") == [True]
    assert answers("Ada", "Bob", "Eve", shown=["print", "live", "dark"]) == [False, True, None]
    assert answers("Ada", "Bob", shown="print", side=40, noise=30) == [False, False]
    image = picture("Ada", "Bob", shown=["print", "dark"])
    analyzer = Analyzer()
    ada, bob = analyzer.detect(image)
    assert [answer.live for answer in analyzer.liveness(image, [bob, ada, bob])] == [None, False, None]
    assert analyzer.liveness(image, []) == ()
    assert analyzer.liveness(image) == analyzer.liveness(image)


def test_each_answer_has_its_evidence() -> None:
    live, attack, unknown = Analyzer().liveness(picture("Ada", "Bob", "Eve", shown=SHOWN))
    assert [answer.score for answer in (live, attack)] == [0.9, 0.1]
    assert [[signal.says for signal in answer.signals] for answer in (live, attack, unknown)] == [
        ["bona fide"], ["attack"], ["nothing"],
    ]  # fmt: skip
    assert math.isnan(unknown.score)
    assert "too dark" in unknown.abstained
    assert {answer.point.threshold for answer in (live, attack, unknown)} == {0.5}


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("scale", [1.0, 1.5, 2.0])
def test_answers_outlast_jpeg_and_another_size(shown: Shown, scale: float) -> None:
    image = cv2.resize(picture("Ada", shown=shown), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    again = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    assert [answer.live for answer in Analyzer().liveness(again)] == answers("Ada", shown=shown)


def test_a_face_that_fills_the_picture_cannot_be_judged() -> None:
    (answer,) = Analyzer().liveness(np.ascontiguousarray(picture("Ada", shown="print")[16:-16, 16:-16]))
    assert answer.live is None
    assert "nothing around" in answer.abstained


def test_how_live_somebody_is_changes_nothing_else() -> None:
    live, shown = (Analyzer().analyze(picture("Ada", shown=word))[0] for word in ("live", "print"))
    assert shown.face.box == live.face.box
    np.testing.assert_array_equal(shown.embedding, live.embedding)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="live, print, dark"):
        picture("Ada", shown="mask")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="each of 2 people"):
        picture("Ada", "Bob", shown=["live"])


def test_a_mesh_looks_ahead_from_where_the_face_is() -> None:
    analyzer, image = Analyzer(), picture("Ada", "Bob", side=90)
    faces = analyzer.detect(image)
    meshes = analyzer.meshes(image, faces)
    assert [mesh.points.shape for mesh in meshes] == [(468, 3)] * 2
    for face, mesh in zip(faces, meshes, strict=True):
        assert eye_distance(mesh) == pytest.approx(
            float(np.linalg.norm(face.landmarks[1] - face.landmarks[0])), rel=0.02
        )
        middle = mesh.points[[*RIGHT_EYE, *LEFT_EYE], :2].mean(axis=0)
        np.testing.assert_allclose(middle, face.landmarks[:2].mean(axis=0), atol=0.1)
    alone = Mesh(meshes[0].points - np.array([*faces[0].box.centre, 0], np.float32) + 100, 1.0)
    assert head_pose(alone, (200, 200)).largest < 10
    assert analyzer.eyes(image, meshes) == ((0.3, 0.3), (0.3, 0.3))
