"""One state of a gallery, looked at in several ways: who is there, which faces, and who is like whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vultus.errors import InputError, VultusError
from vultus.gallery import faces, feedback, people
from vultus.gallery.live import Live
from vultus.gallery.ranking import ranked
from vultus.gallery.values import Candidate, Person, Template
from vultus.types import EmbeddingContract, OperatingPoint, Vector, unit

if TYPE_CHECKING:
    from vultus.gallery.records import Records

__all__ = ["View"]

AHEAD = 16  # faces or people that are ranked at a time, at first


class View:
    """What `Gallery.view` gives: everything that is asked of it is of one state of the gallery.

    It ends with its `with`; asking it afterwards is refused (VultusError). People may be named by
    their id too.
    """

    def __init__(
        self,
        connection: Records,
        live: Live,
        contract: Callable[[Records], EmbeddingContract | None],
        point: Callable[[EmbeddingContract, float], OperatingPoint],
    ) -> None:
        """Use `Gallery.view`."""
        self._connection: Records | None = connection
        self._live = live
        self._contract = contract
        self._point = point

    def end(self) -> None:
        """Nothing more can be asked."""
        self._connection = None

    @property
    def revision(self) -> int:
        """Of the gallery as it is seen here."""
        found: int = self._records.execute("SELECT revision FROM gallery").fetchone()[0]
        return found

    def find(self, name: str) -> Person | None:
        """The person of that name, of that former name, or of that id; None when there is nobody."""
        row = people.find(self._records, name)
        return None if row is None else people.person(self._records, row)

    def person(self, name: str) -> Person:
        """As `find`; nobody of that name is refused (NotFoundError, with the near names)."""
        return people.person(self._records, people.resolve(self._records, name))

    def covers(self, whom: Iterable[Person]) -> dict[str, str]:
        """A face to show each person by, ids to ids: the first that was enrolled with a crop; none where no crop is."""
        return people.covers(self._records, (one.id for one in whom))

    def faces(
        self,
        *,
        person: str | None = None,
        ids: Sequence[str] | None = None,
        sha256: str | None = None,
        after: int = 0,
        most: int | None = None,
    ) -> tuple[Template, ...]:
        """Enrolled faces in the order of their enrolment: all, or those that are all of what is said.

        person: whose they are; an unknown one is refused (NotFoundError). ids: of faces; those that
        are not there are left out. sha256: of the picture that they are from. after and most: a
        page, of `most` faces behind the place (`Template.place`) of the last that was seen. Places
        rise and are never given again, so a page is not moved by what is removed or enrolled.
        """
        if after < 0 or (most is not None and most < 0):
            raise InputError(f"expected a page behind place 0 or more of 0 faces or more, got {after} and {most}")
        return faces.templates(
            self._records,
            person=None if person is None else people.resolve(self._records, person),
            ids=ids,
            sha256=None if sha256 is None else feedback.digest(sha256),
            after=after,
            most=most,
        )

    def face(self, face: str) -> Template:
        """One enrolled face by its id; an unknown one is refused (NotFoundError)."""
        return faces.template(self._records, face)

    def embedding(self, face: str) -> Vector:
        """The embedding of an enrolled face, (D,), of unit length; an unknown face is refused (NotFoundError)."""
        return faces.vector(self._records, face)

    def embeddings(self, person: str) -> Vector:
        """The embeddings of a person's faces in the order of `faces`, (n, D); (0, 0) for none."""
        return faces.vectors(self._records, people.resolve(self._records, person))[1]

    def operating(self, fpir: float) -> OperatingPoint | None:
        """The threshold for searches of this gallery as it stands; None when there is nobody to compare with.

        Refused (OperatingPointError): a rate that no threshold stands for.
        """
        contract = self._searched()
        return None if contract is None else self._point(contract, fpir)

    def rank_faces(
        self,
        vectors: NDArray[np.floating[Any]],
        *,
        sha256: str | None = None,
        ordinal: int | None = None,
        ahead: int = AHEAD,
    ) -> Iterator[tuple[Template, float]]:
        """The enrolled faces from the most alike on, each with its score; stop where it is enough.

        vectors: embeddings (D,) or (n, D) of one person; a face's score is its best with any of
        them. sha256 and ordinal: of the picture that is searched with and which face of it, so that
        people whom it is said not to be (`Gallery.reject`) are left out. ahead: how many are ranked
        at a time, at first; about as many as are wanted is quickest. No decision is taken: see
        `operating`.

        Refused (InvalidVectorError): NaN, zeros, another dimension than the gallery's.
        """
        for hits in self._ranked(vectors, sha256, ordinal, ahead, by_person=False):
            found = {face.place: face for face in faces.templates(self._records, rows=[row for row, _, _ in hits])}
            for row, _, score in hits:
                yield found[row], score

    def rank_people(
        self,
        vectors: NDArray[np.floating[Any]],
        *,
        sha256: str | None = None,
        ordinal: int | None = None,
        ahead: int = AHEAD,
    ) -> Iterator[Candidate]:
        """The people from the most alike on, by the best score of their faces. As `rank_faces`."""
        for hits in self._ranked(vectors, sha256, ordinal, ahead, by_person=True):
            found = people.labels(self._records, [person for _, person, _ in hits])
            for _, person, score in hits:
                yield Candidate(*found[person], score)

    def _ranked(
        self,
        vectors: NDArray[np.floating[Any]],
        sha256: str | None,
        ordinal: int | None,
        ahead: int,
        *,
        by_person: bool,
    ) -> Iterator[list[tuple[int, int, float]]]:
        if ahead < 1:
            raise InputError(f"expected to rank 1 or more at a time, got {ahead}")
        contract = self._searched()
        if contract is None or np.size(vectors) == 0:
            return
        probes = np.atleast_2d(unit(vectors, contract.dimension))
        barred: set[int] = set()
        if sha256 is not None:
            place = feedback.ANY if ordinal is None else ordinal
            barred = feedback.rejections(self._records, feedback.digest(sha256), place)
        yield from ranked(self._live.index, probes, by_person=by_person, ahead=ahead, barred=barred)

    def _searched(self) -> EmbeddingContract | None:
        """The contract of what is searched, which is brought up to date; None when there is nothing."""
        contract = self._contract(self._records)
        self._live.refresh(self._records)
        return None if self._live.empty else contract

    @property
    def _records(self) -> Records:
        if self._connection is None:
            raise VultusError("this view of the gallery has ended; ask within the `with` that it was made for")
        return self._connection
