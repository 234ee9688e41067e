"""The server's JSON as the library's values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from vultus.errors import FaceRefusedError, VultusError
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
    Stats,
    Template,
)
from vultus.integrity.quality import Crop, DocumentQuality, Limit, Measure, Points
from vultus.metrics.evidence import Evidence
from vultus.types import (
    Box,
    EmbeddingContract,
    Expression,
    Face,
    Liveness,
    LivenessPoint,
    OperatingPoint,
    Pose,
    Quality,
    Rate,
    Reading,
    Refusal,
    Signal,
)
from vultus.verification import Side

__all__ = [
    "FilmTrack",
    "GalleryNumbers",
    "IdentifiedPicture",
    "JournalCheck",
    "JournalEntry",
    "KeyInfo",
    "NewKey",
    "RemoteVerification",
    "SortedFace",
    "check",
    "document_quality",
    "enrolment",
    "expression",
    "identification",
    "identified",
    "key",
    "liveness",
    "numbers",
    "only",
    "person",
    "point",
    "reading",
    "receipt",
    "refusals",
    "template",
    "verification",
]

Json = dict[str, Any]
_UNBOUNDED = {"low": -math.inf, "high": math.inf}


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryNumbers(Stats):
    """A gallery in numbers: those of the library, and what the server knows of it besides."""

    name: str
    description: str
    require_live: bool  # faces must be taken for living ones
    fpir: float  # that its answers hold to
    fmr: float

    @property
    def model(self) -> str | None:
        """Name of the recognition model; None: nothing was enrolled yet."""
        return None if self.contract is None else self.contract.model


@dataclass(frozen=True, slots=True, eq=False)
class RemoteVerification:
    """Whether two faces are one person's: `vultus.Verification`, as the server may tell it."""

    status: Literal["match", "different", "no_decision"]
    score: float | None  # None: withheld, as it lies below the threshold
    operating: OperatingPoint
    fmr: float | None  # of the score as it is told
    sides: tuple[Side, Side]
    evidence: Evidence | None = None

    @property
    def match(self) -> bool:
        """Score at or over the threshold, and both faces good enough."""
        return self.status == "match"

    def require(self) -> RemoteVerification:
        """This answer, or FaceRefusedError if there was no decision."""
        if self.status == "no_decision":
            reasons = [f"{side.name}: {', '.join(map(str, side.refusals))}" for side in self.sides if side.refusals]
            raise FaceRefusedError(f"no decision, not good enough to compare: {'; '.join(reasons)}")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class IdentifiedPicture:
    """One of several pictures with who is on it; `error` where it could not be read."""

    index: int  # among the pictures of the call
    people: tuple[Identification, ...] = ()
    error: VultusError | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SortedFace:
    """A face among unknown ones with its group; `error` where its picture could not be read."""

    picture: int  # among the pictures of the call
    ordinal: int | None = None  # which face of the picture
    cluster: int | None = None  # from 1; None: a face alone
    reading: Reading | None = None
    error: VultusError | None = None


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What is known of a key; never the key itself."""

    id: str
    role: str
    galleries: tuple[str, ...]  # names; ("*",): all
    kind: str
    label: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None
    rate: float | None
    upload_bytes: int | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made, with its secret, which is not to be had again."""

    key: KeyInfo
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that was done, by whom, to whom and why; evidence: of a decision."""

    seq: int
    at: str
    actor: str
    action: str
    gallery: str
    target: str
    reason: str
    revision: int | None
    request: str
    evidence: dict[str, Any]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """What a walk along the journal's chain found. head: seq:hash, to be kept elsewhere."""

    ok: bool
    entries: int
    head: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FilmTrack:
    """One face of a film from its first to its last frame."""

    track: int
    start: float  # seconds
    end: float
    frames: int
    person: Identification


def only(kind: Any, told: Json) -> Json:
    """What a value of ours takes of the server's JSON: a later server may tell more."""
    return {one.name: told[one.name] for one in fields(kind) if one.init and one.name in told}


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
    return Quality(**only(Quality, rest), pose=pose)


def point(told: Json) -> OperatingPoint:
    """A threshold with what it stands for."""
    rest = dict(told)
    measured = _rate(rest.pop("measured"))
    return OperatingPoint(**only(OperatingPoint, rest), measured=measured)


def liveness(told: Json) -> Liveness:
    """Whether a face is there in person, with what speaks for it."""
    rates = {name: _rate(told["point"][name]) for name in ("apcer", "bpcer")}
    signals = tuple(Signal(**{**only(Signal, one), "value": _number(one["value"])}) for one in told["signals"])
    born = LivenessPoint(**{**only(LivenessPoint, told["point"]), **rates})
    return Liveness(_number(told["score"]), born, signals, told["abstained"])


def expression(told: Json) -> Expression:
    """What a face shows; classes come in the server's order."""
    scores = told["scores"]
    return Expression(tuple(scores), tuple(scores.values()), told["model"], told["abstained"])


