"""The classifier's network: any size, and what may not be given to it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="NO PYTORCH: networks are not tested; pip install 'vultus[train]'")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.revealed import RevealedNet  # noqa: E402


@pytest.mark.parametrize("shape", [(0, 6, 64), (1, 3, 64, 64), (1, 6, 31, 64)])
def test_what_it_does_not_take(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected"):
        RevealedNet(4)(torch.zeros(shape))


def test_any_size_gives_logits() -> None:
    net = RevealedNet(4).eval()
    assert net(torch.zeros(2, 6, 32, 56)).shape == (2, 4)
    assert net(torch.zeros(1, 6, 97, 160)).shape == (1, 4)


def test_a_small_spot_shows_in_a_large_picture() -> None:
    """The greatest value of a map does not thin out as its mean does."""
    torch.manual_seed(0)
    net = RevealedNet(4).eval()
    plain, spotted = torch.zeros(1, 6, 320, 320), torch.zeros(1, 6, 320, 320)
    spotted[..., 160:168, 160:168] = 4
    with torch.no_grad():
        assert float((net(plain) - net(spotted)).abs().max()) > 1e-3


def test_it_learns_in_a_few_steps() -> None:
    torch.manual_seed(0)
    net = RevealedNet(2, widths=(8, 8), dropout=0)
    given = torch.randn(16, 6, 32, 32)
    given[8:] *= 0.2
    truth = torch.tensor([0] * 8 + [1] * 8)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(net(given), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
