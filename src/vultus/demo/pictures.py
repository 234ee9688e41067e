"""Where the demonstration's photographs come from; each is checked by its hash.

They are members of packages on the Python package index and are never part of vultus. Only
NASA's portrait of Eileen Collins, which is in the public domain, comes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from vultus.types import WeightsSource
from vultus.weights import fetch

__all__ = ["PEOPLE", "PROBES", "Photograph", "fetch_photograph", "portrait"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture inside a package."""

    name: str
    shows: str  # for people who read the demonstration's table
    source: WeightsSource


def _from_face_recognition(name: str, sha256: str, size: int) -> WeightsSource:
    return WeightsSource(
        distribution="face_recognition",
        version="1.3.0",
        member=f"face_recognition-1.3.0/tests/test_images/{name}.jpg",
        sha256=sha256,
        archive_sha256="5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
        size=size,
        archive="sdist",
    )


def _from_insightface(name: str, sha256: str, size: int) -> WeightsSource:
    return WeightsSource(
        distribution="insightface",
        version="2.1",
        member=f"insightface/data/images/{name}",
        sha256=sha256,
        archive_sha256="dcd58ee79d99d689572477315f3149353afd65a36dc575f597cbb217a7bde399",
        size=size,
    )


PEOPLE = (
    Photograph(
        "Barack Obama",
        "official portrait, 2009",
        _from_face_recognition("obama", "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6", 279_922),
    ),
    Photograph(
        "Joe Biden",
        "official portrait, 2013",
        _from_face_recognition("biden", "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c", 353_723),
    ),
)

PROBES = (
    Photograph(
        "obama2.jpg",
        "one of them, years apart",
        _from_face_recognition("obama2", "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6", 184_455),
    ),
    Photograph(
        "obama3.jpg",
        "one of them, another year",
        _from_face_recognition("obama3", "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3", 595_944),
    ),
    Photograph(
        "obama_partial_face.jpg",
        "one of them, face cut off",
        _from_face_recognition(
            "obama_partial_face", "c2d1f09e7ef3042352b41e41286e6eb0522f64f88308be13886991b95db52117", 423_060
        ),
    ),
    Photograph(
        "t1.jpg",
        "six strangers",
        _from_insightface("t1.jpg", "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489", 128_824),
    ),
)


def fetch_photograph(photograph: Photograph) -> Path:
    """The checked file, fetched once. Refused (WeightsError): no index reached, another hash."""
    return fetch(photograph.source)


def portrait() -> bytes:
    """NASA's portrait of Eileen Collins (public domain), which is installed with vultus: JPEG, 512 x 512."""
    return files("vultus.demo").joinpath("eileen_collins.jpg").read_bytes()
