"""The searching verbs of a gallery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.choice import parse_faces
from vultus.errors import ConflictError, InputError, NotFoundError
from vultus.gallery import faces, feedback, living, people
from vultus.gallery.identification import decide
from vultus.gallery.normalising import Cohort, Normalise, Sides, check_method, need_table, ranked_relative
from vultus.gallery.session import Session
from vultus.gallery.values import Candidate, Identification
from vultus.types import EmbeddingContract, Liveness, OperatingPoint, Reading, Vector, unit

if TYPE_CHECKING:  # they bring Pillow and OpenCV, and a gallery of vectors can do without
    from vultus.gallery.records import Records
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["Searching"]

IDENTIFY_FPIR = 0.01  # of a hundred searches for strangers one names somebody


class Searching(Session):
    """Finding people, and remembering what was said about the answers."""

    _sides: Sides | None = None  # the templates against the last cohort

    @property
    def in_memory(self) -> int:
        """Templates that a search has at hand, as of the last one; -1 before the first, which reads them."""
        return self._live.size

    def identify(
        self,
        image: Source,
        *,
        fpir: float = IDENTIFY_FPIR,
        candidates: int = 5,
        faces: str | int = "all",
        gate: Level = "low",
        allow_repeat: bool = False,
        margin: float = 0.0,
        normalise: Normalise = "none",
        cohort: Cohort | None = None,
        require_live: bool = False,
    ) -> tuple[Identification, ...]:
        """Say of each face of a picture who it is, or that it is nobody whom the gallery knows.

        fpir: of searches for strangers, the share that may name somebody; the threshold
        follows from it, from the number of people and from their templates. candidates: how
        many to list, those below the threshold as leads. faces: as for `enroll`; "all" gives
        () for a picture without a face, the others refuse it (NoFaceError). gate: faces below
        it are "rejected" and not searched. allow_repeat: one name may be given twice, for
        mirrors and collages. margin: two people above the threshold who are closer than this
        make the face "ambiguous"; 0 is off. normalise: decide and rank by scores relative to
        other people, "t" to those of the gallery, "s" to a cohort of strangers too; thresholds
        and `margin` are then standard deviations (`Identification.normalised`), `score` stays
        the cosine. No gain was measured from it (`vultus evaluate cohort`). require_live: a face
        that is not taken for a living one is "rejected" with that reason and is not searched, so
        that it takes nobody's name away either.

        Refused also: a picture that cannot be read (ImageFormatError and others), a rate that
        no threshold stands for (OperatingPointError), which with `normalise` is also a gallery
        of a size that was not measured, `require_live` with an analyzer that detects no attacks
        (InputError).
        """
        from vultus import images

        analyzer = self._need_analyzer()
        judge = living.need_judge(analyzer) if require_live else None
        picture = images.load(image)
        readings = analyzer.analyze(picture.image)
        return self.identify_readings(
            readings,
            fpir=fpir,
            candidates=candidates,
            faces=faces,
            gate=gate,
            allow_repeat=allow_repeat,
            margin=margin,
            normalise=normalise,
            cohort=cohort,
            sha256=picture.sha256,
            size_wh=(picture.image.shape[1], picture.image.shape[0]),
            liveness=living.judged(judge, picture.image, readings),
        )

    def identify_readings(
        self,
        readings: Sequence[Reading],
        *,
        fpir: float = IDENTIFY_FPIR,
        candidates: int = 5,
        faces: str | int = "all",
        gate: Level = "low",
        allow_repeat: bool = False,
        margin: float = 0.0,
        normalise: Normalise = "none",
        cohort: Cohort | None = None,
        sha256: str | None = None,
        size_wh: tuple[int, int] = (0, 0),
        liveness: Sequence[Liveness] | None = None,
    ) -> tuple[Identification, ...]:
        """As `identify` for the faces of one picture that was analysed already.

        sha256: of the picture, to obey what was said about it (`reject`). size_wh: pixels,
        needed unless `faces` is "all" or a number. liveness: an answer of attack detection a
        reading, where living faces are asked for.
        """
        from vultus.models.quality import gate as check

        _check_options(candidates, margin)
        check_method(normalise, cohort)
        policy = parse_faces(faces)
        if policy not in ("all", "one") and not isinstance(policy, int) and min(size_wh) < 1:
            raise InputError(f"faces={policy!r} needs the size of the picture, got {size_wh}")
        if liveness is not None:
            readings = living.searchable(readings, liveness)
        if policy == "all":
            chosen = list(range(len(readings)))
        else:
            chosen = [found.index for found in self._choose(readings, size_wh, policy)]
        failures = {index: check(readings[index].quality, gate) for index in chosen}
        vectors: dict[int, Vector] = {}
        for index in chosen:
            embedding = readings[index].embedding
            if embedding is not None and not failures[index]:
                vectors[index] = embedding
        digest = None if sha256 is None else feedback.digest(sha256)
        with self._store.read() as connection:
            contract = self._agreed(connection)
            self._live.refresh(connection)
            revision = self._live.revision
            if contract is None or self._live.empty:
                normalise = "none"  # there is nobody to compare with
            operating = None if contract is None else self._point_of(contract, fpir, normalise)
            ranked: dict[int, tuple[Candidate, ...]] = dict.fromkeys(vectors, ())
            deciding = ranked  # the same people with the scores that the threshold is for
            if contract is not None and vectors:
                probes = unit(np.stack(list(vectors.values())), contract.dimension)
                barred = [feedback.rejections(connection, digest, index) for index in vectors]
                wanted = max(candidates, 2)
                if normalise == "none":
                    ranked = dict(zip(vectors, self._ranked(connection, probes, wanted, barred), strict=True))
                    deciding = ranked
                else:
                    sides = None if cohort is None else self._beside(contract, cohort)
                    both = ranked_relative(self._live, connection, probes, wanted, barred, sides)
                    ranked = {index: cosines for index, (cosines, _) in zip(vectors, both, strict=True)}
                    deciding = {index: relative for index, (_, relative) in zip(vectors, both, strict=True)}
        threshold = math.inf if operating is None else operating.threshold
        decided = decide(list(deciding.values()), threshold, margin=margin, allow_repeat=allow_repeat)
        statuses = dict(zip(ranked, decided, strict=True))
        answers = tuple(
            Identification(
                status=statuses.get(index, "rejected"),
                person=ranked[index][0].person if statuses.get(index) == "match" else None,
                score=ranked[index][0].score if ranked.get(index) else None,
                candidates=ranked.get(index, ())[:candidates],
                operating=operating if index in statuses else None,
                revision=revision,
                face=readings[index].face,
                quality=readings[index].quality,
                ordinal=index,
                refusals=failures[index],
                normalised=deciding[index][0].score if normalise != "none" and deciding.get(index) else None,
            )
            for index in chosen
        )
        return answers if liveness is None else tuple(living.told(one, liveness[one.ordinal]) for one in answers)

    def identify_track(
        self,
        template: Vector | None,
        *,
        reading: Reading | None = None,
        fpir: float = IDENTIFY_FPIR,
        candidates: int = 5,
        margin: float = 0.0,
        liveness: Liveness | None = None,
    ) -> Identification:
        """Say who a face is that was followed over several frames, from their pooled embedding.

        template: of unit length; None, no frame was good enough, is "rejected". reading: the
        frame to show. A pooled template lies nearer to everybody than a single picture does,
        so it has an operating point of its own. Which of two tracks bears a name at one time
        is for the caller to settle (`vultus.video.named`). liveness: what attack detection says
        of the track, where a living face is asked for.
        """
        _check_options(candidates, margin)
        if liveness is not None and not liveness.live:
            template = None
        with self._store.read() as connection:
            contract = self._agreed(connection)
            self._live.refresh(connection)
            revision = self._live.revision
            operating = None
            ranked: list[tuple[Candidate, ...]] = [()]
            if contract is not None and template is not None:
                operating = self._point(contract, fpir, "track")
                probe = np.atleast_2d(unit(template, contract.dimension))
                ranked = self._ranked(connection, probe, max(candidates, 2), [set()])
        threshold = math.inf if operating is None else operating.threshold
        (status,) = decide(ranked, threshold, margin=margin)
        (found,) = ranked
        answer = Identification(
            status="rejected" if template is None else status,
            person=found[0].person if status == "match" else None,
            score=found[0].score if found else None,
            candidates=found[:candidates],
            operating=operating,
            revision=revision,
            face=None if reading is None else reading.face,
            quality=None if reading is None else reading.quality,
            refusals=reading.refusals if reading is not None and template is None else (),
        )
        return answer if liveness is None else living.told(answer, liveness)

    def search(self, vectors: NDArray[np.floating[Any]], *, candidates: int = 5) -> tuple[tuple[Candidate, ...], ...]:
        """The most alike people of each embedding, (D,) or (n, D), best first; no decision is taken.

        Refused (InvalidVectorError): NaN, zeros, another dimension than the gallery's.
        """
        _check_options(candidates)
        with self._store.read() as connection:
            contract = self._agreed(connection)
            self._live.refresh(connection)
            if np.size(vectors) == 0 and np.ndim(vectors) == 2:
                return ()
            probes = np.atleast_2d(unit(vectors, None if contract is None else contract.dimension))
            return tuple(self._ranked(connection, probes, candidates, [set() for _ in probes]))

    def cohort(self) -> Cohort:
        """A picture of each person here, for searches in a gallery of other people (`normalise="s"`).

        Refused (InputError): nobody is enrolled.
        """
        with self._store.read() as connection:
            contract = self._need_contract(connection)
            self._live.refresh(connection)
            if self._live.empty:
                raise InputError(f"expected people in {self._store.folder} to make a cohort of, got none")
            owners, vectors = self._live.matrix()
            order = np.argsort(self._live.index.ids)
        _, first = np.unique(owners[order], return_index=True)
        return Cohort(vectors[order[first]], contract.id)

    def reject(self, face: str, person: str, *, ordinal: int | None = None, undo: bool = False) -> None:
        """Remember that a face is not that person: they are left out before it is ranked.

        face: SHA-256 of a picture, or the id of an enrolled face. ordinal: which face of the
        picture (`Identification.ordinal`); None is all of them. undo: forget it again.

        Refused: a face that is enrolled as that person (ConflictError, move or remove it
        first), undoing what was never said (NotFoundError).
        """
        with self._store.write() as connection:
            self._agreed(connection)
            row = people.resolve(connection, person)
            sha256, place = self._meant(connection, face, ordinal)
            if undo:
                if not feedback.forget(connection, sha256, place, row):
                    raise NotFoundError(f"it was never said that this face is not {person!r}")
                return
            enrolled = connection.execute(
                "SELECT uuid FROM face WHERE sha256 = ?1 AND person = ?2 AND (?3 = ?4 OR ordinal = ?3)",
                (connection.picture_tag(sha256), row, place, feedback.ANY),
            ).fetchone()
            if enrolled is not None:
                raise ConflictError(f"the face is enrolled as {person!r} ({enrolled[0]}); move or remove it first")
            feedback.reject(connection, sha256, place, row)

    def _meant(self, connection: Records, face: str, ordinal: int | None) -> tuple[bytes, int]:
        """Picture and place of a face that is named by its id or by its picture."""
        found = faces.templates(connection, ids=[face])
        if not found:
            if ordinal is not None and ordinal < 0:
                raise InputError(f"expected the number of a face, 0 or more, got {ordinal}")
            return feedback.digest(face), feedback.ANY if ordinal is None else ordinal
        (template,) = found
        if template.sha256 is None:
            raise InputError(f"the face {face} was enrolled as a bare vector, no picture is known of it")
        return bytes.fromhex(template.sha256), feedback.ANY if template.ordinal is None else template.ordinal

    def _ranked(
        self, connection: Records, probes: Vector, wanted: int, barred: Sequence[set[int]]
    ) -> list[tuple[Candidate, ...]]:
        """The best people of each probe, those who are barred for it left out before ranking."""
        most = max((len(rows) for rows in barred), default=0)
        hits = self._live.nearest(probes, wanted + most)
        names = people.labels(connection, {row for found in hits for row, _ in found})
        return [
            tuple(Candidate(*names[row], score) for row, score in found if row not in out)[:wanted]
            for found, out in zip(hits, barred, strict=True)
        ]

    def _point_of(self, contract: EmbeddingContract, fpir: float, normalise: Normalise) -> OperatingPoint:
        if normalise == "none":
            return self._point(contract, fpir)
        return need_table(self._thresholds(contract)).identify_normalised(normalise, fpir, self._live.counts)

    def _beside(self, contract: EmbeddingContract, cohort: Cohort) -> Sides:
        """The gallery as it stands against a cohort, compared once."""
        if self._sides is None or self._sides.revision != self._live.revision or self._sides.cohort is not cohort:
            self._sides = Sides.of(self._live, cohort, contract, need_table(self._thresholds(contract)))
        return self._sides


def _check_options(candidates: int, margin: float = 0.0) -> None:
    if candidates < 1:
        raise InputError(f"expected 1 candidate or more, got {candidates}")
    if not margin >= 0:  # NaN, too
        raise InputError(f"expected a margin of 0 or more, got {margin}")
