from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError, OperatingPointError
from vultus.testing import Analyzer, Thresholds, picture


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
