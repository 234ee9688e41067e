"""Collections and their faces through boto3."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vultus.server.run import Running

Photo = Callable[..., dict[str, bytes]]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def code(call: Callable[..., Any], **fields: Any) -> str:
    """The error that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**fields)
    return str(refused.value.response["Error"]["Code"])


def indexed(client: Any, collection: str, image: dict[str, bytes], **fields: Any) -> list[str]:
    """FaceIds of a picture's faces."""
    answer = client.index_faces(CollectionId=collection, Image=image, **fields)
    return [record["Face"]["FaceId"] for record in answer["FaceRecords"]]


def test_an_empty_collection(client: Any, collection: str) -> None:
    said = client.describe_collection(CollectionId=collection)
    assert (said["FaceCount"], said["UserCount"]) == (0, 0)
    assert re.fullmatch(r"[0-9.]+", said["FaceModelVersion"])
    assert abs(datetime.now(UTC) - said["CreationTimestamp"]) < timedelta(minutes=1)
    assert said["CollectionARN"] == f"aws:rekognition:eu-central-1:000000000000:collection/{collection}"
    assert client.list_faces(CollectionId=collection)["Faces"] == []
    assert client.list_users(CollectionId=collection)["Users"] == []


def test_create_and_delete(client: Any) -> None:
    made = client.create_collection(CollectionId="made.here-1_x", Tags={"team": "doors"})
    assert made["StatusCode"] == 200
    assert made["CollectionArn"].endswith(":collection/made.here-1_x")
    assert "made.here-1_x" in client.list_collections()["CollectionIds"]
    assert code(client.create_collection, CollectionId="made.here-1_x") == "ResourceAlreadyExistsException"
    assert client.delete_collection(CollectionId="made.here-1_x")["StatusCode"] == 200
    assert code(client.delete_collection, CollectionId="made.here-1_x") == "ResourceNotFoundException"


@pytest.mark.parametrize("name", ["a b", "a/b", "ä", "x" * 256, ".vultus", "..", "-x"])
def test_names_that_cannot_be(client: Any, name: str) -> None:
    assert code(client.create_collection, CollectionId=name) == "InvalidParameterException"


@pytest.mark.parametrize("tags", [{"aws:x": "y"}, {"k" * 129: ""}, {"k": "v" * 257}, {str(n): "" for n in range(201)}])
def test_tags_that_cannot_be(client: Any, tags: dict[str, str]) -> None:
    assert code(client.create_collection, CollectionId="tagged", Tags=tags) == "InvalidParameterException"


def test_list_collections_in_parts(client: Any, connect: Callable[..., Any]) -> None:
    names = [f"part-{number:02}" for number in range(5)]
    for name in names:
        client.create_collection(CollectionId=name)
    own = connect("viewer", *names)
    pages = list(own.get_paginator("list_collections").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["CollectionIds"]) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in page["CollectionIds"]] == names
    assert all(len(page["FaceModelVersions"]) == len(page["CollectionIds"]) for page in pages)
    assert own.list_collections(MaxResults=0)["CollectionIds"] == names
    for name in names:
        client.delete_collection(CollectionId=name)


@pytest.mark.parametrize("token", ["x", "x.y", "." * 255, "eyJhIjoxfQ=="])
def test_a_token_that_nobody_gave(client: Any, collection: str, token: str) -> None:
    assert code(client.list_collections, NextToken=token) == "InvalidPaginationTokenException"
    assert code(client.list_faces, CollectionId=collection, NextToken=token) == "InvalidPaginationTokenException"
    assert code(client.list_users, CollectionId=collection, NextToken=token) == "InvalidPaginationTokenException"


def test_a_token_of_another_list(client: Any, collection: str, photo: Photo) -> None:
    indexed(client, collection, photo("Ada", "Bob"))
    token = client.list_faces(CollectionId=collection, MaxResults=1)["NextToken"]
    assert client.list_faces(CollectionId=collection, MaxResults=1, NextToken=token)["Faces"]
    assert code(client.list_collections, NextToken=token) == "InvalidPaginationTokenException"
    assert code(client.list_collections, NextToken="t" * 256) == "InvalidParameterException"


