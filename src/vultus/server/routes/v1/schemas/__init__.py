"""What `/v1` answers with: the library's values in JSON, and the scores as the policy tells them.

Boxes are whole pixels [x1, y1, x2, y2], points [x, y]; a withheld score is null.
"""

from vultus.server.routes.v1.schemas.base import (
    LONGEST_LINE,
    LONGEST_NAME,
    MOST_IDS,
    PROBLEMS,
    Answer,
    Asked,
    Ids,
    Line,
    Name,
    Page,
    Reason,
)
from vultus.server.routes.v1.schemas.decisions import (
    Candidate,
    Evidence,
    Identification,
    Identified,
    OperatingPoint,
    Side,
    Verification,
)
from vultus.server.routes.v1.schemas.galleries import Check, Contract, Double, ErrorRates, Finding, Gallery, Key
from vultus.server.routes.v1.schemas.people import Enrolment, Note, Person, ProblemBody, Receipt, Refused, Template
from vultus.server.routes.v1.schemas.readings import (
    Box,
    Face,
    Liveness,
    LivenessPoint,
    NotLive,
    Quality,
    Read,
    Refusal,
    Signal,
)

__all__ = [
    "LONGEST_LINE",
    "LONGEST_NAME",
    "MOST_IDS",
    "PROBLEMS",
    "Answer",
    "Asked",
    "Box",
    "Candidate",
    "Check",
    "Contract",
    "Double",
    "Enrolment",
    "ErrorRates",
    "Evidence",
    "Face",
    "Finding",
    "Gallery",
    "Identification",
    "Identified",
    "Ids",
    "Key",
    "Line",
    "Liveness",
    "LivenessPoint",
    "Name",
    "NotLive",
    "Note",
    "OperatingPoint",
    "Page",
    "Person",
    "ProblemBody",
    "Quality",
    "Read",
    "Reason",
    "Receipt",
    "Refusal",
    "Refused",
    "Side",
    "Signal",
    "Template",
    "Verification",
]
