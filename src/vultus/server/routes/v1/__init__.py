"""The own API, version 1."""

from fastapi import APIRouter

from vultus.server.routes.v1 import (
    about,
    challenges,
    erasing,
    faces,
    galleries,
    jobs,
    journal,
    keys,
    liveness,
    matching,
    migrating,
    people,
)

__all__ = ["router"]

router = APIRouter()
for _part in (about, matching, liveness, challenges, galleries, migrating, people, faces, erasing, jobs, journal, keys):
    router.routes.extend(_part.router.routes)
