from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from scipy.optimize import linprog
from sksurv.linear_model import CoxPHSurvivalAnalysis

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Cox, concordance, likelihood_ratio

NAMES = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
COEF = {
    "breslow": [-0.37902189, -0.05724593, 0.31412977, -0.15111460, -0.43278257, -0.08498284, 0.09111154],
    "efron": [-0.379422166, -0.057437743, 0.313899788, -0.149795698, -0.433703878, -0.084871083, 0.091497081],
}
SE = {
    "breslow": [0.19136443, 0.02198319, 0.30801728, 0.21212316, 0.38179494, 0.19574821, 0.02863125],
    "efron": [0.19137948, 0.02199947, 0.30799278, 0.21222430, 0.38186806, 0.19575667, 0.02864855],
}
LIKELIHOODS = {  # fitted, null, ratio, nested ratio and its p
    "breslow": (-659.120606, -675.683389, 33.125567, 7.585109, 0.180632),
    "efron": (-658.747659, -675.380632, 33.265946, 7.589380, 0.180365),
}
PAIRS = {"breslow": (0.640423, 27246, 15287, 49), "efron": (0.640329, 27242, 15291, 49)}


def test_nobody() -> None:
    with pytest.raises(InputError, match="at least one row"):
        Cox().fit(np.zeros((0, 2)), [], [])


@pytest.mark.data
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_rossi(rossi: Cohort, ties) -> None:
    x = rossi.table.matrix(NAMES)
    fit = Cox(ties).fit(x, rossi.time, rossi.event, names=NAMES)
    assert fit.coef == pytest.approx(COEF[ties], abs=1e-8)
    assert fit.se == pytest.approx(SE[ties], abs=1e-8)
    fitted, null, ratio, nested, p = LIKELIHOODS[ties]
    assert (fit.loglik, fit.loglik_null) == pytest.approx((fitted, null), abs=1e-6)
    assert (fit.lr_test().statistic, fit.lr_test().degrees) == (pytest.approx(ratio, abs=1e-6), 7)
    small = Cox(ties).fit(rossi.table.matrix(("age", "prio")), rossi.time, rossi.event, names=("age", "prio"))
    test = likelihood_ratio(small, fit)
    assert (test.statistic, test.degrees, test.p) == (pytest.approx(nested, abs=1e-6), 5, pytest.approx(p, abs=1e-6))
    found = concordance(rossi.time, rossi.event, fit.risk(x))
    c, *pairs = PAIRS[ties]
    assert found.c.value == pytest.approx(c, abs=1e-6)
    assert [found.concordant, found.discordant, found.tied_risk] == pairs


@pytest.mark.data
def test_rossi_hazard_ratios(rossi: Cohort) -> None:
    fit = Cox().fit(rossi.table.matrix(NAMES), rossi.time, rossi.event, names=NAMES)
    assert fit.hazard_ratio == pytest.approx(
        [0.684257, 0.944181, 1.368753, 0.860884, 0.648104, 0.918631, 1.095814], abs=1e-6
    )
    assert fit.p == pytest.approx([0.047416, 0.009031, 0.308118, 0.480290, 0.256064, 0.664612, 0.001404], abs=1e-6)
    assert np.exp(10 * fit.coef[1]) == pytest.approx(0.563055, abs=1e-6)
    assert (fit.people, fit.events) == (432, 114)


@pytest.mark.data
def test_rossi_with_ridge(rossi: Cohort) -> None:
    fit = Cox("breslow", ridge=1).fit(rossi.table.matrix(NAMES), rossi.time, rossi.event, names=NAMES)
    assert fit.coef == pytest.approx(
        [-0.363668, -0.057788, 0.289605, -0.150829, -0.382957, -0.082304, 0.090951], abs=1e-6
    )
    with pytest.raises(InputError, match="without ridge"):
        fit.lr_test()


@pytest.mark.data
def test_gbsg2(gbsg2: Cohort, gbsg2_covariates) -> None:
    fit = Cox().fit(gbsg2_covariates, gbsg2.time, gbsg2.event)
    assert fit.coef == pytest.approx(
        [-0.337203, -0.009392, -0.267277, 0.007716, 0.280289, 0.049894, -0.002238, 0.000167], abs=5e-7
    )
    assert (fit.loglik, fit.loglik_null) == pytest.approx((-1737.174490, -1788.104737), abs=1e-6)
    found = concordance(gbsg2.time, gbsg2.event, fit.risk(gbsg2_covariates))
    assert found.c.value == pytest.approx(0.6879, abs=5e-5)


