"""Are these two pictures of one person: a score, a threshold, and what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from vultus.analyzer import not_live, why_not_live
from vultus.choice import choose, parse_faces
from vultus.errors import ContractMismatchError, FaceRefusedError, InputError, NoFaceError
from vultus.metrics.evidence import Evidence, LikelihoodRatio
from vultus.types import EmbeddingContract, Face, Image, Liveness, OperatingPoint, Reading, Refusal, Vector, unit

if TYPE_CHECKING:
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["Side", "Verification", "compare", "verify"]


class Analyzer(Protocol):
    """Pictures to faces with quality and embedding; `vultus.Analyzer` is one."""

    @property
    def contract(self) -> EmbeddingContract: ...

    def analyze(self, image: Image) -> tuple[Reading, ...]: ...


class Table(Protocol):
    """Error rates to thresholds; `vultus.operating.OperatingTable` is one."""

    @property
    def contract(self) -> str: ...

    def verify(self, fmr: float) -> OperatingPoint: ...

    def fmr_at(self, score: float) -> float: ...

    @property
    def likelihood(self) -> LikelihoodRatio | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two that were compared."""

    name: str  # path or address, "<array>", "<embedding>"
    reading: Reading | None  # the face that was used; None for an embedding
    faces: int  # how many the picture shows
    note: str  # which face was chosen and why; empty when there was no choice
    refusals: tuple[Refusal, ...]  # of the gate
    size_wh: tuple[int, int] | None
    liveness: Liveness | None = None  # None: not asked for

    @property
    def usable(self) -> bool:
        """Good enough to be compared and, where that was asked for, taken for a living face."""
        return not self.refusals and (self.liveness is None or self.liveness.live is True)


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """Whether two faces are one person's, with the evidence.

    status "no_decision": a face is not good enough to be compared, or to be judged where a live
    one is asked for; that is never "different". "not_live": the second face is taken for a
    picture, a screen or a mask; whom it shows is not said.
    """

    status: Literal["match", "different", "no_decision", "not_live"]
    score: float  # cosine, -1 to 1
    operating: OperatingPoint
    fmr: float  # share of strangers who score as high as this, from the same data
    sides: tuple[Side, Side]
    evidence: Evidence | None = None  # how much more likely the score is if they are one person

    @property
    def match(self) -> bool:
        """Score at or over the threshold, and both faces good enough."""
        return self.status == "match"

    def require(self) -> Verification:
        """This answer, or FaceRefusedError if there was no decision."""
        if self.status == "no_decision":
            reasons = [f"{side.name}: {', '.join(map(str, side.refusals))}" for side in self.sides if side.refusals]
            if reasons:
                poor = "; ".join(reasons)
                raise FaceRefusedError(f"no decision, not good enough to compare: {poor}; see --gate none")
            unknown = [f"{side.name}: {why_not_live(side.liveness)}" for side in self.sides if side.liveness]
            raise FaceRefusedError(f"no decision: {'; '.join(unknown)}")
        return self


def verify(
    first: Source | Vector,
    second: Source | Vector,
    *,
    analyzer: Analyzer,
    table: Table,
    fmr: float = 1e-3,
    faces: str | int = "main",
    gate: Level = "low",
    allow_url: bool = True,
    require_live: bool = False,
) -> Verification:
    """Compare the faces of two pictures at a stated false match rate.

    first, second: anything `vultus.images.read` takes, or an embedding, shape (D,), float.
    fmr: share of pairs of different people that may pass. faces: which face is meant where
    a picture shows several ("main", "one", "largest", "centre", a number from 1); under
    "all" the best pair counts, and the rate is shared among the pairs. gate: quality below
    which there is no decision. require_live: the second is the one before the camera and must
    be there in person; the first, the reference, may be a print, as in a passport.

    Refused: a picture without a face (NoFaceError), several under "one" (TooManyFacesError),
    a rate that the table has no threshold for (OperatingPointError), a table of another
    model (ContractMismatchError), an embedding that is none (InvalidVectorError), an embedding
    as the second with `require_live` (InputError).
    """
    if table.contract != analyzer.contract.id:
        raise ContractMismatchError(
            f"expected thresholds for {analyzer.contract.model}, got a table of another model; run vultus calibrate"
        )
    policy = parse_faces(faces)
    ours = _offered(first, analyzer, policy, gate, allow_url)
    theirs = _offered(second, analyzer, policy, gate, allow_url, require_live)
    return compare(ours, theirs, table, fmr)


