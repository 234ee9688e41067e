from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.evaluation.identification_scores import Searches, evaluate_searches, growth
from vultus.metrics.identification import fpir

PEOPLE = ("ada", "bob", "cid")
SCORES = np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.3], [0.7, 0.5, 0.1], [0.3, 0.4, 0.2], [0.1, 0.6, np.nan]])
MATES = np.array([0, 1, 1, -1, -1])


def test_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="expected searches"):
        evaluate_searches(Searches(np.zeros((0, 3)), np.zeros(0, dtype=int), PEOPLE))
    with pytest.raises(InputError, match="expected searches"):
        growth(np.zeros((0, 3)), 0.5)
    with pytest.raises(InputError, match="a mate each"):
        evaluate_searches(Searches(SCORES, MATES[:2], PEOPLE))
    with pytest.raises(InputError, match="who searches"):
        evaluate_searches(Searches(SCORES, MATES, PEOPLE, who=["ada"]))


def test_by_hand() -> None:
    report = evaluate_searches(Searches(SCORES, MATES, PEOPLE), targets=(0.5,), fpir=0.5)
    (at,) = report.at
    assert (at.threshold, at.fpir.k, at.fpir.n) == (0.6, 1, 2)
    assert at.fnir is not None
    assert (at.fnir.k, at.fnir.n) == (1, 3)
    assert report.ranks[1].k == 2
    assert report.cmc.tolist() == pytest.approx([2 / 3, 1, 1])
    assert report.realised is None


def test_a_search_without_any_score_is_a_miss_or_names_nobody() -> None:
    scores = np.vstack([SCORES, np.full((2, 3), np.nan)])
    report = evaluate_searches(Searches(scores, np.append(MATES, [0, -1]), PEOPLE), targets=(0.5,), fpir=0.5)
    (at,) = report.at
    assert report.no_score == 2
    assert at.fnir is not None
    assert (at.fnir.k, at.fnir.n, at.fpir.n) == (2, 4, 3)
    assert any("2 of 7 searches have no score" in caveat for caveat in report.caveats)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
def test_growth_is_the_mean_over_all_galleries(hits: list[list[bool]]) -> None:
    scores = np.array(hits, dtype=float)
    found = {size.people: size.fpir for size in growth(scores, 0.5)}
    assert set(found) == {1, 2, 4}
    for people, rate in found.items():
        galleries = [fpir(scores[:, list(chosen)], 0.5).value for chosen in combinations(range(4), people)]
        assert rate.value == pytest.approx(np.mean(galleries), abs=1e-12)
        assert rate.low <= rate.value <= rate.high
    values = [rate.value for rate in found.values()]
    assert values == sorted(values)


def test_the_order_of_searches_and_people_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    scores, mates = rng.normal(size=(60, 12)), rng.integers(-1, 12, 60)
    names = tuple(map(str, range(12)))
    one = evaluate_searches(Searches(scores, mates, names))
    order, columns = rng.permutation(60), rng.permutation(12)
    place = np.append(np.argsort(columns), -1)
    other = evaluate_searches(Searches(scores[order][:, columns], place[mates[order]], names))
    assert [at.fpir for at in other.at] == [at.fpir for at in one.at]
    assert [at.fnir.value for at in other.at if at.fnir] == [at.fnir.value for at in one.at if at.fnir]
    assert other.cmc.tolist() == one.cmc.tolist()
