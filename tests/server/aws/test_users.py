"""Users, and which faces are theirs, through boto3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vultus.server.run import Running

Photo = Callable[..., dict[str, bytes]]
NOBODY = "00000000-0000-0000-0000-000000000000"


def code(call: Callable[..., Any], **fields: Any) -> str:
    """The error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**fields)
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture
def ada(client: Any, collection: str, photo: Photo) -> list[str]:
    """Three faces of Ada, none associated, and a user without faces."""
    client.create_user(CollectionId=collection, UserId="ada")
    answers = [client.index_faces(CollectionId=collection, Image=photo("Ada", seed=seed)) for seed in range(3)]
    return [answer["FaceRecords"][0]["Face"]["FaceId"] for answer in answers]


def listed(client: Any, collection: str) -> list[tuple[str, str]]:
    """Users with their status."""
    users = client.list_users(CollectionId=collection)["Users"]
    return [(user["UserId"], user["UserStatus"]) for user in users]


def test_no_users(client: Any, collection: str) -> None:
    assert listed(client, collection) == []


def test_create_and_delete(client: Any, collection: str) -> None:
    client.create_user(CollectionId=collection, UserId="b:ob.1")
    client.create_user(CollectionId=collection, UserId="ada")
    assert listed(client, collection) == [("ada", "CREATED"), ("b:ob.1", "CREATED")]
    assert client.describe_collection(CollectionId=collection)["UserCount"] == 2
    assert code(client.create_user, CollectionId=collection, UserId="ada") == "ConflictException"
    client.delete_user(CollectionId=collection, UserId="ada")
    assert listed(client, collection) == [("b:ob.1", "CREATED")]
    assert code(client.delete_user, CollectionId=collection, UserId="ada") == "ResourceNotFoundException"


def test_list_in_parts(client: Any, collection: str) -> None:
    names = [f"user-{number}" for number in range(5)]
    for name in reversed(names):
        client.create_user(CollectionId=collection, UserId=name)
    pages = list(client.get_paginator("list_users").paginate(CollectionId=collection, PaginationConfig={"PageSize": 2}))
    assert [[user["UserId"] for user in page["Users"]] for page in pages] == [names[:2], names[2:4], names[4:]]


def test_the_same_token_again_is_the_same_request(client: Any, collection: str) -> None:
    fields = {"CollectionId": collection, "UserId": "ada", "ClientRequestToken": "t-1_x"}
    client.create_user(**fields)
    client.create_user(**fields)  # no conflict: it was done
    assert listed(client, collection) == [("ada", "CREATED")]
    assert code(client.create_user, **{**fields, "UserId": "bob"}) == "IdempotentParameterMismatchException"
    client.delete_user(CollectionId=collection, UserId="ada", ClientRequestToken="t-2")
    client.delete_user(CollectionId=collection, UserId="ada", ClientRequestToken="t-2")
    assert listed(client, collection) == []


def test_a_token_whose_request_failed_may_come_again(client: Any, collection: str) -> None:
    fields = {"CollectionId": collection, "UserId": "ada", "ClientRequestToken": "t-3"}
    assert code(client.delete_user, **fields) == "ResourceNotFoundException"
    client.create_user(CollectionId=collection, UserId="ada")
    client.delete_user(**fields)
    assert listed(client, collection) == []


def test_tokens_of_two_keys_do_not_meet(client: Any, collection: str, connect: Callable[..., Any]) -> None:
    client.create_user(CollectionId=collection, UserId="ada", ClientRequestToken="same")
    connect("enroller").create_user(CollectionId=collection, UserId="bob", ClientRequestToken="same")
    assert [user for user, _ in listed(client, collection)] == ["ada", "bob"]