def test_a_token_that_was_forged(client: Any, collection: str) -> None:
    from vultus.server.routes.aws import pages

    for place in ("9" * 200, "-1", "x", "1e3", "\u0663"):
        token = pages.token(place, "ListFaces", collection, "")
        assert code(client.list_faces, CollectionId=collection, NextToken=token) == "InvalidPaginationTokenException"


def test_numbers_beyond_all_bounds() -> None:
    from vultus.server.routes.aws.shapes import Number, Whole
    from vultus.server.routes.aws.wire import Fault

    for value in (10**400, float("inf"), float("-inf"), float("nan"), -1):
        with pytest.raises(Fault, match="0 to 100"):
            Number().read("Threshold", value)
    with pytest.raises(Fault, match="1 to 500"):
        Whole(1, 500).read("MaxUsers", 10**400)
    for wrong in (True, "1", None, 1.0):
        with pytest.raises(Fault, match="whole number"):
            Whole(1, 500).read("MaxUsers", wrong)


def test_a_key_of_other_collections(client: Any, collection: str, connect: Callable[..., Any]) -> None:
    other = connect("admin", "elsewhere")
    assert other.list_collections()["CollectionIds"] == []
    assert code(other.describe_collection, CollectionId=collection) == "ResourceNotFoundException"
    assert code(other.delete_collection, CollectionId=collection) == "ResourceNotFoundException"
    assert code(other.create_collection, CollectionId="third") == "AccessDeniedException"


def test_index_and_list(client: Any, collection: str, photo: Photo) -> None:
    answer = client.index_faces(
        CollectionId=collection,
        Image=photo("Ada", "Bob"),
        ExternalImageId="party:1.jpg",
        DetectionAttributes=["ALL"],
        MaxFaces=10,
        QualityFilter="AUTO",
    )
    assert answer["UnindexedFaces"] == []
    records = answer["FaceRecords"]
    assert len(records) == 2
    assert len({record["Face"]["ImageId"] for record in records}) == 1
    face, detail = records[0]["Face"], records[0]["FaceDetail"]
    assert UUID.fullmatch(face["FaceId"])
    assert face["ExternalImageId"] == "party:1.jpg"
    assert face["Confidence"] == detail["Confidence"] == 99.0
    # The picture is 284 x 150 pixels, the first square 112 pixels at (19, 19).
    assert face["BoundingBox"] == detail["BoundingBox"]
    assert face["BoundingBox"] == pytest.approx(
        {"Left": 19 / 284, "Top": 19 / 150, "Width": 112 / 284, "Height": 112 / 150}, abs=1e-6
    )
    points = {point["Type"]: point for point in detail["Landmarks"]}
    assert set(points) == {"eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"}
    assert points["eyeLeft"]["X"] < points["nose"]["X"] < points["eyeRight"]["X"]
    assert set(detail["Pose"]) == {"Roll", "Yaw", "Pitch"}
    assert 0 < detail["Quality"]["Brightness"] < 100
    listed = client.list_faces(CollectionId=collection)
    assert listed["Faces"] == [record["Face"] for record in records]
    assert listed["FaceModelVersion"] == answer["FaceModelVersion"]
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 2


def test_the_same_picture_under_the_same_name_is_stored_once(client: Any, collection: str, photo: Photo) -> None:
    first = indexed(client, collection, photo("Ada"), ExternalImageId="a.jpg")
    assert indexed(client, collection, photo("Ada"), ExternalImageId="a.jpg") == first
    assert indexed(client, collection, photo("Ada"), ExternalImageId="b.jpg") != first
    assert indexed(client, collection, photo("Ada")) not in (first, [])
    faces = client.list_faces(CollectionId=collection)["Faces"]
    assert [face.get("ExternalImageId") for face in faces] == ["a.jpg", "b.jpg", None]


