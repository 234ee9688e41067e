"""What every recogniser of the registry is held to."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vultus import registry
from vultus.analyzer import detector, embedder
from vultus.errors import InputError, VultusError
from vultus.models.embed import Embedder
from vultus.types import Image

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module", params=[card.name for card in registry.cards("embed")])
def embed(request: pytest.FixtureRequest) -> Embedder:
    try:
        return embedder(request.param)
    except VultusError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def crops(embed: Embedder, astronaut: Image) -> list[Image]:
    """One face nine times, under light, blur, size and mirror."""
    small = cv2.resize(astronaut, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    pictures = [astronaut, small, np.ascontiguousarray(astronaut[:, ::-1])]
    pictures += [cv2.convertScaleAbs(astronaut, alpha=gain) for gain in (0.5, 0.8, 1.3)]
    pictures += [cv2.GaussianBlur(astronaut, (0, 0), sigma) for sigma in (0.7, 1.0, 1.5)]
    found = detector("yunet")(pictures)
    return [embed.crop(picture, faces[0].landmarks) for picture, faces in zip(pictures, found, strict=True)]


def test_no_crops_give_no_rows(embed: Embedder) -> None:
    assert embed([]).shape == (0, embed.contract.dimension)


def test_rows_have_unit_length_and_the_cards_dimension(embed: Embedder, crops: list[Image]) -> None:
    vectors = embed(crops)
    assert vectors.shape == (len(crops), embed.contract.dimension)
    assert embed.contract.dimension == embed.card.dimension
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_one_face_stays_itself_and_noise_is_nobody(embed: Embedder, crops: list[Image]) -> None:
    vectors = embed(crops)
    assert (vectors @ vectors[0]).min() > 0.5
    noise = np.random.default_rng(0).integers(0, 256, crops[0].shape, dtype=np.uint8)
    assert float(embed([noise])[0] @ vectors[0]) < 0.4


def test_a_batch_gives_what_single_calls_give(embed: Embedder, crops: list[Image]) -> None:
    together = embed(crops)
    alone = np.vstack([embed([crop]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(embed(crops[::-1]), together[::-1], atol=1e-5)


def test_the_same_answer_every_time_and_the_crops_untouched(embed: Embedder, crops: list[Image]) -> None:
    before = [crop.copy() for crop in crops]
    assert (embed(crops) == embed(crops)).all()
    assert all((crop == kept).all() for crop, kept in zip(crops, before, strict=True))


def test_colour_order_matters(embed: Embedder, crops: list[Image]) -> None:
    swapped = [np.ascontiguousarray(crop[..., ::-1]) for crop in crops]
    assert float((embed(swapped) * embed(crops)).sum(axis=1).max()) < 0.999


def test_a_crop_of_another_size_is_refused(embed: Embedder, crops: list[Image]) -> None:
    side = crops[0].shape[0] + 8
    with pytest.raises(InputError, match="expected aligned crops"):
        embed([np.zeros((side, side, 3), dtype=np.uint8)])


def test_the_contract_names_the_weights(embed: Embedder) -> None:
    assert embed.contract.model == embed.card.name
    assert len(embed.contract.weights_sha256) == 64
    assert embed.contract.id.startswith("vultus-emb-v1:")
