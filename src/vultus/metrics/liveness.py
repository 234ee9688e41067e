"""Presentation attack detection: attacks taken for real, real faces refused, species by species.

A score says how much a presentation looks bona fide; it is taken for bona fide when score >=
threshold. One attack instrument species (print, replay, mask, ...) is one rate, and the worst
counts: APCER is the maximum over species, never a pooled share. NaN is a presentation without
answer (no face found, say): counted as non-response (APNRR, BPNRR) and left out of APCER and
BPCER. Thresholds come from development data. Terms: ISO/IEC 30107-3:2023.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError
from vultus.metrics import caveats, sweep
from vultus.metrics.bands import PEOPLE_ENOUGH
from vultus.metrics.estimate import half_sum
from vultus.metrics.intervals import SubjectBootstrap, clopper_pearson
from vultus.metrics.verification import Scores, auc, threshold_at_fnmr
from vultus.types import Estimate, Rate

__all__ = [
    "BpcerAt",
    "Criterion",
    "LivenessRates",
    "LivenessReport",
    "Presentations",
    "SpeciesRates",
    "evaluate",
    "rates",
    "threshold_at_apcer",
    "threshold_for",
]

BPCER_AT = (10, 20, 100)  # BPCER10, BPCER20, BPCER100: at APCER 10 %, 5 %, 1 %

Criterion = Literal["eer", "min-hter"] | tuple[Literal["bpcer", "apcer"], int] | tuple[Literal["far"], float]
Labels = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Presentations:
    """Scores of real faces and of attacks by species; NaN where there was no answer."""

    bona_fide: Scores
    attacks: Mapping[str, Scores]
    bona_fide_people: Labels | None = None  # who presented, (n,)
    attack_people: Mapping[str, Labels] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpeciesRates:
    """One attack instrument species."""

    name: str
    apcer: Rate  # of the presentations with an answer, those taken for bona fide
    apnrr: Rate  # presentations without answer


@dataclass(frozen=True, slots=True)
class LivenessRates:
    """Everything at one threshold."""

    threshold: float
    species: tuple[SpeciesRates, ...]  # worst first
    apcer: Rate  # of the worst species
    bpcer: Rate
    acer: Estimate  # (APCER + BPCER) / 2
    apnrr: Rate  # all species
    bpnrr: Rate
    apcer_pooled: Rate  # all attacks in one, which hides the worst species
    hter: Estimate  # (pooled APCER + BPCER) / 2


@dataclass(frozen=True, slots=True)
class BpcerAt:
    """BPCER where development data promised APCER <= 1/n; what came of it on evaluation data."""

    n: int
    threshold: float
    apcer: Rate  # of the worst species
    bpcer: Rate


@dataclass(frozen=True, slots=True)
class LivenessReport:
    """A detector on evaluation data, at a threshold from development data."""

    criterion: Criterion
    dev: LivenessRates
    eval: LivenessRates
    bpcer_at: tuple[BpcerAt, ...]
    auc: float  # on evaluation data, attacks pooled
    eer: Estimate  # (pooled APCER + BPCER) / 2 of evaluation data at their own EER threshold
    at_own_eer: LivenessRates  # the same in full: the field's flattering convention, shown beside, never instead
    at_dev_eer: LivenessRates  # the honest counterpart: evaluation data at the EER threshold of development data
    interval: Literal["subjects", "clopper-pearson"]
    caveats: tuple[str, ...]

    @property
    def flattered(self) -> float:
        """HTER at the EER threshold of development data less HTER at the test's own: what knowing the test is worth."""
        return self.at_dev_eer.hter.value - self.at_own_eer.hter.value


def threshold_at_apcer(attacks: Mapping[str, Scores], target: float) -> float:
    """The lowest threshold with APCER <= target for every species: the strictest one sets it.

    Refused (InputError): no attacks, a species without a score, a target outside 0 to 1.

    >>> threshold_at_apcer({"print": np.array([0.2, 0.6]), "mask": np.array([0.7, 0.9])}, 0.5)
    0.9
    """
    return max(sweep.far_threshold(scores, target) for scores in _species(attacks).values())