def test_associate(client: Any, collection: str, ada: list[str]) -> None:
    answer = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[*ada[:2], NOBODY, ada[0]])
    assert [face["FaceId"] for face in answer["AssociatedFaces"]] == ada[:2]
    assert answer["UnsuccessfulFaceAssociations"] == [{"FaceId": NOBODY, "Reasons": ["FACE_NOT_FOUND"]}]
    assert answer["UserStatus"] == "ACTIVE"
    assert listed(client, collection) == [("ada", "ACTIVE")]
    faces = client.list_faces(CollectionId=collection)["Faces"]
    assert [(face["FaceId"], face.get("UserId")) for face in faces] == [
        (ada[0], "ada"),
        (ada[1], "ada"),
        (ada[2], None),
    ]
    again = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada)
    assert [face["FaceId"] for face in again["AssociatedFaces"]] == ada[2:]  # those that are there are passed over
    assert again["UnsuccessfulFaceAssociations"] == []


def test_a_face_of_somebody_else(client: Any, collection: str, ada: list[str]) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada)
    client.create_user(CollectionId=collection, UserId="eve")
    answer = client.associate_faces(CollectionId=collection, UserId="eve", FaceIds=ada[:1])
    assert answer["UnsuccessfulFaceAssociations"] == [
        {"FaceId": ada[0], "UserId": "ada", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]}
    ]
    apart = client.disassociate_faces(CollectionId=collection, UserId="eve", FaceIds=[ada[0], NOBODY])
    assert apart["DisassociatedFaces"] == []
    assert apart["UserStatus"] == "CREATED"
    assert [face["Reasons"] for face in apart["UnsuccessfulFaceDisassociations"]] == [
        ["ASSOCIATED_TO_A_DIFFERENT_USER"],
        ["FACE_NOT_FOUND"],
    ]


def test_a_face_that_does_not_look_like_the_user(client: Any, collection: str, ada: list[str], photo: Photo) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada)
    bob = client.index_faces(CollectionId=collection, Image=photo("Bob"))["FaceRecords"][0]["Face"]["FaceId"]
    answer = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[bob])
    assert answer["AssociatedFaces"] == []
    # No Confidence: the similarity lies below the floor.
    assert answer["UnsuccessfulFaceAssociations"] == [{"FaceId": bob, "Reasons": ["LOW_MATCH_CONFIDENCE"]}]
    forced = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[bob], UserMatchThreshold=0)
    assert [face["FaceId"] for face in forced["AssociatedFaces"]] == [bob]


def test_a_similarity_above_the_floor_is_told(client: Any, collection: str, ada: list[str]) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:1])
    answer = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[1:2], UserMatchThreshold=100)
    (failed,) = answer["UnsuccessfulFaceAssociations"]
    assert failed["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    assert 99 < failed["Confidence"] < 100


def test_disassociate_and_delete_keep_the_faces(client: Any, collection: str, ada: list[str], photo: Photo) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada)
    answer = client.disassociate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:1])
    assert [face["FaceId"] for face in answer["DisassociatedFaces"]] == ada[:1]
    assert answer["UserStatus"] == "ACTIVE"
    client.delete_user(CollectionId=collection, UserId="ada")
    faces = client.list_faces(CollectionId=collection)["Faces"]
    assert [(face["FaceId"], face.get("UserId")) for face in faces] == [(face, None) for face in ada]
    assert client.describe_collection(CollectionId=collection)["UserCount"] == 0
    found = client.search_faces_by_image(CollectionId=collection, Image=photo("Ada", seed=9))["FaceMatches"]
    assert {match["Face"]["FaceId"] for match in found} == set(ada)
    gone = client.delete_faces(CollectionId=collection, FaceIds=ada)
    assert gone["DeletedFaces"] == ada


def test_a_hundred_faces_a_user(server: Running, client: Any, collection: str, ada: list[str], photo: Photo) -> None:
    gallery = server.service.gallery(collection)
    vector = server.service.analyzer.embed([gallery.crop(ada[0].replace("-", ""))])
    import numpy as np

    noise = np.random.default_rng(0).normal(0, 0.01, (99, vector.shape[1]))
    gallery.enroll_vectors("ada", vector + noise, force=True)
    answer = code(client.associate_faces, CollectionId=collection, UserId="ada", FaceIds=ada[:2])
    assert answer == "ServiceQuotaExceededException"
    # All or nothing: the first would have fitted.
    faces = client.list_faces(CollectionId=collection, FaceIds=ada)["Faces"]
    assert [face.get("UserId") for face in faces] == [None, None, None]
    assert client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:1])["AssociatedFaces"]


