"""Time-to-event statistics: arrays in, frozen dataclasses out.

Survival of groups (`kaplan_meier`, `nelson_aalen`, `logrank`), the hazard model `Cox`, and how
good a risk score or a predicted curve is (`concordance`, `uno_concordance`, `dynamic_auc`,
`brier`, `integrated_brier`, `calibration`). vultus is not a medical device: what these
functions return are research estimates, no diagnosis and no ground for a decision about a
person.
"""

from vultus.survival.brier import Brier, Curves, brier, integrated_brier
from vultus.survival.calibration import Calibration, CalibrationGroup, calibration, cut_points, risk_groups
from vultus.survival.concordance import Concordance, concordance, uno_concordance
from vultus.survival.cox import Baseline, Cox, CoxFit, LikelihoodRatio, likelihood_ratio
from vultus.survival.dynamic_auc import DynamicAuc, dynamic_auc
from vultus.survival.kaplan_meier import Censoring, KaplanMeier, censoring, kaplan_meier
from vultus.survival.logrank import LogRank, logrank
from vultus.survival.nelson_aalen import NelsonAalen, nelson_aalen
from vultus.survival.outcomes import per_person
from vultus.survival.proportional import Proportionality, proportionality
from vultus.survival.resampling import Bootstrap
from vultus.types import Estimate

NOTICE = "Not a medical device: research estimates, no diagnosis and no ground for a decision about a person."

__all__ = [
    "NOTICE",
    "Baseline",
    "Bootstrap",
    "Brier",
    "Calibration",
    "CalibrationGroup",
    "Censoring",
    "Concordance",
    "Cox",
    "CoxFit",
    "Curves",
    "DynamicAuc",
    "Estimate",
    "KaplanMeier",
    "LikelihoodRatio",
    "LogRank",
    "NelsonAalen",
    "Proportionality",
    "brier",
    "calibration",
    "censoring",
    "concordance",
    "cut_points",
    "dynamic_auc",
    "integrated_brier",
    "kaplan_meier",
    "likelihood_ratio",
    "logrank",
    "nelson_aalen",
    "per_person",
    "proportionality",
    "risk_groups",
    "uno_concordance",
]
