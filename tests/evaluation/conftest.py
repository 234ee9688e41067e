"""Made-up people whose embeddings behave like faces: alike within, apart across."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.types import EmbeddingContract

DIMENSION = 64


def crowd(people: int, pictures: int, seed: int, name: str = "p") -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around a direction a person, (people x pictures, 64), and names."""
    rng = np.random.default_rng(seed)
    directions = np.repeat(rng.normal(size=(people, DIMENSION)), pictures, axis=0)
    vectors = directions + 0.7 * rng.normal(size=directions.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.array([f"{name}{who:04}" for who in range(people) for _ in range(pictures)])


@pytest.fixture(scope="session")
def contract() -> EmbeddingContract:
    return EmbeddingContract("made-up", "0" * 64, DIMENSION)
