"""The server's JSON as the library's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vultus.gallery import (
    Candidate,
    Check,
    Double,
    Enrolment,
    Finding,
    Identification,
    Note,
    Person,
    Receipt,
    Refused,
    Template,
)
from vultus.types import Box, Face, OperatingPoint, Pose, Quality, Rate, Reading, Refusal

__all__ = [
    "FilmTrack",
    "GalleryNumbers",
    "RemoteVerification",
    "check",
    "enrolment",
    "identification",
    "numbers",
    "person",
    "point",
    "reading",
    "receipt",
    "template",
]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class GalleryNumbers:
    """A gallery in numbers, as the server tells it."""

    name: str
    id: str
    people: int
    templates: int
    crops: int
    bytes: int
    revision: int
    created: str
    keep: str
    sealed: bool
    model: str | None
    pending_erasures: int
    fpir: float
    fmr: float
    operating: OperatingPoint | None


@dataclass(frozen=True, slots=True, eq=False)
class RemoteVerification:
    """Whether two faces are one person's, as the server may tell it."""

    status: str  # "match", "different", "no_decision"
    score: float | None  # None: withheld, as it lies below the threshold
    fmr: float | None
    operating: OperatingPoint
    first: Reading
    second: Reading

    @property
    def match(self) -> bool:
        """Score at or over the threshold, and both faces good enough."""
        return self.status == "match"


@dataclass(frozen=True, slots=True, eq=False)
class FilmTrack:
    """One face of a film from its first to its last frame."""

    track: int
    start: float  # seconds
    end: float
    frames: int
    person: Identification


def reading(face: Json) -> Reading:
    """A face with its quality and, where it was asked for, its embedding."""
    x1, y1, x2, y2 = face["box"]
    found = Face(Box(x1, y1, x2, y2), np.array(face["landmarks"], dtype=np.float32), face["score"], face["rotation"])
    embedding = None if face["embedding"] is None else np.array(face["embedding"], dtype=np.float32)
    return Reading(found, quality(face["quality"]), embedding, None, _refusals(face["refusals"]))


def quality(measures: Json) -> Quality:
    """How far a face can be trusted."""
    rest = dict(measures)
    pose = Pose(**{name: rest.pop(name) for name in ("yaw", "pitch", "roll")})
    return Quality(**rest, pose=pose)


def point(told: Json) -> OperatingPoint:
    """A threshold with what it stands for."""
    rest = dict(told)
    measured = rest.pop("measured")
    rate = None
    if measured is not None:
        rate = Rate(int(measured["k"]), int(measured["n"]), measured["low"], measured["high"])
    return OperatingPoint(**rest, measured=rate)


def identification(told: Json, operating: OperatingPoint | None, revision: int) -> Identification:
    """Who one face is; a score that is withheld is None, and no candidate is told for it."""
    face = None if told["face"] is None else reading(told["face"])
    return Identification(
        status=told["status"],
        person=told["person"],
        score=told["score"],
        candidates=tuple(Candidate(**one) for one in told["candidates"]),
        operating=operating if told["status"] != "rejected" else None,
        revision=revision,
        face=None if face is None else face.face,
        quality=None if face is None else face.quality,
        ordinal=told["ordinal"],
        refusals=() if face is None else face.refusals,
    )


def person(told: Json) -> Person:
    """Somebody whom the gallery knows."""
    return Person(told["id"], told["name"], told["templates"], told["created"], tuple(told["aliases"]))


def template(told: Json) -> Template:
    """One enrolled face."""
    rest = dict(told)
    box = rest.pop("box")
    return Template(**rest, box=None if box is None else Box(*box))


def enrolment(told: Json) -> Enrolment:
    """What became of pictures."""
    refused = (Refused(**{**one, "refusals": _refusals(one["refusals"])}) for one in told["refused"])
    return Enrolment(
        person=None if told["person"] is None else person(told["person"]),
        added=tuple(template(one) for one in told["added"]),
        unchanged=tuple(told["unchanged"]),
        refused=tuple(refused),
        notes=tuple(Note(**one) for one in told["notes"]),
    )


def numbers(told: Json) -> GalleryNumbers:
    """A gallery in numbers."""
    rest = {name: value for name, value in told.items() if name not in ("rates", "operating", "model_contract")}
    operating = None if told["operating"] is None else point(told["operating"])
    return GalleryNumbers(**rest, fpir=told["rates"]["fpir"], fmr=told["rates"]["fmr"], operating=operating)


def check(told: Json) -> Check:
    """What a look at the whole gallery found."""
    rest = {name: told[name] for name in ("revision", "people", "templates", "crops")}
    findings = tuple(Finding(**one) for one in told["findings"])
    return Check(**rest, findings=findings, doubles=tuple(Double(**one) for one in told["doubles"]))


def receipt(told: Json) -> Receipt:
    """Proof of an erasure."""
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    lists["hits"] = tuple((file, count) for file, count in told["hits"])
    return Receipt(**{**told, **lists})


def _refusals(told: list[Json]) -> tuple[Refusal, ...]:
    return tuple(Refusal(**one) for one in told)
