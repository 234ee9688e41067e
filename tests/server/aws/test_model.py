"""Our table of requests is the public model's, and the check of answers can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.model import ServiceModel, Shape

from vultus.server.routes.aws.operations import OPERATIONS
from vultus.server.routes.aws.shapes import IMAGE_BYTES, Flag, Items, Number, Picture, Tags, Text, Whole

Check = Callable[[Shape, Any], list[str]]


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("rekognition")


def test_nothing_is_a_violation_of_nothing(model: ServiceModel, held_against: Check) -> None:
    assert held_against(model.operation_model("CreateUser").output_shape, {}) == []


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("CreateUser", {"UserId": "x"}),  # not in the answer
        ("DetectFaces", {"FaceDetails": {}}),
        ("DetectFaces", {"FaceDetails": [{"Confidence": 101.0}]}),
        ("DetectFaces", {"FaceDetails": [{"Confidence": True}]}),
        ("DetectFaces", {"FaceDetails": [{"Landmarks": [{"Type": "ear", "X": 0.1}]}]}),
        ("ListFaces", {"Faces": [{"FaceId": "F" * 36}]}),
        ("ListFaces", {"Faces": [{"UserId": None}]}),
        ("ListFaces", {"Faces": [{"UserId": "Ada Lovelace"}]}),
        ("DescribeCollection", {"CreationTimestamp": 1.7e12}),
        ("DescribeCollection", {"FaceCount": 1.5}),
    ],
)
def test_the_check_of_answers_finds_what_is_wrong(
    model: ServiceModel, held_against: Check, operation: str, answer: Any
) -> None:
    assert len(held_against(model.operation_model(operation).output_shape, answer)) == 1


def test_eighteen_operations() -> None:
    assert len(OPERATIONS) == 18


@pytest.mark.parametrize("name", OPERATIONS)
def test_requests_are_the_models(model: ServiceModel, name: str) -> None:
    shape = model.operation_model(name).input_shape
    ours = OPERATIONS[name]
    assert set(ours.fields) == set(shape.members)
    assert set(ours.required) == set(shape.required_members)
    told = {field: _constraints(kind) for field, kind in ours.fields.items()}
    assert told == {field: _of_model(member) for field, member in shape.members.items()}


def _constraints(kind: object) -> dict[str, Any]:
    """Ours, in the words of the model."""
    if isinstance(kind, Text):
        said = {
            "min": kind.least or None,
            "max": kind.most,
            "pattern": kind.pattern,
            "enum": list(kind.choices) or None,
        }
        return {"type": "string", **_set(said)}
    if isinstance(kind, Whole):
        return {"type": "integer", **_set({"min": kind.least, "max": kind.most})}
    if isinstance(kind, Number):
        return {"type": "float", "min": kind.least, "max": kind.most}
    if isinstance(kind, Items):
        return {"type": "list", "of": _constraints(kind.of), **_set({"min": kind.least or None, "max": kind.most})}
    if isinstance(kind, Tags):
        return {"type": "map", "max": kind.most}
    if isinstance(kind, Picture):
        return {"type": "image", "max": IMAGE_BYTES}
    assert isinstance(kind, Flag)
    return {"type": "boolean"}


def _of_model(shape: Shape) -> dict[str, Any]:
    limits = {name: shape.metadata[name] for name in ("min", "max", "pattern", "enum") if name in shape.metadata}
    if shape.type_name == "structure":
        return {"type": "image", "max": shape.members["Bytes"].metadata["max"]}
    if shape.type_name == "list":
        return {"type": "list", "of": _of_model(shape.member), **limits}
    if shape.type_name == "map":
        return {"type": "map", "max": limits["max"]}
    return {"type": shape.type_name, **limits}


def _set(limits: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in limits.items() if value is not None}
