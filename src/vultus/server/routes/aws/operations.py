"""The operations: who may call them, with what, and what answers. A new one is a row here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vultus.server.keys import Role
from vultus.server.routes.aws import collections, pictures, searching, users
from vultus.server.routes.aws.call import Call
from vultus.server.routes.aws.shapes import Items, Number, Picture, Shape, Tags, Text, Whole

__all__ = ["OPERATIONS", "Operation"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One of the API's operations."""

    role: Role  # the lowest
    answer: Callable[[Call], Awaitable[dict[str, Any]]]
    fields: Mapping[str, Shape]
    required: tuple[str, ...]

    @property
    def pictures(self) -> int:
        """How many pictures a request holds."""
        return sum(isinstance(shape, Picture) for shape in self.fields.values())


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_COLLECTION: dict[str, Shape] = {"CollectionId": Text(1, 255, r"[a-zA-Z0-9_.\-]+")}
_IMAGE: dict[str, Shape] = {"Image": Picture()}
_USER: dict[str, Shape] = {"UserId": Text(1, 128, r"[a-zA-Z0-9_.\-:]+")}
_FACE_ID = Text(pattern=_UUID)
_FACE: dict[str, Shape] = {"FaceId": _FACE_ID}
_ONCE: dict[str, Shape] = {"ClientRequestToken": Text(1, 64, r"^[a-zA-Z0-9-_]+$")}
_FILTER: dict[str, Shape] = {"QualityFilter": Text(choices=("NONE", "AUTO", "LOW", "MEDIUM", "HIGH"))}
_NEXT: dict[str, Shape] = {"NextToken": Text(0, 255)}
_PAGE: dict[str, Shape] = {"MaxResults": Whole(0, 4096), **_NEXT}
_MANY_FACES: dict[str, Shape] = {"MaxFaces": Whole(1, 4096)}
_MANY_USERS: dict[str, Shape] = {"MaxUsers": Whole(1, 500)}
_FACE_THRESHOLD: dict[str, Shape] = {"FaceMatchThreshold": Number()}
_USER_THRESHOLD: dict[str, Shape] = {"UserMatchThreshold": Number()}
_USERS_FACES: dict[str, Shape] = {"FaceIds": Items(_FACE_ID, 1, 100)}
_ATTRIBUTES = Items(
    Text(
        choices=(
            "DEFAULT",
            "ALL",
            "AGE_RANGE",
            "BEARD",
            "EMOTIONS",
            "EYE_DIRECTION",
            "EYEGLASSES",
            "EYES_OPEN",
            "GENDER",
            "MOUTH_OPEN",
            "MUSTACHE",
            "FACE_OCCLUDED",
            "SMILE",
            "SUNGLASSES",
        )
    )
)

OPERATIONS: Mapping[str, Operation] = {
    "CreateCollection": Operation(
        "admin", collections.create_collection, {**_COLLECTION, "Tags": Tags()}, ("CollectionId",)
    ),
    "DeleteCollection": Operation("admin", collections.delete_collection, _COLLECTION, ("CollectionId",)),
    "ListCollections": Operation("viewer", collections.list_collections, _PAGE, ()),
    "DescribeCollection": Operation("viewer", collections.describe_collection, _COLLECTION, ("CollectionId",)),
    "IndexFaces": Operation(
        "enroller",
        collections.index_faces,
        {
            **_COLLECTION,
            **_IMAGE,
            "ExternalImageId": Text(1, 255, r"[a-zA-Z0-9_.\-:]+"),
            "DetectionAttributes": _ATTRIBUTES,
            "MaxFaces": Whole(1),
            **_FILTER,
        },
        ("CollectionId", "Image"),
    ),
    "ListFaces": Operation(
        "viewer",
        collections.list_faces,
        {**_COLLECTION, **_PAGE, **_USER, "FaceIds": Items(_FACE_ID, 1, 4096)},
        ("CollectionId",),
    ),
    "DeleteFaces": Operation(
        "enroller",
        collections.delete_faces,
        {**_COLLECTION, "FaceIds": Items(_FACE_ID, 1, 4096)},
        ("CollectionId", "FaceIds"),
    ),
    "SearchFaces": Operation(
        "operator",
        searching.search_faces,
        {**_COLLECTION, **_FACE, **_MANY_FACES, **_FACE_THRESHOLD},
        ("CollectionId", "FaceId"),
    ),
    "SearchFacesByImage": Operation(
        "operator",
        searching.search_faces_by_image,
        {**_COLLECTION, **_IMAGE, **_MANY_FACES, **_FACE_THRESHOLD, **_FILTER},
        ("CollectionId", "Image"),
    ),
    "CompareFaces": Operation(
        "operator",
        pictures.compare_faces,
        {"SourceImage": Picture(), "TargetImage": Picture(), "SimilarityThreshold": Number(), **_FILTER},
        ("SourceImage", "TargetImage"),
    ),
    "DetectFaces": Operation("operator", pictures.detect_faces, {**_IMAGE, "Attributes": _ATTRIBUTES}, ("Image",)),
    "CreateUser": Operation(
        "enroller", users.create_user, {**_COLLECTION, **_USER, **_ONCE}, ("CollectionId", "UserId")
    ),
    "DeleteUser": Operation(
        "enroller", users.delete_user, {**_COLLECTION, **_USER, **_ONCE}, ("CollectionId", "UserId")
    ),
    "ListUsers": Operation(
        "viewer", users.list_users, {**_COLLECTION, "MaxResults": Whole(1, 500), **_NEXT}, ("CollectionId",)
    ),
    "AssociateFaces": Operation(
        "enroller",
        users.associate_faces,
        {**_COLLECTION, **_USER, **_USERS_FACES, **_USER_THRESHOLD, **_ONCE},
        ("CollectionId", "UserId", "FaceIds"),
    ),
    "DisassociateFaces": Operation(
        "enroller",
        users.disassociate_faces,
        {**_COLLECTION, **_USER, **_USERS_FACES, **_ONCE},
        ("CollectionId", "UserId", "FaceIds"),
    ),
    "SearchUsers": Operation(
        "operator",
        searching.search_users,
        {**_COLLECTION, **_USER, **_FACE, **_USER_THRESHOLD, **_MANY_USERS},
        ("CollectionId",),
    ),
    "SearchUsersByImage": Operation(
        "operator",
        searching.search_users_by_image,
        {**_COLLECTION, **_IMAGE, **_USER_THRESHOLD, **_MANY_USERS, **_FILTER},
        ("CollectionId", "Image"),
    ),
}