def test_no_face_is_no_error(client: Any, collection: str, photo: Photo) -> None:
    answer = client.index_faces(CollectionId=collection, Image=photo())
    assert (answer["FaceRecords"], answer["UnindexedFaces"]) == ([], [])


def test_the_largest_faces_are_kept(client: Any, collection: str) -> None:
    import io

    import numpy as np
    from PIL import Image

    from vultus.testing import picture

    small, large = picture("Ada", side=56), picture("Bob", side=112)
    canvas = np.full((150, small.shape[1] + large.shape[1], 3), 128, dtype=np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    canvas[: large.shape[0], small.shape[1] :] = large
    held = io.BytesIO()
    Image.fromarray(canvas).save(held, "PNG")
    answer = client.index_faces(CollectionId=collection, Image={"Bytes": held.getvalue()}, MaxFaces=1)
    (record,) = answer["FaceRecords"]
    (left,) = answer["UnindexedFaces"]
    assert left["Reasons"] == ["EXCEEDS_MAX_FACES"]
    assert record["Face"]["BoundingBox"]["Width"] > left["FaceDetail"]["BoundingBox"]["Width"]
    both = client.index_faces(CollectionId=collection, Image={"Bytes": held.getvalue()})["FaceRecords"]
    assert both[0]["Face"]["FaceId"] == record["Face"]["FaceId"]
    assert len(both) == 2


@pytest.mark.parametrize(("level", "reasons"), [("AUTO", ["SMALL_BOUNDING_BOX"]), ("LOW", None), ("NONE", None)])
def test_the_quality_filter(client: Any, collection: str, photo: Photo, level: str, reasons: list[str] | None) -> None:
    answer = client.index_faces(CollectionId=collection, Image=photo("Ada", side=32), QualityFilter=level)
    if reasons is None:
        assert len(answer["FaceRecords"]) == 1
    else:
        assert [face["Reasons"] for face in answer["UnindexedFaces"]] == [reasons]


def test_list_in_parts_and_by_id(client: Any, collection: str, photo: Photo) -> None:
    ids = [face for seed in range(5) for face in indexed(client, collection, photo("Ada", seed=seed))]
    pages = list(client.get_paginator("list_faces").paginate(CollectionId=collection, PaginationConfig={"PageSize": 2}))
    assert [len(page["Faces"]) for page in pages] == [2, 2, 1]
    assert [face["FaceId"] for page in pages for face in page["Faces"]] == ids
    nobody = "00000000-0000-0000-0000-000000000000"
    some = client.list_faces(CollectionId=collection, FaceIds=[ids[3], nobody, ids[1]])["Faces"]
    assert [face["FaceId"] for face in some] == [ids[1], ids[3]]


def test_parts_are_not_shaken_by_what_comes_and_goes(client: Any, collection: str, photo: Photo) -> None:
    ids = [face for seed in range(4) for face in indexed(client, collection, photo("Ada", seed=seed))]
    first = client.list_faces(CollectionId=collection, MaxResults=2)
    client.delete_faces(CollectionId=collection, FaceIds=[ids[1], ids[2]])
    new = indexed(client, collection, photo("Bob"))
    rest = client.list_faces(CollectionId=collection, NextToken=first["NextToken"])
    assert [face["FaceId"] for face in rest["Faces"]] == [ids[3], *new]


def test_delete_faces(client: Any, collection: str, photo: Photo) -> None:
    kept, gone = indexed(client, collection, photo("Ada", "Bob"))
    nobody = "00000000-0000-0000-0000-000000000000"
    client.create_user(CollectionId=collection, UserId="ada")
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[kept])
    answer = client.delete_faces(CollectionId=collection, FaceIds=[kept, gone, nobody, gone])
    assert answer["DeletedFaces"] == [gone]
    assert answer["UnsuccessfulFaceDeletions"] == [
        {"FaceId": kept, "UserId": "ada", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]},
        {"FaceId": nobody, "Reasons": ["FACE_NOT_FOUND"]},
    ]
    assert code(client.search_faces, CollectionId=collection, FaceId=gone) == "ResourceNotFoundException"
    assert client.describe_collection(CollectionId=collection)["FaceCount"] == 1