def test_two_copies_of_one_picture_for_one_user(client: Any, collection: str, photo: Photo) -> None:
    client.create_user(CollectionId=collection, UserId="ada")
    ids = [
        client.index_faces(CollectionId=collection, Image=photo("Ada"), ExternalImageId=name)["FaceRecords"][0]["Face"][
            "FaceId"
        ]
        for name in ("a.jpg", "b.jpg", "c.jpg")
    ]
    answer = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ids)
    assert [face["FaceId"] for face in answer["AssociatedFaces"]] == ids
    kept = client.list_faces(CollectionId=collection, UserId="ada")["Faces"]
    assert [face["ExternalImageId"] for face in kept] == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_copy_of_a_picture_that_was_enrolled_another_way(
    server: Running, client: Any, collection: str, photo: Photo
) -> None:
    answer = client.index_faces(CollectionId=collection, Image=photo("Ada"), ExternalImageId="a.jpg")
    face = answer["FaceRecords"][0]["Face"]["FaceId"]
    server.service.gallery(collection).enroll("ada", photo("Ada")["Bytes"], force=True)
    given = client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[face])
    assert [one["FaceId"] for one in given["AssociatedFaces"]] == [face]
    assert len(client.list_faces(CollectionId=collection, UserId="ada")["Faces"]) == 2
    assert server.service.gallery(collection).check().ok


def test_search_users(client: Any, collection: str, ada: list[str], photo: Photo) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:2])
    client.create_user(CollectionId=collection, UserId="twin")
    twin = client.index_faces(CollectionId=collection, Image=photo("Ada", seed=7))["FaceRecords"][0]["Face"]["FaceId"]
    client.associate_faces(CollectionId=collection, UserId="twin", FaceIds=[twin])
    by_user = client.search_users(CollectionId=collection, UserId="ada", MaxUsers=5)
    assert by_user["SearchedUser"] == {"UserId": "ada"}
    assert [match["User"] for match in by_user["UserMatches"]] == [{"UserId": "twin", "UserStatus": "ACTIVE"}]
    by_face = client.search_users(CollectionId=collection, FaceId=ada[2])
    assert by_face["SearchedFace"] == {"FaceId": ada[2]}
    assert {match["User"]["UserId"] for match in by_face["UserMatches"]} == {"ada", "twin"}
    assert len(client.search_users(CollectionId=collection, FaceId=ada[2], MaxUsers=1)["UserMatches"]) == 1
    assert code(client.search_users, CollectionId=collection, FaceId=NOBODY) == "ResourceNotFoundException"
    assert code(client.search_users, CollectionId=collection, UserId="eve") == "ResourceNotFoundException"


def test_a_user_without_faces_finds_nobody(client: Any, collection: str, ada: list[str]) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada)
    client.create_user(CollectionId=collection, UserId="empty")
    assert client.search_users(CollectionId=collection, UserId="empty")["UserMatches"] == []


