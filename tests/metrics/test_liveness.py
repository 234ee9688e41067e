from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from vultus.errors import InputError
from vultus.metrics.liveness import Presentations, evaluate, rates, threshold_at_apcer, threshold_for

coarse = arrays(np.float64, st.integers(1, 40), elements=st.integers(0, 20).map(lambda v: v / 20))
LIVE = np.array([0.9, 0.8, 0.7, 0.35])
ATTACK = np.array([0.6, 0.4, 0.3, 0.2])


def test_nothing_to_measure() -> None:
    nothing = np.zeros(0)
    with pytest.raises(InputError, match="bona fide presentations with a score"):
        rates(Presentations(nothing, {"print": ATTACK}), 0.5)
    with pytest.raises(InputError, match="at least one species"):
        rates(Presentations(LIVE, {}), 0.5)
    with pytest.raises(InputError, match="species mask with a score, got none and 2 without"):
        threshold_at_apcer({"mask": np.array([np.nan, np.nan])}, 0.1)


def test_the_fixture() -> None:
    """Four live, four attacks, threshold 0.5: FAR = FRR = HTER = .25, AUC .875."""
    found = evaluate(Presentations(LIVE, {"print": ATTACK}), Presentations(LIVE, {"print": ATTACK}), "eer")
    at = rates(Presentations(LIVE, {"print": ATTACK}), 0.5)
    assert (at.apcer_pooled.value, at.bpcer.value, at.hter.value, at.acer.value) == (0.25, 0.25, 0.25, 0.25)
    assert found.auc == 0.875 == roc_auc_score([1] * 4 + [0] * 4, [*LIVE, *ATTACK])
    assert found.eer.value == 0.25


def test_the_worst_species_counts() -> None:
    """Print 1 of 4 passes, mask 2 of 2: APCER is 1, not 3 of 6."""
    attacks = {"print": np.array([0.6, 0.1, 0.2, 0.3]), "mask": np.array([0.7, 0.8])}
    found = rates(Presentations(np.array([0.9, 0.9, 0.4, 0.9]), attacks), 0.5)
    assert [each.name for each in found.species] == ["mask", "print"]
    assert [(each.apcer.k, each.apcer.n) for each in found.species] == [(2, 2), (1, 4)]
    assert found.apcer.value == 1.0
    assert found.acer.value == (1.0 + 0.25) / 2
    assert (found.apcer_pooled.k, found.apcer_pooled.n) == (3, 6)
    assert found.hter.value == (0.5 + 0.25) / 2
    assert found.acer.low < found.acer.value < found.acer.high


def test_no_answer_is_counted_apart() -> None:
    nan = np.nan
    shown = Presentations(np.array([0.9, nan, 0.1]), {"print": np.array([nan, nan, 0.9]), "mask": np.array([0.1])})
    found = rates(shown, 0.5)
    assert (found.bpcer.k, found.bpcer.n, found.bpnrr.k, found.bpnrr.n) == (1, 2, 1, 3)
    assert [(each.name, each.apcer.n, each.apnrr.k, each.apnrr.n) for each in found.species] == [
        ("print", 1, 2, 3),
        ("mask", 1, 0, 1),
    ]
    assert (found.apnrr.k, found.apnrr.n) == (2, 4)
    said = evaluate(shown, shown, "eer").caveats
    assert any("2 of 3 evaluation print presentations gave no answer" in each for each in said)
    assert any("1 evaluation mask scores only" in each for each in said)


def test_criteria() -> None:
    """Masks score higher than prints, so the threshold for all species is theirs."""
    attacks = {"print": np.arange(100) / 200, "mask": np.arange(100) / 200 + 0.3}
    dev = Presentations(np.arange(100) / 100 + 0.5, attacks)
    assert threshold_for(dev, ("bpcer", 20)) == pytest.approx(0.3 + 95 / 200)
    assert threshold_for(dev, ("bpcer", 100)) == pytest.approx(0.3 + 99 / 200)
    assert (attacks["mask"] >= threshold_for(dev, ("bpcer", 20))).mean() == 0.05
    assert threshold_for(dev, ("apcer", 10)) == pytest.approx(0.6)
    assert threshold_for(dev, ("far", 0.05)) == pytest.approx(0.3 + 90 / 200)
    pooled = np.concatenate(list(attacks.values()))
    equal = threshold_for(dev, "eer")
    assert abs((pooled >= equal).mean() - (dev.bona_fide < equal).mean()) <= 0.01
    for wrong in ("bpcer", ("bpcer", 0), ("acer", 3), ("far", 2.0)):
        with pytest.raises(InputError):
            threshold_for(dev, wrong)  # type: ignore[arg-type]


