"""People, what became of their pictures, and the proof that they were erased."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from vultus.server.routes.v1.schemas.base import Answer
from vultus.server.routes.v1.schemas.readings import Box, Liveness, NotLive, Refusal

__all__ = ["Enrolment", "Note", "Person", "ProblemBody", "Receipt", "Refused", "Template"]


class Person(Answer):
    """Somebody whom the gallery knows."""

    id: str
    name: str
    templates: int
    created: str
    aliases: list[str]
    cover: str | None = Field(description="A face to show them by: the first that has a crop; null: there is none.")


class Template(Answer):
    """One enrolled face."""

    id: str
    person: str
    source: str | None
    sha256: str | None
    ordinal: int | None
    box: Box | None
    quality: float | None
    created: str
    crop: bool
    forced: bool


class Refused(Answer):
    """A picture that was not enrolled."""

    source: str
    code: str
    reason: str
    refusals: list[Refusal]
    person: str | None
    score: float | None


class Note(Answer):
    """Something to look at."""

    source: str
    text: str


class Enrolment(Answer):
    """What became of the pictures."""

    person: Person | None
    added: list[Template]
    unchanged: list[str]
    refused: list[Refused]
    notes: list[Note]
    revision: int
    liveness: list[Liveness] = Field([], description="Of the faces that were meant, where it was asked for.")


class Receipt(Answer):
    """Proof that a person was erased."""

    model_config = ConfigDict(extra="allow", frozen=True)

    status: str
    person: str
    templates: int
    crops: int
    revision_before: int
    revision_after: int
    at: str


class ProblemBody(Answer):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] | None = None
    refused: list[Refused] | None = None
    liveness: NotLive | None = None