def threshold_for(dev: Presentations, criterion: Criterion) -> float:
    """The threshold that development data set.

    "eer" and "min-hter" on pooled attacks; ("bpcer", n): APCER <= 1/n for every species;
    ("apcer", n): BPCER <= 1/n; ("far", rate): pooled APCER <= rate. Refused (InputError):
    another criterion, scores of one kind only.

    >>> threshold_for(Presentations(np.array([0.9, 0.8]), {"print": np.array([0.1, 0.3])}), "min-hter")
    0.55
    """
    bona_fide, attacks = _bona_fide(dev), _species(dev.attacks)
    pooled = np.concatenate(list(attacks.values()))
    if isinstance(criterion, tuple) and len(criterion) == 2:
        kind, value = criterion
        if kind == "far":
            return sweep.far_threshold(pooled, value)
        if kind in ("bpcer", "apcer") and value >= 1:
            return (
                threshold_at_apcer(attacks, 1 / value) if kind == "bpcer" else threshold_at_fnmr(bona_fide, 1 / value)
            )
    elif criterion in ("eer", "min-hter"):
        return sweep.threshold_for(bona_fide, pooled, criterion)
    raise InputError(
        f'expected "eer", "min-hter", ("bpcer", n), ("apcer", n) with n >= 1 or ("far", rate), got {criterion!r}'
    )


def rates(presentations: Presentations, threshold: float, *, subjects: bool = False, seed: int = 0) -> LivenessRates:
    """All error rates at a threshold that other data set.

    subjects: intervals by resampling the people who presented, where they are known and ten
    at least; else Clopper-Pearson's. The interval of APCER is that of the species which came
    out worst. Refused (InputError): no presentation of a kind, none with an answer, infinity,
    people that do not fit, NaN as threshold.
    """
    if np.isnan(threshold):
        raise InputError("expected a threshold, got NaN")
    _bona_fide(presentations)
    _species(presentations.attacks)
    real = np.asarray(presentations.bona_fide, dtype=np.float64)
    answered = ~np.isnan(real)
    bpcer = _rate(
        real[answered] < threshold, _kept(presentations.bona_fide_people, answered), subjects=subjects, seed=seed
    )
    bpnrr = clopper_pearson(int((~answered).sum()), real.size)
    found, passed, who = [], [], []
    for name, scores in presentations.attacks.items():
        values = np.asarray(scores, dtype=np.float64)
        there = ~np.isnan(values)
        people = _kept(presentations.attack_people.get(name), there)
        passed.append(values[there] >= threshold)
        who.append(people)
        apcer = _rate(passed[-1], people, subjects=subjects, seed=seed)
        found.append(SpeciesRates(name, apcer, clopper_pearson(int((~there).sum()), values.size)))
    found.sort(key=lambda each: (-each.apcer.value, each.name))
    everyone = None if any(people is None for people in who) else np.concatenate([np.asarray(each) for each in who])
    pooled = _rate(np.concatenate(passed), everyone, subjects=subjects, seed=seed)
    apnrr = clopper_pearson(sum(each.apnrr.k for each in found), sum(each.apnrr.n for each in found))
    return LivenessRates(
        threshold=float(threshold),
        species=tuple(found),
        apcer=found[0].apcer,
        bpcer=bpcer,
        acer=half_sum(found[0].apcer, bpcer),
        apnrr=apnrr,
        bpnrr=bpnrr,
        apcer_pooled=pooled,
        hter=half_sum(pooled, bpcer),
    )


