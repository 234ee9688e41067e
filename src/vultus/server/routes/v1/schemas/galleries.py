"""Galleries as a whole, and the keys to them."""

from __future__ import annotations

from pydantic import Field

from vultus.server.points import LEAST_RATE
from vultus.server.routes.v1.schemas.base import Answer, Asked
from vultus.server.routes.v1.schemas.decisions import OperatingPoint

__all__ = ["Check", "Contract", "Double", "ErrorRates", "Finding", "Gallery", "Key"]


class ErrorRates(Asked):
    """What the gallery's answers may get wrong."""

    fpir: float = Field(0.01, ge=LEAST_RATE, le=0.5, description="Share of strangers' searches that may name somebody.")
    fmr: float = Field(
        0.001, ge=LEAST_RATE, le=0.5, description="Share of pairs of different people that may pass as one."
    )


class Contract(Answer):
    """What embeddings may be compared with: their model, and how it saw the faces."""

    model: str
    weights_sha256: str
    dimension: int
    align: str
    colour: str
    normalise: str
    scale: str


class Gallery(Answer):
    """A gallery in numbers."""

    name: str
    description: str
    id: str
    people: int
    templates: int
    crops: int
    bytes: int
    revision: int
    schema_version: int = Field(description="Of its database.")
    created: str
    keep: str = Field(description="Whether face crops are kept, aligned or none.")
    sealed: bool = Field(description="Encrypted at rest.")
    require_live: bool = Field(description="Faces must be taken for living ones, by the gallery's switch or for all.")
    model: str | None
    model_contract: str | None
    contract: Contract | None
    other_contracts: int = Field(description="Sets of embeddings of other models: a migration, or an old set kept.")
    snapshot: bool = Field(description="An index lies on the disk, from which it opens faster.")
    pending_erasures: int
    rates: ErrorRates
    operating: OperatingPoint | None


class Finding(Answer):
    """One thing that is wrong, or that could not be settled."""

    code: str
    detail: str
    broken: bool


class Double(Answer):
    """Two people who may be one."""

    first: str
    second: str
    score: float
    threshold: float


class Check(Answer):
    """What a look at the whole gallery found."""

    ok: bool
    revision: int
    people: int
    templates: int
    crops: int
    findings: list[Finding]
    doubles: list[Double]


class Key(Answer):
    """What is known of a key."""

    id: str
    role: str
    galleries: list[str]
    kind: str
    label: str
    created: str
    expires: str | None
    last_used: str | None
    revoked: str | None
    rate: float | None
    upload_bytes: int | None
