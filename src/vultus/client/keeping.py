"""A gallery on a server as a whole: looked at, checked, changed, copied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from vultus import errors
from vultus.client import values
from vultus.client.http import Http, part, write_stream
from vultus.client.pictures import opened
from vultus.client.values import GalleryNumbers
from vultus.gallery import Check, Export, Import, Migration
from vultus.types import OperatingPoint

if TYPE_CHECKING:
    from vultus.gallery.exporting import Progress
    from vultus.gallery.importing import OnConflict
    from vultus.gallery.values import Keep

__all__ = ["RemoteKeeping"]


class RemoteKeeping:
    """What is done to a gallery on a server as a whole."""

    def __init__(self, http: Http, name: str) -> None:
        """See `Client.gallery`."""
        self._http = http
        self.name = name
        self._route = f"/v1/galleries/{part(name)}"

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

    def change(
        self,
        *,
        description: str | None = None,
        keep: Keep | None = None,
        fpir: float | None = None,
        fmr: float | None = None,
        require_live: bool | None = None,
        reason: str = "",
    ) -> GalleryNumbers:
        """Change the gallery's settings; None leaves one as it is. keep: of faces that are enrolled from now on."""
        rates = {name: rate for name, rate in (("fpir", fpir), ("fmr", fmr)) if rate is not None}
        wanted = {"description": description, "keep": keep, "rates": rates or None, "require_live": require_live}
        body = {name: value for name, value in wanted.items() if value is not None}
        return values.numbers(self._http.json("PATCH", self._route, json=body, params={"reason": reason}))

    def migrate(
        self,
        *,
        accept_losses: bool = False,
        keep_old: bool = False,
        reason: str = "",
        progress: Progress | None = None,
    ) -> Migration:
        """Embed everybody anew with the server's model; returns when it is done. See `vultus.Gallery.migrate`.

        Refused (ConflictError): a gallery of that model already, or with nobody in it. ServiceError with the code
        "migration_refused": people would be lost, or the new model finds people worse.
        """
        body = {"accept_losses": accept_losses, "keep_old": keep_old, "reason": reason}
        job = self._http.json("POST", f"{self._route}/migrations", json=body)
        (row,) = self._http.rows(job["id"], None if progress is None else lambda done, of: progress(done, of or done))
        told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
        return Migration(**values.only(Migration, told))

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        passphrase: str | None = None,
        clear: bool = False,
    ) -> Export:
        """Write the gallery to one file, readable by its owner only; under a passphrase, or in the clear.

        Refused: a file that is there (ConflictError, without `overwrite`), a sealed gallery with neither a passphrase
        nor `clear` (InputError), one with nobody in it (ConflictError).
        """
        if Path(path).exists() and not overwrite:
            raise errors.ConflictError(f"expected a new file, {path} is there; choose another name or overwrite it")
        headers = _passphrase(passphrase)
        params = {"clear": clear}
        with self._http.stream("GET", f"{self._route}/export", headers=headers, params=params) as response:
            size, told = write_stream(path, response), response.headers
        counts = {name: int(told[f"x-{name}"]) for name in ("people", "templates", "crops")}
        return Export(str(os.fspath(path)), **counts, bytes=size, sealed=told["x-sealed"] == "true")

    def import_(
        self,
        path: str | os.PathLike[str],
        *,
        on_conflict: OnConflict = "refuse",
        passphrase: str | None = None,
    ) -> Import:
        """Take in the people of an exported file: all of them or none."""
        with opened(path) as file:
            headers = {"Content-Type": "application/octet-stream", **_passphrase(passphrase)}
            params = {"on_conflict": on_conflict}
            told = self._http.json("POST", f"{self._route}/import", params=params, content=file, headers=headers)
        return Import(**values.only(Import, told))


def _passphrase(passphrase: str | None) -> dict[str, str]:
    return {} if passphrase is None else {"X-Passphrase": quote(passphrase, safe="")}
