from __future__ import annotations

import numpy as np
import pytest

from vultus.errors import InputError
from vultus.evaluation.survival import evaluate


def made_up(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    risk = rng.normal(size=n)
    return rng.exponential(np.exp(-risk)) + 0.01, rng.random(n) < 0.7, risk


def test_nothing_and_no_event_are_refused() -> None:
    with pytest.raises(InputError):
        evaluate(np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0))
    with pytest.raises(InputError, match="at least one event"):
        evaluate(np.array([1.0, 2.0]), np.zeros(2, dtype=bool), np.zeros(2))


def test_figures_equal_scikit_survival() -> None:
    from sksurv.metrics import concordance_index_censored, concordance_index_ipcw, cumulative_dynamic_auc

    time, event, risk = made_up()
    outcome = np.array([*zip(event, time, strict=True)], dtype=[("event", bool), ("time", float)])
    report = evaluate(time, event, risk)
    assert report.harrell.c.value == pytest.approx(concordance_index_censored(event, time, risk)[0], abs=1e-9)
    assert report.uno is not None
    tau = report.times[-1]
    assert report.uno.c.value == pytest.approx(concordance_index_ipcw(outcome, outcome, risk, tau)[0], abs=1e-9)
    assert report.auc is not None
    areas, mean = cumulative_dynamic_auc(outcome, outcome, risk, list(report.times))
    assert report.auc.auc.tolist() == pytest.approx(areas.tolist(), abs=1e-9)
    assert report.auc.mean.value == pytest.approx(mean, abs=1e-9)


def test_probabilities_beat_or_lose_to_the_curve_of_everybody() -> None:
    time, event, risk = made_up()
    at = float(np.median(time))
    good = 1 - np.exp(-at / np.exp(-risk))
    rng = np.random.default_rng(0)
    report = evaluate(time, event, risk, predicted={at: good})
    shuffled = evaluate(time, event, rng.permutation(risk), predicted={at: rng.permutation(good)})
    assert report.brier[at].score[0] < report.null_brier[at].score[0] < shuffled.brier[at].score[0]
    assert abs(report.calibration[at].predicted - report.calibration[at].observed) < 0.1
    assert shuffled.harrell.c.low < 0.5 < shuffled.harrell.c.high


def test_groups_people_and_training() -> None:
    time, event, risk = made_up()
    groups = np.where(risk > 0, "high", "low")
    report = evaluate(time, event, risk, groups=groups, train=(time * 2, event))
    assert set(report.curves) == {"high", "low"}
    assert report.logrank is not None
    assert report.logrank.p < 1e-6
    assert not any("training" in caveat for caveat in report.caveats)
    people = np.arange(200)
    twice = evaluate(*(np.repeat(each, 2) for each in (time, event, risk)), people=np.repeat(people, 2))
    assert twice.people == 200
    assert twice.harrell.c.value == evaluate(time, event, risk).harrell.c.value
    with pytest.raises(InputError, match="one row a person"):
        evaluate(time, event, risk, people=people, groups=groups)


def test_what_cannot_be_answered_is_said() -> None:
    time, event, risk = made_up(60)
    late = evaluate(time, event, risk, times=[float(time.max()) * 2])
    assert late.auc is None
    assert any("no AUC over time" in caveat for caveat in late.caveats)
    flat = evaluate(time, event, np.zeros(60))
    assert flat.harrell.c.value == 0.5
    assert any("orders nobody" in caveat for caveat in flat.caveats)
