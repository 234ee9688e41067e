"""The own API, version 1."""

from fastapi import APIRouter

from vultus.server.routes.v1 import about, erasing, faces, galleries, jobs, journal, keys, matching, people

__all__ = ["router"]

router = APIRouter()
for _part in (about, matching, galleries, people, faces, erasing, jobs, journal, keys):
    router.routes.extend(_part.router.routes)
