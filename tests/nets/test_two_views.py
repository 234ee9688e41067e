from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vultus.errors import InputError  # noqa: E402
from vultus.nets.two_views import TwoViews, spectrum  # noqa: E402


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.randint(0, 256, (4, 3, 64, 128), generator=torch.Generator().manual_seed(0)).float()


@pytest.mark.parametrize("pooling", ["mean", "mean-std"])
def test_an_answer_does_not_depend_on_the_batch(pooling: str, pictures: torch.Tensor) -> None:
    net = TwoViews(pooling=pooling).eval()
    with torch.inference_mode():
        together = net(pictures)
        alone = torch.cat([net(picture[None]) for picture in pictures])
        turned = net(pictures.flip(0)).flip(0)
    assert together.shape == (4,)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together, turned, atol=1e-5, rtol=1e-5)


def test_both_views_count_and_each_for_itself(pictures: torch.Tensor) -> None:
    net = TwoViews().eval()
    pictures = pictures[:1].clone().requires_grad_(True)
    net(pictures).sum().backward()
    assert pictures.grad is not None
    assert float(pictures.grad[..., :64].abs().sum()) > 0
    assert float(pictures.grad[..., 64:].abs().sum()) > 0
    swapped = torch.cat([pictures[..., 64:], pictures[..., :64]], 3)
    assert not torch.allclose(net(pictures), net(swapped))


def test_one_view_and_an_unknown_pooling_are_refused() -> None:
    with pytest.raises(InputError, match="side by side"):
        TwoViews()(torch.zeros(1, 3, 64, 64))
    with pytest.raises(InputError, match="pooling"):
        TwoViews(pooling="max")


def test_the_spectrum_of_stripes_stands_at_their_frequency() -> None:
    x = np.arange(64)
    stripes = 127 + 100 * np.sin(2 * np.pi * 20 * x / 64)
    picture = torch.zeros(1, 3, 64, 128)
    picture[..., 64:] = torch.from_numpy(np.broadcast_to(stripes, (3, 64, 64)).copy())
    blocks = spectrum(picture)
    assert blocks.shape == (1, 8, 8)
    row, column = divmod(int(blocks[0].argmax()), 8)
    assert row == 4  # frequency 0 along y lies in the middle
    assert column in ((32 + 20) // 8, (32 - 20) // 8)
    assert float(blocks.mean()) == pytest.approx(0, abs=1e-5)


def test_the_auxiliary_head_learns_in_training_only_where_it_is_asked_for(pictures: torch.Tensor) -> None:
    assert TwoViews().both(pictures)[1] is None
    _, guessed = TwoViews(auxiliary=True).both(pictures)
    assert guessed is not None
    assert guessed.shape == spectrum(pictures).shape
