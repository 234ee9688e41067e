from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri
from sklearn.metrics import roc_curve

from vultus.errors import InputError
from vultus.metrics.det import error_curve, probit, thin
from vultus.metrics.intervals import wilson
from vultus.metrics.verification import curve

coarse = arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(lambda v: v / 20))


def test_nothing_to_draw() -> None:
    for one, other in ((np.zeros(0), np.zeros(3)), (np.zeros(3), np.zeros(0))):
        with pytest.raises(InputError, match="both kinds"):
            error_curve(one, other)
    assert probit(np.zeros(0)).shape == (0,)
    with pytest.raises(InputError, match="at least 4"):
        thin(curve(np.ones(1), np.zeros(1)), 1, 1, 3)


def test_probit_equals_scipy() -> None:
    shares = np.concatenate(
        [np.linspace(0, 1, 2001), np.geomspace(1e-300, 0.5, 500), 1 - np.geomspace(1e-16, 0.5, 500)]
    )
    np.testing.assert_allclose(probit(shares), ndtri(shares), rtol=2e-14, atol=2e-15)
    assert probit(np.array([[0.0], [1.0]])).tolist() == [[-np.inf], [np.inf]]
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(InputError, match="between 0 and 1"):
            probit(np.array([wrong]))


def test_points_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    genuine, impostor = rng.normal(1, 1, 60).round(1), rng.normal(0, 1, 90).round(1)
    found = error_curve(genuine, impostor, most=1000)
    false, true, _ = roc_curve(np.r_[np.ones(60), np.zeros(90)], np.r_[genuine, impostor], drop_intermediate=False)
    roc = found.roc()
    ours, theirs = (set(zip(x.round(9), y.round(9), strict=True)) for x, y in ((roc.x, roc.y), (false, true)))
    assert ours <= theirs
    assert len(ours) < len(theirs)  # straight stretches keep their ends alone, which changes no area
    assert -np.trapezoid(roc.y, roc.x) == pytest.approx(np.trapezoid(true, false), abs=1e-12)


def test_bands_without_people_are_wilsons() -> None:
    found = error_curve(np.array([0.9, 0.8, 0.3]), np.array([0.1, 0.2, 0.4, 0.5]), most=100)
    at = int(np.flatnonzero(found.thresholds == 0.4)[0])
    assert (found.fmr[at], found.fmr_low[at], found.fmr_high[at]) == (0.5, wilson(2, 4).low, wilson(2, 4).high)
    assert (found.fnmr_low[at], found.fnmr_high[at]) == (wilson(1, 3).low, wilson(1, 3).high)
    assert found.interval == "wilson"
    assert any("may be too narrow" in each for each in found.caveats)
    assert any("3 genuine scores only" in each for each in found.caveats)


def test_det_of_normal_scores_is_a_line_of_slope_minus_one() -> None:
    rng = np.random.default_rng(1)
    det = error_curve(rng.normal(2, 1, 200_000), rng.normal(0, 1, 200_000)).det()
    inner = (np.abs(det.x) < 2.5) & (np.abs(det.y) < 2.5)
    assert inner.sum() > 100
    np.testing.assert_allclose(det.x[inner] + det.y[inner], -2, atol=0.05)
    assert np.isfinite(np.c_[det.x, det.y, det.low, det.high]).all()
    assert (det.low <= det.y).all()
    assert (det.y <= det.high).all()


def test_failures_stay_in_the_denominator() -> None:
    found = error_curve(np.array([0.9, np.nan]), np.array([0.1, 0.2]))
    assert (found.genuine, found.fnmr.min()) == (2, 0.5)
    assert any("1 of 2 genuine scores are missing" in each for each in found.caveats)
    assert any("are these distances?" in each for each in error_curve(np.array([0.1]), np.array([0.9])).caveats)
    assert any("every score is 0.5" in each for each in error_curve(np.full(40, 0.5), np.full(40, 0.5)).caveats)
    with pytest.raises(InputError, match="infinity"):
        error_curve(np.array([np.inf]), np.zeros(1))