def test_thresholds_come_from_development_data() -> None:
    rng = np.random.default_rng(0)
    dev = Presentations(rng.normal(1, 0.3, 3000), {"print": rng.normal(0, 0.3, 3000)})
    test = Presentations(
        rng.normal(1, 0.3, 3000), {"print": rng.normal(0.3, 0.3, 3000), "mask": rng.normal(0.8, 0.3, 300)}
    )
    found = evaluate(dev, test, ("bpcer", 20))
    assert found.dev.apcer.value == pytest.approx(0.05, abs=1e-9)
    assert found.eval.species[0].name == "mask"
    assert found.eval.species[1].apcer.value > 0.1
    assert [each.n for each in found.bpcer_at] == [10, 20, 100]
    assert found.bpcer_at[1].threshold == found.eval.threshold == threshold_for(dev, ("bpcer", 20))
    assert found.bpcer_at[1].bpcer == found.eval.bpcer
    assert found.at_own_eer.threshold != found.eval.threshold
    assert any("reported on (print)" in each for each in found.caveats)
    assert found.interval == "clopper-pearson"
    assert any("take presentations for independent" in each for each in found.caveats)


def test_too_few_attacks_for_the_promise_and_other_caveats() -> None:
    few = Presentations(LIVE, {"print": ATTACK})
    said = evaluate(few, few, ("bpcer", 100)).caveats
    assert any("4 development attacks of a species cannot show a rate of 0.01" in each for each in said)
    turned = Presentations(ATTACK, {"print": LIVE})
    assert any("does higher mean bona fide?" in each for each in evaluate(turned, turned, "eer").caveats)
    flat = Presentations(np.full(50, 0.5), {"print": np.full(50, 0.5)})
    assert any("every score is 0.5" in each for each in evaluate(flat, flat, "eer").caveats)


def test_people_widen_the_intervals() -> None:
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(25), 40)
    scores = rng.normal(0.5, 0.2, 25)[who] + rng.normal(0, 0.01, 1000)
    known = Presentations(scores + 0.3, {"print": scores}, who, {"print": who})
    by_people = evaluate(known, known, ("far", 0.3))
    plain = rates(known, by_people.eval.threshold)
    assert by_people.interval == "subjects"
    assert by_people.eval.apcer.k == plain.apcer.k
    assert by_people.eval.apcer.high - by_people.eval.apcer.low > 2 * (plain.apcer.high - plain.apcer.low)
    with pytest.raises(InputError, match="a person for each"):
        rates(Presentations(LIVE, {"print": ATTACK}, ["a"]), 0.5)


@settings(deadline=None)
@given(coarse, coarse, coarse, st.randoms(use_true_random=False))
def test_blind_to_order_monotone_and_bounded(live, one, other, random) -> None:
    shown = Presentations(live, {"a": one, "b": other})
    mixed = Presentations(np.array(random.sample(live.tolist(), len(live))), {"b": other[::-1], "a": one[::-1]})
    low, high = rates(shown, 0.3), rates(shown, 0.6)
    assert rates(mixed, 0.3) == low
    assert low.apcer.value >= high.apcer.value
    assert low.bpcer.value <= high.bpcer.value
    assert low.apcer.value >= low.apcer_pooled.value
    assert low.apcer.value == max(each.apcer.value for each in low.species)
    at = threshold_at_apcer(shown.attacks, 0.1)
    assert all(each.apcer.value <= 0.1 for each in rates(shown, at).species)
    turned = rates(Presentations(-one, {"a": -live}), -0.525)
    ahead = rates(Presentations(live, {"a": one}), 0.525)
    assert (turned.bpcer.k, turned.apcer.k) == (ahead.apcer.k, ahead.bpcer.k)


def test_both_conventions_side_by_side() -> None:
    """Attacks of the test score higher: the development threshold, .5, lets them in; the test's own, .65, does not."""
    dev = Presentations(np.array([0.9, 0.8, 0.7, 0.6]), {"print": np.array([0.1, 0.2, 0.3, 0.4])})
    test = Presentations(np.array([0.9, 0.8, 0.7, 0.7]), {"print": np.array([0.5, 0.6, 0.6, 0.6])})
    found = evaluate(dev, test, ("bpcer", 20))
    assert (found.at_dev_eer.threshold, found.at_own_eer.threshold) == (0.5, pytest.approx(0.65))
    assert (found.at_dev_eer.hter.value, found.at_own_eer.hter.value) == (0.5, 0.0)
    assert found.flattered == 0.5
    assert found.at_dev_eer == rates(test, threshold_for(dev, "eer"))


def test_auc_of_the_specified_four_equals_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    live, attack = rng.normal(0.6, 0.2, 200).round(2), rng.normal(0.4, 0.2, 300).round(2)  # with ties
    found = evaluate(Presentations(live, {"print": attack}), Presentations(live, {"print": attack}), "eer")
    assert found.auc == pytest.approx(roc_auc_score([1] * 200 + [0] * 300, [*live, *attack]), abs=1e-12)
