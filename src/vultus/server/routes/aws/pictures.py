"""DetectFaces and CompareFaces: pictures alone, nothing is stored."""

from __future__ import annotations

import asyncio
from typing import Any

from vultus.server.points import Rates
from vultus.server.routes.aws.call import MOST_FACES, Call, Sorted
from vultus.server.routes.aws.details import bounding_box, confidence, face_detail
from vultus.server.routes.aws.wire import Fault
from vultus.types import Reading, Vector

__all__ = ["compare_faces", "detect_faces", "largest"]


async def detect_faces(call: Call) -> dict[str, Any]:
    """The faces of a picture, largest first."""
    found = await call.faces("Image", "NONE")
    details = [face_detail(one, found.picture.size_wh) for _, one in found.good]
    return {"FaceDetails": details[:MOST_FACES]}


async def compare_faces(call: Call) -> dict[str, Any]:
    """The largest face of one picture with all of the other."""
    source, target = await asyncio.gather(
        call.faces("SourceImage", "NONE"), call.faces("TargetImage", "NONE", live=call.service.settings.require_live)
    )
    _, face = largest(source)
    largest(target)
    floor = call.service.operating.verify(Rates().fmr).threshold
    least = max(call.least("SimilarityThreshold", 80), floor if call.policy.floor else -1.0)
    size_wh = target.picture.size_wh
    probe = _embedding(face)
    scored = [(float(probe @ _embedding(one)), one) for _, one in target.good]
    matches = sorted((pair for pair in scored if pair[0] >= least), key=lambda pair: -pair[0])
    best = max(score for score, _ in scored)
    call.service.metrics.count("vultus_verify_total", outcome="match" if matches else "different")
    await call.service.run(
        call.note,
        "verify",
        decision="match" if matches else "different",
        score=best,
        threshold=least,
        model=call.service.analyzer.contract.id,
        pictures=[source.picture.sha256, target.picture.sha256],
    )
    return {
        "SourceImageFace": {
            "BoundingBox": bounding_box(face.face.box, source.picture.size_wh),
            "Confidence": confidence(face.face.score),
        },
        "FaceMatches": [
            {"Similarity": call.similarity(score, least), "Face": face_detail(one, size_wh)} for score, one in matches
        ],
        "UnmatchedFaces": [face_detail(one, size_wh) for score, one in scored if score < least],
    }


def largest(found: Sorted) -> tuple[int, Reading]:
    """The largest face that is good enough; none is refused (InvalidParameterException)."""
    if not found.good:
        why = ", ".join(sorted({reason for _, reasons in found.bad for reason in reasons}))
        raise Fault(
            "InvalidParameterException",
            f"There is no face in the image that is good enough ({why})" if why else "There are no faces in the image",
        )
    return found.good[0]


def _embedding(reading: Reading) -> Vector:
    if reading.embedding is None:
        raise Fault("InvalidParameterException", "a face was read without an embedding")
    return reading.embedding
