"""CompreFace's Python SDK, unchanged, does its whole round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

# The SDK opens the pictures and leaves them open.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in.*FileIO:pytest.PytestUnraisableExceptionWarning")

Files = Callable[..., str]


@pytest.fixture
def face(desk: Any) -> Any:
    """The SDK's entry, for this server."""
    sdk = pytest.importorskip("compreface")
    place = urlsplit(desk.running.address)
    return sdk.CompreFace(
        f"http://{place.hostname}",
        str(place.port),
        {
            "limit": 0,
            "det_prob_threshold": 0.8,
            "prediction_count": 1,
            "face_plugins": "calculator,age,gender,landmarks",
            "status": "true",
        },
    )


def test_subjects(face: Any, desk: Any) -> None:
    subjects = face.init_face_recognition(desk.key).get_subjects()
    assert subjects.list() == {"subjects": []}
    assert subjects.add("Ada Lovelace") == {"subject": "Ada Lovelace"}
    assert subjects.add("Bob") == {"subject": "Bob"}
    assert subjects.list() == {"subjects": ["Ada Lovelace", "Bob"]}
    assert subjects.update("Bob", "Robert") == {"updated": True}
    assert subjects.delete("Robert") == {"subject": "Robert"}
    assert subjects.delete_all() == {"deleted": 1}
    assert subjects.list() == {"subjects": []}


def test_recognition(face: Any, desk: Any, files: Files) -> None:
    service = face.init_face_recognition(desk.key)
    examples = service.get_face_collection()
    added = examples.add(files("Ada"), "Ada")
    assert set(added) == {"image_id", "subject"}
    examples.add(files("Bob"), "Bob")
    assert examples.list()["total_elements"] == 2

    answer = service.recognize(files("Ada", "a stranger", "Bob", seed=1))
    assert [[one["subject"] for one in found["subjects"]] for found in answer["result"]] == [["Ada"], [], ["Bob"]]
    first = answer["result"][0]
    assert first["subjects"][0]["similarity"] > 0.9
    assert len(first["embedding"]) == 128
    assert len(first["landmarks"]) == 5
    assert set(first["box"]) == {"probability", "x_min", "y_min", "x_max", "y_max"}
    assert set(answer["plugins_versions"]) == {"calculator"}

    assert examples.verify(files("Ada", seed=2), added["image_id"])["result"][0]["similarity"] > 0.9
    assert examples.verify(files("Bob", seed=2), added["image_id"])["result"][0]["similarity"] == 0
    assert examples.delete(added["image_id"]) == added
    assert examples.delete_all("Bob") == {"deleted": 1}
    assert service.recognize(files("Ada", seed=3))["result"][0]["subjects"] == []


def test_detection(face: Any, desk: Any, files: Files) -> None:
    answer = face.init_face_detection(desk.key).detect(files("Ada", "Bob"))
    assert len(answer["result"]) == 2
    assert all(set(found["execution_time"]) == {"detector"} for found in answer["result"])


def test_verification(face: Any, desk: Any, files: Files) -> None:
    service = face.init_face_verification(desk.key)
    (answer,) = service.verify(files("Ada"), files("Ada", "Bob", seed=1))["result"]
    assert answer["source_image_face"]["box"]["probability"] == 0.99
    similarities = [match["similarity"] for match in answer["face_matches"]]
    assert similarities[0] > 0.9
    assert similarities[1] == 0


def test_errors_come_as_the_sdk_gives_them(face: Any, desk: Any, files: Files) -> None:
    service = face.init_face_recognition(desk.key)
    assert service.recognize(files())["code"] == 28
    assert service.get_face_collection().add(files("Ada", "Bob"), "Ada")["code"] == 31
    assert face.init_face_recognition("00000000-0000-4000-8000-000000000000").get_subjects().list()["code"] == 10
