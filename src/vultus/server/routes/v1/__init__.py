"""The own API, version 1."""

from fastapi import APIRouter

from vultus.server.routes.v1 import (
    about,
    challenges,
    document,
    erasing,
    expression,
    faces,
    galleries,
    jobs,
    journal,
    keys,
    liveness,
    matching,
    migrating,
    people,
    transferring,
)

__all__ = ["router"]

router = APIRouter()
_PARTS = (
    about,
    matching,
    liveness,
    expression,
    document,
    challenges,
    galleries,
    transferring,
    migrating,
    people,
    faces,
    erasing,
    jobs,
    journal,
    keys,
)
for _part in _PARTS:
    router.routes.extend(_part.router.routes)
