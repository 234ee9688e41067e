"""Searching a collection: the most alike faces, or users, that may be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from vultus.gallery import Gallery, faces, feedback, people
from vultus.gallery.records import Records
from vultus.server.routes.aws import stored
from vultus.server.routes.aws.changes import find_user
from vultus.server.routes.aws.stored import StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Vector, unit

__all__ = ["Found", "Probe", "User", "of_face", "of_user", "search_faces", "search_users"]

Item = TypeVar("Item")
Hit = tuple[int, int, float]  # rows of face and person, score


@dataclass(frozen=True, slots=True)
class User:
    """A person with a name, as searches show them."""

    row: int
    person: str
    user: str  # UserId


@dataclass(frozen=True, slots=True)
class Found(Generic[Item]):
    """What a search found. hits: best first, none below the thresholds."""

    hits: tuple[tuple[Item, float], ...]
    threshold: float | None  # of the gallery at its error rate; None: nobody to compare with
    best: tuple[str, float] | None  # id of the most alike person, and the score, whatever it is
    revision: int


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What is searched for. Vectors (n, D); a candidate's score is its best with any of them."""

    vectors: Vector
    but_face: int | None = None  # row of the face that is itself searched with
    but_person: int | None = None
    barred: frozenset[int] = field(default_factory=frozenset)  # people whom somebody said it is not


def of_face(connection: Records, face: str) -> Probe:
    """A probe from a face of the collection; an unknown one is refused (ResourceNotFoundException)."""
    found = stored.by_ids(connection, [face])
    if not found:
        raise Fault("ResourceNotFoundException", f"expected a face of this collection, got {face}")
    return Probe(stored.vector(connection, found[0])[None], but_face=found[0].row)


def of_user(connection: Records, user: str) -> Probe:
    """A probe from all faces of a user, whom it will not find."""
    row = find_user(connection, user)
    return Probe(faces.vectors(connection, row)[1], but_person=row)


def search_faces(
    gallery: Gallery,
    probe: Probe | Callable[[Records], Probe],
    *,
    fpir: float,
    least: float,
    most: int,
    floor: bool = True,
    seen: tuple[str, int] | None = None,
) -> Found[StoredFace]:
    """The most alike faces.

    probe: or what finds it in the gallery. fpir: at which the gallery's threshold is taken.
    least: cosine that is asked for. floor: nothing below the gallery's threshold. seen: SHA-256
    and place of the face in a picture, to obey what was said about it.
    """

    def wanted(connection: Records, hits: list[Hit]) -> Iterator[tuple[StoredFace, float, str]]:
        rows = stored.by_rows(connection, [row for row, _, _ in hits])
        yield from ((rows[row], score, rows[row].person) for row, _, score in hits)

    return _search(gallery, probe, wanted, fpir, least, most, floor, seen, by_person=False)


def search_users(
    gallery: Gallery,
    probe: Probe | Callable[[Records], Probe],
    *,
    fpir: float,
    least: float,
    most: int,
    floor: bool = True,
    seen: tuple[str, int] | None = None,
) -> Found[User]:
    """The most alike users; faces that nobody has are passed over. Arguments as of `search_faces`."""

    def wanted(connection: Records, hits: list[Hit]) -> Iterator[tuple[User, float, str]]:
        named = people.labels(connection, [person for _, person, _ in hits])
        for _, row, score in hits:
            name, person = named[row]
            if not stored.anonymous(name):
                yield User(row, person, stored.user_id(name, person)), score, person

    return _search(gallery, probe, wanted, fpir, least, most, floor, seen, by_person=True)


def _search(
    gallery: Gallery,
    asked: Probe | Callable[[Records], Probe],
    wanted: Callable[[Records, list[Hit]], Iterator[tuple[Item, float, str]]],
    fpir: float,
    least: float,
    most: int,
    floor: bool,
    seen: tuple[str, int] | None,
    *,
    by_person: bool,
) -> Found[Item]:
    with gallery._store.read() as connection:
        contract = gallery._agreed(connection)
        live = gallery._live
        live.refresh(connection)
        probe = asked(connection) if callable(asked) else asked
        if contract is None or live.empty or not len(probe.vectors):
            return Found((), None, None, live.revision)
        if seen is not None:
            said = feedback.rejections(connection, feedback.digest(seen[0]), seen[1])
            probe = Probe(probe.vectors, probe.but_face, probe.but_person, frozenset(said))
        vectors = unit(probe.vectors, contract.dimension)
        threshold = gallery._point(contract, fpir).threshold
        bound = max(least, threshold) if floor else least
        number = most + 1
        while True:
            # Those who are left out may fill the front rows: then more are looked at.
            hits, complete, last = _nearest(gallery, vectors, number, probe, by_person)
            found = list(wanted(connection, hits))
            told = [(item, score) for item, score, _ in found if score >= bound][:most]
            if complete or last < bound or (len(told) == most and told[-1][1] >= last):
                break
            number *= 4
        best = (found[0][2], found[0][1]) if found else None
        return Found(tuple(told), threshold, best, live.revision)


def _nearest(
    gallery: Gallery, vectors: Vector, number: int, probe: Probe, by_person: bool
) -> tuple[list[Hit], bool, float]:
    """The best rows for any of the vectors; whether these are all there are; the score down to which they are."""
    index = gallery._live.index
    hits = index.search_people(vectors, number) if by_person else index.search(vectors, number)
    complete = hits.scores.shape[1] < number
    best: dict[int, Hit] = {}
    columns = (part.ravel().tolist() for part in (hits.ids, hits.people, hits.scores))
    for row, person, score in zip(*columns, strict=True):
        place = person if by_person else row
        if row == probe.but_face or person == probe.but_person or person in probe.barred:
            continue
        if place not in best or score > best[place][2]:
            best[place] = (row, person, score)
    last = float(hits.scores[:, -1].max()) if hits.scores.size else -1.0
    return sorted(best.values(), key=lambda hit: (-hit[2], hit[0])), complete, last