def compare(
    ours: Sequence[tuple[Side, Vector]], theirs: Sequence[tuple[Side, Vector]], table: Table, fmr: float = 1e-3
) -> Verification:
    """The best pair of two sets of faces; with several pairs the rate is shared among them (Bonferroni)."""
    point = replace(table.verify(fmr / (len(ours) * len(theirs))), target=fmr)
    usable_ours = [item for item in ours if item[0].usable] or list(ours)
    usable_theirs = [item for item in theirs if item[0].usable] or list(theirs)
    pairs = [(float(a @ b), one, two) for one, a in usable_ours for two, b in usable_theirs]
    score, one, two = max(pairs, key=lambda pair: pair[0])
    status: Literal["match", "different", "no_decision", "not_live"]
    status = "match" if score >= point.threshold else "different"
    codes = {refusal.code for side in (one, two) if side.liveness and (refusal := not_live(side.liveness))}
    if one.refusals or two.refusals or "LIVENESS_UNKNOWN" in codes:
        status = "no_decision"
    elif codes:
        status = "not_live"
    # The best of several pairs is no single comparison: what it is worth was not measured.
    evidence = table.likelihood.evidence(score) if table.likelihood is not None and len(pairs) == 1 else None
    return Verification(status, score, point, table.fmr_at(score), (one, two), evidence)


def _offered(
    source: Any,
    analyzer: Analyzer,
    policy: str | int,
    gate_level: Level,
    allow_url: bool,
    require_live: bool = False,
) -> list[tuple[Side, Vector]]:
    from vultus import images
    from vultus.models.quality import gate

    if isinstance(source, np.ndarray) and source.ndim == 1:
        if require_live:
            raise InputError("expected a picture of the face that must be live, got an embedding, which shows nothing")
        return [(Side("<embedding>", None, 0, "", (), None), unit(source, analyzer.contract.dimension))]
    picture = images.load(source, allow_url=allow_url)
    readings = analyzer.analyze(picture.image)
    size_wh = (picture.image.shape[1], picture.image.shape[0])
    if isinstance(policy, int) and len(readings) == 1:
        policy = "one"  # a number tells faces apart where there are several
    try:
        choices = choose(readings, size_wh, policy)
    except InputError as error:
        raise type(error)(f"{picture.name}: {error}") from None
    answers: Sequence[Liveness | None] = [None] * len(choices)
    if require_live:
        answers = _need_judge(analyzer)(picture.image, [readings[choice.index].face for choice in choices])
    offered = []
    for choice, answer in zip(choices, answers, strict=True):
        reading = readings[choice.index]
        if reading.embedding is None:
            raise NoFaceError(f"{picture.name}: the face was read without an embedding")
        refusals = gate(reading.quality, gate_level)
        side = Side(picture.name, reading, len(readings), choice.reason, refusals, size_wh, answer)
        offered.append((side, reading.embedding))
    return offered


def _need_judge(analyzer: Analyzer) -> Callable[[Image, Sequence[Face]], tuple[Liveness, ...]]:
    judge: Callable[[Image, Sequence[Face]], tuple[Liveness, ...]] | None = getattr(analyzer, "liveness", None)
    if judge is None:
        raise InputError("expected an analyzer that detects attacks, this one has no `liveness`; use vultus.Analyzer")
    return judge
