"""Reports: frozen sections in, one self-contained HTML file out that opens anywhere, offline.

`report_verification` and its like make the sections of a result; `write_report` writes them.
Figures need the extra `plots`, tables need nothing.
"""

from __future__ import annotations

from vultus.report.identification import Searches, open_set_curve, report_identification
from vultus.report.page import render, write_report
from vultus.report.results import report_results
from vultus.report.tasks import (
    report_age,
    report_expression,
    report_groups,
    report_liveness,
    report_survival,
    report_vulnerability,
)
from vultus.report.values import Column, Exhibit, Figure, Origin, Picture, Records, Section, Share, Table
from vultus.report.verification import Comparison, report_verification

__all__ = [
    "Column",
    "Comparison",
    "Exhibit",
    "Figure",
    "Origin",
    "Picture",
    "Records",
    "Searches",
    "Section",
    "Share",
    "Table",
    "open_set_curve",
    "render",
    "report_age",
    "report_expression",
    "report_groups",
    "report_identification",
    "report_liveness",
    "report_results",
    "report_survival",
    "report_verification",
    "report_vulnerability",
    "write_report",
]
