"""What a server refuses, as the library's errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vultus import errors
from vultus.errors import VultusError

if TYPE_CHECKING:
    import httpx

__all__ = ["ERRORS", "ServiceError", "check", "error_of", "seconds"]

# What the server calls the library's errors, see `vultus.server.problems`.
ERRORS: Mapping[str, type[VultusError]] = {
    "invalid_image": errors.ImageFormatError,
    "too_large": errors.ImageTooLargeError,
    "no_face": errors.NoFaceError,
    "several_faces": errors.TooManyFacesError,
    "face_refused": errors.FaceRefusedError,
    "invalid_vector": errors.InvalidVectorError,
    "not_found": errors.NotFoundError,
    "contract_mismatch": errors.ContractMismatchError,
    "conflict": errors.ConflictError,
    "gallery_busy": errors.GalleryBusyError,
    "gallery_unusable": errors.GalleryError,
    "master_key": errors.MasterKeyError,
    "invalid_video": errors.VideoError,
    "no_operating_point": errors.OperatingPointError,
    "missing_extra": errors.MissingExtraError,
    "invalid_request": errors.InputError,
    "weights_unusable": errors.WeightsError,
    "storage_unusable": errors.StorageError,
}

_AS = {"not_live": "face_refused"}  # what a server tells more closely than the library does


class ServiceError(VultusError):
    """The server refused in a way that the library has no error for: keys, roles, limits."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code  # such as unauthorized, forbidden, rate_limited
        self.retry_after = retry_after  # seconds


def error_of(problem: Mapping[str, Any], retry_after: float | None) -> VultusError:
    """A problem as the library's error, or as ServiceError where the library has none."""
    code, detail = str(problem.get("code", "")), str(problem.get("detail", "the server gave no reason"))
    kind = ERRORS.get(_AS.get(code, code))
    return ServiceError(int(problem.get("status", 0)), code, detail, retry_after) if kind is None else kind(detail)


def check(response: httpx.Response) -> None:
    """Raise what an answer refuses, if it does."""
    if response.status_code < 400:
        return
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict) or "code" not in problem:
        problem = {
            "status": response.status_code,
            "code": "no_vultus",
            "detail": "the answer is not of a vultus server",
        }
    raise error_of(problem, seconds(response.headers.get("retry-after")))


def seconds(text: str | None) -> float | None:
    """What `Retry-After` asks to wait, None where it is a date or not there."""
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:  # a date: longer than we would wait
        return None
