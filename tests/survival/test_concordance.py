from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.metrics import concordance_index_censored, concordance_index_ipcw

from vultus.datasets.survival import Cohort
from vultus.errors import InputError
from vultus.survival import Bootstrap, Concordance, Curves, censoring, concordance, uno_concordance

POINT = Bootstrap(replicates=0)


def bits(text: str) -> np.ndarray:
    return np.array([mark == "1" for mark in text])


A_EVENT, A_TIME, A_RISK = bits("01100100"), [1, 5, 6, 11, 34, 45, 46, 50], [5, 8, 11, 34, 12, 3, 9, 12]
B_TIME, B_RISK = [1, 5, 6, 11, 11, 34, 45, 45, 50], [5, 8, 11, 19, 34, 12, 3, 9, 12]
TIED_RISK = [5, 15, 11, 34, 12, 3, 9, 12]
NEARLY_TIED = [5, 15, 11, 34, 12 + 4.5e-9, 3, 9, 12 - 4.5e-9]
C_TIME, C_RISK = [34, 11, 11, 5, 1, 89, 13, 45, 7, 13, 9, 13], [1, 19, 13, 13, 15, 14, 19, 23, 11, 10, 11, 1]


@pytest.mark.parametrize(
    ("event", "time", "risk", "c", "counts"),
    [
        (A_EVENT, A_TIME, A_RISK, 0.2307692, (3, 10, 0, 0)),
        (np.ones(8), A_TIME, np.arange(8, 0, -1), 1.0, (28, 0, 0, 0)),
        (np.ones(8), A_TIME, np.arange(8), 0.0, (0, 28, 0, 0)),
        (bits("011010100"), B_TIME, B_RISK, 0.4, (8, 12, 0, 2)),
        (bits("011000100"), B_TIME, B_RISK, 0.2, (3, 12, 0, 1)),
        (bits("010110100"), B_TIME, B_RISK, 0.5294118, (9, 8, 0, 1)),
        (bits("01101100"), A_TIME, TIED_RISK, 0.59375, (9, 6, 1, 0)),
        (bits("01101100"), A_TIME, NEARLY_TIED, 0.59375, (9, 6, 1, 0)),
        (bits("100010110001"), C_TIME, C_RISK, 0.5681818, (12, 9, 1, 2)),
    ],
)
def test_known_answers(event, time, risk, c: float, counts: tuple[int, ...]) -> None:
    found = concordance(time, event, risk, bootstrap=POINT)
    assert found.c.value == pytest.approx(c, abs=5e-8)
    assert (found.concordant, found.discordant, found.tied_risk, found.tied_time) == counts
    assert np.isnan([found.c.low, found.c.high]).all()


def test_the_example_of_the_losses() -> None:
    found = concordance(
        [5, 3, 3, 8, 3, 6, 1, 8], bits("11110010"), [0.2, 1, -0.5, -1, 0.3, 0.7, 1.5, 0], bootstrap=POINT
    )
    assert (found.c.value, found.concordant, found.discordant) == (pytest.approx(0.714286, abs=1e-6), 15, 6)


@pytest.mark.data
def test_whas(whas: Cohort) -> None:
    risk = whas.table.numbers("risk")
    found = concordance(whas.time, whas.event, risk)
    assert found.c.value == pytest.approx(0.7697907, abs=5e-8)
    assert (found.concordant, found.discordant, found.tied_risk, found.tied_time) == (57849, 17300, 0, 14)
    assert (found.c.n, found.events) == (500, 215)
    assert 0.70 < found.c.low < found.c.value < found.c.high < 0.84
    assert concordance(whas.time, whas.event, -risk, bootstrap=POINT).c.value == pytest.approx(0.2302093, abs=5e-8)
    g = censoring(whas.time, whas.event)
    for tau, c in ((None, 0.792927500904901), (1000, 0.777611418697), (2000, 0.753246602228)):
        uno = uno_concordance(whas.time, whas.event, risk, g, tau=tau, bootstrap=POINT)
        assert uno.c.value == pytest.approx(c, abs=1e-12)
    # Why tau must be said: one late event holds a tenth of all weight.
    whole = uno_concordance(whas.time, whas.event, risk, g, tau=None, bootstrap=POINT)
    limited = uno_concordance(whas.time, whas.event, risk, g, tau=1000, bootstrap=POINT)
    assert whole.largest_weight > 0.09 > 0.01 > limited.largest_weight


U1 = (bits("0110101001"), [1, 5, 6, 10, 11, 34, 45, 46, 50, 56])
U1_RISK = [5, 8, 11, 19, 34, 12, 3, 9, 12, 20]
U2_TRAIN = (bits("01010000"), [2, 4, 6, 8, 10, 11, 15, 19])
U5 = (bits("0101101001"), [1, 5, 6, 11, 11, 34, 45, 45, 50, 55])
U6 = (bits("1000101100011"), [34, 11, 11, 5, 1, 89, 13, 45, 7, 13, 9, 13, 90])


