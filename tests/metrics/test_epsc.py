from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vultus.datasets.scores import read_vulnerability
from vultus.errors import InputError
from vultus.metrics.epsc import epc, epsc
from vultus.metrics.sweep import eer_threshold, min_hter_threshold
from vultus.metrics.vulnerability import Comparisons

coarse = arrays(np.float64, st.integers(2, 30), elements=st.integers(-20, 20).map(lambda v: v / 20))


@pytest.fixture(scope="module")
def splits(data: Path) -> tuple[Comparisons, ...]:
    return tuple(read_vulnerability(data / f"vuln_scores_{part}.csv").comparisons for part in ("dev", "eval"))


def test_nothing_to_measure() -> None:
    nothing, some = np.zeros(0), np.array([0.1, 0.2])
    with pytest.raises(InputError, match="expected development attack scores, got none"):
        epsc(Comparisons(some, some), Comparisons(some, some))
    with pytest.raises(InputError, match="expected genuine scores, got none"):
        epc(some, some, nothing, some)
    split = Comparisons(some, some, {"print": some})
    for options in ({"points": 1}, {"beta": 1.1}, {"criterion": "far"}):
        with pytest.raises(InputError, match="expected two points or more"):
            epsc(split, split, **options)
    with pytest.raises(InputError, match="got species 'mask'"):
        epsc(split, split, species="mask")


@pytest.mark.data
@pytest.mark.parametrize(
    ("criterion", "thresholds", "far", "wer", "iapmr"),
    [
        (
            "eer",
            [4.960964, 5.567007, 5.765105, 5.898296, 5.992643],
            [0.0214, 0.07155, 0.1078, 0.13625, 0.1586],
            [0.0214, 0.071575, 0.1078, 0.136225, 0.1586],
            [0.508, 0.2754, 0.214, 0.1814, 0.1586],
        ),
        *(
            (
                criterion,
                [5.015843, 5.314385, 5.591602, 5.769242, 6.0391],
                [0.0182, 0.0978, 0.1356, 0.16015, 0.146],
                [0.0208, 0.069, 0.1052, 0.134075, 0.1581],
                [0.488, 0.3678, 0.268, 0.213, 0.146],
            )
            for criterion in ("wer", "min-hter")
        ),
    ],
)
def test_the_fixture_of_bob(splits, criterion, thresholds, far, wer, iapmr) -> None:
    found = epsc(*splits, criterion=criterion, points=5)
    np.testing.assert_allclose(found.omega, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.thresholds, thresholds, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.far, far, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.wer, wer, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.iapmr, iapmr, rtol=0, atol=1e-9)


@pytest.mark.data
def test_beta_and_area_of_the_fixture(splits) -> None:
    found = epsc(*splits, beta=0.2, points=3)
    np.testing.assert_allclose(found.thresholds, [4.676714, 5.353394, 5.55621], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.wer, [0.01696, 0.072, 0.11228], rtol=0, atol=1e-9)
    assert epsc(*splits).aue == pytest.approx(0.10236024, abs=5e-9)
    assert epsc(*splits, species="pai", points=3).aue == epsc(*splits, points=3).aue


@pytest.mark.data
def test_epc_of_the_fixture(splits) -> None:
    """At equal weights the threshold is that of the least HTER; at the ends one error alone counts."""
    dev, test = splits
    found = epc(dev.genuine, dev.zei, test.genuine, test.zei)
    assert found.alpha.size == 101
    assert found.thresholds[50] == min_hter_threshold(dev.genuine, dev.zei) == pytest.approx(5.0177535, abs=1e-6)
    assert found.hter[50] == pytest.approx((0.0182 + 0.0234) / 2, abs=1e-12)
    assert found.fnmr[0] == 0
    assert found.fmr[-1] == 0
    assert (np.diff(found.thresholds) >= 0).all()
    assert found.area == pytest.approx(np.trapezoid(found.hter, found.alpha))


def test_thresholds_come_from_development_scores() -> None:
    """T2: evaluation impostors half a deviation higher raise FMR and leave IAPMR where it is."""
    rng = np.random.default_rng(0)
    genuine, zei, attack = rng.normal(0.6, 0.1, 5000), rng.normal(0, 0.1, 5000), rng.normal(0.45, 0.12, 5000)
    dev = Comparisons(genuine, zei, {"print": attack})
    plain = epsc(dev, dev, points=5)
    shifted = epsc(dev, Comparisons(genuine, zei + 0.05, {"print": attack}), points=5)
    np.testing.assert_array_equal(plain.thresholds, shifted.thresholds)
    np.testing.assert_array_equal(plain.iapmr, shifted.iapmr)
    assert shifted.fmr[0] > plain.fmr[0]
    # Without attacks the criterion is that of the EER, found on a grid instead of between scores.
    assert plain.fmr[0] == pytest.approx((zei >= eer_threshold(genuine, zei)).mean(), abs=4e-4)


def test_a_threshold_at_zero_ends() -> None:
    split = Comparisons(np.array([0.0, -1.0]), np.array([-3.0, -2.0]), {"print": np.array([-2.5])})
    assert np.isfinite(epsc(split, split, points=3).thresholds).all()
    even = Comparisons(np.array([1.0]), np.array([-1.0, -1.0]), {"print": np.array([-1.0])})
    assert (epsc(even, even, points=3).wer == 0).all()


@settings(max_examples=30, deadline=None)
@given(coarse, coarse, coarse, st.randoms(use_true_random=False))
def test_blind_to_order(genuine, zei, attack, random) -> None:
    split = Comparisons(genuine, zei, {"a": attack})
    mixed = Comparisons(np.array(random.sample(genuine.tolist(), len(genuine))), zei[::-1], {"a": attack[::-1]})
    one, other = epsc(split, split, points=4), epsc(mixed, mixed, points=4)
    np.testing.assert_array_equal(one.wer, other.wer)
    assert (one.wer <= 1).all()
    ours = epc(genuine, zei, genuine, zei, points=11)
    best = ours.alpha * ours.fmr + (1 - ours.alpha) * ours.fnmr
    assert (best <= np.minimum(ours.alpha, 1 - ours.alpha) + 1e-12).all()  # no worse than all or none
