"""No classifier of the registry may let the faces of a batch answer for each other.

Batches that are sorted by class make a network that does so look better than it is; single
faces are what users have. Each face must get the same alone, among its like and in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vultus import registry
from vultus.analyzer import detector
from vultus.errors import VultusError
from vultus.runtime import EngineOptions, Feed, session
from vultus.types import Box, Expression, Face, Image, Liveness, ModelCard

pytestmark = pytest.mark.weights

TASKS = ("liveness", "expression", "quality", "age")  # one answer a face; detectors and recognisers have their own
CLASSIFIERS = [card.name for task in TASKS for card in registry.cards(task)]
SAME = 1e-5


def numbers(answer: Liveness | Expression) -> NDArray[np.float64]:
    """An answer as numbers, NaN where there is none."""
    if isinstance(answer, Liveness):
        return np.array([answer.score])
    return np.array(answer.probabilities or [np.nan] * len(answer.classes))


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Face:
    return detector("yunet")([astronaut])[0][0]


def test_there_are_some_of_both_kinds() -> None:
    assert {"rgb", "fer2013"} <= set(CLASSIFIERS)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_an_answer_is_the_same_alone_among_its_like_and_shuffled(name: str, astronaut: Image, face: Face) -> None:
    try:
        model: Any = registry.load(name)
    except VultusError as error:
        pytest.skip(f"weights are not to be had: {error}")

    def at(x: float, y: float, times: float = 1) -> Face:
        middle = np.float32(face.box.centre)
        points = (face.landmarks - middle) * np.float32(times) + middle + np.float32([x, y])
        half, (cx, cy) = face.box.width * times / 2, face.box.centre
        return Face(Box(cx + x - half, cy + y - half, cx + x + half, cy + y + half), points, face.score)

    faces = [at(step, step / 3) for step in (-15, -8, -3, 0, 4, 9, 14)] + [at(0, 0, 0.7), at(0, 0, 1.15), at(3, 0, 0.1)]
    alone = [numbers(model(astronaut, [one])[0]) for one in faces]

    def together(order: Sequence[int]) -> None:
        answers = model(astronaut, [faces[number] for number in order])
        assert len(answers) == len(order)
        for number, answer in zip(order, answers, strict=True):
            np.testing.assert_allclose(numbers(answer), alone[number], atol=SAME)

    like = sorted(range(len(faces)), key=lambda number: int(np.nan_to_num(alone[number]).argmax()))
    together(range(len(faces)))
    together(like)
    together(np.random.default_rng(0).permutation(len(faces)).tolist())
    together([3] * 5)


def batched(card: ModelCard) -> tuple[str, tuple[int, int]] | None:
    """Input and size (width, height) of packaged weights whose first axis is the picture."""
    import onnx

    if card.packaged is None:
        return None
    with as_file(files("vultus").joinpath(card.packaged)) as path:
        graph = onnx.load(str(path)).graph
    (given,) = (value for value in graph.input if value.name not in {tensor.name for tensor in graph.initializer})
    batch, _, height, width = given.type.tensor_type.shape.dim
    return (given.name, (width.dim_value, height.dim_value)) if batch.HasField("dim_param") else None


NETWORKS = [name for name in CLASSIFIERS if batched(registry.card(name)) is not None]


def test_the_networks_behind_both_kinds_are_tried() -> None:
    assert {"rgb", "fer2013"} <= set(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_itself_does_not_mix_its_batch(name: str, astronaut: Image) -> None:
    card = registry.card(name)
    found = batched(card)
    assert found is not None
    assert card.packaged is not None
    given, (width, height) = found
    with as_file(files("vultus").joinpath(card.packaged)) as path:
        network = session(path, Feed(given), EngineOptions(precision="fp32"))
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 512 - max(width, height), (12, 2)).tolist()
    pictures = np.stack([astronaut[y : y + height, x : x + width] for y, x in corners])

    def run(order: Sequence[int]) -> NDArray[np.float32]:
        return network.run(pictures[list(order)])[0].reshape(len(order), -1)

    alone = np.concatenate([run([number]) for number in range(len(pictures))])
    by_class = np.argsort(alone[:, 0] if alone.shape[1] == 1 else alone.argmax(axis=1), kind="stable")
    for order in (range(12), by_class.tolist(), rng.permutation(12).tolist()):
        np.testing.assert_allclose(run(order), alone[list(order)], atol=SAME)
    crowd = run([0] * 11 + [5])
    np.testing.assert_allclose(crowd[[0, 11]], alone[[0, 5]], atol=SAME)
