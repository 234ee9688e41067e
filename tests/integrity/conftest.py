"""Keys and photos that several tests use."""

from __future__ import annotations

import numpy as np
import pytest

from vultus.integrity.keys import SigningKey
from vultus.integrity.secret import MarkKey
from vultus.types import Image

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")  # RFC 8032, test 1


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey.of_seed(SEED)


@pytest.fixture(scope="session")
def mark_key() -> MarkKey:
    return MarkKey(bytes(range(32)))


@pytest.fixture(scope="session")
def photo(astronaut: Image) -> Image:
    """Part of the NASA portrait, (64, 72, 3)."""
    return np.ascontiguousarray(astronaut[60:124, 190:262])
