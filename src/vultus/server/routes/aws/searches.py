"""Searching a collection: the most alike faces, or users, that may be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from vultus.gallery import Gallery, View
from vultus.server.routes.aws import stored
from vultus.server.routes.aws.changes import find_user
from vultus.server.routes.aws.stored import StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.types import Vector

__all__ = ["Asked", "Found", "Probe", "User", "of_face", "of_user", "search_faces", "search_users"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class User:
    """A person with a name, as searches show them."""

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
    but_face: str | None = None  # id of the face that is itself searched with
    but_person: str | None = None
    sha256: str | None = None  # of the picture, and which face of it, to obey what was said about it
    ordinal: int | None = None


Asked = Probe | Callable[[View], Probe]  # or what finds it in the gallery


def of_face(view: View, face: str) -> Probe:
    """A probe from a face of the collection; an unknown one is refused (ResourceNotFoundException)."""
    found = stored.by_ids(view, [face])
    if face not in found:
        raise Fault("ResourceNotFoundException", f"expected a face of this collection, got {face}")
    one = found[face].template.id
    return Probe(view.embedding(one)[None], but_face=one)


def of_user(view: View, user: str) -> Probe:
    """A probe from all faces of a user, whom it will not find."""
    person = find_user(view, user).id
    return Probe(view.embeddings(person), but_person=person)


def search_faces(
    gallery: Gallery, asked: Asked, *, fpir: float, least: float, most: int, floor: bool = True
) -> Found[StoredFace]:
    """The most alike faces.

    fpir: at which the gallery's threshold is taken. least: cosine that is asked for. floor: nothing
    below the gallery's threshold.
    """

    def ranked(view: View, probe: Probe) -> Iterator[tuple[StoredFace | None, str, float]]:
        hits = view.rank_faces(probe.vectors, sha256=probe.sha256, ordinal=probe.ordinal, ahead=most + 1)
        for template, score in hits:
            left_out = template.id == probe.but_face or template.person_id == probe.but_person
            yield None if left_out else stored.shown([template])[0], template.person_id, score

    return _search(gallery, asked, ranked, fpir, least, most, floor)


def search_users(
    gallery: Gallery, asked: Asked, *, fpir: float, least: float, most: int, floor: bool = True
) -> Found[User]:
    """The most alike users; faces that nobody has are passed over. Arguments as of `search_faces`."""

    def ranked(view: View, probe: Probe) -> Iterator[tuple[User | None, str, float]]:
        hits = view.rank_people(probe.vectors, sha256=probe.sha256, ordinal=probe.ordinal, ahead=most + 1)
        for one in hits:
            left_out = one.id == probe.but_person or stored.anonymous(one.person)
            yield None if left_out else User(one.id, stored.user_id(one.person, one.id)), one.id, one.score

    return _search(gallery, asked, ranked, fpir, least, most, floor)


def _search(
    gallery: Gallery,
    asked: Asked,
    ranked: Callable[[View, Probe], Iterator[tuple[Item | None, str, float]]],
    fpir: float,
    least: float,
    most: int,
    floor: bool,
) -> Found[Item]:
    with gallery.view() as view:
        probe = asked(view) if callable(asked) else asked
        operating = view.operating(fpir) if len(probe.vectors) else None
        if operating is None:
            return Found((), None, None, view.revision)
        bound = max(least, operating.threshold) if floor else least
        told: list[tuple[Item, float]] = []
        best: tuple[str, float] | None = None
        for number, (item, person, score) in enumerate(ranked(view, probe)):
            # Below the bound only the best is of interest, and that only as far as was ranked anyhow.
            if score < bound and (best is not None or number > most):
                break
            if item is None:
                continue
            if best is None:
                best = (person, score)
            if score >= bound:
                told.append((item, score))
            if len(told) == most:
                break
        return Found(tuple(told), operating.threshold, best, view.revision)
