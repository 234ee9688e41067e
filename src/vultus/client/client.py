"""A server: pictures read and compared, galleries made and opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from vultus.client import values
from vultus.client.gallery import RemoteGallery
from vultus.client.http import Http, part
from vultus.client.values import RemoteVerification
from vultus.types import Reading

if TYPE_CHECKING:
    from vultus.images import Source
    from vultus.models.quality import Level

__all__ = ["Client"]


class Client:
    """A server, by its address and a key. May be used by several threads."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        verify: bool | str = True,
    ) -> None:
        """timeout: seconds for an answer. retries: when the server is busy, as it asks for.

        verify: the certificate against the system's authorities, or against a file of them.
        """
        self._http = Http(address, key, timeout=timeout, retries=retries, verify=verify)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def analyze(self, image: Source, *, gate: Level = "low", embed: bool = False) -> tuple[Reading, ...]:
        """Every face of a picture with its readings, the largest first. embed: with the embeddings."""
        route = "/v1/embed" if embed else "/v1/detect"
        found = self._http.pictures(route, {"image": [image]}, params={"gate": gate})
        return tuple(values.reading(face) for face in found["faces"])

    def verify(
        self, first: Source, second: Source, *, fmr: float = 1e-3, faces: str | int = "main", gate: Level = "low"
    ) -> RemoteVerification:
        """Compare the faces of two pictures at a stated false match rate; see `vultus.verify`."""
        params = {"fmr": fmr, "faces": str(faces), "gate": gate}
        told = self._http.pictures("/v1/verify", {"first": [first], "second": [second]}, params=params)
        return RemoteVerification(
            told["status"],
            told["score"],
            told["fmr"],
            values.point(told["operating"]),
            values.reading(told["first"]["face"]),
            values.reading(told["second"]["face"]),
        )

    def cluster(self, images: Iterable[Source], *, fmr: float = 1e-4, gate: Level = "low") -> list[dict[str, Any]]:
        """Sort the unknown faces of pictures into people: a row a face, with `picture`, `ordinal`, `cluster`."""
        job = self._http.pictures("/v1/jobs/cluster", {"image": list(images)}, params={"fmr": fmr, "gate": gate})
        return list(self._http.rows(job["id"]))

    def galleries(self) -> tuple[str, ...]:
        """Names of the galleries that the key is for."""
        return tuple(item["name"] for item in self._http.items("/v1/galleries"))

    def create_gallery(self, name: str, *, keep: str = "aligned") -> RemoteGallery:
        """Make a gallery; a name that is taken is refused (ConflictError)."""
        self._http.json("POST", "/v1/galleries", json={"name": name, "keep": keep})
        return self.gallery(name)

    def delete_gallery(self, name: str, *, reason: str = "") -> None:
        """Delete a gallery with everybody in it."""
        self._http.json("DELETE", f"/v1/galleries/{part(name)}", params={"reason": reason})

    def gallery(self, name: str) -> RemoteGallery:
        """A gallery by its name; the server is not asked yet."""
        return RemoteGallery(self._http, name)