def evaluate(
    dev: Presentations, test: Presentations, criterion: Criterion = ("bpcer", 20), *, seed: int = 0
) -> LivenessReport:
    """Threshold on development data, error rates on both.

    Intervals resample people where both kinds' are known and ten at least. Refused
    (InputError): as `rates` and `threshold_for`.
    """
    threshold = threshold_for(dev, criterion)
    subjects = _people_known(test)
    bona_fide, attacks = _bona_fide(test), _species(test.attacks)
    pooled = np.concatenate(list(attacks.values()))
    own = rates(test, sweep.eer_threshold(bona_fide, pooled), subjects=subjects, seed=seed)
    promised = []
    for n in BPCER_AT:
        at = rates(test, threshold_for(dev, ("bpcer", n)), subjects=subjects, seed=seed)
        promised.append(BpcerAt(n, at.threshold, at.apcer, at.bpcer))
    return LivenessReport(
        criterion=criterion,
        dev=rates(dev, threshold, subjects=_people_known(dev), seed=seed),
        eval=rates(test, threshold, subjects=subjects, seed=seed),
        bpcer_at=tuple(promised),
        auc=auc(bona_fide, pooled),
        eer=own.hter,
        at_own_eer=own,
        at_dev_eer=rates(test, threshold_for(dev, "eer"), subjects=subjects, seed=seed),
        interval="subjects" if subjects else "clopper-pearson",
        caveats=_caveats(dev, test, criterion),
    )


def _caveats(dev: Presentations, test: Presentations, criterion: Criterion) -> tuple[str, ...]:
    said: list[str] = []
    for name, part in (("development", dev), ("evaluation", test)):
        groups, missing = {}, {}
        for kind, scores in {"bona fide": part.bona_fide, **part.attacks}.items():
            groups[f"{name} {kind}"], missing[f"{name} {kind}"] = caveats.ascending(scores, kind)
        said += [
            f"{count:,} of {groups[kind].size + count:,} {kind} presentations gave no answer: counted as "
            "non-response, left out of the error rates"
            for kind, count in missing.items()
            if count
        ]
        said += [sentence for kind, values in groups.items() for sentence in caveats.scarce(values.size, kind)]
        said += caveats.constant(groups)
        if caveats.inverted(_bona_fide(part), np.concatenate(list(_species(part.attacks).values()))):
            said.append(f"{name} bona fide scores lie below the attacks' on average: does higher mean bona fide?")
    seen = sorted(set(dev.attacks) & set(test.attacks))
    if seen:
        said.append(
            f"the threshold was set on species it is reported on ({', '.join(seen)}): unseen ones may pass more"
        )
    if isinstance(criterion, tuple) and criterion[0] in ("bpcer", "far"):
        target = 1 / criterion[1] if criterion[0] == "bpcer" else criterion[1]
        fewest = min((values.size for values in _species(dev.attacks).values()), default=0)
        if 0 < target < 1 / fewest:
            said.append(f"{fewest} development attacks of a species cannot show a rate of {target:g}: none may pass")
    if not _people_known(test):
        said.append("the people are not known or fewer than ten: intervals take presentations for independent")
    return tuple(dict.fromkeys(said))


def _rate(errors: NDArray[np.bool_], people: Labels | None, *, subjects: bool, seed: int) -> Rate:
    if subjects and people is not None and np.unique(np.asarray(people)).size >= PEOPLE_ENOUGH:
        return SubjectBootstrap(people, people, seed=seed).rate(errors)
    return clopper_pearson(int(errors.sum()), errors.size)


def _people_known(part: Presentations) -> bool:
    labels = [part.bona_fide_people, *(part.attack_people.get(name) for name in part.attacks)]
    return all(each is not None and np.unique(np.asarray(each)).size >= PEOPLE_ENOUGH for each in labels)


def _kept(people: Labels | None, answered: NDArray[np.bool_]) -> NDArray[Any] | None:
    if people is None:
        return None
    labels = np.asarray(people)
    if labels.shape != answered.shape:
        raise InputError(f"expected a person for each of {answered.size} presentations, got {labels.shape}")
    return np.asarray(labels[answered])


def _bona_fide(part: Presentations) -> NDArray[np.float64]:
    values, lost = caveats.ascending(part.bona_fide, "bona fide")
    if not values.size:
        raise InputError(f"expected bona fide presentations with a score, got none and {lost} without")
    return values


def _species(attacks: Mapping[str, Scores]) -> dict[str, NDArray[np.float64]]:
    if not attacks:
        raise InputError("expected attacks of at least one species, got none")
    found = {}
    for name, scores in attacks.items():
        found[name], lost = caveats.ascending(scores, f"attack ({name})")
        if not found[name].size:
            raise InputError(f"expected attacks of species {name} with a score, got none and {lost} without")
    return found