def test_pictures_that_are_none(client: Any, collection: str, photo: Photo) -> None:
    whole = photo("Ada")["Bytes"]
    for data in (b"not a picture", whole[:200], b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"):
        assert code(client.detect_faces, Image={"Bytes": data}) == "InvalidImageFormatException"
        fields = {"CollectionId": collection, "Image": {"Bytes": data}}
        assert code(client.index_faces, **fields) == "InvalidImageFormatException"
        assert code(client.search_faces_by_image, **fields) == "InvalidImageFormatException"


def test_pictures_that_are_too_large(client: Any, photo: Photo) -> None:
    most = 5 * 2**20
    whole = photo("Ada")["Bytes"]
    assert client.detect_faces(Image={"Bytes": whole + b"\0" * (most - len(whole))})["FaceDetails"]
    assert (
        code(client.detect_faces, Image={"Bytes": whole + b"\0" * (most - len(whole) + 1)}) == "ImageTooLargeException"
    )
    assert code(client.compare_faces, SourceImage={"Bytes": whole}, TargetImage={"Bytes": b"\0" * most * 2}) == (
        "ImageTooLargeException"
    )


def test_too_many_pixels(client: Any) -> None:
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.new("1", (8000, 8000)).save(held, "PNG")
    assert code(client.detect_faces, Image={"Bytes": held.getvalue()}) == "ImageTooLargeException"


def test_pictures_in_a_bucket(client: Any, collection: str) -> None:
    image = {"S3Object": {"Bucket": "bucket", "Name": "face.jpg"}}
    assert code(client.detect_faces, Image=image) == "InvalidS3ObjectException"
    assert code(client.index_faces, CollectionId=collection, Image=image) == "InvalidS3ObjectException"
    assert code(client.detect_faces, Image={}) == "InvalidParameterException"


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("list_faces", {"MaxResults": 4097}),
        ("list_users", {"MaxResults": 501}),
        ("list_faces", {"FaceIds": ["x"]}),
        ("list_faces", {"UserId": "Ada Lovelace"}),
        ("delete_faces", {"FaceIds": ["0" * 32]}),
        ("delete_faces", {"FaceIds": ["00000000-0000-0000-0000-000000000000"] * 4097}),
        ("search_faces", {"FaceId": "A0000000-0000-0000-0000-000000000000"}),
        ("search_faces", {"FaceId": "00000000-0000-0000-0000-000000000000", "MaxFaces": 4097}),
        ("search_faces", {"FaceId": "00000000-0000-0000-0000-000000000000", "FaceMatchThreshold": 100.5}),
        ("create_user", {"UserId": "x" * 129}),
        ("create_user", {"UserId": "x", "ClientRequestToken": "a b"}),
        ("associate_faces", {"UserId": "x", "FaceIds": ["00000000-0000-0000-0000-000000000000"] * 101}),
        ("search_users", {}),
        ("search_users", {"UserId": "x", "FaceId": "00000000-0000-0000-0000-000000000000"}),
        ("search_users", {"UserId": "x", "MaxUsers": 501}),
        ("index_faces", {"Image": {"Bytes": b"x"}, "ExternalImageId": "a/b"}),
        ("index_faces", {"Image": {"Bytes": b"x"}, "QualityFilter": "BEST"}),
        ("index_faces", {"Image": {"Bytes": b"x"}, "DetectionAttributes": ["AURA"]}),
    ],
)
def test_beyond_the_models_bounds(client: Any, collection: str, operation: str, fields: dict[str, Any]) -> None:
    assert code(getattr(client, operation), CollectionId=collection, **fields) == "InvalidParameterException"


NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("delete_collection", {}),
        ("describe_collection", {}),
        ("list_faces", {}),
        ("delete_faces", {"FaceIds": [NOBODY]}),
        ("search_faces", {"FaceId": NOBODY}),
        ("create_user", {"UserId": "x"}),
        ("delete_user", {"UserId": "x"}),
        ("list_users", {}),
        ("associate_faces", {"UserId": "x", "FaceIds": [NOBODY]}),
        ("disassociate_faces", {"UserId": "x", "FaceIds": [NOBODY]}),
        ("search_users", {"UserId": "x"}),
        ("index_faces", {"Image": "Ada"}),
        ("search_faces_by_image", {"Image": "Ada"}),
        ("search_users_by_image", {"Image": ""}),
    ],
)
def test_an_unknown_collection(client: Any, photo: Photo, operation: str, fields: dict[str, Any]) -> None:
    if "Image" in fields:
        fields = {**fields, "Image": photo(*filter(None, [fields["Image"]]))}
    assert code(getattr(client, operation), CollectionId="nowhere", **fields) == "ResourceNotFoundException"


def test_detect_faces(client: Any, photo: Photo) -> None:
    assert client.detect_faces(Image=photo())["FaceDetails"] == []
    details = client.detect_faces(Image=photo("Ada", "Bob"), Attributes=["ALL"])["FaceDetails"]
    assert len(details) == 2
    assert set(details[0]) == {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}


def test_compare_faces(client: Any, photo: Photo) -> None:
    answer = client.compare_faces(SourceImage=photo("Ada"), TargetImage=photo("Bob", "Ada", seed=1))
    (match,) = answer["FaceMatches"]
    (other,) = answer["UnmatchedFaces"]
    assert match["Similarity"] > 99
    assert match["Face"]["BoundingBox"]["Left"] > other["BoundingBox"]["Left"]
    assert answer["SourceImageFace"]["Confidence"] == 99.0
    everything = client.compare_faces(
        SourceImage=photo("Ada"), TargetImage=photo("Bob", "Ada", seed=1), SimilarityThreshold=0
    )
    assert len(everything["FaceMatches"]) == 1  # the floor stands whatever the caller asks for
    same = client.compare_faces(SourceImage=photo("Ada"), TargetImage=photo("Ada"), SimilarityThreshold=100)
    assert [one["Similarity"] for one in same["FaceMatches"]] == [100.0]


def test_compare_without_a_face(client: Any, photo: Photo) -> None:
    for source, target in ((photo(), photo("Ada")), (photo("Ada"), photo()), (photo("Ada", side=20), photo("Ada"))):
        fields = {"SourceImage": source, "TargetImage": target, "QualityFilter": "LOW"}
        assert code(client.compare_faces, **fields) == "InvalidParameterException"


def test_people_who_were_enrolled_another_way(server: Running, client: Any, collection: str, photo: Photo) -> None:
    """Everybody of the gallery is a user, whatever door they came in by."""
    gallery = server.service.gallery(collection)
    gallery.enroll("Ada Lovelace", photo("Ada")["Bytes"])
    gallery.enroll("bob", photo("Bob")["Bytes"])
    users = client.list_users(CollectionId=collection)["Users"]
    ada = gallery.person("Ada Lovelace").id
    assert {user["UserId"] for user in users} == {ada, "bob"}
    faces = client.list_faces(CollectionId=collection)["Faces"]
    assert {face["UserId"] for face in faces} == {ada, "bob"}
    assert all("BoundingBox" not in face and face["Confidence"] == 99.0 for face in faces)
    found = client.search_users_by_image(CollectionId=collection, Image=photo("Ada", seed=2))["UserMatches"]
    assert [one["User"]["UserId"] for one in found] == [ada]
    assert client.list_faces(CollectionId=collection, UserId=ada)["Faces"] == faces[:1]


def test_indexed_faces_are_found_by_the_gallery_too(
    server: Running, client: Any, collection: str, photo: Photo
) -> None:
    (face,) = indexed(client, collection, photo("Ada"), ExternalImageId="a.jpg")
    gallery = server.service.gallery(collection)
    (seen,) = gallery.identify(photo("Ada", seed=1)["Bytes"])
    assert seen.status == "match"
    (template,) = gallery.faces(seen.candidates[0].id)
    assert template.id == face.replace("-", "")
    assert template.crop
    client.create_user(CollectionId=collection, UserId="ada")
    client.associate_faces(CollectionId=collection, UserId="ada", FaceIds=[face])
    assert [one.person for one in gallery.identify(photo("Ada", seed=1)["Bytes"])] == ["ada"]
    assert [person.name for person in gallery.people()] == ["ada"]
    assert gallery.check().ok


