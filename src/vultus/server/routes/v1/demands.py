"""What a request asks of the faces on its pictures: that they are taken for living ones, or stood a live check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query

from vultus.server.auth import Caller
from vultus.server.batching import Picture
from vultus.server.livechecks import Passed
from vultus.server.living import Demand, vouched
from vultus.server.points import Rates
from vultus.server.service import Service
from vultus.types import Liveness, Reading

__all__ = ["ChallengeName", "RequireLive", "demanded", "judged", "taken"]

RequireLive = Annotated[
    bool,
    Query(description="Refuse faces that are not taken for living ones, or that cannot be judged; see /v1/liveness."),
]
ChallengeName = Annotated[
    str,
    Query(
        max_length=64,
        description="A live check that this key passed within two minutes, which is used up: only the face that did it "
        "is accepted. Its pictures are judged by themselves as well.",
    ),
]


def demanded(service: Service, gallery: str, require_live: bool, challenge: str = "") -> Demand:
    """What holds for a request: its own words, the gallery's switch, or the server's."""
    return Demand(require_live or service.requires_live(gallery), challenge)


def taken(service: Service, caller: Caller, demand: Demand) -> Passed | None:
    """The live check that a request names, which is used up; None: it names none."""
    return service.checks.use(caller.key.id, demand.challenge) if demand.challenge else None


def judged(
    service: Service, passed: Passed | None, picture: Picture, readings: Sequence[Reading]
) -> tuple[Liveness, ...]:
    """An answer for each face of a picture that was read with `live`."""
    if passed is None:
        return picture.liveness
    return vouched(passed, readings, picture.liveness, service.operating.verify(Rates().fmr).threshold)