def changed(values: list[float], **at: float) -> list[float]:
    found = list(values)
    for place, value in at.items():
        found[int(place[1:]) - 1] = value
    return found


@pytest.mark.parametrize(
    ("train", "test", "risk", "tau", "c"),
    [
        (U1, U1, U1_RISK, None, 0.347890360332615),
        (U1, U1, changed(U1_RISK, h4=11), None, 0.365629810),
        (U1, U1, changed(U1_RISK, h4=11, h7=11), None, 0.387865722),
        (U2_TRAIN, (bits("100111"), [1, 3, 5, 8, 12, 13]), [5, 8, 13, 11, 9, 4], 19, 0.754373652814677),
        ((bits("0110101111"), U1[1]), (bits("0110101111"), U1[1]), changed(U1_RISK, h10=18), 45.25, 0.347890360),
        (U2_TRAIN, (bits("1001100"), [1, 3, 5, 7, 12, 13, 20]), [5, 8, 13, 11, 9, 7, 4], None, 0.812656756591423),
        (U5, U5, [5, 8, 11, 19, 34, 12, 3, 9, 12, 18], None, 0.403632103104862),
        (U6, U6, [1, 19, 13, 13, 15, 14, 19, 23, 11, 10, 11, 1, 18], None, 0.467953570527378),
    ],
)
def test_known_answers_of_uno(train, test, risk, tau, c: float) -> None:
    g = censoring(train[1], train[0])
    found = uno_concordance(test[1], test[0], risk, g, tau=tau, bootstrap=POINT)
    assert found.c.value == pytest.approx(c, abs=5e-9 if len(repr(c)) < 14 else 1e-14)  # the digits given


def slow(time, event, risk, weights) -> tuple[float, float, float]:
    """The definition, a pair at a time: concordant, tied and all weight."""
    won = tied = whole = 0.0
    for i in range(len(time)):
        for j in range(len(time)):
            if event[i] and (time[j] > time[i] or (time[j] == time[i] and not event[j])):
                whole += weights[i]
                tied += weights[i] * (abs(risk[i] - risk[j]) <= 1e-8)
                won += weights[i] * (risk[i] > risk[j] and abs(risk[i] - risk[j]) > 1e-8)
    return won, tied, whole


rows = st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.integers(-4, 4)), min_size=2, max_size=30).map(
    lambda found: tuple(np.array(column) for column in zip(*found, strict=True))
)


def answer(time, event, risk) -> Concordance | None:
    try:
        return concordance(time, event, risk, bootstrap=POINT)
    except InputError:
        return None


@given(rows)
def test_is_its_definition_and_turns_with_the_risk(found) -> None:
    time, event, risk = found
    won, tied, whole = slow(time, event, risk, np.ones(time.size))
    mine = answer(time, event, risk)
    assert (mine is None) == (whole == 0)
    if mine is None:
        return
    assert (mine.concordant, mine.tied_risk) == (won, tied)
    assert mine.c.value == pytest.approx((won + tied / 2) / whole)
    reverse = concordance(time, event, -risk, bootstrap=POINT)
    assert reverse.c.value == pytest.approx(1 - mine.c.value, abs=1e-12)
    assert (reverse.concordant, reverse.discordant) == (mine.discordant, mine.concordant)
    assert concordance(time, event, np.full(time.size, 0.3), bootstrap=POINT).c.value == 0.5


@given(rows, st.integers(0, 1000))
def test_is_blind_to_order_and_to_monotone_clocks_and_scales(found, seed: int) -> None:
    time, event, risk = found
    mine = answer(time, event, risk)
    if mine is None:
        return
    order = np.random.default_rng(seed).permutation(time.size)
    for other in (
        concordance(time[order], event[order], risk[order], bootstrap=POINT),
        concordance(np.exp(time / 3), event, risk, bootstrap=POINT),
        concordance(time, event, np.exp(risk.astype(float)), bootstrap=POINT),
    ):
        assert (other.concordant, other.discordant, other.tied_risk) == (
            mine.concordant,
            mine.discordant,
            mine.tied_risk,
        )


@given(rows)
@settings(deadline=None)
def test_equals_scikit_survival(found) -> None:
    time, event, risk = found
    mine = answer(time, event, risk)
    if mine is None or not event.any():
        return
    outside = concordance_index_censored(event, time, risk.astype(float))
    assert (mine.c.value, mine.concordant, mine.discordant, mine.tied_risk) == (
        pytest.approx(outside[0]),
        *outside[1:4],
    )
    y = np.array(list(zip(event, time, strict=True)), dtype=[("event", bool), ("time", float)])
    tau = float(time.max())
    g = censoring(time, event)
    try:
        uno = uno_concordance(time, event, risk, g, tau=tau, bootstrap=POINT)
    except InputError:
        return
    assert uno.c.value == pytest.approx(concordance_index_ipcw(y, y, risk.astype(float), tau=tau)[0])