@pytest.mark.data
def test_intervals_and_curves_equal_lifelines(rossi: Cohort) -> None:
    x = rossi.table.matrix(NAMES)
    frame = pd.DataFrame(x, columns=NAMES).assign(week=rossi.time, arrest=rossi.event)
    outside = CoxPHFitter(baseline_estimation_method="breslow").fit(frame, "week", "arrest")
    fit = Cox().fit(x, rossi.time, rossi.event, names=NAMES)
    low, high = fit.interval()
    bounds = outside.confidence_intervals_.to_numpy()
    assert low == pytest.approx(bounds[:, 0], abs=1e-6)
    assert high == pytest.approx(bounds[:, 1], abs=1e-6)
    # Its baseline is Breslow's whatever the ties; the two differ in the fourth digit.
    curves = outside.predict_survival_function(frame, times=[10, 30, 52]).to_numpy().T
    assert fit.survival(x, [10, 30, 52]).probabilities == pytest.approx(curves, abs=2e-3)


@pytest.mark.data
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_curves_equal_scikit_survival(rossi: Cohort, ties) -> None:
    x = rossi.table.matrix(NAMES)
    y = np.array(list(zip(rossi.event, rossi.time, strict=True)), dtype=[("event", bool), ("time", float)])
    outside = CoxPHSurvivalAnalysis(ties=ties, tol=1e-12).fit(x, y)
    fit = Cox(ties).fit(x, rossi.time, rossi.event)
    times = [1, 10, 30, 51.5]
    curves = np.array([curve(times) for curve in outside.predict_survival_function(x[:20])])
    close = 1e-8 if ties == "breslow" else 2e-3  # its baseline is Breslow's for both
    assert fit.survival(x[:20], times).probabilities == pytest.approx(curves, abs=close)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_blind_to_order_shift_and_clock(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(50, 2))
    time, event = rng.integers(1, 20, 50).astype(float), rng.random(50) < 0.7
    fit = Cox().fit(x, time, event)
    order = rng.permutation(50)
    for other in (
        Cox().fit(x[order], time[order], event[order]),
        Cox().fit(x + np.array([3.0, -100.0]), time, event),
        Cox().fit(x, np.log1p(time) ** 3, event),
    ):
        assert other.coef == pytest.approx(fit.coef, abs=1e-7)
        assert other.se == pytest.approx(fit.se, abs=1e-7)
        assert other.loglik == pytest.approx(fit.loglik, abs=1e-8)
    scaled = Cox().fit(x * [1000.0, -0.001], time, event)
    assert scaled.coef * [1000.0, -0.001] == pytest.approx(fit.coef, abs=1e-7)
    curves = fit.survival(x, np.unique(time)).probabilities
    assert ((curves >= 0) & (curves <= 1)).all()
    assert (np.diff(curves, axis=1) <= 1e-12).all()
    again = scaled.survival(x * [1000.0, -0.001], np.unique(time)).probabilities
    assert again == pytest.approx(curves, abs=1e-7)


def table(n: int = 80, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.exponential(size=n) + 0.01, rng.random(n) < 0.7


def test_a_constant_covariate_is_refused_by_name() -> None:
    x, time, event = table()
    x[:, 1] = 7
    with pytest.raises(InputError, match="height: expected a covariate that varies"):
        Cox().fit(x, time, event, names=("age", "height"))
    assert Cox(ridge=1).fit(x, time, event).coef[1] == 0


def test_a_covariate_that_varies_only_before_the_first_event_is_constant() -> None:
    x, time, event = table()
    first = time[event].min()
    time[:5], event[:5], x[5:, 1] = first / 2, False, 7
    with pytest.raises(InputError, match=r"x2: .* varies among those at risk"):
        Cox().fit(x, time, event)


def test_collinear_covariates_are_refused_by_name() -> None:
    x, time, event = table()
    three = np.column_stack([x, 2 * x[:, 0] - x[:, 1] + 5])
    with pytest.raises(InputError, match=r"c: expected a covariate of its own, it is a sum of a, b.*ridge"):
        Cox().fit(three, time, event, names=("a", "b", "c"))
    assert np.isfinite(Cox(ridge=0.1).fit(three, time, event).coef).all()


def test_more_covariates_than_people_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="it is a sum of"):
        Cox().fit(rng.normal(size=(5, 6)), [1, 2, 3, 4, 5], [1, 1, 1, 1, 1])


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_separation_is_refused_by_name(ties) -> None:
    """Everybody with the covariate has the event before anybody without: the likelihood rises for ever."""
    x, time, event = table()
    x[:, 1] = time < np.median(time)
    event = event & (x[:, 1] == 1)
    with pytest.raises(InputError, match=r"^early: .*separates.*ridge"):
        Cox(ties).fit(x, time, event, names=("age", "early"))
    assert np.isfinite(Cox(ties, ridge=1).fit(x, time, event).coef).all()
    order = -np.arange(1.0, 31)[:, None]
    with pytest.raises(InputError, match=r"^x1: .*separates"):
        Cox(ties).fit(order, np.arange(1.0, 31), np.ones(30))
    assert Cox(ties, ridge=0.01).fit(order, np.arange(1.0, 31), np.ones(30)).coef[0] > 0


