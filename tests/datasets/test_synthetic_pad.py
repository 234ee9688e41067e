from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from vultus.datasets.synthetic_pad import DOMAINS, Simulation, clean, domain
from vultus.errors import InputError
from vultus.metrics.verification import auc

SMALL = Simulation(samples=120, people=20, size=32, amplitude=0.0)


def test_nothing_that_cannot_be_drawn() -> None:
    for wrong, told in (
        ({"samples": 0}, "even number of samples"),
        ({"samples": 7}, "even number"),
        ({"people": 121}, "at most as many people"),
        ({"size": 8}, "at least 16 pixels"),
        ({"source_tint": 1.2}, "share of agreeing tints"),
        ({"amplitude": -1.0}, "amplitude"),
    ):
        with pytest.raises(InputError, match=told):
            domain("A", replace(SMALL, **wrong))
    with pytest.raises(InputError, match="out of A, B, C, D, got 'E'"):
        domain("E", SMALL)


def test_half_are_live_in_everybody_and_people_belong_to_one_domain() -> None:
    drawn = [domain(name, SMALL) for name in DOMAINS]
    assert [(len(each.live), int(each.live.sum())) for each in drawn] == [(120, 60)] * 4
    everyone = [person for each in drawn for person in np.unique(each.people)]
    assert len(everyone) == len(set(everyone)) == 80
    first = drawn[0]
    both = [set(first.live[first.people == person].tolist()) for person in np.unique(first.people)]
    assert both == [{True, False}] * 20
    assert first.planes.shape == (120, 3, 32, 32, 3)
    grey = first.planes[:, 1:]
    assert (grey == grey[..., :1]).all()


@pytest.mark.parametrize(("samples", "people"), [(2, 1), (10, 3), (600, 60), (30, 30), (12, 5)])
def test_exactly_half_for_any_number_of_people(samples: int, people: int) -> None:
    assert clean("B", replace(SMALL, samples=samples, people=people))[1].sum() == samples // 2


def test_the_same_seed_gives_the_same_bytes_and_noise_changes_nothing_else() -> None:
    first, again = domain("C", SMALL), domain("C", SMALL)
    assert first.planes.tobytes() == again.planes.tobytes()
    assert domain("C", replace(SMALL, seed=1)).planes.tobytes() != first.planes.tobytes()
    noisy = domain("C", replace(SMALL, amplitude=2.0))
    assert (noisy.live == first.live).all()
    assert (noisy.people == first.people).all()
    assert (noisy.tint == first.tint).all()


def test_additive_noise_is_one_pattern_a_domain_and_as_large_as_told() -> None:
    amplitude = 0.5
    before = clean("A", SMALL)[0]
    after = domain("A", replace(SMALL, amplitude=amplitude)).planes.astype(np.float64)
    inside = (after > 0).all(axis=0) & (after < 255).all(axis=0)  # not cut off at the ends of the range
    pattern = after - before
    assert np.abs(pattern - pattern.mean(axis=0))[:, inside].max() < 1  # rounding is all that differs
    spread = np.sqrt(((before - before.mean(0)) ** 2).mean(axis=(0, 2, 3, 4)))
    found = pattern.mean(axis=0).std(axis=(1, 2, 3))
    np.testing.assert_allclose(found, amplitude * spread, rtol=0.15)
    other = domain("B", replace(SMALL, amplitude=amplitude)).planes - clean("B", SMALL)[0]
    assert abs(np.corrcoef(other.mean(0)[1].ravel(), pattern.mean(0)[1].ravel())[0, 1]) < 0.3


def test_sensor_noise_is_no_pattern_that_could_be_subtracted() -> None:
    before, after = clean("A", SMALL)[0], domain("A", replace(SMALL, amplitude=2.0, noise="sensor")).planes
    rest = after - before
    assert (rest - rest.mean(axis=0)).std() > 0.5 * rest.std()
    dropped = (after == 0).all(axis=(3, 4)).mean(axis=(0, 2))  # rows, a modality
    assert ((dropped > 0.005) & (dropped < 0.25)).all()
    assert len(np.unique(after[:, 1])) < 64  # coarse levels


@pytest.mark.parametrize(("target", "share"), [(False, 0.9), (True, 0.1)])
def test_the_tint_agrees_in_the_sources_and_contradicts_in_the_target(target: bool, share: float) -> None:
    drawn = domain("D", replace(SMALL, samples=600, people=60), target=target)
    assert float((drawn.tint == drawn.live).mean()) == pytest.approx(share, abs=0.04)
    red_over_blue = drawn.planes[:, 0, ..., 0].mean(axis=(1, 2)) - drawn.planes[:, 0, ..., 2].mean(axis=(1, 2))
    assert red_over_blue[drawn.tint].mean() > red_over_blue[~drawn.tint].mean() + 3


def told_apart(drawn, modality: int) -> float:
    """AUC of a linear rule on one modality, trained on half of the people, tried on the others."""
    grey = drawn.planes[:, modality].mean(axis=-1).reshape(len(drawn.live), -1) / 255
    half = np.isin(drawn.people, np.unique(drawn.people)[::2])
    rule = LogisticRegression(C=0.01, max_iter=500).fit(grey[half], drawn.live[half])
    scores = rule.decision_function(grey[~half])
    return auc(scores[drawn.live[~half]], scores[~drawn.live[~half]])


def test_the_live_cue_is_in_depth_and_infrared_and_can_be_taken_out() -> None:
    fair = replace(SMALL, samples=600, people=60, source_tint=0.5)
    drawn, without = domain("A", fair), domain("A", replace(fair, live_cue=False))
    assert told_apart(drawn, 1) > 0.7
    assert told_apart(drawn, 2) > 0.7
    assert abs(told_apart(drawn, 0) - 0.5) < 0.1  # RGB tells nothing but the tint
    assert max(abs(told_apart(without, modality) - 0.5) for modality in range(3)) < 0.1
