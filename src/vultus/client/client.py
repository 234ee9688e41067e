"""A server: pictures read and compared, galleries made and opened, jobs, keys and the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Self

from vultus.client import values
from vultus.client.gallery import RemoteGallery, asked_of
from vultus.client.http import Http, part, write_stream
from vultus.client.jobs import JobInfo, RemoteJob
from vultus.client.problems import error_of
from vultus.client.values import JournalCheck, JournalEntry, KeyInfo, NewKey, RemoteVerification, SortedFace
from vultus.types import Expression, Face, Liveness, Reading

if TYPE_CHECKING:
    from vultus.gallery.values import Keep
    from vultus.images import Source
    from vultus.integrity.quality import DocumentQuality
    from vultus.models.quality import Level

__all__ = ["Client"]


class Client:
    """A server, by its address and a key. May be used by several threads.

    Verbs that the library has too have its names, parameters and values; a similarity that the
    server withholds is None. Needs the package httpx (MissingExtraError): pip install 'vultus[client]'.
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        verify: bool | str = True,
    ) -> None:
        """timeout: seconds for an answer.

        retries: when the server is busy, after as long as it asks for, or cannot be reached; what changes
        something carries an `Idempotency-Key`, so that it is done once. verify: the certificate against the
        system's authorities, or against a file of them.
        """
        self._http = Http(address, key, timeout=timeout, retries=retries, verify=verify)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def idempotent(self, name: str) -> AbstractContextManager[None]:
        """Changes within the block are done once for this name, also when the program is started again.

        The server keeps answers for a day by the name and the place of the call in the block: the same
        calls in the same order get the answers of the first time. Keys, films and imports are left out.
        Refused (InputError): a name that is not 1 to 200 printable ASCII characters.
        """
        return self._http.idempotent(name)

    # pictures

    def detect(self, image: Source) -> tuple[Face, ...]:
        """Every face of a picture, the largest first; see `vultus.Analyzer.detect`."""
        return tuple(reading.face for reading in self.analyze(image, embed=False))

    def analyze(self, image: Source, *, gate: Level = "low", embed: bool = True) -> tuple[Reading, ...]:
        """Every face of a picture with its readings, the largest first; see `vultus.analyze`.

        gate: behind `Reading.refusals`. embed: with the embeddings. Crops are not sent: `Reading.aligned` is None.
        """
        route = "/v1/embed" if embed else "/v1/detect"
        found = self._http.pictures(route, {"image": [image]}, params={"gate": gate})
        return tuple(values.reading(face) for face in found["faces"])

    def analyze_many(
        self, images: Iterable[Source], *, gate: Level = "low", embed: bool = True
    ) -> Iterator[tuple[Reading, ...]]:
        """The readings of many pictures, in their order, some at a request; an error appears at its picture's place."""
        route = "/v1/batch/embed" if embed else "/v1/batch/detect"
        for packed in self._http.parts(images):
            for one in self._http.files(route, packed, params={"gate": gate})["results"]:
                if one["problem"] is not None:
                    raise error_of(one["problem"], None)
                yield tuple(values.reading(face) for face in one["read"]["faces"])

    def liveness(self, image: Source) -> tuple[Liveness, ...]:
        """Whether each face of a picture is there in person, the largest face first; see `vultus.Analyzer.liveness`.

        Evidence, not proof: silicone masks, make-up and injected video are not covered.
        """
        told = self._http.pictures("/v1/liveness", {"image": [image]})
        return tuple(values.liveness(one["liveness"]) for one in told["faces"])

    def expressions(self, image: Source) -> tuple[Expression, ...]:
        """What each face of a picture shows, the largest face first; see `vultus.Analyzer.expressions`.

        Never what the person feels. Refused (ServiceError): a server that reads none.
        """
        told = self._http.pictures("/v1/expression", {"image": [image]})
        return tuple(values.expression(one["expression"]) for one in told["faces"])

    def document_quality(self, image: Source, profile: Literal["icao", "capture"] = "icao") -> DocumentQuality:
        """How far a picture is fit for a document; see `vultus.integrity.quality.assess`.

        profile: a finished passport photo, or a picture before the cut. Of several faces the largest is
        measured, and SingleFacePresent fails. Refused: a picture without a face (NoFaceError). A research
        estimate; whether a photo is accepted, the issuing authority decides.
        """
        told = self._http.pictures("/v1/document/quality", {"image": [image]}, params={"profile": profile})
        return values.document_quality(told)

    def verify(
        self,
        first: Source,
        second: Source,
        *,
        fmr: float = 1e-3,
        faces: str | int = "main",
        gate: Level = "low",
        require_live: bool = False,
        challenge: str = "",
    ) -> RemoteVerification:
        """Compare the faces of two pictures at a stated false match rate; see `vultus.verify`.

        require_live: the second must be there in person; one that is not taken for it is refused
        (FaceRefusedError). challenge: id of a live check that the second passed.
        """
        params: dict[str, Any] = {"fmr": fmr, "faces": str(faces), "gate": gate, **asked_of(require_live, challenge)}
        told = self._http.pictures("/v1/verify", {"first": [first], "second": [second]}, params=params)
        return values.verification(told)

    def cluster(
        self,
        images: Iterable[Source],
        *,
        fmr: float = 1e-4,
        gate: Level = "low",
        progress: Callable[[int, int | None], None] | None = None,
    ) -> tuple[SortedFace, ...]:
        """Sort the unknown faces of pictures into people; see `vultus.cluster`. fmr: of the threshold."""
        job = self._http.pictures("/v1/jobs/cluster", {"image": list(images)}, params={"fmr": fmr, "gate": gate})
        return tuple(_sorted_face(row) for row in self._http.rows(job["id"], progress))

    # galleries

    def galleries(self) -> tuple[str, ...]:
        """Names of the galleries that the key is for."""
        return tuple(item["name"] for item in self._http.items("/v1/galleries"))

    def create_gallery(
        self, name: str, *, keep: Keep = "aligned", description: str = "", require_live: bool = False
    ) -> RemoteGallery:
        """Make a gallery; a name that is taken is refused (ConflictError). require_live: of all of its faces."""
        body = {"name": name, "keep": keep, "description": description, "require_live": require_live}
        self._http.json("POST", "/v1/galleries", json=body)
        return self.gallery(name)

    def delete_gallery(self, name: str, *, reason: str = "") -> None:
        """Delete a gallery with everybody in it."""
        self._http.json("DELETE", f"/v1/galleries/{part(name)}", params={"reason": reason})

    def gallery(self, name: str) -> RemoteGallery:
        """A gallery by its name; the server is not asked yet."""
        return RemoteGallery(self._http, name)

    # the server

    def bounds(self) -> dict[str, Any]:
        """Every bound that a request of this key can be refused for, by name; asked for once."""
        return dict(self._http.bounds)

    def models(self) -> dict[str, Any]:
        """The recogniser in use (`model`, `model_contract`, `dimension`) and the cards of all (`models`)."""
        found: dict[str, Any] = self._http.json("GET", "/v1/models")
        return found

    def jobs(self) -> tuple[JobInfo, ...]:
        """Jobs of this key, or all for an administrator's."""
        return tuple(JobInfo.of(told) for told in self._http.json("GET", "/v1/jobs"))

    def job(self, identity: str) -> RemoteJob:
        """A job by its id; the server is not asked yet."""
        return RemoteJob(self._http, identity)

    # keys

    def me(self) -> KeyInfo:
        """The key that is asking."""
        return values.key(self._http.json("GET", "/v1/me"))

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys, also those that are revoked."""
        return tuple(values.key(told) for told in self._http.items("/v1/keys"))

    def create_key(
        self,
        role: str,
        *,
        galleries: Iterable[str] = ("*",),
        label: str = "",
        days: float | None = None,
        kind: str = "api",
        rate: float | None = None,
        upload_bytes: int | None = None,
    ) -> NewKey:
        """Make a key; its secret is in this answer alone. days: until it expires; None: never."""
        body = {
            "role": role,
            "galleries": list(galleries),
            "label": label,
            "days": days,
            "kind": kind,
            "rate": rate,
            "upload_bytes": upload_bytes,
        }
        return _new_key(self._http.json("POST", "/v1/keys", json=body, once=False))

    def revoke_key(self, identity: str, *, reason: str = "") -> KeyInfo:
        """Make a key worthless, at once."""
        return values.key(self._http.json("DELETE", f"/v1/keys/{part(identity)}", params={"reason": reason}))

    def rotate_key(self, identity: str, *, overlap_hours: float = 0.0) -> NewKey:
        """A new key with the same rights; the old one ends after the overlap."""
        body = {"overlap_hours": overlap_hours}
        return _new_key(self._http.json("POST", f"/v1/keys/{part(identity)}/rotate", json=body, once=False))

    # the journal

    def journal(
        self,
        *,
        gallery: str | None = None,
        action: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        newest_first: bool = False,
    ) -> Iterator[JournalEntry]:
        """Who did what to whom and why; for auditors and administrators."""
        asked = {"gallery": gallery, "action": action, "actor": actor, "target": target, "newest_first": newest_first}
        params = {name: value for name, value in asked.items() if value is not None}
        return (JournalEntry(**values.only(JournalEntry, told)) for told in self._http.items("/v1/journal", **params))

    def journal_head(self) -> str:
        """The end of the journal's chain, seq:hash, to be kept elsewhere."""
        return _head(self._http.json("GET", "/v1/journal/head"))

    def verify_journal(self, head: str | None = None) -> JournalCheck:
        """Walk along the journal's chain on the server; head: one that was kept, which must still be in it."""
        told = self._http.json("GET", "/v1/journal/verify", params={} if head is None else {"head": head})
        return JournalCheck(told["ok"], told["entries"], _head(told["head"]), tuple(told["findings"]))

    def export_journal(self, path: str | os.PathLike[str]) -> int:
        """Write all entries as JSON lines, for `vultus audit-log verify --lines`; the bytes written."""
        with self._http.stream("GET", "/v1/journal/export") as response:
            return write_stream(path, response)


def _new_key(told: dict[str, Any]) -> NewKey:
    return NewKey(values.key(told["key"]), told["secret"])


def _head(told: dict[str, Any]) -> str:
    return f"{told['seq']}:{told['hash']}"


def _sorted_face(row: dict[str, Any]) -> SortedFace:
    if "problem" in row:
        return SortedFace(row["picture"], error=error_of(row["problem"], None))
    return SortedFace(row["picture"], row["ordinal"], row["cluster"], values.reading(row["face"]))