def simulated(n: int, seed: int = 0, beta: float = 1.0, censored: bool = True):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    time, other = rng.exponential(np.exp(-beta * z)), rng.exponential(1.5, n)
    if not censored:
        other[:] = np.inf
    return np.minimum(time, other), time <= other, z


@pytest.mark.parametrize(("beta", "c"), [(0.0, 0.5), (0.5, 0.631127), (1.0, 0.725213), (2.0, 0.828012)])
def test_theory_without_censoring(beta: float, c: float) -> None:
    time, event, z = simulated(20_000, 3, beta, censored=False)
    found = concordance(time, event, z, bootstrap=POINT)
    assert found.c.value == pytest.approx(c, abs=0.006)
    same = uno_concordance(time, event, z, censoring(time, event), tau=None, bootstrap=POINT)
    assert same.c.value == pytest.approx(found.c.value, abs=1e-12)


def test_censoring_lifts_harrell_but_not_uno() -> None:
    time, event, z = simulated(20_000)
    tau = float(np.quantile(time, 0.95))
    harrell = concordance(time, event, z, bootstrap=POINT).c.value
    uno = uno_concordance(time, event, z, censoring(time, event), tau=tau, bootstrap=POINT).c.value
    assert harrell > 0.73
    assert uno < harrell


def test_interval_is_that_of_drawn_people_and_agrees_with_the_jackknife(monkeypatch: pytest.MonkeyPatch) -> None:
    time, event, z = simulated(400)
    found = concordance(time, event, z, bootstrap=Bootstrap(300, seed=7))
    rng = np.random.default_rng(7)
    drawn = [rng.integers(400, size=400) for _ in range(300)]
    again = [concordance(time[d], event[d], z[d], bootstrap=POINT).c.value for d in drawn]
    assert (found.c.low, found.c.high) == pytest.approx(tuple(np.quantile(again, [0.025, 0.975])), abs=1e-12)
    monkeypatch.setattr("vultus.survival.resampling._MANY", 100)
    other = concordance(time, event, z)
    assert other.c.high - other.c.low == pytest.approx(found.c.high - found.c.low, rel=0.25)
    assert other.c.low < other.c.value < other.c.high


def test_controls_that_know_nothing() -> None:
    time, event, z = simulated(500)
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(z)
        found = concordance(time, event, mixed, bootstrap=Bootstrap(200)).c
        assert abs(found.value - 0.5) < 2 * (found.high - found.low) / 3.92 + 0.02
    flat = concordance(time, event, np.zeros(500), bootstrap=Bootstrap(50)).c
    assert (flat.low, flat.value, flat.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("time", "event"), [([], []), ([1], [1]), ([1, 2], [0, 0]), ([2, 1], [1, 0]), ([3, 3, 3], [1, 1, 1])]
)
def test_no_comparable_pair_is_no_half(time, event) -> None:
    with pytest.raises(InputError, match=r"no comparable pair|at least one row"):
        concordance(time, event, np.zeros(len(time)))


def test_what_is_no_risk_or_no_weight_is_refused() -> None:
    time, event = [1, 2, 3, 4], [1, 1, 0, 1]
    with pytest.raises(InputError, match="got survival probabilities"):
        concordance(time, event, Curves(np.array([1.0]), np.ones((4, 1))))
    with pytest.raises(InputError, match="one value a row"):
        concordance(time, event, np.ones((4, 2)))
    g = censoring([1, 2, 3], [1, 1, 0])
    with pytest.raises(InputError, match="t < 3"):
        uno_concordance(time, event, [1, 2, 3, 4], g, tau=None)
    assert uno_concordance(time, event, [4, 3, 2, 1], g, tau=3, bootstrap=POINT).c.value == 1.0
    with pytest.raises(InputError, match="no comparable pair: expected an event before tau = 1"):
        uno_concordance(time, event, [4, 3, 2, 1], g, tau=1)
    for tau in (0, -1, np.nan):
        with pytest.raises(InputError, match="tau: expected a time above 0"):
            uno_concordance(time, event, [4, 3, 2, 1], g, tau=tau)


def test_caveats() -> None:
    time, event, _ = simulated(300)
    survival = np.clip(time / time.max(), 0, 1)
    assert "hand over 1 - probability" in concordance(time, event, survival, bootstrap=POINT).caveats[0]
    assert concordance(time, event, 1 - survival, bootstrap=POINT).caveats == ()
    assert "only 3 events" in concordance(A_TIME, A_EVENT, A_RISK, bootstrap=POINT).caveats[0]
