from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.errors import InvalidVectorError
from vultus.types import Box, EmbeddingContract, Expression, Rate, unit


@pytest.mark.parametrize(
    "value",
    [
        np.array([]),
        np.zeros(4),
        np.array([1.0, np.nan]),
        np.array([1.0, np.inf]),
        np.ones((2, 2, 2)),
        np.array(1.0),
        np.array([[1.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_what_is_no_direction_is_refused(value: np.ndarray) -> None:
    with pytest.raises(InvalidVectorError):
        unit(value)


def test_another_dimension_is_refused_by_name() -> None:
    with pytest.raises(InvalidVectorError, match="dimension 128, got 3"):
        unit(np.ones(3), 128)


@given(arrays(np.float64, (3, 5), elements=st.floats(0.01, 1e6)))
def test_rows_come_out_at_unit_length(values: np.ndarray) -> None:
    np.testing.assert_allclose(np.linalg.norm(unit(values), axis=1), 1, rtol=1e-5)


def test_the_callers_array_is_left_alone() -> None:
    values = np.array([3.0, 4.0], dtype=np.float32)
    unit(values)
    assert values.tolist() == [3.0, 4.0]


def test_colour_order_makes_another_contract() -> None:
    contract = EmbeddingContract("sface", "0" * 64, 128, colour="BGR")
    assert contract.id == "vultus-emb-v1:986bba0c539dddb2aaeba29a98132c0bfc0b199ccb8ba604f906c05a518be051"


def test_a_box_beyond_the_picture_is_clipped_for_display_only() -> None:
    box = Box(-5, 10, 120, 90)
    assert box.clip((100, 80)) == Box(0, 10, 100, 80)
    assert box.area == 125 * 80
    assert Box(10, 10, 5, 20).area == 0


def test_a_rate_of_nothing_is_no_number() -> None:
    assert np.isnan(Rate(0, 0, 0.0, 1.0).value)
    assert str(Rate(3, 300, 0.0021, 0.0289)) == "0.01 [0.0021, 0.0289] (3/300)"


def test_an_expression_without_an_answer_has_no_label() -> None:
    nothing = Expression(("happy", "sad"), (), "model", "turned")
    assert (nothing.label, nothing.scores) == (None, {})
    assert np.isnan(nothing.probability)


def test_of_equal_expressions_the_first_is_the_label() -> None:
    even = Expression(("happy", "sad"), (0.5, 0.5), "model")
    assert (even.label, even.probability, even.scores) == ("happy", 0.5, {"happy": 0.5, "sad": 0.5})