def document_quality(told: Json) -> DocumentQuality:
    """How far a picture is fit for a document, with the points that this stands on."""
    points = {name: np.array(value, dtype=np.float64) for name, value in only(Points, told["points"]).items()}
    crop = {**only(Crop, told["crop"]), "box": Box(*told["crop"]["box"]), "about": tuple(told["crop"]["about"])}
    return DocumentQuality(
        measures=tuple(_measure(row) for row in told["measures"]),
        profile=told["profile"],
        face=reading(told["face"]).face,
        faces=told["faces"],
        points=Points(**points),
        crop=Crop(**crop),
        size_wh=tuple(told["size"]),
    )


def _measure(told: Json) -> Measure:
    asked = told["limit"]
    limit = None
    if asked is not None:
        low, high = (bound if asked[name] is None else asked[name] for name, bound in _UNBOUNDED.items())
        limit = Limit(**{**only(Limit, asked), "low": low, "high": high})
    return Measure(**{**only(Measure, told), "raw": _number(told["raw"]), "limit": limit})


def identification(told: Json, operating: OperatingPoint | None, revision: int) -> Identification:
    """Who one face is; a score that is withheld is None, and no candidate is told for it."""
    face = None if told["face"] is None else reading(told["face"])
    return Identification(
        status=told["status"],
        person=told["person"],
        score=told["score"],
        candidates=tuple(Candidate(**only(Candidate, one)) for one in told["candidates"]),
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
    return Template(**only(Template, rest), box=None if box is None else Box(*box))


def enrolment(told: Json) -> Enrolment:
    """What became of pictures."""
    return Enrolment(
        person=None if told["person"] is None else person(told["person"]),
        added=tuple(template(one) for one in told["added"]),
        unchanged=tuple(told["unchanged"]),
        refused=refusals(told["refused"]),
        notes=tuple(Note(**only(Note, one)) for one in told["notes"]),
    )


def refusals(told: list[Json]) -> tuple[Refused, ...]:
    """Pictures that were not enrolled."""
    return tuple(Refused(**{**only(Refused, one), "refusals": _refusals(one["refusals"])}) for one in told)


def numbers(told: Json) -> GalleryNumbers:
    """A gallery in numbers."""
    otherwise = ("rates", "operating", "model", "model_contract", "contract", "schema_version")
    rest = {name: value for name, value in told.items() if name not in otherwise}
    return GalleryNumbers(
        **only(GalleryNumbers, rest),
        schema=told["schema_version"],
        contract=None if told["contract"] is None else EmbeddingContract(**told["contract"]),
        operating=None if told["operating"] is None else point(told["operating"]),
        fpir=told["rates"]["fpir"],
        fmr=told["rates"]["fmr"],
    )


def verification(told: Json) -> RemoteVerification:
    """Whether two faces are one person's."""
    worth = told["evidence"]
    evidence = None if worth is None else Evidence(worth["llr"], worth["low"], worth["high"], worth["bounded"])
    sides = (_side("first", told["first"]), _side("second", told["second"]))
    return RemoteVerification(told["status"], told["score"], point(told["operating"]), told["fmr"], sides, evidence)


def identified(told: Json) -> tuple[Identification, ...]:
    """Who is on a picture."""
    operating = None if told["operating"] is None else point(told["operating"])
    return tuple(identification(one, operating, told["revision"]) for one in told["faces"])


def key(told: Json) -> KeyInfo:
    """What is known of a key."""
    return KeyInfo(**{**only(KeyInfo, told), "galleries": tuple(told["galleries"])})


def _side(name: str, told: Json) -> Side:
    seen = reading(told["face"])
    found = told.get("liveness")
    answer = None if found is None else liveness(found)
    return Side(name, seen, told["faces"], told["note"], seen.refusals, tuple(told["size"]), answer)


def check(told: Json) -> Check:
    """What a look at the whole gallery found."""
    rest = {name: told[name] for name in ("revision", "people", "templates", "crops")}
    findings = tuple(Finding(**only(Finding, one)) for one in told["findings"])
    return Check(**rest, findings=findings, doubles=tuple(Double(**only(Double, one)) for one in told["doubles"]))


def receipt(told: Json) -> Receipt:
    """Proof of an erasure."""
    lists = {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    lists["hits"] = tuple((file, count) for file, count in told["hits"])
    return Receipt(**only(Receipt, {**told, **lists}))


def _refusals(told: list[Json]) -> tuple[Refusal, ...]:
    return tuple(Refusal(one["code"], _number(one["value"]), one["limit"]) for one in told)


def _number(told: float | None) -> float:
    """NaN for what could not be measured."""
    return math.nan if told is None else told


def _rate(told: Json | None) -> Rate | None:
    return None if told is None else Rate(int(told["k"]), int(told["n"]), told["low"], told["high"])