def test_people_widen_the_band() -> None:
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(30), 40)
    genuine = rng.normal(0.5, 0.2, 30)[who] + rng.normal(0, 0.02, 1200)
    impostor = rng.normal(0, 0.2, 1200)
    sides = {"genuine_people": (who, who), "impostor_people": (who, np.roll(who, 40))}
    known, blind = error_curve(genuine, impostor, **sides, most=50), error_curve(genuine, impostor, most=50)
    assert known.interval == "subjects"
    middle = np.abs(known.fnmr - 0.5) < 0.3
    assert middle.any()
    wide, narrow = known.fnmr_high - known.fnmr_low, blind.fnmr_high - blind.fnmr_low
    assert (wide[middle] > 2 * narrow[middle]).all()
    few = {name: (["a"] * 1200, ["b"] * 1200) for name in sides}
    assert any("2 people are too few" in each for each in error_curve(genuine, impostor, **few).caveats)


def test_thinning_keeps_the_tails_and_the_steps() -> None:
    rng = np.random.default_rng(3)
    # A tenth of the impostors share one score: a long step in the middle of a smooth curve.
    impostor = np.where(rng.random(50_000) < 0.1, 0.05, rng.normal(0, 0.1, 50_000))
    genuine = rng.normal(0.4, 0.15, 20_000)
    exact = curve(genuine, impostor)
    keep = thin(exact, genuine.size, impostor.size, 200)
    assert keep.size <= 200
    assert (keep[0], keep[-1]) == (0, exact.thresholds.size - 1)
    step = int(np.flatnonzero(exact.thresholds == 0.05)[0])
    assert {step, step + 1} <= set(keep.tolist())
    kept = exact.fmr[keep]
    assert ((kept > 0) & (kept < 1e-3)).sum() >= 10  # the tail that operating points are set in

    def deviates(rates: np.ndarray, n: int) -> np.ndarray:
        return ndtri(np.clip(rates, 0.5 / n, 1 - 0.5 / n))

    way = np.abs(np.diff(deviates(exact.fmr[keep], impostor.size))) + np.abs(
        np.diff(deviates(exact.fnmr[keep], genuine.size))
    )
    skipping = np.diff(keep) > 1
    whole = way.sum()
    assert way[skipping].max() <= 1.2 * whole / 100


def test_a_million_scores_take_seconds() -> None:
    rng = np.random.default_rng(4)
    who = rng.integers(0, 1000, (2, 500_000))
    begun = time.perf_counter()
    found = error_curve(
        rng.normal(0.5, 0.1, 500_000),
        rng.normal(0, 0.1, 500_000),
        genuine_people=(who[0], who[0]),
        impostor_people=tuple(who),
        replicates=50,
    )
    assert time.perf_counter() - begun < 20
    assert found.thresholds.size <= 400


@settings(deadline=None)
@given(coarse, coarse, st.randoms(use_true_random=False))
def test_monotone_and_blind_to_order_and_rising_maps(genuine, impostor, random) -> None:
    found = error_curve(genuine, impostor)
    assert (np.diff(found.fmr) <= 0).all()
    assert (np.diff(found.fnmr) >= 0).all()
    assert (found.fmr_low <= found.fmr).all()
    assert (found.fnmr <= found.fnmr_high).all()
    mixed = error_curve(np.array(random.sample(genuine.tolist(), len(genuine))), impostor[::-1])
    bent = error_curve(np.exp(genuine), np.exp(impostor))
    for other in (mixed, bent):
        np.testing.assert_array_equal(found.fmr, other.fmr)
        np.testing.assert_array_equal(found.fnmr_high, other.fnmr_high)
    # Turned round with the labels swapped, the errors change places.
    turned = error_curve(-impostor, -genuine)
    assert {(x, y) for x, y in zip(found.fmr.round(9), found.fnmr.round(9), strict=True)} == {
        (y, x) for x, y in zip(turned.fmr.round(9), turned.fnmr.round(9), strict=True)
    }