def test_search_users_by_image(client: Any, collection: str, ada: list[str], photo: Photo) -> None:
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:1])
    answer = client.search_users_by_image(CollectionId=collection, Image=photo("Ada", "Bob", seed=5))
    assert [match["User"]["UserId"] for match in answer["UserMatches"]] == ["ada"]
    assert answer["SearchedFace"]["FaceDetail"]["Confidence"] == 99.0
    assert [face["Reasons"] for face in answer["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]]
    nobody = client.search_users_by_image(CollectionId=collection, Image=photo())
    assert nobody["UserMatches"] == []
    assert "SearchedFace" not in nobody
    small = client.search_users_by_image(CollectionId=collection, Image=photo("Ada", side=20), QualityFilter="AUTO")
    assert "SearchedFace" not in small
    assert small["UnsearchedFaces"][0]["Reasons"] == ["SMALL_BOUNDING_BOX"]


def test_users_are_found_behind_many_faces_that_nobody_has(
    client: Any, collection: str, ada: list[str], photo: Photo
) -> None:
    for seed in range(20, 50):
        client.index_faces(CollectionId=collection, Image=photo("Ada", noise=2.0, seed=seed))
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=ada[:1])
    answer = client.search_users_by_image(CollectionId=collection, Image=photo("Ada", noise=0.0), MaxUsers=1)
    assert [match["User"]["UserId"] for match in answer["UserMatches"]] == ["ada"]


def test_a_face_that_nobody_has_is_no_user(server: Running, client: Any, collection: str, ada: list[str]) -> None:
    (hidden, *_) = [one for one in server.service.gallery(collection).people() if one.templates]
    assert code(client.delete_user, CollectionId=collection, UserId=hidden.id) == "ResourceNotFoundException"
    assert code(client.create_user, CollectionId=collection, UserId=hidden.id) == "ConflictException"


@pytest.mark.parametrize("sealed", [False, True])
def test_a_sealed_gallery_does_the_same(sealed: bool, tmp_path: Path, photo: Photo) -> None:
    """The whole round on a gallery that is encrypted at rest, and beside it one that is not."""
    from vultus.gallery import Gallery
    from vultus.gallery.masterkey import MasterKey
    from vultus.server.batching import Picture
    from vultus.server.routes.aws import changes, searches
    from vultus.testing import Analyzer, Thresholds

    analyzer = Analyzer()
    key = MasterKey(bytes(range(32))) if sealed else None
    picture = Picture("ab" * 32, (150, 150))
    with Gallery.open(
        tmp_path / "g", analyzer=analyzer, operating=Thresholds(analyzer.contract), master_key=key
    ) as gallery:
        from vultus import images

        readings = analyzer.analyze(images.read(photo("Ada")["Bytes"]))
        (face,), new = changes.index(gallery, picture, list(enumerate(readings)), "a.jpg")
        assert new == 1
        assert changes.index(gallery, picture, list(enumerate(readings)), "a.jpg")[1] == 0
        changes.create_user(gallery, "ada")
        given, failures, _ = changes.associate(gallery, "ada", [face.id], 0.5)
        assert (len(given), failures) == (1, [])
        probe = searches.Probe(readings[0].embedding[None])
        (hit,) = searches.search_users(gallery, probe, fpir=0.01, least=0.5, most=5).hits
        assert hit[0].user == "ada"
        changes.delete_user(gallery, "ada")
        (seen,) = searches.search_faces(gallery, probe, fpir=0.01, least=0.5, most=5).hits
        assert seen[0].origin is not None
        assert seen[0].origin.external == "a.jpg"
        assert seen[0].user is None
        assert gallery.check().ok


def test_two_users_cannot_have_one_face(
    client: Any, collection: str, connect: Callable[..., Any], photo: Photo
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    users = [f"user-{number}" for number in range(8)]
    for user in users:
        client.create_user(CollectionId=collection, UserId=user)
    face = client.index_faces(CollectionId=collection, Image=photo("Ada"))["FaceRecords"][0]["Face"]["FaceId"]

    def associate(user: str) -> int:
        answer = client.associate_faces(CollectionId=collection, UserId=user, FaceIds=[face])
        return len(answer["AssociatedFaces"])

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(associate, users))
    assert sum(given) == 1
    (listed_face,) = client.list_faces(CollectionId=collection)["Faces"]
    assert listed_face["UserId"] == users[given.index(1)]


def test_the_same_picture_from_many_at_once_is_stored_once(client: Any, collection: str, photo: Photo) -> None:
    from concurrent.futures import ThreadPoolExecutor

    image = photo("Ada")

    def index(_: int) -> str:
        answer = client.index_faces(CollectionId=collection, Image=image, ExternalImageId="a.jpg")
        return str(answer["FaceRecords"][0]["Face"]["FaceId"])

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(index, range(16)))
    assert len(ids) == 1
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 1
