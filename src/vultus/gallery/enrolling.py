"""The enrolling verbs of a gallery."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from vultus.choice import parse_faces
from vultus.errors import ImageTooLargeError, InputError
from vultus.gallery import enrolment, feedback, living, people
from vultus.gallery.faces import Offer
from vultus.gallery.names import normal
from vultus.gallery.protocols import Analyzer, Judge
from vultus.gallery.session import Session
from vultus.gallery.values import Enrolment, Note, Refused
from vultus.types import Liveness, Reading, unit

if TYPE_CHECKING:  # they bring Pillow and OpenCV, and a gallery of vectors can do without
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["Enrolling"]

Part = tuple[Enrolment, list[int]]  # what became of a picture, and the rows of the faces added


class Enrolling(Session):
    """Adding faces to people."""

    def enroll(
        self,
        name: str,
        images: Source | Iterable[Source],
        *,
        faces: str | int = "main",
        gate: Level = "medium",
        force: bool = False,
        require_live: bool = False,
    ) -> Enrolment:
        """Add pictures of a person, who is created with the first that can be used.

        images: one picture or several; folders are walked. Each picture is a transaction of
        its own: those that were acknowledged stay, whatever happens to the rest. A picture
        whose bytes were enrolled for this person before changes nothing.
        faces: "main", "one", "largest", "centre", "all" or a number from 1.
        gate: quality that is asked for. force: enrol faces that look like somebody else.
        require_live: refuse a picture of which a face that is meant is not taken for a living one
        ("not_live"); a picture that was enrolled before is passed over without a look.

        What cannot be used is listed in `refused` with its reason, not raised; see
        `Enrolment.require`. `notes` tell what to look at: another face chosen, pictures that
        show different people. Refused: `require_live` with an analyzer that detects no attacks
        (InputError).
        """
        analyzer = self._need_analyzer()
        judge = living.need_judge(analyzer) if require_live else None
        spelt = normal(name)
        policy = parse_faces(faces)
        parts = [
            self._enroll_source(analyzer, spelt, item, number, policy, gate, force, judge)
            for number, item in enumerate(_each(images), 1)
        ]
        return self._finished(spelt, parts, force)

    def enroll_readings(
        self,
        name: str,
        readings: Sequence[Reading],
        *,
        source: str,
        sha256: str,
        size_wh: tuple[int, int],
        faces: str | int = "main",
        gate: Level = "medium",
        force: bool = False,
        liveness: Sequence[Liveness] | None = None,
    ) -> Enrolment:
        """As `enroll` for one picture that was analysed already, in one durable transaction.

        sha256: of the picture's bytes (`vultus.images.digest`). size_wh: pixels. liveness: an
        answer of attack detection a reading, where living faces are asked for.
        """
        spelt = normal(name)
        policy = parse_faces(faces)
        part = self._admit(spelt, readings, source, feedback.digest(sha256), size_wh, policy, gate, force, liveness)
        return self._finished(spelt, [part], force)

    def enroll_vectors(
        self,
        name: str,
        vectors: NDArray[np.floating[Any]],
        *,
        sources: Sequence[str] | None = None,
        force: bool = False,
    ) -> Enrolment:
        """Add bare embeddings, (D,) or (n, D), of the gallery's model, in one durable transaction.

        Refused (InvalidVectorError): NaN, zeros, another dimension.
        """
        spelt = normal(name)
        with self._store.read() as connection:
            contract = self._need_contract(connection)
        matrix = np.atleast_2d(unit(vectors, contract.dimension))
        if sources is not None and len(sources) != len(matrix):
            raise InputError(f"expected a source for each of {len(matrix)} vectors, got {len(sources)}")
        offers = [Offer(vector, None if sources is None else sources[i]) for i, vector in enumerate(matrix)]
        return self._finished(spelt, [self._write(spelt, offers, force)], force)

    def known_source(self, sha256: str, name: str | None = None) -> bool:
        """A picture of these bytes is enrolled, for anybody or for that person."""
        with self._store.read() as connection:
            picture = connection.picture_tag(feedback.digest(sha256))
            if name is None:
                found = connection.execute("SELECT 1 FROM face WHERE sha256 = ?", (picture,))
            else:
                row = people.find(connection, name)
                found = connection.execute("SELECT 1 FROM face WHERE sha256 = ? AND person = ?", (picture, row))
            return found.fetchone() is not None

    def unchanged(self, name: str, image: Source, *, faces: str | int = "main") -> bool:
        """A picture is enrolled for that person already, so that it need not be analysed again.

        faces: as for `enroll`; a number and "all" may mean a face that is not enrolled yet, so
        the answer is no. It is no too for an address, which is not fetched for this alone.
        Refused: a picture that cannot be read (ImageFormatError and others).
        """
        from vultus import images

        return not images.is_url(image) and self._has(name, images.digest(image), parse_faces(faces))

    def _enroll_source(
        self,
        analyzer: Analyzer,
        name: str,
        item: Source,
        number: int,
        policy: str | int,
        gate: Level,
        force: bool,
        judge: Judge | None,
    ) -> Part:
        from vultus import images

        label = _label(item, number)
        try:
            if self.unchanged(name, item, faces=policy):
                return Enrolment(None, unchanged=(label,)), []
            picture = images.load(item)
        except ImageTooLargeError as error:
            return Enrolment(None, refused=(Refused(label, "too_large", str(error)),)), []
        except InputError as error:
            return Enrolment(None, refused=(Refused(label, "unreadable", str(error)),)), []
        readings = analyzer.analyze(picture.image)
        answers = living.judged(judge, picture.image, readings)
        size_wh = (picture.image.shape[1], picture.image.shape[0])
        digest = feedback.digest(picture.sha256)
        return self._admit(name, readings, label, digest, size_wh, policy, gate, force, answers)

    def _has(self, name: str, sha256: str, policy: str | int) -> bool:
        """The picture is enrolled for that person; a numbered face of it may be another one."""
        if isinstance(policy, int) or policy == "all":
            return False
        with self._store.read() as connection:
            self._agreed(connection)
            return self.known_source(sha256, name)

    def _admit(
        self,
        name: str,
        readings: Sequence[Reading],
        source: str,
        sha256: bytes,
        size_wh: tuple[int, int],
        policy: str | int,
        gate: Level,
        force: bool,
        liveness: Sequence[Liveness] | None,
    ) -> Part:
        if self._has(name, sha256.hex(), policy):
            return Enrolment(None, unchanged=(source,)), []
        if liveness is not None:
            unfit = living.refused(
                readings, liveness, source=source, size_wh=size_wh, policy=policy, choose=self._choose
            )
            if unfit is not None:
                return Enrolment(None, refused=(unfit,)), []
        with self._store.read() as connection:
            contract = self._need_contract(connection)
            (keep,) = connection.execute("SELECT keep FROM gallery").fetchone()
        offers, refused, notes = enrolment.offers(
            readings,
            source=source,
            sha256=sha256,
            size_wh=size_wh,
            policy=policy,
            level=gate,
            dimension=contract.dimension,
            keep=keep == "aligned",
            choose=self._choose,
        )
        before = Enrolment(None, refused=tuple(refused), notes=tuple(notes))
        if not offers:
            return before, []
        after, rows = self._write(name, offers, force)
        return _joined([before, after]), rows

    def _write(self, name: str, offers: Sequence[Offer], force: bool) -> Part:
        """One durable transaction."""
        with self._store.write() as connection:
            contract = self._need_contract(connection)
            self._live.refresh(connection)
            rules = self._rules(contract, force)
            return enrolment.admit(connection, self._live, name, offers, contract=contract, rules=rules)

    def _finished(self, name: str, parts: Sequence[Part], force: bool) -> Enrolment:
        """The parts as one, with the person as they are now and a look at whether the faces agree."""
        joined = _joined([part for part, _ in parts])
        rows = [row for _, added in parts for row in added]
        with self._store.read() as connection:
            row = people.find(connection, name)
            contract = self._agreed(connection)
            notes: list[Note] = []
            if contract is not None and row is not None and rows:
                notes = enrolment.doubts(connection, row, rows, self._rules(contract, force))
            person = None if row is None else people.person(connection, row)
        return Enrolment(person, joined.added, joined.unchanged, joined.refused, (*joined.notes, *notes))


def _joined(parts: Sequence[Enrolment]) -> Enrolment:
    return Enrolment(
        None,
        tuple(template for part in parts for template in part.added),
        tuple(source for part in parts for source in part.unchanged),
        tuple(refused for part in parts for refused in part.refused),
        tuple(note for part in parts for note in part.notes),
    )


def _each(images: Source | Iterable[Source]) -> Iterator[Source]:
    """One picture or several; folders become their pictures, addresses stay as they are."""
    from vultus.images import is_url, walk

    alone = isinstance(images, str | os.PathLike | bytes | np.ndarray) or hasattr(images, "getexif")
    for item in [cast("Source", images)] if alone else cast("Iterable[Source]", images):
        if isinstance(item, str | os.PathLike) and not is_url(item):
            yield from walk([item])
        else:
            yield item


def _label(item: Source, number: int) -> str:
    """What a picture is called in answers: its path, or its place in the call."""
    return os.fsdecode(item) if isinstance(item, str | os.PathLike) else f"picture {number}"