def test_base64_that_is_none(server: Running, client: Any) -> None:
    """boto3 encodes for itself; others may not."""
    from vultus.server.routes.aws.shapes import Picture
    from vultus.server.routes.aws.wire import Fault

    assert Picture().read("Image", {"Bytes": base64.b64encode(b"x").decode()}) == b"x"
    wrong: list[tuple[object, str]] = [
        ("x", "SerializationException"),
        ({"Bytes": 1}, "SerializationException"),
        ({"Bytes": "%%%"}, "SerializationException"),
        ({"Bytes": "eA"}, "SerializationException"),
        ({"Bytes": "ä"}, "SerializationException"),
        ({"Bytes": ""}, "InvalidParameterException"),
        ({"Bytes": "A" * 7_000_000}, "ImageTooLargeException"),
    ]
    for value, expected in wrong:
        with pytest.raises(Fault) as refused:
            Picture().read("Image", value)
        assert refused.value.code == expected


def test_the_journal_has_what_was_done(server: Running, client: Any, collection: str, photo: Photo) -> None:
    (face,) = indexed(client, collection, photo("Ada"), ExternalImageId="secret-name")
    indexed(client, collection, photo("Ada"), ExternalImageId="secret-name")  # changes nothing
    client.create_user(CollectionId=collection, UserId="secret-user")
    client.associate_faces(CollectionId=collection, UserId="secret-user", FaceIds=[face])
    client.search_users_by_image(CollectionId=collection, Image=photo("Ada", seed=1))
    client.search_faces_by_image(CollectionId=collection, Image=photo("a stranger"))
    client.disassociate_faces(CollectionId=collection, UserId="secret-user", FaceIds=[face])
    client.delete_user(CollectionId=collection, UserId="secret-user")
    client.delete_faces(CollectionId=collection, FaceIds=[face])
    entries = list(server.service.journal.entries(gallery=collection))
    assert [entry.action for entry in entries] == [
        "gallery.create",
        "face.index",
        "person.create",
        "face.move",
        "identify",
        "identify",
        "face.free",
        "person.remove",
        "face.remove",
    ]
    assert [entry.evidence["decision"] for entry in entries[4:6]] == ["match", "unknown"]
    assert {"score", "threshold", "fpir", "model"} <= set(entries[4].evidence)
    assert entries[4].target == entries[2].target
    assert "secret" not in str(entries)
    assert server.service.journal.verify().ok


def test_more_faces_than_an_entry_of_the_journal_holds(server: Running, client: Any, collection: str) -> None:
    from dataclasses import replace

    import numpy as np

    from vultus.server.routes.aws.stored import ANONYMOUS, face_id
    from vultus.testing import picture
    from vultus.types import unit

    gallery = server.service.gallery(collection)
    (reading,) = server.service.analyzer.analyze(picture("Ada"))
    vectors = unit(np.random.default_rng(0).normal(size=(450, 128)))
    with gallery.change() as change:
        for number, vector in enumerate(vectors):
            person = change.add_person(f"{ANONYMOUS}{number}").id
            one = replace(reading, embedding=vector, aligned=None)
            change.add_face(person, one, source="crowd.png", sha256="ab" * 32, ordinal=number)
    listed = client.list_faces(CollectionId=collection)["Faces"]
    assert len(listed) == 450
    ids = [face["FaceId"] for face in listed]
    assert ids == [face_id(face.replace("-", "")) for face in ids]
    gone = client.delete_faces(CollectionId=collection, FaceIds=ids)
    assert len(gone["DeletedFaces"]) == 450
    entries = server.service.journal.entries(gallery=collection, action="face.remove")
    assert [len(entry.evidence["faces"]) for entry in entries] == [200, 200, 50]
