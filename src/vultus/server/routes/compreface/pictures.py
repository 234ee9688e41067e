"""Pictures of a request, their faces, and how these are shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request

from vultus.analyzer import why_not_live
from vultus.errors import ImageTooLargeError, InputError, NoFaceError, TooManyFacesError
from vultus.server.batching import Picture
from vultus.server.routes.compreface.access import IMAGE_BYTES, Visit
from vultus.server.routes.compreface.wire import Code, Fault
from vultus.server.routes.v1.uploads import Upload, media_type, uploaded
from vultus.types import Reading

__all__ = ["DetProb", "Limit", "Plugins", "Seen", "Status", "answer", "look", "one_face", "shown", "uploads"]

DetProb = Annotated[float | None, Query(ge=0, le=1)]
Limit = Annotated[int, Query(ge=0)]
Plugins = Annotated[str, Query(max_length=200)]
Status = Annotated[bool, Query()]

_READ = {"calculator", "landmarks", "pose"}
_ABSENT = {
    "age",
    "gender",
    "mask",
    "landmarks2d106",
}  # the original has them as extras, too; not asked of any model here


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The faces of a picture that are asked for, largest first."""

    picture: Picture
    readings: tuple[Reading, ...]  # all of the picture
    chosen: tuple[int, ...]  # of these, which are asked for
    milliseconds: float  # from the queue to the embeddings

    @property
    def faces(self) -> tuple[Reading, ...]:
        """Those that are asked for."""
        return tuple(self.readings[index] for index in self.chosen)


async def uploads(request: Request, visit: Visit, *names: str) -> list[Upload]:
    """The pictures in these fields, each once.

    Refused: a field that is missing (400, code 34), no picture (400, code 21), over 5 MiB (413).
    """
    try:
        found = await uploaded(request, visit.caller, names, most=len(names))
        pictures = [found.one(name) for name in names]
    except InputError as error:
        if type(error) is not InputError:
            raise
        number = Code.NO_PART if media_type(request) == "multipart/form-data" else Code.VALIDATION
        raise Fault(400, number, str(error)) from error
    for picture in pictures:
        if len(picture.data) > IMAGE_BYTES:
            raise ImageTooLargeError(f"expected a picture of at most {IMAGE_BYTES} bytes, got {len(picture.data)}")
    return pictures


async def look(visit: Visit, upload: Upload, det_prob: float | None, limit: int = 0, *, decides: str = "") -> Seen:
    """Read a picture. det_prob: least confidence of a face. limit: how many, the largest; 0: all.

    decides: what is decided about its faces, as the journal calls it; then they must be taken for living ones where
    the gallery or the server asks for it. Refused (400, code 36): no face that is.
    """
    start = time.perf_counter()
    live = bool(decides) and visit.service.requires_live(visit.gallery)
    picture, readings = await visit.service.read(upload.data, live=live)
    milliseconds = (time.perf_counter() - start) * 1000
    chosen = [index for index, one in enumerate(readings) if det_prob is None or one.face.score >= det_prob]
    if not chosen:
        raise NoFaceError("No face is found in the given image")
    if live:
        chosen = _living(visit, picture, chosen, decides)
    return Seen(picture, readings, tuple(chosen[:limit] if limit else chosen), milliseconds)


def _living(visit: Visit, picture: Picture, chosen: list[int], decides: str) -> list[int]:
    """Those of the faces that are taken for living ones; the others are noted."""
    living = [index for index in chosen if picture.liveness[index].live]
    others = [index for index in chosen if index not in living]
    for index in others:
        visit.service.note_not_live(
            visit.caller.key.id,
            decides,
            picture.liveness[index],
            gallery=visit.gallery,
            picture=picture.sha256,
            face=index,
        )
    if not living:
        raise Fault(400, Code.ARGUMENT, why_not_live(picture.liveness[others[0]]))
    return living


def one_face(seen: Seen) -> int:
    """The only face; several are refused (TooManyFacesError)."""
    if len(seen.chosen) > 1:
        raise TooManyFacesError(f"expected one face in the given image, found {len(seen.chosen)}")
    return seen.chosen[0]


def shown(seen: Seen, reading: Reading, plugins: str, status: bool) -> dict[str, Any]:
    """A face with its box and what the plugins add.

    Refused (400, code 36): a plugin that nobody knows; those that no model is here for add nothing.
    """
    wanted = {name.strip() for name in plugins.split(",") if name.strip()}
    if unknown := wanted - _READ - _ABSENT:
        raise Fault(
            400, Code.ARGUMENT, f"expected plugins out of {', '.join(sorted(_READ))}, got {sorted(unknown)[0]!r}"
        )
    x1, y1, x2, y2 = reading.face.box.clip(seen.picture.size_wh).round()
    box = {"probability": round(float(reading.face.score), 5), "x_min": x1, "y_min": y1, "x_max": x2, "y_max": y2}
    told: dict[str, Any] = {"box": box}
    if "landmarks" in wanted:
        told["landmarks"] = [[round(float(x)), round(float(y))] for x, y in reading.face.landmarks]
    if "pose" in wanted:
        pose = reading.quality.pose
        told["pose"] = {"pitch": round(pose.pitch, 5), "roll": round(pose.roll, 5), "yaw": round(pose.yaw, 5)}
    if "calculator" in wanted and reading.embedding is not None:
        told["embedding"] = [float(value) for value in reading.embedding]
    if status:
        # Faces of many requests are found and embedded together: there is one time for both.
        told["execution_time"] = {"detector": round(seen.milliseconds, 1)}
    return told


def answer(visit: Visit, result: Sequence[dict[str, Any]], status: bool) -> dict[str, Any]:
    """The result, with the models' names when the status is asked for."""
    told: dict[str, Any] = {"result": list(result)}
    if status:
        told["plugins_versions"] = versions(visit)
    return told


def versions(visit: Visit) -> dict[str, str]:
    """The recognition model, by its contract."""
    contract = visit.service.analyzer.contract
    return {"calculator": f"{contract.model}.{contract.weights_sha256[:8]}"}
