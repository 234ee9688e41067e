from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vultus.errors import InputError
from vultus.metrics.cohort import adaptive_s_norm, gallery_t_norm, s_norm, t_norm, z_norm

SCORES = np.array([[0.9, 0.3], [0.2, 0.5], [0.4, np.nan]])  # (3 probes, 2 templates)
PROBES = np.array([[0.1, 0.3, 0.2], [0.0, 0.4, 0.2], [0.5, 0.1, np.nan]])
TEMPLATES = np.array([[0.2, 0.4, 0.0], [0.1, 0.5, 0.3]])


def test_no_searches() -> None:
    nothing = np.empty((0, 2))
    assert z_norm(nothing, TEMPLATES).shape == (0, 2)
    assert t_norm(nothing, np.empty((0, 3))).shape == (0, 2)
    assert gallery_t_norm(np.empty((0, 3))).shape == (0, 3)


def test_each_side_by_hand() -> None:
    third = np.sqrt(0.02 / 3)  # of .1 .2 .3
    np.testing.assert_allclose(t_norm(SCORES, PROBES)[0], [(0.9 - 0.2) / third, (0.3 - 0.2) / third])
    np.testing.assert_allclose(t_norm(SCORES, PROBES)[2], [(0.4 - 0.3) / 0.2, np.nan])  # the NaN is left out
    wide = np.sqrt(0.08 / 3)  # of 0 .2 .4
    np.testing.assert_allclose(z_norm(SCORES, TEMPLATES)[:, 0], [0.7 / wide, 0.0, 0.2 / wide], atol=1e-12)


def test_both_sides_are_their_mean() -> None:
    both = s_norm(SCORES, PROBES, TEMPLATES)
    np.testing.assert_allclose(both, (t_norm(SCORES, PROBES) + z_norm(SCORES, TEMPLATES)) / 2)
    full = adaptive_s_norm(SCORES[:2], PROBES[:2], TEMPLATES, top=3)
    np.testing.assert_allclose(full, both[:2])


def test_the_nearest_of_the_cohort_by_hand() -> None:
    """The two highest: .2 and .3 of the first probe (mean .25, deviation .05), .2 and .4 of the first template."""
    found = adaptive_s_norm(SCORES, PROBES, TEMPLATES, top=2)
    assert found[0, 0] == pytest.approx(((0.9 - 0.25) / 0.05 + (0.9 - 0.3) / 0.1) / 2)


def test_the_rest_of_the_gallery_by_hand() -> None:
    found = gallery_t_norm(np.array([[0.5, 0.1, 0.2], [0.5, np.nan, 0.2]]))
    np.testing.assert_allclose(found[0], [0.35 / 0.05, -0.25 / 0.15, -0.1 / 0.2])
    assert np.isnan(found[1]).all()  # one other score is no cohort


@given(st.integers(0, 10_000), st.floats(0.2, 5), st.floats(-2, 2))
@settings(max_examples=30)
def test_scale_and_shift_do_not_matter(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    scores, probes, templates = rng.normal(size=(4, 6)), rng.normal(size=(4, 9)), rng.normal(size=(6, 9))
    moved = [scale * each + shift for each in (scores, probes, templates)]
    plain = adaptive_s_norm(scores, probes, templates, top=5)
    np.testing.assert_allclose(adaptive_s_norm(*moved, top=5), plain, atol=1e-8)
    np.testing.assert_allclose(gallery_t_norm(moved[0]), gallery_t_norm(scores), atol=1e-8)
    order = rng.permutation(9)
    np.testing.assert_allclose(adaptive_s_norm(scores, probes[:, order], templates[:, order], top=5), plain)


def test_the_rest_of_the_gallery_equals_one_by_one() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 40))
    others = [np.delete(scores, column, axis=1) for column in range(40)]
    expected = np.stack(
        [(scores[:, at] - rest.mean(axis=1)) / rest.std(axis=1) for at, rest in enumerate(others)], axis=1
    )
    np.testing.assert_allclose(gallery_t_norm(scores), expected)


def test_scores_that_do_not_vary_give_no_number() -> None:
    assert np.isnan(t_norm(np.ones((1, 2)), np.ones((1, 5)))).all()
    assert np.isnan(gallery_t_norm(np.full((1, 4), 0.3))).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        t_norm(np.ones(3), PROBES)
    with pytest.raises(InputError, match="each of 3 probes"):
        t_norm(SCORES, PROBES[:2])
    with pytest.raises(InputError, match="each of 2 templates"):
        z_norm(SCORES, PROBES)
    with pytest.raises(InputError, match="cohort of two or more"):
        t_norm(SCORES, PROBES[:, :1])
    with pytest.raises(InputError, match="top within it"):
        adaptive_s_norm(SCORES, PROBES, TEMPLATES, top=4)
    with pytest.raises(InputError, match="three people"):
        gallery_t_norm(SCORES)
