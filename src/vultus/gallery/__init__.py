"""People who are known: enrolling them, finding them again, and letting go of them."""

from vultus.gallery.gallery import Gallery
from vultus.gallery.values import (
    Candidate,
    Check,
    Double,
    Enrolment,
    Export,
    Finding,
    Identification,
    Import,
    Migration,
    Note,
    Person,
    Receipt,
    Refused,
    Stats,
    Template,
)

__all__ = [
    "Candidate",
    "Check",
    "Double",
    "Enrolment",
    "Export",
    "Finding",
    "Gallery",
    "Identification",
    "Import",
    "Migration",
    "Note",
    "Person",
    "Receipt",
    "Refused",
    "Stats",
    "Template",
]
