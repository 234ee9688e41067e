"""Searches: who is found, and what of it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vultus.server.routes.aws.call import scale_of
from vultus.server.run import Running, running
from vultus.server.settings import Settings
from vultus.testing import Analyzer, Thresholds

Photo = Callable[..., dict[str, bytes]]


def code(call: Callable[..., Any], **fields: Any) -> str:
    """The error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**fields)
    return str(refused.value.response["Error"]["Code"])


def indexed(client: Any, collection: str, image: dict[str, bytes]) -> str:
    """FaceId of a picture's only face."""
    (record,) = client.index_faces(CollectionId=collection, Image=image)["FaceRecords"]
    return str(record["Face"]["FaceId"])


def test_an_empty_collection(client: Any, collection: str, photo: Photo) -> None:
    found = client.search_faces_by_image(CollectionId=collection, Image=photo("Ada"))
    assert found["FaceMatches"] == []
    assert found["SearchedFaceConfidence"] == 99.0
    assert client.search_users_by_image(CollectionId=collection, Image=photo("Ada"))["UserMatches"] == []


def test_search_by_image(client: Any, collection: str, photo: Photo) -> None:
    ada = [indexed(client, collection, photo("Ada", noise=20.0, seed=seed)) for seed in range(3)]
    indexed(client, collection, photo("Bob"))
    found = client.search_faces_by_image(CollectionId=collection, Image=photo("Ada", "Bob", seed=4), MaxFaces=5)
    matches = found["FaceMatches"]
    assert {match["Face"]["FaceId"] for match in matches} == set(ada)
    scores = [match["Similarity"] for match in matches]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 80
    best = client.search_faces_by_image(CollectionId=collection, Image=photo("Ada", seed=4), MaxFaces=1)
    assert [match["Face"]["FaceId"] for match in best["FaceMatches"]] == [matches[0]["Face"]["FaceId"]]


def test_strangers_stay_unknown_whatever_is_asked(client: Any, collection: str, photo: Photo) -> None:
    indexed(client, collection, photo("Ada"))
    indexed(client, collection, photo("Bob"))
    strangers = [photo(f"stranger {number}") for number in range(10)]
    found = [
        client.search_faces_by_image(CollectionId=collection, Image=image, FaceMatchThreshold=0)["FaceMatches"]
        for image in strangers
    ]
    assert found == [[]] * 10


def test_no_face(client: Any, collection: str, photo: Photo) -> None:
    assert code(client.search_faces_by_image, CollectionId=collection, Image=photo()) == "InvalidParameterException"
    fields = {"CollectionId": collection, "Image": photo("Ada", side=20), "QualityFilter": "AUTO"}
    assert code(client.search_faces_by_image, **fields) == "InvalidParameterException"


def test_search_by_face_leaves_it_out(client: Any, collection: str, photo: Photo) -> None:
    one, other = (indexed(client, collection, photo("Ada", seed=seed)) for seed in (1, 2))
    found = client.search_faces(CollectionId=collection, FaceId=one)
    assert found["SearchedFaceId"] == one
    assert [match["Face"]["FaceId"] for match in found["FaceMatches"]] == [other]
    alone = indexed(client, collection, photo("Bob"))
    assert client.search_faces(CollectionId=collection, FaceId=alone, FaceMatchThreshold=0)["FaceMatches"] == []


def test_a_face_is_found_as_soon_as_it_is_stored_and_no_longer_than_it_is(
    client: Any, collection: str, photo: Photo
) -> None:
    for seed in range(3):
        face = indexed(client, collection, photo("Ada", seed=seed))
        found = client.search_faces_by_image(CollectionId=collection, Image=photo("Ada", seed=9))["FaceMatches"]
        assert [match["Face"]["FaceId"] for match in found] == [face]
        client.delete_faces(CollectionId=collection, FaceIds=[face])
        assert client.search_faces_by_image(CollectionId=collection, Image=photo("Ada", seed=9))["FaceMatches"] == []


def test_only_rounded_similarities_are_told(server: Running, client: Any, collection: str, photo: Photo) -> None:
    scale = scale_of(server.service)
    allowed = {scale.similarity(cosine / 100) for cosine in range(101)}
    told = set()
    for seed in range(12):
        indexed(client, collection, photo("Ada", noise=60.0, seed=seed))
    for seed in range(100, 106):
        image = photo("Ada", noise=40.0, seed=seed)
        found = client.search_faces_by_image(CollectionId=collection, Image=image, MaxFaces=100, FaceMatchThreshold=0)
        told |= {match["Similarity"] for match in found["FaceMatches"]}
    assert len(told) > 5
    assert told <= allowed


def test_what_a_threshold_lets_through_is_at_least_as_similar(client: Any, collection: str, photo: Photo) -> None:
    for seed in range(12):
        indexed(client, collection, photo("Ada", noise=60.0, seed=seed))
    counts = []
    for threshold in (0, 80, 90.5, 99, 99.5, 100):
        found = client.search_faces_by_image(
            CollectionId=collection, Image=photo("Ada", noise=40.0, seed=99), FaceMatchThreshold=threshold, MaxFaces=50
        )["FaceMatches"]
        assert all(match["Similarity"] >= threshold for match in found)
        counts.append(len(found))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_what_was_said_about_a_picture_is_obeyed(server: Running, client: Any, collection: str, photo: Photo) -> None:
    from vultus import images

    face = indexed(client, collection, photo("Ada"))
    client.create_user(CollectionId=collection, UserId="ada")
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[face])
    image = photo("Ada", seed=5)
    assert client.search_users_by_image(CollectionId=collection, Image=image)["UserMatches"]
    server.service.gallery(collection).reject(images.digest(image["Bytes"]), "ada")
    assert client.search_users_by_image(CollectionId=collection, Image=image)["UserMatches"] == []
    assert client.search_faces_by_image(CollectionId=collection, Image=image)["FaceMatches"] == []


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Running]:
    """A server that lets a key probe a person three times."""
    analyzer = Analyzer()
    settings = Settings(tmp_path / "root", port=0, probes_per_person=3)
    with running(settings, analyzer, Thresholds(analyzer.contract)) as started:
        yield started


def test_probing_one_person_ends(strict: Running, photo: Photo) -> None:
    import boto3
    from botocore.config import Config

    made = strict.service.keys.create("admin", kind="aws")
    client = boto3.client(
        "rekognition",
        endpoint_url=strict.address,
        region_name="us-east-1",
        aws_access_key_id=made.key.id,
        aws_secret_access_key=made.secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_collection(CollectionId="staff")
    indexed(client, "staff", photo("Ada"))
    codes = []
    for seed in range(60):  # pictures near the threshold, as an attacker has them
        try:
            client.search_faces_by_image(CollectionId="staff", Image=photo("Ada", noise=260.0, seed=seed))
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
            break
    assert codes == ["ThrottlingException"]
    # The right face does not open it again, and other collections are not closed.
    assert code(client.search_faces_by_image, CollectionId="staff", Image=photo("Ada")) == "ThrottlingException"
    client.create_collection(CollectionId="guests")
    assert client.search_faces_by_image(CollectionId="guests", Image=photo("Ada"))["FaceMatches"] == []
