"""Networks run on one thread here: two test processes with two threads each fight for two cores."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
