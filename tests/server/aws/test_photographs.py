"""The whole way with real photographs and real models: boto3, sockets, detection, recognition, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vultus.analyzer import Analyzer
from vultus.demo import portrait
from vultus.errors import WeightsError
from vultus.server.run import Running, running
from vultus.server.settings import Settings

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service with the default models and the shipped thresholds."""
    try:
        analyzer = Analyzer()
    except WeightsError as error:
        pytest.skip(f"weights are not to be had: {error}")
    with running(Settings(tmp_path_factory.mktemp("real") / "root", port=0), analyzer) as started:
        yield started


def test_known_people_are_found_and_strangers_stay_unknown(
    real: Running, photographs: dict[str, Path], client_of: Any
) -> None:
    made = real.service.keys.create("admin", kind="aws")
    client = client_of(real, made.key.id, made.secret)
    image = {name: {"Bytes": path.read_bytes()} for name, path in photographs.items()}
    image["Eileen Collins"] = {"Bytes": portrait()}
    client.create_collection(CollectionId="known")
    faces: dict[str, str] = {}
    for name in ("Barack Obama", "Joe Biden", "Eileen Collins"):
        external = name.replace(" ", "_")
        answer = client.index_faces(CollectionId="known", Image=image[name], ExternalImageId=external, MaxFaces=1)
        (record,) = answer["FaceRecords"]
        assert record["Face"]["Confidence"] > 80
        faces[name] = record["Face"]["FaceId"]

    for probe in ("obama2.jpg", "obama3.jpg", "obama_partial_face.jpg"):
        found = client.search_faces_by_image(CollectionId="known", Image=image[probe])
        assert [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]] == ["Barack_Obama"]
        assert found["FaceMatches"][0]["Similarity"] >= 80

    crowd = client.detect_faces(Image=image["t1.jpg"], Attributes=["ALL"])["FaceDetails"]
    assert len(crowd) == 6
    areas = [face["BoundingBox"]["Width"] * face["BoundingBox"]["Height"] for face in crowd]
    assert areas == sorted(areas, reverse=True)
    strangers = client.search_faces_by_image(CollectionId="known", Image=image["t1.jpg"], FaceMatchThreshold=0)
    assert strangers["FaceMatches"] == []
    unknown = client.search_users_by_image(CollectionId="known", Image=image["t1.jpg"], UserMatchThreshold=0)
    assert unknown["UserMatches"] == []
    assert len(unknown["UnsearchedFaces"]) == 5

    same = client.compare_faces(SourceImage=image["Barack Obama"], TargetImage=image["obama2.jpg"])
    assert [match["Similarity"] >= 99 for match in same["FaceMatches"]] == [True]
    other = client.compare_faces(SourceImage=image["Joe Biden"], TargetImage=image["obama2.jpg"], SimilarityThreshold=0)
    assert (len(other["FaceMatches"]), len(other["UnmatchedFaces"])) == (0, 1)

    client.create_user(CollectionId="known", UserId="obama")
    second = client.index_faces(CollectionId="known", Image=image["obama2.jpg"])["FaceRecords"][0]["Face"]["FaceId"]
    given = client.associate_faces(
        CollectionId="known", UserId="obama", FaceIds=[faces["Barack Obama"], second, faces["Joe Biden"]]
    )
    assert [face["FaceId"] for face in given["AssociatedFaces"]] == [faces["Barack Obama"], second]
    assert given["UnsuccessfulFaceAssociations"][0]["Reasons"] == ["LOW_MATCH_CONFIDENCE"]
    seen = client.search_users_by_image(CollectionId="known", Image=image["obama3.jpg"])
    assert [match["User"]["UserId"] for match in seen["UserMatches"]] == ["obama"]
    assert client.search_users(CollectionId="known", FaceId=faces["Joe Biden"])["UserMatches"] == []
