"""A gallery on a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from vultus import errors
from vultus.client import values
from vultus.client.http import Http, part
from vultus.client.values import FilmTrack, GalleryNumbers
from vultus.gallery import Check, Enrolment, Identification, Import, Person, Receipt, Template
from vultus.types import Image, OperatingPoint

if TYPE_CHECKING:
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["RemoteGallery"]


class RemoteGallery:
    """A gallery on a server: the verbs of `vultus.Gallery`."""

    def __init__(self, http: Http, name: str) -> None:
        """See `Client.gallery`."""
        self._http = http
        self.name = name
        self._route = f"/v1/galleries/{part(name)}"

    def enroll(
        self,
        name: str,
        images: Source | Iterable[Source],
        *,
        faces: str | int = "main",
        gate: Level = "medium",
        force: bool = False,
    ) -> Enrolment:
        """Add pictures of a person, who is made with the first that can be used.

        Unlike the library's it refuses (as `Enrolment.require`) when no picture can be used.
        """
        params = {"faces": str(faces), "gate": gate, "force": force}
        given = {"image": _each(images)}
        told = self._http.pictures(f"{self._route}/persons", given, data={"name": name}, params=params)
        return values.enrolment(told)

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
    ) -> tuple[Identification, ...]:
        """Say of each face of a picture who it is, or that it is nobody whom the gallery knows.

        fpir: None takes the gallery's; a looser one needs an administrator's key.
        """
        params = {
            "candidates": candidates,
            "faces": str(faces),
            "gate": gate,
            "allow_repeat": allow_repeat,
            "margin": margin,
        }
        if fpir is not None:
            params["fpir"] = fpir
        told = self._http.pictures(f"{self._route}/identify", {"image": [image]}, params=params)
        operating = None if told["operating"] is None else values.point(told["operating"])
        return tuple(values.identification(one, operating, told["revision"]) for one in told["faces"])

    def identify_video(
        self,
        film: str | os.PathLike[str],
        *,
        fpir: float | None = None,
        candidates: int = 5,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> Iterator[FilmTrack]:
        """Each track of a film with its name, as it is found. progress: frames done, and in all where known."""
        params: dict[str, Any] = {"gallery": self.name, "candidates": candidates}
        if fpir is not None:
            params["fpir"] = fpir
        with Path(film).open("rb") as file:
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

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name."""
        return values.person(self._http.json("PATCH", self._of(name), json={"name": new_name}))

    def merge(self, names: str | Iterable[str], into: str) -> Person:
        """Make people one who were enrolled as several."""
        others = [names] if isinstance(names, str) else list(names)
        return values.person(self._http.json("POST", f"{self._of(into)}/merge", json={"others": others}))

    def split(self, name: str, faces: Iterable[str], new_name: str) -> Person:
        """Make some faces of a person a new person."""
        body = {"faces": list(faces), "name": new_name}
        return values.person(self._http.json("POST", f"{self._of(name)}/split", json=body))

    def move_faces(self, faces: Iterable[str], to: str) -> Person:
        """Give faces to another person."""
        return values.person(self._http.json("POST", f"{self._of(to)}/faces/move", json={"faces": list(faces)}))

    def remove_face(self, face: str) -> Person:
        """Take one face out; its person stays."""
        return values.person(self._http.json("DELETE", f"{self._route}/faces/{part(face)}"))

    def remove(self, name: str, *, reason: str = "") -> None:
        """Take a person out with all their faces."""
        self._http.json("DELETE", self._of(name), params={"reason": reason})

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

    def stats(self) -> GalleryNumbers:
        """The gallery in numbers."""
        return values.numbers(self._http.json("GET", self._route))

    def check(self) -> Check:
        """Look at everything; also lists people who look like one person."""
        return values.check(self._http.json("GET", f"{self._route}/check"))

    def choose_rates(self, *, fpir: float = 0.01, fmr: float = 0.001) -> OperatingPoint:
        """Choose the error rates of the gallery; the threshold of a search that follows."""
        told = self._http.json("PUT", f"{self._route}/operating-point", json={"fpir": fpir, "fmr": fmr})
        return values.point(told["identify"])

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the gallery to one file, readable by its owner only and not encrypted; its bytes."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file, self._http.stream("GET", f"{self._route}/export") as response:
            for piece in response.iter_bytes():
                file.write(piece)
            return file.tell()

    def import_(self, path: str | os.PathLike[str], *, on_conflict: str = "refuse") -> Import:
        """Take in the people of an exported file: all of them or none."""
        with Path(path).open("rb") as file:
            headers = {"Content-Type": "application/octet-stream"}
            params = {"on_conflict": on_conflict}
            told = self._http.json("POST", f"{self._route}/import", params=params, content=file, headers=headers)
        told.pop("revision")
        return Import(**told)

    def _of(self, name: str) -> str:
        return f"{self._route}/persons/{part(name)}"


def _each(images: Source | Iterable[Source]) -> list[Source]:
    """One picture or several; folders become their pictures."""
    from vultus.images import is_url, walk

    alone = isinstance(images, str | os.PathLike | bytes | np.ndarray) or hasattr(images, "getexif")
    found: list[Source] = []
    for item in [cast("Source", images)] if alone else cast("Iterable[Source]", images):
        if isinstance(item, str | os.PathLike) and not is_url(item):
            found += walk([item])
        else:
            found.append(item)
    return found
