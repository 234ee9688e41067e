"""People who are known: enrolling them, finding them again, and letting go of them."""

from vultus.gallery.backup import restore
from vultus.gallery.change import Change
from vultus.gallery.gallery import Gallery
from vultus.gallery.masterkey import MasterKey, find_master_key, new_master_key, read_master_key
from vultus.gallery.values import (
    Backup,
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
    Restored,
    Sealing,
    Stats,
    Template,
)
from vultus.gallery.view import View

__all__ = [
    "Backup",
    "Candidate",
    "Change",
    "Check",
    "Double",
    "Enrolment",
    "Export",
    "Finding",
    "Gallery",
    "Identification",
    "Import",
    "MasterKey",
    "Migration",
    "Note",
    "Person",
    "Receipt",
    "Refused",
    "Restored",
    "Sealing",
    "Stats",
    "Template",
    "View",
    "find_master_key",
    "new_master_key",
    "read_master_key",
    "restore",
]