def separable(x: np.ndarray, time: np.ndarray, event: np.ndarray) -> bool:
    """Whether some direction puts every event at the top of its risk set: then no maximum is finite."""
    gaps = np.array([x[i] - x[j] for i in np.flatnonzero(event) for j in np.flatnonzero(time >= time[i])])
    best = linprog(-gaps.sum(axis=0), A_ub=-gaps, b_ub=np.zeros(len(gaps)), bounds=[(-1, 1)] * x.shape[1])
    return bool(-best.fun > 1e-7)


def test_separation_is_found_exactly_where_it_is() -> None:
    refused, fitted = 0, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n, p = int(rng.integers(6, 25)), int(rng.integers(1, 4))
        x = rng.integers(0, 4, (n, p)).astype(float) if seed % 2 else rng.standard_t(2, (n, p))
        time, event = rng.integers(1, 15, n).astype(float), rng.random(n) < 0.6
        if not event.any():
            continue
        try:
            Cox().fit(x, time, event)
        except InputError as error:
            if "set ridge" in str(error) and "its own" not in str(error):
                refused += 1
                assert separable(x, time, event), seed
        else:
            fitted += 1
            assert not separable(x, time, event), seed
    assert refused > 10
    assert fitted > 200


def test_a_strong_effect_is_no_separation() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=400)
    fit = Cox().fit(z[:, None], rng.exponential(np.exp(-6 * z)), np.ones(400))
    assert fit.coef[0] == pytest.approx(6, abs=1)


@pytest.mark.parametrize(
    ("x", "names", "message"),
    [
        ([["a"], ["b"], ["a"]], ("cell",), r"cell: expected numbers, got categories \(a, b\)"),
        ([[1.0], [np.nan], [2.0]], ("age",), "age: expected finite numbers, 1 are missing"),
        ([1.0, 2.0, 3.0], None, "a row a person and a column a covariate"),
        ([[1.0], [2.0]], None, "a row for each of 3 times, got 2"),
        ([[1.0, 2.0]] * 3, ("a",), "a name of its own for each column, got 2 columns"),
        ([[1.0, 2.0]] * 3, ("a", "a"), "a name of its own for each column, got 2 columns"),
    ],
)
def test_covariates_that_are_none(x, names, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Cox().fit(x, [1, 2, 3], [1, 1, 0], names=names)


def test_what_else_is_refused() -> None:
    x, time, event = table()
    with pytest.raises(InputError, match="at least one event"):
        Cox().fit(x, time, np.zeros(80))
    with pytest.raises(InputError, match="efron or breslow"):
        Cox("exact").fit(x, time, event)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="penalty from 0, got -1"):
        Cox(ridge=-1).fit(x, time, event)
    fit = Cox().fit(x, time, event)
    with pytest.raises(InputError, match="got 1 columns and x1, x2"):
        fit.risk(x[:, :1])
    with pytest.raises(InputError, match="rising times"):
        fit.survival(x, [2, 1])
    with pytest.raises(InputError, match="within follow-up, 0 to"):
        fit.survival(x, [time.max() + 1])
    with pytest.raises(InputError, match="got survival probabilities"):
        concordance(time, event, fit.survival(x, [0.5]))


def test_models_that_are_not_nested_are_refused() -> None:
    x, time, event = table()
    both, one = Cox().fit(x, time, event), Cox().fit(x[:, :1], time, event)
    assert likelihood_ratio(one, both).degrees == 1
    with pytest.raises(InputError, match="nested"):
        likelihood_ratio(both, one)
    with pytest.raises(InputError, match="same people"):
        likelihood_ratio(Cox().fit(x[1:, :1], time[1:], event[1:]), both)
    with pytest.raises(InputError, match="with the same ties"):
        likelihood_ratio(Cox("breslow").fit(x[:, :1], np.ceil(time), event), Cox().fit(x, np.ceil(time), event))
