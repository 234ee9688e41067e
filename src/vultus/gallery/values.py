"""What the gallery answers with: frozen values, none of them holds a connection.

Ids of people and templates are 32 hex digits (a UUID), fixed for life; names may change.
Times are UTC in ISO 8601. A person's score is the best cosine over their templates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vultus.errors import (
    ConflictError,
    FaceRefusedError,
    ImageFormatError,
    ImageTooLargeError,
    InputError,
    NoFaceError,
    TooManyFacesError,
)
from vultus.types import Box, EmbeddingContract, Face, Liveness, OperatingPoint, Quality, Refusal

__all__ = [
    "Backup",
    "Candidate",
    "Check",
    "Double",
    "Enrolment",
    "Export",
    "Finding",
    "Identification",
    "Import",
    "Keep",
    "Migration",
    "Note",
    "Person",
    "Receipt",
    "RefusalCode",
    "Refused",
    "Restored",
    "Sealing",
    "Stats",
    "Status",
    "Template",
]

Keep = Literal["aligned", "none"]
Status = Literal["match", "unknown", "ambiguous", "conflict", "rejected"]
RefusalCode = Literal[
    "unreadable",
    "too_large",
    "no_face",
    "several_faces",
    "no_embedding",
    "quality",
    "not_live",
    "conflict",
    "rejected",
    "full",
]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the gallery knows."""

    id: str
    name: str
    templates: int
    created: str
    aliases: tuple[str, ...] = ()  # names of people who were merged into this one


@dataclass(frozen=True, slots=True)
class Template:
    """One enrolled face: where it came from, and what was kept of it."""

    id: str
    person: str  # the name
    source: str | None  # path or description of the picture
    sha256: str | None  # of the picture's bytes, hex; None for bare vectors
    ordinal: int | None  # which face of the picture, in the order of `analyze`
    box: Box | None
    quality: float | None  # 0 to 1
    created: str
    crop: bool  # an aligned crop is kept
    forced: bool  # enrolled although it looked like somebody else
    person_id: str = ""
    place: int = 0  # in the order of enrolment: it rises and is never given again
    score: float | None = None  # the detector's, 0 to 1


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture that was not enrolled, and why."""

    source: str
    code: RefusalCode
    reason: str  # one sentence
    refusals: tuple[Refusal, ...] = ()  # of the quality gate
    person: str | None = None  # whom the face belongs to, for a conflict
    score: float | None = None  # the similarity to that person


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know about a picture that was enrolled."""

    source: str
    text: str


_ERRORS: dict[str, type[InputError]] = {
    "unreadable": ImageFormatError,
    "too_large": ImageTooLargeError,
    "no_face": NoFaceError,
    "several_faces": TooManyFacesError,
    "no_embedding": FaceRefusedError,
    "quality": FaceRefusedError,
    "not_live": FaceRefusedError,
    "conflict": ConflictError,
    "rejected": ConflictError,
    "full": ConflictError,
}


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of the pictures of one call, picture by picture."""

    person: Person | None  # None: nobody of that name, since no picture could be used
    added: tuple[Template, ...] = ()
    unchanged: tuple[str, ...] = ()  # sources that were enrolled for this person already
    refused: tuple[Refused, ...] = ()
    notes: tuple[Note, ...] = ()

    def require(self) -> Enrolment:
        """This enrolment, or the error of its first refusal if no picture could be used.

        Refused: NoFaceError, TooManyFacesError, FaceRefusedError, ConflictError,
        ImageFormatError, ImageTooLargeError, after the refusal's code.
        """
        if self.refused and not self.added and not self.unchanged:
            first = self.refused[0]
            raise _ERRORS[first.code](f"{first.source}: {first.reason}")
        return self


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person with the score against one probe."""

    person: str  # the name
    id: str
    score: float  # cosine, -1 to 1


@dataclass(frozen=True, slots=True)
class Identification:
    """Who one face is, or that it is nobody whom the gallery knows, with the evidence.

    status: "match"; "unknown", the best score lies below the threshold; "ambiguous", two
    people above it are closer than the margin; "conflict", another face of the picture fits
    that person better; "rejected", the face is not good enough to search with, or is not taken
    for a living one where that was asked for.
    """

    status: Status
    person: str | None  # the name; None unless status is "match"
    score: float | None  # of the best candidate; None when there was nobody to compare with
    candidates: tuple[Candidate, ...]  # best first
    operating: OperatingPoint | None  # None: no search took place
    revision: int  # of the gallery that was searched
    face: Face | None = None
    quality: Quality | None = None
    ordinal: int = 0  # which face of the picture
    refusals: tuple[Refusal, ...] = ()
    normalised: float | None = None  # of the best candidate, where this and not the cosine was decided on
    liveness: Liveness | None = None  # None: not asked for

    @property
    def leads(self) -> tuple[Candidate, ...]:
        """Candidates below the threshold: hints for a person to look at, never matches."""
        if self.operating is None:
            return ()
        threshold = self.operating.threshold
        if self.normalised is not None:  # of the others it is not known: they are hints, all of them
            return self.candidates[1:] if self.normalised >= threshold else self.candidates
        return tuple(candidate for candidate in self.candidates if candidate.score < threshold)


