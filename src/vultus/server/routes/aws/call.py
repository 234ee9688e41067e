"""One call of an operation: who asks for what, and what every operation needs of the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from vultus.analyzer import why_not_live
from vultus.errors import ImageTooLargeError
from vultus.gallery import Gallery
from vultus.models.quality import Level, gate
from vultus.server.auth import Caller
from vultus.server.batching import Picture
from vultus.server.policy import ScorePolicy
from vultus.server.routes.aws.details import model_version, reasons_of
from vultus.server.routes.aws.scale import Scale
from vultus.server.routes.aws.stored import StoredFace
from vultus.server.routes.aws.wire import Fault
from vultus.server.service import Service
from vultus.types import Reading, Refusal

__all__ = ["MOST_FACES", "Call", "Sorted", "scale_of"]

MOST_FACES = 100  # of one picture; the largest
_LISTED = 200  # ids in one entry of the journal
_LEVELS: dict[str, Level] = {"NONE": "none", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}

_Judged = tuple[int, Reading, tuple[Refusal, ...]]
_Bad = tuple[Reading, list[str]]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """The faces of a picture, largest first, and which of them are good enough."""

    picture: Picture
    good: tuple[tuple[int, Reading], ...]  # which face of the picture, and the face
    bad: tuple[tuple[Reading, list[str]], ...]  # with the reasons


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for what."""

    service: Service
    caller: Caller
    region: str
    fields: dict[str, Any]  # those that were given, checked

    @property
    def collection(self) -> str:
        """Name of the gallery."""
        return str(self.fields["CollectionId"])

    @property
    def version(self) -> str:
        """Number of the recognition model in use."""
        return model_version(self.service.analyzer.contract)

    async def on(self, work: Callable[Concatenate[Gallery, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with the collection's gallery, in a thread."""
        return await self.service.on(self.collection, work, *args, **kwargs)

    async def faces(self, name: str, default: str, *, live: bool = False) -> Sorted:
        """The faces of the picture in a field, by its QualityFilter.

        live: faces must be taken for living ones; they must too where the collection's switch or the server's asks.

        default: the filter where none is given; AUTO is MEDIUM for faces that are to be
        stored and LOW for others. Refused: over the key's own bound (ImageTooLargeError), no face that is taken for a
        living one where that is asked for (InvalidParameterException).
        """
        data: bytes = self.fields[name]
        bound = self.caller.key.upload_bytes or self.service.settings.upload_bytes
        if len(data) > bound:
            raise ImageTooLargeError(f"expected a picture of at most {bound} bytes, got {len(data)}")
        live = live or ("CollectionId" in self.fields and self.service.requires_live(self.collection))
        picture, readings = await self.service.read(data, live=live)
        chosen = self.fields.get("QualityFilter", default)
        level = _LEVELS.get(chosen, "medium" if default == "AUTO" else "low")
        judged = [(index, one, gate(one.quality, level)) for index, one in enumerate(readings[:MOST_FACES])]
        judged, absent = self._living(picture, judged, default) if live else (judged, ())
        return Sorted(
            picture,
            tuple((index, one) for index, one, refusals in judged if not refusals and one.embedding is not None),
            (*((one, reasons_of(refusals)) for _, one, refusals in judged if refusals), *absent),
        )

    def _living(self, picture: Picture, judged: list[_Judged], default: str) -> tuple[list[_Judged], tuple[_Bad, ...]]:
        """Those that are taken for living ones, and the others; when there are others only, they are refused."""
        living = [one for one in judged if picture.liveness[one[0]].live]
        others = [one for one in judged if not picture.liveness[one[0]].live]
        for index, _, _ in others:
            self.service.note_not_live(
                self.caller.key.id,
                "person.refuse" if default == "AUTO" else "identify",
                picture.liveness[index],
                gallery=self.fields.get("CollectionId", ""),
                picture=picture.sha256,
                face=index,
            )
        if others and not living:
            raise Fault("InvalidParameterException", why_not_live(picture.liveness[others[0][0]]))
        return living, tuple((one, ["LOW_FACE_QUALITY"]) for _, one, _ in others)

    def least(self, name: str, default: float) -> float:
        """The cosine that a threshold of 0 to 100 in a field asks for."""
        step = 10.0**-self.policy.decimals
        return scale_of(self.service).cosine(self.fields.get(name, default), step)

    def similarity(self, score: float, least: float) -> float:
        """A score that reached `least`, as it may be told. least: the larger of what is asked for and the floor."""
        told = self.policy.score(score, min(score, least))
        return scale_of(self.service).similarity(score if told is None else told)

    @property
    def policy(self) -> ScorePolicy:
        """What may be told."""
        return self.service.policy

    def note(self, action: str, **about: Any) -> None:
        """Write into the journal."""
        self.service.note(self.caller.key.id, action, gallery=self.fields.get("CollectionId", ""), **about)

    def note_faces(self, action: str, faces: Sequence[StoredFace], **about: Any) -> None:
        """Write what was done to some faces into the journal, whose entries hold 200 ids at most."""
        ids = [face.template.id for face in faces]
        for start in range(0, len(ids), _LISTED):
            self.note(action, faces=ids[start : start + _LISTED], **about)


_SCALES: WeakKeyDictionary[Service, Scale] = WeakKeyDictionary()


def scale_of(service: Service) -> Scale:
    """The scale of the service's model."""
    if service not in _SCALES:
        _SCALES[service] = Scale.of(service.operating)
    return _SCALES[service]
