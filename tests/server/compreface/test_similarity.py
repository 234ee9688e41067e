"""The similarity form against the hand-worked values of its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.server.routes.compreface.similarity import Form
from vultus.testing import Analyzer, Thresholds

SFACE = Form.through(0.3620, 0.4681)


def test_constants() -> None:
    assert SFACE.c0 == pytest.approx(1.129602, abs=1e-6)
    assert SFACE.c1 == pytest.approx(11.18808, abs=1e-5)


@pytest.mark.parametrize(
    ("cosine", "similarity"),
    [(0, 0.0017), (0.333, 0.3617), (0.362, 0.5), (0.418, 0.7567), (0.4681, 0.9), (0.7, 0.9996)],
)
def test_known_answers(cosine: float, similarity: float) -> None:
    assert SFACE.similarity(cosine) == pytest.approx(similarity, abs=1e-4)


def test_one_half_is_one_stranger_in_a_thousand() -> None:
    table = Thresholds(Analyzer().contract)
    form = Form.of(table)
    assert form.similarity(table.verify(1e-3).threshold) == 0.5
    assert form.similarity(table.verify(1e-5).threshold) == 0.9


@given(st.floats(-1, 1.0001), st.floats(-1, 1.0001))
def test_more_alike_is_never_less_similar(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= SFACE.similarity(low) <= SFACE.similarity(high) <= 1
