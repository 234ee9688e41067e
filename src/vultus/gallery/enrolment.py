"""Who may come in: the decision on each face that is offered for a person.

A face that is more like somebody else than like its own person, and enough so to be taken
for them, is a conflict. "Enough" is the larger of two thresholds: that of a comparison at
the given FMR, and that of a search at FPIR 1 % in this gallery as it stands; the first alone
would refuse half of all newcomers to a gallery of a thousand people, by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vultus.errors import InputError, NoFaceError, OperatingPointError, TooManyFacesError
from vultus.gallery import contracts, faces, feedback, people
from vultus.gallery.faces import Offer
from vultus.gallery.live import Live
from vultus.gallery.names import normal
from vultus.gallery.protocols import Choose, OperatingTable
from vultus.gallery.records import Records
from vultus.gallery.values import Enrolment, Note, Refused
from vultus.types import EmbeddingContract, Reading, Vector, unit

if TYPE_CHECKING:  # OpenCV is loaded with it, and a gallery of vectors can do without
    from vultus.models.quality import Level

__all__ = ["Rules", "admit", "doubts", "offers"]

CONFLICT_FMR = 1e-3
CONFLICT_FPIR = 1e-2
_ROUNDING = 1e-6  # of a unit vector's values, when it is made a unit vector again
STRANGER_FMR = 1e-1  # a picture of the person passes this with at least one of the others


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a face besides its embedding."""

    table: OperatingTable | None  # None: no threshold is known for this model, doubles go unseen
    force: bool = False

    def conflict(self, live: Live) -> float:
        """Score from which a face is taken for somebody else."""
        if self.table is None:
            return float("inf")
        pair = self.table.verify(CONFLICT_FMR).threshold
        if live.empty:
            return pair
        try:
            return max(pair, self.table.identify(CONFLICT_FPIR, live.counts).threshold)
        except OperatingPointError:  # no threshold stands for so low a rate with so many people
            return pair


def offers(
    readings: Sequence[Reading],
    *,
    source: str,
    sha256: bytes,
    size_wh: tuple[int, int],
    policy: str | int,
    level: Level,
    dimension: int,
    keep: bool,
    choose: Choose,
) -> tuple[list[Offer], list[Refused], list[Note]]:
    """The faces of a picture that the policy names and the gate lets through.

    policy: see `vultus.choice.choose`. level: of the quality gate.
    """
    from vultus.models.quality import gate

    try:
        chosen = choose(readings, size_wh, policy)
    except TooManyFacesError as error:
        return [], [Refused(source, "several_faces", str(error))], []
    except (NoFaceError, InputError) as error:
        return [], [Refused(source, "no_face", str(error))], []
    found: list[Offer] = []
    refused: list[Refused] = []
    notes = [Note(source, choice.reason) for choice in chosen if choice.reason]
    for choice in chosen:
        reading = readings[choice.index]
        if failures := gate(reading.quality, level):
            reason = "not good enough to enrol: " + ", ".join(str(failure) for failure in failures)
            refused.append(Refused(source, "quality", reason, failures))
        elif reading.embedding is None:
            refused.append(Refused(source, "no_embedding", "the face was read without an embedding"))
        else:
            vector = unit(reading.embedding, dimension)
            found.append(Offer.of(reading, vector, source=source, sha256=sha256, ordinal=choice.index, keep=keep))
    return found, refused, notes


def admit(
    connection: Records,
    live: Live,
    name: str,
    offered: Sequence[Offer],
    *,
    contract: EmbeddingContract,
    rules: Rules,
) -> tuple[Enrolment, list[int]]:
    """Enrol faces for a person, each on its own merits; the enrolment and the rows added.

    Runs inside a write transaction, with `live` fresh: no other process can enrol the same
    face for somebody else in between. A person who gets no face is not created.
    """
    spelt = normal(name)
    row = people.find(connection, spelt)
    stored = None if row is None else faces.vectors(connection, row)[1]
    own = stored if stored is not None and len(stored) else np.empty((0, contract.dimension), dtype=np.float32)
    limit = rules.conflict(live)
    added: list[int] = []
    unchanged: list[str] = []
    refused: list[Refused] = []
    notes: list[Note] = []
    for offer in offered:
        source = offer.source or "a vector"
        if row is not None and _known(connection, row, offer, own):
            unchanged.append(source)
            continue
        if len(own) >= people.MOST_TEMPLATES:
            reason = f"{spelt} has {people.MOST_TEMPLATES} templates already; remove some faces to make room"
            refused.append(Refused(source, "full", reason))
            continue
        if row is not None and not rules.force and feedback.rejected(connection, row, offer.sha256, offer.ordinal):
            refused.append(
                Refused(source, "rejected", f"it was said before that this is not {spelt}; use force to overrule")
            )
            continue
        rival = _rival(connection, live, offer, row)
        near = rival is not None and rival[1] >= limit
        nearest = float((own @ offer.vector).max()) if len(own) else -1.0
        if near and rival is not None:
            who, score = rival
            if score > nearest and not rules.force:
                reason = f"looks like {who} ({score:.3f} >= {limit:.3f}); use force if the two are not one person"
                refused.append(Refused(source, "conflict", reason, person=who, score=score))
                continue
            notes.append(Note(source, f"also looks like {who} ({score:.3f} >= {limit:.3f})"))
        if row is None:
            row = people.add(connection, spelt)
        added.append(
            faces.insert(connection, row, offer, contracts.adopt(connection, contract), forced=near and rules.force)
        )
        own = np.vstack([own, offer.vector[None]])
    result = Enrolment(
        person=None if row is None else people.person(connection, row),
        added=faces.templates(connection, rows=added),
        unchanged=tuple(unchanged),
        refused=tuple(refused),
        notes=tuple(notes),
    )
    return result, added


def doubts(connection: Records, person: int, added: Sequence[int], rules: Rules) -> list[Note]:
    """Which of the added faces are like none of the person's others: they show different people."""
    rows, own = faces.vectors(connection, person)
    if len(own) < 2 or rules.table is None:
        return []
    threshold = rules.table.verify(STRANGER_FMR).threshold
    scores = own @ own.T
    np.fill_diagonal(scores, -1.0)
    best = dict(zip(rows, scores.max(axis=1).tolist(), strict=True))
    notes = []
    for face in added:
        if best.get(face, 1.0) < threshold:  # absent: removed by another process meanwhile
            (template,) = faces.templates(connection, rows=[face])
            text = (
                f"unlike every other picture of {template.person} (best {best[face]:.3f} < {threshold:.3f}): the "
                "pictures show different people"
            )
            notes.append(Note(template.source or "a vector", text))
    return notes


def _known(connection: Records, person: int, offer: Offer, own: Vector) -> bool:
    """The same face of the same picture is there, or, for a bare vector, the very same vector."""
    if offer.sha256 is None:
        return bool((np.abs(own - offer.vector) < _ROUNDING).all(axis=1).any())
    question = "SELECT 1 FROM face WHERE sha256 = ? AND person = ? AND ordinal = ?"
    picture = connection.picture_tag(offer.sha256)
    return connection.execute(question, (picture, person, offer.ordinal)).fetchone() is not None


def _rival(connection: Records, live: Live, offer: Offer, person: int | None) -> tuple[str, float] | None:
    """The most alike other person and the score; whom the face is said not to be is passed over."""
    barred = set() if offer.ordinal is None else feedback.rejections(connection, offer.sha256, offer.ordinal)
    for other, score in live.nearest(offer.vector[None], 2 + len(barred))[0]:
        if other != person and other not in barred:
            return people.labels(connection, [other])[other][0], score
    return None
