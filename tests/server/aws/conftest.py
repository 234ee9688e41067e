"""A server over real sockets, and boto3 clients whose every answer is held against botocore's own model."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.model import ListShape, OperationModel, Shape, StructureShape
from PIL import Image as PillowImage

from vultus.server.run import Running, running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds, picture

# Codes that any operation may give, outside its own list in the model.
COMMON = {
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "RequestTimeoutException",
    "SerializationException",
    "UnknownOperationException",
    "UnrecognizedClientException",
}


def jpeg(*people: str, noise: float = 4.0, seed: int = 0, side: int = 112) -> bytes:
    """A picture of people as bytes; each seed is another photograph of them."""
    held = io.BytesIO()
    PillowImage.fromarray(picture(*people, noise=noise, seed=seed, side=side)).save(held, "PNG")
    return held.getvalue()


def violations(shape: Shape, value: Any, place: str = "") -> list[str]:
    """What of a decoded JSON value does not fit a shape of botocore's model.

    Absent members are fine (none is required in these answers), members that the model does
    not know are not. The least length of lists is passed over: requests and answers share
    those shapes, and an answer may well hold an empty list.
    """
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [f"{place}: expected a structure, got {value!r}"]
        found = [f"{place}.{name}: not in the model" for name in value if name not in shape.members]
        found += [f"{place}.{name}: is null" for name, one in value.items() if one is None]
        found += [f"{place}.{name}: required" for name in shape.required_members if name not in value]
        for name, member in shape.members.items():
            if value.get(name) is not None:
                found += violations(member, value[name], f"{place}.{name}")
        return found
    limits = shape.metadata
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [f"{place}: expected a list, got {value!r}"]
        found = [f"{place}: {len(value)} members"] if len(value) > limits.get("max", len(value)) else []
        for number, one in enumerate(value):
            found += violations(shape.member, one, f"{place}[{number}]")
        return found
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "long": (int,),
        "float": (int, float),
        "double": (int, float),
        "boolean": (bool,),
        "timestamp": (int, float),
    }
    if not isinstance(value, kinds[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        return [f"{place}: expected {shape.type_name}, got {value!r}"]
    found = []
    if "enum" in limits and value not in limits["enum"]:
        found.append(f"{place}: {value!r} is none of {limits['enum']}")
    if "pattern" in limits and re.fullmatch(limits["pattern"], value) is None:
        found.append(f"{place}: {value!r} has not the pattern {limits['pattern']}")
    size = len(value) if isinstance(value, str) else value
    if not isinstance(value, bool) and not limits.get("min", size) <= size <= limits.get("max", size):
        found.append(f"{place}: {value!r} is out of {limits.get('min')} to {limits.get('max')}")
    if shape.type_name == "timestamp" and not 1e9 < value < 1e10:
        found.append(f"{place}: {value!r} are no seconds since 1970 of these years")
    return found


def check(model: OperationModel, status: int, body: bytes, media_type: str) -> None:
    """Fail when an answer, or an error, is not as the model says."""
    said = json.loads(body)
    assert media_type == "application/x-amz-json-1.1"
    if status == 200:
        wrong = violations(model.output_shape, said, model.name)
        assert not wrong, wrong
    else:
        assert set(said) == {"__type", "Message"}
        assert status == (500 if said["__type"] == "InternalServerError" else 400)
        assert said["__type"] in COMMON | {shape.name for shape in model.error_shapes}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service with the test analyzer."""
    analyzer = Analyzer()
    settings = Settings(tmp_path_factory.mktemp("aws") / "root", port=0, burst=5000, rate=2000.0)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as started:
        yield started


def _client_of(started: Running, key: str, secret: str, **options: Any) -> Any:
    """A boto3 client as anybody makes one; every answer is checked."""
    client = boto3.client(
        "rekognition",
        endpoint_url=started.address,
        region_name="eu-central-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, **options),
    )

    def look(http_response: Any, model: OperationModel, **_: Any) -> None:
        check(model, http_response.status_code, http_response.content, http_response.headers["content-type"])

    client.meta.events.register("after-call.rekognition", look)
    return client


@pytest.fixture(scope="session")
def client_of() -> Callable[..., Any]:
    """A boto3 client of a server: server, access key id, secret."""
    return _client_of


@pytest.fixture(scope="package")
def connect(server: Running) -> Callable[..., Any]:
    """A client for a new key: role, and galleries or all."""

    def make(role: str = "admin", *galleries: str, **options: Any) -> Any:
        made = server.service.keys.create(role, kind="aws", galleries=galleries or ("*",), label="test")
        return _client_of(server, made.key.id, made.secret, **options)

    return make


@pytest.fixture(scope="package")
def client(connect: Callable[..., Any]) -> Any:
    """An administrator's client."""
    return connect("admin")


@pytest.fixture
def collection(client: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty collection."""
    name = re.sub(r"[^a-zA-Z0-9_]", "-", request.node.name).strip("-")[:100]
    client.create_collection(CollectionId=name)
    yield name
    client.delete_collection(CollectionId=name)


@pytest.fixture(scope="package")
def photo() -> Callable[..., dict[str, bytes]]:
    """Pictures of people by name, as the Image of a request; each seed is another photograph of them."""

    def make(*people: str, **options: Any) -> dict[str, bytes]:
        return {"Bytes": jpeg(*people, **options)}

    return make


@pytest.fixture(scope="session")
def held_against() -> Callable[[Shape, Any], list[str]]:
    """The comparison of an answer with the model."""
    return violations
