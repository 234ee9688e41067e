from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="NO PYTORCH: networks are not tested; pip install 'vultus[train]'")

from vultus.errors import InputError  # noqa: E402
from vultus.nets import hiding  # noqa: E402


@pytest.fixture(params=hiding.METHODS)
def method(request: pytest.FixtureRequest) -> str:
    torch.manual_seed(0)
    return str(request.param)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="blind, seeing"):
        hiding.pair("loud")


def test_sides_that_8_does_not_divide_are_refused(method: str) -> None:
    hide, _ = hiding.pair(method)
    with pytest.raises(InputError, match="8 divides"):
        hide(torch.zeros(1, 3, 20, 24), torch.zeros(1, 3, 20, 24))
    with pytest.raises(InputError, match="one shape"):
        hide(torch.zeros(1, 3, 16, 24), torch.zeros(1, 3, 16, 16))


def test_the_residual_is_bounded_and_the_shapes_agree(method: str) -> None:
    hide, show = hiding.pair(method)
    cover, secret = torch.rand(2, 3, 40, 24), hiding.upsampled((torch.rand(2, 3, 5, 3) > 0.5).float())
    residual = hide(cover, secret)
    assert residual.shape == cover.shape == show(cover).shape
    assert float(residual.detach().abs().max()) <= 8 / 255


def test_only_the_blind_one_does_not_see_the_photograph(method: str) -> None:
    hide, _ = hiding.pair(method)
    hide.eval()
    secret = hiding.upsampled((torch.rand(1, 3, 2, 2) > 0.5).float())
    first, second = hide(torch.zeros(1, 3, 16, 16), secret), hide(torch.rand(1, 3, 16, 16), secret)
    assert torch.equal(first, second) == (method == "blind")


def test_what_is_hidden_has_8_bits_and_the_gradient_passes() -> None:
    picture = torch.rand(1, 3, 8, 8, requires_grad=True)
    levels = hiding.rounded(picture * 2 - 0.5) * 255
    assert float((levels - levels.round()).detach().abs().max()) < 1e-4
    assert float(levels.detach().min()) >= 0
    assert float(levels.detach().max()) <= 255
    torch.autograd.backward(levels.sum())
    inside = (picture.detach() * 2 - 0.5).clamp(0, 1) == picture.detach() * 2 - 0.5
    assert torch.equal(picture.grad != 0, inside)


def test_bits_become_squares() -> None:
    bits = torch.tensor([[[[0.0, 1.0]]]])
    squares = hiding.upsampled(bits)
    assert squares.shape == (1, 1, 8, 16)
    assert float(squares[..., :8].sum()) == 0
    assert float(squares[..., 8:].sum()) == 64


def test_a_few_steps_teach_it_to_show_what_it_hides(method: str) -> None:
    hide, show = hiding.pair(method)
    both = torch.nn.ModuleList([hide, show])
    optimiser = torch.optim.Adam(both.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(1)
    cover = torch.rand(4, 3, 32, 32, generator=generator)
    right = []
    for _ in range(60):
        bits = (torch.rand(4, 3, 4, 4, generator=generator) > 0.5).float()
        shown = show(hiding.rounded(0.4 + 0.2 * cover + hide(cover, hiding.upsampled(bits))))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(shown, hiding.upsampled(bits))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        read = torch.nn.functional.avg_pool2d(shown.detach(), 8) > 0
        right.append(float((read == (bits > 0.5)).double().mean()))
    assert sum(right[-5:]) / 5 > 0.55 > sum(right[:2]) / 2 - 0.1