@dataclass(frozen=True, slots=True)
class Stats:
    """The gallery in numbers."""

    id: str
    people: int
    templates: int
    crops: int
    bytes: int  # of all files in the folder
    revision: int
    schema: int
    created: str
    keep: Keep
    contract: EmbeddingContract | None  # None: nothing was enrolled yet
    other_contracts: int  # template sets of other models: a migration under way, or an old set kept
    snapshot: bool  # an index lies on disk, from which the gallery opens faster
    pending_erasures: int
    operating: OperatingPoint | None  # threshold at FPIR 1 % for the gallery as it stands
    sealed: bool = False  # encrypted at rest


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that a check could not settle."""

    code: str
    detail: str
    broken: bool = True  # False: worth a look, but nothing is damaged


@dataclass(frozen=True, slots=True)
class Double:
    """Two people who may be one, by their most alike templates."""

    first: str
    second: str
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of the whole gallery found."""

    revision: int
    people: int
    templates: int
    crops: int
    findings: tuple[Finding, ...]
    doubles: tuple[Double, ...]

    @property
    def ok(self) -> bool:
        """Nothing is damaged; doubles and remarks may still be worth a look."""
        return not any(finding.broken for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a person was erased, with what was looked for and where.

    status: "erased"; "pending", rows are gone but another process still reads the old
    pages, call `finish_erasures`; "traces", the scan found bytes of the person (`hits`).
    Copies made before are not covered, nor are the cells of a disk; those that vultus made
    are listed, unless they were sealed and their key is destroyed.
    """

    status: Literal["erased", "pending", "traces"]
    person: str  # the id; a receipt does not repeat the name
    templates: int
    crops: int
    revision_before: int
    revision_after: int
    files: tuple[str, ...]  # files scanned
    bytes: int  # scanned
    needles: int  # byte patterns looked for: vectors in each stored form, crops, name, paths
    hits: tuple[tuple[str, int], ...]  # file, patterns found in it
    name_scanned: bool  # False: the name is part of a text that stays, so a hit would prove nothing
    scanned: bool  # False: finished by another process than the one that erased, without the patterns
    vacuumed: bool
    at: str
    key_destroyed: bool | None = None  # None: the gallery was not sealed, there was no key
    not_covered: tuple[str, ...] = ()  # backups and exports made before that still show the person


@dataclass(frozen=True, slots=True)
class Export:
    """What went into an export file."""

    path: str
    people: int
    templates: int
    crops: int
    bytes: int
    sealed: bool = False  # under a passphrase


@dataclass(frozen=True, slots=True)
class Sealing:
    """What became of a gallery that was sealed or whose seal was taken off, and what a search of its files found."""

    sealed: bool  # as it is now
    people: int
    templates: int
    crops: int
    files: tuple[str, ...]  # files searched
    bytes: int  # searched
    needles: int  # byte patterns that must not be there any more: of all names, and of vectors and crops
    sampled: int  # templates whose vectors and crops were looked for, spread evenly
    hits: tuple[tuple[str, int], ...]  # file, patterns found in it


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a gallery that can be restored."""

    path: str
    gallery: str  # id
    revision: int
    people: int
    templates: int
    bytes: int
    at: str
    sealed: bool
    with_keys: bool  # the key file lies in it: keep it as you keep the key file


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back from a backup."""

    path: str
    revision: int
    people: int
    templates: int
    erased_since: int  # people whose data keys were destroyed after the backup, and who stay erased


@dataclass(frozen=True, slots=True)
class Import:
    """What came out of an export file."""

    people: int  # new
    merged: int  # people who were there and got further templates
    templates: int
    unchanged: int  # templates that were there already
    crops: int


@dataclass(frozen=True, slots=True)
class Migration:
    """What a change of the recognition model did, and how the self-check went."""

    old: str  # contract id
    new: str
    templates: int  # re-embedded in this call
    reused: int  # found done by an earlier, interrupted call
    lost_templates: int  # no crop was kept
    lost_people: tuple[str, ...]  # names of those who kept no template
    rank1_old: tuple[int, int]  # leave-one-out: right, of
    rank1_new: tuple[int, int]
