"""Several changes of a gallery as one: all of them durable, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from vultus.errors import InputError
from vultus.gallery import contracts, faces, feedback, people
from vultus.gallery.faces import Offer
from vultus.gallery.values import Person, Template
from vultus.gallery.view import View
from vultus.types import Reading, unit

__all__ = ["Change"]


class Change(View):
    """What `Gallery.change` gives: a view of the gallery that can also be changed.

    It sees what it changed, except that nothing is searched after the first change of faces. A verb that
    is refused has changed nothing, and those before it stand unless the refusal leaves the `with`.
    """

    def add_person(self, name: str) -> Person:
        """A new person without faces; a name that is taken is refused (ConflictError)."""
        with self._whole():
            return people.person(self._records, people.add(self._records, name))

    def add_face(self, person: str, reading: Reading, *, source: str, sha256: str, ordinal: int) -> Template:
        """Store a face of a person who is there, as it was read, whomever else it looks like.

        `Gallery.enroll` asks first whether the face is good enough and somebody else's; this does
        not. source: what the picture is called. sha256: of the picture's bytes. ordinal: which of
        its faces. The crop is kept where the gallery keeps crops.

        Refused: a face without an embedding (InputError) or with one of another dimension
        (InvalidVectorError), one that the person has already or over 100 templates (ConflictError).
        """
        if reading.embedding is None:
            raise InputError("expected a face with an embedding, this one was read without")
        with self._whole():
            row = people.resolve(self._records, person)
            contract = self._contract(self._records)
            if contract is None:
                raise InputError("nothing was enrolled yet; open the gallery with an analyzer, or with a contract")
            digest = feedback.digest(sha256)
            people.make_room(self._records, row, digest, ordinal)
            (keep,) = self._records.execute("SELECT keep FROM gallery").fetchone()
            offer = Offer.of(
                reading,
                unit(reading.embedding, contract.dimension),
                source=source,
                sha256=digest,
                ordinal=ordinal,
                keep=keep == "aligned",
            )
            adopted = contracts.adopt(self._records, contract)
            face = faces.insert(self._records, row, offer, adopted)
            return faces.templates(self._records, rows=[face])[0]

    def rename(self, name: str, new_name: str) -> Person:
        """See `Gallery.rename`."""
        with self._whole():
            row = people.resolve(self._records, name)
            people.rename(self._records, row, new_name)
            return people.person(self._records, row)

    def merge(self, names: str | Sequence[str], into: str) -> Person:
        """See `Gallery.merge`."""
        with self._whole():
            row = people.resolve(self._records, into)
            others = [people.resolve(self._records, one) for one in ([names] if isinstance(names, str) else names)]
            people.merge(self._records, others, row)
            return people.person(self._records, row)

    def split(self, name: str, faces: Sequence[str], new_name: str) -> Person:
        """See `Gallery.split`."""
        with self._whole():
            row = people.resolve(self._records, name)
            people.free_alias(self._records, row, new_name)
            new = people.add(self._records, new_name)
            people.move(self._records, faces, new, only_from=row)
            return people.person(self._records, new)

    def move_faces(self, faces: Sequence[str], to: str, *, keep_twins: bool = False) -> Person:
        """See `Gallery.move_faces`."""
        with self._whole():
            row = people.resolve(self._records, to)
            people.move(self._records, faces, row, keep_twins=keep_twins)
            return people.person(self._records, row)

    def remove_face(self, face: str) -> Person:
        """See `Gallery.remove_face`."""
        with self._whole():
            return people.person(self._records, people.remove_face(self._records, face))

    def remove(self, name: str) -> Person:
        """See `Gallery.remove`."""
        with self._whole():
            row = people.resolve(self._records, name)
            gone = people.person(self._records, row)
            people.remove(self._records, row)
            return gone

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """All of a verb or nothing, whatever the caller does about a refusal."""
        connection = self._records
        connection.execute("SAVEPOINT verb")
        try:
            yield
        except BaseException:
            if connection.in_transaction:  # SQLite leaves it by itself on a full disk
                connection.execute("ROLLBACK TO verb")
                connection.execute("RELEASE verb")
            raise
        connection.execute("RELEASE verb")
