"""A gallery on a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vultus import errors
from vultus.client import values
from vultus.client.http import Packed, part
from vultus.client.keeping import RemoteKeeping
from vultus.client.pictures import each, opened
from vultus.client.problems import error_of
from vultus.client.values import FilmTrack, IdentifiedPicture
from vultus.gallery import (
    Enrolment,
    Identification,
    Person,
    Receipt,
    Refused,
    Template,
)
from vultus.images import is_url
from vultus.types import Image

if TYPE_CHECKING:
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["RemoteGallery", "asked_of"]


class RemoteGallery(RemoteKeeping):
    """A gallery on a server: the verbs of `vultus.Gallery`."""

    def enroll(
        self,
        name: str,
        images: Source | Iterable[Source],
        *,
        faces: str | int = "main",
        gate: Level = "medium",
        force: bool = False,
        require_live: bool = False,
        challenge: str = "",
    ) -> Enrolment:
        """Add pictures of a person, who is made with the first that can be used; see `vultus.Gallery.enroll`.

        As many requests are made as the server's bounds ask for; each picture is durable or refused on its own.
        What cannot be used is listed in `refused`, not raised. require_live: only faces that are taken for living
        ones. challenge: id of a live check that the person passed, good for one request.
        """
        params: dict[str, Any] = {"faces": str(faces), "gate": gate, "force": force}
        params |= asked_of(require_live, challenge)
        given = each(images)
        route, addresses = f"{self._route}/persons", [image for image in given if is_url(image)]
        done: list[Enrolment] = []
        for address in addresses:
            told = self._http.pictures(route, {"image": [address]}, data={"name": name}, params=params)
            done.append(values.enrolment(told))
        for packed in self._http.parts(image for image in given if not is_url(image)):
            large = [one for one in packed if len(one[2]) > self._http.bounds["upload_bytes"]]
            if large:
                done.append(Enrolment(None, refused=tuple(_too_large(one, self._http.bounds) for one in large)))
            fitting = [one for one in packed if one not in large]
            if fitting:
                done.append(_enrolment(self._http.files(route, fitting, data={"name": name}, params=params)))
        person = next((one.person for one in reversed(done) if one.person is not None), None)
        if person is None and done:
            with suppress(errors.NotFoundError):
                person = self.person(name)
        return Enrolment(
            person,
            tuple(one for each in done for one in each.added),
            tuple(one for each in done for one in each.unchanged),
            tuple(one for each in done for one in each.refused),
            tuple(one for each in done for one in each.notes),
        )

    def identify(
        self,
        image: Source,
        *,
        fpir: float | None = None,
        candidates: int = 5,
        faces: str | int = "all",
        gate: Level = "low",
        allow_repeat: bool = False,
        margin: float = 0.0,
        require_live: bool = False,
        challenge: str = "",
    ) -> tuple[Identification, ...]:
        """Say of each face of a picture who it is, or that it is nobody whom the gallery knows.

        fpir: None takes the gallery's; a looser one needs an administrator's key. require_live: a
        face that is not taken for a living one is "rejected" with that refusal and not searched.
        challenge: id of a live check, which only the face that did it passes.
        """
        params: dict[str, Any] = {
            "candidates": candidates,
            "faces": str(faces),
            "gate": gate,
            "allow_repeat": allow_repeat,
            "margin": margin,
            **asked_of(require_live, challenge),
        }
        if fpir is not None:
            params["fpir"] = fpir
        told = self._http.pictures(f"{self._route}/identify", {"image": [image]}, params=params)
        return values.identified(told)

    def identify_many(
        self,
        images: Iterable[Source],
        *,
        fpir: float | None = None,
        candidates: int = 5,
        gate: Level = "low",
        require_live: bool = False,
    ) -> Iterator[IdentifiedPicture]:
        """Who is on each of many pictures, in their order, some at a request; one that cannot be read says why.

        As `vultus.bulk.identify_pictures`. images: paths, folders, bytes, arrays.
        """
        params: dict[str, Any] = {"candidates": candidates, "gate": gate, **asked_of(require_live)}
        if fpir is not None:
            params["fpir"] = fpir
        for packed in self._http.parts(each(images)):
            told = self._http.files(f"{self._route}/batch/identify", packed, params=params)
            for (index, _, _), one in zip(packed, told["results"], strict=True):
                if one["problem"] is not None:
                    yield IdentifiedPicture(index, error=error_of(one["problem"], None))
                else:
                    yield IdentifiedPicture(index, values.identified(one["identified"]))

    def identify_video(
        self,
        film: str | os.PathLike[str],
        *,
        fpir: float | None = None,
        candidates: int = 5,
        progress: Callable[[int, int | None], None] | None = None,
        require_live: bool = False,
    ) -> Iterator[FilmTrack]:
        """Each track of a film with its name, as it is found. progress: frames done, and in all where known."""
        params: dict[str, Any] = {"gallery": self.name, "candidates": candidates, **asked_of(require_live)}
        if fpir is not None:
            params["fpir"] = fpir
        with opened(film) as file:
            headers = {"Content-Type": "application/octet-stream"}
            job = self._http.json("POST", "/v1/jobs/video", params=params, content=file, headers=headers)
        for row in self._http.rows(job["id"], progress):
            person = values.identification(row, None, -1)
            yield FilmTrack(row["track"], row["start"], row["end"], row["frames"], person)

    def people(self, search: str = "") -> tuple[Person, ...]:
        """Everybody, by name; or those with a text in their name."""
        return tuple(values.person(one) for one in self._http.items(f"{self._route}/persons", search=search))

    def person(self, name: str) -> Person:
        """One person, by name or id."""
        return values.person(self._http.json("GET", self._of(name)))

    def faces(self, name: str) -> tuple[Template, ...]:
        """The enrolled faces of a person."""
        return tuple(values.template(one) for one in self._http.json("GET", f"{self._of(name)}/faces")["items"])

    def crop(self, face: str) -> Image | None:
        """The aligned crop that was kept of a face, None if none was."""
        from vultus.images import read

        try:
            return read(self._http.answered("GET", f"{self._route}/faces/{part(face)}/image").content)
        except errors.NotFoundError as error:
            if "no crop" in str(error):
                return None
            raise

    def rename(self, name: str, new_name: str, *, reason: str = "") -> Person:
        """Give a person another name. reason: here and below, for the server's journal."""
        return self._changed("PATCH", self._of(name), reason, {"name": new_name})

    def merge(self, names: str | Iterable[str], into: str, *, reason: str = "") -> Person:
        """Make people one who were enrolled as several."""
        others = [names] if isinstance(names, str) else list(names)
        return self._changed("POST", f"{self._of(into)}/merge", reason, {"others": others})

    def split(self, name: str, faces: Iterable[str], new_name: str, *, reason: str = "") -> Person:
        """Make some faces of a person a new person."""
        return self._changed("POST", f"{self._of(name)}/split", reason, {"faces": list(faces), "name": new_name})

    def move_faces(self, faces: Iterable[str], to: str, *, reason: str = "") -> Person:
        """Give faces to another person."""
        return self._changed("POST", f"{self._of(to)}/faces/move", reason, {"faces": list(faces)})

    def remove_face(self, face: str, *, reason: str = "") -> Person:
        """Take one face out; its person stays."""
        return self._changed("DELETE", f"{self._route}/faces/{part(face)}", reason)

    def remove(self, name: str, *, reason: str = "") -> Person:
        """Take a person out with all their faces; who they were."""
        gone = self.person(name)
        self._http.json("DELETE", self._of(gone.id), params={"reason": reason})
        return gone

    def erase(self, name: str, *, reason: str = "") -> Receipt:
        """Take a person out and show that nothing of them is left in the gallery's folder."""
        told = self._http.json("POST", f"{self._route}/erase", json={"person": name, "reason": reason})
        return values.receipt(told)

    def finish_erasures(self) -> tuple[Receipt, ...]:
        """Take up erasures that were held up."""
        return tuple(values.receipt(one) for one in self._http.json("POST", f"{self._route}/erase/finish"))

    def reject(self, face: str, person: str, *, ordinal: int | None = None, undo: bool = False) -> None:
        """Remember that a face is not that person."""
        body = {"face": face, "person": person, "ordinal": ordinal, "undo": undo}
        self._http.json("POST", f"{self._route}/feedback", json=body)

    def _changed(self, method: str, route: str, reason: str, body: dict[str, Any] | None = None) -> Person:
        options: dict[str, Any] = {} if body is None else {"json": body}
        return values.person(self._http.json(method, route, params={"reason": reason}, **options))

    def _of(self, name: str) -> str:
        return f"{self._route}/persons/{part(name)}"


def asked_of(require_live: bool, challenge: str = "") -> dict[str, Any]:
    """Parameters that ask for living faces; none where nothing is asked, which older servers understand too."""
    asked: dict[str, Any] = {"require_live": True} if require_live else {}
    return asked | ({"challenge": challenge} if challenge else {})


def _enrolment(told: dict[str, Any]) -> Enrolment:
    """What became of a part of pictures, also where the server refused each of them."""
    return values.enrolment(told) if "added" in told else Enrolment(None, refused=values.refusals(told["refused"]))


def _too_large(packed: Packed, bounds: dict[str, Any]) -> Refused:
    _, name, data = packed
    return Refused(name, "too_large", f"expected a picture of at most {bounds['upload_bytes']} bytes, got {len(data)}")
