"""Reports on liveness, vulnerability, expression, age, groups and survival."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vultus.evaluation.groups import GroupReport
from vultus.metrics.age import AgeReport
from vultus.metrics.classification import Classification
from vultus.metrics.det import error_curve
from vultus.metrics.epsc import epc, epsc
from vultus.metrics.liveness import LivenessReport, Presentations
from vultus.metrics.reliability import Reliability
from vultus.metrics.verification import equal_error
from vultus.metrics.vulnerability import Comparisons, VulnerabilityReport, fmr_iapmr
from vultus.report.cells import per_cent
from vultus.report.drawn import drawn, error_figures, score_figures
from vultus.report.results import report_results
from vultus.report.values import Figure, Section, Table
from vultus.survival.calibration import Calibration
from vultus.survival.kaplan_meier import KaplanMeier

__all__ = [
    "report_age",
    "report_expression",
    "report_groups",
    "report_liveness",
    "report_survival",
    "report_vulnerability",
]


def report_liveness(report: LivenessReport, test: Presentations) -> tuple[Section, ...]:
    """Sections on attack detection; test: the presentations that the report was made of."""
    from vultus import plots

    groups = {"bona fide": test.bona_fide, **test.attacks}
    pooled = np.concatenate([np.asarray(each, dtype=np.float64) for each in test.attacks.values()])
    real = np.asarray(test.bona_fide, dtype=np.float64)
    real, pooled = real[~np.isnan(real)], pooled[~np.isnan(pooled)]
    equal = equal_error(real, pooled)
    species = {each.name: each.apcer for each in report.eval.species}
    figures = (
        drawn(
            plots.forest(
                species,
                title="Attacks taken for real, by species",
                x="APCER",
                notes={name: f"{rate.k:,} of {rate.n:,}" for name, rate in species.items()},
                marked=(report.eval.species[0].name,),
            ),
            "The worst species (square) is the result; a mean over species would hide it. 95 % intervals.",
            "APCER by species: " + "; ".join(f"{name} {per_cent(rate.value)}" for name, rate in species.items()) + ".",
        ),
        *score_figures(groups, report.eval.threshold, "Score (higher = more bona fide)"),
        *error_figures(
            error_curve(real, pooled),
            equal,
            (real, pooled),
            report.eval.threshold,
            names=("APCER", "BPCER"),
            axes=("APCER, all species pooled", "BPCER"),
        ),
    )
    return report_results(
        report,
        "Attack detection",
        text=(
            f"The threshold {report.eval.threshold:.4g} comes from development data; errors are those of "
            "evaluation data.",
        ),
        figures=figures,
        not_shown=(
            "Attacks of species that are not in the data: a detector may fail on all of them.",
            "Other cameras, light and distances than those of the data.",
            "Curves pool the species; the rate of the worst is in the table.",
        ),
    )


def report_vulnerability(
    report: VulnerabilityReport, dev: Comparisons, test: Comparisons, *, points: int = 101
) -> tuple[Section, ...]:
    """Sections on a matcher under attack; dev, test: the comparisons that the report was made of."""
    from vultus import plots

    rates = ", ".join(f"{name} {per_cent(rate.value)}" for name, rate in report.eval.iapmr.items())
    figures = [
        *score_figures({"genuine": test.genuine, "impostor": test.zei, **test.attacks}, report.threshold),
        drawn(
            plots.epc(epc(dev.genuine, dev.zei, test.genuine, test.zei, points)),
            "Thresholds from development data for each weight, errors on evaluation data.",
            "Expected performance curve: half total error rate over the weight of false matches.",
        ),
    ]
    if test.attacks:
        curve = epsc(dev, test, points=points) if dev.attacks else None
        if curve is not None:
            figures.append(
                drawn(
                    plots.epsc(curve),
                    "Attacks pooled; thresholds from development data for each share of attacks.",
                    f"EPSC: weighted error and IAPMR over the share of attacks, area {per_cent(curve.aue)}.",
                )
            )
        figures.append(
            drawn(
                plots.fmr_iapmr(fmr_iapmr(dev, test)),
                "What a stricter threshold does against attacks.",
                f"IAPMR over FMR. At the threshold: {rates}.",
            )
        )
    return report_results(
        report,
        "The matcher under attack",
        text=(
            f"The threshold {report.threshold:.4g} is that of ordinary use (criterion {report.criterion}); it was set "
            "without attacks, on development data.",
        ),
        figures=figures,
        not_shown=(
            "What attack detection in front of the matcher would stop.",
            "Attack species that are not in the data, and attackers who try more often than once.",
        ),
    )


def report_expression(found: Classification, calibration: Reliability | None = None) -> tuple[Section, ...]:
    """Sections on one label out of several."""
    from vultus import plots

    recalls = {each.name: each.recall for each in found.classes}
    figures = [
        drawn(
            plots.confusion(found),
            "Rows are the truth; depth is the share of the row.",
            "Confusion matrix. Recall: "
            + "; ".join(f"{name} {per_cent(r.value)}" for name, r in recalls.items())
            + ".",
        ),
        drawn(
            plots.forest(
                recalls,
                title="Recall by class",
                x="Recall",
                notes={name: f"{rate.k:,} of {rate.n:,}" for name, rate in recalls.items()},
                reference=found.uar.value,
            ),
            "95 % intervals (Wilson); dotted: unweighted average recall.",
            "Recall by class with intervals, as in the table.",
        ),
    ]
    if calibration is not None:
        figures.append(
            drawn(
                plots.reliability(calibration),
                "Orange: the diagonal lies outside the interval.",
                f"Reliability diagram, expected calibration error {per_cent(calibration.ece)} of {calibration.n:,}.",
            )
        )
    return report_results(
        found,
        "Classes",
        figures=figures,
        not_shown=(
            "What somebody feels: a label says what a face looks like to those who labelled the data.",
            "Pictures and people unlike those of the data.",
        ),
    )


def report_age(found: AgeReport) -> tuple[Section, ...]:
    """Sections on estimated ages."""
    from vultus import plots

    def bars(title: str, name: str, reference: float | None) -> Figure:
        values = {band.name: (band.mae if name == "mae" else band.bias) for band in found.bands}
        return drawn(
            plots.forest(
                values,
                title=title,
                x="years",
                notes={band.name: f"{band.n:,} pictures, {band.people:,} people" for band in found.bands},
                reference=reference,
                rates=False,
            ),
            "By true age, 95 % intervals by drawing people.",
            f"{title}: " + "; ".join(f"{band} {each.value:.3g}" for band, each in values.items()) + " years.",
        )

    return report_results(
        found,
        "Age",
        figures=(bars("Mean absolute error", "mae", found.mae.value), bars("Bias (above 0: too old)", "bias", 0.0)),
        not_shown=("An estimate is the age that a face appears to have: no measure of health and no proof of age.",),
    )


def report_groups(report: GroupReport) -> tuple[Section, ...]:
    """Sections on differences between groups, one for each label and operating point."""
    from vultus import plots

    sections: list[Section] = []
    for each in report.tables:
        figures = [
            drawn(
                plots.differential(found),
                f"Within groups, at {each.point.threshold:.4g} ({each.point.metric} {each.point.target:g} on "
                f"{each.point.data}). 95 % intervals by resampling people.",
                f"{found.kind} by {each.label}: "
                + "; ".join(f"{name} {per_cent(rate.value)}" for name, rate in found.rates.items())
                + ".",
            )
            for found in (each.fmr, each.fnmr)
            if found is not None
        ]
        sections += report_results(
            each, f"By {each.label}, at {each.point.metric} {each.point.target:g}", figures=figures
        )
    sections.append(
        Section(
            "What this does not show",
            text=(f"{report.pictures:,} pictures read, {report.unlabelled:,} left out for want of a label.",),
            caveats=(
                "Groups are those of the labels, as the data set gives them; people may see themselves otherwise.",
                "Groups differ in more than their label (pictures, light, age): a difference is no cause.",
            ),
        )
    )
    return tuple(sections)


def report_survival(
    curves: Mapping[str, KaplanMeier],
    *,
    calibration: Calibration | Sequence[Calibration] | None = None,
    results: Sequence[object] | Mapping[str, object] = (),
    unit: str = "",
) -> tuple[Section, ...]:
    """Sections on survival: curves of groups, calibration, and the figures of further results.

    curves: by group, one of everybody without groups. results: concordance, log-rank and the
    like, by heading or with that of their class. unit: of time.
    """
    from vultus import plots

    groups = tuple(
        (name or "everybody", int(each.at_risk[0]), int(each.events.sum()), f"{each.quantile():.4g} {unit}".rstrip())
        for name, each in curves.items()
    )
    medians = "; ".join(f"{name} {median}" for name, _, _, median in groups)
    survived = drawn(
        plots.kaplan_meier({(name if len(curves) > 1 else ""): each for name, each in curves.items()}, unit=unit),
        "Pointwise 95 % bands (Greenwood, log-log); ticks: last seen without the event.",
        f"Kaplan-Meier curves. Median: {medians}.",
    )
    note = "inf: the curve does not fall to one half."
    table = Table("Groups", ("Group", "People", "Events", "Median"), groups, note)
    sections = [Section("Survival", tables=(table,), figures=(survived,))]
    for each in () if calibration is None else (calibration,) if isinstance(calibration, Calibration) else calibration:
        figure = drawn(
            plots.risk_calibration(each),
            "Orange: the diagonal lies outside the interval.",
            "Observed against predicted risk by group, as in the table.",
        )
        sections += report_results(each, f"Calibration at {each.horizon:g} {unit}".rstrip(), figures=(figure,))
    named = results.items() if isinstance(results, Mapping) else ((type(each).__name__, each) for each in results)
    for heading, found in named:
        sections += report_results(found, heading)
    sections.append(
        Section(
            "What this does not show",
            caveats=(
                "Curves and risks are those of groups; they do not say what will happen to a person.",
                "Beyond the follow-up nothing is known.",
            ),
        )
    )
    return tuple(sections)
