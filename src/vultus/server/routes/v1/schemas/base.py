"""What all bodies and answers of `/v1` are made of."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = [
    "LONGEST_LINE",
    "LONGEST_NAME",
    "MOST_IDS",
    "PROBLEMS",
    "Answer",
    "Asked",
    "Ids",
    "Line",
    "Name",
    "Page",
    "Reason",
]

Item = TypeVar("Item")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected printable characters on one line")
    return text


MOST_IDS = 100
LONGEST_NAME = 255
LONGEST_LINE = 500

Line = Annotated[str, Field(max_length=LONGEST_LINE), AfterValidator(_printable)]  # as the journal takes it
Reason = Annotated[Line, Query(description="Why, for the journal.")]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Ids = Annotated[list[Name], Field(min_length=1, max_length=MOST_IDS)]


class Asked(BaseModel):
    """Of every body here: nothing beside the fields."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """Of every model here: nothing beside the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Answer, Generic[Item]):
    """Part of a list."""

    items: list[Item]
    next: str | None = Field(description="The `cursor` of the next part; null: this was the last.")
    revision: int | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}},
    }
}
