from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest

from vultus.errors import InputError
from vultus.metrics.evidence import Evidence, LikelihoodRatio

MODEL = LikelihoodRatio(
    method="isotonic",
    scores=(0.0, 0.2, 0.4, 0.6),
    llrs=(-math.log(20), -1.0, 2.0, math.log(1000)),
    low=(-math.log(20), -2.0, 1.0, 6.0),
    high=(-2.0, 0.0, 3.0, math.log(1000)),
    people=100,
    genuine=90,
    impostors=5000,
    independent_genuine=60.0,
    independent_impostors=3000.0,
    data="made up",
    date="2026-01-01",
)


def test_a_table_without_scores_is_refused() -> None:
    with pytest.raises(InputError, match="rising scores"):
        replace(MODEL, scores=(), llrs=(), low=(), high=())


def test_values_lie_on_straight_lines_and_are_flat_beyond() -> None:
    assert [MODEL.llr(score) for score in (-1, 0.0, 0.1, 0.3, 0.6, 9)] == pytest.approx(
        [-math.log(20), -math.log(20), (-1 - math.log(20)) / 2, 0.5, math.log(1000), math.log(1000)]
    )
    assert (MODEL.least, MODEL.most) == (-math.log(20), math.log(1000))


def test_a_missing_score_says_nothing() -> None:
    assert MODEL.llr(math.nan) == 0
    assert str(MODEL.evidence(math.nan)) == "says little either way"


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (-0.5, "at least 7 times more likely if they are two people"),
        (0.2, "says little either way"),
        (0.4, "about 7 times more likely if it is the same person (at least 2)"),
        (0.5, "about 90 times more likely if it is the same person (at least 30)"),
        (0.9, "at least 400 times more likely if it is the same person"),
    ],
)
def test_words(score: float, words: str) -> None:
    assert str(MODEL.evidence(score)) == words


def test_large_and_small_numbers_in_words() -> None:
    assert str(Evidence(9.9, 9.2, 10.0, False)) == (
        "about 20,000 times more likely if it is the same person (at least 9,000)"
    )
    assert str(Evidence(-4.7, -5.0, -1.2, False)) == "about 100 times more likely if they are two people (at least 3)"
    assert Evidence(math.log(3), 0, 2, False).ratio == pytest.approx(3)


def test_json_and_back() -> None:
    assert LikelihoodRatio.of(json.loads(json.dumps(asdict(MODEL)))) == MODEL
    with pytest.raises(InputError, match="fields of a likelihood-ratio model"):
        LikelihoodRatio.of({"scores": [1]})
    with pytest.raises(InputError, match="fields of a likelihood-ratio model"):
        LikelihoodRatio.of({**asdict(MODEL), "llrs": None})


@pytest.mark.parametrize(
    "change",
    [
        {"scores": (0.0, 0.4, 0.2, 0.6)},
        {"llrs": (-1.0, -2.0, 2.0, 3.0)},
        {"low": (-1.0,)},
        {"llrs": (-9.0, -1.0, 2.0, 6.9), "low": (-9.0, -2.0, 1.0, 6.0)},  # below what 60 comparisons show
        {"high": (-2.0, 0.0, 3.0, 12.0)},
        {"high": (-2.0, -1.5, 3.0, 6.9)},  # under the value itself
    ],
)
def test_tables_that_cannot_be_are_refused(change: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(InputError, match="expected"):
        replace(MODEL, **change)
