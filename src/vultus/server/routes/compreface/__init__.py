"""The API of CompreFace on our galleries: its SDKs work with the key of one gallery."""

from fastapi import APIRouter

from vultus.server.routes.compreface import detection, embeddings, examples, recognition, subjects
from vultus.server.routes.compreface.wire import add_voice

__all__ = ["add_voice", "router"]

router = APIRouter()
for part in (subjects, examples, recognition, detection, embeddings):
    router.routes.extend(part.router.routes)
